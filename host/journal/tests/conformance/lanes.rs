//! Who gets which lane, and when.

use std::time::Duration;

use crosswalk_engine::pass::{Commit, Verdict};
use crosswalk_journal::{Backlog, EVENTS_PER_PASS_MAX, Error, EventState, Source};
use futures::future::join_all;

use crate::{
    background::swept,
    world::{LEASE_MS, World, agreed, at, event, parked, record, referral, trail},
};

/// Everything that a holder may do fails, and changes nothing.
async fn cannot_write(world: &World, lease: crosswalk_journal::Lease) {
    let (journal, commit) = (&world.journal, Commit::default());
    let lost = [
        journal.store(lease, &commit, &trail(1)).await,
        journal.finish(lease, &commit, &agreed(), &trail(1), None).await,
        journal.fail(lease, "no answer", &trail(1), at(2)).await,
        journal.renew(lease, at(99)).await,
        journal.hand_back(lease, at(1)).await,
    ];
    for result in lost {
        assert!(matches!(result, Err(Error::LostLease(no)) if no == lease), "{result:?}");
    }
}

on_every_engine! {
    async fn events_that_wait_in_a_lane_are_settled_by_one_pass(world) {
        let mut ids = Vec::new();
        for second in 0..5 {
            ids.push(world.accept("contoso", referral("r1"), second).await);
        }
        let taken = world.agree(5).await;
        assert_eq!(taken.events.iter().map(|event| event.id).collect::<Vec<_>>(), ids);
        assert!(taken.events.iter().all(|event| event.pass == Some(taken.lease.pass)));
        ids.reverse();
        assert_eq!(world.in_state(EventState::Settled).await, ids);
        world.nothing_due(1_000).await;
    }

    async fn an_event_that_arrives_during_a_pass_waits_for_the_next(world) {
        let first = world.accept("contoso", referral("r1"), 0).await;
        let taken = world.take(1).await;
        let second = world.accept("contoso", referral("r1"), 2).await;
        world.nothing_due(2).await;
        world.finish(&taken, agreed(), 3).await;
        assert_eq!(world.in_state(EventState::Settled).await, [first]);
        let taken = world.take(3).await;
        assert_eq!(taken.events.iter().map(|event| event.id).collect::<Vec<_>>(), [second]);
    }

    async fn a_pass_takes_no_more_events_than_its_limit(world) {
        let many = i64::from(EVENTS_PER_PASS_MAX) + 5;
        join_all((0..many).map(|n| world.journal.accept(event("contoso", referral("r1"), n)))).await;
        let first = world.agree(many).await;
        assert_eq!(first.events.len(), EVENTS_PER_PASS_MAX as usize);
        assert_eq!(world.agree(many).await.events.len(), 5);
    }

    async fn a_lane_is_with_one_worker_at_a_time(world) {
        world.accept("contoso", referral("r1"), 0).await;
        let workers = (0..10).map(|_| world.journal.take("worker", at(0), LEASE_MS, &[]));
        let given = join_all(workers).await.into_iter().filter(|taken| taken.as_ref().unwrap().is_some()).count();
        assert_eq!(given, 1);
    }

    async fn a_lane_is_not_given_out_before_it_is_due(world) {
        world.accept("contoso", referral("r1"), 10).await;
        world.nothing_due(9).await;
        assert_eq!(world.journal.next_due(&[]).await.unwrap(), Some(at(10)));
        world.take(10).await;
    }

    async fn an_expired_lease_is_given_out_again_and_its_old_holder_cannot_write(world) {
        let id = world.accept("contoso", referral("r1"), 0).await;
        let old = world.take(0).await;
        world.nothing_due(29).await;
        let new = world.take(30).await;
        assert_eq!(new.lease.lane, old.lease.lane);
        assert!(new.lease.pass > old.lease.pass);
        cannot_write(&world, old.lease).await;
        assert_eq!(world.event(id).await.state, EventState::Waiting);
        world.finish(&new, agreed(), 31).await;
        cannot_write(&world, old.lease).await;
        cannot_write(&world, new.lease).await;
    }

    async fn a_host_that_is_alone_ends_the_leases_of_the_one_before_it(world) {
        world.accept("contoso", referral("r1"), 0).await;
        world.accept("fabrikam", referral("r2"), 0).await;
        let old = world.take(0).await;
        assert_eq!(world.journal.end_leases(at(1)).await.unwrap(), 1);
        cannot_write(&world, old.lease).await;
        let lanes = [world.take(1).await.lease.lane, world.take(1).await.lease.lane];
        assert!(lanes.contains(&old.lease.lane), "{lanes:?}");
        world.nothing_due(1).await;
        assert_eq!(world.journal.end_leases(at(2)).await.unwrap(), 2);
    }

    async fn an_expired_lease_that_nobody_else_took_can_still_write(world) {
        let id = world.accept("contoso", referral("r1"), 0).await;
        let taken = world.take(0).await;
        world.finish(&taken, agreed(), 1_000).await;
        assert_eq!(world.event(id).await.state, EventState::Settled);
    }

    async fn a_renewed_lease_does_not_run_out(world) {
        world.accept("contoso", referral("r1"), 0).await;
        let taken = world.take(0).await;
        world.journal.renew(taken.lease, at(100)).await.unwrap();
        world.nothing_due(99).await;
        assert!(world.take(100).await.lease.pass > taken.lease.pass);
    }

    async fn an_attempt_counts_even_if_the_worker_dies(world) {
        world.accept("contoso", referral("r1"), 0).await;
        assert_eq!(world.take(0).await.attempts, 1);
        let world = world.crash().await;
        assert_eq!(world.take(30).await.attempts, 2);
        let world = world.crash().await;
        let taken = world.take(60).await;
        assert_eq!(taken.attempts, 3);
        world.finish(&taken, agreed(), 60).await;
        world.accept("contoso", referral("r1"), 61).await;
        assert_eq!(world.take(61).await.attempts, 1);
    }

    async fn a_lane_handed_back_is_due_at_once_and_counts_no_attempt(world) {
        world.accept("contoso", referral("r1"), 0).await;
        let taken = world.take(0).await;
        world.journal.hand_back(taken.lease, at(1)).await.unwrap();
        cannot_write(&world, taken.lease).await;
        assert_eq!(world.take(1).await.attempts, 1);
    }

    async fn a_lane_that_backs_off_delays_no_other(world) {
        let faulty = world.accept("contoso", referral("r1"), 0).await;
        let taken = world.take(0).await;
        world.journal.fail(taken.lease, "no answer", &trail(0), at(60)).await.unwrap();
        world.accept("contoso", referral("r2"), 1).await;
        assert_eq!(world.agree(1).await.subject, referral("r2"));
        // A new event does not end the backoff: the other system asked to be left alone.
        world.accept("contoso", referral("r1"), 2).await;
        world.nothing_due(59).await;
        let taken = world.take(60).await;
        assert_eq!((taken.attempts, taken.events.len(), taken.events[0].id), (2, 2, faulty));
    }

    async fn a_parked_event_delays_neither_its_own_lane_nor_another(world) {
        world.accept("contoso", referral("r1"), 0).await;
        let taken = world.take(0).await;
        world.finish(&taken, parked(), 0).await;
        let later = world.accept("contoso", referral("r1"), 1).await;
        let taken = world.take(1).await;
        assert_eq!(taken.events.iter().map(|event| event.id).collect::<Vec<_>>(), [later]);
    }

    async fn again_keeps_the_events_waiting_until_then(world) {
        let id = world.accept("contoso", referral("r1"), 0).await;
        let taken = world.take(0).await;
        let again = Verdict::Again { after_ms: 5_000, reason: "the list may lag".to_owned() };
        world.finish(&taken, again, 1).await;
        assert_eq!(world.event(id).await.state, EventState::Waiting);
        world.nothing_due(5).await;
        let taken = world.take(6).await;
        assert_eq!((taken.events[0].id, taken.attempts), (id, 1));
    }

    async fn lanes_are_given_out_in_the_order_in_which_they_became_due(world) {
        for (id, second) in [("late", 3), ("early", 1), ("middle", 2)] {
            world.accept("contoso", referral(id), second).await;
        }
        for id in ["early", "middle", "late"] {
            assert_eq!(world.take(9).await.subject, referral(id));
        }
    }

    async fn a_tenant_with_many_waiting_lanes_starves_no_other(world) {
        let busy = (0..300).map(|n| world.journal.accept(event("busy", referral(&format!("r{n}")), 0)));
        join_all(busy).await;
        world.accept("calm", referral("r1"), 5).await;
        world.accept("calm", referral("r2"), 5).await;
        let mut order = Vec::new();
        for _ in 0..6 {
            order.push(world.take(9).await.tenant);
        }
        assert_eq!(order.iter().filter(|tenant| *tenant == "calm").count(), 2, "{order:?}");
        assert!(order[..4].iter().filter(|tenant| *tenant == "calm").count() == 2, "{order:?}");
    }

    async fn a_tenant_that_is_passed_over_waits_and_the_next_one_is_taken(world) {
        world.accept("hog", referral("r1"), 0).await;
        world.accept("hog", referral("r2"), 0).await;
        swept(&world, "hog", referral("r3"), Source::Sweep, 0).await;
        world.accept("calm", referral("r1"), 5).await;
        swept(&world, "calm", referral("r2"), Source::Sweep, 5).await;
        let passed = ["hog".to_owned(), "gone".to_owned()];
        let take = async |second| {
            world.journal.take("worker", at(second), LEASE_MS, &passed).await.unwrap().map(|taken| taken.subject)
        };
        assert_eq!(world.journal.next_due(&passed).await.unwrap(), Some(at(5)));
        assert_eq!(take(4).await, None);
        assert_eq!(take(9).await, Some(referral("r1")));
        assert_eq!(take(9).await, Some(referral("r2")));
        assert_eq!(take(9).await, None);
        // What is in hand is due again when its lease ends; what was passed over has been due all the time.
        assert_eq!(world.journal.next_due(&passed).await.unwrap(), Some(at(39)));
        assert_eq!(world.journal.next_due(&[]).await.unwrap(), Some(at(0)));
        assert_eq!(world.take(9).await.tenant, "hog");
    }

    async fn moved_events_keep_their_ids_in_the_other_lane(world) {
        let waiting = world.accept("contoso", referral("r1"), 1).await;
        let moved = world.accept("contoso", record("o1"), 0).await;
        let taken = world.take(0).await;
        world.finish(&taken, Verdict::Moved { to: referral("r1") }, 1).await;
        let taken = world.take(1).await;
        assert_eq!(taken.events.iter().map(|event| event.id).collect::<Vec<_>>(), [waiting, moved]);
        world.finish(&taken, agreed(), 2).await;
        assert_eq!(world.in_state(EventState::Settled).await, [moved, waiting]);
        assert_eq!(world.journal.event(moved).await.unwrap().unwrap().passes.len(), 2);
    }

    async fn a_lane_is_about_its_own_subject_whatever_was_moved_into_it(world) {
        world.accept("contoso", referral("r1-microsofts-copy"), 0).await;
        let taken = world.take(0).await;
        world.finish(&taken, Verdict::Moved { to: referral("r1") }, 1).await;
        let taken = world.take(1).await;
        assert_eq!((taken.subject, taken.pair.referral.as_deref()), (referral("r1"), Some("r1")));
    }

    async fn moving_an_event_to_where_it_is_already_goes_on_counting_attempts(world) {
        world.accept("contoso", referral("r1"), 0).await;
        for attempts in 1..4 {
            let taken = world.take(0).await;
            assert_eq!(taken.attempts, attempts);
            world.finish(&taken, Verdict::Moved { to: referral("r1") }, 0).await;
        }
    }

    async fn whoever_waits_is_told_when_a_lane_may_be_due(world) {
        let mut changed = world.journal.changed();
        let id = world.accept("contoso", referral("r1"), 0).await;
        tokio::time::timeout(Duration::from_secs(5), changed.changed()).await.unwrap().unwrap();
        let taken = world.take(0).await;
        world.finish(&taken, parked(), 0).await;
        changed.mark_unchanged();
        world.journal.retry(id, "ada", at(1)).await.unwrap();
        tokio::time::timeout(Duration::from_secs(5), changed.changed()).await.unwrap().unwrap();
    }

    async fn the_next_lane_is_due_at_the_earliest_of_events_backoffs_and_leases(world) {
        let next_due = async || world.journal.next_due(&[]).await.unwrap();
        assert_eq!(next_due().await, None);
        world.accept("contoso", referral("r1"), 0).await;
        assert_eq!(next_due().await, Some(at(0)));
        let taken = world.take(0).await;
        assert_eq!(next_due().await, Some(at(30)));
        world.accept("fabrikam", referral("r1"), 20).await;
        assert_eq!(next_due().await, Some(at(20)));
        world.agree(20).await;
        world.journal.fail(taken.lease, "no answer", &trail(21), at(50)).await.unwrap();
        assert_eq!(next_due().await, Some(at(50)));
        world.agree(50).await;
        assert_eq!(next_due().await, None);
    }

    async fn the_backlog_counts_what_waits_is_parked_due_and_in_hand(world) {
        assert_eq!(world.journal.backlog(at(0)).await.unwrap(), Backlog::default());
        world.accept("contoso", referral("parked"), 0).await;
        let taken = world.take(0).await;
        world.finish(&taken, parked(), 0).await;
        for (tenant, id, second) in [("contoso", "in-hand", 1), ("contoso", "due", 2), ("fabrikam", "due", 3)] {
            world.accept(tenant, referral(id), second).await;
        }
        world.accept("fabrikam", referral("due"), 4).await;
        world.take(1).await;
        let backlog = world.journal.backlog(at(5)).await.unwrap();
        let expected = Backlog { waiting: 4, parked: 1, leased: 1, due: 2, oldest: Some(at(1)) };
        assert_eq!(backlog, expected);
    }
}
