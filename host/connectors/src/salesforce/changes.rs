//! What changed: `getUpdated` and `getDeleted`, for an object and for the child rows of its lists.
//!
//! Both are asked for a window of time and tell up to when they have seen everything, transactions that are still under
//! way included (`latestDateCovered`): the next window begins there, less an overlap. Seconds count for nothing in either
//! end. The lists hold ids only, so the records are then read for their versions; a record that our own write left is
//! known by its version, and needs no look.
//!
//! A cursor is the time at which the next window begins.

use std::{collections::BTreeSet, time::Duration};

use crosswalk_engine::value::RecordKey;
use jiff::Timestamp;
use serde_json::Value as Json;

use super::{
    Salesforce, id, json,
    query::Query,
    read::IDS_MAX,
    shape::{List, Shape},
    soql,
    value::instant,
};
use crate::{
    crm::{Changed, Changes, From},
    fault::Fault,
    session::ApiError,
    text::encoded,
};

const MINUTE: Duration = Duration::from_secs(60);
/// The window begins before what Salesforce still remembers, or ends before it begins.
const DATE_REFUSED: &str = "INVALID_REPLICATION_DATE";
/// More ids than one answer holds.
const TOO_MANY: &str = "EXCEEDED_ID_LIMIT";

/// What changed in a window.
#[derive(Default)]
struct Window {
    updated: BTreeSet<String>,
    deleted: BTreeSet<String>,
    /// Up to when all is in here.
    covered: Option<Timestamp>,
}

/// Why a window cannot be told.
enum Untold {
    Lapsed,
    TooMany,
    Fault(Fault),
}

impl std::convert::From<Fault> for Untold {
    fn from(fault: Fault) -> Self {
        Untold::Fault(fault)
    }
}

impl Salesforce {
    pub(super) async fn changed(&self, entity: &str, from: &From) -> Result<Changes, Fault> {
        let config = &self.shared.config;
        let now = self.server_time().await?;
        let start = match from {
            From::Time(time) => before((*time).min(now), config.changes_overlap_ms),
            From::Cursor(cursor) => cursor.parse::<Timestamp>().map_err(|error| {
                Fault::reject(format!("`{cursor}` is not where the changes of `{entity}` can go on: {error}"))
            })?,
        };
        let start = minute(start);
        if start < before(now, config.changes_back_max_ms) {
            return Ok(Changes::Lapsed);
        }
        let mut end = minute(now).min(after(start, config.changes_window_ms));
        loop {
            if end <= start {
                // Not a minute has passed.
                return Ok(Changes::Page { rows: Vec::new(), next: start.to_string(), more: false });
            }
            let length = Duration::try_from(end.duration_since(start)).unwrap_or(MINUTE);
            match self.window(entity, start, end).await {
                Ok(window) if window.updated.len() > config.changes_rows_max && length > MINUTE => {}
                Ok(window) => return self.page(entity, window, start, end, now).await,
                Err(Untold::TooMany) if length > MINUTE => {}
                // So many in one minute are told by a comparison just as well.
                Err(Untold::Lapsed | Untold::TooMany) => return Ok(Changes::Lapsed),
                Err(Untold::Fault(fault)) => return Err(fault),
            }
            end = minute(start.checked_add(length / 2).unwrap_or(start))
                .max(start.checked_add(MINUTE).unwrap_or(end));
        }
    }

    /// The records of a window, with their versions.
    async fn page(
        &self,
        entity: &str,
        window: Window,
        start: Timestamp,
        end: Timestamp,
        now: Timestamp,
    ) -> Result<Changes, Fault> {
        let key = |id: String| RecordKey { entity: entity.to_owned(), id };
        let shape = Shape::of(self.primary(entity)?);
        let ids: Vec<&str> = window.updated.iter().map(String::as_str).collect();
        let queries: Vec<Query> = ids
            .chunks(IDS_MAX)
            .map(|ids| {
                Query::new(format!("{} WHERE {}", shape.select(), soql::one_of("Id", ids.iter().copied())))
            })
            .collect();
        let found: Vec<Json> = self.queries(&queries).await?.of.into_iter().flatten().collect();
        let mut rows: Vec<Changed> = Vec::new();
        let mut gone: BTreeSet<String> = window.updated.union(&window.deleted).cloned().collect();
        for listed in self.with_versions(&shape, &found).await? {
            gone.remove(&listed.key.id);
            rows.push(Changed { key: listed.key, version: Some(listed.version), deleted: false });
        }
        rows.extend(gone.into_iter().map(|id| {
            // One that is neither there nor told as deleted was deleted just now; a look says so.
            Changed { deleted: window.deleted.contains(&id), key: key(id), version: None }
        }));
        let covered = window.covered.unwrap_or(start).clamp(start, end);
        let is_last = end >= minute(now);
        let next =
            if is_last { before(covered, self.shared.config.changes_overlap_ms).max(start) } else { covered };
        // A page that ends where it began would be asked for without end.
        Ok(Changes::Page { rows, next: next.to_string(), more: !is_last && covered > start })
    }

