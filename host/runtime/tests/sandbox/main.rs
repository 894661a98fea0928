//! The sandbox against a real component: the hostile plugin of `tests/guests/hostile`, which does what its setting
//! `behaviour` says.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

mod determinism;
mod drafts;
mod hostile;
mod loading;
mod lookups;
mod shape;
mod swap;
mod trial;
mod versions;
mod watch;

use std::{
    path::Path,
    sync::{Arc, LazyLock},
};

use crosswalk_engine::{
    mapping::{CrmDraft, Mapper, Outcome, Record, Refusal},
    referral::Referral,
    value::{Fields, RecordKey, Value},
};
use crosswalk_runtime::{Limits, Lookup, PassContext, PassMapper, Plugin, Runtime};
use serde_json::json;

/// The hostile plugin, built once a run.
static HOSTILE: LazyLock<Vec<u8>> = LazyLock::new(|| build("hostile"));

/// A plugin of `tests/guests`, as bytes.
fn build(guest: &str) -> Vec<u8> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let options = crosswalk_builder::Options {
        // Not the target directory of the cargo that runs this test: both would wait for its lock for ever.
        target_dir: Path::new(env!("CARGO_TARGET_TMPDIR")).join("guests"),
        offline: false,
        quiet: true,
    };
    crosswalk_builder::build(&root.join("tests/guests").join(guest), &options).unwrap().bytes
}

/// One sandbox for all tests that need no limits of their own.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new(Limits::for_testing()).unwrap());

/// Somebody who goes on using the component, so that it is compiled once for all tests.
static IN_USE: LazyLock<Plugin> = LazyLock::new(|| RUNTIME.load(&HOSTILE, &json!({})).unwrap());

fn plugin(behaviour: &str) -> Plugin {
    LazyLock::force(&IN_USE);
    RUNTIME.load(&HOSTILE, &json!({ "behaviour": behaviour })).unwrap()
}

fn mapper(plugin: &Plugin) -> PassMapper {
    mapper_with(plugin, None)
}

fn mapper_with(plugin: &Plugin, lookups: Option<Box<dyn Lookup>>) -> PassMapper {
    plugin.mapper(PassContext {
        tenant: "contoso".to_owned(),
        now: "2026-01-31T10:00:00Z".parse().unwrap(),
        lookups,
    })
}

fn referral() -> Referral {
    Referral(json!({
        "id": "4b0c", "name": "Fabrikam fabric", "status": "Active", "substatus": "Accepted",
        "details": { "dealValue": 50000.50, "currency": "USD" },
        "customerProfile": { "name": "Fabrikam", "team": [{ "firstName": "Ada", "email": "ada@fabrikam.example" }] },
    }))
}

fn record() -> Record {
    let fields = [
        ("name".to_owned(), Value::Text("Fabrikam fabric".to_owned())),
        ("estimatedvalue".to_owned(), Value::Decimal("50000.50".parse().unwrap())),
    ];
    Record { key: opportunity("1"), fields: Fields::from(fields), related: Vec::new() }
}

fn opportunity(id: &str) -> RecordKey {
    RecordKey { entity: "opportunity".to_owned(), id: id.to_owned() }
}

/// What the plugin that behaves so wants the CRM to hold.
fn to_crm(behaviour: &str) -> Result<Outcome<CrmDraft>, Refusal> {
    mapper(&plugin(behaviour)).to_crm(&referral(), Some(&record()))
}

/// The refusal of a plugin that behaves so.
fn refusal(behaviour: &str) -> Refusal {
    match to_crm(behaviour) {
        Err(refusal) => refusal,
        Ok(outcome) => panic!("`{behaviour}` was not refused: {outcome:?}"),
    }
}

/// The draft of a plugin that behaves so.
fn draft(behaviour: &str) -> CrmDraft {
    held(to_crm(behaviour))
}

fn held(outcome: Result<Outcome<CrmDraft>, Refusal>) -> CrmDraft {
    match outcome {
        Ok(Outcome::Hold(draft)) => draft,
        other => panic!("no draft: {other:?}"),
    }
}

fn skipped(outcome: Result<Outcome<CrmDraft>, Refusal>) -> String {
    match outcome {
        Ok(Outcome::Skip(reason)) => reason,
        other => panic!("not skipped: {other:?}"),
    }
}

/// A lookup that finds what it is told, and counts.
#[derive(Clone, Default)]
struct Crm {
    found: Vec<(RecordKey, Fields)>,
    asked: Arc<std::sync::Mutex<Vec<(String, Fields, u32)>>>,
    takes_ms: u64,
}

impl Lookup for Crm {
    fn find(
        &mut self,
        entity: &str,
        matching: &Fields,
        limit: u32,
    ) -> Result<Vec<(RecordKey, Fields)>, crosswalk_runtime::LookupFailure> {
        std::thread::sleep(std::time::Duration::from_millis(self.takes_ms));
        self.asked.lock().unwrap().push((entity.to_owned(), matching.clone(), limit));
        Ok(self.found.clone())
    }
}
