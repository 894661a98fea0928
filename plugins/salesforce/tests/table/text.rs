//! Texts that fit, the check mark and the Audit.

use super::*;

fn reported(linked: Opportunity, report: &SyncReport) -> Opportunity {
    match mapping::report(&linked.into(), report, &context(), &settings()).unwrap() {
        Deal::Opportunity(shown) => shown,
        Deal::Lead(_) => panic!("of another entity"),
    }
}

#[test]
fn a_text_that_was_cut_does_not_flow_back() {
    let long = "n".repeat(32_500);
    let referral = details(json!({ "notes": long.clone() }));
    let draft = held(&referral, None);
    assert_eq!(draft.description.text().chars().count(), 32_000);
    let linked = Opportunity { description: draft.description, ..opportunity() };
    assert_eq!(sent(&linked, Some(&referral)).notes, long.into());
    let edited = Opportunity { description: "shorter".into(), ..opportunity() };
    assert_eq!(sent(&edited, Some(&referral)).notes, "shorter".into());
}

#[test]
fn a_name_is_cut_to_leave_room_for_its_mark() {
    let long = referral(json!({ "name": "x".repeat(200) }));
    let draft = held(&long, None);
    assert!(draft.name.text().chars().count() == 118 && draft.name.text().ends_with('…'));
    let report = SyncReport { outcome: SyncOutcome::Synced, message: "done".into(), more: Vec::new() };
    let linked = Opportunity { name: draft.name.clone(), ..opportunity() };
    let marked = reported(linked, &report).name;
    assert_eq!(marked.text().chars().count(), 120);
    let linked = Opportunity { name: marked.clone(), ..opportunity() };
    assert_eq!(held(&long, Some(&linked)).name, marked, "the mark is no change of the name");
}

#[test]
fn the_check_mark_is_kept_and_never_sent() {
    let _settings = testing::settings(json!({ "customers_consent": true }));
    assert_eq!(held(&documented(), Some(&opportunity())).name, "✔ Test Cosell Invite_20".into());
    assert_eq!(sent(&opportunity(), None).name, "Solar park".into());
}

#[test]
fn a_pass_is_reported_in_the_audit_and_with_a_mark() {
    let report = |outcome: SyncOutcome, message: &str| {
        let report = SyncReport { outcome, message: message.into(), more: Vec::new() };
        reported(opportunity(), &report)
    };
    let synced = report(SyncOutcome::Synced, "both sides agree");
    assert_eq!(synced.audit, "2026-01-31 12:00 - both sides agree".into());
    assert_eq!(synced.name, "✔ Solar park".into());
    let failed = report(SyncOutcome::Failed("the country is missing".into()), "not sent:");
    assert_eq!(failed.audit, "2026-01-31 12:00 - not sent: the country is missing".into());
    assert_eq!(failed.name, "✖ Solar park".into());
    let _settings = testing::settings(json!({ "display_check_mark": false }));
    assert!(report(SyncOutcome::Synced, "both sides agree").name.is_unset());
}
