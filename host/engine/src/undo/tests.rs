//! What a release wrote, read from the audit line by line, and what is to be taken back of it.

use super::*;
use crate::{
    link::{Base, Entry, EntryKind},
    referral::Referral,
};

fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}

fn line(side: Side, rule: &str, name: &str, old: &str, new: &str) -> AuditLine {
    let fields = [(name.to_owned(), (Some(text(old)), text(new)))].into();
    AuditLine { side: Some(side), rule: rule.to_owned(), release: None, fields, note: String::new() }
}

fn crm(rule: &str, name: &str, old: &str, new: &str) -> AuditLine {
    line(Side::Crm, rule, name, old, new)
}

/// Reads lines of passes 1, 2, … by these releases, and tells what is to be taken back from `bad`.
fn history(lines: &[(&str, AuditLine)]) -> Vec<(u64, String, Value, Value)> {
    let mut history = History::of("bad");
    for (pass, (release, line)) in (1..).zip(lines) {
        history.read(line, pass, Some(release), true);
    }
    // The number of the pass stands in for the base before it.
    let base = |pass: u32| Base { referral: Some(Referral(pass.into())), record: None };
    let state = |pass: u32| LinkState { base: base(pass), ..LinkState::default() };
    let number = |part: &Restore| {
        let base = part.before.as_ref().and_then(|base| base.referral.as_ref());
        base.and_then(|base| base.0.as_u64()).unwrap_or(0)
    };
    let told = |part: Restore| {
        let pass = number(&part);
        part.writes.into_iter().map(move |(name, write)| (pass, name, write.old, write.written))
    };
    history.restores(|pass| Some(state(pass))).into_iter().flat_map(told).collect()
}

#[test]
fn what_comes_back_is_what_was_there_before_the_first_write_if_the_last_is_still_there() {
    let lines = [
        ("good", crm("fold", "v", "0", "1")),
        ("bad", crm("fold", "v", "1", "2")),
        ("bad", crm("follow", "v", "2", "3")),
        ("bad", line(Side::PartnerCenter, "push", "/name", "a", "b")),
    ];
    let expected = [(2, "v".to_owned(), text("1"), text("3")), (4, "/name".to_owned(), text("a"), text("b"))];
    assert_eq!(history(&lines), expected);
}

#[test]
fn another_releases_write_ends_the_run_and_what_the_release_writes_afterwards_begins_a_new_one() {
    let mut lines = vec![("bad", crm("fold", "v", "1", "2")), ("good", crm("fold", "v", "2", "5"))];
    assert_eq!(history(&lines), []);
    lines.push(("bad", crm("fold", "v", "5", "6")));
    assert_eq!(history(&lines), [(3, "v".to_owned(), text("5"), text("6"))]);
}

#[test]
fn what_was_taken_back_set_by_a_person_or_made_is_not_taken_back() {
    for (release, rule) in [("good", "undo"), ("bad", "set"), ("bad", "create"), ("bad", "identity")] {
        let after = [("bad", crm("fold", "v", "1", "2")), (release, crm(rule, "v", "2", "3"))];
        assert_eq!(history(&after), [], "{rule}");
    }
    let left = AuditLine { side: None, ..crm("undo", "v", "2", "2") };
    assert_eq!(history(&[("bad", crm("fold", "v", "1", "2")), ("good", left.clone())]), []);
    let by_itself = [("bad", crm("fold", "v", "1", "2")), ("bad", left), ("bad", crm("undo", "v", "2", "3"))];
    assert_eq!(history(&by_itself), [(1, "v".to_owned(), text("1"), text("3"))]);
}

#[test]
fn where_a_person_was_to_decide_the_base_before_says_nothing() {
    let mut history = History::of("bad");
    for name in ["v", "w", "/name"] {
        history.read(&line(side_of(name), "decision", name, "1", "2"), 1, Some("bad"), true);
    }
    let mut state = LinkState::default();
    state.open.insert("v".to_owned(), parked());
    let parts: Vec<(bool, Vec<String>)> = history
        .restores(|_| Some(state.clone()))
        .into_iter()
        .map(|part| (part.before.is_some(), part.writes.into_keys().collect()))
        .collect();
    assert_eq!(parts, [(true, vec!["w".to_owned()]), (false, vec!["/name".to_owned(), "v".to_owned()])]);
}

fn parked() -> Entry {
    Entry {
        id: "e".to_owned(),
        field: "v".to_owned(),
        path: None,
        kind: EntryKind::Parked,
        partner_center: Value::Empty,
        crm: Value::Empty,
        base: None,
        reason: String::new(),
        decision: None,
        since: jiff::Timestamp::UNIX_EPOCH,
    }
}

#[test]
fn a_report_is_no_reason_to_take_anything_back_but_comes_with_what_is() {
    assert_eq!(history(&[("bad", crm("report", "n", "a", "✔ a"))]), []);
    let lines = [("bad", crm("fold", "n", "✔ a", "b")), ("good", crm("report", "n", "b", "✔ b"))];
    assert_eq!(history(&lines), [(1, "n".to_owned(), text("✔ a"), text("✔ b"))]);
}

#[test]
fn a_write_that_was_found_landed_belongs_to_the_release_that_decided_it() {
    let mut found = crm("fold", "v", "1", "2");
    found.release = Some("bad".to_owned());
    assert_eq!(history(&[("good", found)]), [(1, "v".to_owned(), text("1"), text("2"))]);
}

#[test]
fn what_came_back_to_the_old_value_or_was_written_before_the_time_is_left_out() {
    let lines = [("bad", crm("fold", "v", "1", "2")), ("bad", crm("fold", "v", "2", "1"))];
    assert_eq!(history(&lines), []);
    let mut since = History::of("bad");
    since.read(&crm("fold", "v", "1", "2"), 1, Some("bad"), false);
    since.read(&crm("fold", "v", "2", "3"), 2, Some("bad"), true);
    let parts = since.restores(|_| None);
    assert_eq!(parts[0].writes["v"], Overwritten { old: text("2"), written: text("3") });
}

#[test]
fn another_record_ends_what_was_written_to_the_old_one() {
    let mut moved = History::of("bad");
    moved.read(&crm("fold", "v", "1", "2"), 1, Some("bad"), true);
    moved.read(&line(Side::PartnerCenter, "push", "/name", "a", "b"), 1, Some("bad"), true);
    moved.other_record();
    let parts = moved.restores(|_| None);
    assert_eq!(parts.iter().flat_map(|part| part.writes.keys()).collect::<Vec<_>>(), ["/name"]);
}
