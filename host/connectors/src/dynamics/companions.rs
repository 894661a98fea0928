//! Companions: records to find, or to create, before the primary record is written.
//!
//! A companion is created under an id that is derived from what it is found by. So a creation that is repeated, or
//! made for two referrals of one customer at the same moment, ends in one record.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_lc_rs::digest;
use bytes::Bytes;
use crosswalk_engine::{
    mapping::Companion,
    pass::Seen,
    value::{Fields, RecordKey, Value},
};
use http::Method;

use super::{
    Dynamics,
    answer::{self, Attempt},
};
use crate::{
    companions::{FindOne, Stopped, existing},
    fault::Fault,
    session::{ApiError, Failure},
};

#[async_trait]
impl FindOne for Dynamics {
    async fn find_one(
        &self,
        companion: &Companion,
        matching: Fields,
        fields: Fields,
        create: bool,
    ) -> Result<Option<RecordKey>, Stopped> {
        let found = self.find(&companion.entity, &matching, &[], 1).await?;
        if let Some(found) = found.into_iter().next() {
            return Ok(Some(found.value.key));
        }
        if !create {
            return Ok(None);
        }
        self.create_companion(companion, &matching, &fields).await.map(Some)
    }
}

impl Dynamics {
    /// Which of these companions exist, by alias. Creates none. One that refers to a companion that does not exist
    /// does not exist either.
    ///
    /// # Errors
    /// Any [`Fault`]; [`Fault::Reject`] where a companion cannot be searched for.
    pub async fn find_companions(
        &self,
        companions: &[Companion],
    ) -> Result<BTreeMap<String, RecordKey>, Fault> {
        existing(self, companions).await
    }

    async fn create_companion(
        &self,
        companion: &Companion,
        matching: &Fields,
        fields: &Fields,
    ) -> Result<RecordKey, Stopped> {
        let refused = |reason: String| Stopped::Refused { alias: companion.alias.clone(), reason };
        let set = self.entity_set(&companion.entity).await?;
        let mut all = fields.clone();
        all.extend(matching.clone());
        all.retain(|_, value| *value != Value::Empty);
        let mut body = match self.body(&companion.entity, &all).await? {
            Ok(body) => body,
            Err(refusal) => return Err(refused(refusal.reason)),
        };
        let id = derived_id(&companion.entity, matching);
        body.json.insert(set.id_column.clone(), id.clone().into());
        let key = RecordKey { entity: companion.entity.clone(), id };
        let mut request = self.request(Method::POST, self.at(&set.name, &[])?);
        request.body = Bytes::from(serde_json::Value::Object(body.json).to_string());
        let response = match self.session.write(request).await {
            Ok(response) => response,
            Err(Failure::Fault(fault)) => return Err(fault.into()),
            // It may be there now; looking again finds it, and its id keeps it single.
            Err(Failure::Unknown(reason)) => return Err(Fault::retry(reason).into()),
        };
        if response.status.is_success() {
            tracing::info!(entity = companion.entity, id = key.id, "a companion was created");
            return Ok(key);
        }
        let error = ApiError::of(&response);
        if error.is(answer::DUPLICATE_RECORD) {
            // Created before, by us, for the same values; somebody has edited it since.
            return Ok(key);
        }
        match answer::refused_write(&error, &Attempt { ids: &[], names: &body.names })? {
            Seen::Refused(refusal) => Err(refused(refusal.reason)),
            // Another record took the place while we looked; the next pass finds it.
            _ => {
                Err(Fault::retry(format!("`{}` changed while it was created: {error}", companion.entity))
                    .into())
            }
        }
    }
}

/// The same id for the same entity and the same values to be found by, as a UUID of version 8.
fn derived_id(entity: &str, matching: &Fields) -> String {
    // A map in order, in a form that is fixed by the engine: the same text in every process.
    let text = serde_json::json!(["crosswalk companion", entity, matching]).to_string();
    let digest = digest::digest(&digest::SHA256, text.as_bytes());
    let mut bytes = [0; 16];
    for (byte, from) in bytes.iter_mut().zip(digest.as_ref()) {
        *byte = *from;
    }
    uuid::Builder::from_custom_bytes(bytes).into_uuid().to_string()
}
