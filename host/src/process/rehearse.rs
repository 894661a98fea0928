//! A pass that writes nothing: the same engine, the same plugin, the same reads, and what it would write where.
//!
//! Writes of fields are answered as if they had landed, so that the pass shows all of them. A create or a conversion is
//! shown whole, and the rehearsal ends there: what would come after it can only be read from what it makes.

use std::sync::Arc;

use crosswalk_engine::{
    link::Entry,
    pass::{Action, Commit, EntryChange, Pair, Pass, Seen, Side, Start, Subject, Verdict, Versioned},
    referral::from_json,
    value::{RecordKey, Value},
};
use crosswalk_journal::Link;
use crosswalk_runtime::Release;
use serde_json::Value as Json;

use super::{
    Fault,
    reach::{self, Looked, Reach},
};
use crate::{app::App, tenant::Tenant};

/// What a new referral or record is called where its id is not known yet.
const NEW: &str = "(new)";

/// What a pass would do.
#[derive(Debug)]
pub(crate) struct Rehearsed {
    /// The pair that was looked at, as far as it is known.
    pub(crate) pair: Pair,
    /// What would be written, in order.
    pub(crate) changes: Vec<Change>,
    /// What would be kept for a person.
    pub(crate) conflicts: Vec<Entry>,
    /// What is kept for a person already and holds its field.
    pub(crate) held: Vec<Entry>,
    /// How the pass would end, as far as it can be known.
    pub(crate) verdict: Option<Verdict>,
}

/// A field that would be written.
#[derive(Debug)]
pub(crate) struct Change {
    /// Where.
    pub(crate) side: Side,
    /// By which rule.
    pub(crate) rule: String,
    /// Which.
    pub(crate) field: String,
    /// What it holds.
    pub(crate) old: Option<Value>,
    /// What it would hold.
    pub(crate) new: Value,
}

impl Rehearsed {
    /// Whether the two sides differ in a field that is mapped. What would only be reported on the record does not count.
    pub(crate) fn differs(&self) -> bool {
        self.changes.iter().any(|change| change.rule != "report")
            || !self.conflicts.is_empty()
            || !self.held.is_empty()
            || matches!(self.verdict, Some(Verdict::Parked { .. }))
    }
}

/// Looks at a subject as a pass would, and where it is handed on to, once.
pub(crate) async fn rehearse(
    app: &App,
    tenant: &Tenant,
    release: &Arc<Release>,
    subject: &Subject,
) -> Result<Rehearsed, Fault> {
    let rehearsed = one(app, tenant, release, subject).await?;
    match &rehearsed.verdict {
        Some(Verdict::Moved { to }) => one(app, tenant, release, to).await,
        _ => Ok(rehearsed),
    }
}

async fn one(
    app: &App,
    tenant: &Tenant,
    release: &Arc<Release>,
    subject: &Subject,
) -> Result<Rehearsed, Fault> {
    let link = app.journal.link_of(&tenant.name, subject).await?;
    let reach = Reach::new(tenant, release, "rehearsal")?;
    let mut stage = Stage::new(subject, link.as_ref());
    let now = app.now();
    let mut mapper = reach.mapper(&tenant.name, now);
    let (mut pass, mut action) = Pass::begin(Start {
        id: "rehearsal".to_owned(),
        subject: subject.clone(),
        pair: stage.rehearsed.pair.clone(),
        state: link.map(|link| link.state),
        manifest: release.plugin.manifest().clone(),
        now,
        limits: reach::limits(app),
        post_again: None,
        rules: Default::default(),
    });
    loop {
        let seen = match stage.answer(action) {
            Answer::Seen(seen) => seen,
            Answer::Over => return Ok(stage.rehearsed),
            Answer::Look(look) => match reach.look(look).await? {
                Looked::Seen(seen) => seen,
                Looked::NotALook(_) => {
                    return Err(Fault::new(
                        "a rehearsal met a step that it does not know: a defect of Crosswalk",
                    ));
                }
            },
        };
        (pass, mapper, action) = reach::step(pass, mapper, seen).await?;
    }
}

/// The place of the systems that are only written in a rehearsal.
struct Stage {
    rehearsed: Rehearsed,
    /// Something would be made whose id is not known.
    made: bool,
}

