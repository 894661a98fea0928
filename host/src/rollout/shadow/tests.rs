//! What counts as a difference.

use crosswalk_engine::{
    mapping::{Disposition, Refusal},
    pass::{Pair, Verdict},
};
use serde_json::json;

use super::*;
use crate::recording::Used;

fn agreed() -> Option<Verdict> {
    Some(Verdict::Agreed { reason: String::new() })
}

fn parked() -> Option<Verdict> {
    Some(Verdict::Parked { reason: "gone".to_owned() })
}

fn effects(written: &[(&str, &str, &str)], verdict: Option<Verdict>) -> Effects {
    let change = |(rule, field, new): &(&str, &str, &str)| json!({ "write": 1, "side": "crm", "rule": rule, "field": field, "old": null, "new": { "text": new } });
    let changes: Vec<_> = written.iter().map(change).collect();
    let pair = Pair { referral: Some("r1".to_owned()), ..Pair::default() };
    Effects { pair, changes: serde_json::from_value(json!(changes)).unwrap(), verdict, ..Effects::default() }
}

fn recorded(effects: &Effects) -> Recorded {
    let recorded = json!({
        "form": 2,
        "start": {
            "id": "1", "tenant": "contoso", "subject": { "referral": "r1" }, "state": null, "post_again": null,
            "pair": { "referral": "r1", "engagement": null, "record": null }, "now": "2026-01-02T03:04:05Z",
        },
        "lookups": [],
        "usage": { "calls": 1, "fuel": 9 },
        "effects": effects,
    });
    Recorded::read(recorded.to_string().as_bytes()).unwrap()
}

fn compared(done: &Effects, would: Effects, unanswered: &[&str]) -> Compared {
    let unanswered = unanswered.iter().map(|name| (*name).to_owned()).collect();
    let replayed = Replayed { effects: would, unanswered, usage: Used { calls: 1, fuel: 9 } };
    compare(&recorded(done), &replayed, 7)
}

fn kinds(compared: &Compared) -> Vec<(&str, u64)> {
    compared.kinds.iter().map(|(kind, count)| (kind.as_str(), *count)).collect()
}

fn refusal(code: &str) -> Refusal {
    Refusal {
        code: code.to_owned(),
        disposition: Disposition::Reject,
        field: None,
        message: "no contact".to_owned(),
        help: None,
    }
}

#[test]
fn the_same_writes_are_no_difference_whatever_is_reported() {
    let done = effects(&[("fold", "name", "Fabric"), ("report", "audit", "at ten")], agreed());
    let would = effects(&[("fold", "name", "Fabric"), ("report", "audit", "at eleven")], agreed());
    let compared = compared(&done, would, &[]);
    assert_eq!((compared.example.as_deref(), kinds(&compared)), (None, vec![]));
    assert_eq!(compared.ended, Ended { how: How::Well, alarms: 0, plugin_us: 7 });
}

#[test]
fn fields_that_are_written_otherwise_are_counted_by_kind_and_named() {
    let done = effects(&[("fold", "name", "Fabric"), ("fold", "city", "Essen")], agreed());
    let would = effects(&[("fold", "name", "FABRIC"), ("fold", "region", "EMEA")], agreed());
    let compared = compared(&done, would, &[]);
    assert_eq!(kinds(&compared), [("another value", 1), ("writes less", 1), ("writes more", 1)]);
    let example = compared.example.unwrap();
    assert!(example.starts_with("referral r1 | (none): crm city: nothing, where"), "{example}");
    assert!(example.contains("FABRIC") && example.contains("region"), "{example}");
}

#[test]
fn a_trap_is_held_against_the_candidate_and_a_pass_that_was_parked_anyway_is_not() {
    let would = Effects { refusal: Some(refusal("MAP035")), ..effects(&[], parked()) };
    let trapped = compared(&effects(&[("fold", "name", "Fabric")], agreed()), would, &[]);
    assert_eq!(kinds(&trapped), [("traps", 1)]);
    assert!(matches!(trapped.ended.how, How::Trapped(_)));
    let parks = compared(&effects(&[], agreed()), effects(&[], parked()), &[]);
    assert_eq!(kinds(&parks), [("parks", 1)]);
    let both = compared(&effects(&[], parked()), effects(&[], parked()), &[]);
    assert_eq!((kinds(&both), &both.ended.how), (vec![], &How::Well));
}

#[test]
fn what_was_not_recorded_is_named_and_held_against_nobody() {
    let would = Effects { refusal: Some(refusal("MAP002")), ..effects(&[], parked()) };
    let compared =
        compared(&effects(&[("fold", "name", "Fabric")], agreed()), would, &["lookup of `product`"]);
    assert_eq!((kinds(&compared), &compared.ended.how), (vec![("not recorded", 1)], &How::Nothing));
    assert_eq!(compared.example, None);
    let would = effects(&[("fold", "name", "Fabric")], agreed());
    let told = self::compared(&would.clone(), would, &["opportunity.region"]);
    assert_eq!((kinds(&told), &told.ended.how), (vec![("not recorded", 1)], &How::Well), "it did without");
}

#[test]
fn a_replay_that_ends_early_has_not_written_less() {
    let compared = compared(&effects(&[("fold", "name", "Fabric")], agreed()), effects(&[], None), &[]);
    assert_eq!((kinds(&compared), compared.example.as_deref()), (vec![], None));
}
