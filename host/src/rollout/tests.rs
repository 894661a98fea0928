//! Which move the counts of a tenant ask for.

use super::{
    tally::{Ended, How},
    *,
};

fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + minute * 60).unwrap()
}

fn route(before: Option<u64>, candidate: Option<Stage>) -> Route {
    let candidate = candidate.map(|stage| Candidate {
        release: "rel_2".parse().unwrap(),
        stage,
        share: 10,
        since: at(1),
    });
    Route {
        tenant: "contoso".to_owned(),
        generation: 3,
        live: "rel_1".parse().unwrap(),
        live_since: at(0),
        before,
        candidate,
        undone: None,
        at: at(1),
        who: "ada".to_owned(),
        why: String::new(),
    }
}

/// A trap of a release, and what follows.
fn traps(watch: &mut Watch, release: &str) -> Option<Move> {
    let trapped = Ended { how: How::Trapped("MAP035: no contact".to_owned()), alarms: 0, plugin_us: 0 };
    watch.of(release).unwrap().tally.count(&trapped);
    watch.judge(&Rules::default(), at(2))
}

#[test]
fn a_canary_that_traps_goes_and_the_live_release_is_not_asked() {
    let mut watch = Watch::new(&route(None, Some(Stage::Canary)), Vec::new());
    let step = traps(&mut watch, "rel_2").unwrap();
    assert_eq!((step.what, step.release.as_str(), step.generation), (Direction::Back, "rel_2", 3));
    assert!(step.why.contains("MAP035: no contact"), "{}", step.why);
    assert!(traps(&mut watch, "rel_2").is_none(), "one move at a time");
}

#[test]
fn a_live_release_goes_back_if_there_is_something_to_go_back_to_and_otherwise_says_so_once() {
    let mut watch = Watch::new(&route(Some(2), None), Vec::new());
    assert_eq!(traps(&mut watch, "rel_1").unwrap().what, Direction::Back);
    let mut first = Watch::new(&route(None, None), Vec::new());
    assert_eq!(traps(&mut first, "rel_1").unwrap().what, Direction::Stay);
    assert!(traps(&mut first, "rel_1").is_none());
}

#[test]
fn a_release_on_watch_is_asked_twice_and_held_to_the_laws_where_another_can_take_over() {
    let mut watch = Watch::new(&route(None, Some(Stage::Canary)), Vec::new());
    let watching = |watch: &mut Watch, release| watch.watching(release);
    assert_eq!(watching(&mut watch, "rel_1"), Watching { asked_twice: true, strict: false });
    assert_eq!(watching(&mut watch, "rel_2"), Watching { asked_twice: true, strict: true });
    assert_eq!(watching(&mut watch, "rel_3"), Watching::default());
    let mut later = Watch::new(&route(Some(2), None), Vec::new());
    assert_eq!(watching(&mut later, "rel_1"), Watching { asked_twice: true, strict: true });
    later.live.over = true;
    assert_eq!(watching(&mut later, "rel_1"), Watching::default());
}

#[test]
fn a_release_that_was_gone_back_to_is_not_watched_again() {
    let undone = crosswalk_journal::Undone { release: "rel_9".parse().unwrap(), since: at(0) };
    let restored = Route { undone: Some(undone), live_since: at(1), ..route(Some(1), None) };
    let mut watch = Watch::new(&restored, Vec::new());
    assert!(watch.live.over);
    assert!(traps(&mut watch, "rel_1").is_none());
    // A candidate that was dropped changes nothing for the live release.
    let dropped = Route { live_since: at(0), ..restored };
    assert!(!Watch::new(&dropped, Vec::new()).live.over);
}

#[test]
fn counts_go_on_across_a_change_of_the_share_and_begin_anew_at_another_stage() {
    let canary = route(Some(2), Some(Stage::Canary));
    let mut watch = Watch::new(&canary, Vec::new());
    let well = Ended { how: How::Well, alarms: 0, plugin_us: 0 };
    watch.of("rel_1").unwrap().tally.count(&well);
    watch.of("rel_2").unwrap().tally.count(&well);
    let mut larger = canary.clone();
    larger.generation = 4;
    larger.candidate.as_mut().unwrap().share = 50;
    let watch = Watch::new(&larger, watch.into_watched());
    let passes = |watch: &Watch| (watch.live.tally.passes, watch.candidate.as_ref().unwrap().0.tally.passes);
    assert_eq!(passes(&watch), (1, 1));
    larger.candidate.as_mut().unwrap().since = at(7);
    assert_eq!(passes(&Watch::new(&larger, watch.into_watched())), (1, 0));
}

#[test]
fn a_candidate_goes_on_by_rule() {
    let mut watch = Watch::new(&route(Some(2), Some(Stage::Canary)), Vec::new());
    let rules = Rules { promote_after_passes: Some(2), ..Rules::default() };
    let well = Ended { how: How::Well, alarms: 0, plugin_us: 0 };
    watch.of("rel_2").unwrap().tally.count(&well);
    assert!(watch.judge(&rules, at(2)).is_none());
    watch.of("rel_2").unwrap().tally.count(&well);
    let step = watch.judge(&rules, at(2)).unwrap();
    assert_eq!((step.what, step.release.as_str()), (Direction::On, "rel_2"));
}

#[test]
fn a_watch_ends_and_what_comes_later_is_for_people() {
    let mut watch = Watch::new(&route(Some(2), None), Vec::new());
    let rules = Rules { watch_passes: 1, watch_hours: 1, ..Rules::default() };
    watch.of("rel_1").unwrap().tally.count(&Ended { how: How::Well, alarms: 0, plugin_us: 0 });
    assert!(watch.judge(&rules, at(60)).is_none());
    assert!(watch.live.over);
    assert!(traps(&mut watch, "rel_1").is_none());
}
