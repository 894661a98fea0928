//! The laws that every mapping must keep, checked natively: the same that `crosswalk plugin check` checks on a component,
//! by the same code ([`crosswalk_laws`]), which also says what each law is.
//!
//! ```
//! # use crosswalk_sdk::{Plugin, testing};
//! # fn the_laws_hold(plugin: fn() -> Plugin) {
//! testing::laws::hold(&plugin(), 0..200);
//! # }
//! ```
//!
//! Settings and lookups are those of the test's thread. Where a test has not said what a lookup finds, it finds records
//! that are made up, so that a mapping which looks things up is checked as well.

use std::{
    cell::{Cell, RefCell},
    ops::Range,
    panic::{self, AssertUnwindSafe},
    sync::Once,
};

use crosswalk_laws::{
    Law, Pair, Plan,
    model::{self, Failure, Mapping, Outcome},
};
use jiff::Timestamp;

pub use crosswalk_laws::{Finding, Lossy, Report};

use super::{context, double, parse::referral, plain};
use crate::{
    Json, Plugin, SyncOutcome, SyncReport,
    contract::{self, CrmOutcome, CrmRecord, ReferralOutcome},
};

/// Checks the laws on odd but legal pairs, some of them made of `seeds`; panics with what is broken, each fault with the
/// smallest referral (and record) that shows it. For a plugin's own test: `laws::hold(&plugin::plugin(), 0..200)`.
///
/// # Panics
/// When a law is broken.
pub fn hold(plugin: &Plugin, seeds: Range<u64>) {
    assert_holds(&report(plugin, seeds));
}

/// Checks the laws on one pair: `laws::hold_for(&plugin::plugin(), json!({ .. }), None)`. Referral and record are those
/// of a finding, so that a fault that was mended stays mended. Without a record, one is made of what `to_crm` asks for.
///
/// # Panics
/// When a law is broken, or the record is of an entity that the plugin does not link.
#[expect(clippy::panic, reason = "this is an assertion for tests")]
pub fn hold_for(plugin: &Plugin, referral: Json, record: Option<Json>) {
    let mut native = Native::new(plugin);
    let record = record.map(|record| model::Record::from_json(native.manifest(), &record));
    let record = record.transpose().unwrap_or_else(|problem| panic!("{problem}"));
    assert_holds(&native.one(referral, record));
}

/// What `hold` would find, and what is worth knowing of a lawful mapping: what it answered, and which fields are lossy.
pub fn report(plugin: &Plugin, seeds: Range<u64>) -> Report {
    let plan = Plan { seeds, pairs: Vec::new() };
    let mut native = Native::new(plugin);
    native.within(|native| crosswalk_laws::check(native, &plan))
}

/// Checks the laws on one pair. Answers with a few sentences for each one that is broken.
pub fn broken(plugin: &Plugin, referral: &Json, record: Option<&CrmRecord>) -> Vec<String> {
    let report = Native::new(plugin).one(referral.clone(), record.map(plain::record));
    report.broken.iter().map(Finding::to_string).collect()
}

#[expect(clippy::panic, reason = "this is an assertion for tests")]
fn assert_holds(report: &Report) {
    if report.broken.is_empty() {
        return;
    }
    let findings: Vec<String> = report.broken.iter().map(in_test).collect();
    panic!("{} laws are broken\n\n{}\n", findings.len(), findings.join("\n\n"));
}

/// A finding, with the line that keeps it mended.
fn in_test(finding: &Finding) -> String {
    let Some(referral) = &finding.example.referral else { return finding.to_string() };
    let record = finding.example.record.as_ref();
    let record = record.map_or_else(|| "None".to_owned(), |record| format!("Some(json!({record}))"));
    format!("{finding}\n  paste     laws::hold_for(&plugin::plugin(), json!({referral}), {record});")
}

/// A plugin that is called as a function.
struct Native {
    plugin: Plugin,
    manifest: model::Manifest,
}

impl Native {
    fn new(plugin: &Plugin) -> Self {
        Self { plugin: *plugin, manifest: plain::manifest(&(plugin.describe)()) }
    }

    fn one(&mut self, referral: Json, record: Option<model::Record>) -> Report {
        let pair = Pair::own("your own pair", referral, record);
        self.within(|native| crosswalk_laws::check_pair(native, &pair))
    }

