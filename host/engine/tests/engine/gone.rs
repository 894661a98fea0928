//! A side that is not there any more: one entry, no write, and on with it once the side is there again.

use crosswalk_engine::{
    link::EntryKind,
    pass::{Action, Verdict},
};

use super::world::{
    DEAL, Fault, ROW, World,
    mapping::{Item, Plugin},
};

const NOTES: &str = "/details/notes";

fn pair() -> World {
    let mut plugin = Plugin::new(&[Item::Same("n", NOTES)]);
    plugin.reports_to = Some("audit");
    World::linked(plugin, &[], &[])
}

/// Takes a side away and answers with what puts it back.
fn take(world: &mut World, name: &str) -> impl Fn(&mut World) + use<> {
    let (deal, row) = match name {
        "/id" => (world.deals.remove(DEAL), None),
        _ => (None, world.rows.remove(ROW)),
    };
    move |world| {
        world.deals.extend(deal.clone().map(|deal| (DEAL.to_owned(), deal)));
        world.rows.extend(row.clone().map(|row| (ROW.to_owned(), row)));
    }
}

#[test]
fn a_side_that_is_gone_parks_once_and_later_events_are_skipped_with_the_entry() {
    for name in ["/id", "opportunity"] {
        let mut world = pair();
        let _put_back = take(&mut world, name);
        let verdict = world.pass();
        assert!(
            matches!(&verdict, Verdict::Parked { reason } if reason.contains("nothing was written")),
            "{verdict:?}"
        );
        let entries = world.entries_on(name);
        assert_eq!(entries.iter().map(|entry| entry.kind).collect::<Vec<_>>(), [EntryKind::Gone]);
        let id = entries[0].id.clone();
        for _ in 0..3 {
            let verdict = world.pass();
            assert!(matches!(&verdict, Verdict::Skipped { reason } if reason.contains(&id)), "{verdict:?}");
        }
        assert_eq!(world.entries.len(), 1);
        assert_eq!(
            world.state.as_ref().unwrap().settled,
            None,
            "a restored side is looked at, whatever its version"
        );
        assert!(world.attempts.is_empty(), "nothing is made anew in its place");
    }
}

#[test]
fn a_side_that_is_there_again_closes_the_entry_and_edits_made_meanwhile_are_carried_over() {
    for (name, edited_in_crm) in [("/id", true), ("opportunity", false)] {
        let mut world = pair();
        let put_back = take(&mut world, name);
        world.pass();
        if edited_in_crm {
            world.edit_record("n", "meanwhile");
        } else {
            world.edit_referral(NOTES, "meanwhile");
        }
        world.pass();
        put_back(&mut world);
        let verdict = world.pass();
        assert!(matches!(verdict, Verdict::Applied { .. }), "{verdict:?}");
        assert_eq!((world.at(NOTES), world.field("n")), ("meanwhile", "meanwhile"));
        assert!(world.state.as_ref().unwrap().open.is_empty());
        let ending = world.entries.values().next().and_then(|(_, ending)| ending.clone());
        assert!(ending.is_some_and(|ending| ending.contains("again")), "{:?}", world.entries);
        assert!(matches!(world.pass(), Verdict::Agreed { .. }));
    }
}

#[test]
fn a_write_of_unknown_fate_is_still_settled_once_the_side_is_there_again() {
    let mut world = pair();
    world.edit_referral(NOTES, "theirs");
    world.pass_with(|_, action| matches!(action, Action::WriteRecord { .. }).then_some(Fault::ReplyLost));
    let put_back = take(&mut world, "opportunity");
    world.pass();
    assert!(world.is_in_doubt(), "the entry does not make the pass forget its write");
    put_back(&mut world);
    world.edit_record("n", "mine");
    world.pass();
    assert_eq!(world.at(NOTES), "mine", "the write had landed, so this is an edit of the CRM's alone");
    assert!(world.entries_on("n").is_empty());
}

#[test]
fn an_interruption_while_the_entry_is_stored_makes_no_second_one() {
    for fault in [Fault::Crash, Fault::CrashAfter] {
        let mut world = pair();
        let _put_back = take(&mut world, "opportunity");
        for _ in 0..3 {
            world.pass_with(|_, action| matches!(action, Action::Finish { .. }).then_some(fault));
        }
        world.pass();
        world.pass();
        assert_eq!(world.entries.len(), 1, "{fault:?}");
    }
}
