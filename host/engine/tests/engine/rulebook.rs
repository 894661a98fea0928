//! What Partner Center lets nobody do, and the seller's own switch: one sentence a rule.

use crosswalk_engine::{
    link::EntryKind,
    pass::{Action, Verdict},
};

use super::world::{
    World,
    mapping::{Item, Plugin, Policy},
    shown,
};

const NOTES: &str = "/details/notes";
const CAMPAIGN: &str = "/campaignId";

fn is_agreed(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Agreed { .. })
}

/// A pair in this status.
fn in_status(status: &str, substatus: &str, stage: &str) -> World {
    let mut plugin = Plugin::new(&[Item::Same("n", NOTES), Item::Stage("stage")]);
    plugin.reports_to = Some("audit");
    World::linked(plugin, &[("/status", status), ("/substatus", substatus)], &[("stage", stage)])
}

/// What a pass patches.
fn patched(world: &mut World) -> Vec<(String, String)> {
    let mut sent = vec![];
    world.pass_with(|_, action| {
        if let Action::WriteReferral { fields, .. } = action {
            sent.extend(fields.iter().map(|(path, value)| (path.clone(), shown(value))));
        }
        None
    });
    sent
}

#[test]
fn a_deal_goes_from_new_to_accepted_or_declined_and_from_active_to_won_or_lost_in_one_patch() {
    let cases = [
        ("New", "Pending", "hold", "open", ("Active", "Accepted")),
        ("New", "Received", "hold", "lost", ("Closed", "Declined")),
        ("Active", "Accepted", "open", "won", ("Closed", "Won")),
        ("Active", "Accepted", "open", "lost", ("Closed", "Lost")),
    ];
    for (status, substatus, before, after, (wanted, wanted_sub)) in cases {
        let mut world = in_status(status, substatus, before);
        world.edit_record("stage", after);
        let sent = patched(&mut world);
        let both = [("/status", wanted), ("/substatus", wanted_sub)];
        assert_eq!(sent, both.map(|(path, text)| (path.to_owned(), text.to_owned())));
        assert!(world.entries.is_empty() && is_agreed(&world.pass()));
    }
}

#[test]
fn a_status_that_does_not_go_with_its_substatus_is_not_sent_and_an_entry_says_why() {
    let items = [Item::Same("status", "/status"), Item::Same("sub", "/substatus")];
    for (status, sub) in [("Active", "Won"), ("Closed", "Accepted"), ("New", "Pending"), ("Lost", "Lost")] {
        let mut world = World::linked(Plugin::new(&items), &[], &[]);
        world.edit_record("status", status);
        world.edit_record("sub", sub);
        let verdict = world.pass();
        assert!(
            matches!(&verdict, Verdict::Parked { reason } if reason.contains("lets no referral go from `Active`")),
            "{status} {sub}: {verdict:?}"
        );
        assert!(world.attempts.is_empty() && is_agreed(&world.pass()));
        assert!(world.entries.values().all(|(entry, _)| entry.kind == EntryKind::Undelivered));
    }
}

#[test]
fn what_is_typed_into_the_record_of_a_closed_deal_stays_there_and_the_record_is_told_once() {
    for how in ["Won", "Lost", "Declined", "Expired", "Error"] {
        let stage = if how == "Won" { "won" } else { "lost" };
        let mut world = in_status("Closed", how, stage);
        world.edit_record("n", "too late");
        world.edit_record("stage", "open");
        assert!(patched(&mut world).is_empty());
        assert_eq!((world.field("n"), world.at(NOTES)), ("too late", ""));
        for field in ["n", "stage"] {
            let entry = world.entries_on(field)[0];
            assert_eq!(entry.kind, EntryKind::Undelivered);
            assert!(
                entry.reason.contains("Partner Center lets nobody change a closed one"),
                "{}",
                entry.reason
            );
        }
        assert!(world.field("audit").contains(&format!("closed (`{how}`)")), "{}", world.field("audit"));
        assert!(is_agreed(&world.pass()), "{}", world.trace.join("\n"));
    }
}

#[test]
fn every_field_that_cannot_follow_a_closed_deal_has_an_entry_of_its_own() {
    let mut world = in_status("Active", "Accepted", "open");
    world.edit_record("n", "too late");
    world.edit_record("stage", "hold");
    world.edit_referral("/substatus", "Lost");
    world.edit_referral("/status", "Closed");
    world.pass();
    let open = &world.state.as_ref().unwrap().open;
    assert!(
        open.contains_key("n") && (open.contains_key("stage") || open.contains_key("/status")),
        "{open:?}"
    );
    assert!(is_agreed(&world.pass()));
}

