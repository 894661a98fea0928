//! Companions: records to find, or to create, before the primary record is written.
//!
//! A companion is created under an id that is derived from what it is found by. So a creation that is repeated, or
//! made for two referrals of one customer at the same moment, ends in one record.

use std::collections::BTreeMap;

use aws_lc_rs::digest;
use bytes::Bytes;
use crosswalk_engine::{
    mapping::Companion,
    pass::{Seen, SystemRefusal},
    value::{Fields, RecordKey, Reference, Value},
};
use http::Method;

use super::{
    Dynamics,
    answer::{self, Attempt},
};
use crate::{
    fault::Fault,
    session::{ApiError, Failure},
    text::cut,
};

/// Why a draft's companions are not all there.
pub(super) enum Stopped {
    /// Later, or never; nothing of the primary record was written.
    Fault(Fault),
    /// This companion cannot be had.
    Refused { alias: String, reason: String },
}

impl From<Fault> for Stopped {
    fn from(fault: Fault) -> Self {
        Stopped::Fault(fault)
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
        match self.companions(companions, false).await {
            Ok(found) => Ok(found),
            Err(Stopped::Fault(fault)) => Err(fault),
            Err(Stopped::Refused { alias, reason }) => {
                Err(Fault::reject(format!("companion `{alias}`: {reason}")))
            }
        }
    }

    /// Finds companions, and creates those that are missing if told to, in an order in which each comes after those
    /// that it refers to.
    pub(super) async fn companions(
        &self,
        companions: &[Companion],
        create: bool,
    ) -> Result<BTreeMap<String, RecordKey>, Stopped> {
        let mut found = BTreeMap::new();
        let mut waiting: Vec<&Companion> = companions.iter().collect();
        loop {
            let before = waiting.len();
            let mut still_waiting = Vec::new();
            for companion in waiting {
                let matching = substituted(&companion.matching, &found);
                // Only what it is found by is needed to look; all of it is, to create.
                let fields = substituted(&companion.fields, &found);
                let (Ok(matching), true) = (matching, fields.is_ok() || !create) else {
                    still_waiting.push(companion);
                    continue;
                };
                let fields = fields.unwrap_or_default();
                if let Some(key) = self.companion(companion, matching, fields, create).await? {
                    found.insert(companion.alias.clone(), key);
                }
            }
            if still_waiting.is_empty() || (!create && still_waiting.len() == before) {
                return Ok(found);
            }
            if still_waiting.len() == before {
                let alias =
                    still_waiting.first().map(|companion| companion.alias.clone()).unwrap_or_default();
                let reason = "it refers to a companion that the draft does not have, or to itself".to_owned();
                return Err(Stopped::Refused { alias, reason });
            }
            waiting = still_waiting;
        }
    }

    async fn companion(
        &self,
        companion: &Companion,
        matching: Fields,
        fields: Fields,
        create: bool,
    ) -> Result<Option<RecordKey>, Stopped> {
        let refused = |reason: String| Stopped::Refused { alias: companion.alias.clone(), reason };
        if matching.values().all(Value::is_empty) {
            // It would be found in every record of its entity.
            return Err(refused("it has nothing to be found by".to_owned()));
        }
        let found = self.find(&companion.entity, &matching, &[], 1).await?;
        if let Some(found) = found.into_iter().next() {
            return Ok(Some(found.value.key));
        }
        if !create {
            return Ok(None);
        }
        self.create_companion(companion, &matching, &fields).await.map(Some)
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

/// The refusal of a write whose companion cannot be had: it names the fields that refer to it.
pub(super) fn refusal(fields: &Fields, alias: &str, reason: &str) -> SystemRefusal {
    let refers = |value: &Value| matches!(value, Value::Reference(Reference::Companion(to)) if to == alias);
    let fields = fields.iter().filter(|(_, value)| refers(value)).map(|(name, _)| name.clone()).collect();
    SystemRefusal { fields, reason: cut(&format!("companion `{alias}`: {reason}")) }
}

/// The fields with each reference to a companion replaced by the companion's key; an error is an alias that is not
/// known (yet).
pub(super) fn substituted(fields: &Fields, found: &BTreeMap<String, RecordKey>) -> Result<Fields, String> {
    let replaced = fields.iter().map(|(name, value)| {
        let value = match value {
            Value::Reference(Reference::Companion(alias)) => match found.get(alias) {
                Some(key) => Value::Reference(Reference::Existing(key.clone())),
                None => return Err(alias.clone()),
            },
            other => other.clone(),
        };
        Ok((name.clone(), value))
    });
    replaced.collect()
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
