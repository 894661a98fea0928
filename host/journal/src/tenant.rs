//! Tenants and their secrets, and how long things are kept.

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

/// A tenant as it was applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tenant {
    /// Its name.
    pub name: String,
    /// Its document, JSON, without secrets.
    pub document: String,
    /// When it was last applied.
    pub applied: Timestamp,
    /// By whom.
    pub who: String,
}

/// A secret to store.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    /// Its name, unique within the tenant.
    pub name: String,
    /// The secret itself.
    pub value: Vec<u8>,
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret").field("name", &self.name).finish_non_exhaustive()
    }
}

/// How much a tenant has of what people ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Links.
    pub links: u64,
    /// Events without a verdict.
    pub waiting: u64,
    /// Parked events.
    pub parked: u64,
    /// Open entries.
    pub entries: u64,
}

/// How long things are kept. Links, entries, releases and the audit are kept for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// How long a dedupe key is known, in milliseconds: longer than any sender retries.
    pub dedupe_ms: u64,
    /// How long settled and superseded events are kept with their passes, and jobs that ended with what they found, in
    /// milliseconds. Waiting and parked events stay.
    pub events_ms: u64,
    /// How long recorded passes are kept, in milliseconds.
    pub recordings_ms: u64,
    /// How many rows of each kind one call drops at most.
    pub rows_max: u32,
}

impl Default for Retention {
    /// Thirty days of dedupe keys, ninety of events, seven of recordings; a thousand rows a call.
    fn default() -> Self {
        const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
        Self { dedupe_ms: 30 * DAY_MS, events_ms: 90 * DAY_MS, recordings_ms: 7 * DAY_MS, rows_max: 1_000 }
    }
}

/// What one pruning dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Pruned {
    /// Dedupe keys.
    pub dedupe_keys: u64,
    /// Events.
    pub events: u64,
    /// Passes that no event remembers.
    pub passes: u64,
    /// Recordings.
    pub recordings: u64,
    /// Jobs.
    pub jobs: u64,
    /// Something reached the limit of rows: call again.
    pub more: bool,
}
