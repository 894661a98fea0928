//! Lanes as workers see them, and passes as they are remembered.

use crosswalk_engine::{
    link::LinkState,
    pass::{Pair, Subject, Verdict},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    event::Event,
    ids::{LaneId, Lease, LinkId, PassId},
};

/// A lane that was given to a worker.
#[derive(Clone, Debug, PartialEq)]
pub struct Taken {
    /// What every later write must show.
    pub lease: Lease,
    /// Whose lane.
    pub tenant: String,
    /// What the lane is about: its own subject, or the first side of its link. Events that were moved here may be
    /// about something else.
    pub subject: Subject,
    /// What is linked, or the subject alone where nothing is linked yet.
    pub pair: Pair,
    /// The link, if there is one.
    pub link: Option<LinkId>,
    /// What is remembered of the link, with decisions of persons in its open entries.
    pub state: Option<LinkState>,
    /// All events that one pass settles, oldest first; never empty.
    pub events: Vec<Event>,
    /// When a person last asked for another try of one of the events, if one did since its last verdict.
    pub retried: Option<Timestamp>,
    /// Tries in a row without a verdict, this one included.
    pub attempts: u32,
    /// Which of [`crate::LANE_BUCKETS`] the lane is in. It follows from the lane's first subject and never changes, also
    /// not when the subject becomes a link's.
    pub bucket: u16,
}

/// What a pass's writes are filed under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trail {
    /// The time of the transaction.
    pub at: Timestamp,
    /// The digest of the release that decides this pass, if one does.
    pub release: Option<String>,
}

/// One pass as it is remembered.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PassRecord {
    /// Which.
    pub id: PassId,
    /// The lane that it worked on.
    pub lane: LaneId,
    /// Who ran it.
    pub worker: String,
    /// When it took the lane.
    pub started: Timestamp,
    /// When it let go; `None` while it runs, or if it was never heard of again.
    pub ended: Option<Timestamp>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// The release that decided it.
    pub release: Option<String>,
}

/// How a pass ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// With a verdict.
    Verdict(Verdict),
    /// With a fault; its events wait.
    Fault {
        /// What went wrong.
        reason: String,
        /// When the next try is due.
        retry_at: Timestamp,
    },
    /// Given back untried.
    HandedBack,
}

/// How much waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Backlog {
    /// Events without a verdict.
    pub waiting: u64,
    /// Parked events.
    pub parked: u64,
    /// Lanes in a worker's hands.
    pub leased: u64,
    /// Lanes that are due and in nobody's hands.
    pub due: u64,
    /// When the oldest event without a verdict came in.
    pub oldest: Option<Timestamp>,
}
