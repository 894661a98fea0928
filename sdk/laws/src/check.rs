//! The whole check: every case, each fault once with the smallest case that shows it, and what is worth knowing besides.

use serde::{Deserialize, Serialize};

use crate::{
    asker::{Asker, Broken, Tally},
    cases::{self, Pair},
    edits::Loss,
    json::of_value,
    law::Law,
    model::{Conflict, Json, Kind, Mapping, Record, Value},
    overlay::put,
    shrink::{Small, shrunk},
};

/// How many faults are shown. One mistake may break several laws in several fields; the first few are enough to mend it.
const FINDINGS_MAX: usize = 12;

/// How often smaller cases are asked about in all. Each question is a dozen calls.
const TRIES_MAX: usize = 1_200;

/// How many conflicts are asked about at once, as a pass may find several.
const CONFLICTS_AT_ONCE: usize = 3;

/// What to ask about.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Pairs are made of these seeds, besides those that are always asked about.
    pub seeds: std::ops::Range<u64>,
    /// Pairs of one's own: recorded ones, or those of a file.
    pub pairs: Vec<Pair>,
}

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// How many pairs were asked about that were made up.
    pub pairs: usize,
    /// How many were one's own.
    pub own_pairs: usize,
    /// How many single edits were followed.
    pub edits: usize,
    /// How many conflicts were to be resolved.
    pub conflicts: usize,
    /// What the functions answered, and the most that a call used.
    pub answers: Tally,
    /// Each fault once.
    pub broken: Vec<Finding>,
    /// Fields in which an edit comes back changed. That is legal.
    pub lossy: Vec<Lossy>,
    /// Why a case could not be asked about, if there was one; such a case shows nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_asked: Option<String>,
}

/// A law that is broken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Which.
    pub law: Law,
    /// Its code, which has a page.
    pub code: String,
    /// The function, or the two that do not fit together.
    pub function: String,
    /// The field: `opportunity.name`, or a JSON pointer into the referral.
    pub field: Option<String>,
    /// What happened with the smallest case.
    pub message: String,
    /// What to change.
    pub help: String,
    /// The case that showed it first.
    pub origin: String,
    /// The smallest case that shows it.
    pub example: Example,
}

/// A case, ready to be pasted into a test.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Example {
    /// The referral; none where it is about a conflict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub referral: Option<Json>,
    /// The record that it is linked with, if there is one: entity, id, fields that are not empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<Json>,
    /// The field of the record that a person changes, and its new value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edit: Option<(String, Json)>,
    /// Conflicts to be resolved.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conflicts: Vec<Json>,
}

/// A field in which an edit comes back changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lossy {
    /// Which: a CRM field, or a JSON pointer into the referral.
    pub field: String,
    /// A value that was entered.
    pub entered: String,
    /// What the other side would make of it.
    pub comes_back: String,
}

/// Checks a mapping on all that the plan says. The same plan asks the same questions.
pub fn check(mapping: &mut dyn Mapping, plan: &Plan) -> Report {
    let manifest = mapping.manifest().clone();
    let mut checker = Checker::new(mapping);
    for pair in cases::systematic(&manifest) {
        checker.pair(&pair);
    }
    checker.edits();
    checker.conflicts();
    for pair in plan.seeds.clone().flat_map(|seed| cases::random(&manifest, seed)) {
        checker.pair(&pair);
    }
    checker.report.pairs = checker.asked;
    for pair in &plan.pairs {
        checker.pair(pair);
    }
    checker.report.own_pairs = plan.pairs.len();
    checker.done()
}

/// Checks a mapping on one pair, as a test of a fault that was once found does.
pub fn check_pair(mapping: &mut dyn Mapping, pair: &Pair) -> Report {
    let mut checker = Checker::new(mapping);
    checker.pair(pair);
    checker.edits_of(pair);
    checker.report.own_pairs = 1;
    checker.done()
}

/// What is asked about one case, so that it can be asked again of a smaller one.
#[derive(Clone)]
enum Case {
    Pair,
    Edit(String, Value),
    Conflicts(Vec<(Conflict, Kind)>),
}

struct Checker<'a> {
    asker: Asker<'a>,
    report: Report,
    /// Pairs so far.
    asked: usize,
    /// How often smaller cases may still be asked about.
    tries_left: usize,
}

impl<'a> Checker<'a> {
    fn new(mapping: &'a mut dyn Mapping) -> Self {
        Self { asker: Asker::new(mapping), report: Report::default(), asked: 0, tries_left: TRIES_MAX }
    }

    fn pair(&mut self, pair: &Pair) {
        self.asked += 1;
        self.asker.in_confidence = pair.in_confidence;
        self.asker.pair(&pair.referral, pair.record.as_ref());
        self.note(&pair.origin, &Case::Pair, &pair.referral, pair.record.as_ref());
    }

    /// Single edits, from the pairs that a whole referral and a full record of each entity come to.
    fn edits(&mut self) {
        let manifest = self.asker.manifest.clone();
        for pair in cases::to_edit(&manifest) {
            self.edits_of(&pair);
        }
    }

