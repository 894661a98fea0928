//! A wrong release is taken back, and a mapping's view is written to pairs that nobody edits.
//!
//! The wrong release of these tests puts a mark before all that it writes to one of the two sides.

use crosswalk_engine::{
    link::{EntryKind, Overwritten, Restore},
    pass::{Action, Side, Verdict},
    value::{Reference, Value},
};

use super::world::{
    Fault, World,
    mapping::{Item, Plugin, Policy, Spoils},
    oracle, shown,
};

const NOTES: &str = "/details/notes";
const CAMPAIGN: &str = "/campaignId";

/// Notes and a campaign, the same text on both sides.
fn pair() -> World {
    let plugin = Plugin::new(&[Item::Same("n", NOTES), Item::Same("c", CAMPAIGN)]);
    World::linked(plugin, &[(NOTES, "a"), (CAMPAIGN, "spring")], &[])
}

/// What people do while this wrong release is live, which is then rolled back.
fn under(world: &mut World, spoils: Spoils, what: impl FnOnce(&mut World)) {
    world.plugin.spoils = spoils;
    what(world);
    world.plugin.spoils = Spoils::Nothing;
    world.alarms.clear();
}

fn writes(world: &World) -> (usize, usize) {
    let of = |side| world.attempts.get(&side).copied().unwrap_or_default();
    (of(Side::Crm), of(Side::PartnerCenter))
}

/// Undoes in one pass, and says how many writes to the CRM and to Partner Center that took. A second undo takes none.
#[track_caller]
fn undone(world: &mut World, known: bool) -> (usize, usize) {
    let before = writes(world);
    world.undo(known);
    world.pass();
    let after = writes(world);
    rests(world);
    world.undo(known);
    rests(world);
    assert_eq!(writes(world), after, "the second undo wrote: {}", world.trace.join("\n"));
    (after.0 - before.0, after.1 - before.1)
}

/// One more pass has nothing to do, and the judge finds nothing.
#[track_caller]
fn rests(world: &mut World) {
    let before = writes(world);
    let verdict = world.pass();
    assert!(matches!(verdict, Verdict::Agreed { .. }), "{verdict:?}: {}", world.trace.join("\n"));
    assert_eq!(writes(world), before, "{}", world.trace.join("\n"));
    assert_eq!(oracle::verdict(world), Vec::<String>::new(), "{}", world.trace.join("\n"));
    assert_eq!(world.alarms, Vec::<String>::new());
    assert!(world.state.as_ref().unwrap().restore.is_empty());
}

fn notes_of(world: &World) -> Vec<String> {
    let left = world.audit.iter().filter(|line| line.rule == "undo" && line.side.is_none());
    left.map(|line| format!("{:?} {}", line.fields.keys().collect::<Vec<_>>(), line.note)).collect()
}

#[test]
fn a_wrong_value_gives_way_to_what_the_present_mapping_makes_of_the_edit_that_it_came_with() {
    let mut world = pair();
    under(&mut world, Spoils::Crm, |world| {
        world.edit_referral(NOTES, "b");
        world.pass();
    });
    assert_eq!(world.field("n"), "~b");
    assert_eq!(undone(&mut world, true), (1, 0));
    assert_eq!((world.field("n"), world.at(NOTES), world.field("c")), ("b", "b", "spring"));
    let line = world.audit.iter().find(|line| line.rule == "undo").unwrap();
    let (old, new) = &line.fields["n"];
    assert_eq!(
        (line.side, shown(old.as_ref().unwrap()), shown(new)),
        (Some(Side::Crm), "~b".into(), "b".into())
    );
    assert!(world.entries.is_empty());
}

#[test]
fn a_value_that_no_edit_was_behind_gives_way_to_the_old_one() {
    let plugin = Plugin::new(&[Item::Cut("n", NOTES)]);
    let mut world = World::linked(plugin, &[(NOTES, "abcd")], &[]);
    under(&mut world, Spoils::Crm, |world| {
        world.project(&["n"]);
        world.pass();
    });
    assert_eq!(world.field("n"), "~abc");
    assert_eq!(undone(&mut world, true), (1, 0));
    assert_eq!((world.field("n"), world.at(NOTES)), ("abc", "abcd"));
}

