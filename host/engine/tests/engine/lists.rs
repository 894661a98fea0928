//! Lists that both sides edit: what either put in or took out is carried over, and only the same text is a conflict.

use crosswalk_engine::pass::{Action, Verdict};

use super::world::{
    Fault, World,
    mapping::{Item, Plugin, Policy},
    oracle,
};

const SOLUTIONS: &str = "/salesStage";

fn pair(list: &str) -> World {
    let mut plugin = Plugin::new(&[Item::List("rows", SOLUTIONS)]);
    plugin.policy = Policy::PartnerCenter;
    World::linked(plugin, &[(SOLUTIONS, list)], &[])
}

#[track_caller]
fn settles(world: &mut World) {
    assert!(matches!(world.pass(), Verdict::Agreed { .. }), "{}", world.trace.join("\n"));
    assert_eq!(oracle::verdict(world), Vec::<String>::new(), "{}", world.trace.join("\n"));
}

#[test]
fn what_each_side_put_into_a_list_reaches_the_other_and_nobody_is_asked() {
    let cases = [
        ("[a b]", "[a b c]", "[a b d]", "[a b c d]"),
        ("[a b]", "[a]", "[a b d]", "[a d]"),
        ("[a b]", "[b]", "[a]", ""),
        ("", "[a]", "[b]", "[a b]"),
        ("[a b c]", "[a c d]", "[a c d]", "[a c d]"),
        ("[a b c]", "[a c d]", "[a c]", "[a c d]"),
    ];
    for (base, in_record, in_referral, both) in cases {
        let mut world = pair(base);
        world.edit_record("rows", in_record);
        world.edit_referral(SOLUTIONS, in_referral);
        world.pass();
        assert_eq!((world.field("rows"), world.at(SOLUTIONS)), (both, both), "{}", world.trace.join("\n"));
        assert!(world.entries.is_empty(), "{:?}", world.entries);
        settles(&mut world);
    }
}

#[test]
fn the_audit_names_the_merge() {
    let mut world = pair("[a]");
    world.edit_record("rows", "[a b]");
    world.edit_referral(SOLUTIONS, "[a c]");
    world.pass();
    assert!(world.audit.iter().any(|line| line.rule == "merge"), "{:?}", world.audit);
}

#[test]
fn lists_of_a_pair_that_was_never_seen_together_are_one_value_and_the_plugin_decides() {
    let mut plugin = Plugin::new(&[Item::List("rows", SOLUTIONS)]);
    plugin.policy = Policy::PartnerCenter;
    let mut world = World::adopted(plugin, &[(SOLUTIONS, "[a b]")], &[("rows", "[b c]")]);
    world.pass();
    assert_eq!((world.field("rows"), world.entries_on("rows").len()), ("[a b]", 1));
    settles(&mut world);
}

#[test]
fn a_list_with_a_text_twice_is_one_value() {
    let mut world = pair("[a]");
    world.edit_record("rows", "[a b b]");
    world.edit_referral(SOLUTIONS, "[a c]");
    world.pass();
    assert_eq!((world.field("rows"), world.entries_on("rows").len()), ("[a c]", 1));
}

#[test]
fn what_the_mapping_does_not_show_of_a_list_is_not_taken_out_by_a_merge() {
    let mut world = pair("[a]");
    // The rows show nothing but `a`, `b` and `d`.
    world.plugin.items = vec![Item::Shown("rows", SOLUTIONS)];
    world.edit_record("rows", "[a b]");
    world.edit_referral(SOLUTIONS, "[a d hidden]");
    world.plugin.policy = Policy::Park;
    let verdict = world.pass();
    assert!(matches!(verdict, Verdict::Parked { .. }), "{verdict:?}");
    assert_eq!(world.at(SOLUTIONS), "[a d hidden]");
}

#[test]
fn a_merge_is_safe_at_every_step() {
    for at in 0..10 {
        for fault in [Fault::Crash, Fault::CrashAfter, Fault::ReplyLost, Fault::NeverSent] {
            let mut world = pair("[a b]");
            world.edit_record("rows", "[b c]");
            world.edit_referral(SOLUTIONS, "[a b d]");
            let mut step = 0;
            world.pass_with(|_, _| {
                step += 1;
                (step == at + 1).then_some(fault)
            });
            for _ in 0..3 {
                world.pass();
            }
            assert_eq!((world.field("rows"), world.at(SOLUTIONS)), ("[b c d]", "[b c d]"));
            settles(&mut world);
        }
    }
}

#[test]
fn a_merge_that_partner_center_refuses_is_kept_in_an_entry() {
    let mut world = pair("[a]");
    world.refuses.insert(SOLUTIONS);
    world.edit_record("rows", "[a b]");
    world.edit_referral(SOLUTIONS, "[a c]");
    world.pass();
    assert_eq!((world.field("rows"), world.at(SOLUTIONS)), ("[a b c]", "[a c]"));
    assert_eq!(world.state.as_ref().unwrap().open.len(), 1);
    world.refuses.clear();
    world.edit_record("rows", "[a b c d]");
    let mut pushed = false;
    world.pass_with(|_, action| {
        pushed |= matches!(action, Action::WriteReferral { .. });
        None
    });
    assert!(pushed && world.at(SOLUTIONS) == "[a b c d]");
    settles(&mut world);
}
