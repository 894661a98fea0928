//! What counts as settled.

use crosswalk_engine::{
    link::{Entry, EntryKind, LinkState, Owed, Settled},
    pass::Side,
    value::Value,
};

use super::is_settled;

fn settled() -> LinkState {
    let versions = Settled { referral: "\"r7\"".to_owned(), record: "W/\"9\"".to_owned() };
    LinkState { settled: Some(versions), ..LinkState::default() }
}

fn entry(kind: EntryKind) -> Entry {
    Entry {
        id: "e1".to_owned(),
        field: "name".to_owned(),
        path: None,
        kind,
        partner_center: Value::Empty,
        crm: Value::Empty,
        base: None,
        reason: String::new(),
        decision: None,
        since: jiff::Timestamp::UNIX_EPOCH,
    }
}

#[test]
fn a_side_is_settled_at_the_version_that_the_last_pass_left_it_with_and_at_no_other() {
    assert!(is_settled(&settled(), Side::PartnerCenter, "\"r7\""));
    assert!(is_settled(&settled(), Side::Crm, "W/\"9\""));
    assert!(!is_settled(&settled(), Side::Crm, "W/\"10\""));
    assert!(!is_settled(&LinkState::default(), Side::Crm, ""));
}

#[test]
fn a_record_with_child_rows_is_settled_at_both_words_of_its_version() {
    let versions = Settled { referral: "\"r7\"".to_owned(), record: "W/\"9\" 5f3a".to_owned() };
    let state = LinkState { settled: Some(versions), ..LinkState::default() };
    assert!(is_settled(&state, Side::Crm, "W/\"9\" 5f3a"));
    assert!(!is_settled(&state, Side::Crm, "W/\"9\" 77aa"), "a row was added or deleted");
    assert!(!is_settled(&state, Side::Crm, "W/\"10\" 5f3a"));
}

#[test]
fn what_is_owed_or_gone_is_looked_at_whatever_its_version() {
    let mut owing = settled();
    owing.owed.insert("name".to_owned(), Owed { partner_center: true, crm: false });
    assert!(!is_settled(&owing, Side::Crm, "W/\"9\""));
    let mut gone = settled();
    gone.open.insert("opportunity".to_owned(), entry(EntryKind::Gone));
    assert!(!is_settled(&gone, Side::Crm, "W/\"9\""));
    // A conflict that waits for a person is decided by the person, not by looking.
    let mut parked = settled();
    parked.open.insert("name".to_owned(), entry(EntryKind::Parked));
    assert!(is_settled(&parked, Side::Crm, "W/\"9\""));
}
