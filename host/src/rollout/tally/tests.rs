//! Counters and thresholds.

use crosswalk_engine::mapping::Disposition;

use super::*;

fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + minute * 60).unwrap()
}

fn well(plugin_us: u64) -> Ended {
    Ended { how: How::Well, alarms: 0, plugin_us }
}

fn tally(well_ended: u64, other: &[Ended]) -> Tally {
    let mut tally = Tally::default();
    (0..well_ended).for_each(|_| tally.count(&well(1_000)));
    other.iter().for_each(|ended| tally.count(ended));
    tally
}

fn refusal(code: &str) -> Refusal {
    Refusal {
        code: code.to_owned(),
        disposition: Disposition::Reject,
        field: None,
        message: "no owner".to_owned(),
        help: None,
    }
}

fn parked() -> Verdict {
    Verdict::Parked { reason: "a person decides".to_owned() }
}

fn ended(code: &str) -> Ended {
    Ended::of(&parked(), Some(&refusal(code)), 0, 0)
}

#[test]
fn a_pass_counts_by_what_its_release_is_answerable_for() {
    let agreed = Verdict::Agreed { reason: String::new() };
    assert_eq!(Ended::of(&agreed, None, 0, 7), well(7));
    assert!(matches!(Ended::of(&parked(), None, 0, 0).how, How::Parked(_)));
    let again = Verdict::Again { after_ms: 5, reason: "a lock".to_owned() };
    assert_eq!(Ended::of(&again, None, 0, 0).how, How::Nothing);
    for (code, trap) in [
        ("MAP001", false),
        ("MAP002", false),
        ("MAP031", false),
        ("MAP010", true),
        ("MAP035", true),
        ("MAP080", true),
    ] {
        let how = ended(code).how;
        assert_eq!(matches!(how, How::Trapped(_)), trap, "{code}");
        assert_eq!(matches!(how, How::Refused(_)), !trap, "{code}");
    }
    assert_eq!(ended("MAP037").how, How::Nothing, "the host could not run it");
}

#[test]
fn one_trap_is_enough_and_is_quoted() {
    let rules = Rules::default();
    assert_eq!(tally(1_000, &[]).against(&rules), None);
    let why = tally(3, &[ended("MAP035")]).against(&rules).unwrap();
    assert_eq!(
        why,
        "1 of 4 passes trapped or broke the contract, of which 0 may; the last one: MAP035: no owner"
    );
    assert_eq!(tally(3, &[ended("MAP035")]).against(&Rules { traps_max: 1, ..rules }), None);
}

#[test]
fn alarms_are_counted_beside_the_verdict() {
    let alarmed = Ended::parked("it does not settle", 1);
    let rules = Rules::default();
    assert_eq!(tally(0, &[alarmed.clone(), alarmed.clone()]).against(&rules), None);
    let why = tally(0, &[alarmed.clone(), alarmed.clone(), alarmed]).against(&rules).unwrap();
    assert!(
        why.starts_with("3 alarms in 3 passes, of which 2 may be; the last one: it does not settle"),
        "{why}"
    );
}

#[test]
fn shares_are_judged_once_there_are_enough_passes_and_not_before() {
    let rules =
        Rules { judge_from_passes: 10, refusals_percent_max: 20, parks_percent_max: 10, ..Rules::default() };
    let refused = ended("MAP001");
    assert_eq!(tally(0, &vec![refused.clone(); 9]).against(&rules), None, "nine passes are too few");
    assert_eq!(tally(8, &vec![refused.clone(); 2]).against(&rules), None, "exactly the share");
    let why = tally(7, &vec![refused; 3]).against(&rules).unwrap();
    assert!(why.starts_with("the plugin refused 3 of 10 passes, more than 20 %"), "{why}");
    let parks = Ended::parked("gone", 0);
    assert_eq!(tally(9, std::slice::from_ref(&parks)).against(&rules), None);
    let why = tally(8, &vec![parks; 2]).against(&rules).unwrap();
    assert!(why.starts_with("2 of 10 passes were parked, more than 10 %"), "{why}");
}

