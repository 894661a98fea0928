//! Retention, and closing.

use crosswalk_engine::pass::Commit;
use crosswalk_journal::{AuditFilter, Error, EventState, Pruned, Retention};

use crate::world::{agreed, at, event, line, parked, referral, trail};

const RETENTION: Retention =
    Retention { dedupe_ms: 100_000, events_ms: 50_000, recordings_ms: 10_000, rows_max: 1_000 };

on_every_engine! {
    async fn pruning_drops_each_kind_after_its_own_time_and_keeps_the_audit(world) {
        let id = world.accept_with("change-1", 0).await.id;
        let taken = world.take(0).await;
        let commit = Commit { audit: vec![line("kept")], ..Commit::default() };
        world.journal.finish(taken.lease, &commit, &agreed(), &trail(0), Some(b"inputs")).await.unwrap();
        let prune = async |second| world.journal.prune(at(second), &RETENTION).await.unwrap();
        assert_eq!(prune(10).await, Pruned::default());
        assert_eq!(prune(11).await, Pruned { recordings: 1, ..Pruned::default() });
        assert_eq!(world.journal.recordings("contoso", None, 1).await.unwrap(), []);
        assert_eq!(prune(50).await, Pruned::default());
        assert_eq!(prune(51).await, Pruned { events: 1, passes: 1, ..Pruned::default() });
        assert_eq!(world.journal.event(id).await.unwrap(), None);
        assert!(world.accept_with("change-1", 60).await.duplicate);
        assert_eq!(prune(101).await, Pruned { dedupe_keys: 1, ..Pruned::default() });
        assert!(!world.accept_with("change-1", 102).await.duplicate);
        let audit = AuditFilter { tenant: "contoso".to_owned(), ..AuditFilter::default() };
        assert_eq!(world.journal.audit(&audit).await.unwrap().len(), 1);
        world.journal.verify_audit("contoso").await.unwrap();
    }

    async fn what_waits_or_is_parked_is_never_dropped(world) {
        world.accept("contoso", referral("r1"), 0).await;
        let taken = world.take(0).await;
        world.finish(&taken, parked(), 0).await;
        world.accept("contoso", referral("r2"), 0).await;
        world.take(0).await;
        world.accept("contoso", referral("r3"), 0).await;
        assert_eq!(world.journal.prune(at(1_000_000), &RETENTION).await.unwrap(), Pruned::default());
        assert_eq!(world.in_state(EventState::Waiting).await.len(), 2);
        assert_eq!(world.in_state(EventState::Parked).await.len(), 1);
    }

    async fn pruning_drops_a_bounded_number_of_rows_and_says_when_there_is_more(world) {
        for n in 0..5 {
            world.accept("contoso", referral(&format!("r{n}")), 0).await;
            world.agree(0).await;
        }
        let retention = Retention { rows_max: 2, ..RETENTION };
        let mut dropped = Vec::new();
        loop {
            let pruned = world.journal.prune(at(1_000), &retention).await.unwrap();
            dropped.push(pruned.events);
            if !pruned.more {
                break;
            }
        }
        assert_eq!(dropped, [2, 2, 1]);
        assert_eq!(world.in_state(EventState::Settled).await, []);
    }

    async fn a_closed_journal_accepts_nothing_and_keeps_everything(world) {
        let id = world.accept("contoso", referral("r1"), 0).await;
        world.journal.close().await.unwrap();
        let refused = world.journal.accept(event("contoso", referral("r1"), 1)).await;
        assert!(matches!(refused, Err(Error::Closed)), "{refused:?}");
        let world = world.crash().await;
        assert_eq!(world.in_state(EventState::Waiting).await, [id]);
    }
}
