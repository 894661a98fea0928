//! Status and substatus against Status and Status Reason.

use super::*;

#[test]
fn each_status_has_its_stage() {
    let at = |status: &str, substatus: &str, linked: Option<&Opportunity>| {
        let draft = held(&referral(json!({ "status": status, "substatus": substatus })), linked);
        (draft.state.value(), draft.status.value())
    };
    let open = |status| Opportunity { status: Field::Set(status), ..opportunity() };
    let on_hold = (Some(State::Open), Some(StatusReason::OnHold));
    let in_progress = (Some(State::Open), Some(StatusReason::InProgress));
    let lost = (Some(State::Lost), Some(StatusReason::Canceled));
    assert_eq!(at("New", "Pending", None), on_hold);
    assert_eq!(at("New", "Received", None), on_hold);
    assert_eq!(at("Active", "Accepted", None), in_progress);
    assert_eq!(at("Active", "Accepted", Some(&open(StatusReason::OnHold))), in_progress);
    assert_eq!(at("Active", "Accepted", Some(&open(StatusReason::Other(7)))), (None, None));
    assert_eq!(at("Closed", "Won", None), (Some(State::Won), Some(StatusReason::Won)));
    for substatus in ["Lost", "Declined", "Expired", "Error"] {
        assert_eq!(at("Closed", substatus, None), lost);
    }
    let out_sold =
        Opportunity { state: State::Lost.into(), status: StatusReason::OutSold.into(), ..opportunity() };
    assert_eq!(at("Closed", "Lost", Some(&out_sold)), (None, None));
}

#[test]
fn each_stage_has_its_status() {
    let of = |state: State, status: StatusReason, now: &str| {
        let linked = Opportunity { state: state.into(), status: status.into(), ..opportunity() };
        let draft = sent(&linked, Some(&referral(json!({ "status": now, "substatus": "Pending" }))));
        (draft.status.value(), draft.substatus.value())
    };
    let accepted = (Some(Status::Active), Some(Substatus::Accepted));
    assert_eq!(of(State::Open, StatusReason::OnHold, "New"), (None, None));
    assert_eq!(of(State::Open, StatusReason::InProgress, "New"), accepted, "leaving On Hold accepts");
    assert_eq!(of(State::Open, StatusReason::Other(9), "Active"), accepted);
    assert_eq!(of(State::Open, StatusReason::OnHold, "Active"), (None, None));
    assert_eq!(of(State::Won, StatusReason::Won, "Active"), (Some(Status::Closed), Some(Substatus::Won)));
    assert_eq!(
        of(State::Lost, StatusReason::OutSold, "Active"),
        (Some(Status::Closed), Some(Substatus::Lost))
    );
    assert_eq!(
        of(State::Open, StatusReason::InProgress, "Closed"),
        (None, None),
        "what is closed stays closed"
    );
    let never_accepted = (Some(Status::Closed), Some(Substatus::Declined));
    assert_eq!(of(State::Lost, StatusReason::Canceled, "New"), never_accepted);
}

#[test]
fn nothing_is_sent_to_a_deal_that_waits() {
    let linked = Opportunity { status: StatusReason::OnHold.into(), ..opportunity() };
    let draft = sent(&linked, Some(&referral(json!({ "status": "New" }))));
    assert_eq!(draft, ReferralDraft { external_reference_id: "7c9e6679".into(), ..Default::default() });
}

#[test]
fn a_loss_has_its_reason_on_both_sides() {
    let _settings =
        testing::settings(json!({ "lost_reason_field": "new_lostreason", "lost_reason_length": 10 }));
    let reason = |substatus: &str, said: Option<&str>| {
        let closed = json!({ "status": "Closed", "substatus": substatus, "statusReason": said });
        held(&referral(closed), Some(&opportunity())).lost_reason
    };
    assert_eq!(reason("Lost", Some("budget")), "budget".into());
    assert_eq!(reason("Lost", Some("no answer from them")), "no answer…".into());
    assert!(reason("Lost", None).is_unset());
    assert_eq!(reason("Expired", None), "Expired".into(), "the word says what happened");
    assert_eq!(reason("Declined", Some("spam")), "spam".into());
    assert!(reason("Won", Some("great")).is_unset());
    assert!(held(&documented(), Some(&opportunity())).lost_reason.is_unset(), "while the deal is open");
    let lost = Opportunity { lost_reason: "another vendor".into(), ..at(State::Lost, StatusReason::OutSold) };
    assert_eq!(sent(&lost, Some(&documented())).status_reason, "another vendor".into());
    let open = Opportunity { lost_reason: "another vendor".into(), ..opportunity() };
    assert!(sent(&open, Some(&documented())).status_reason.is_unset());
}

#[test]
fn a_deal_that_expired_or_was_declined_is_never_pushed_back() {
    for substatus in ["Declined", "Expired", "Error", "Lost", "Won"] {
        let closed = referral(json!({ "status": "Closed", "substatus": substatus }));
        let draft = sent(&opportunity(), Some(&closed));
        assert!(draft.status.is_unset() && draft.substatus.is_unset() && draft.status_reason.is_unset());
    }
}
