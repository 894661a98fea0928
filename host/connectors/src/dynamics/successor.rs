//! What a record lives on as: the master that it was merged into, the opportunity that a lead became.
//!
//! docs: a merged record stays, inactive, with `merged` and `masterid`; a qualified lead stays, closed, and its
//! opportunity says where it came from in `originatingleadid`. A merged record also keeps its alternate keys, so that its
//! master cannot have them until it gives them up.

use bytes::Bytes;
use crosswalk_engine::value::{Kind, RecordKey};
use http::{HeaderValue, Method, header};
use serde_json::{Value as Json, json};

use super::{Dynamics, guid, read::key_path};
use crate::{crm::Reading, fault::Fault};

/// The lead that an opportunity was made of.
const ORIGIN: &str = "_originatingleadid_value";

/// `statecode` of a lead that was qualified.
const LEAD_QUALIFIED: i64 = 1;

/// The columns that tell, where the entity has any.
pub(super) fn marks(entity: &str) -> Vec<(String, Kind)> {
    let reference = |to: &str| Kind::Reference(to.to_owned());
    let mut marks = match entity {
        "lead" | "account" | "contact" => {
            vec![("merged".to_owned(), Kind::Flag), ("masterid".to_owned(), reference(entity))]
        }
        _ => Vec::new(),
    };
    if entity == "lead" {
        marks.push(("statecode".to_owned(), Kind::Integer));
        marks.push(("qualifyingopportunityid".to_owned(), reference("opportunity")));
    }
    marks
}

impl Dynamics {
    /// The record that this one lives on as, if it does. A lead that was qualified without an opportunity is itself.
    pub(super) async fn successor(&self, key: &RecordKey, row: &Json) -> Result<Option<RecordKey>, Fault> {
        let id = |name: &str| row.get(name).and_then(Json::as_str).and_then(guid);
        let is_merged = row.get("merged").and_then(Json::as_bool).unwrap_or(false);
        if let Some(id) = id("_masterid_value").filter(|_| is_merged) {
            return Ok(Some(RecordKey { entity: key.entity.clone(), id }));
        }
        let is_qualified = row.get("statecode").and_then(Json::as_i64) == Some(LEAD_QUALIFIED);
        if key.entity != "lead" || !is_qualified {
            return Ok(None);
        }
        match id("_qualifyingopportunityid_value") {
            Some(id) => Ok(Some(RecordKey { entity: "opportunity".to_owned(), id })),
            None => Ok(self.opportunity_of(&key.id).await?.map(|(key, _)| key)),
        }
    }

    /// The lead that this opportunity was made of, where reading that lead would lead here.
    pub(super) async fn predecessor(&self, key: &RecordKey) -> Result<Option<RecordKey>, Fault> {
        if key.entity != "opportunity" {
            return Ok(None);
        }
        let set = self.entity_set(&key.entity).await?;
        let options =
            [("$select", ORIGIN.to_owned()), ("$filter", format!("{} eq {}", set.id_column, key.id))];
        let rows = self.rows(&set, &options).await?;
        let origin = rows.first().and_then(|row| row.get(ORIGIN)).and_then(Json::as_str);
        let Some(id) = origin.and_then(guid) else { return Ok(None) };
        // A person may name a lead that is still open, and of several opportunities of a lead only the first is its own.
        let lead = RecordKey { entity: "lead".to_owned(), id };
        let lives_on = matches!(self.read(&lead).await?, Reading::Succeeded(as_) if as_ == *key);
        Ok(lives_on.then_some(lead))
    }

    /// Empties the key column of the record that holds this value, if it is one that was merged into `master`. Says whether
    /// the value is free now.
    pub(super) async fn gives_up_key(
        &self,
        master: &RecordKey,
        column: &str,
        value: &str,
    ) -> Result<bool, Fault> {
        let set = self.entity_set(&master.entity).await?;
        if !marks(&master.entity).iter().any(|(name, _)| name == "masterid") {
            return Ok(false);
        }
        let Some(path) = key_path(&set, column, value) else { return Ok(false) };
        let select = format!("{},merged,_masterid_value", set.id_column);
        let response =
            self.session.read(self.request(Method::GET, self.at(&path, &[("$select", select)])?)).await?;
        let Ok(holder) = serde_json::from_slice::<Json>(&response.body) else { return Ok(false) };
        let text = |name: &str| holder.get(name).and_then(Json::as_str);
        let is_merged = holder.get("merged").and_then(Json::as_bool).unwrap_or(false);
        let is_ours = text("_masterid_value").and_then(guid).is_some_and(|id| id == master.id);
        let id = text(&set.id_column).and_then(guid);
        let etag = text("@odata.etag").and_then(|etag| HeaderValue::from_str(etag).ok());
        let (true, Some(id), Some(etag)) = (is_merged && is_ours, id, etag) else { return Ok(false) };
        let mut request = self.request(Method::PATCH, self.at(&format!("{}({id})", set.name), &[])?);
        request.headers.insert(header::IF_MATCH, etag);
        request.body = Bytes::from(json!({ column: null }).to_string());
        // Whatever became of it: the write that is made again says whether the value is free.
        Ok(self.session.write(request).await.is_ok_and(|response| response.status.is_success()))
    }

    /// The first opportunity that a lead became, with its version.
    pub(super) async fn opportunity_of(&self, lead: &str) -> Result<Option<(RecordKey, String)>, Fault> {
        let set = self.entity_set("opportunity").await?;
        let options = [
            ("$select", set.id_column.clone()),
            ("$filter", format!("{ORIGIN} eq {lead}")),
            ("$orderby", format!("createdon asc,{} asc", set.id_column)),
            ("$top", "1".to_owned()),
        ];
        let rows = self.rows(&set, &options).await?;
        Ok(rows.first().and_then(|row| {
            let text = |name: &str| row.get(name).and_then(Json::as_str);
            let id = text(&set.id_column).and_then(guid)?;
            let key = RecordKey { entity: "opportunity".to_owned(), id };
            Some((key, text("@odata.etag").unwrap_or_default().to_owned()))
        }))
    }
}
