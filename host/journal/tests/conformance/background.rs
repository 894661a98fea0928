//! What a sweep or a backfill found waits behind live traffic.

use crosswalk_engine::pass::{Subject, Verdict};
use crosswalk_journal::{NewEvent, Source};

use crate::world::{LEASE_MS, World, agreed, at, event, record, referral, trail};

pub(crate) async fn swept(world: &World, tenant: &str, subject: Subject, source: Source, second: i64) {
    let event = NewEvent { source, ..event(tenant, subject, second) };
    world.journal.accept(event).await.unwrap();
}

on_every_engine! {
    async fn a_live_event_of_any_tenant_is_taken_before_what_a_sweep_found(world) {
        swept(&world, "contoso", referral("r1"), Source::Sweep, 0).await;
        swept(&world, "contoso", referral("r2"), Source::Backfill, 1).await;
        world.accept("contoso", referral("r3"), 2).await;
        world.accept("fabrikam", referral("r4"), 3).await;
        let mut order = Vec::new();
        for _ in 0..4 {
            order.push(world.agree(9).await.subject);
        }
        let live = [referral("r3"), referral("r4")];
        assert!(order[..2].iter().all(|subject| live.contains(subject)), "{order:?}");
        assert_eq!(order[2..], [referral("r1"), referral("r2")]);
        world.nothing_due(9).await;
    }

    async fn tenants_take_turns_in_the_background_too(world) {
        for n in 0..3 {
            swept(&world, "contoso", referral(&format!("c{n}")), Source::Sweep, 0).await;
        }
        swept(&world, "fabrikam", referral("f0"), Source::Sweep, 5).await;
        world.agree(9).await;
        assert_eq!(world.agree(9).await.tenant, "fabrikam");
    }

    async fn a_live_event_brings_its_lane_to_the_front_and_what_is_left_goes_back(world) {
        swept(&world, "contoso", referral("r1"), Source::Sweep, 0).await;
        swept(&world, "contoso", referral("r2"), Source::Sweep, 1).await;
        world.accept("contoso", referral("r2"), 2).await;
        let taken = world.agree(9).await;
        assert_eq!((taken.subject, taken.events.len()), (referral("r2"), 2));

        // A live pass that a sweep's event arrives during leaves a lane in the background.
        world.accept("contoso", record("o9"), 9).await;
        let live = world.take(9).await;
        assert_eq!(live.subject, record("o9"));
        swept(&world, "contoso", record("o9"), Source::Sweep, 9).await;
        world.finish(&live, agreed(), 9).await;
        assert_eq!(world.journal.in_background("contoso", at(9)).await.unwrap(), 2);
    }

    async fn a_person_who_asks_for_what_a_sweep_found_does_not_wait_behind_the_sweep(world) {
        swept(&world, "contoso", referral("r1"), Source::Sweep, 0).await;
        swept(&world, "contoso", referral("r2"), Source::Sweep, 1).await;
        let all = world.journal.events(&Default::default()).await.unwrap();
        let second = all.iter().find(|event| event.subject == referral("r2")).unwrap();
        world.journal.retry(second.id, "ada", at(2)).await.unwrap();
        assert_eq!(world.agree(9).await.subject, referral("r2"));
    }

    async fn background_lanes_that_back_off_are_not_counted_as_under_way(world) {
        for id in ["r1", "r2", "r3"] {
            swept(&world, "contoso", referral(id), Source::Backfill, 0).await;
        }
        world.accept("contoso", referral("live"), 0).await;
        let count = async |second| world.journal.in_background("contoso", at(second)).await.unwrap();
        assert_eq!(count(1).await, 3);
        world.agree(1).await;
        let faulty = world.take(1).await;
        world.journal.fail(faulty.lease, "no answer", &trail(1), at(60)).await.unwrap();
        let later = world.take(1).await;
        world.finish(&later, Verdict::Again { after_ms: 5_000, reason: "a quota".to_owned() }, 1).await;
        let in_hand = world.journal.take("worker", at(1), LEASE_MS, &[]).await.unwrap().unwrap();
        assert_eq!(count(1).await, 1, "only `{:?}` is under way", in_hand.subject);
        assert_eq!(count(60).await, 3);
    }

    async fn an_event_that_moves_takes_its_urgency_along(world) {
        swept(&world, "contoso", record("o1"), Source::Backfill, 0).await;
        let taken = world.take(1).await;
        world.finish(&taken, Verdict::Moved { to: referral("r1") }, 1).await;
        assert_eq!(world.journal.in_background("contoso", at(1)).await.unwrap(), 1);
        world.accept("contoso", referral("r2"), 2).await;
        assert_eq!(world.agree(2).await.subject, referral("r2"));
        assert_eq!(world.agree(2).await.subject, referral("r1"));
    }
}
