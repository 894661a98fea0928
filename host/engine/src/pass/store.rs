//! Transactions: what is stored before each write, after it, and at the end.

use super::{Action, AuditLine, Commit, EntryChange, Pass, Side, Verdict, drive::Stage};
use crate::{
    link::{Entry, Intent, LinkState, Provenance},
    reconcile::{Plan, Remembered, restore::Left},
    value::{Fields, Value},
};

impl Pass {
    /// Everything that changed since the last transaction, as one transaction.
    pub(super) fn commit(&mut self) -> Commit {
        if let Some(engagement) = self.referral.as_ref().and_then(|seen| seen.value.engagement()) {
            self.pair.engagement = Some(engagement.to_owned());
        }
        let before = self.stored.clone().unwrap_or_default();
        let is_known =
            |entry: &Entry, state: &LinkState| state.open.values().any(|other| other.id == entry.id);
        for entry in self.state.open.values().filter(|entry| !is_known(entry, &before)) {
            self.news.push(format!("`{}`: {}", entry.field, entry.reason));
            self.changes.push(EntryChange::Add(entry.clone()));
        }
        for entry in before.open.values().filter(|entry| !is_known(entry, &self.state)) {
            let reason =
                self.endings.get(&entry.id).cloned().unwrap_or_else(|| "both sides agree".to_owned());
            self.changes.push(EntryChange::Close { id: entry.id.clone(), reason });
        }
        let mut commit = self.notes();
        if self.stored.as_ref() != Some(&self.state) {
            commit.link = Some((self.pair.clone(), self.state.clone()));
            self.stored = Some(self.state.clone());
        }
        commit
    }

    /// What is to be told, without a change of the link.
    pub(super) fn notes(&mut self) -> Commit {
        Commit {
            link: None,
            entries: std::mem::take(&mut self.changes),
            audit: std::mem::take(&mut self.audit),
            alarms: std::mem::take(&mut self.alarms),
        }
    }

    /// Stores the intent of the write that comes next.
    pub(super) fn store_intent(&mut self, mut intent: Intent, stage: Stage) -> Action {
        intent.by.release.clone_from(&self.start.release);
        self.state.intent = self.start.rules.intents.then(|| intent.clone());
        self.intent = Some(intent);
        self.stage = stage;
        Action::Store(self.commit())
    }

    /// Entries that a write's intent carries: stored with it, void if it does not land.
    pub(super) fn announce(&mut self, entries: &[Entry]) {
        if self.start.rules.entry_first {
            self.changes.extend(entries.iter().cloned().map(EntryChange::Add));
        }
    }

    /// The write landed; its entries stand.
    pub(super) fn confirm(&mut self, entries: &[Entry]) {
        if !self.start.rules.entry_first {
            self.changes.extend(entries.iter().cloned().map(EntryChange::Add));
        }
    }

    /// The write is known not to have landed: its entries never happened.
    pub(super) fn void(&mut self) {
        self.state.intent = None;
        if let Some(intent) = self.intent.take()
            && self.start.rules.entry_first
        {
            self.changes.extend(intent.entries.into_iter().map(|id| EntryChange::Void { id }));
        }
    }

    /// Entries that hold a field are opened before any write; those that a write closes stay until it has landed.
    pub(super) fn open_new_entries(&mut self, plan: &Plan) {
        let state = &mut self.state;
        for (field, entry) in &plan.end.open {
            if state.open.get(field).is_none_or(|known| known.id != entry.id) {
                state.open.insert(field.clone(), entry.clone());
                if let Some(owed) = plan.end.owed.get(field) {
                    state.owed.insert(field.clone(), *owed);
                }
            }
        }
    }

    /// From now on this is what both sides were.
    pub(super) fn remember(&mut self, what: Remembered) {
        self.state.base = what.base;
        self.state.owed = what.owed;
        self.state.open = what.open;
        self.state.restore = what.restore;
    }

    /// What a release wrote and is not taken back is told once, and not looked at again.
    pub(super) fn note_left(&mut self, all: &[Left]) {
        for left in all {
            self.state.forget_restore(|name| *name == left.name);
            self.audit.push(AuditLine {
                side: None,
                rule: "undo".to_owned(),
                release: None,
                fields: [(left.name.clone(), (Some(left.written.clone()), left.held.clone()))].into(),
                note: format!("left alone: {}", left.why),
            });
        }
    }

    /// Notes a write in the audit: one line for each rule behind it.
    pub(super) fn note_write(
        &mut self,
        side: Side,
        fields: &Fields,
        old: impl Fn(&str) -> Value,
        by: &Provenance,
        rest: &str,
    ) {
        let rule_of = |field: &String| by.rules.get(field).map_or(rest, String::as_str);
        let release = by.release.clone().filter(|release| self.start.release.as_ref() != Some(release));
        let mut rules: Vec<&str> = fields.keys().map(rule_of).collect();
        rules.sort_unstable();
        rules.dedup();
        for rule in rules {
            let of_rule = fields.iter().filter(|(field, _)| rule_of(field) == rule);
            let fields =
                of_rule.map(|(field, value)| (field.clone(), (Some(old(field)), value.clone()))).collect();
            self.audit.push(AuditLine {
                side: Some(side),
                rule: rule.to_owned(),
                release: release.clone(),
                fields,
                note: "written".to_owned(),
            });
        }
    }

    /// Ends the pass with what is remembered now.
    pub(super) fn finish(&mut self, verdict: Verdict) -> Action {
        self.stage = Stage::Finished;
        Action::Finish { commit: self.commit(), verdict }
    }

    /// Ends the pass without touching what is remembered, so that an intent stays as open as it was. Only that its
    /// fate became clear is stored.
    pub(super) fn leave(&mut self, verdict: Verdict) -> Action {
        let was_open = self.stored.as_ref().is_some_and(|stored| stored.intent.is_some());
        if was_open && self.state.intent.is_none() {
            return self.finish(verdict);
        }
        self.stage = Stage::Finished;
        Action::Finish { commit: self.notes(), verdict }
    }

    pub(super) fn park(&mut self, reason: String) -> Action {
        self.finish(Verdict::Parked { reason })
    }

    pub(super) fn next_id(&mut self) -> String {
        self.memory.next_id(&self.start.id)
    }
}
