//! A side of a linked pair that is not there any more: a record that was deleted, a referral that is not shown.
//!
//! The first pass that finds it parks, with an entry that says so. As long as that entry is open, later passes only
//! look whether the side is there again; nothing is ever made anew in its place.

use super::{Action, Pass, Verdict};
use crate::{
    link::{Entry, EntryKind},
    value::Value,
};

/// The entry's field where it is the referral that is gone; for a record it is its entity.
pub(super) const REFERRAL: &str = "/id";

impl Pass {
    /// Parks the pair with an entry, or skips it if the entry is there already.
    pub(super) fn gone(&mut self, field: String, reason: String) -> Action {
        if let Some(entry) = self.state.open.get(&field).filter(|entry| entry.kind == EntryKind::Gone) {
            let since = entry.since;
            let reason = format!("{}; entry `{}` is open since {since}", entry.reason, entry.id);
            return self.leave(Verdict::Skipped { reason });
        }
        let entry = Entry {
            id: self.next_id(),
            field: field.clone(),
            path: None,
            kind: EntryKind::Gone,
            partner_center: self.pair.referral.clone().map_or(Value::Empty, Value::Text),
            crm: Value::Text(self.record_key().id),
            base: None,
            reason: reason.clone(),
            decision: None,
            since: self.start.now,
        };
        self.state.open.insert(field, entry);
        // A record that is restored may have the version that it had, and is to be looked at all the same.
        self.state.settled = None;
        self.park(reason)
    }

    /// A side is there (again): its entry closes with the next transaction.
    pub(super) fn is_back(&mut self, is_meant: impl Fn(&str) -> bool, ending: &str) {
        let open = std::mem::take(&mut self.state.open);
        let (back, open) =
            open.into_iter().partition(|(field, entry)| entry.kind == EntryKind::Gone && is_meant(field));
        self.state.open = open;
        let back: std::collections::BTreeMap<String, Entry> = back;
        self.endings.extend(back.into_values().map(|entry| (entry.id, ending.to_owned())));
    }
}