#[expect(clippy::large_enum_variant, reason = "one of them lives at a time, for one step of a pass")]
enum Answer {
    Seen(Seen),
    Look(Action),
    Over,
}

impl Stage {
    fn new(subject: &Subject, link: Option<&Link>) -> Self {
        let alone = match subject {
            Subject::Referral(id) => Pair { referral: Some(id.clone()), ..Pair::default() },
            Subject::Record(key) => Pair { record: Some(key.clone()), ..Pair::default() },
        };
        let held = link.map(|link| link.state.open.values().cloned().collect()).unwrap_or_default();
        let pair = link.map_or(alone, |link| link.pair.clone());
        let rehearsed = Rehearsed { pair, changes: Vec::new(), conflicts: Vec::new(), held, verdict: None };
        Stage { rehearsed, made: false }
    }

    fn answer(&mut self, action: Action) -> Answer {
        match action {
            Action::Finish { commit, verdict } => {
                self.note(commit);
                self.rehearsed.verdict = Some(verdict);
                Answer::Over
            }
            Action::Store(commit) => {
                self.note(commit);
                if self.made { Answer::Over } else { Answer::Seen(Seen::Stored) }
            }
            // The lines of the audit, which come with the next transaction, say what was written.
            Action::WriteRecord { .. } | Action::WriteReferral { .. } => Answer::Seen(written(None)),
            Action::CreateRecord { entity, .. } => {
                self.made = true;
                Answer::Seen(written(Some(RecordKey { entity, id: NEW.to_owned() })))
            }
            Action::ConvertRecord { key, to, .. } => {
                self.made = true;
                self.rehearsed.changes.push(Change {
                    side: Side::Crm,
                    rule: "convert".to_owned(),
                    field: key.entity,
                    old: Some(Value::Text(key.id)),
                    new: Value::Text(to.clone()),
                });
                Answer::Seen(written(Some(RecordKey { entity: to, id: NEW.to_owned() })))
            }
            Action::PostReferral(document) => {
                self.made = true;
                for (field, new) in leaves(&document.0) {
                    let (side, rule) = (Side::PartnerCenter, "create".to_owned());
                    self.rehearsed.changes.push(Change { side, rule, field, old: None, new });
                }
                let posted = document.overlay(&[("/id".to_owned(), Value::Text(NEW.to_owned()))].into());
                Answer::Seen(Seen::Posted(Versioned { value: posted, version: String::new() }))
            }
            _ if self.made => Answer::Over,
            look => Answer::Look(look),
        }
    }

    fn note(&mut self, commit: Commit) {
        if let Some((pair, _)) = commit.link {
            self.rehearsed.pair = pair;
        }
        for line in commit.audit {
            let Some(side) = line.side else { continue };
            // A new referral is shown whole already.
            if line.rule == "create" && side == Side::PartnerCenter {
                continue;
            }
            for (field, (old, new)) in line.fields {
                self.rehearsed.changes.push(Change { side, rule: line.rule.clone(), field, old, new });
            }
        }
        for change in commit.entries {
            match change {
                EntryChange::Add(entry) if !self.holds(&entry) => self.rehearsed.conflicts.push(entry),
                EntryChange::Add(_) => {}
                EntryChange::Close { id, .. } | EntryChange::Void { id } => {
                    self.rehearsed.held.retain(|entry| entry.id != id);
                    self.rehearsed.conflicts.retain(|entry| entry.id != id);
                }
            }
        }
    }

    fn holds(&self, entry: &Entry) -> bool {
        self.rehearsed.conflicts.iter().chain(&self.rehearsed.held).any(|known| known.id == entry.id)
    }
}

fn written(key: Option<RecordKey>) -> Seen {
    Seen::Written { version: String::new(), key }
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
        let mut rehearsed = Stage::new(&Subject::Referral("r1".to_owned()), None).rehearsed;
        let change = |rule: &str| Change {
            side: Side::Crm,
            rule: rule.to_owned(),
            field: "name".to_owned(),
            old: None,
            new: Value::Empty,
        };
        rehearsed.changes.push(change("report"));
        assert!(!rehearsed.differs());
        rehearsed.changes.push(change("fold"));
        assert!(rehearsed.differs());
        rehearsed.changes.clear();
        rehearsed.verdict = Some(Verdict::Parked { reason: "gone".to_owned() });
        assert!(rehearsed.differs());
    }
}
