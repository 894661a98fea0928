//! Companions: an account, a contact, found by what the draft says or created.
//!
//! Salesforce takes no id that we choose, so a creation cannot be made repeatable for any object. One creation at a time
//! is made from this process, after another look, so two passes for one customer end in one record; a creation whose
//! answer is lost is found by the next pass.

use async_trait::async_trait;
use crosswalk_engine::{
    mapping::Companion,
    pass::Seen,
    value::{Fields, RecordKey, Value},
};
use http::Method;
use serde_json::{Map, Value as Json};

use super::{
    Salesforce,
    answer::{self, Attempt},
    id, soql,
    value::encode,
};
use crate::{
    companions::{FindOne, Stopped},
    fault::Fault,
    session::{ApiError, Failure},
};

#[async_trait]
impl FindOne for Salesforce {
    async fn find_one(
        &self,
        companion: &Companion,
        matching: Fields,
        fields: Fields,
        create: bool,
    ) -> Result<Option<RecordKey>, Stopped> {
        if let Some(found) = self.oldest(&companion.entity, &matching).await? {
            return Ok(Some(found));
        }
        if !create {
            return Ok(None);
        }
        let _one_at_a_time = self.shared.creating.lock().await;
        if let Some(found) = self.oldest(&companion.entity, &matching).await? {
            return Ok(Some(found));
        }
        self.create_companion(companion, &matching, &fields).await.map(Some)
    }
}

impl Salesforce {
    async fn oldest(&self, entity: &str, matching: &Fields) -> Result<Option<RecordKey>, Fault> {
        let found = self.search(entity, matching, &[], 1).await?;
        Ok(found.into_iter().next().map(|found| found.value.key))
    }

    async fn create_companion(
        &self,
        companion: &Companion,
        matching: &Fields,
        fields: &Fields,
    ) -> Result<RecordKey, Stopped> {
        let refused = |reason: String| Stopped::Refused { alias: companion.alias.clone(), reason };
        let entity = &companion.entity;
        let mut all = fields.clone();
        all.extend(matching.clone());
        all.retain(|_, value| *value != Value::Empty);
        let mut body = Map::with_capacity(all.len());
        for (name, value) in &all {
            let legal = soql::is_name(entity) && soql::is_name(name);
            let Some(json) = encode(self.kind(entity, name), value).filter(|_| legal) else {
                return Err(refused(format!("`{entity}.{name}` cannot be written")));
            };
            body.insert(name.clone(), json);
        }
        let path = self.path(&format!("sobjects/{entity}"));
        let request = self.send(Method::POST, &path, &Json::Object(body))?;
        let response = match self.tell(request).await {
            Ok(response) => response,
            Err(Failure::Fault(fault)) => return Err(fault.into()),
            // It may be there now; looking again finds it.
            Err(Failure::Unknown(reason)) => return Err(Fault::retry(reason).into()),
        };
        if response.status.is_success() {
            let made: Option<Json> = serde_json::from_slice(&response.body).ok();
            let id = made.as_ref().and_then(|made| id::canonical(made.get("id")?.as_str()?));
            let id = id.ok_or_else(|| {
                Fault::retry(format!("Salesforce created a record of `{entity}` but did not say which"))
            })?;
            tracing::info!(entity, id, "a companion was created");
            return Ok(RecordKey { entity: entity.clone(), id });
        }
        let sent: Vec<&str> = all.keys().map(String::as_str).collect();
        let attempt = Attempt { creates: None, fields: &sent, list: None, limit_pause: self.limit_pause() };
        match answer::refused_write(&ApiError::of(&response), &attempt)? {
            Seen::Refused(refusal) => Err(refused(refusal.reason)),
            _ => Err(refused(format!("Salesforce answered {}", ApiError::of(&response)))),
        }
    }
}
