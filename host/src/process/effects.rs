//! What a pass does to the two systems and asks of people, field by field: noted from its actions alone, so that a pass
//! that writes, a rehearsal and a replay are told in the same words.

use crosswalk_engine::{
    link::{Entry, LinkState},
    mapping::{Companion, Refusal},
    pass::{Action, AuditLine, Commit, EntryChange, Pair, Side, Verdict},
    referral::from_json,
    value::Value,
};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// What a pass did, or would do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Effects {
    /// The pair that was looked at, as far as it is known.
    pub(crate) pair: Pair,
    /// What is written, in order.
    pub(crate) changes: Vec<Change>,
    /// How many writes were tried.
    pub(crate) writes: u32,
    /// What is kept for a person.
    pub(crate) conflicts: Vec<Entry>,
    /// What is kept for a person already and holds its field.
    pub(crate) held: Vec<Entry>,
    /// What a release wrote and is left alone, though it was to be taken back.
    #[serde(default)]
    pub(crate) left: Vec<Left>,
    /// Why the plugin gave no answer, if it refused.
    pub(crate) refusal: Option<Refusal>,
    /// How the pass ends, as far as it can be known.
    pub(crate) verdict: Option<Verdict>,
}

/// A field that is written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Change {
    /// With which write of the pass, from 1.
    pub(crate) write: u32,
    /// Where.
    pub(crate) side: Side,
    /// By which rule.
    pub(crate) rule: String,
    /// Which.
    pub(crate) field: String,
    /// What it held.
    pub(crate) old: Option<Value>,
    /// What it holds from then on.
    pub(crate) new: Value,
}

/// Something that is left alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Left {
    /// Which.
    pub(crate) field: String,
    /// What it holds.
    pub(crate) held: Value,
    /// Why.
    pub(crate) why: String,
}

impl Effects {
    /// Nothing yet, of a pass that begins with this.
    pub(crate) fn of(pair: Pair, state: Option<&LinkState>) -> Self {
        let held = state.map(|state| state.open.values().cloned().collect()).unwrap_or_default();
        Effects { pair, held, ..Effects::default() }
    }

    /// Whether the two sides differ in a field that is mapped. What would only be reported on the record does not count.
    pub(crate) fn differs(&self) -> bool {
        self.changes.iter().any(|change| change.rule != "report")
            || !self.conflicts.is_empty()
            || !self.held.is_empty()
            || matches!(self.verdict, Some(Verdict::Parked { .. }))
    }

    /// Notes the action that comes next. Of a write of fields and of a record that is made, the lines of the audit in
    /// the transaction that follows say what was written; a conversion and a new referral are noted as they are tried.
    pub(crate) fn note(&mut self, action: &Action) {
        match action {
            Action::Finish { commit, verdict } => {
                self.note_commit(commit);
                self.verdict = Some(verdict.clone());
            }
            Action::Store(commit) => self.note_commit(commit),
            Action::WriteReferral { .. } => self.writes += 1,
            Action::WriteRecord { companions, .. } | Action::CreateRecord { companions, .. } => {
                self.writes += 1;
                self.note_companions(companions);
            }
            Action::ConvertRecord { key, to, companions, .. } => {
                self.writes += 1;
                self.note_companions(companions);
                let (old, new) = (Value::Text(key.id.clone()), Value::Text(to.clone()));
                self.change(Side::Crm, "convert", (&key.entity, Some(old), new));
            }
            Action::PostReferral(document) => {
                self.writes += 1;
                for (field, new) in leaves(&document.0) {
                    self.change(Side::PartnerCenter, "create", (&field, None, new));
                }
            }
            _ => {}
        }
    }

    fn change(&mut self, side: Side, rule: &str, (field, old, new): (&str, Option<Value>, Value)) {
        let (rule, field) = (rule.to_owned(), field.to_owned());
        self.changes.push(Change { write: self.writes, side, rule, field, old, new });
    }

    /// A record that is found by these fields, or made with them: `customer/name`.
    fn note_companions(&mut self, companions: &[Companion]) {
        for companion in companions {
            for (name, value) in companion.matching.iter().chain(&companion.fields) {
                let field = format!("{}/{name}", companion.alias);
                self.change(Side::Crm, "companion", (&field, None, value.clone()));
            }
        }
    }

    fn note_commit(&mut self, commit: &Commit) {
        if let Some((pair, _)) = &commit.link {
            self.pair = pair.clone();
        }
        for line in &commit.audit {
            let Some(side) = line.side else {
                self.note_left(line);
                continue;
            };
            // A new referral is shown whole already.
            if line.rule == "create" && side == Side::PartnerCenter {
                continue;
            }
            for (field, (old, new)) in &line.fields {
                self.change(side, &line.rule, (field, old.clone(), new.clone()));
            }
        }
        for change in &commit.entries {
            match change {
                EntryChange::Add(entry) if !self.holds(entry) => self.conflicts.push(entry.clone()),
                EntryChange::Add(_) => {}
                EntryChange::Close { id, .. } | EntryChange::Void { id } => {
                    self.held.retain(|entry| entry.id != *id);
                    self.conflicts.retain(|entry| entry.id != *id);
                }
            }
        }
    }

    fn note_left(&mut self, line: &AuditLine) {
        if line.rule != "undo" {
            return;
        }
        for (field, (_, held)) in &line.fields {
            let why = line.note.trim_start_matches("left alone: ").to_owned();
            self.left.push(Left { field: field.clone(), held: held.clone(), why });
        }
    }

    fn holds(&self, entry: &Entry) -> bool {
        self.conflicts.iter().chain(&self.held).any(|known| known.id == entry.id)
    }
}

/// A document's values by JSON pointer, lists whole.
fn leaves(document: &Json) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    let mut left = vec![(String::new(), document)];
    while let Some((path, json)) = left.pop() {
        match json {
            Json::Object(members) => {
                left.extend(members.iter().rev().map(|(name, json)| (format!("{path}/{name}"), json)));
            }
            _ => {
                let value = from_json(&path, json);
                found.push((path, value));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_new_referral_is_shown_value_by_value_with_its_lists_whole() {
        let document = json!({ "name": "Deal", "details": { "dealValue": 12.50, "notes": null }, "team": [{ "email": "a" }] });
        let shown: Vec<(String, Value)> = leaves(&document);
        let names: Vec<&str> = shown.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(names.len(), 4);
        for name in ["/name", "/details/dealValue", "/details/notes", "/team"] {
            assert!(names.contains(&name), "{names:?}");
        }
        assert!(shown.contains(&("/details/dealValue".to_owned(), Value::Decimal("12.50".parse().unwrap()))));
    }

    #[test]
    fn a_pair_differs_if_more_than_a_report_would_be_written_or_a_person_is_needed() {
        let mut effects = Effects::default();
        effects.change(Side::Crm, "report", ("name", None, Value::Empty));
        assert!(!effects.differs());
        effects.change(Side::Crm, "fold", ("name", None, Value::Empty));
        assert!(effects.differs());
        effects.changes.clear();
        effects.verdict = Some(Verdict::Parked { reason: "gone".to_owned() });
        assert!(effects.differs());
    }
}
