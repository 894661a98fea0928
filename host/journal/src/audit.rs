//! The audit: append-only, one chain a tenant, each record bound to the one before by its hash.

use crosswalk_engine::pass::{AuditLine, Pair};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{EventId, LinkId, PassId};

/// One record. Its JSON, as stored, is what the chain hashes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// Whose chain.
    pub tenant: String,
    /// Its place in the chain, from 1.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// The link that it is about.
    pub link: Option<LinkId>,
    /// The pass that wrote it.
    pub pass: Option<PassId>,
    /// The events that the pass settled.
    pub events: Vec<EventId>,
    /// The digest of the release that decided it.
    pub release: Option<String>,
    /// What happened.
    pub what: What,
}

/// What an audit record says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// A pass: a side, a rule, and per field what it held and what it holds now.
    Line(AuditLine),
    /// A link was made, or joins another pair than before.
    Linked(Pair),
    /// A person's act.
    Act {
        /// Who.
        who: String,
        /// What, in a sentence.
        what: String,
    },
}

/// Which audit records to list. Everything that is given must match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Whose.
    pub tenant: String,
    /// About this link.
    pub link: Option<LinkId>,
    /// Written by passes that had this event in hand.
    pub event: Option<EventId>,
    /// Before this place in the chain: the last one of the page before.
    pub before: Option<u64>,
    /// How many at most; 0 is as many as [`crate::LIST_ROWS_MAX`] allows.
    pub limit: u32,
}

/// A chain that was verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Chain {
    /// How many records it has.
    pub records: u64,
    /// The last hash in hex (all zeros for an empty chain). Keep it elsewhere to notice a chain rewritten as a whole.
    pub head: String,
}

/// Something that an operator should look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Alarm {
    /// Whose.
    pub tenant: String,
    /// The link concerned.
    pub link: Option<LinkId>,
    /// The pass that raised it; `None` if the host did.
    pub pass: Option<PassId>,
    /// When.
    pub at: Timestamp,
    /// What, in a sentence.
    pub text: String,
}
