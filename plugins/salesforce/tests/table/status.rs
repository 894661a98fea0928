//! Status and substatus against the stage.

use super::*;

#[test]
fn each_status_has_its_stage() {
    let draft = |status: &str, substatus: &str, linked: Option<&Opportunity>| {
        held(&referral(json!({ "status": status, "substatus": substatus })), linked).stage
    };
    assert_eq!(draft("New", "Pending", None), "Prospecting".into());
    assert_eq!(draft("New", "Received", None), "Prospecting".into());
    assert_eq!(draft("Active", "Accepted", None), "Qualification".into());
    assert_eq!(draft("Active", "Accepted", Some(&at("Prospecting", false, false))), "Qualification".into());
    assert!(draft("Active", "Accepted", Some(&at("Negotiation/Review", false, false))).is_unset());
    assert_eq!(draft("Closed", "Won", None), "Closed Won".into());
    for substatus in ["Lost", "Declined", "Expired", "Error"] {
        assert_eq!(draft("Closed", substatus, None), "Closed Lost".into());
    }
    assert!(draft("Closed", "Lost", Some(&at("No budget", true, false))).is_unset());
    assert!(draft("Closed", "Won", Some(&at("Renewed", true, true))).is_unset());
    assert_eq!(draft("Closed", "Won", Some(&at("No budget", true, false))), "Closed Won".into());
}

#[test]
fn each_stage_has_its_status() {
    let of = |linked: &Opportunity, now: &str| {
        let draft = sent(linked, Some(&referral(json!({ "status": now, "substatus": "Pending" }))));
        (draft.status.value(), draft.substatus.value())
    };
    let accepted = (Some(Status::Active), Some(Substatus::Accepted));
    let closed = |substatus| (Some(Status::Closed), Some(substatus));
    assert_eq!(of(&at("Prospecting", false, false), "New"), (None, None));
    assert_eq!(of(&at("Qualification", false, false), "New"), accepted, "leaving the on-hold stage accepts");
    assert_eq!(of(&at("Negotiation/Review", false, false), "Active"), accepted);
    assert_eq!(of(&at("Prospecting", false, false), "Active"), (None, None));
    assert_eq!(of(&at("Closed Won", true, true), "Active"), closed(Substatus::Won));
    assert_eq!(of(&at("Closed Lost", true, false), "Active"), closed(Substatus::Lost));
    assert_eq!(of(&at("Closed Lost", true, false), "New"), closed(Substatus::Declined), "never accepted");
    assert_eq!(of(&at("Qualification", false, false), "Closed"), (None, None), "what is closed stays closed");
}

#[test]
fn a_stage_that_no_setting_names_is_what_salesforce_counts_it_as() {
    let of = |linked: &Opportunity| sent(linked, Some(&documented())).substatus.value();
    assert_eq!(of(&at("Renewed", true, true)), Some(Substatus::Won));
    assert_eq!(of(&at("No budget", true, false)), Some(Substatus::Lost));
    assert_eq!(of(&at("Proposal", false, false)), Some(Substatus::Accepted));
    // While a plan is made, what Salesforce counts is that of the stage before: names that are known come first.
    assert_eq!(of(&at("Closed Won", false, false)), Some(Substatus::Won));
    let _settings = testing::settings(json!({
        "active_stage_name": "Working", "on_hold_stage_name": "Inbox",
        "closed_won_stages": ["Renewed"], "closed_lost_stages": ["No budget"],
    }));
    assert_eq!(of(&at("Renewed", false, false)), Some(Substatus::Won));
    assert_eq!(of(&at("No budget", false, false)), Some(Substatus::Lost));
    assert_eq!(of(&at("Inbox", false, false)), None);
    assert_eq!(of(&at("Prospecting", false, false)), Some(Substatus::Accepted));
    assert_eq!(held(&documented(), None).stage, "Working".into());
}

#[test]
fn a_loss_has_its_reason_on_both_sides() {
    let _settings = testing::settings(json!({ "lost_reason_field": "Loss_Reason__c" }));
    let reason = |substatus: &str, said: Option<&str>| {
        let closed = json!({ "status": "Closed", "substatus": substatus, "statusReason": said });
        held(&referral(closed), Some(&opportunity())).lost_reason
    };
    assert_eq!(reason("Lost", Some("budget")), "budget".into());
    assert!(reason("Lost", None).is_unset());
    assert_eq!(reason("Expired", None), "Expired".into());
    assert_eq!(reason("Declined", Some("not a customer")), "not a customer".into());
    assert!(reason("Won", Some("great")).is_unset());
    assert!(held(&documented(), Some(&opportunity())).lost_reason.is_unset(), "while the deal is open");
    let lost = Opportunity { lost_reason: "another vendor".into(), ..at("Closed Lost", true, false) };
    assert_eq!(sent(&lost, Some(&documented())).status_reason, "another vendor".into());
    let open = Opportunity { lost_reason: "another vendor".into(), ..opportunity() };
    assert!(sent(&open, Some(&documented())).status_reason.is_unset());
}

#[test]
fn nothing_is_sent_to_a_deal_that_waits() {
    let draft = sent(&at("Prospecting", false, false), Some(&referral(json!({ "status": "New" }))));
    let id = "006000000000001AAA";
    assert_eq!(draft, ReferralDraft { external_reference_id: id.into(), ..Default::default() });
}

#[test]
fn a_stage_that_the_organisation_lacks_or_counts_otherwise_is_not_written() {
    let known = |name: &str, is_active: bool, is_closed: bool, is_won: bool| KnownStage {
        name: name.into(),
        is_active: is_active.into(),
        is_closed: is_closed.into(),
        is_won: is_won.into(),
    };
    let won = referral(json!({ "status": "Closed", "substatus": "Won" }));
    let asked =
        |linked: &Opportunity| mapping::to_crm(&won, Some(&linked.clone().into()), &context(), &settings());
    let open = at("Qualification", false, false);
    for stages in [
        vec![],
        vec![known("Closed Won", false, true, true)],
        vec![known("Closed Won", true, false, false)],
        vec![known("Closed Won", true, true, false)],
    ] {
        let _stages = testing::lookup(stages);
        let refusal = asked(&open).unwrap_err();
        assert_eq!(refusal.field.as_deref(), Some("StageName"));
        assert!(refusal.help.unwrap().contains("`won_stage_name`") && !refusal.retry);
        assert!(asked(&at("Closed Won", true, true)).is_ok(), "what is there is not written");
    }
    let _stages = testing::lookup(vec![known("Closed Won", true, true, true)]);
    assert!(asked(&open).is_ok());
}