    /// With lookups that find something, and without a message for each panic.
    fn within<T>(&mut self, check: impl FnOnce(&mut Self) -> T) -> T {
        let lookups = (self.plugin.describe)().lookups;
        let _made_up = double::made_up(lookups.iter().map(plain::entity_use).collect());
        quietly(|| check(self))
    }
}

impl Mapping for Native {
    fn manifest(&self) -> &model::Manifest {
        &self.manifest
    }

    fn to_crm(
        &mut self,
        json: &Json,
        record: Option<&model::Record>,
        now: Timestamp,
    ) -> Result<Outcome<model::Draft>, Failure> {
        let (typed, record) = (referral(json.clone()), record.map(plain::contract_record));
        match asked(|| (self.plugin.to_crm)(&typed, record.as_ref(), &at(now)))? {
            CrmOutcome::Hold(draft) => Ok(Outcome::Hold(plain::draft(&draft))),
            CrmOutcome::Skip(reason) => Ok(Outcome::Skip(reason)),
        }
    }

    fn to_referral(
        &mut self,
        record: &model::Record,
        json: Option<&Json>,
        now: Timestamp,
    ) -> Result<Outcome<Vec<(String, model::Value)>>, Failure> {
        let (record, typed) = (plain::contract_record(record), json.cloned().map(referral));
        match asked(|| (self.plugin.to_referral)(&record, typed.as_ref(), &at(now)))? {
            ReferralOutcome::Hold(draft) => Ok(Outcome::Hold(plain::named(&draft.fields))),
            ReferralOutcome::Skip(reason) => Ok(Outcome::Skip(reason)),
        }
    }

    fn resolve(
        &mut self,
        conflicts: &[model::Conflict],
        now: Timestamp,
    ) -> Result<Vec<model::Resolution>, Failure> {
        let conflicts: Vec<_> = conflicts.iter().map(plain::contract_conflict).collect();
        let resolutions = asked(|| (self.plugin.resolve)(&conflicts, &at(now)))?;
        Ok(resolutions.iter().map(plain::resolution).collect())
    }

    fn report(
        &mut self,
        record: &model::Record,
        failed: Option<&str>,
        now: Timestamp,
    ) -> Result<Vec<(String, model::Value)>, Failure> {
        let outcome = failed.map_or(SyncOutcome::Synced, |why| SyncOutcome::Failed(why.to_owned()));
        let message = failed.unwrap_or("both sides agree").to_owned();
        let report = SyncReport { outcome, message, more: Vec::new() };
        let record = plain::contract_record(record);
        let shown = asked(|| (self.plugin.report)(&record, &report, &at(now)))?;
        Ok(plain::named(&shown))
    }
}

/// The pass of all tests, at this time.
fn at(now: Timestamp) -> contract::Context {
    contract::Context { tenant: context().tenant().to_owned(), now: now.to_string(), more: Vec::new() }
}

/// A panic is what a trap would be in the sandbox.
fn asked<T>(call: impl FnOnce() -> Result<T, contract::Refusal>) -> Result<T, Failure> {
    match panic::catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(contract::Refusal::Reject(problem) | contract::Refusal::Retry(problem))) => {
            Err(Failure::Refused { field: problem.field, message: problem.message })
        }
        Err(_) => {
            let said = SAID.with_borrow_mut(std::mem::take);
            let message = format!("the plugin {said}");
            Err(Failure::Caught { law: Law::Total, field: None, message })
        }
    }
}

thread_local! {
    /// Panics of this thread are caught, and said by whoever catches them.
    static QUIET: Cell<bool> = const { Cell::new(false) };
    /// What the last one said.
    static SAID: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Runs something whose panics are caught, without printing each. Other threads' panics are shown as ever.
fn quietly<T>(work: impl FnOnce() -> T) -> T {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let shown = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if QUIET.get() {
                SAID.set(panic.to_string());
            } else {
                shown(panic);
            }
        }));
    });
    let before = QUIET.replace(true);
    let done = panic::catch_unwind(AssertUnwindSafe(work));
    QUIET.set(before);
    done.unwrap_or_else(|panic| panic::resume_unwind(panic))
}
