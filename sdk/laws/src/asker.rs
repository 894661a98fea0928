//! Asks a mapping, counts what it answers, and notes whatever is wrong with an answer by itself: a trap, a limit, an
//! undeclared field, another answer than a moment ago.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    law::Law,
    legal,
    model::{Conflict, Draft, Failure, Json, Manifest, Mapping, Outcome, Record, Resolution, Value},
    words,
};

/// The time of the pass, whenever a mapping is asked: noon on 31 January 2026, far from midnight.
pub const NOW: Timestamp = Timestamp::constant(1_769_860_800, 0);

/// How much later a mapping is asked again.
const A_MOMENT: SignedDuration = SignedDuration::from_secs(1);

/// What one call used, each as a share of what it may: 1.0 is all of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Used {
    /// Of its fuel.
    pub fuel: f64,
    /// Of its memory.
    pub memory: f64,
    /// Of the bytes that an answer may have.
    pub output: f64,
}

impl Used {
    fn at_least(&mut self, other: Self) {
        self.fuel = self.fuel.max(other.fuel);
        self.memory = self.memory.max(other.memory);
        self.output = self.output.max(other.output);
    }
}

/// What a function answered with, how often.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answers {
    /// A draft, a list of resolutions, or what to show.
    pub held: u64,
    /// The pair was to be left alone.
    pub skipped: u64,
    /// The plugin refused, in its own words.
    pub refused: u64,
    /// The first of those words, so that a mapping that refuses everything says why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_refusal: Option<String>,
}

/// Everything that was asked.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    /// By `to_crm`.
    pub to_crm: Answers,
    /// By `to_referral`.
    pub to_referral: Answers,
    /// By `resolve`.
    pub resolve: Answers,
    /// By `report`.
    pub report: Answers,
    /// The most that any call used; nothing where nobody measures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worst: Option<Used>,
}

/// A law that was broken, before anybody looked for the smallest case that shows it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Broken {
    pub(crate) law: Law,
    pub(crate) function: &'static str,
    pub(crate) field: Option<String>,
    pub(crate) message: String,
}

impl Broken {
    /// Whether it is the same fault, whatever the values were.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        (self.law, self.function, &self.field) == (other.law, other.function, &other.field)
    }
}

pub(crate) struct Asker<'a> {
    mapping: &'a mut dyn Mapping,
    pub(crate) manifest: Manifest,
    pub(crate) tally: Tally,
    pub(crate) broken: Vec<Broken>,
    /// The pair is a tenant's own: nothing that the plugin says of it is kept.
    pub(crate) in_confidence: bool,
    /// The plugin could not be asked about the present case, so it shows nothing.
    pub(crate) not_asked: Option<String>,
}

impl<'a> Asker<'a> {
    pub(crate) fn new(mapping: &'a mut dyn Mapping) -> Self {
        let manifest = mapping.manifest().clone();
        Self {
            mapping,
            manifest,
            tally: Tally::default(),
            broken: Vec::new(),
            in_confidence: false,
            not_asked: None,
        }
    }

    /// π: the draft, or none if it skips, refuses, or breaks a law by itself.
    pub(crate) fn pi(&mut self, referral: &Json, record: Option<&Record>) -> Option<Draft> {
        let answer = self.mapping.to_crm(referral, record, NOW);
        self.drafted(answer)
    }

    /// π, asked twice.
    pub(crate) fn pi_twice(&mut self, referral: &Json, record: Option<&Record>) -> Option<Draft> {
        let ask = |mapping: &mut dyn Mapping, now| mapping.to_crm(referral, record, now);
        let answer = self.twice("to_crm", ask, words::draft_difference);
        self.drafted(answer)
    }

    fn drafted(&mut self, answer: Result<Outcome<Draft>, Failure>) -> Option<Draft> {
        let draft = self.held("to_crm", answer)?;
        let wrong = legal::draft(&self.manifest, &draft);
        self.legal("to_crm", wrong).then_some(draft)
    }

    /// ρ: the fields, or none if it skips, refuses, or breaks a law by itself.
    pub(crate) fn rho(&mut self, record: &Record, referral: Option<&Json>) -> Option<Vec<(String, Value)>> {
        let answer = self.mapping.to_referral(record, referral, NOW);
        self.pushed(answer)
    }

    /// ρ, asked twice.
    pub(crate) fn rho_twice(
        &mut self,
        record: &Record,
        referral: Option<&Json>,
    ) -> Option<Vec<(String, Value)>> {
        let ask = |mapping: &mut dyn Mapping, now| mapping.to_referral(record, referral, now);
        let answer = self.twice("to_referral", ask, |one, other| words::field_difference(one, other));
        self.pushed(answer)
    }