#[test]
fn a_wrong_push_gives_way_to_what_the_record_asks_for_now() {
    let mut world = pair();
    under(&mut world, Spoils::PartnerCenter, |world| {
        world.edit_record("n", "b");
        world.pass();
        world.project(&[CAMPAIGN]);
        world.pass();
    });
    assert_eq!((world.at(NOTES), world.at(CAMPAIGN)), ("#b", "#spring"));
    assert_eq!(undone(&mut world, true), (0, 1));
    assert_eq!((world.at(NOTES), world.at(CAMPAIGN)), ("b", "spring"));
    assert_eq!((world.field("n"), world.field("c")), ("b", "spring"));
    assert!(world.entries.is_empty());
}

#[test]
fn what_the_release_carried_over_rightly_stays_and_costs_no_write() {
    let mut world = pair();
    under(&mut world, Spoils::Crm, |world| {
        world.edit_record("n", "b");
        world.pass();
    });
    under(&mut world, Spoils::PartnerCenter, |world| {
        world.edit_referral(CAMPAIGN, "summer");
        world.pass();
    });
    for known in [true, false] {
        assert_eq!(undone(&mut world, known), (0, 0), "{known}");
        assert_eq!((world.at(NOTES), world.field("c")), ("b", "summer"));
    }
    let expected =
        [NOTES, "c"].map(|name| format!("[{name:?}] left alone: the present mapping asks for the same"));
    assert_eq!(notes_of(&world), expected);
    assert!(world.entries.is_empty());
}

#[test]
fn what_a_person_has_edited_since_is_left_alone_and_said_once() {
    let mut world = pair();
    under(&mut world, Spoils::Crm, |world| {
        world.edit_referral(NOTES, "b");
        world.edit_referral(CAMPAIGN, "summer");
        world.pass();
    });
    world.edit_record("n", "a seller's");
    world.undo(true);
    world.pass();
    assert_eq!((world.field("n"), world.at(NOTES), world.field("c")), ("a seller's", "a seller's", "summer"));
    assert_eq!(notes_of(&world), ["[\"n\"] left alone: it was edited since"]);
    assert_eq!(writes(&world), (2, 1), "the campaign is taken back, the seller's notes are pushed");
    rests(&mut world);
    assert_eq!(notes_of(&world).len(), 1);
}

#[test]
fn an_edit_in_partner_center_since_is_written_as_the_present_mapping_has_it() {
    let mut world = pair();
    under(&mut world, Spoils::Crm, |world| {
        world.edit_referral(NOTES, "b");
        world.pass();
    });
    world.edit_referral(NOTES, "c");
    assert_eq!(undone(&mut world, true), (1, 0));
    assert_eq!((world.field("n"), world.at(NOTES)), ("c", "c"));
    assert!(world.entries.is_empty());
}

#[test]
fn an_edit_that_the_release_overwrote_is_an_edit_again() {
    let mut world = pair();
    world.plugin.policy = Policy::PartnerCenter;
    under(&mut world, Spoils::Crm, |world| {
        world.edit_record("n", "a seller's");
        world.project(&["n"]);
        world.pass();
    });
    assert_eq!((world.field("n"), world.entries_on("n").len()), ("~a", 1));
    assert_eq!(undone(&mut world, true), (1, 1));
    assert_eq!((world.field("n"), world.at(NOTES)), ("a seller's", "a seller's"));
}

