//! Links, and how their sides' lanes become one.

use crosswalk_engine::{
    link::{Base, IntendedWrite, Intent, LinkState},
    pass::{Commit, EntryChange, Pair, Subject, Verdict},
    referral::Referral,
    value::{RecordKey, Value},
};
use crosswalk_journal::{AuditFilter, EntryState, Error, EventState, LinkFilter, LinkId, Taken, What};
use futures::future::join_all;

use crate::world::{
    World, agreed, at, entry, holding, key, line, linking, pair, parked, record, referral, trail,
};

fn lead(id: &str) -> RecordKey {
    RecordKey { entity: "lead".to_owned(), id: id.to_owned() }
}

async fn link_id(world: &World, subject: &Subject) -> Option<LinkId> {
    world.journal.link_of("contoso", subject).await.unwrap().map(|link| link.id)
}

impl World {
    /// As [`World::link`], with a lead.
    async fn link_lead(&self, tenant: &str, referral_id: &str, lead_id: &str, second: i64) -> Taken {
        self.accept(tenant, referral(referral_id), second).await;
        let taken = self.take(second).await;
        let commit = linking(Pair { record: Some(lead(lead_id)), ..pair(referral_id, lead_id) });
        self.journal.finish(taken.lease, &commit, &agreed(), &trail(second), None).await.unwrap();
        taken
    }
}

/// A POST that is under way.
fn posting() -> Intent {
    let document = Referral(serde_json::json!({ "name": "Fabrikam" }));
    Intent {
        id: "pass1-1".to_owned(),
        write: IntendedWrite::PostReferral { document, engagement: None },
        base: Base::default(),
        owed: Default::default(),
        open: Default::default(),
        version: None,
        concerns: Default::default(),
        reported: None,
        entries: Default::default(),
        since: at(0),
        by: Default::default(),
    }
}