    fn edits_of(&mut self, pair: &Pair) {
        self.asker.in_confidence = pair.in_confidence;
        let agreed = self.asker.agreed(&pair.referral, pair.record.as_ref());
        // What is wrong with the pair itself is found by asking about the pair.
        self.asker.broken.clear();
        let Some(agreed) = agreed else { return };
        let Some(used) = self.asker.manifest.primary(&agreed.record.key.entity).cloned() else { return };
        for (field, value) in cases::crm_edits(&used) {
            self.report.edits += 1;
            let loss = self.asker.edited_in_the_crm(&agreed, &field, &value);
            let case = Case::Edit(field, value);
            self.note(&pair.origin, &case, &agreed.referral, Some(&agreed.record));
            self.lossy(loss.filter(|_| !pair.in_confidence));
        }
        for (pointer, value) in cases::referral_edits() {
            self.report.edits += 1;
            let mut edited = agreed.referral.clone();
            put(&mut edited, pointer, value.clone());
            let loss = self.asker.edited_in_partner_center(&agreed, &edited, pointer, &value);
            self.note(&pair.origin, &Case::Pair, &edited, Some(&agreed.record));
            self.lossy(loss.filter(|_| !pair.in_confidence));
        }
    }

    fn lossy(&mut self, loss: Option<Loss>) {
        let Some(loss) = loss else { return };
        if self.report.lossy.iter().all(|known| known.field != loss.field) {
            let lossy = Lossy { field: loss.field, entered: loss.before, comes_back: loss.after };
            self.report.lossy.push(lossy);
        }
    }

    fn conflicts(&mut self) {
        let manifest = self.asker.manifest.clone();
        let conflicts = cases::conflicts(&manifest);
        self.report.conflicts = conflicts.len();
        for some in conflicts.chunks(CONFLICTS_AT_ONCE) {
            self.asker.conflicts(some);
            self.note("a conflict that was made up", &Case::Conflicts(some.to_vec()), &Json::Null, None);
        }
    }

    /// Keeps what the last case broke, if it is new, with the smallest case that shows it.
    fn note(&mut self, origin: &str, case: &Case, referral: &Json, record: Option<&Record>) {
        let not_asked = self.asker.not_asked.take();
        self.report.not_asked = self.report.not_asked.take().or(not_asked);
        for broken in std::mem::take(&mut self.asker.broken) {
            let known = self.report.broken.iter().any(|known| is_like(known, &broken));
            if known || self.report.broken.len() >= FINDINGS_MAX {
                continue;
            }
            // Asking for a smaller case is not part of the answers that are counted.
            let tally = self.asker.tally.clone();
            let (message, example) = self.smallest(&broken, case, referral, record);
            self.asker.tally = tally;
            self.report.broken.push(Finding {
                law: broken.law,
                code: broken.law.code().to_owned(),
                function: broken.function.to_owned(),
                field: broken.field,
                message,
                help: broken.law.help().to_owned(),
                origin: origin.to_owned(),
                example,
            });
        }
    }

    fn smallest(
        &mut self,
        broken: &Broken,
        case: &Case,
        referral: &Json,
        record: Option<&Record>,
    ) -> (String, Example) {
        if let Case::Conflicts(conflicts) = case {
            let one = conflicts
                .iter()
                .find(|one| self.shows(broken, &Case::Conflicts(vec![(*one).clone()]), None).is_some());
            let shown: Vec<(Conflict, Kind)> = one.map_or_else(|| conflicts.clone(), |one| vec![one.clone()]);
            let conflicts = shown.iter().map(|(conflict, _)| conflict.to_json()).collect();
            return (broken.message.clone(), Example { conflicts, ..Example::default() });
        }
        let mut message = broken.message.clone();
        let whole = Small { referral: referral.clone(), record: record.cloned() };
        let small = shrunk(whole, &mut |small| {
            if self.tries_left == 0 {
                return false;
            }
            self.tries_left -= 1;
            let said = self.shows(broken, case, Some(small));
            let shows = said.is_some();
            message = said.unwrap_or(std::mem::take(&mut message));
            shows
        });
        let example = Example {
            referral: Some(small.referral),
            record: small.record.map(|record| record.to_json()),
            edit: match case {
                Case::Edit(field, value) => Some((field.clone(), of_value(value))),
                _ => None,
            },
            conflicts: Vec::new(),
        };
        (message, example)
    }

    /// What a case says of the same fault, if it shows it.
    fn shows(&mut self, broken: &Broken, case: &Case, small: Option<&Small>) -> Option<String> {
        self.asker.broken.clear();
        match (case, small) {
            (Case::Pair, Some(small)) => self.asker.pair(&small.referral, small.record.as_ref()),
            (Case::Edit(field, value), Some(small)) => {
                let agreed = self.asker.agreed(&small.referral, small.record.as_ref())?;
                if agreed.record.fields.contains_key(field) {
                    self.asker.edited_in_the_crm(&agreed, field, value);
                }
            }
            (Case::Conflicts(conflicts), _) => self.asker.conflicts(conflicts),
            _ => return None,
        }
        let shown = std::mem::take(&mut self.asker.broken);
        shown.into_iter().find(|shown| shown.is_like(broken)).map(|shown| shown.message)
    }

    fn done(mut self) -> Report {
        self.report.answers = self.asker.tally;
        self.report.broken.sort_by_key(|finding| finding.law);
        self.report
    }
}

fn is_like(finding: &Finding, broken: &Broken) -> bool {
    (finding.law, finding.function.as_str(), &finding.field) == (broken.law, broken.function, &broken.field)
}
