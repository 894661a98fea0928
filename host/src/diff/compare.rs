//! One recorded pass through both releases, and where they part.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use crosswalk_engine::{
    canon::Canon,
    link::Entry,
    mapping::Refusal,
    pass::{Seen, Side, Subject, Verdict},
};
use crosswalk_journal::Recording;
use serde::{Deserialize, Serialize};
use tracing::warn;

use super::Both;
use crate::{
    admin::events::{subject, value, verdict, word},
    dispatch::Chain,
    process::{Change, Effects},
    recording::Recorded,
    replay::{Replayed, replay},
};

/// What came of one recorded pass.
#[derive(Debug)]
pub(super) enum Compared {
    /// Both releases do the same.
    Same,
    /// They do not.
    Differs(Box<Difference>),
    /// The recording cannot be read by this host.
    Unreadable,
}

/// Where two releases part over one pass.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Difference {
    /// The pass.
    pub(crate) pass: String,
    /// Its time (RFC 3339, UTC).
    pub(crate) at: String,
    /// The referral's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) referral: Option<String>,
    /// The record, `opportunity 81a0…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) record: Option<String>,
    /// How the candidate ends otherwise; missing where it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ending: Option<Ending>,
    /// Each field that is written otherwise, as far as both passes are known.
    #[serde(default)]
    pub(crate) fields: Vec<FieldDifference>,
    /// What only one of them keeps for a person.
    #[serde(default)]
    pub(crate) kept: Vec<KeptDifference>,
    /// What one of them asked for that was not recorded.
    #[serde(default)]
    pub(crate) unanswered: BTreeSet<String>,
    /// How the pass ends under the tenant's release, in a sentence.
    pub(crate) current: String,
    /// How it ends under the candidate.
    pub(crate) candidate: String,
}

/// How the candidate ends a pass otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Ending {
    /// The runtime stopped it, with this code.
    Traps(String),
    /// It refuses, or what it says is refused, with this code.
    Refuses(String),
    /// It leaves the pair to a person.
    Parks,
    /// It leaves the pair alone.
    Skips,
    /// It ends in another way.
    Otherwise,
}

impl Ending {
    /// Whether the candidate says this instead of writing: then what it does not write needs no further words.
    pub(super) fn is_instead_of_writing(&self) -> bool {
        matches!(self, Ending::Traps(_) | Ending::Refuses(_) | Ending::Skips)
    }
}

/// A field that one of two releases writes, or each writes otherwise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct FieldDifference {
    /// Which of them writes.
    pub(crate) kind: Kind,
    /// `partner-center` or `crm`.
    pub(crate) side: String,
    /// The CRM's field, or the JSON pointer into the referral.
    pub(crate) field: String,
    /// What it held; missing where it is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) held: Option<String>,
    /// What the tenant's release writes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) current: Option<String>,
    /// What the candidate would write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) candidate: Option<String>,
}

/// Which of two releases writes a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// Both, and not the same.
    OtherValue,
    /// Only the tenant's own.
    OnlyCurrentWrites,
    /// Only the candidate.
    OnlyCandidateWrites,
}

/// A field that only one of two releases keeps for a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct KeptDifference {
    /// The field.
    pub(crate) field: String,
    /// Whether it is the candidate.
    pub(crate) by_candidate: bool,
    /// Why.
    pub(crate) reason: String,
}

/// Replays a recorded pass through both releases; through the one that decided it only if what it did is not recorded.
pub(super) fn compare(both: &Both, recording: &Recording) -> Compared {
    let recorded = match Recorded::read(&recording.bytes) {
        Ok(recorded) => recorded,
        Err(error) => {
            warn!(pass = %recording.pass, error = %Chain(&error), "a recording is left out of a comparison");
            return Compared::Unreadable;
        }
    };
    let current = match recorded.effects_of(&both.current.id) {
        Some(effects) => {
            Replayed { effects: effects.clone(), unanswered: BTreeSet::new(), usage: recorded.usage }
        }
        None => replay(&recorded, &both.current.plugin, both.limits),
    };
    let candidate = replay(&recorded, &both.candidate.plugin, both.limits);
    match difference(&recorded, &current, &candidate) {
        None => Compared::Same,
        Some(difference) => {
            Compared::Differs(Box::new(Difference { pass: recording.pass.to_string(), ..difference }))
        }
    }
}

fn difference(recorded: &Recorded, current: &Replayed, candidate: &Replayed) -> Option<Difference> {
    let canon = canon_of(recorded);
    let (was, would) = (&current.effects, &candidate.effects);
    let fields = fields(was, would, canon);
    let difference = Difference {
        pass: String::new(),
        at: recorded.start.now.to_string(),
        referral: would.pair.referral.clone().or_else(|| was.pair.referral.clone()),
        record: would
            .pair
            .record
            .clone()
            .or_else(|| was.pair.record.clone())
            .map(|key| subject(&Subject::Record(key))),
        ending: ending(was, would, fields.is_empty()),
        fields,
        kept: kept(was, would),
        unanswered: current.unanswered.union(&candidate.unanswered).cloned().collect(),
        current: outcome(current),
        candidate: outcome(candidate),
    };
    let is_same = difference.ending.is_none()
        && difference.fields.is_empty()
        && difference.kept.is_empty()
        && difference.unanswered.is_empty();
    (!is_same).then_some(difference)
}

/// Values are compared as the pair's own are: to the precision of the deal's currency.
fn canon_of(recorded: &Recorded) -> Canon {
    let referral = recorded.steps.iter().find_map(|step| match &step.seen {
        Seen::Referral(Some(read)) => Some(&read.value),
        _ => None,
    });
    referral.map_or(Canon::of_currency(None), Canon::of)
}

