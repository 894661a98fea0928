//! Which records changed lately, for what no webhook announced.

use crosswalk_engine::value::RecordKey;
use jiff::Timestamp;
use serde_json::Value as Json;

use super::{Dynamics, guid};
use crate::fault::Fault;

/// Rows of one request; Dataverse gives no more on a page. docs: query data.
const PAGE_ROWS: usize = 5_000;

/// Requests of one look. What lies beyond waits for the next look, which goes on from there.
const PAGES_MAX: usize = 20;

/// Records that changed, with their versions, and how far the look went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// The records, least recently changed first. One that changed between two pages may be there twice.
    pub records: Vec<(RecordKey, String)>,
    /// Everything up to this moment was listed, if the look ended early; `None` if it came to the end.
    pub until: Option<Timestamp>,
}

impl Dynamics {
    /// Lists records of a linked entity with `modifiedon` at or after `since`.
    ///
    /// Deletes are not among them, and a row may become visible after its stamp: look again with an overlap.
    ///
    /// # Errors
    /// Any [`Fault`].
    pub async fn changed_since(&self, entity: &str, since: Timestamp) -> Result<Changes, Fault> {
        let set = self.entity_set(entity).await?;
        let mut changes = Changes::default();
        let mut from = since;
        for _ in 0..PAGES_MAX {
            let options = [
                ("$select", format!("{},modifiedon", set.id_column)),
                ("$filter", format!("modifiedon ge {}", from.strftime("%Y-%m-%dT%H:%M:%SZ"))),
                ("$orderby", format!("modifiedon asc,{} asc", set.id_column)),
                ("$top", PAGE_ROWS.to_string()),
            ];
            let rows = self.rows(&set, &options).await?;
            let last = rows.last().map(modified).transpose()?;
            for row in &rows {
                let id = row.get(&set.id_column).and_then(Json::as_str).and_then(guid).ok_or_else(|| {
                    Fault::reject(format!(
                        "Dataverse listed a record of `{entity}` without `{}`",
                        set.id_column
                    ))
                })?;
                let version = row.get("@odata.etag").and_then(Json::as_str).unwrap_or_default().to_owned();
                changes.records.push((RecordKey { entity: entity.to_owned(), id }, version));
            }
            match last {
                // A whole page of one second cannot be passed by asking from that second on.
                Some(last) if rows.len() == PAGE_ROWS => {
                    from = if last > from { last } else { next_second(last) }
                }
                _ => return Ok(changes),
            }
        }
        changes.until = Some(from);
        Ok(changes)
    }
}

fn modified(row: &Json) -> Result<Timestamp, Fault> {
    row.get("modifiedon")
        .and_then(Json::as_str)
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| Fault::reject("Dataverse listed a record without a readable `modifiedon`"))
}

fn next_second(moment: Timestamp) -> Timestamp {
    moment.checked_add(std::time::Duration::from_secs(1)).unwrap_or(moment)
}
