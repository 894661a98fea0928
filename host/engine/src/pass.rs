//! A pass: one look at one pair, from reading both sides to a verdict, as a closed loop without any IO.
//!
//! [`Pass::next`] takes what was seen and answers with the one [`Action`] to carry out next. The host carries it out
//! against the real systems, the simulation against its models; both can stop between any two actions (that is a
//! crash), and begin a new pass from what was stored.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    link::{Entry, LinkState},
    mapping::{Companion, Manifest, Record},
    referral::Referral,
    rules::Rules,
    value::{Fields, RecordKey, Value},
};

mod drive;
mod gone;
mod inbound;
mod linked;
mod outbound;
mod report;
mod store;
mod succession;
mod unsent;
mod upgrade;

pub use drive::Pass;

/// All that a pass begins with. Time and ids come in as arguments; the engine has neither clock nor randomness.
#[derive(Clone, Debug)]
pub struct Start {
    /// This pass's unique id. Ids of intents and entries are made from it by counting.
    pub id: String,
    /// What the event is about.
    pub subject: Subject,
    /// What is known of the pair; only the subject's own side where there is no link yet.
    pub pair: Pair,
    /// What was stored last for this lane: a link, or the open intent of a create; `None` if nothing was.
    pub state: Option<LinkState>,
    /// What the release declares.
    pub manifest: Manifest,
    /// The digest of the release, for the audit.
    pub release: Option<String>,
    /// The time of the pass.
    pub now: Timestamp,
    /// Bounds.
    pub limits: Limits,
    /// When a person asked for another try, if one did since the last verdict. A POST of unknown fate that was given up
    /// before that is posted again: whoever asks was told to look for it in Partner Center first.
    pub post_again: Option<Timestamp>,
    /// Which rules of the algorithm hold. All of them do; tests switch single ones off.
    #[doc(hidden)]
    pub rules: Rules,
}

/// Bounds of one pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Planning rounds after which a plan counts as not settling.
    pub rounds_max: u32,
    /// How often a pass starts again because a version was stale, before it gives way.
    pub stale_retries_max: u32,
    /// Writes to either side in one pass; spending them all parks the pair and raises an alarm.
    pub writes_max: u32,
    /// How long a POST of unknown fate is looked for before it is parked, in milliseconds.
    pub create_patience_ms: u64,
    /// How long to wait before looking for such a POST again, in milliseconds.
    pub create_look_again_ms: u64,
    /// How far behind our clock Partner Center's creation stamps may be, in milliseconds.
    pub clock_slack_ms: u64,
    /// How long to wait after an unknown or stale write, in milliseconds.
    pub again_ms: u64,
    /// Whether a plan that shows the mapping to break a law is parked, with nothing written. Otherwise it is carried out,
    /// because one write does no harm and the pair agrees then; either way there is an alarm.
    pub strict: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            rounds_max: 3,
            stale_retries_max: 4,
            writes_max: 12,
            create_patience_ms: 900_000,
            create_look_again_ms: 15_000,
            clock_slack_ms: 300_000,
            again_ms: 5_000,
            strict: false,
        }
    }
}

/// The driver answered an action with something that does not belong to it: a defect of the driver.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the pass waited for the answer to `{waiting_for}` and was given another one")]
pub struct OutOfStep {
    /// The action that was to be answered.
    pub waiting_for: String,
}

/// Something read together with the version to write against (an eTag).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versioned<T> {
    /// What was read.
    pub value: T,
    /// The version it had.
    pub version: String,
}

/// Which pair a link joins. A side is `None` until it exists.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair {
    /// The partner's own referral.
    pub referral: Option<String>,
    /// The engagement that it shares with Microsoft's copy.
    pub engagement: Option<String>,
    /// The record in the CRM.
    pub record: Option<RecordKey>,
}

