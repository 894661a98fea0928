//! A release on watch is asked everything twice.

use crosswalk_engine::mapping::{Conflict, Disposition, Mapper, Report};
use crosswalk_runtime::{Code, PassContext, PassMapper};

use crate::{Crm, mapper, mapper_with, plugin, record, referral};

const NOON: &str = "2026-01-31T10:00:00Z";

fn twice(mapper: PassMapper) -> PassMapper {
    mapper.asked_twice("contoso", NOON.parse().unwrap())
}

#[test]
fn an_answer_that_follows_the_clock_is_refused_with_the_field_that_does() {
    // The decent behaviour of the hostile plugin writes down when it was asked.
    let plugin = plugin("good");
    assert!(mapper(&plugin).to_crm(&referral(), None).is_ok(), "asked once, nobody notices");
    let refusal = twice(mapper(&plugin)).to_crm(&referral(), None).unwrap_err();
    assert_eq!(
        (refusal.code.as_str(), refusal.disposition),
        (Code::TwoAnswers.as_str(), Disposition::Reject)
    );
    assert_eq!(refusal.field.as_deref(), Some("new_syncedon"));
    assert!(refusal.message.contains("`hostile` gave two answers to one question in `to-crm`"), "{refusal}");
    let skipped = twice(mapper(&crate::plugin("echo"))).to_crm(&referral(), None).unwrap_err();
    assert_eq!((skipped.code.as_str(), skipped.field), (Code::TwoAnswers.as_str(), None));
}

#[test]
fn the_same_answer_twice_is_the_answer_and_nothing_shows_that_there_were_two() {
    let plugin = plugin("hash-order");
    let (mut once, mut twice) = (mapper(&plugin), twice(mapper(&plugin)));
    assert_eq!(once.to_crm(&referral(), None), twice.to_crm(&referral(), None));
    assert_eq!(once.to_referral(&record(), None), twice.to_referral(&record(), None));
    let conflicts: [Conflict; 0] = [];
    assert_eq!(once.resolve(&conflicts), twice.resolve(&conflicts));
    let (once, twice) = (once.finish(), twice.finish());
    assert_eq!(
        (once.calls, once.fuel, once.log, once.lookups),
        (twice.calls, twice.fuel, twice.log, twice.lookups)
    );
}

#[test]
fn a_plugin_that_refuses_or_traps_twice_alike_is_refused_as_it_is() {
    for (behaviour, code) in
        [("reject", Code::Rejected), ("panic", Code::Panicked), ("retry", Code::RetryAsked)]
    {
        let refusal = twice(mapper(&plugin(behaviour))).to_crm(&referral(), None).unwrap_err();
        assert_eq!(refusal.code, code.as_str(), "{behaviour}");
    }
}

#[test]
fn what_was_looked_up_is_not_looked_up_again() {
    let crm = Crm::default();
    let asked = crm.asked.clone();
    let mut mapper = twice(mapper_with(&plugin("lookup"), Some(Box::new(crm))));
    assert!(mapper.to_crm(&referral(), None).is_ok());
    assert_eq!(asked.lock().unwrap().len(), 1);
}

#[test]
fn the_second_question_does_not_fall_into_another_hour() {
    let plugin = plugin("good");
    let at = |now: &str| {
        let now = now.parse().unwrap();
        let context = PassContext { tenant: "contoso".to_owned(), now, lookups: None };
        plugin.mapper(context).asked_twice("contoso", now).to_crm(&referral(), None)
    };
    assert!(at("2026-01-31T23:59:58Z").is_err());
    assert!(at("2026-01-31T23:59:59Z").is_ok(), "asked as of the same moment, it says the same");
}

#[test]
fn a_report_may_say_when_it_was_made() {
    let report = Report { message: "both sides agree".to_owned(), failed: None };
    assert!(twice(mapper(&plugin("good"))).report(&record(), &report).is_ok());
}
