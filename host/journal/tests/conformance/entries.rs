//! What is kept for a person, and what a person decides.

use crosswalk_engine::{
    link::LinkState,
    mapping::Resolution,
    pass::{Commit, EntryChange},
};
use crosswalk_journal::{AuditFilter, EntryState, Error, Source, What};

use crate::world::{World, agreed, at, entry, holding, pair, referral, trail};

/// A link of `r1` and `o1` with an open entry `e1` about its name.
async fn undecided(world: &World) {
    world.accept("contoso", referral("r1"), 0).await;
    let taken = world.take(0).await;
    let commit = holding(pair("r1", "o1"), entry("e1", "name"));
    world.journal.finish(taken.lease, &commit, &agreed(), &trail(0), None).await.unwrap();
}

on_every_engine! {
    async fn an_open_entry_is_listed_with_its_link(world) {
        undecided(&world).await;
        let link = world.journal.link_of("contoso", &referral("r1")).await.unwrap().unwrap();
        let open = world.journal.open_entries("contoso", 10).await.unwrap();
        assert_eq!(open.len(), 1);
        assert_eq!((open[0].link, &open[0].entry, open[0].state), (link.id, &entry("e1", "name"), EntryState::Open));
        assert_eq!(world.journal.open_entries("fabrikam", 10).await.unwrap(), []);
    }

    async fn an_entry_ends_closed_or_void_and_says_why(world) {
        undecided(&world).await;
        world.accept("contoso", referral("r1"), 1).await;
        let taken = world.take(1).await;
        let commit = Commit { entries: vec![EntryChange::Add(entry("e2", "amount"))], ..Commit::default() };
        world.journal.store(taken.lease, &commit, &trail(1)).await.unwrap();
        assert_eq!(world.journal.open_entries("contoso", 10).await.unwrap().len(), 2);
        let ends = vec![
            EntryChange::Close { id: "e1".to_owned(), reason: "both say the same".to_owned() },
            EntryChange::Void { id: "e2".to_owned() },
        ];
        let commit = Commit { entries: ends, ..Commit::default() };
        world.journal.finish(taken.lease, &commit, &agreed(), &trail(2), None).await.unwrap();
        assert_eq!(world.journal.open_entries("contoso", 10).await.unwrap(), []);
        let closed = world.journal.entry("contoso", "e1").await.unwrap().unwrap();
        assert_eq!((closed.state, closed.ended), (EntryState::Closed, Some(at(2))));
        assert_eq!(closed.ended_because.as_deref(), Some("both say the same"));
        assert_eq!(world.journal.entry("contoso", "e2").await.unwrap().unwrap().state, EntryState::Void);
        assert_eq!(world.journal.entry("fabrikam", "e1").await.unwrap(), None);
    }

    async fn a_decision_is_in_the_links_state_at_the_next_pass(world) {
        undecided(&world).await;
        world.nothing_due(1_000).await;
        let event = world.journal.decide("contoso", "e1", &Resolution::Crm, "ada", at(5)).await.unwrap();
        let taken = world.take(5).await;
        assert_eq!((taken.events[0].id, taken.events[0].source), (event, Source::Retry));
        assert_eq!(taken.state.unwrap().open["name"].decision, Some(Resolution::Crm));
        let kept = world.journal.entry("contoso", "e1").await.unwrap().unwrap();
        assert_eq!((kept.entry.decision, kept.decided_by.as_deref()), (Some(Resolution::Crm), Some("ada")));
        let filter = AuditFilter { tenant: "contoso".to_owned(), limit: 1, ..AuditFilter::default() };
        let audit = world.journal.audit(&filter).await.unwrap();
        let act = What::Act { who: "ada".to_owned(), what: "decided entry e1: \"crm\"".to_owned() };
        assert_eq!(audit[0].what, act);
    }

    async fn a_decision_made_during_a_pass_is_not_lost_when_the_pass_stores_its_state(world) {
        undecided(&world).await;
        world.accept("contoso", referral("r1"), 1).await;
        let taken = world.take(1).await;
        world.journal.decide("contoso", "e1", &Resolution::PartnerCenter, "ada", at(2)).await.unwrap();
        let state = taken.state.clone().unwrap();
        assert_eq!(state.open["name"].decision, None);
        let commit = Commit { link: Some((pair("r1", "o1"), state)), ..Commit::default() };
        world.journal.finish(taken.lease, &commit, &agreed(), &trail(3), None).await.unwrap();
        let next = world.take(3).await;
        assert_eq!(next.state.unwrap().open["name"].decision, Some(Resolution::PartnerCenter));
    }

    async fn a_decision_does_not_wait_for_a_backoff(world) {
        undecided(&world).await;
        world.accept("contoso", referral("r1"), 1).await;
        let taken = world.take(1).await;
        world.journal.fail(taken.lease, "no answer", &trail(1), at(3_600)).await.unwrap();
        world.journal.decide("contoso", "e1", &Resolution::Crm, "ada", at(2)).await.unwrap();
        assert_eq!(world.take(2).await.events.len(), 2);
    }

    async fn an_entry_that_is_not_open_cannot_be_decided(world) {
        undecided(&world).await;
        world.accept("contoso", referral("r1"), 1).await;
        let taken = world.take(1).await;
        let ends = vec![EntryChange::Close { id: "e1".to_owned(), reason: "moved".to_owned() }];
        let commit =
            Commit { link: Some((pair("r1", "o1"), LinkState::default())), entries: ends, ..Commit::default() };
        world.journal.finish(taken.lease, &commit, &agreed(), &trail(2), None).await.unwrap();
        for (tenant, id) in [("contoso", "e1"), ("contoso", "e9"), ("fabrikam", "e1")] {
            let refused = world.journal.decide(tenant, id, &Resolution::Crm, "ada", at(3)).await;
            assert!(matches!(refused, Err(Error::NotOpen(no)) if no == id));
        }
        world.nothing_due(1_000).await;
    }

    async fn an_entry_that_holds_no_field_cannot_be_decided_and_keeps_no_decision(world) {
        undecided(&world).await;
        world.accept("contoso", referral("r1"), 1).await;
        let taken = world.take(1).await;
        let commit = Commit { entries: vec![EntryChange::Add(entry("e2", "amount"))], ..Commit::default() };
        world.journal.finish(taken.lease, &commit, &agreed(), &trail(1), None).await.unwrap();
        let refused = world.journal.decide("contoso", "e2", &Resolution::Crm, "ada", at(3)).await;
        assert!(matches!(refused, Err(Error::NotOpen(_))));
        assert_eq!(world.journal.entry("contoso", "e2").await.unwrap().unwrap().entry.decision, None);
    }
}
