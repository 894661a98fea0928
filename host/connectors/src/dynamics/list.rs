//! A listing of all records, by id: the sweep's and the backfill's question.

use crosswalk_engine::value::{Fields, RecordKey};
use serde_json::Value as Json;

use super::{Dynamics, guid, read::without_id};
use crate::{crm::Listed, fault::Fault};

impl Dynamics {
    /// Records of a linked entity that hold these values, by id, those after `after`, at most `limit`. A record that is
    /// made or deleted meanwhile makes no other one be missed or told twice.
    ///
    /// # Errors
    /// Any [`Fault`].
    pub async fn list(
        &self,
        entity: &str,
        matching: &Fields,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Listed>, Fault> {
        let set = self.entity_set(entity).await?;
        let referral_key = self.linked(entity)?.referral_key.as_deref();
        let mut conditions: Vec<String> = self.filter(entity, &set, matching)?.into_iter().collect();
        if let Some(after) = after {
            let id = guid(after).ok_or_else(|| {
                Fault::reject(format!("`{after}` is not the id of a record to go on after; nothing was sent"))
            })?;
            conditions.push(format!("{} gt {id}", set.id_column));
        }
        let columns = std::iter::once(set.id_column.as_str()).chain(referral_key);
        let mut options = vec![("$select", columns.collect::<Vec<_>>().join(","))];
        if !conditions.is_empty() {
            options.push(("$filter", conditions.join(" and ")));
        }
        options.push(("$orderby", format!("{} asc", set.id_column)));
        options.push(("$top", limit.clamp(1, 5000).to_string()));
        let rows = self.rows(&set, &options).await?;
        let listed = rows.iter().map(|row| {
            let text = |name: &str| row.get(name).and_then(Json::as_str);
            let id = text(&set.id_column).and_then(guid).ok_or_else(|| without_id(entity, &set))?;
            let referral = referral_key.and_then(text).filter(|id| !id.is_empty()).map(str::to_owned);
            let version = text("@odata.etag").unwrap_or_default().to_owned();
            Ok(Listed { key: RecordKey { entity: entity.to_owned(), id }, version, referral })
        });
        listed.collect()
    }
}
