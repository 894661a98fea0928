//! What the obvious algorithm gets wrong, row by row, with the smallest trace of each.

use crosswalk_engine::{
    link::EntryKind,
    mapping::Resolution,
    pass::{Action, Verdict},
};

use super::world::{
    Fault, World,
    mapping::{Item, Plugin, Policy, value},
    oracle, shown,
};

const NOTES: &str = "/details/notes";
const CAMPAIGN: &str = "/campaignId";

fn same() -> Plugin {
    Plugin::new(&[Item::Same("n", NOTES)])
}

fn is_agreed(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Agreed { .. })
}

/// The judge finds nothing, and one more pass has nothing to do.
#[track_caller]
fn settles(world: &mut World) {
    let verdict = world.pass();
    assert!(is_agreed(&verdict), "{verdict:?}");
    assert_eq!(oracle::verdict(world), Vec::<String>::new(), "{}", world.trace.join("\n"));
}

#[test]
fn row_1_a_mapping_that_reads_the_record_does_not_make_a_change_of_a_crm_edit() {
    let mut world = World::linked(Plugin::new(&[Item::ManyByRecord("n", NOTES)]), &[(NOTES, "p")], &[]);
    world.plugin.policy = Policy::PartnerCenter;
    world.edit_record("n", "y");
    world.pass();
    assert_eq!((world.field("n"), world.at(NOTES)), ("y", "r"));
    assert!(world.entries.is_empty(), "nobody touched Partner Center, so there is no conflict");
    settles(&mut world);
}

#[test]
fn row_2_a_value_that_a_person_sets_right_after_our_write_is_an_edit() {
    let mut world = World::linked(same(), &[(NOTES, "")], &[]);
    world.edit_referral(NOTES, "a");
    world.pass_with(|world, action| {
        if matches!(action, Action::Finish { .. }) {
            world.edit_record("n", "b");
        }
        None
    });
    world.pass();
    assert_eq!(world.at(NOTES), "b");
    settles(&mut world);
}

#[test]
fn row_2_what_automation_makes_of_our_write_is_an_edit() {
    let mut world = World::linked(same(), &[(NOTES, "")], &[]);
    world.automation = Some(("n", "n"));
    world.edit_referral(NOTES, "a");
    world.pass();
    assert_eq!((world.field("n"), world.at(NOTES)), ("a!", "a"));
    world.pass();
    assert_eq!(world.at(NOTES), "a!");
    settles(&mut world);
}

#[test]
fn row_3a_a_field_that_only_the_crm_has_is_pushed() {
    let mut world = World::linked(Plugin::new(&[Item::Outward("o", NOTES)]), &[], &[]);
    world.edit_record("o", "c");
    world.pass();
    assert_eq!(world.at(NOTES), "c");
    settles(&mut world);
}

#[test]
fn row_3b_what_the_server_made_of_a_value_is_not_pushed_back_with_another_edit() {
    let plugin = Plugin::new(&[Item::Same("n", NOTES), Item::Same("m", CAMPAIGN)]);
    let mut world = World::linked(plugin, &[], &[]);
    world.normalises.insert(NOTES);
    world.edit_record("n", "b");
    world.pass();
    assert_eq!(world.at(NOTES), "B");
    world.edit_record("m", "x");
    let mut pushed = vec![];
    world.pass_with(|_, action| {
        if let Action::WriteReferral { fields, .. } = action {
            pushed.extend(fields.keys().cloned());
        }
        None
    });
    assert_eq!(pushed, [CAMPAIGN]);
    settles(&mut world);
}

#[test]
fn row_3c_an_edit_that_the_mapping_cannot_show_is_not_overwritten_without_an_entry() {
    let mut world = World::linked(Plugin::new(&[Item::Tens("n", NOTES)]), &[(NOTES, "0")], &[]);
    world.edit_referral(NOTES, "3");
    world.edit_record("n", "20");
    world.pass();
    assert_eq!(world.at(NOTES), "20");
    assert_eq!(world.entries_on("n").len(), 1);
    settles(&mut world);
}