#[test]
fn a_slow_plugin_goes_and_one_slow_pass_in_twenty_does_not_count() {
    let rules = Rules { plugin_ms_p95_max: 100, ..Rules::default() };
    assert_eq!(tally(19, &[well(900_000)]).against(&rules), None);
    let slow = tally(18, &[well(900_000), well(900_000)]);
    assert_eq!(slow.plugin_ms_p95(), 900);
    assert_eq!(
        slow.against(&rules).unwrap(),
        "one pass in twenty took 900 ms in the plugin, more than 100 ms"
    );
    // Only the last passes count: it may have become slow, or quick.
    let mut quick = slow;
    (0..TIMES_MAX).for_each(|_| quick.count(&well(1_000)));
    assert_eq!(quick.plugin_ms_p95(), 1);
    assert_eq!(Tally::default().plugin_ms_p95(), 0);
}

#[test]
fn a_candidate_is_promoted_by_rule_after_passes_and_minutes_and_by_nothing_without_a_rule() {
    let by_hand = Rules::default();
    let waits = |tally: &Tally, rules: &Rules, minute| tally.promotion(rules, false, at(0), at(minute));
    assert!(waits(&tally(9_999, &[]), &by_hand, 9_999).unwrap_err().contains("plugin promote"));
    let both = Rules { promote_after_passes: Some(50), promote_after_minutes: Some(60), ..by_hand.clone() };
    assert_eq!(waits(&tally(49, &[]), &both, 60).unwrap_err(), "49 of 50 passes, 60 of 60 minutes");
    assert!(waits(&tally(50, &[]), &both, 59).is_err());
    assert!(waits(&tally(50, &[]), &both, 60).unwrap().contains("50 passes in 60 minutes"));
    let minutes = Rules { promote_after_minutes: Some(60), ..by_hand };
    assert!(waits(&tally(0, &[]), &minutes, 9_999).is_err(), "time alone proves nothing");
    assert!(waits(&tally(20, &[]), &minutes, 60).is_ok());
}

#[test]
fn a_shadow_whose_answers_differ_waits_for_a_person() {
    let rules = Rules { promote_after_passes: Some(1), ..Rules::default() };
    let mut shadow = tally(2, &[]);
    assert!(shadow.promotion(&rules, true, at(0), at(1)).is_ok());
    for number in 0..7 {
        shadow.compare(&[("other value".to_owned(), 2)].into(), Some(format!("referral r{number}")));
    }
    shadow.compare(&BTreeMap::new(), None);
    assert_eq!((shadow.shadow.differing, shadow.shadow.kinds["other value"]), (7, 14));
    assert_eq!(
        shadow.shadow.examples,
        ["referral r2", "referral r3", "referral r4", "referral r5", "referral r6"]
    );
    assert!(shadow.promotion(&rules, true, at(0), at(1)).unwrap_err().contains("7 of 2 passes"));
    assert!(shadow.promotion(&rules, false, at(0), at(1)).is_ok(), "what a canary differs in was wanted");
}

#[test]
fn a_live_release_is_proven_after_passes_and_hours() {
    let rules = Rules { watch_passes: 10, watch_hours: 2, ..Rules::default() };
    assert!(!tally(10, &[]).is_proven(&rules, at(0), at(119)));
    assert!(!tally(9, &[]).is_proven(&rules, at(0), at(120)));
    assert!(tally(10, &[]).is_proven(&rules, at(0), at(120)));
}

#[test]
fn a_tally_survives_a_restart() {
    let mut before = tally(3, &[ended("MAP035"), Ended::parked("gone", 1)]);
    before.compare(&[("other value".to_owned(), 1)].into(), Some("referral r1".to_owned()));
    let text = serde_json::to_string(&before).unwrap();
    assert!(!text.contains("referral r1"), "values of customers are not stored in the clear");
    before.shadow.examples.clear();
    assert_eq!(serde_json::from_str::<Tally>(&text).unwrap(), before);
}
