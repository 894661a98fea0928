//! Where two releases part, from what each does.

use crosswalk_engine::{mapping::Disposition, value::Value};

use super::*;

fn change(write: u32, field: &str, new: &str) -> Change {
    Change {
        write,
        side: Side::Crm,
        rule: "fold".to_owned(),
        field: field.to_owned(),
        old: Some(Value::Text("before".to_owned())),
        new: Value::Text(new.to_owned()),
    }
}

fn applied(changes: Vec<Change>) -> Effects {
    let writes = changes.iter().map(|change| change.write).max().unwrap_or_default();
    let verdict = match writes {
        0 => Verdict::Agreed { reason: "both sides agree".to_owned() },
        _ => Verdict::Applied { crm_writes: writes, partner_center_writes: 0, reason: "wrote".to_owned() },
    };
    Effects { changes, writes, verdict: Some(verdict), ..Effects::default() }
}

fn shown(was: &Effects, would: &Effects) -> Vec<(Kind, String)> {
    let fields = fields(was, would, Canon::of_currency(None));
    fields.into_iter().map(|field| (field.kind, field.field)).collect()
}

fn refused(code: &str) -> Effects {
    let refusal = Refusal {
        code: code.to_owned(),
        disposition: Disposition::Reject,
        field: None,
        message: "no".to_owned(),
        help: None,
    };
    let verdict = Verdict::Parked { reason: "the plugin refused".to_owned() };
    Effects { refusal: Some(refusal), verdict: Some(verdict), ..Effects::default() }
}

#[test]
fn a_field_is_told_by_which_of_the_two_writes_it_and_one_that_says_the_same_is_not() {
    let was = applied(vec![change(1, "a", "1"), change(1, "b", "1"), change(1, "d", "x ")]);
    let would = applied(vec![change(1, "a", "2"), change(1, "c", "1"), change(1, "d", "x")]);
    let expected =
        [(Kind::OtherValue, "a"), (Kind::OnlyCurrentWrites, "b"), (Kind::OnlyCandidateWrites, "c")];
    assert_eq!(shown(&was, &would), expected.map(|(kind, field)| (kind, field.to_owned())));
}

#[test]
fn a_replay_that_ends_where_something_is_made_is_compared_no_further() {
    let was = applied(vec![change(1, "name", "a"), change(2, "audit", "done")]);
    let made = Effects { verdict: None, ..applied(vec![change(1, "name", "b")]) };
    assert_eq!(shown(&was, &made), [(Kind::OtherValue, "name".to_owned())]);
    assert_eq!(ending(&was, &made, false), None);
}

#[test]
fn a_refusal_and_a_trap_are_told_apart_by_their_code_and_only_if_they_are_new() {
    let was = applied(Vec::new());
    assert_eq!(ending(&was, &refused("MAP001"), true), Some(Ending::Refuses("MAP001".to_owned())));
    assert_eq!(ending(&was, &refused("MAP012"), true), Some(Ending::Refuses("MAP012".to_owned())));
    assert_eq!(ending(&was, &refused("MAP035"), true), Some(Ending::Traps("MAP035".to_owned())));
    assert_eq!(ending(&refused("MAP001"), &refused("MAP001"), true), None);
    assert_eq!(ending(&refused("MAP001"), &was, true), Some(Ending::Otherwise));
}

#[test]
fn a_pass_that_ends_otherwise_is_told_by_how_unless_its_fields_say_it() {
    let (was, writes) = (applied(Vec::new()), applied(vec![change(1, "a", "1")]));
    let skipped =
        Effects { verdict: Some(Verdict::Skipped { reason: "off".to_owned() }), ..Effects::default() };
    let parked =
        Effects { verdict: Some(Verdict::Parked { reason: "ask".to_owned() }), ..Effects::default() };
    assert_eq!(ending(&was, &skipped, true), Some(Ending::Skips));
    assert_eq!(ending(&was, &parked, true), Some(Ending::Parks));
    assert_eq!(ending(&was, &writes, false), None);
    assert_eq!(ending(&was, &was, true), None);
}