#[test]
fn row_3_second_order_a_column_derived_from_what_we_push_is_rewritten() {
    let mut world = World::linked(Plugin::new(&[Item::Derived("e", "big", NOTES)]), &[(NOTES, "e")], &[]);
    world.edit_record("e", "d");
    world.pass();
    assert_eq!((world.at(NOTES), world.field("big")), ("d", "eur d"));
    settles(&mut world);
}

#[test]
fn row_3_second_order_a_mapping_that_chases_its_tail_is_parked_and_nothing_is_written() {
    let mut world =
        World::linked(Plugin::new(&[Item::Same("a", NOTES), Item::Appends("log", NOTES)]), &[], &[]);
    world.edit_record("a", "x");
    let verdict = world.pass();
    assert!(matches!(verdict, Verdict::Parked { .. }), "{verdict:?}");
    assert_eq!(world.oracle.record_writes + world.oracle.referral_writes, 0);
    assert!(world.alarms[0].contains("does not settle"), "{:?}", world.alarms);
}

#[test]
fn row_4_a_refused_edit_is_kept_in_an_entry_and_tried_again_only_when_a_side_moves() {
    let mut world = World::linked(same(), &[(NOTES, "old")], &[]);
    world.refuses.insert(NOTES);
    world.edit_record("n", "new");
    world.pass();
    let tried = world.attempts.clone();
    assert_eq!(world.entries_on("n")[0].kind, EntryKind::Undelivered);
    world.pass();
    world.pass();
    assert_eq!(world.attempts, tried, "not tried again while nobody moves");
    assert_eq!((world.field("n"), world.at(NOTES)), ("new", "old"));
    world.refuses.clear();
    world.edit_record("n", "newer");
    world.pass();
    assert_eq!(world.at(NOTES), "newer");
    assert!(world.state.as_ref().unwrap().open.is_empty());
    settles(&mut world);
}

#[test]
fn row_4_when_partner_center_moves_a_refused_field_is_a_conflict() {
    let mut world = World::linked(same(), &[(NOTES, "old")], &[]);
    world.plugin.policy = Policy::PartnerCenter;
    world.refuses.insert(NOTES);
    world.edit_record("n", "new");
    world.pass();
    world.edit_referral(NOTES, "theirs");
    world.pass();
    assert_eq!(world.field("n"), "theirs");
    let overwritten = world.entries_on("n").into_iter().find(|entry| entry.kind == EntryKind::OverwrittenCrm);
    assert_eq!(shown(&overwritten.unwrap().crm), "new");
    settles(&mut world);
}

#[test]
fn row_4_the_mirror_a_field_that_the_crm_refuses_is_kept_in_an_entry() {
    let plugin = Plugin::new(&[Item::Same("n", NOTES), Item::Same("m", CAMPAIGN)]);
    let mut world = World::linked(plugin, &[], &[]);
    world.refuses.insert("n");
    world.edit_referral(NOTES, "a");
    world.edit_referral(CAMPAIGN, "b");
    world.pass();
    assert_eq!((world.field("n"), world.field("m")), ("", "b"), "the other field goes on");
    assert_eq!(world.entries_on("n")[0].kind, EntryKind::Undelivered);
    let tried = world.attempts.clone();
    world.pass();
    assert_eq!(world.attempts, tried);
    world.refuses.clear();
    world.edit_referral(NOTES, "aa");
    world.pass();
    assert_eq!(world.field("n"), "aa");
    settles(&mut world);
}

#[test]
fn row_4_a_path_that_nobody_may_patch_is_never_sent_and_a_later_change_there_is_a_conflict() {
    let mut world = World::linked(Plugin::new(&[Item::Name("n")]), &[("/name", "old")], &[]);
    world.plugin.policy = Policy::PartnerCenter;
    world.edit_record("n", "mine");
    assert!(is_agreed(&world.pass()));
    assert!(world.entries.is_empty() && world.attempts.is_empty());
    world.edit_referral("/name", "theirs");
    world.pass();
    assert_eq!(world.field("n"), "theirs");
    assert_eq!(shown(&world.entries_on("n")[0].crm), "mine");
    settles(&mut world);
}

