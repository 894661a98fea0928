//! Where a tenant is routed, and what becomes of events that a release parked which is routed no longer.

use crosswalk_engine::pass::Commit;
use crosswalk_journal::{
    AuditFilter, Candidate, Error, EventState, LANE_BUCKETS, LookAgain, NewRoute, ReleaseId, Route, Stage,
    Trail, Undone, What,
};
use futures::future::join_all;

use crate::{
    releases::install,
    world::{World, agreed, at, pair, parked, referral, trail},
};

fn change(expected: u64, live: ReleaseId) -> NewRoute {
    NewRoute {
        tenant: "contoso".to_owned(),
        expected,
        live,
        live_since: at(1),
        before: None,
        candidate: None,
        undone: None,
        why: "a test".to_owned(),
        who: "ada".to_owned(),
        at: at(1),
    }
}

fn canary(release: ReleaseId) -> Candidate {
    Candidate { release, stage: Stage::Canary, share: 10, since: at(2) }
}

/// What the tenant's audit says last.
async fn last_act(world: &World) -> String {
    let filter = AuditFilter { tenant: "contoso".to_owned(), limit: 1, ..AuditFilter::default() };
    match world.journal.audit(&filter).await.unwrap().remove(0).what {
        What::Act { who, what } => format!("{who} {what}"),
        other => panic!("{other:?}"),
    }
}

/// An event that a pass of this release parks, and the second at which it does.
async fn parks(world: &World, id: &str, release: &str, second: i64) -> crosswalk_journal::EventId {
    let event = world.accept("contoso", referral(id), second).await;
    let taken = world.take(second).await;
    let trail = Trail { at: at(second), release: Some(release.to_owned()) };
    world.journal.finish(taken.lease, &Commit::default(), &parked(), &trail, None).await.unwrap();
    event
}

fn again(release: &str, since: i64) -> LookAgain {
    LookAgain {
        tenant: "contoso".to_owned(),
        release: release.to_owned(),
        since: at(since),
        who: "host".to_owned(),
        why: "it trapped".to_owned(),
        at: at(100),
    }
}