/// What the driver is to do next.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Read the referral → [`Seen::Referral`].
    ReadReferral(String),
    /// Read the record, all declared fields → [`Seen::Record`] or [`Seen::Succeeded`].
    ReadRecord(RecordKey),
    /// Read the record of `entity` whose referral key is this referral's id → [`Seen::Record`].
    FindRecord {
        /// The entity to look in.
        entity: String,
        /// The referral's id.
        referral: String,
    },
    /// List our own referrals that carry this external reference id or engagement, created at or after `since`
    /// → [`Seen::Referrals`].
    FindReferrals {
        /// By external reference id (a record's id).
        external_reference: Option<String>,
        /// By engagement; then other organisations' copies that are visible are listed too.
        engagement: Option<String>,
        /// Older ones need not be looked at.
        since: Timestamp,
    },
    /// Look for a linked record that lives on as this one: the lead that it was made of → [`Seen::Predecessor`].
    FindPredecessor(RecordKey),
    /// Look companions up, create none → [`Seen::Companions`].
    FindCompanions(Vec<Companion>),
    /// Store this in one transaction → [`Seen::Stored`].
    Store(Commit),
    /// Write the record if its version is unchanged → [`Seen::Written`], [`Seen::Stale`], [`Seen::Refused`] or
    /// [`Seen::Unknown`]. Companions are found or created first, and references to them replaced.
    WriteRecord {
        /// Which record.
        key: RecordKey,
        /// The fields to write; nothing else is touched. The stamp, if there is one, is among them.
        fields: Fields,
        /// Companions that `fields` refers to.
        companions: Vec<Companion>,
        /// The version that must still hold.
        version: String,
    },
    /// Create the record under its referral key, unless one exists → as [`Action::WriteRecord`], with
    /// [`Seen::Stale`] where it exists already.
    CreateRecord {
        /// The entity.
        entity: String,
        /// The referral's id, for the key.
        referral: String,
        /// The fields to write, without the key field.
        fields: Fields,
        /// Companions that `fields` refers to.
        companions: Vec<Companion>,
    },
    /// Turn the record into one of another entity, if its version is unchanged: a lead becomes an opportunity. The CRM
    /// makes the new record itself → [`Seen::Written`] with the new record's key and the version that a read would show,
    /// or as [`Action::WriteRecord`]. Once it has landed, the old record reads as [`Seen::Succeeded`].
    ConvertRecord {
        /// Which record.
        key: RecordKey,
        /// The entity that it becomes.
        to: String,
        /// What the new record is to hold. The driver uses only what the conversion itself takes (who the customer is, so
        /// that none is made twice); the pass goes on and writes the rest.
        fields: Fields,
        /// Companions that `fields` refers to; they are found or created first.
        companions: Vec<Companion>,
        /// The version that must still hold.
        version: String,
    },
    /// PATCH the referral, always with If-Match → as [`Action::WriteRecord`].
    WriteReferral {
        /// Which referral.
        id: String,
        /// JSON pointers and what they shall hold.
        fields: Fields,
        /// The eTag that must still hold.
        version: String,
    },
    /// POST a new referral → [`Seen::Posted`], [`Seen::Refused`] or [`Seen::Unknown`]. Never repeated by the driver.
    PostReferral(Referral),
    /// The pass is over: store this, with the verdict of all its events, in one transaction. There is no next.
    Finish {
        /// The last transaction.
        commit: Commit,
        /// What became of the events.
        verdict: Verdict,
    },
}

/// What came of an action.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Seen {
    /// The referral, or `None` if it does not exist or is not ours to see.
    Referral(Option<Versioned<Referral>>),
    /// The record, or `None` if it does not exist (any more).
    Record(Option<Versioned<Record>>),
    /// The record lives on as another one: a lead that became an opportunity, a record that was merged into another.
    Succeeded(RecordKey),
    /// The linked record that lives on as the one asked about, if there is one.
    Predecessor(Option<RecordKey>),
    /// Referrals that matched.
    Referrals(Vec<Versioned<Referral>>),
    /// By alias, the companions that exist.
    Companions(BTreeMap<String, RecordKey>),
    /// The transaction is on disk.
    Stored,
    /// The write landed; the new version, and the record's key where it was created.
    Written {
        /// The version that the write returned.
        version: String,
        /// The record's key.
        key: Option<RecordKey>,
    },
    /// The POST landed; what the server answered.
    Posted(Versioned<Referral>),
    /// Nothing was written: the version was not the one expected, or the key exists already.
    Stale,
    /// Nothing was written: the system refuses this for good, as far as it can tell.
    Refused(SystemRefusal),
    /// No answer came: it may have been written.
    Unknown(String),
}