#[test]
fn row_5_a_crash_after_the_record_write_does_not_make_an_edit_of_it() {
    let mut world = World::linked(same(), &[(NOTES, "")], &[]);
    world.edit_referral(NOTES, "b");
    world.pass_with(|_, action| matches!(action, Action::WriteRecord { .. }).then_some(Fault::CrashAfter));
    assert_eq!(world.field("n"), "b");
    world.edit_referral(NOTES, "");
    world.pass();
    assert_eq!((world.at(NOTES), world.field("n")), ("", ""));
    settles(&mut world);
}

#[test]
fn row_5_a_lost_answer_to_a_push_never_overwrites_without_an_entry() {
    let mut world = World::linked(same(), &[(NOTES, "")], &[]);
    world.edit_record("n", "b");
    let verdict = world
        .pass_with(|_, action| matches!(action, Action::WriteReferral { .. }).then_some(Fault::ReplyLost));
    assert!(matches!(verdict, Some(Verdict::Again { .. })), "{verdict:?}");
    world.edit_record("n", "");
    world.pass();
    assert_eq!(
        (world.at(NOTES), world.field("n")),
        ("", ""),
        "the push is seen to have landed; going back is an edit"
    );
    settles(&mut world);
}

#[test]
fn row_5_a_stale_push_after_a_record_write_does_not_take_our_own_write_for_an_edit() {
    let plugin = Plugin::new(&[Item::Same("n", NOTES), Item::Same("m", CAMPAIGN)]);
    let mut world = World::linked(plugin, &[], &[]);
    world.edit_referral(NOTES, "a");
    world.edit_record("m", "x");
    let mut done = false;
    world.pass_with(|world, action| {
        if matches!(action, Action::WriteReferral { .. }) && !done {
            done = true;
            world.edit_referral(NOTES, "");
        }
        None
    });
    assert_eq!((world.at(NOTES), world.field("n"), world.at(CAMPAIGN)), ("", "", "x"));
    assert!(world.entries.is_empty());
    settles(&mut world);
}

#[test]
fn row_5_an_edit_that_partner_center_says_already_is_known_though_a_push_beside_it_is_in_doubt() {
    let plugin = Plugin::new(&[Item::Same("n", CAMPAIGN), Item::ManyByRecord("m", NOTES)]);
    let mut world = World::linked(plugin, &[(NOTES, "q")], &[]);
    world.edit_referral(NOTES, "r");
    world.edit_record("m", "y");
    world.edit_record("n", "mine");
    world.pass_with(|_, action| matches!(action, Action::WriteReferral { .. }).then_some(Fault::ReplyLost));
    world.edit_referral(CAMPAIGN, "theirs");
    world.edit_record("m", "x");
    world.pass();
    assert_eq!((world.field("m"), world.at(NOTES)), ("x", "p"));
    settles(&mut world);
}

#[test]
fn row_5_entries_the_overwritten_value_is_stored_before_it_is_overwritten() {
    let mut world = World::linked(same(), &[(NOTES, "")], &[]);
    world.plugin.policy = Policy::PartnerCenter;
    world.edit_referral(NOTES, "theirs");
    world.edit_record("n", "mine");
    world.pass_with(|_, action| matches!(action, Action::WriteRecord { .. }).then_some(Fault::CrashAfter));
    assert_eq!(shown(&world.entries_on("n")[0].crm), "mine");
    world.pass();
    assert_eq!(world.entries_on("n").len(), 1, "and only once");
    settles(&mut world);
}

#[test]
fn row_5_entries_of_a_write_that_never_landed_never_happened() {
    let mut world = World::linked(same(), &[(NOTES, "")], &[]);
    world.plugin.policy = Policy::PartnerCenter;
    world.edit_referral(NOTES, "theirs");
    world.edit_record("n", "mine");
    world.pass_with(|_, action| matches!(action, Action::WriteRecord { .. }).then_some(Fault::Crash));
    world.edit_record("n", "theirs");
    world.pass();
    assert!(world.entries_on("n").is_empty(), "{:?}", world.entries);
    settles(&mut world);
}