on_every_engine! {
    async fn a_tenant_is_routed_forwards_and_backwards_and_every_generation_is_kept(world) {
        let old = install(&world, "contoso", "sha256:a", "{}").await;
        let new = install(&world, "contoso", "sha256:b", "{}").await;
        assert_eq!(world.journal.routed("contoso").await.unwrap(), None);
        for (expected, release) in [(0, old), (1, new), (2, old)] {
            let routed = world.journal.route(&change(expected, release)).await.unwrap();
            assert_eq!(routed.generation, expected + 1);
        }
        let world = world.crash().await;
        let now = world.journal.routed("contoso").await.unwrap().unwrap();
        assert_eq!((now.generation, now.live, now.who.as_str(), now.why.as_str()), (3, old, "ada", "a test"));
        let kept = world.journal.routes("contoso", 10).await.unwrap();
        let kept: Vec<_> = kept.iter().map(|route| (route.generation, route.live)).collect();
        assert_eq!(kept, [(3, old), (2, new), (1, old)]);
        assert_eq!(world.journal.route_at("contoso", 2).await.unwrap().unwrap().live, new);
        assert_eq!(world.journal.route_at("contoso", 4).await.unwrap(), None);
        assert_eq!(world.journal.route_at("fabrikam", 1).await.unwrap(), None);
    }

    async fn a_candidate_its_stage_its_share_and_the_way_back_are_on_disk_when_the_change_returns(world) {
        let old = install(&world, "contoso", "sha256:a", "{}").await;
        let new = install(&world, "contoso", "sha256:b", "{}").await;
        world.journal.route(&change(0, old)).await.unwrap();
        let odd = at(1) + jiff::SignedDuration::from_nanos(7);
        let with = NewRoute { candidate: Some(canary(new)), live_since: odd, at: odd, ..change(1, old) };
        let made = world.journal.route(&with).await.unwrap();
        let said = last_act(&world).await;
        assert!(said.contains("rel_2 as a canary for 10 % of the lanes; a test"), "{said}");
        let world = world.crash().await;
        assert_eq!(world.journal.routed("contoso").await.unwrap(), Some(made.clone()));
        let live = NewRoute { live: new, live_since: at(3), before: Some(2), candidate: None, ..made.change("promoted", "ben", at(3)) };
        let made = world.journal.route(&live).await.unwrap();
        assert_eq!((made.generation, made.before, made.candidate.clone(), made.live_since), (3, Some(2), None, at(3)));
        assert_eq!(world.journal.route_at("contoso", 3).await.unwrap(), Some(made));
        let shadow = Candidate { stage: Stage::Shadow, ..canary(old) };
        let undone = Some(Undone { release: new, since: at(3) });
        let with = NewRoute { candidate: Some(shadow.clone()), undone: undone.clone(), ..change(3, new) };
        world.journal.route(&with).await.unwrap();
        let routed = world.journal.routed("contoso").await.unwrap().unwrap();
        assert_eq!((routed.candidate.clone(), routed.undone.clone()), (Some(shadow), undone));
        assert!(last_act(&world).await.contains("rel_1 in shadow"));
        assert_eq!(routed.change("again", "ada", at(4)).undone, None);
    }

    async fn of_many_who_route_at_the_same_time_one_succeeds(world) {
        let id = install(&world, "contoso", "sha256:a", "{}").await;
        let other = install(&world, "contoso", "sha256:b", "{}").await;
        // A deploy, a canary and a change of share are all the same change to the journal.
        let changes: Vec<NewRoute> = (0..10)
            .map(|number| NewRoute { candidate: (number % 2 == 0).then(|| canary(other)), ..change(0, id) })
            .collect();
        let routed = join_all(changes.iter().map(|change| world.journal.route(change))).await;
        assert_eq!(routed.iter().filter(|result| result.is_ok()).count(), 1);
        let told = |result: &Result<Route, Error>| matches!(result, Ok(_) | Err(Error::Moved { expected: 0, current: 1 }));
        assert!(routed.iter().all(told), "{routed:?}");
        assert_eq!(world.journal.routes("contoso", 10).await.unwrap().len(), 1);
    }

    async fn a_tenant_cannot_be_routed_to_anothers_release(world) {
        let ours = install(&world, "contoso", "sha256:a", "{}").await;
        let theirs = install(&world, "fabrikam", "sha256:a", "{}").await;
        let refused = world.journal.route(&change(0, theirs)).await;
        assert!(matches!(refused, Err(Error::NoRelease { release, .. }) if release == theirs));
        let refused = world.journal.route(&change(0, "rel_99".parse().unwrap())).await;
        assert!(matches!(refused, Err(Error::NoRelease { .. })));
        let refused = world.journal.route(&NewRoute { candidate: Some(canary(theirs)), ..change(0, ours) }).await;
        assert!(matches!(refused, Err(Error::NoRelease { release, .. }) if release == theirs));
        assert_eq!(world.journal.routed("contoso").await.unwrap(), None);
    }

    async fn routes_that_are_older_than_candidates_are_read(world) {
        let old = install(&world, "contoso", "sha256:a", "{}").await;
        world.journal.route(&change(0, old)).await.unwrap();
        world.tamper("UPDATE routes SET live_since = NULL, back_to = NULL, candidate_id = NULL, why = ''").await;
        let route = world.journal.routed("contoso").await.unwrap().unwrap();
        assert_eq!((route.live, route.live_since, route.before, route.candidate), (old, at(1), None, None));
    }

    async fn what_a_release_parked_since_a_moment_waits_again_and_nothing_else_does(world) {
        let before = parks(&world, "r1", "sha256:bad", 10).await;
        let ours = parks(&world, "r2", "sha256:bad", 20).await;
        let others = parks(&world, "r3", "sha256:good", 21).await;
        let by_hand = world.accept("contoso", referral("r4"), 22).await;
        world.journal.park(by_hand, "ada", "not now", at(23)).await.unwrap();
        assert_eq!(world.journal.look_again(&again("sha256:bad", 15)).await.unwrap(), [ours]);
        assert_eq!(world.in_state(EventState::Waiting).await, [ours]);
        assert_eq!(world.in_state(EventState::Parked).await, [by_hand, others, before]);
        let said = last_act(&world).await;
        assert!(said.contains("host looks again at 1 event(s) that release sha256:bad parked: it trapped"), "{said}");
        // Nobody asked for it, so that nobody has said that a POST of unknown fate may be repeated.
        let taken = world.take(100).await;
        assert_eq!((taken.subject.clone(), taken.retried, taken.attempts), (referral("r2"), None, 1));
        world.finish(&taken, agreed(), 101).await;
        assert_eq!(world.journal.look_again(&again("sha256:bad", 15)).await.unwrap(), []);
        assert_eq!(last_act(&world).await, said, "nothing is said where there was nothing");
    }

    async fn a_lane_keeps_its_bucket_from_its_first_subject_to_the_end_of_its_link(world) {
        world.accept("contoso", referral("r1"), 0).await;
        let first = world.take(0).await;
        world.finish(&first, agreed(), 1).await;
        // The lane ended with its event, and a new one begins.
        world.accept("contoso", referral("r1"), 2).await;
        let second = world.take(2).await;
        assert_ne!(second.lease.lane, first.lease.lane);
        assert_eq!(second.bucket, first.bucket);
        let commit = crate::world::linking(pair("r1", "o1"));
        world.journal.finish(second.lease, &commit, &agreed(), &trail(3), None).await.unwrap();
        world.accept("contoso", crate::world::record("o1"), 4).await;
        let linked = world.take(4).await;
        assert_eq!((linked.lease.lane, linked.bucket), (second.lease.lane, first.bucket));
        world.finish(&linked, agreed(), 5).await;
        world.tamper("UPDATE lanes SET bucket = NULL").await;
        world.accept("contoso", referral("r1"), 6).await;
        assert_eq!(world.take(6).await.bucket, first.bucket, "a lane that is older than buckets has one too");
    }

    async fn buckets_are_spread_evenly(world) {
        let mut low = 0;
        for number in 0..400 {
            world.accept("contoso", referral(&format!("r{number}")), 0).await;
            let taken = world.take(0).await;
            assert!(taken.bucket < LANE_BUCKETS);
            low += u32::from(taken.bucket < LANE_BUCKETS / 4);
            world.finish(&taken, agreed(), 0).await;
        }
        assert!((70..130).contains(&low), "{low} of 400 are in the first quarter");
    }

    async fn a_pass_that_met_a_fault_names_its_release(world) {
        let event = world.accept("contoso", referral("r1"), 0).await;
        let taken = world.take(0).await;
        world.journal.fail(taken.lease, "no answer", &trail(1), at(2)).await.unwrap();
        let story = world.journal.event(event).await.unwrap().unwrap();
        assert_eq!(story.passes[0].release, trail(1).release);
    }
}
