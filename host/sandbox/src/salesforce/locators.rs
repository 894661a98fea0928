//! Queries that have more pages: what was found is kept, and a locator names where the client has got to.

use super::{errors::Refusal, record_id::RecordId};
use serde_json::Value;
use std::collections::VecDeque;

/// Queries kept at the same time; the oldest is forgotten.
const LOCATORS_MAX: usize = 200;

/// One query's remaining records.
#[derive(Debug)]
struct Found {
    id: RecordId,
    user: RecordId,
    records: Vec<Value>,
    batch: usize,
}

/// All open queries.
#[derive(Debug, Default)]
pub(crate) struct Locators(VecDeque<Found>);

/// One page of a query.
#[derive(Debug)]
pub(crate) struct Page {
    /// Records of the whole query.
    pub(crate) total: usize,
    /// This page.
    pub(crate) records: Vec<Value>,
    /// What asks for the next one; none on the last page.
    pub(crate) next: Option<String>,
}

impl Locators {
    /// Keeps a query's records.
    pub(crate) fn keep(&mut self, id: RecordId, user: RecordId, records: Vec<Value>, batch: usize) {
        if self.0.len() == LOCATORS_MAX {
            self.0.pop_front();
        }
        self.0.push_back(Found { id, user, records, batch });
    }

    /// The page at a locator, `01g…-2000`, for the user who asked the query.
    pub(crate) fn page(&self, locator: &str, user: RecordId) -> Result<Page, Refusal> {
        let unknown = || Refusal::new(400, "INVALID_QUERY_LOCATOR", "invalid query locator");
        let (id, at) = locator.split_once('-').ok_or_else(unknown)?;
        let id = RecordId::parse(id).ok_or_else(unknown)?;
        let at: usize = at.parse().map_err(|_| unknown())?;
        let found = self.0.iter().find(|found| found.id == id && found.user == user).ok_or_else(unknown)?;
        let rest = found.records.get(at..).ok_or_else(unknown)?;
        let records: Vec<Value> = rest.iter().take(found.batch).cloned().collect();
        let next = at + records.len();
        let more = next < found.records.len();
        Ok(Page { total: found.records.len(), records, next: more.then(|| format!("{id}-{next}")) })
    }

    /// Forgets all: every locator has expired.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}