#[test]
fn row_6_a_new_release_changes_new_edits_only() {
    let mut world = World::linked(same(), &[(NOTES, "1")], &[]);
    world.edit_referral(NOTES, "2");
    world.pass();
    world.plugin.items = vec![Item::Prefix("n", NOTES)];
    assert!(is_agreed(&world.pass()), "the swap alone writes nothing");
    assert_eq!(world.field("n"), "2");
    world.edit_referral(NOTES, "3");
    world.pass();
    assert_eq!(world.field("n"), "eur 3");
    settles(&mut world);
}

#[test]
fn row_6_project_again_is_an_owed_flag() {
    let mut world = World::linked(same(), &[(NOTES, "1")], &[]);
    world.plugin.items = vec![Item::Prefix("n", NOTES)];
    let owed = crosswalk_engine::link::Owed { partner_center: true, crm: false };
    world.state.as_mut().unwrap().owed.insert("n".into(), owed);
    world.pass();
    assert_eq!(world.field("n"), "eur 1");
    settles(&mut world);
}

#[test]
fn row_7_a_third_value_reaches_both_sides_even_if_the_crm_held_it_before() {
    let mut world = World::linked(same(), &[(NOTES, "old")], &[]);
    world.plugin.policy = Policy::Third("old");
    world.edit_referral(NOTES, "theirs");
    world.edit_record("n", "mine");
    world.pass_with(|_, action| matches!(action, Action::WriteReferral { .. }).then_some(Fault::Crash));
    world.pass();
    assert_eq!((world.field("n"), world.at(NOTES)), ("old", "old"));
    settles(&mut world);
}

#[test]
fn row_8_a_return_to_the_base_is_no_edit() {
    let mut world = World::linked(same(), &[(NOTES, "a")], &[]);
    world.edit_record("n", "b");
    world.edit_record("n", "a");
    world.edit_referral(NOTES, "c");
    world.pass();
    assert_eq!(world.field("n"), "c");
    assert!(world.entries.is_empty());
    settles(&mut world);
}

#[test]
fn row_9_a_stale_write_that_is_planned_again_makes_one_entry() {
    let mut world = World::linked(same(), &[(NOTES, "")], &[]);
    world.plugin.policy = Policy::PartnerCenter;
    world.edit_referral(NOTES, "theirs");
    world.edit_record("n", "mine");
    let mut done = false;
    world.pass_with(|world, action| {
        if matches!(action, Action::WriteRecord { .. }) && !done {
            done = true;
            world.edit_record("n", "mine too");
        }
        None
    });
    let kept: Vec<String> = world.entries_on("n").iter().map(|entry| shown(&entry.crm)).collect();
    assert_eq!(kept, ["mine too"]);
    settles(&mut world);
}

#[test]
fn row_10_a_parked_field_stops_nothing_else_and_leaks_into_nothing() {
    let mut world =
        World::linked(Plugin::new(&[Item::Same("h", NOTES), Item::Joined("h", "i", CAMPAIGN)]), &[], &[]);
    world.edit_record("h", "a");
    world.edit_record("i", "x");
    world.pass();
    assert_eq!(world.at(CAMPAIGN), "a/x");
    world.plugin.policy = Policy::Park;
    world.edit_referral(NOTES, "b");
    world.edit_record("h", "c");
    let verdict = world.pass();
    assert!(matches!(verdict, Verdict::Parked { .. }), "{verdict:?}");
    world.edit_record("i", "d");
    world.pass();
    assert_eq!(world.at(CAMPAIGN), "b/d", "neither the disputed `c` nor nothing");
    world.decide("h", Resolution::Crm);
    world.pass();
    assert_eq!((world.at(NOTES), world.at(CAMPAIGN)), ("c", "c/d"));
    assert!(world.state.as_ref().unwrap().open.is_empty());
    settles(&mut world);
}