#[test]
fn an_edit_of_microsofts_that_the_release_pushed_over_is_a_conflict_again() {
    for policy in [Policy::PartnerCenter, Policy::Crm, Policy::Park] {
        let mut world = pair();
        under(&mut world, Spoils::PartnerCenter, |world| {
            world.plugin.policy = Policy::Crm;
            world.edit_record("n", "a seller's");
            world.edit_referral(NOTES, "microsoft's");
            world.pass();
        });
        assert_eq!(world.at(NOTES), "#a seller's");
        world.plugin.policy = policy;
        world.undo(true);
        world.pass();
        let held = (world.field("n").to_owned(), world.at(NOTES).to_owned());
        let expected = match policy {
            Policy::PartnerCenter => ("microsoft's", "microsoft's"),
            Policy::Crm => ("a seller's", "a seller's"),
            _ => ("a seller's", "microsoft's"),
        };
        assert_eq!(held, (expected.0.to_owned(), expected.1.to_owned()), "{policy:?}");
        rests(&mut world);
    }
}

#[test]
fn without_a_base_before_the_other_sides_value_wins_and_the_old_one_is_kept_in_an_entry() {
    let mut world = pair();
    under(&mut world, Spoils::Crm, |world| {
        world.edit_referral(NOTES, "b");
        world.pass();
    });
    assert_eq!(undone(&mut world, false), (1, 0));
    assert_eq!((world.field("n"), world.at(NOTES)), ("b", "b"));
    let entry = world.entries_on("n")[0];
    assert_eq!((entry.kind, shown(&entry.crm)), (EntryKind::OverwrittenCrm, "a".into()));

    let mut world = pair();
    under(&mut world, Spoils::PartnerCenter, |world| {
        world.edit_record("n", "b");
        world.pass();
    });
    assert_eq!(undone(&mut world, false), (0, 1));
    assert_eq!((world.field("n"), world.at(NOTES)), ("b", "b"));
    let entry = world.entries_on(NOTES)[0];
    assert_eq!((entry.kind, shown(&entry.partner_center)), (EntryKind::OverwrittenPartnerCenter, "a".into()));
}

#[test]
fn without_a_base_before_the_old_value_comes_back_where_both_sides_agree_on_it() {
    let mut world = pair();
    under(&mut world, Spoils::Crm, |world| {
        world.project(&["n"]);
        world.pass();
    });
    under(&mut world, Spoils::PartnerCenter, |world| {
        world.project(&[CAMPAIGN]);
        world.pass();
    });
    assert_eq!((world.field("n"), world.at(CAMPAIGN)), ("~a", "#spring"));
    assert_eq!(undone(&mut world, false), (1, 1));
    assert_eq!((world.field("n"), world.at(CAMPAIGN)), ("a", "spring"));
    assert!(world.entries.is_empty());
}

#[test]
fn what_an_open_entry_holds_is_left_to_the_person_who_decides_it() {
    let mut world = pair();
    under(&mut world, Spoils::Crm, |world| {
        world.edit_referral(NOTES, "b");
        world.pass();
    });
    world.plugin.policy = Policy::Park;
    world.edit_record("n", "x");
    world.edit_referral(NOTES, "y");
    world.pass();
    world.edit_record("n", "~b");
    world.pass();
    let before = writes(&world);
    world.undo(true);
    world.pass();
    assert_eq!((writes(&world), world.field("n")), (before, "~b"));
    assert!(notes_of(&world)[0].contains("an open entry holds it"), "{:?}", notes_of(&world));
}

#[test]
fn nothing_is_taken_back_in_a_closed_deal_and_an_entry_says_why_the_two_differ() {
    let mut world =
        World::linked(Plugin::new(&[Item::Same("n", NOTES), Item::State("s")]), &[(NOTES, "a")], &[]);
    under(&mut world, Spoils::PartnerCenter, |world| {
        world.edit_record("n", "b");
        world.pass();
        world.edit_record("s", "won");
        world.pass();
    });
    let before = writes(&world);
    world.undo(true);
    world.pass();
    assert_eq!(writes(&world), before);
    assert_eq!((world.at("/status"), world.at(NOTES)), ("Closed", "#b"));
    assert!(world.entries_on(NOTES)[0].reason.contains("closed"), "{:?}", world.entries);
    assert_eq!(notes_of(&world).len(), 3, "{:?}", notes_of(&world));
    rests(&mut world);
}

