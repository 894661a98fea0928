//! A lead becomes an opportunity: `QualifyLead`.
//!
//! The action takes no `If-Match`. Where the lead has a stamp, it is written at the version that was read, in one change
//! set before the action, so that a lead which has moved on is not qualified. Without a stamp the version is read again
//! right before; what happens between that and the action is not seen.

use crosswalk_engine::{
    mapping::Companion,
    pass::Seen,
    value::{Fields, RecordKey, Reference, Value},
};
use http::HeaderValue;
use serde_json::{Map, Value as Json, json};

use super::{
    Dynamics,
    answer::{self, Attempt},
    batch::{self, Outcome, Part},
    canonical,
    rows::parts_of,
    write::{UNCLEAR, if_match, unknown},
};
use crate::{crm::Reading, fault::Fault, text::cut};

/// Fields of an opportunity that say who the customer is, the one that `QualifyLead` is told first.
const CUSTOMER: [&str; 3] = ["customerid", "parentaccountid", "parentcontactid"];

impl Dynamics {
    /// Qualifies a lead at this version: it becomes an opportunity, of the customer that the fields name, in their
    /// currency. Companions are found, or created, first, and an account or a contact is made only if the draft has
    /// none. Nothing else of `fields` is written.
    ///
    /// Answers with [`Seen::Written`] and the opportunity's key, [`Seen::Stale`] (also if the lead is closed already, or
    /// gone), [`Seen::Refused`] or [`Seen::Unknown`].
    ///
    /// # Errors
    /// A [`Fault`] means that the lead was not qualified; companions may have been created.
    pub async fn convert(
        &self,
        key: &RecordKey,
        to: &str,
        fields: &Fields,
        companions: &[Companion],
        version: &str,
    ) -> Result<Seen, Fault> {
        let key = canonical(key)?;
        if (key.entity.as_str(), to) != ("lead", "opportunity") {
            return Err(Fault::reject(format!(
                "Dataverse turns leads into opportunities, not `{}` `{}` into one of `{to}`; nothing was sent",
                key.entity, key.id
            )));
        }
        let if_match = match if_match(&key, version) {
            Ok(if_match) => if_match,
            Err(refusal) => return Ok(Seen::Refused(refusal)),
        };
        let fields = match self.with_companions(to, fields, companions).await? {
            Ok(fields) => fields,
            Err(refusal) => return Ok(Seen::Refused(refusal)),
        };
        let body = self.qualification(&fields, companions);
        let Some(guard) = self.guard(&key, if_match, version).await? else { return Ok(Seen::Stale) };
        self.qualify(&key, body, guard).await
    }

    /// What `QualifyLead` is told.
    fn qualification(&self, fields: &Fields, companions: &[Companion]) -> Json {
        let existing = |name: &str| match fields.get(name) {
            Some(Value::Reference(Reference::Existing(key))) => Some(key),
            _ => None,
        };
        let has = |entity: &str| {
            companions.iter().any(|companion| companion.entity == entity)
                || CUSTOMER.iter().filter_map(|name| existing(name)).any(|key| key.entity == entity)
        };
        let reference = |key: &RecordKey| {
            let mut body = Map::new();
            body.insert("@odata.type".to_owned(), json!(format!("Microsoft.Dynamics.CRM.{}", key.entity)));
            body.insert(format!("{}id", key.entity), json!(key.id));
            Json::Object(body)
        };
        let mut body = json!({
            "CreateAccount": !has("account"),
            "CreateContact": !has("contact"),
            "CreateOpportunity": true,
            "Status": self.qualified_status,
        });
        if let Some(customer) = CUSTOMER.iter().find_map(|name| existing(name)) {
            body["OpportunityCustomerId"] = reference(customer);
        }
        if let Some(currency) = existing("transactioncurrencyid") {
            body["OpportunityCurrencyId"] = reference(currency);
        }
        body
    }

    /// What goes before the action and holds only at the version read: the stamp, or nothing where the lead has none,
    /// once it is seen at that version. `None` if the lead has moved on.
    async fn guard(
        &self,
        key: &RecordKey,
        if_match: HeaderValue,
        version: &str,
    ) -> Result<Option<Vec<Part>>, Fault> {
        let Some(stamp) = self.linked(&key.entity)?.stamp.clone() else {
            let now = self.read(key).await?;
            let same = matches!(&now, Reading::Found(now) if parts_of(&now.version) == parts_of(version));
            return Ok(same.then(Vec::new));
        };
        let path = self.path_of(key).await?;
        let body = json!({ stamp: format!("qualified {}", uuid::Uuid::new_v4()) }).to_string();
        let condition = Some(("If-Match", if_match));
        Ok(Some(vec![Part { method: "PATCH", path, condition, body: Some(body) }]))
    }

    async fn qualify(&self, key: &RecordKey, body: Json, guard: Vec<Part>) -> Result<Seen, Fault> {
        let path = format!("{}/Microsoft.Dynamics.CRM.QualifyLead", self.path_of(key).await?);
        let mut parts = guard;
        parts.push(Part { method: "POST", path, condition: None, body: Some(body.to_string()) });
        let response = match self.send(&parts).await {
            Ok(response) => response,
            Err(failure) => return unknown(failure),
        };
        match batch::outcome(&response, parts.len()) {
            Outcome::Done => {}
            Outcome::Unclear => return Ok(Seen::Unknown(UNCLEAR.to_owned())),
            Outcome::Failed(error) if error.is(answer::LEAD_ALREADY_CLOSED) => return Ok(Seen::Stale),
            Outcome::Failed(error) => {
                let attempt = Attempt { ids: &[&key.id], names: &[] };
                return answer::refused_write(&error, &attempt);
            }
        }
        Ok(match self.opportunity_of(&key.id).await {
            Ok(Some((opportunity, etag))) => {
                let version = self.version_without_rows(&opportunity.entity, &etag);
                Seen::Written { version, key: Some(opportunity) }
            }
            Ok(None) => {
                Seen::Unknown(format!("lead `{}` was qualified, but no opportunity came of it (yet)", key.id))
            }
            Err(fault) => Seen::Unknown(cut(&format!(
                "lead `{}` was qualified, but its opportunity could not be read: {}",
                key.id,
                fault.reason()
            ))),
        })
    }

    /// A record's address from the host's root.
    async fn path_of(&self, key: &RecordKey) -> Result<String, Fault> {
        let set = self.entity_set(&key.entity).await?;
        Ok(format!("{}{}({})", self.base.path(), set.name, key.id))
    }
}
