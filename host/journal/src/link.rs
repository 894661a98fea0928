//! Links and entries as they are listed.

use crosswalk_engine::{
    link::{Asked, Entry, LinkState},
    pass::Pair,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    event::Source,
    ids::{LaneId, LinkId},
};

/// A referral and a record that belong together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Link {
    /// Its id.
    pub id: LinkId,
    /// Whose.
    pub tenant: String,
    /// Its lane.
    pub lane: LaneId,
    /// What it joins.
    pub pair: Pair,
    /// What is remembered, with decisions of persons in its open entries.
    pub state: LinkState,
    /// When it was first stored.
    pub created: Timestamp,
    /// When it was last stored.
    pub updated: Timestamp,
}

/// What an operator asks of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Whose.
    pub tenant: String,
    /// Of which link.
    pub link: LinkId,
    /// What.
    pub asked: Asked,
    /// What the event that makes a pass look is filed under.
    pub source: Source,
    /// What makes it the same ask when it is repeated.
    pub dedupe: String,
    /// For whoever reads the event later.
    pub note: String,
    /// When.
    pub at: Timestamp,
}

/// Which links to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkFilter {
    /// Of this tenant.
    pub tenant: Option<String>,
    /// Younger than this one: the last id of the page before.
    pub after: Option<LinkId>,
    /// How many at most; 0 is as many as [`crate::LIST_ROWS_MAX`] allows.
    pub limit: u32,
}

/// An entry, where it belongs and how it stands.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EntryRecord {
    /// Whose.
    pub tenant: String,
    /// The link that it is about.
    pub link: LinkId,
    /// The entry, with the decision of a person if there is one.
    pub entry: Entry,
    /// How it stands.
    pub state: EntryState,
    /// How it ended, in words.
    pub ended_because: Option<String>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// Who decided it.
    pub decided_by: Option<String>,
}

/// How an entry stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EntryState {
    /// It holds a field, or waits to be seen.
    Open,
    /// It stands as a record of the past.
    Closed,
    /// The write that it belonged to never landed: it never happened.
    Void,
}