/// Each field that is written otherwise. Where one of the replays ended before its pass, the other is looked at no further
/// than that write.
fn fields(was: &Effects, would: &Effects, canon: Canon) -> Vec<FieldDifference> {
    let known_to = |effects: &Effects| if effects.verdict.is_some() { u32::MAX } else { effects.writes };
    let last = known_to(was).min(known_to(would));
    let (was, would) = (written(was, last), written(would, last));
    let names: BTreeSet<_> = was.keys().chain(would.keys()).copied().collect();
    let differs = |(side, field): (Side, &str)| {
        let (current, candidate) = (was.get(&(side, field)), would.get(&(side, field)));
        let kind = match (current, candidate) {
            (Some(one), Some(other)) if canon.same(&one.new, &other.new) => return None,
            (Some(_), Some(_)) => Kind::OtherValue,
            (Some(_), None) => Kind::OnlyCurrentWrites,
            (None, _) => Kind::OnlyCandidateWrites,
        };
        Some(FieldDifference {
            kind,
            side: word(&side),
            field: field.to_owned(),
            held: current.or(candidate).and_then(|change| change.old.as_ref()).map(value),
            current: current.map(|change| value(&change.new)),
            candidate: candidate.map(|change| value(&change.new)),
        })
    };
    names.into_iter().filter_map(differs).collect()
}

/// What a pass writes last to each field, up to a write.
fn written(effects: &Effects, last: u32) -> BTreeMap<(Side, &str), &Change> {
    let known = effects.changes.iter().filter(|change| change.write <= last);
    known.map(|change| ((change.side, change.field.as_str()), change)).collect()
}

/// How the candidate ends otherwise. That it writes where the other does not is told field by field.
fn ending(was: &Effects, would: &Effects, writes_the_same: bool) -> Option<Ending> {
    let code = |refusal: &Option<Refusal>| refusal.as_ref().map(|refusal| refusal.code.clone());
    if let Some(code) = code(&would.refusal).filter(|new| code(&was.refusal).as_ref() != Some(new)) {
        return Some(if is_trap(&code) { Ending::Traps(code) } else { Ending::Refuses(code) });
    }
    let (Some(was), Some(would)) = (&was.verdict, &would.verdict) else { return None };
    if std::mem::discriminant(was) == std::mem::discriminant(would) {
        let moved_elsewhere =
            matches!((was, would), (Verdict::Moved { to }, Verdict::Moved { to: other }) if to != other);
        return moved_elsewhere.then_some(Ending::Otherwise);
    }
    match would {
        Verdict::Parked { .. } => Some(Ending::Parks),
        Verdict::Skipped { .. } => Some(Ending::Skips),
        _ => writes_the_same.then_some(Ending::Otherwise),
    }
}

/// Whether the runtime stopped the plugin: the codes of spent limits, panics and traps.
fn is_trap(code: &str) -> bool {
    ("MAP030".."MAP050").contains(&code)
}

fn kept(was: &Effects, would: &Effects) -> Vec<KeptDifference> {
    let by = |kept: &[Entry], entry: &Entry| {
        kept.iter().any(|other| (&other.field, other.kind) == (&entry.field, entry.kind))
    };
    let only = |of: &Effects, other: &Effects, by_candidate: bool| {
        let alone = of.conflicts.iter().filter(|entry| !by(&other.conflicts, entry));
        alone
            .map(|entry| KeptDifference {
                field: entry.field.clone(),
                by_candidate,
                reason: entry.reason.clone(),
            })
            .collect::<Vec<_>>()
    };
    if was.verdict.is_none() || would.verdict.is_none() {
        return Vec::new();
    }
    [only(was, would, false), only(would, was, true)].concat()
}

fn outcome(replayed: &Replayed) -> String {
    match (&replayed.effects.verdict, replayed.unanswered.is_empty()) {
        (Some(ended), _) => verdict(ended),
        (None, true) => "something is made, of which only its making tells what comes next".to_owned(),
        (None, false) => "not known: it asks for what was not recorded".to_owned(),
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = |side: &Option<String>, none: &str| side.clone().unwrap_or_else(|| none.to_owned());
        let (referral, record) = (named(&self.referral, "(none)"), named(&self.record, "no record"));
        write!(out, "{}  {}  referral {referral} | {record}", self.at, self.pass)?;
        if !self.ending.as_ref().is_some_and(Ending::is_instead_of_writing) {
            for field in &self.fields {
                write!(out, "\n    {field}")?;
            }
        }
        for kept in &self.kept {
            let who = if kept.by_candidate { "the candidate" } else { "current" };
            write!(out, "\n    {}: only {who} keeps it for a person: {}", kept.field, kept.reason)?;
        }
        if self.ending.is_some() {
            write!(out, "\n    current    {}\n    candidate  {}", self.current, self.candidate)?;
        }
        if !self.unanswered.is_empty() {
            let names: Vec<&str> = self.unanswered.iter().map(String::as_str).collect();
            write!(out, "\n    not recorded, so not known: {}", names.join(", "))?;
        }
        Ok(())
    }
}

impl fmt::Display for FieldDifference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
        let held = self.held.as_deref().unwrap_or("(new)");
        let (current, candidate) = (shown(&self.current), shown(&self.candidate));
        write!(out, "{}  {}: {held} → current {current}, candidate {candidate}", self.side, self.field)
    }
}

#[cfg(test)]
mod tests;