/// A refusal by Partner Center or the CRM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SystemRefusal {
    /// The fields that the answer names; empty if it names none.
    pub fields: Vec<String>,
    /// The system's code and message, without secrets.
    pub reason: String,
}

/// One transaction of a pass.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Commit {
    /// The link as it is from now on; `None` leaves it as it was (or not there).
    pub link: Option<(Pair, LinkState)>,
    /// What becomes of entries. Open ones are also in [`LinkState::open`].
    pub entries: Vec<EntryChange>,
    /// What to add to the audit.
    pub audit: Vec<AuditLine>,
    /// Alarms for the operator: a law broken, a write budget spent, a pair that does not settle.
    pub alarms: Vec<String>,
}

/// A change to the entries of a link.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "a handful of them live for one transaction")]
pub enum EntryChange {
    /// A new one.
    Add(Entry),
    /// It stands as a record of the past, and holds nothing (any more).
    Close {
        /// Which.
        id: String,
        /// How it ended.
        reason: String,
    },
    /// The write that it belongs to never landed: it never happened.
    Void {
        /// Which.
        id: String,
    },
}

/// One line of the audit: a side, a rule, and what it did to each field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditLine {
    /// Which side was written, or `None` for a decision that wrote nothing.
    pub side: Option<Side>,
    /// The rule that applied, in one word: `fold`, `push`, `conflict`, `merge`, `follow`, `report`, `create`, `convert`,
    /// `succeed`, `decision` (which side wins), `set` (a person's own value), `undo`, …
    pub rule: String,
    /// The digest of the release that decided it, if that is another one than the pass's: the write of an interrupted pass
    /// that was found landed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
    /// Per field, what it held and what it holds now.
    pub fields: BTreeMap<String, (Option<Value>, Value)>,
    /// The API's answer, or why nothing was written.
    pub note: String,
}

/// One of the two systems.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// Microsoft Partner Center.
    PartnerCenter,
    /// Dynamics 365 or Salesforce.
    Crm,
}

/// What became of an event. Every event ends in exactly one, with a reason.
///
/// Tagged from outside: with serde_json's arbitrary precision, a number inside an internally tagged enum cannot be
/// read back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Writes were made.
    Applied {
        /// How many writes went to the CRM.
        crm_writes: u32,
        /// How many writes went to Partner Center.
        partner_center_writes: u32,
        /// What was written, in a sentence.
        reason: String,
    },
    /// Both sides already agree.
    Agreed {
        /// Why nothing had to be written.
        reason: String,
    },
    /// The pair is left alone.
    Skipped {
        /// Why.
        reason: String,
    },
    /// A person is needed; later events go on.
    Parked {
        /// Why, and what to do.
        reason: String,
    },
    /// The event belongs to another lane, and was handed to it.
    Moved {
        /// The subject it went to.
        to: Subject,
    },
    /// Not now: look again after this many milliseconds (a POST whose fate is unknown, a lock, a quota).
    Again {
        /// How long to wait, in milliseconds.
        after_ms: u64,
        /// Why.
        reason: String,
    },
}

/// What a pass is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// A referral, by id.
    Referral(String),
    /// A CRM record.
    Record(RecordKey),
}

/// Whether an event at `version` of `side` is our own write coming back: it can be skipped without a call.
pub fn is_echo(state: &LinkState, side: Side, version: &str) -> bool {
    let ours = match side {
        Side::PartnerCenter => &state.referral_version,
        Side::Crm => &state.record_version,
    };
    ours.as_deref().is_some_and(|ours| is_at(ours, version))
}

/// Whether the version that is `held` is the one that an event `told`.
///
/// The version of a record with child rows has a second word, for those. An event of the record alone does not know it:
/// a change of a row is an event without a version, so that the first word is all that there is to compare.
fn is_at(held: &str, told: &str) -> bool {
    held == told || held.split_once(' ').is_some_and(|(own, _)| own == told)
}