    fn pushed(
        &mut self,
        answer: Result<Outcome<Vec<(String, Value)>>, Failure>,
    ) -> Option<Vec<(String, Value)>> {
        let fields = self.held("to_referral", answer)?;
        let wrong = legal::pointers(&fields);
        self.legal("to_referral", wrong).then_some(fields)
    }

    /// Who wins, if the plugin says so.
    pub(crate) fn resolve(&mut self, conflicts: &[Conflict]) -> Option<Vec<Resolution>> {
        let ask = |mapping: &mut dyn Mapping, now| mapping.resolve(conflicts, now).map(Outcome::Hold);
        let field = conflicts.first().map(|conflict| conflict.field.clone()).unwrap_or_default();
        let answer = self.twice("resolve", ask, |_, _| Some((field.clone(), String::new(), String::new())));
        self.held("resolve", answer)
    }

    /// What the record should show. The time may be part of it, so that it is not asked twice.
    pub(crate) fn report(&mut self, record: &Record, failed: Option<&str>) -> Option<Vec<(String, Value)>> {
        let answer = self.mapping.report(record, failed, NOW).map(Outcome::Hold);
        let fields = self.held("report", answer)?;
        let wrong = legal::report(&self.manifest, &record.key.entity, &fields);
        self.legal("report", wrong).then_some(fields)
    }

    /// Asks now and a moment later; where the two differ, a third time, to know which of the two it is.
    fn twice<T: PartialEq>(
        &mut self,
        function: &'static str,
        mut ask: impl FnMut(&mut dyn Mapping, Timestamp) -> Result<Outcome<T>, Failure>,
        difference: impl Fn(&T, &T) -> Option<(String, String, String)>,
    ) -> Result<Outcome<T>, Failure> {
        let first = ask(self.mapping, NOW);
        let later = ask(self.mapping, NOW + A_MOMENT);
        if matches!((&first, &later), (Err(Failure::NotAsked(_)), _) | (_, Err(Failure::NotAsked(_)))) {
            return first;
        }
        if first == later || is_caught(&first) {
            return first;
        }
        let again = ask(self.mapping, NOW);
        let (other, when) = if again == first { (&later, "a second later") } else { (&again, "asked again") };
        let differing = match (&first, other) {
            (Ok(Outcome::Hold(one)), Ok(Outcome::Hold(other))) => difference(one, other),
            _ => None,
        };
        let (field, message) = match differing {
            Some((field, one, other)) if one.is_empty() && other.is_empty() => {
                let message = format!("the answer for `{field}` is another one {when}");
                (Some(field), message)
            }
            Some((field, one, other)) => {
                let message = format!("`{field}` is {one}, and {when} it is {other}");
                (Some(field), message)
            }
            None => (None, format!("the answer is another one {when}")),
        };
        self.broken.push(Broken { law: Law::Deterministic, function, field, message });
        first
    }

    fn held<T>(&mut self, function: &'static str, answer: Result<Outcome<T>, Failure>) -> Option<T> {
        if let Some(used) = self.mapping.used() {
            self.tally.worst.get_or_insert_default().at_least(used);
        }
        let counted = match function {
            "to_crm" => &mut self.tally.to_crm,
            "to_referral" => &mut self.tally.to_referral,
            "resolve" => &mut self.tally.resolve,
            _ => &mut self.tally.report,
        };
        match answer {
            Ok(Outcome::Hold(held)) => {
                counted.held += 1;
                Some(held)
            }
            Ok(Outcome::Skip(_)) => {
                counted.skipped += 1;
                None
            }
            Err(Failure::Refused { field, message }) => {
                counted.refused += 1;
                if counted.first_refusal.is_none() && !self.in_confidence {
                    counted.first_refusal =
                        Some(field.map_or_else(|| message.clone(), |field| format!("`{field}`: {message}")));
                }
                None
            }
            Err(Failure::Caught { law, field, message }) => {
                self.broken.push(Broken { law, function, field, message });
                None
            }
            Err(Failure::NotAsked(why)) => {
                self.not_asked = Some(why);
                None
            }
        }
    }

    fn legal(&mut self, function: &'static str, wrong: Vec<legal::Wrong>) -> bool {
        let legal = wrong.is_empty();
        self.broken.extend(wrong.into_iter().map(|legal::Wrong { law, field, message }| Broken {
            law,
            function,
            field: Some(field),
            message,
        }));
        legal
    }
}

fn is_caught<T>(answer: &Result<T, Failure>) -> bool {
    matches!(answer, Err(Failure::Caught { .. }))
}
