//! Versions of records, and why a write overwrites nothing that it has not seen.
//!
//! Salesforce has no version number. What it has for most objects is `If-Unmodified-Since`, to the second: an edit in
//! the very second of the last one goes unseen. So three things work together.
//!
//! **A version** is the second of the last modification *and* a digest of all declared fields, child rows included
//! (which leave their parent's time as it is). Two records with one version hold the same, as far as the plugin can see.
//!
//! **Before a write** the record must have been read at this version *after* that second was over by the server's
//! clock. Then any later edit has a later second, and the server refuses our write with a 412. [`Memory`] knows the
//! reads for which this was so; where none is known, the second is waited out and the record read again, and another
//! version makes the write stale. The server's clock is taken at its lower bound: `Date` less the time that the call
//! took. The time is `SystemModstamp`, never earlier than `LastModifiedDate`: whichever of them the server compares, an
//! edit after that second is later than both, and no write is refused without an edit.
//!
//! **The version after a write** is the second that the server gave it, with a digest of what is *known*: the fields as
//! they were read, overlaid with those that were sent. It is not a digest of the record as it is then. If somebody's
//! edit, or the organisation's own automation, came in between, the record's real version differs, the event that tells
//! of it is no echo of ours, and the next pass looks. If nothing came in between, both are the same and the echo costs
//! nothing. It is never good for a further write without a new read.
//!
//! Child rows are changed by what was read of them: rows whose text is gone are deleted by id, texts that are new are
//! inserted. A row that somebody added meanwhile stays, and makes the real version differ.
//!
//! What remains: a transaction of somebody else that began in the second of the last modification and commits after we
//! have read has that second as its stamp. Salesforce locks the row while it runs, but the condition may be looked at
//! before. It takes two edits of one record within one second, the second of which runs for longer than that.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, PoisonError},
};

use aws_lc_rs::digest::{SHA256, digest};
use crosswalk_engine::value::{Fields, RecordKey, Reference, Value};
use jiff::Timestamp;

use super::id;

/// Fields that change by themselves, or follow from another field: no content.
const NO_CONTENT: &[&str] = &["SystemModstamp", "LastModifiedDate", "LastModifiedById", "IsClosed", "IsWon"];

/// How many records are remembered; a forgotten one is read again.
const REMEMBERED_MAX: usize = 256;

/// The rows of each declared list, as id and text, in the order of their creation.
pub(super) type ListRows = BTreeMap<String, Vec<(String, String)>>;

/// What was read of a record at a version whose second was over.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) version: String,
    pub(super) fields: Fields,
    pub(super) rows: ListRows,
}

/// The records that were read lately, each until it is written.
#[derive(Default)]
pub(super) struct Memory(Mutex<HashMap<RecordKey, Known>>);

impl Memory {
    pub(super) fn keep(&self, key: &RecordKey, known: Known) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= REMEMBERED_MAX && !held.contains_key(key) {
            held.clear();
        }
        held.insert(key.clone(), known);
    }

    /// What was read at this version, for one write.
    pub(super) fn take(&self, key: &RecordKey, version: &str) -> Option<Known> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.remove(key).filter(|known| known.version == version)
    }
}

/// The version of a record that holds these fields.
pub(super) fn version(stamp: Timestamp, fields: &Fields) -> String {
    let content: BTreeMap<&str, Value> = fields
        .iter()
        .filter(|(name, _)| !NO_CONTENT.contains(&name.as_str()))
        .map(|(name, value)| (name.as_str(), plain(value)))
        .filter(|(_, value)| *value != Value::Empty)
        .collect();
    let text = serde_json::json!(content).to_string();
    let digest = digest(&SHA256, text.as_bytes());
    let digest: String = digest.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("{}#{digest}", stamp.strftime("%Y-%m-%dT%H:%M:%SZ"))
}

/// The second of a version.
pub(super) fn stamp(version: &str) -> Option<Timestamp> {
    version.split_once('#')?.0.parse().ok()
}

/// A value in the form in which Salesforce gives back what it was sent.
fn plain(value: &Value) -> Value {
    match value {
        Value::Text(text) => match text.replace("\r\n", "\n").trim() {
            "" => Value::Empty,
            text => Value::Text(text.to_owned()),
        },
        Value::Flag(false) => Value::Empty,
        Value::Decimal(decimal) => Value::Decimal(decimal.normalize()),
        Value::Instant(instant) => {
            Timestamp::from_second(instant.as_second()).map_or_else(|_| value.clone(), Value::Instant)
        }
        Value::Texts(texts) if texts.is_empty() => Value::Empty,
        // The order is that of the picklist, or of the rows.
        Value::Texts(texts) => {
            let mut texts = texts.clone();
            texts.sort_unstable();
            texts.dedup();
            Value::Texts(texts)
        }
        Value::Reference(Reference::Existing(key)) => {
            let id = id::canonical(&key.id).unwrap_or_else(|| key.id.clone());
            Value::Reference(Reference::Existing(RecordKey { entity: String::new(), id }))
        }
        other => other.clone(),
    }
}
