//! Events as they are accepted, listed and explained.

use crosswalk_engine::pass::{Subject, Verdict};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    audit::AuditRecord,
    ids::{EventId, LaneId, PassId},
    lane::PassRecord,
};

/// Who said that something changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// A webhook of Partner Center.
    WebhookPartnerCenter,
    /// A webhook of the CRM.
    WebhookCrm,
    /// A poll for recent changes.
    Poll,
    /// The periodic comparison. Waits behind live traffic.
    Sweep,
    /// The first look at an existing portfolio. Waits behind live traffic.
    Backfill,
    /// An operator has a mapping's view written. Waits behind live traffic.
    Project,
    /// An operator takes back what a release wrote. Waits behind live traffic.
    Undo,
    /// A person.
    Retry,
}

/// An event that is not stored yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    /// Whose.
    pub tenant: String,
    /// What it is about.
    pub subject: Subject,
    /// Who said so.
    pub source: Source,
    /// What makes it the same event when the sender repeats it, unique within tenant and source for
    /// [`crate::Retention::dedupe_ms`]; `None` if the sender gives nothing to tell by.
    pub dedupe: Option<String>,
    /// A hint for whoever reads the event later, never trusted as data: a version, an action's name.
    pub note: Option<String>,
    /// When it came in.
    pub received: Timestamp,
}

/// What became of accepting an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The event; the first one if this was a duplicate.
    pub id: EventId,
    /// Nothing was stored: the same event was accepted before.
    pub duplicate: bool,
}

/// An event as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Event {
    /// Its id.
    pub id: EventId,
    /// Whose.
    pub tenant: String,
    /// What it is about.
    pub subject: Subject,
    /// Who said so.
    pub source: Source,
    /// The hint that came with it.
    pub note: Option<String>,
    /// When it came in.
    pub received: Timestamp,
    /// The lane that it waits in, or waited in last.
    pub lane: LaneId,
    /// Where it stands.
    pub state: EventState,
    /// The pass that has it in hand, or that gave the verdict.
    pub pass: Option<PassId>,
    /// What became of it.
    pub verdict: Option<Verdict>,
    /// When that was.
    pub settled: Option<Timestamp>,
    /// When a person last asked for another try, if one did since the last verdict.
    pub retried: Option<Timestamp>,
}

/// Where an event stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventState {
    /// No verdict yet; also while a pass has it in hand.
    Waiting,
    /// Applied, agreed or skipped.
    Settled,
    /// A person is needed.
    Parked,
    /// It was parked, and a later pass of its lane made both sides agree.
    Superseded,
}

/// Which events to list. Everything that is given must match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Of this tenant.
    pub tenant: Option<String>,
    /// In this state.
    pub state: Option<EventState>,
    /// In this lane.
    pub lane: Option<LaneId>,
    /// Older than this one: the last id of the page before.
    pub before: Option<EventId>,
    /// How many at most; 0 is as many as [`crate::LIST_ROWS_MAX`] allows.
    pub limit: u32,
}

/// An event's whole story.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EventStory {
    /// The event.
    pub event: Event,
    /// Every pass that had it in hand, oldest first.
    pub passes: Vec<PassRecord>,
    /// What those passes wrote into the audit, oldest first.
    pub audit: Vec<AuditRecord>,
}