#[test]
fn what_a_side_refuses_to_take_back_gets_an_entry() {
    let mut world = pair();
    under(&mut world, Spoils::Crm, |world| {
        world.edit_referral(NOTES, "b");
        world.pass();
    });
    world.refuses.insert("n");
    world.undo(true);
    world.pass();
    assert_eq!(world.field("n"), "~b");
    assert!(world.entries_on("n")[0].reason.contains("the CRM refused it"), "{:?}", world.entries);
    rests(&mut world);

    let mut world = pair();
    under(&mut world, Spoils::PartnerCenter, |world| {
        world.edit_record("n", "b");
        world.pass();
    });
    world.refuses.insert(NOTES);
    world.undo(true);
    world.pass();
    assert_eq!(world.at(NOTES), "#b");
    assert!(world.entries.values().any(|(entry, _)| entry.reason.contains("Partner Center refused it")));
    rests(&mut world);
}

#[test]
fn what_the_present_release_does_not_write_or_what_was_a_new_companion_is_left_alone() {
    let companion = Value::Reference(Reference::Companion("customer".into()));
    for (field, old, why) in [
        ("column", Value::Empty, "the present release does not write it"),
        ("n", companion, "it was written by the name of a new record"),
    ] {
        let mut world = pair();
        let write = Overwritten { old, written: Value::Text("a".into()) };
        let restore = Restore { before: None, writes: [(field.to_owned(), write)].into() };
        world.state.as_mut().unwrap().restore.push(restore);
        rests(&mut world);
        assert!(notes_of(&world)[0].contains(why), "{:?}", notes_of(&world));
        assert_eq!(world.field("n"), "a");
    }
}

#[test]
fn a_mirror_follows_partner_center_without_being_taken_back() {
    let mut plugin = Plugin::new(&[Item::Inward("n", NOTES)]);
    plugin.owned = vec!["n"];
    let mut world = World::linked(plugin, &[(NOTES, "a")], &[]);
    under(&mut world, Spoils::Crm, |world| {
        world.edit_referral(NOTES, "b");
        world.pass();
    });
    assert_eq!(undone(&mut world, true), (1, 0));
    assert_eq!((world.field("n"), notes_of(&world).len()), ("b", 0));
}

/// Both sides hold something wrong, and each needs one write.
fn both_wrong(stamp: bool) -> World {
    let mut world = pair();
    world.plugin.stamp = stamp;
    under(&mut world, Spoils::Crm, |world| {
        world.edit_referral(NOTES, "b");
        world.pass();
    });
    under(&mut world, Spoils::PartnerCenter, |world| {
        world.edit_record("c", "summer");
        world.pass();
    });
    assert_eq!((world.field("n"), world.at(CAMPAIGN)), ("~b", "#summer"));
    world.undo(true);
    world
}

#[test]
fn an_undo_that_is_interrupted_anywhere_comes_to_the_same_end_with_the_same_writes() {
    for (stamp, step) in (0..12).flat_map(|step| [(true, step), (false, step)]) {
        for fault in [Fault::Crash, Fault::CrashAfter, Fault::ReplyLost, Fault::NeverSent] {
            let mut world = both_wrong(stamp);
            let before = writes(&world);
            let mut at = 0;
            world.pass_with(|_, _| {
                at += 1;
                (at == step + 1).then_some(fault)
            });
            for _ in 0..3 {
                world.pass();
            }
            let held = (world.field("n"), world.at(NOTES), world.field("c"), world.at(CAMPAIGN));
            assert_eq!(held, ("b", "b", "summer", "summer"), "{stamp} {step} {fault:?}");
            let after = writes(&world);
            assert_eq!((after.0 - before.0, after.1 - before.1), (1, 1), "{stamp} {step} {fault:?}");
            assert!(world.entries.is_empty(), "{stamp} {step} {fault:?}: {:?}", world.entries);
            rests(&mut world);
        }
    }
}

