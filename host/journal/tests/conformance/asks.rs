//! What an operator asks of a link becomes part of its state between two passes, once.

use crosswalk_engine::{
    link::{Asked, LinkState, Overwritten, Owed, Restore},
    pass::{Commit, Pair, Subject},
    value::Value,
};
use crosswalk_journal::{Accepted, Ask, Link, LinkId, Source};

use crate::world::{World, agreed, at, entry, holding, key, linking, pair, referral, trail};

/// Partner Center's view of these is asked for, and the name taken back.
fn asked(fields: &[&str]) -> Asked {
    let owed = |field: &&str| ((*field).to_owned(), Owed { partner_center: true, crm: false });
    let write = Overwritten { old: Value::Text("a".to_owned()), written: Value::Text("b".to_owned()) };
    let restore = Restore { before: None, writes: [("name".to_owned(), write)].into() };
    Asked { owed: fields.iter().map(owed).collect(), restore: vec![restore] }
}

async fn linked(world: &World) -> Link {
    world.link("contoso", "r1", "o1", 0).await;
    world.journal.link_of("contoso", &referral("r1")).await.unwrap().unwrap()
}

async fn ask(world: &World, link: LinkId, asked: Asked, dedupe: &str, second: i64) -> Option<Accepted> {
    let ask = Ask {
        tenant: "contoso".to_owned(),
        link,
        asked,
        source: Source::Project,
        dedupe: dedupe.to_owned(),
        note: "asked".to_owned(),
        at: at(second),
    };
    world.journal.ask(&ask).await.unwrap()
}

on_every_engine! {
    async fn what_is_asked_is_in_the_state_when_the_lane_is_next_taken_and_stays_there(world) {
        let link = linked(&world).await;
        let accepted = ask(&world, link.id, asked(&["amount"]), "job1", 1).await.unwrap();
        let taken = world.take(1).await;
        assert_eq!((taken.events[0].id, taken.events[0].source), (accepted.id, Source::Project));
        let state = taken.state.clone().unwrap();
        assert!(state.owed["amount"].partner_center);
        assert_eq!(state.restore, asked(&[]).restore);
        // The host dies before the pass stores anything.
        world.journal.end_leases(at(2)).await.unwrap();
        assert_eq!(world.take(2).await.state.unwrap(), state);
    }

    async fn a_pass_in_hand_does_not_see_what_is_asked_meanwhile_and_does_not_overwrite_it(world) {
        let link = linked(&world).await;
        world.accept("contoso", referral("r1"), 1).await;
        let taken = world.take(1).await;
        ask(&world, link.id, asked(&["amount"]), "job1", 2).await.unwrap();
        let state = LinkState { referral_version: Some("\"7\"".to_owned()), ..taken.state.clone().unwrap() };
        assert!(state.owed.is_empty());
        let commit = Commit { link: Some((pair("r1", "o1"), state)), ..Commit::default() };
        world.journal.finish(taken.lease, &commit, &agreed(), &trail(3), None).await.unwrap();

        let next = world.take(3).await.state.unwrap();
        assert_eq!((next.owed.len(), next.restore.len()), (1, 1));
        assert_eq!(next.referral_version.as_deref(), Some("\"7\""));
    }

    async fn the_same_ask_again_is_a_duplicate_and_asks_nothing(world) {
        let link = linked(&world).await;
        let first = ask(&world, link.id, asked(&["amount"]), "job1", 1).await.unwrap();
        let taken = world.take(1).await;
        world.journal.finish(taken.lease, &linking(pair("r1", "o1")), &agreed(), &trail(1), None).await.unwrap();
        let again = ask(&world, link.id, asked(&["amount"]), "job1", 2).await.unwrap();
        assert_eq!((again.id, again.duplicate), (first.id, true));
        world.nothing_due(2).await;
        world.accept("contoso", referral("r1"), 3).await;
        assert!(world.take(3).await.state.unwrap().owed.is_empty());
    }

    async fn several_asks_before_a_pass_come_together_and_the_newer_one_wins(world) {
        let link = linked(&world).await;
        ask(&world, link.id, asked(&["amount"]), "job1", 1).await.unwrap();
        let mut newer = asked(&["closes"]);
        newer.restore[0].writes.get_mut("name").unwrap().old = Value::Text("c".to_owned());
        ask(&world, link.id, newer.clone(), "job2", 2).await.unwrap();
        let taken = world.take(2).await;
        let state = taken.state.unwrap();
        assert_eq!(state.owed.keys().collect::<Vec<_>>(), ["amount", "closes"]);
        assert_eq!((state.restore, taken.events.len()), (newer.restore, 2));
    }

    async fn what_an_open_entry_holds_is_not_owed(world) {
        world.accept("contoso", referral("r1"), 0).await;
        let taken = world.take(0).await;
        let commit = holding(pair("r1", "o1"), entry("e1", "amount"));
        world.journal.finish(taken.lease, &commit, &agreed(), &trail(0), None).await.unwrap();
        let link = world.journal.link_of("contoso", &referral("r1")).await.unwrap().unwrap();
        ask(&world, link.id, asked(&["amount", "closes"]), "job1", 1).await.unwrap();
        let state = world.take(1).await.state.unwrap();
        assert_eq!(state.owed.keys().collect::<Vec<_>>(), ["closes"]);
        assert_eq!(state.open["amount"].id, "e1");
    }

    async fn an_ask_waits_behind_live_traffic(world) {
        let link = linked(&world).await;
        ask(&world, link.id, asked(&["amount"]), "job1", 1).await.unwrap();
        world.accept("fabrikam", referral("r9"), 2).await;
        assert_eq!(world.journal.in_background("contoso", at(3)).await.unwrap(), 1);
        assert_eq!(world.agree(3).await.tenant, "fabrikam");
        assert_eq!(world.agree(3).await.tenant, "contoso");
    }

    async fn nothing_is_asked_of_what_is_no_pair_or_another_tenants(world) {
        let link = linked(&world).await;
        world.accept("contoso", Subject::Record(key("alone")), 1).await;
        let taken = world.take(1).await;
        let alone = Pair { record: Some(key("alone")), ..Pair::default() };
        world.journal.finish(taken.lease, &linking(alone), &agreed(), &trail(1), None).await.unwrap();
        let alone = world.journal.link_of("contoso", &Subject::Record(key("alone"))).await.unwrap().unwrap();
        assert_eq!(ask(&world, alone.id, asked(&["amount"]), "job1", 2).await, None);
        let others = Ask {
            tenant: "fabrikam".to_owned(),
            link: link.id,
            asked: asked(&["amount"]),
            source: Source::Undo,
            dedupe: "job1".to_owned(),
            note: String::new(),
            at: at(2),
        };
        assert_eq!(world.journal.ask(&others).await.unwrap(), None);
        world.nothing_due(3).await;
    }
}