    async fn window(&self, entity: &str, start: Timestamp, end: Timestamp) -> Result<Window, Untold> {
        let mut window = self.told(entity, start, end).await?;
        let shape = Shape::of(self.primary(entity)?);
        for list in &shape.lists {
            let rows = self.told(&list.rows.entity, start, end).await?;
            window.covered = window.covered.min(rows.covered);
            let ids: Vec<&str> = rows.updated.union(&rows.deleted).map(String::as_str).collect();
            window.updated.extend(self.parents(list, &ids).await?);
        }
        Ok(window)
    }

    /// The records that these rows, deleted ones included, belong to.
    async fn parents(&self, list: &List<'_>, rows: &[&str]) -> Result<Vec<String>, Fault> {
        let parent = &list.rows.parent;
        let queries: Vec<Query> = rows
            .chunks(IDS_MAX)
            .map(|ids| {
                let ids = soql::one_of("Id", ids.iter().copied());
                Query::with_deleted(format!("SELECT Id,{parent} FROM {} WHERE {ids}", list.rows.entity))
            })
            .collect();
        let found = self.queries(&queries).await?.of;
        let parents = found.iter().flatten().filter_map(|row| id::canonical(row.get(parent)?.as_str()?));
        Ok(parents.collect())
    }

    /// What one object's two lists tell.
    async fn told(&self, object: &str, start: Timestamp, end: Timestamp) -> Result<Window, Untold> {
        let updated = self.told_by(object, "updated", start, end).await?;
        let deleted = self.told_by(object, "deleted", start, end).await?;
        let time = |body: &Json, name: &str| body.get(name).and_then(Json::as_str).and_then(instant);
        // Before that, deletions are forgotten.
        if time(&deleted, "earliestDateAvailable").is_some_and(|earliest| earliest > start) {
            return Err(Untold::Lapsed);
        }
        let listed =
            |body: &Json, name: &str| body.get(name).and_then(Json::as_array).cloned().unwrap_or_default();
        let ids = listed(&updated, "ids");
        let records = listed(&deleted, "deletedRecords");
        let records = records.iter().filter_map(|record| id::canonical(record.get("id")?.as_str()?));
        Ok(Window {
            updated: ids.iter().filter_map(|id| id::canonical(id.as_str()?)).collect(),
            deleted: records.collect(),
            covered: time(&updated, "latestDateCovered").min(time(&deleted, "latestDateCovered")),
        })
    }

    async fn told_by(
        &self,
        object: &str,
        which: &str,
        start: Timestamp,
        end: Timestamp,
    ) -> Result<Json, Untold> {
        let time = |at: Timestamp| encoded(&at.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string(), "-:");
        let path = format!("sobjects/{object}/{which}/?start={}&end={}", time(start), time(end));
        let response = self.ask(self.get(&self.path(&path))?).await?;
        if response.status.is_success() {
            return Ok(json(&response)?);
        }
        let error = ApiError::of(&response);
        Err(if error.is(DATE_REFUSED) {
            Untold::Lapsed
        } else if error.is(TOO_MANY) {
            Untold::TooMany
        } else {
            Untold::Fault(self.fault(&error, &format!("the {which} records of `{object}`")))
        })
    }

    /// The server's time: our own clock may be another one.
    async fn server_time(&self) -> Result<Timestamp, Fault> {
        if let Some(now) = self.shared.clock.now() {
            return Ok(now);
        }
        // The list of versions, which is free.
        self.ask(self.get("/services/data")?).await?;
        self.shared.clock.now().ok_or_else(|| Fault::retry("Salesforce's answers have no `Date`"))
    }
}

/// The beginning of a minute.
fn minute(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second().div_euclid(60) * 60).unwrap_or(at)
}

fn before(at: Timestamp, ms: u64) -> Timestamp {
    at.checked_sub(Duration::from_millis(ms)).unwrap_or(Timestamp::MIN)
}

fn after(at: Timestamp, ms: u64) -> Timestamp {
    at.checked_add(Duration::from_millis(ms)).unwrap_or(Timestamp::MAX)
}
