//! What is remembered of a referral and a record that belong together.
//!
//! [`LinkState`] is all that a pass needs to know of the past. The engine is given one, and says in each
//! `Commit` what it must be from then on; the journal stores it and never looks inside.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    mapping::Resolution,
    referral::Referral,
    value::{Fields, Value},
};

/// The last referral and record that were read or sent when both sides agreed; never a read-back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// The whole referral; `None` if it was never seen.
    pub referral: Option<Referral>,
    /// The record's declared fields; `None` if it was never seen.
    pub record: Option<Fields>,
}

/// Sides whose change to a field is not delivered yet, whatever the snapshots say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owed {
    /// Partner Center's change is owed to the CRM.
    pub partner_center: bool,
    /// The CRM's change is owed to Partner Center.
    pub crm: bool,
}

/// Everything that the engine remembers of one link.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkState {
    /// What both sides were when they last agreed.
    pub base: Base,
    /// Undelivered changes, by CRM field (or JSON pointer, for what only the referral holds).
    pub owed: BTreeMap<String, Owed>,
    /// Open entries that hold a field, by field.
    pub open: BTreeMap<String, Entry>,
    /// The write that is about to be made or whose fate is unknown. At most one.
    pub intent: Option<Intent>,
    /// The referral's eTag that our last write returned: an event at this version is our own echo.
    pub referral_version: Option<String>,
    /// The record's version that our last write returned.
    pub record_version: Option<String>,
    /// The last report that the record was given, so that the same words are not written twice.
    pub reported: Option<String>,
    /// The versions that both sides had when a pass last went all the way. While both have them still, there is nothing
    /// new to look at.
    pub settled: Option<Settled>,
    /// Microsoft was asked into this deal, so that it is not asked again. A deal that was posted with help says so itself.
    #[serde(default)]
    pub microsoft_asked: bool,
    /// The record was made by a conversion that we asked for. Until its base is known, what it holds may be the CRM's own
    /// doing as well as a person's.
    #[serde(default)]
    pub converted: bool,
    /// What a release wrote and the next pass takes back, where nobody has edited since.
    #[serde(default)]
    pub restore: Vec<Restore>,
}

/// What one pass of a release began to write to a pair, and what of that is to be taken back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restore {
    /// The base before that pass; `None` if it is not known (any more).
    pub before: Option<Base>,
    /// By CRM field or JSON pointer.
    pub writes: BTreeMap<String, Overwritten>,
}

/// A value that a release wrote, and the one that it overwrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overwritten {
    /// What was there before the release's first write.
    pub old: Value,
    /// What the release wrote last.
    pub written: Value,
}

/// What an operator asks of a link beside what its two sides ask: it is taken over between two passes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// A side's present view of a CRM field (or JSON pointer) that the other side is to be given.
    #[serde(default)]
    pub owed: BTreeMap<String, Owed>,
    /// What is to be taken back.
    #[serde(default)]
    pub restore: Vec<Restore>,
}

impl LinkState {
    /// Takes over what an operator asks. What an open entry holds is left to the person who decides it.
    pub fn take_over(&mut self, asked: Asked) {
        for (name, owed) in asked.owed.into_iter().filter(|(name, _)| !self.open.contains_key(name)) {
            let owes = self.owed.entry(name).or_default();
            owes.partner_center |= owed.partner_center;
            owes.crm |= owed.crm;
        }
        let newer: BTreeSet<&String> = asked.restore.iter().flat_map(|part| part.writes.keys()).collect();
        self.forget_restore(|name| newer.contains(name));
        self.restore.extend(asked.restore);
    }

    /// These names are not to be taken back (any more).
    pub(crate) fn forget_restore(&mut self, is_meant: impl Fn(&String) -> bool) {
        for part in &mut self.restore {
            part.writes.retain(|name, _| !is_meant(name));
        }
        self.restore.retain(|part| !part.writes.is_empty());
    }
}

/// The versions of both sides at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// The referral's eTag.
    pub referral: String,
    /// The record's version.
    pub record: String,
}

/// A write that is about to be made, stored before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// Unique; also the stamp that is written into the CRM with the write.
    pub id: String,
    /// What is written.
    pub write: IntendedWrite,
    /// The base to adopt if it landed.
    pub base: Base,
    /// What will be owed if it landed.
    pub owed: BTreeMap<String, Owed>,
    /// The entries that will be open if it landed.
    pub open: BTreeMap<String, Entry>,
    /// The version that the write is conditional on; `None` for a create.
    pub version: Option<String>,
    /// The CRM fields (or JSON pointers) that are in doubt if it cannot be told whether it landed.
    pub concerns: BTreeSet<String>,
    /// The fingerprint of the report that it carries, if it carries one.
    pub reported: Option<String>,
    /// Entries that are void if it is known not to have landed.
    pub entries: BTreeSet<String>,
    /// The pass's time when it was stored.
    pub since: Timestamp,
    /// Who decided it.
    #[serde(default)]
    pub by: Provenance,
}

/// Who decided a write: for the audit of a pass that finds it landed, because the one that made it did not live to say so.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// The digest of the release.
    pub release: Option<String>,
    /// The rule behind each field that has one.
    pub rules: BTreeMap<String, String>,
}

/// What an intent is about to write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IntendedWrite {
    /// Fields of the linked record.
    Record(Fields),
    /// Paths of the linked referral, at the version that was read.
    Referral {
        /// JSON pointers and what they will hold.
        fields: Fields,
        /// The eTag that the write is conditional on.
        version: String,
    },
    /// A new record under its referral key.
    CreateRecord {
        /// The entity.
        entity: String,
        /// The fields, without the key field.
        fields: Fields,
    },
    /// The linked record becomes one of another entity.
    ConvertRecord {
        /// The entity that it becomes.
        entity: String,
        /// What the new record is to hold.
        fields: Fields,
    },
    /// A new referral: the partner's own, or, with an engagement, the one that asks Microsoft in.
    PostReferral {
        /// The document to post.
        document: Referral,
        /// The engagement to join; `None` for the partner's own referral.
        engagement: Option<String>,
    },
}

/// What is kept for a person about one field of one link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Unique.
    pub id: String,
    /// The CRM field, or JSON pointer, that it is about.
    pub field: String,
    /// The JSON pointer whose write was refused, where that is known.
    #[serde(default)]
    pub path: Option<String>,
    /// Why it was made.
    pub kind: EntryKind,
    /// What Partner Center asked for when it was made.
    pub partner_center: Value,
    /// What the CRM held when it was made.
    pub crm: Value,
    /// What both held when they last agreed.
    pub base: Option<Value>,
    /// In words: the rule that applied, the plugin's reason, or the API's answer.
    pub reason: String,
    /// What a person decided, until it is delivered.
    pub decision: Option<Resolution>,
    /// The pass's time when it was made.
    pub since: Timestamp,
}

/// Why an entry was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EntryKind {
    /// Both sides changed; Partner Center's value won and the CRM's was overwritten.
    OverwrittenCrm,
    /// Both sides changed; the CRM's value won and Partner Center's was overwritten.
    OverwrittenPartnerCenter,
    /// Both sides changed; a third value won over both.
    OverwrittenBoth,
    /// Both sides changed; a person decides. Holds the field.
    Parked,
    /// The other side refused an edit. Holds the field until a side moves.
    Undelivered,
    /// After a crash it is not known whether a write landed.
    Doubt,
    /// A side does not exist any more, or is not shown. Nothing is written until it is there again; nothing is made anew.
    Gone,
}
