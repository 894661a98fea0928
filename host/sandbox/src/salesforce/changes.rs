//! What happened to records: for outbound messages, the lists of changed and deleted records, and recent items.

use super::record_id::RecordId;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::VecDeque;

/// Changes that `GET /_sandbox/salesforce/changes` remembers.
const LOG_MAX: usize = 5_000;
/// Recent items that are remembered, over all users.
const RECENT_MAX: usize = 200;

/// What happened to a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChangeKind {
    /// It is new.
    Created,
    /// Fields were written.
    Updated,
    /// It went into the recycle bin.
    Deleted,
    /// It came back from there.
    Undeleted,
}

/// One change of one record.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    /// The object.
    pub(crate) object: String,
    /// The record.
    pub(crate) id: RecordId,
    /// What happened.
    pub(crate) kind: ChangeKind,
    /// The fields whose values are other than before.
    pub(crate) fields: Vec<String>,
    /// Who did it.
    pub(crate) user: RecordId,
    /// What the client calls itself, if it says so.
    pub(crate) client: Option<String>,
    /// The stamp of the change.
    pub(crate) at: Timestamp,
}

/// A record that was deleted.
#[derive(Debug, Clone)]
pub(crate) struct Deleted {
    /// The object.
    pub(crate) object: String,
    /// The record.
    pub(crate) id: RecordId,
    /// When.
    pub(crate) at: Timestamp,
}

/// All changes since the last reset.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    pending: Vec<Change>,
    log: VecDeque<Change>,
    deleted: Vec<Deleted>,
    recent: VecDeque<(RecordId, String, RecordId)>,
}

impl Changes {
    /// Notes a change of the transaction that is under way.
    pub(crate) fn note(&mut self, change: Change) {
        self.pending.push(change);
    }

    /// How many changes the transaction has made so far.
    pub(crate) fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Forgets the changes after the first `count` of the transaction.
    pub(crate) fn roll_back(&mut self, count: usize) {
        self.pending.truncate(count);
    }

    /// Makes the transaction's changes final and returns them.
    pub(crate) fn commit(&mut self) -> Vec<Change> {
        let committed = std::mem::take(&mut self.pending);
        for change in &committed {
            match change.kind {
                ChangeKind::Deleted => {
                    let (object, id, at) = (change.object.clone(), change.id, change.at);
                    self.deleted.push(Deleted { object, id, at });
                }
                ChangeKind::Undeleted => self.deleted.retain(|deleted| deleted.id != change.id),
                ChangeKind::Created | ChangeKind::Updated => {
                    self.visit(change.user, &change.object, change.id);
                }
            }
            if self.log.len() == LOG_MAX {
                self.log.pop_front();
            }
            self.log.push_back(change.clone());
        }
        committed
    }

    /// The deletions of an object's records, oldest first.
    pub(crate) fn deleted<'a>(&'a self, object: &'a str) -> impl Iterator<Item = &'a Deleted> + 'a {
        self.deleted.iter().filter(move |deleted| deleted.object == object)
    }

    /// Forgets deletions before a moment: the log does not reach back for ever.
    pub(crate) fn forget_deleted_before(&mut self, moment: Timestamp) {
        self.deleted.retain(|deleted| deleted.at >= moment);
    }

    /// Notes that a user had a record in hand.
    pub(crate) fn visit(&mut self, user: RecordId, object: &str, id: RecordId) {
        self.recent.retain(|(who, _, known)| *who != user || *known != id);
        if self.recent.len() == RECENT_MAX {
            self.recent.pop_back();
        }
        self.recent.push_front((user, object.to_owned(), id));
    }

    /// The records that a user had in hand, latest first.
    pub(crate) fn recent(&self, user: RecordId) -> impl Iterator<Item = (&str, RecordId)> {
        self.recent
            .iter()
            .filter(move |(who, _, _)| *who == user)
            .map(|(_, object, id)| (object.as_str(), *id))
    }

    /// The remembered changes as JSON, oldest first, worded as a change event's header words them.
    pub(crate) fn shown(&self) -> Value {
        let shown = self.log.iter().map(|change| {
            let kind = match change.kind {
                ChangeKind::Created => "CREATE",
                ChangeKind::Updated => "UPDATE",
                ChangeKind::Deleted => "DELETE",
                ChangeKind::Undeleted => "UNDELETE",
            };
            json!({
                "entityName": change.object, "recordId": change.id.to_string(), "changeType": kind,
                "changedFields": change.fields, "commitUser": change.user.to_string(), "client": change.client,
                "commitTimestamp": change.at.as_millisecond(),
            })
        });
        shown.collect()
    }
}
