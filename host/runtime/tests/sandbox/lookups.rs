//! Lookups: only what is declared, each question once a pass, and the same again in a replay.

use crosswalk_engine::{
    mapping::Mapper,
    value::{Fields, RecordKey, Value},
};
use crosswalk_runtime::{Limits, RecordedLookups, Runtime};
use serde_json::json;

use crate::{Crm, HOSTILE, held, mapper_with, plugin, referral, skipped};

fn account(id: &str) -> (RecordKey, Fields) {
    let fields = [
        ("name".to_owned(), Value::Text("Fabrikam".to_owned())),
        ("creditlimit".to_owned(), Value::Decimal("9".parse().unwrap())),
    ];
    (RecordKey { entity: "account".to_owned(), id: id.to_owned() }, Fields::from(fields))
}

fn said(behaviour: &str, crm: &Crm) -> Value {
    let mut mapper = mapper_with(&plugin(behaviour), Some(Box::new(crm.clone())));
    held(mapper.to_crm(&referral(), None)).fields["name"].clone()
}

#[test]
fn a_question_is_asked_once_a_pass_and_kept_with_its_answer() {
    let crm = Crm { found: vec![account("a"), account("b"), account("c")], ..Crm::default() };
    let mut mapper = mapper_with(&plugin("lookup"), Some(Box::new(crm.clone())));
    for _ in 0..3 {
        // Three were found, but the plugin asked for two.
        assert_eq!(held(mapper.to_crm(&referral(), None)).fields["name"], Value::Text("a b".to_owned()));
    }
    let usage = mapper.finish();
    assert_eq!(crm.asked.lock().unwrap().len(), 1);
    assert_eq!((usage.calls, usage.lookups.len()), (3, 1));
    let (_, fields) = &usage.lookups[0].answer.as_ref().unwrap()[0];
    assert_eq!(fields.keys().collect::<Vec<_>>(), ["name"], "an undeclared field goes no further");
}

#[test]
fn a_replay_sees_the_answers_of_then() {
    let crm = Crm { found: vec![account("a")], ..Crm::default() };
    let mut first = mapper_with(&plugin("lookup"), Some(Box::new(crm)));
    let then = held(first.to_crm(&referral(), None));
    let usage = first.finish();
    let recorded = RecordedLookups { answers: usage.lookups.clone() };
    let mut again = mapper_with(&plugin("lookup"), Some(Box::new(recorded)));
    assert_eq!(held(again.to_crm(&referral(), None)), then);
    assert_eq!(again.finish().fuel, usage.fuel);
}

#[test]
fn what_is_not_declared_is_not_asked() {
    let crm = Crm { found: vec![account("a")], ..Crm::default() };
    assert_eq!(said("lookup-undeclared-entity", &crm), Value::Text("not declared: systemuser".to_owned()));
    assert_eq!(
        said("lookup-undeclared-field", &crm),
        Value::Text("not declared: account.creditlimit".to_owned())
    );
    assert!(crm.asked.lock().unwrap().is_empty());
}

#[test]
fn without_a_crm_lookups_are_unavailable() {
    let mut mapper = mapper_with(&plugin("lookup"), None);
    let name = held(mapper.to_crm(&referral(), None)).fields["name"].clone();
    assert_eq!(name, Value::Text("unavailable: this call has no CRM to look in".to_owned()));
}

#[test]
fn a_call_looks_up_a_bounded_number_of_times() {
    let crm = Crm::default();
    let mut mapper = mapper_with(&plugin("lookup-without-end"), Some(Box::new(crm.clone())));
    assert_eq!(skipped(mapper.to_crm(&referral(), None)), "968 refused");
    assert_eq!(crm.asked.lock().unwrap().len(), 32);
}

#[test]
fn the_time_of_a_slow_crm_is_not_the_plugins() {
    let limits = Limits { plugin_call_ms_max: 100, ..Limits::for_testing() };
    let plugin = Runtime::new(limits).unwrap().load(&HOSTILE, &json!({ "behaviour": "lookup" })).unwrap();
    let crm = Crm { found: vec![account("a")], takes_ms: 400, ..Crm::default() };
    let mut mapper = mapper_with(&plugin, Some(Box::new(crm)));
    held(mapper.to_crm(&referral(), None));
    let usage = mapper.finish();
    assert!(usage.lookup_time.as_millis() >= 400);
    assert!(usage.wall < usage.lookup_time);
}