#[test]
fn row_10_a_parked_field_closes_when_both_sides_agree_and_is_judged_again_when_one_moves() {
    let mut world = World::linked(same(), &[], &[]);
    world.plugin.policy = Policy::Park;
    world.edit_referral(NOTES, "b");
    world.edit_record("n", "c");
    world.pass();
    let first = world.state.as_ref().unwrap().open["n"].id.clone();
    assert!(is_agreed(&world.pass()));
    world.edit_record("n", "d");
    world.pass();
    let second = world.state.as_ref().unwrap().open["n"].clone();
    assert!(second.id != first && second.crm == value("d"));
    world.edit_record("n", "b");
    world.pass();
    assert!(world.state.as_ref().unwrap().open.is_empty());
    settles(&mut world);
}

#[test]
fn row_10_a_decision_is_consumed_when_it_is_delivered_not_when_it_is_planned() {
    let mut world = World::linked(same(), &[], &[]);
    world.plugin.policy = Policy::Park;
    world.edit_referral(NOTES, "b");
    world.edit_record("n", "c");
    world.pass();
    world.decide("n", Resolution::PartnerCenter);
    world.pass_with(|_, action| matches!(action, Action::WriteRecord { .. }).then_some(Fault::Crash));
    assert!(world.state.as_ref().unwrap().open["n"].decision.is_some());
    world.pass();
    assert_eq!(world.field("n"), "b");
    assert!(world.state.as_ref().unwrap().open.is_empty());
    settles(&mut world);
}

#[test]
fn an_edit_between_read_and_patch_of_the_same_path_is_not_overwritten() {
    let mut world = World::linked(same(), &[(NOTES, "")], &[]);
    world.edit_record("n", "mine");
    let mut done = false;
    world.pass_with(|world, action| {
        if matches!(action, Action::WriteReferral { .. }) && !done {
            done = true;
            world.edit_referral(NOTES, "theirs");
        }
        None
    });
    assert_eq!(world.at(NOTES), "mine");
    let kept = world.entries_on("n");
    assert_eq!((kept.len(), shown(&kept[0].partner_center)), (1, "theirs".to_owned()));
    settles(&mut world);
}

#[test]
fn adoption_fills_empty_fields_on_both_sides_and_asks_about_the_rest() {
    let plugin =
        Plugin::new(&[Item::Same("n", NOTES), Item::Same("m", CAMPAIGN), Item::Same("o", "/salesStage")]);
    let mut world = World::adopted(
        plugin,
        &[(NOTES, "theirs"), ("/salesStage", "10")],
        &[("n", ""), ("m", "mine"), ("o", "20")],
    );
    world.pass();
    assert_eq!((world.field("n"), world.at(CAMPAIGN)), ("theirs", "mine"));
    assert!(world.entries_on("n").is_empty() && world.entries_on("m").is_empty());
    assert_eq!(world.entries_on("o").len(), 1);
    settles(&mut world);
}

#[test]
fn an_unlawful_mapping_ends_with_at_most_one_write_a_side_for_each_edit_and_an_alarm() {
    let mut world = World::linked(Plugin::new(&[Item::Grows("n", NOTES)]), &[], &[]);
    world.edit_referral(NOTES, "a");
    world.pass();
    for _ in 0..5 {
        assert!(is_agreed(&world.pass()));
    }
    assert!(world.oracle.record_writes <= 1 && world.oracle.referral_writes <= 1);
    assert!(world.alarms.iter().any(|alarm| alarm.contains("L1, L2")), "{:?}", world.alarms);
}

#[test]
fn a_strict_pass_parks_what_an_unlawful_mapping_asks_for_and_a_lawful_one_comes_true_afterwards() {
    let mut world = World::linked(Plugin::new(&[Item::Grows("n", NOTES)]), &[], &[]);
    world.limits.strict = true;
    world.edit_record("n", "a");
    let verdict = world.pass();
    assert!(
        matches!(&verdict, Verdict::Parked { reason } if reason.contains("nothing was written")),
        "{verdict:?}"
    );
    assert_eq!((world.oracle.record_writes, world.oracle.referral_writes), (0, 0));
    assert_eq!(world.alarms.len(), 1, "{:?}", world.alarms);
    world.plugin = Plugin::new(&[Item::Same("n", NOTES)]);
    world.alarms.clear();
    world.pass();
    assert_eq!((world.at(NOTES), world.alarms.len()), ("a", 0));
    settles(&mut world);
}
