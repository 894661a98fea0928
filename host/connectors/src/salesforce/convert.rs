//! A lead becomes an opportunity: `convertLead`, which only SOAP has.
//!
//! The call has no condition, so the lead's version is looked at right before. What happens between the two is not seen,
//! but is not lost either: a conversion overwrites nothing of the lead, and takes along what the lead then holds.

use crosswalk_engine::{
    mapping::Companion,
    pass::{Seen, SystemRefusal},
    value::{Fields, RecordKey, Reference, Value},
};
use serde_json::Value as Json;

use super::{
    Salesforce,
    answer::{self, Attempt},
    canonical, id,
    query::Query,
    read::Looked,
    soap, version,
};
use crate::{
    fault::Fault,
    session::{ApiError, Failure},
    text::cut,
    transport::Response,
};

/// What duplicate rules are told.
const SAVE_DESPITE_ALERTS: &str =
    "<p:DuplicateRuleHeader><p:allowSave>true</p:allowSave></p:DuplicateRuleHeader>";

impl Salesforce {
    /// Converts a lead at this version, for the account and contact that the fields name (`AccountId`, `ContactId`) and
    /// under their `Name`. Companions are found, or created, first. Nothing else of `fields` is written.
    pub(super) async fn convert_lead(
        &self,
        key: &RecordKey,
        to: &str,
        fields: &Fields,
        companions: &[Companion],
        version: &str,
    ) -> Result<Seen, Fault> {
        let key = canonical(key)?;
        if (key.entity.as_str(), to) != ("Lead", "Opportunity") {
            return Err(Fault::reject(format!(
                "Salesforce turns leads into opportunities, not `{}` `{}` into one of `{to}`; nothing was sent",
                key.entity, key.id
            )));
        }
        let Some(stamp) = version::stamp(version) else {
            let reason = format!("lead `{}` was not converted: its version is not known", key.id);
            return Ok(Seen::Refused(SystemRefusal { fields: Vec::new(), reason }));
        };
        let fields = match self.with_companions(self.primary(to)?, fields, companions).await? {
            Ok(fields) => fields,
            Err(refusal) => return Ok(Seen::Refused(refusal)),
        };
        let status = self.converted_status().await?;
        if self.known(&key, version, stamp).await?.is_none() {
            return Ok(Seen::Stale);
        }
        let call = soap::Call {
            path: format!("/services/Soap/u/{}", self.shared.config.api_version),
            namespace: "urn:partner.soap.sforce.com",
            headers: if self.shared.config.save_despite_duplicate_alerts { SAVE_DESPITE_ALERTS } else { "" },
            body: format!("<p:convertLead>{}</p:convertLead>", conversion(&key.id, &fields, &status)),
        };
        match self.soap(&call).await {
            Ok(response) => self.converted(&key, &response).await,
            Err(Failure::Unknown(reason)) => Ok(Seen::Unknown(reason)),
            Err(Failure::Fault(fault)) => Err(fault),
        }
    }

    /// The status of converted leads, as configured or the organisation's first.
    async fn converted_status(&self) -> Result<String, Fault> {
        if let Some(status) = &self.shared.config.converted_status {
            return Ok(status.clone());
        }
        let soql = "SELECT MasterLabel FROM LeadStatus WHERE IsConverted = true ORDER BY SortOrder LIMIT 1";
        let rows = self.query(Query::new(soql.to_owned())).await?;
        let status = rows.first().and_then(|row| row.get("MasterLabel")).and_then(Json::as_str);
        status.map(str::to_owned).ok_or_else(|| {
            Fault::reject(
                "the organisation has no status for converted leads; add one (Setup, Object Manager, Lead, Fields & \
                 Relationships, Lead Status); nothing was written",
            )
        })
    }

    async fn converted(&self, lead: &RecordKey, response: &Response) -> Result<Seen, Fault> {
        let xml = String::from_utf8_lossy(&response.body);
        let attempt = Attempt {
            creates: None,
            fields: &["AccountId", "ContactId", "Name"],
            list: None,
            limit_pause: self.limit_pause(),
        };
        if let Some(fault) = soap::fault(response.status, &xml) {
            return answer::refused_write(&fault, &attempt);
        }
        let Some(result) = soap::inside(&xml, "result").filter(|_| response.status.is_success()) else {
            return answer::refused_write(&ApiError::of(response), &attempt);
        };
        if soap::text(result, "success").as_deref() != Some("true") {
            return answer::refused_write(&soap::row_error(result), &attempt);
        }
        let Some(made) = soap::text(result, "opportunityId").and_then(|made| id::canonical(&made)) else {
            let reason = format!("lead `{}` was converted, but no opportunity was made", lead.id);
            return Ok(Seen::Unknown(reason));
        };
        let key = RecordKey { entity: "Opportunity".to_owned(), id: made };
        // The conversion wrote it, not we, so its version is what it has, and not what was sent.
        let reason = match self.look(&key).await {
            Ok(Looked::Here(look)) => {
                return Ok(Seen::Written { version: self.remembered(look).version, key: Some(key) });
            }
            Ok(_) => "it is not there".to_owned(),
            Err(fault) => fault.reason().to_owned(),
        };
        let read =
            format!("lead `{}` was converted, but its opportunity could not be read: {reason}", lead.id);
        Ok(Seen::Unknown(cut(&read)))
    }
}

/// What is to be converted, in the order of the partner WSDL.
fn conversion(lead: &str, fields: &Fields, status: &str) -> String {
    let existing = |name: &str| match fields.get(name) {
        Some(Value::Reference(Reference::Existing(key))) => id::canonical(&key.id),
        _ => None,
    };
    let element = |name: &str, value: &str| format!("<p:{name}>{}</p:{name}>", soap::escaped(value));
    let account = existing("AccountId");
    // docs: a contact is taken only together with its account.
    let contact = existing("ContactId").filter(|_| account.is_some());
    let name = match fields.get("Name") {
        Some(Value::Text(name)) => Some(name.clone()),
        _ => None,
    };
    let elements = [
        account.map(|id| element("accountId", &id)),
        contact.map(|id| element("contactId", &id)),
        Some(element("convertedStatus", status)),
        Some(element("doNotCreateOpportunity", "false")),
        Some(element("leadId", lead)),
        name.map(|name| element("opportunityName", &name)),
        Some(element("overwriteLeadSource", "false")),
        Some(element("sendNotificationEmail", "false")),
    ];
    let elements: String = elements.into_iter().flatten().collect();
    format!("<p:leadConverts>{elements}</p:leadConverts>")
}