#[test]
fn an_entry_about_a_closed_deal_closes_when_the_edit_is_taken_back() {
    let mut world = in_status("Closed", "Won", "won");
    world.edit_record("n", "too late");
    world.pass();
    world.edit_record("n", "");
    world.pass();
    assert!(world.state.as_ref().unwrap().open.is_empty());
    assert_eq!(world.field("audit"), "Partner Center Referral to CRM sync success.");
    assert!(is_agreed(&world.pass()));
}

#[test]
fn a_deal_that_is_closed_while_the_seller_types_takes_the_record_with_it_and_keeps_what_was_typed() {
    let mut world = in_status("Active", "Accepted", "open");
    world.edit_record("n", "just now");
    world.edit_referral("/substatus", "Expired");
    world.edit_referral("/status", "Closed");
    assert!(patched(&mut world).is_empty());
    assert_eq!((world.field("stage"), world.field("n")), ("lost", "just now"));
    assert_eq!(world.entries_on("n")[0].kind, EntryKind::Undelivered);
    assert!(world.entries_on("stage").is_empty() && is_agreed(&world.pass()));
}

#[test]
fn a_path_that_nobody_may_patch_is_never_sent_whatever_else_is() {
    let unpatchable = ["/name", "/customerProfile/name", "/qualification", "/inviteContext/notes"];
    for path in unpatchable {
        let mut world =
            World::linked(Plugin::new(&[Item::Same("n", NOTES), Item::Same("m", path)]), &[], &[]);
        world.edit_record("n", "goes");
        world.edit_record("m", "stays");
        assert_eq!(patched(&mut world), [(NOTES.to_owned(), "goes".to_owned())]);
        assert!(world.entries.is_empty() && is_agreed(&world.pass()), "{path}");
    }
}

fn switched(both: bool, policy: Policy) -> World {
    let mut plugin = Plugin::new(&[Item::Same("n", NOTES), Item::Same("m", CAMPAIGN)]);
    plugin.switch = Some("sync");
    plugin.switches_both = both;
    plugin.policy = policy;
    World::linked(plugin, &[(NOTES, "agreed")], &[("sync", "yes")])
}

#[test]
fn edits_made_while_sync_is_off_are_carried_over_in_both_directions_once_it_is_on_again() {
    for both in [false, true] {
        let mut world = switched(both, Policy::Park);
        world.edit_record("sync", "no");
        assert!(matches!(world.pass(), Verdict::Skipped { .. }));
        world.edit_record("n", "mine");
        world.edit_referral(CAMPAIGN, "theirs");
        assert!(matches!(world.pass(), Verdict::Skipped { .. }));
        assert!(world.attempts.is_empty(), "nothing is written while it is off");
        world.edit_record("sync", "yes");
        world.pass();
        assert_eq!((world.at(NOTES), world.field("m")), ("mine", "theirs"));
        assert!(world.entries.is_empty() && is_agreed(&world.pass()));
    }
}

#[test]
fn what_both_sides_changed_while_sync_was_off_is_a_conflict_and_the_loser_is_kept() {
    for both in [false, true] {
        for (policy, winner) in [(Policy::PartnerCenter, "theirs"), (Policy::Crm, "mine")] {
            let mut world = switched(both, policy);
            world.edit_record("sync", "no");
            world.pass();
            world.edit_record("n", "mine");
            world.edit_referral(NOTES, "theirs");
            world.pass();
            world.edit_record("sync", "yes");
            world.pass();
            assert_eq!((world.field("n"), world.at(NOTES)), (winner, winner));
            let entry = world.entries_on("n")[0];
            assert_eq!((shown(&entry.partner_center), shown(&entry.crm)), ("theirs".into(), "mine".into()));
            assert_eq!(entry.base.as_ref().map(shown).as_deref(), Some("agreed"));
            assert!(world.entries.len() == 1 && is_agreed(&world.pass()));
        }
    }
}

#[test]
fn a_deal_that_closed_while_sync_was_off_takes_the_record_with_it_once_it_is_on_again() {
    let mut plugin = Plugin::new(&[Item::Same("n", NOTES), Item::State("s")]);
    plugin.switch = Some("sync");
    let mut world = World::linked(plugin, &[], &[("sync", "no")]);
    world.edit_record("n", "mine");
    world.edit_referral("/substatus", "Won");
    world.edit_referral("/status", "Closed");
    world.pass();
    world.edit_record("sync", "yes");
    world.pass();
    assert_eq!((world.field("s"), world.at(NOTES)), ("won", ""));
    assert_eq!(world.entries_on("n")[0].kind, EntryKind::Undelivered);
    assert!(is_agreed(&world.pass()));
}
