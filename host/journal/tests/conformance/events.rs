//! Accepting, listing, retrying and parking events.

use crosswalk_engine::pass::{Commit, Verdict};
use crosswalk_journal::{
    AuditFilter, Error, EventFilter, EventState, NewEvent, Outcome, Retention, Source, What,
};
use futures::future::join_all;

use crate::world::{agreed, at, event, line, parked, record, referral, trail};

on_every_engine! {
    async fn an_acknowledged_event_survives_a_crash(world) {
        let id = world.accept("contoso", referral("r1"), 0).await;
        let world = world.crash().await;
        assert_eq!(world.event(id).await.subject, referral("r1"));
        assert_eq!(world.take(0).await.events[0].id, id);
    }

    async fn a_verdict_survives_a_crash(world) {
        let id = world.accept("contoso", referral("r1"), 0).await;
        world.agree(1).await;
        let world = world.crash().await;
        let event = world.event(id).await;
        assert_eq!((event.state, event.verdict, event.settled), (EventState::Settled, Some(agreed()), Some(at(1))));
        world.nothing_due(1_000_000).await;
    }

    async fn events_accepted_at_the_same_time_are_all_stored_under_ids_of_their_own(world) {
        let accepts = (0..200).map(|n| world.journal.accept(event("contoso", referral(&format!("r{}", n % 50)), n)));
        let mut ids: Vec<_> = join_all(accepts).await.into_iter().map(|accepted| accepted.unwrap().id).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 200);
        assert_eq!(world.in_state(EventState::Waiting).await.len(), 200);
    }

    async fn a_duplicate_within_the_window_returns_the_first_event(world) {
        let first = world.accept_with("change-1", 0).await;
        let again = world.accept_with("change-1", 60).await;
        assert_eq!((first.duplicate, again.duplicate, again.id), (false, true, first.id));
        assert_eq!(world.in_state(EventState::Waiting).await, [first.id]);
    }

    async fn duplicates_at_the_same_time_store_one_event(world) {
        let accepts = (0..20).map(|_| world.accept_with("change-1", 0));
        let accepted = join_all(accepts).await;
        assert_eq!(accepted.iter().filter(|accepted| !accepted.duplicate).count(), 1);
        assert!(accepted.iter().all(|one| one.id == accepted[0].id));
        assert_eq!(world.in_state(EventState::Waiting).await.len(), 1);
    }

    async fn a_duplicate_is_known_after_a_crash_and_after_its_event_was_dropped(world) {
        let first = world.accept_with("change-1", 0).await;
        world.agree(1).await;
        let retention = Retention { events_ms: 1_000, ..Retention::default() };
        world.journal.prune(at(60), &retention).await.unwrap();
        assert_eq!(world.journal.event(first.id).await.unwrap(), None);
        let world = world.crash().await;
        let again = world.accept_with("change-1", 60).await;
        assert_eq!((again.duplicate, again.id), (true, first.id));
    }

    async fn the_same_dedupe_key_of_another_tenant_or_source_is_no_duplicate(world) {
        let first = world.accept_with("change-1", 0).await;
        for (tenant, source) in [("fabrikam", Source::WebhookPartnerCenter), ("contoso", Source::WebhookCrm)] {
            let other = NewEvent {
                dedupe: Some("change-1".to_owned()),
                source,
                ..event(tenant, referral("r1"), 0)
            };
            let accepted = world.journal.accept(other).await.unwrap();
            assert!(!accepted.duplicate && accepted.id != first.id);
        }
    }

    async fn events_are_listed_newest_first_by_tenant_state_and_lane(world) {
        let a = world.accept("contoso", referral("r1"), 0).await;
        let b = world.accept("fabrikam", referral("r1"), 1).await;
        let c = world.accept("contoso", record("o1"), 2).await;
        let d = world.accept("contoso", referral("r1"), 3).await;
        let list = async |filter: EventFilter| -> Vec<_> {
            world.journal.events(&filter).await.unwrap().iter().map(|event| event.id).collect()
        };
        let all = EventFilter::default();
        let contoso = EventFilter { tenant: Some("contoso".to_owned()), ..all.clone() };
        assert_eq!(list(all.clone()).await, [d, c, b, a]);
        assert_eq!(list(contoso.clone()).await, [d, c, a]);
        assert_eq!(list(EventFilter { before: Some(c), ..contoso.clone() }).await, [a]);
        assert_eq!(list(EventFilter { limit: 2, ..all.clone() }).await, [d, c]);
        let taken = world.agree(5).await;
        assert_eq!(list(EventFilter { lane: Some(taken.lease.lane), ..all.clone() }).await, [d, a]);
        assert_eq!(list(EventFilter { state: Some(EventState::Settled), ..all.clone() }).await, [d, a]);
        let waiting = EventFilter { state: Some(EventState::Waiting), ..contoso };
        assert_eq!(list(waiting).await, [c]);
    }

    async fn an_event_tells_its_whole_story(world) {
        let hint = NewEvent { note: Some("etag 7".to_owned()), ..event("contoso", referral("r1"), 0) };
        let id = world.journal.accept(hint).await.unwrap().id;
        let first = world.take(1).await;
        world.journal.fail(first.lease, "no answer", &trail(2), at(10)).await.unwrap();
        let second = world.take(10).await;
        let commit = Commit { audit: vec![line("one"), line("two")], ..Commit::default() };
        world.journal.finish(second.lease, &commit, &agreed(), &trail(11), None).await.unwrap();
        let story = world.journal.event(id).await.unwrap().unwrap();
        assert_eq!(story.event.note.as_deref(), Some("etag 7"));
        assert_eq!(story.event.verdict, Some(agreed()));
        let passes: Vec<_> = story.passes.iter().map(|pass| (pass.id, pass.outcome.clone())).collect();
        let fault = Outcome::Fault { reason: "no answer".to_owned(), retry_at: at(10) };
        assert_eq!(
            passes,
            [(first.lease.pass, Some(fault)), (second.lease.pass, Some(Outcome::Verdict(agreed())))]
        );
        assert_eq!(story.passes[1].release.as_deref(), Some("sha256:9f31"));
        let lines: Vec<_> = story.audit.iter().map(|record| record.what.clone()).collect();
        assert_eq!(lines, [What::Line(line("one")), What::Line(line("two"))]);
        assert_eq!(story.audit[0].events, [id]);
    }

    async fn a_retry_reopens_a_parked_event(world) {
        let id = world.accept("contoso", referral("r1"), 0).await;
        let taken = world.take(1).await;
        world.finish(&taken, parked(), 1).await;
        assert_eq!(world.event(id).await.state, EventState::Parked);
        world.nothing_due(1_000).await;
        world.journal.retry(id, "ada", at(1_000)).await.unwrap();
        let event = world.event(id).await;
        assert_eq!((event.state, event.verdict), (EventState::Waiting, None));
        let taken = world.agree(1_000).await;
        assert_eq!((taken.events[0].id, taken.attempts), (id, 1));
        assert_eq!(world.event(id).await.state, EventState::Settled);
        assert_eq!(world.journal.event(id).await.unwrap().unwrap().passes.len(), 2);
    }

    async fn a_pass_knows_of_a_retry_until_there_is_a_verdict(world) {
        let id = world.accept("contoso", record("o1"), 0).await;
        let taken = world.take(1).await;
        assert_eq!(taken.retried, None);
        world.finish(&taken, parked(), 1).await;
        world.journal.retry(id, "ada", at(2)).await.unwrap();
        world.accept("contoso", record("o1"), 3).await;

        // A fault, a wait and a move are no verdicts: what the person asked for is still to be done.
        let taken = world.take(3).await;
        assert_eq!(taken.retried, Some(at(2)));
        world.journal.fail(taken.lease, "no answer", &trail(3), at(4)).await.unwrap();
        let taken = world.take(4).await;
        assert_eq!(taken.retried, Some(at(2)));
        let again = Verdict::Again { after_ms: 1_000, reason: "the tenant is paused".to_owned() };
        world.finish(&taken, again, 4).await;
        let taken = world.take(5).await;
        assert_eq!(taken.retried, Some(at(2)));
        world.finish(&taken, Verdict::Moved { to: referral("r1") }, 5).await;
        let world = world.crash().await;
        let taken = world.take(6).await;
        assert_eq!((&taken.subject, taken.retried), (&referral("r1"), Some(at(2))));
        world.finish(&taken, parked(), 6).await;

        assert_eq!(world.event(id).await.retried, None);
        world.accept("contoso", referral("r1"), 7).await;
        assert_eq!(world.take(7).await.retried, None);
    }

    async fn of_several_retries_the_last_one_counts(world) {
        let first = world.accept("contoso", referral("r1"), 0).await;
        let second = world.accept("contoso", referral("r1"), 0).await;
        for (id, second) in [(first, 2), (second, 5), (first, 3)] {
            world.journal.retry(id, "ada", at(second)).await.unwrap();
        }
        assert_eq!(world.take(6).await.retried, Some(at(5)));
    }

    async fn an_event_that_is_parked_after_a_retry_is_no_longer_retried(world) {
        let id = world.accept("contoso", referral("r1"), 0).await;
        world.journal.retry(id, "ada", at(1)).await.unwrap();
        world.journal.park(id, "ada", "later after all", at(2)).await.unwrap();
        assert_eq!(world.event(id).await.retried, None);
    }

    async fn a_retry_ends_a_backoff_and_is_audited(world) {
        let id = world.accept("contoso", referral("r1"), 0).await;
        let taken = world.take(1).await;
        world.journal.fail(taken.lease, "no answer", &trail(1), at(3_600)).await.unwrap();
        world.nothing_due(2).await;
        world.journal.retry(id, "ada", at(2)).await.unwrap();
        assert_eq!(world.take(2).await.attempts, 1);
        let audit = AuditFilter { tenant: "contoso".to_owned(), ..AuditFilter::default() };
        let audit = world.journal.audit(&audit).await.unwrap();
        let act = What::Act { who: "ada".to_owned(), what: format!("asked for another try of {id}") };
        assert_eq!((&audit[0].what, audit[0].events.as_slice()), (&act, [id].as_slice()));
    }

    async fn a_retry_of_a_settled_event_goes_to_the_lane_that_its_subject_has_now(world) {
        let id = world.accept("contoso", record("o1"), 0).await;
        world.agree(0).await;
        let link = world.link("contoso", "r1", "o1", 1).await;
        world.journal.retry(id, "ada", at(2)).await.unwrap();
        assert_eq!(world.take(2).await.lease.lane, link.lease.lane);
    }

    async fn an_event_that_does_not_exist_cannot_be_retried(world) {
        let id = "evt_99".parse().unwrap();
        assert!(matches!(world.journal.retry(id, "ada", at(0)).await, Err(Error::NoEvent(no)) if no == id));
    }

    async fn a_person_parks_a_waiting_event_and_the_lane_goes_on(world) {
        let bad = world.accept("contoso", referral("r1"), 0).await;
        let good = world.accept("contoso", referral("r1"), 1).await;
        world.journal.park(bad, "ada", "known to be broken", at(2)).await.unwrap();
        let taken = world.take(2).await;
        assert_eq!(taken.events.iter().map(|event| event.id).collect::<Vec<_>>(), [good]);
        let verdict = Verdict::Parked { reason: "ada: known to be broken".to_owned() };
        assert_eq!(world.event(bad).await.verdict, Some(verdict));
    }

    async fn a_lane_whose_only_event_is_parked_is_not_due(world) {
        let id = world.accept("contoso", referral("r1"), 0).await;
        world.journal.park(id, "ada", "later", at(1)).await.unwrap();
        world.nothing_due(1_000).await;
        assert_eq!(world.journal.next_due(&[]).await.unwrap(), None);
    }

    async fn an_event_that_a_person_parks_during_its_pass_stays_parked(world) {
        let id = world.accept("contoso", referral("r1"), 0).await;
        let taken = world.take(0).await;
        world.journal.park(id, "ada", "stop", at(1)).await.unwrap();
        world.finish(&taken, Verdict::Skipped { reason: "not ours".to_owned() }, 2).await;
        assert_eq!(world.event(id).await.state, EventState::Parked);
    }

    async fn an_event_with_a_verdict_cannot_be_parked(world) {
        let id = world.accept("contoso", referral("r1"), 0).await;
        world.agree(0).await;
        let refused = world.journal.park(id, "ada", "too late", at(1)).await;
        assert!(matches!(refused, Err(Error::NotWaiting(no)) if no == id));
        assert_eq!(world.event(id).await.state, EventState::Settled);
    }

    async fn agreement_supersedes_what_was_parked_in_the_lane_before(world) {
        let old = world.accept("contoso", referral("r1"), 0).await;
        let other = world.accept("contoso", referral("r2"), 0).await;
        for _ in 0..2 {
            let taken = world.take(0).await;
            world.finish(&taken, parked(), 0).await;
        }
        let new = world.accept("contoso", referral("r1"), 1).await;
        world.agree(1).await;
        assert_eq!(world.in_state(EventState::Superseded).await, [old]);
        assert_eq!(world.in_state(EventState::Settled).await, [new]);
        assert_eq!(world.in_state(EventState::Parked).await, [other]);
        assert_eq!(world.event(old).await.verdict, Some(parked()));
    }
}
