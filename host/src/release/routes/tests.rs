//! What each command makes of where a tenant is routed.

use super::*;

fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + minute * 60).unwrap()
}

fn release(number: u32) -> ReleaseId {
    format!("rel_{number}").parse().unwrap()
}

fn order(stage: Option<Stage>, share: Option<u8>) -> Order {
    Order { stage, share, who: "ada".to_owned(), ..Order::default() }
}

/// The tenant after a deploy.
fn deploys(route: Option<&Route>, number: u32, stage: Stage, minute: i64) -> Route {
    planned(&deployed("contoso", route, release(number), &order(Some(stage), None), at(minute)).unwrap())
}

fn promotes(route: &Route, order: &Order, minute: i64) -> Route {
    planned(&promoted(route, order, at(minute)).unwrap())
}

fn candidate(route: &Route) -> (ReleaseId, CandidateStage, u8, Timestamp) {
    let candidate = route.candidate.as_ref().unwrap();
    (candidate.release, candidate.stage, candidate.share, candidate.since)
}

#[test]
fn a_release_goes_from_shadow_to_canary_to_a_larger_share_to_live() {
    let first = deploys(None, 1, Stage::Live, 0);
    assert_eq!((first.generation, first.live, first.before, &first.candidate), (1, release(1), None, &None));
    let shadow = deploys(Some(&first), 2, Stage::Shadow, 1);
    assert_eq!((shadow.live, shadow.live_since), (release(1), at(0)));
    assert_eq!(candidate(&shadow), (release(2), CandidateStage::Shadow, SHARE_DEFAULT, at(1)));
    let canary = promotes(&shadow, &order(None, None), 2);
    assert_eq!(candidate(&canary), (release(2), CandidateStage::Canary, SHARE_DEFAULT, at(2)));
    let larger = promotes(&canary, &order(None, Some(50)), 3);
    assert_eq!(
        candidate(&larger),
        (release(2), CandidateStage::Canary, 50, at(2)),
        "it is a canary since then"
    );
    let live = promotes(&larger, &order(None, None), 4);
    assert_eq!((live.generation, live.live, live.live_since, live.before), (5, release(2), at(4), Some(4)));
    assert_eq!(live.candidate, None);
    let at_once = promotes(&shadow, &order(Some(Stage::Live), None), 5);
    assert_eq!((at_once.live, at_once.candidate), (release(2), None));
}

#[test]
fn what_makes_no_sense_is_refused_with_what_to_do() {
    let first = deploys(None, 1, Stage::Live, 0);
    let shadow = deploys(Some(&first), 2, Stage::Shadow, 1);
    let says = |refused: Result<NewRoute, Complaint>, words: &str| {
        let complaint = refused.unwrap_err();
        assert_eq!(complaint.fault, Fault::Refused);
        assert!(complaint.to_string().contains(words), "{complaint}");
    };
    let deploy =
        |route, number, stage| deployed("contoso", route, release(number), &order(Some(stage), None), at(9));
    says(deploy(None, 1, Stage::Canary), "--stage live");
    says(deploy(Some(&first), 1, Stage::Canary), "is live at tenant `contoso` already");
    says(deploy(Some(&shadow), 3, Stage::Live), "crosswalk plugin rollback");
    says(promoted(&first, &order(None, None), at(9)), "has no candidate to promote");
    says(promoted(&shadow, &order(Some(Stage::Shadow), None), at(9)), "not to shadow");
    for share in [0, 101] {
        assert!(order(None, Some(share)).share().unwrap_err().to_string().contains("from 1 to 100"));
    }
}

#[test]
fn a_new_candidate_takes_the_place_of_the_one_before_and_the_candidate_itself_may_be_deployed_live() {
    let first = deploys(None, 1, Stage::Live, 0);
    let canary = deploys(Some(&first), 2, Stage::Canary, 1);
    let other = deploys(Some(&canary), 3, Stage::Shadow, 2);
    assert_eq!(candidate(&other), (release(3), CandidateStage::Shadow, SHARE_DEFAULT, at(2)));
    let live = deploys(Some(&canary), 2, Stage::Live, 2);
    assert_eq!((live.live, live.before, live.candidate), (release(2), Some(2), None));
}

#[test]
fn a_release_that_is_deployed_again_is_gone_back_from_to_what_was_before_it() {
    let first = deploys(None, 1, Stage::Live, 0);
    let second = deploys(Some(&first), 2, Stage::Live, 1);
    let again = deploys(Some(&second), 2, Stage::Live, 2);
    assert_eq!((again.before, again.live_since), (Some(1), at(2)));
    let first_again = deploys(Some(&again), 1, Stage::Live, 3);
    assert_eq!(first_again.before, Some(3), "back to the second, which was live before");
}

#[test]
fn a_dropped_candidate_is_named_and_the_live_release_stays() {
    let canary = deploys(Some(&deploys(None, 1, Stage::Live, 0)), 2, Stage::Canary, 1);
    let change = dropped(&canary, canary.candidate.as_ref().unwrap(), "it trapped", HOST, at(5));
    assert_eq!((change.live, change.live_since, &change.candidate), (release(1), at(0), &None));
    assert_eq!(change.undone, Some(Undone { release: release(2), since: at(1) }));
    assert_eq!(
        (change.why.as_str(), change.who.as_str()),
        ("the candidate rel_2 was dropped: it trapped", HOST)
    );
}

#[test]
fn whoever_looked_at_an_earlier_generation_is_told() {
    let first = deploys(None, 1, Stage::Live, 0);
    let expecting = |generation| Order { generation, ..order(None, None) };
    assert!(expecting(None).expects("contoso", Some(&first)).is_ok());
    assert!(expecting(Some(1)).expects("contoso", Some(&first)).is_ok());
    let complaint = expecting(Some(3)).expects("contoso", Some(&first)).unwrap_err();
    assert_eq!(complaint.fault, Fault::Moved);
    assert!(complaint.to_string().contains("at generation 1, not 3"), "{complaint}");
    assert!(expecting(Some(1)).expects("contoso", None).is_err());
}
