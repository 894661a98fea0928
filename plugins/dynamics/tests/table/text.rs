//! Texts that fit, the check mark and the Audit.

use super::*;

#[test]
fn a_text_that_was_cut_does_not_flow_back() {
    let long = "n".repeat(2500);
    let mut details = testing::documented_referral()["details"].clone();
    details["notes"] = long.clone().into();
    let referral = referral(json!({ "name": "x".repeat(400), "details": details }));
    let draft = held(&referral, None);
    assert_eq!(draft.description.text().chars().count(), 2000);
    assert!(draft.name.text().chars().count() <= 298 && draft.name.text().ends_with('…'));
    let linked = Opportunity { description: draft.description, ..opportunity() };
    assert_eq!(sent(&linked, Some(&referral)).notes, long.into());
    let edited = Opportunity { description: "shorter".into(), ..opportunity() };
    assert_eq!(sent(&edited, Some(&referral)).notes, "shorter".into());
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
        match mapping::report(&opportunity().into(), &report, &context(), &settings()).unwrap() {
            Deal::Opportunity(shown) => shown,
            Deal::Lead(_) => panic!("of another entity"),
        }
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
