//! A listing of all records, by id: the sweep's and the backfill's question.
//!
//! A record is listed at its whole version: a child row that a seller adds or deletes leaves the record's own eTag as it
//! is, and with the feeds lapsed nobody else would tell of it. A page's rows come with one further question for each list.

use std::collections::HashMap;

use crosswalk_engine::value::{Fields, RecordKey};
use serde_json::Value as Json;

use super::{
    Dynamics, guid,
    read::without_id,
    rows::{self, List, Row},
};
use crate::{crm::Listed, fault::Fault};

/// Rows of one answer. docs: an answer has at most 5,000.
const ROWS_MAX: usize = 5000;

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
        let found = self.rows(&set, &options).await?;
        let mut listed = Vec::with_capacity(found.len());
        for row in &found {
            let text = |name: &str| row.get(name).and_then(Json::as_str);
            let id = text(&set.id_column).and_then(guid).ok_or_else(|| without_id(entity, &set))?;
            let referral = referral_key.and_then(text).filter(|id| !id.is_empty()).map(str::to_owned);
            let version = text("@odata.etag").unwrap_or_default().to_owned();
            listed.push(Listed { key: RecordKey { entity: entity.to_owned(), id }, version, referral });
        }
        self.with_rows(entity, &mut listed).await?;
        Ok(listed)
    }

    /// Adds the print of the child rows to the version of each record, where the entity has lists.
    async fn with_rows(&self, entity: &str, listed: &mut [Listed]) -> Result<(), Fault> {
        let (Some(first), Some(last)) = (listed.first(), listed.last()) else { return Ok(()) };
        let range = (first.key.id.clone(), last.key.id.clone());
        let mut lists = Vec::new();
        for list in self.lists(self.linked(entity)?).await? {
            lists.push(self.rows_between(&list, &range).await?);
        }
        for record in listed.iter_mut().filter(|_| !lists.is_empty()) {
            let of = |rows: &HashMap<String, Vec<Row>>| rows.get(&record.key.id).cloned().unwrap_or_default();
            let own: Vec<Vec<Row>> = lists.iter().map(of).collect();
            let print = rows::print(own.iter().map(Vec::as_slice));
            record.version = rows::whole_version(&record.version, Some(&print));
        }
        Ok(())
    }

    /// The rows of records whose ids lie between two, these two included, by record.
    async fn rows_between(
        &self,
        list: &List<'_>,
        (first, last): &(String, String),
    ) -> Result<HashMap<String, Vec<Row>>, Fault> {
        let parent = format!("_{}_value", list.rows.parent);
        let mut found: HashMap<String, Vec<Row>> = HashMap::new();
        let mut after = None::<String>;
        loop {
            let mut filter = format!("{parent} ge {first} and {parent} le {last}");
            if let Some(after) = &after {
                filter = format!("{filter} and {} gt {after}", list.id_column());
            }
            let options = [
                ("$select", format!("{},{parent},createdon", list.rows.column)),
                ("$filter", filter),
                ("$orderby", format!("{} asc", list.id_column())),
                ("$top", ROWS_MAX.to_string()),
            ];
            let page = self.rows(list.set(), &options).await?;
            for row in &page {
                let record = row.get(&parent).and_then(Json::as_str).and_then(guid);
                if let (Some(record), Some(row)) = (record, list.row(row)) {
                    found.entry(record).or_default().push(row);
                }
            }
            after = page.last().and_then(|row| row.get(list.id_column())?.as_str()).and_then(guid);
            if page.len() < ROWS_MAX || after.is_none() {
                return Ok(found);
            }
        }
    }
}