on_every_engine! {
    async fn a_link_made_in_the_referrals_lane_gathers_what_waits_for_the_record(world) {
        world.accept("contoso", referral("r1"), 0).await;
        let taken = world.take(0).await;
        let waiting = world.accept("contoso", record("o1"), 1).await;
        world.journal.store(taken.lease, &linking(pair("r1", "o1")), &trail(1)).await.unwrap();
        world.nothing_due(2).await;
        let later = world.accept("contoso", record("o1"), 2).await;
        world.finish(&taken, agreed(), 3).await;
        let next = world.take(3).await;
        assert_eq!(next.lease.lane, taken.lease.lane);
        assert_eq!(next.events.iter().map(|event| event.id).collect::<Vec<_>>(), [waiting, later]);
        assert_eq!(next.pair, pair("r1", "o1"));
        world.finish(&next, agreed(), 4).await;
        world.nothing_due(1_000).await;
    }

    async fn a_link_made_in_the_records_lane_gathers_what_waits_for_the_referral(world) {
        world.accept("contoso", record("o1"), 0).await;
        let taken = world.take(0).await;
        let waiting = world.accept("contoso", referral("r1"), 1).await;
        world.journal.finish(taken.lease, &linking(pair("r1", "o1")), &agreed(), &trail(2), None).await.unwrap();
        let next = world.take(2).await;
        assert_eq!((next.lease.lane, next.events[0].id), (taken.lease.lane, waiting));
        assert_eq!(next.state, Some(LinkState::default()));
    }

    async fn a_side_that_comes_later_brings_its_lane(world) {
        world.accept("contoso", record("o1"), 0).await;
        let taken = world.take(0).await;
        let alone = Pair { record: Some(key("o1")), ..Pair::default() };
        world.journal.store(taken.lease, &linking(alone), &trail(0)).await.unwrap();
        let waiting = world.accept("contoso", referral("r1"), 1).await;
        world.journal.finish(taken.lease, &linking(pair("r1", "o1")), &agreed(), &trail(2), None).await.unwrap();
        let next = world.take(2).await;
        assert_eq!((next.lease.lane, next.events[0].id), (taken.lease.lane, waiting));
        assert_eq!(world.journal.counts("contoso").await.unwrap().links, 1);
    }

    async fn a_worker_that_holds_the_other_sides_lane_loses_it_and_its_events_wait_again(world) {
        let theirs = world.accept("contoso", record("o1"), 0).await;
        let mine = world.accept("contoso", referral("r1"), 1).await;
        let other = world.take(1).await;
        let taken = world.take(1).await;
        assert_eq!((other.subject.clone(), taken.subject.clone()), (record("o1"), referral("r1")));
        world.journal.finish(taken.lease, &linking(pair("r1", "o1")), &agreed(), &trail(2), None).await.unwrap();
        let lost = world.journal.finish(other.lease, &Commit::default(), &agreed(), &trail(2), None).await;
        assert!(matches!(lost, Err(Error::LostLease(lease)) if lease == other.lease));
        let next = world.take(2).await;
        assert_eq!(next.events.iter().map(|event| event.id).collect::<Vec<_>>(), [theirs]);
        assert_eq!(world.event(mine).await.verdict, Some(agreed()));
    }

    async fn parked_events_move_with_their_lane(world) {
        let id = world.accept("contoso", record("o1"), 0).await;
        let taken = world.take(0).await;
        world.finish(&taken, parked(), 0).await;
        let link = world.link("contoso", "r1", "o1", 1).await;
        assert_eq!(world.event(id).await.lane, link.lease.lane);
    }

    async fn events_of_both_sides_of_a_link_share_its_lane(world) {
        world.link("contoso", "r1", "o1", 0).await;
        world.accept("contoso", referral("r1"), 1).await;
        world.accept("contoso", record("o1"), 2).await;
        let taken = world.take(2).await;
        assert_eq!(taken.events.len(), 2);
        assert!(taken.link.is_some());
    }

    async fn one_referral_never_gets_two_links_and_neither_does_a_record(world) {
        let first = world.link("contoso", "r1", "o1", 0).await;
        for (subject, wanted) in [(record("o2"), pair("r1", "o2")), (referral("r2"), pair("r2", "o1"))] {
            world.accept("contoso", subject, 1).await;
            let taken = world.take(1).await;
            let commit = Commit { audit: vec![line("never")], ..linking(wanted) };
            let refused = world.journal.store(taken.lease, &commit, &trail(1)).await;
            assert!(matches!(refused, Err(Error::AlreadyLinked { .. })), "{refused:?}");
            let refused = world.journal.finish(taken.lease, &commit, &agreed(), &trail(1), None).await;
            assert!(matches!(refused, Err(Error::AlreadyLinked { .. })), "{refused:?}");
            // Nothing of the commit was stored, and the lane is still the worker's.
            world.finish(&taken, agreed(), 2).await;
        }
        assert_eq!(world.journal.counts("contoso").await.unwrap().links, 1);
        let link = world.journal.link_of("contoso", &referral("r1")).await.unwrap().unwrap();
        assert_eq!((link.lane, link.pair), (first.lease.lane, pair("r1", "o1")));
        let audit = AuditFilter { tenant: "contoso".to_owned(), ..AuditFilter::default() };
        assert!(world.journal.audit(&audit).await.unwrap().iter().all(|record| record.what != What::Line(line("never"))));
    }

    async fn what_is_remembered_of_one_side_alone_gives_way_to_a_pair(world) {
        let failed = world.accept("contoso", record("o1"), 0).await;
        let alone = world.take(0).await;
        let one_side = Pair { referral: None, ..pair("r1", "o1") };
        world.journal.finish(alone.lease, &linking(one_side), &parked(), &trail(0), None).await.unwrap();
        let waiting = world.accept("contoso", record("o1"), 1).await;
        let late = world.take(1).await;

        let linked = world.link("contoso", "r1", "o1", 2).await;
        let links = world.journal.links(&LinkFilter::default()).await.unwrap();
        let links: Vec<_> = links.iter().map(|link| (link.lane, link.pair.clone())).collect();
        assert_eq!(links, [(linked.lease.lane, pair("r1", "o1"))]);
        assert_eq!(world.event(failed).await.lane, linked.lease.lane);
        let lost = world.journal.store(late.lease, &Commit::default(), &trail(2)).await;
        assert!(matches!(lost, Err(Error::LostLease(lease)) if lease == late.lease));
        let next = world.take(2).await;
        assert_eq!((next.lease.lane, next.events[0].id), (linked.lease.lane, waiting));
    }

    async fn what_is_remembered_of_one_side_alone_stays_while_a_write_is_under_way(world) {
        world.accept("contoso", record("o1"), 0).await;
        let alone = world.take(0).await;
        let one_side = Pair { referral: None, ..pair("r1", "o1") };
        let state = LinkState { intent: Some(posting()), ..LinkState::default() };
        let commit = Commit { link: Some((one_side, state)), ..Commit::default() };
        world.journal.store(alone.lease, &commit, &trail(0)).await.unwrap();

        world.accept("contoso", referral("r1"), 1).await;
        let taken = world.take(1).await;
        let refused = world.journal.store(taken.lease, &linking(pair("r1", "o1")), &trail(1)).await;
        assert!(matches!(refused, Err(Error::AlreadyLinked { .. })), "{refused:?}");
        world.journal.store(alone.lease, &Commit::default(), &trail(1)).await.unwrap();
    }

    async fn a_link_whose_record_lives_on_as_another_one_stays_the_same_link_in_the_same_lane(world) {
        let first = world.link_lead("contoso", "r1", "l1", 0).await;
        let of_the_old = world.accept("contoso", Subject::Record(lead("l1")), 1).await;
        let of_the_new = world.accept("contoso", record("o1"), 1).await;
        let taken = world.take(1).await;
        assert_eq!(taken.lease.lane, first.lease.lane);
        world.journal.store(taken.lease, &linking(pair("r1", "o1")), &trail(2)).await.unwrap();
        world.finish(&taken, agreed(), 2).await;

        assert_eq!(world.event(of_the_old).await.verdict, Some(agreed()));
        let next = world.take(2).await;
        assert_eq!((next.lease.lane, next.link), (first.lease.lane, link_id(&world, &record("o1")).await));
        assert_eq!(next.events.iter().map(|event| event.id).collect::<Vec<_>>(), [of_the_new]);
        assert_eq!((next.subject.clone(), next.pair.clone()), (referral("r1"), pair("r1", "o1")));
        assert_eq!(world.journal.counts("contoso").await.unwrap().links, 1);
        assert_eq!(link_id(&world, &Subject::Record(lead("l1"))).await, None);
    }

    async fn an_event_of_the_old_record_that_comes_late_is_moved_to_the_pairs_lane(world) {
        let first = world.link_lead("contoso", "r1", "l1", 0).await;
        world.accept("contoso", referral("r1"), 1).await;
        let taken = world.take(1).await;
        world.journal.finish(taken.lease, &linking(pair("r1", "o1")), &agreed(), &trail(1), None).await.unwrap();

        let late = world.accept("contoso", Subject::Record(lead("l1")), 2).await;
        let alone = world.take(2).await;
        assert_eq!((alone.subject.clone(), alone.link), (Subject::Record(lead("l1")), None));
        world.finish(&alone, Verdict::Moved { to: record("o1") }, 2).await;
        let next = world.take(2).await;
        assert_eq!((next.lease.lane, next.events[0].id), (first.lease.lane, late));
        assert_eq!(next.pair, pair("r1", "o1"));
    }

    async fn what_was_parked_for_the_old_record_and_what_the_new_one_failed_at_end_with_the_pairs_agreement(world) {
        let failed = world.accept("contoso", record("o1"), 0).await;
        let alone = world.take(0).await;
        let one_side = Pair { referral: None, ..pair("r1", "o1") };
        world.journal.finish(alone.lease, &linking(one_side), &parked(), &trail(0), None).await.unwrap();
        let first = world.link_lead("contoso", "r1", "l1", 1).await;
        let stuck = world.accept("contoso", Subject::Record(lead("l1")), 2).await;
        let taken = world.take(2).await;
        world.finish(&taken, parked(), 2).await;

        world.accept("contoso", referral("r1"), 3).await;
        let taken = world.take(3).await;
        world.journal.finish(taken.lease, &linking(pair("r1", "o1")), &agreed(), &trail(3), None).await.unwrap();
        for id in [failed, stuck] {
            let event = world.event(id).await;
            assert_eq!((event.lane, event.state), (first.lease.lane, EventState::Superseded));
        }
        assert_eq!(world.journal.counts("contoso").await.unwrap().links, 1);
    }

    async fn a_link_does_not_take_over_the_record_of_another_one(world) {
        let first = world.link_lead("contoso", "r1", "l1", 0).await;
        world.link("contoso", "r2", "o2", 0).await;
        world.accept("contoso", referral("r1"), 1).await;
        let taken = world.take(1).await;
        let refused = world.journal.store(taken.lease, &linking(pair("r1", "o2")), &trail(1)).await;
        assert!(matches!(refused, Err(Error::AlreadyLinked { .. })), "{refused:?}");
        world.finish(&taken, parked(), 1).await;
        let link = world.journal.link_of("contoso", &referral("r1")).await.unwrap().unwrap();
        assert_eq!((link.lane, link.pair.record), (first.lease.lane, Some(lead("l1"))));
        let other = world.journal.link_of("contoso", &record("o2")).await.unwrap().unwrap();
        assert_eq!(other.pair, pair("r2", "o2"));
    }

    async fn entries_stay_with_a_link_whose_record_lives_on_as_another_one(world) {
        world.link_lead("contoso", "r1", "l1", 0).await;
        world.accept("contoso", referral("r1"), 1).await;
        let taken = world.take(1).await;
        let lead_pair = Pair { record: Some(lead("l1")), ..pair("r1", "l1") };
        world.journal.finish(taken.lease, &holding(lead_pair, entry("e1", "name")), &parked(), &trail(1), None).await.unwrap();
        world.accept("contoso", referral("r1"), 2).await;
        let taken = world.take(2).await;
        let close = EntryChange::Close { id: "e1".to_owned(), reason: "judged again".to_owned() };
        let commit = Commit { entries: vec![close], ..linking(pair("r1", "o1")) };
        world.journal.finish(taken.lease, &commit, &agreed(), &trail(2), None).await.unwrap();
        let entry = world.journal.entry("contoso", "e1").await.unwrap().unwrap();
        assert_eq!((Some(entry.link), entry.state), (link_id(&world, &record("o1")).await, EntryState::Closed));
    }

    async fn of_many_records_that_want_one_referral_at_the_same_time_one_gets_it(world) {
        for n in 0..8 {
            world.accept("contoso", record(&format!("o{n}")), 0).await;
        }
        let mut taken = Vec::new();
        for _ in 0..8 {
            taken.push(world.take(0).await);
        }
        let stores = taken.iter().enumerate().map(async |(n, taken)| {
            let Some(key) = &taken.pair.record else { panic!("no record in pass {n}") };
            world.journal.store(taken.lease, &linking(pair("r1", &key.id)), &trail(1)).await
        });
        let stored = join_all(stores).await;
        assert_eq!(stored.iter().filter(|result| result.is_ok()).count(), 1);
        assert!(stored.iter().all(|result| matches!(result, Ok(()) | Err(Error::AlreadyLinked { .. }))));
    }

    async fn the_same_ids_at_two_tenants_are_two_links(world) {
        world.link("contoso", "r1", "o1", 0).await;
        world.link("fabrikam", "r1", "o1", 1).await;
        for tenant in ["contoso", "fabrikam"] {
            assert_eq!(world.journal.counts(tenant).await.unwrap().links, 1);
            let link = world.journal.link_of(tenant, &record("o1")).await.unwrap().unwrap();
            assert_eq!(link.tenant, tenant);
        }
        assert_eq!(world.journal.link_of("adatum", &record("o1")).await.unwrap(), None);
    }

    async fn what_a_link_remembers_comes_back_as_it_was(world) {
        world.accept("contoso", referral("r1"), 0).await;
        let taken = world.take(0).await;
        let amount: serde_json::Value = serde_json::from_str(r#"{"dealValue": 12345678901234567.10}"#).unwrap();
        let fields = [("amount".to_owned(), Value::Decimal("12.50".parse().unwrap()))].into();
        let base = Base { referral: Some(Referral(amount)), record: Some(fields) };
        let state = LinkState { base, referral_version: Some("\"7\"".to_owned()), ..LinkState::default() };
        let commit = Commit { link: Some((pair("r1", "o1"), state.clone())), ..Commit::default() };
        world.journal.finish(taken.lease, &commit, &agreed(), &trail(1), None).await.unwrap();
        let world = world.crash().await;
        world.accept("contoso", record("o1"), 2).await;
        let taken = world.take(2).await;
        assert_eq!(taken.state, Some(state));
        let link = world.journal.link_of("contoso", &referral("r1")).await.unwrap().unwrap();
        assert_eq!((link.created, link.updated), (at(1), at(1)));
    }

    async fn a_commit_without_a_link_leaves_the_link_as_it_was(world) {
        world.link("contoso", "r1", "o1", 0).await;
        world.accept("contoso", referral("r1"), 1).await;
        world.agree(1).await;
        let link = world.journal.link_of("contoso", &record("o1")).await.unwrap().unwrap();
        assert_eq!((link.pair, link.updated), (pair("r1", "o1"), at(0)));
    }

    async fn links_are_listed_page_by_page(world) {
        for n in 0..5 {
            world.link("contoso", &format!("r{n}"), &format!("o{n}"), n).await;
            world.link("fabrikam", &format!("r{n}"), &format!("o{n}"), n).await;
        }
        let mut filter = LinkFilter { tenant: Some("contoso".to_owned()), after: None, limit: 2 };
        let mut seen = Vec::new();
        loop {
            let page = world.journal.links(&filter).await.unwrap();
            let Some(last) = page.last() else { break };
            filter.after = Some(last.id);
            seen.extend(page.into_iter().filter_map(|link| link.pair.referral));
        }
        assert_eq!(seen, ["r0", "r1", "r2", "r3", "r4"]);
    }

    async fn making_a_link_is_audited(world) {
        let taken = world.link("contoso", "r1", "o1", 0).await;
        let link = world.journal.link_of("contoso", &record("o1")).await.unwrap().unwrap();
        let filter = AuditFilter { tenant: "contoso".to_owned(), link: Some(link.id), ..AuditFilter::default() };
        let audit = world.journal.audit(&filter).await.unwrap();
        assert_eq!(audit.len(), 1);
        assert_eq!((&audit[0].what, audit[0].pass), (&What::Linked(pair("r1", "o1")), Some(taken.lease.pass)));
    }

    async fn entries_without_a_link_are_refused(world) {
        world.accept("contoso", referral("r1"), 0).await;
        let taken = world.take(0).await;
        let change = crosswalk_engine::pass::EntryChange::Add(entry("e1", "name"));
        let commit = Commit { entries: vec![change], ..Commit::default() };
        let refused = world.journal.store(taken.lease, &commit, &trail(0)).await;
        assert!(matches!(refused, Err(Error::NoLink(lease)) if lease == taken.lease));
    }

    async fn an_event_moved_to_a_side_of_a_link_goes_to_the_links_lane(world) {
        let link = world.link("contoso", "r1", "o1", 0).await;
        let id = world.accept("contoso", referral("r1-microsofts-copy"), 1).await;
        let taken = world.take(1).await;
        world.finish(&taken, Verdict::Moved { to: referral("r1") }, 1).await;
        let taken = world.take(1).await;
        assert_eq!((taken.lease.lane, taken.events[0].id), (link.lease.lane, id));
    }
}
