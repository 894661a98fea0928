//! Jobs: long work of a tenant, whose progress is remembered so that a restart does not lose it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::JobId;

/// A job to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewJob {
    /// Whose.
    pub tenant: String,
    /// What is done, in one word; the journal does not look inside.
    pub kind: String,
    /// How far it is at the start, as text; the journal does not look inside.
    pub progress: String,
    /// Who asked for it.
    pub who: String,
    /// When.
    pub at: Timestamp,
}

/// A job as it is remembered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// Whose.
    pub tenant: String,
    /// What is done.
    pub kind: String,
    /// How it stands.
    pub state: JobState,
    /// Who asked for it.
    pub who: String,
    /// How far it is.
    pub progress: String,
    /// When it began.
    pub started: Timestamp,
    /// When its progress was last stored.
    pub updated: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// Why it failed.
    pub reason: Option<String>,
}

/// How a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobState {
    /// Under way; also while the host is down, which goes on with it.
    Running,
    /// It came to its end.
    Done,
    /// It ended before, with a reason.
    Failed,
}

/// Which jobs to list. Everything that is given must match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// Of this tenant.
    pub tenant: Option<String>,
    /// Under way.
    pub running: bool,
    /// How many at most; 0 is as many as [`crate::LIST_ROWS_MAX`] allows.
    pub limit: u32,
}

/// Something that a job found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Its place in the order in which things were found, from 1.
    pub seq: u64,
    /// What was found, as text; the journal does not look inside.
    pub body: String,
}