#[test]
fn an_edit_between_the_two_writes_of_an_undo_is_kept() {
    let mut world = both_wrong(true);
    let mut edited = false;
    world.pass_with(|world, action| {
        if matches!(action, Action::WriteReferral { .. }) && !std::mem::replace(&mut edited, true) {
            world.edit_referral(CAMPAIGN, "autumn");
        }
        None
    });
    for _ in 0..2 {
        world.pass();
    }
    assert_eq!((world.field("n"), world.field("c"), world.at(CAMPAIGN)), ("b", "autumn", "autumn"));
    rests(&mut world);
}

#[test]
fn a_write_that_was_found_landed_is_in_the_audit_by_its_rule_and_release() {
    let mut world = pair();
    under(&mut world, Spoils::Crm, |world| {
        world.edit_referral(NOTES, "b");
        world
            .pass_with(|_, action| matches!(action, Action::WriteRecord { .. }).then_some(Fault::CrashAfter));
    });
    world.pass();
    let line = world.audit.iter().find(|line| line.fields.contains_key("n")).unwrap();
    assert_eq!((line.rule.as_str(), line.release.as_deref()), ("fold", Some("bad")));
    assert_eq!(undone(&mut world, true), (1, 0));
    assert_eq!(world.field("n"), "b");
}

#[test]
fn a_projection_writes_the_present_mappings_view_of_the_chosen_fields_once() {
    let mut world = pair();
    world.plugin.spoils = Spoils::Crm;
    assert!(matches!(world.pass(), Verdict::Agreed { .. }), "a release by itself writes nothing");
    for expected in [1, 1] {
        world.project(&["n"]);
        world.pass();
        assert_eq!((world.field("n"), world.field("c"), writes(&world)), ("~a", "spring", (expected, 0)));
    }
    rests(&mut world);
}

#[test]
fn a_projection_to_partner_center_survives_an_interruption_between_the_writes() {
    for fault in [Fault::Crash, Fault::NeverSent, Fault::ReplyLost] {
        let mut world = pair();
        world.plugin.spoils = Spoils::PartnerCenter;
        world.edit_referral(NOTES, "b");
        world.project(&[CAMPAIGN]);
        world.pass_with(|_, action| matches!(action, Action::WriteReferral { .. }).then_some(fault));
        for _ in 0..2 {
            world.pass();
        }
        assert_eq!(
            (world.at(CAMPAIGN), world.field("n"), writes(&world)),
            ("#spring", "b", (1, 1)),
            "{fault:?}"
        );
        rests(&mut world);
    }
}

#[test]
fn a_projection_to_partner_center_gives_way_to_an_edit_there() {
    let mut world = World::linked(Plugin::new(&[Item::Tens("n", NOTES)]), &[(NOTES, "12")], &[]);
    world.edit_referral(NOTES, "13");
    world.project(&[NOTES]);
    world.pass();
    assert_eq!((world.at(NOTES), writes(&world)), ("13", (0, 0)));
    world.project(&[NOTES]);
    world.pass();
    assert_eq!(
        (world.at(NOTES), writes(&world)),
        ("10", (0, 1)),
        "the record's view, where nobody has edited"
    );
    rests(&mut world);
}

#[test]
fn a_projection_over_an_edit_is_a_conflict_and_over_an_open_entry_nothing() {
    let mut world = pair();
    world.plugin.policy = Policy::PartnerCenter;
    world.edit_record("n", "mine");
    world.project(&["n"]);
    world.pass();
    assert_eq!((world.field("n"), shown(&world.entries_on("n")[0].crm)), ("a", "mine".into()));
    rests(&mut world);

    world.plugin.policy = Policy::Park;
    world.edit_record("n", "x");
    world.edit_referral(NOTES, "y");
    world.pass();
    let before = world.state.clone();
    world.project(&["n"]);
    assert_eq!(world.state, before);
}
