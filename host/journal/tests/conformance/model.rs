//! Random sequences of calls against a model that is simple enough to be seen to be right.
//!
//! The model knows lanes as sets of subjects and events as words. It does not know in which order lanes are given out,
//! only which of them may be.

use std::collections::{BTreeMap, BTreeSet};

use crosswalk_engine::pass::{Commit, Subject, Verdict};
use crosswalk_journal::{Error, EventId, EventState, Lease, Source, Taken};

use crate::world::{World, agreed, at, event, linking, pair, parked, record, referral, trail};

const LEASE_S: i64 = 30;

type Key = (&'static str, Subject);

#[derive(Clone, Debug, Default)]
struct Lane {
    due: Option<i64>,
    holder: Option<(Lease, i64, Vec<EventId>)>,
}

#[derive(Clone, Debug)]
struct Known {
    key: Key,
    state: EventState,
    /// No sweep found it, or a person asked for it.
    live: bool,
}

/// What the journal should know.
#[derive(Default)]
struct Model {
    now: i64,
    events: BTreeMap<EventId, Known>,
    /// Which lane a subject has; lanes are named by the smallest of their subjects.
    lane_of: BTreeMap<Key, Key>,
    lanes: BTreeMap<Key, Lane>,
    /// Every lease that was ever given.
    leases: Vec<(Lease, Key)>,
}

impl Model {
    fn lane(&mut self, key: &Key) -> Key {
        let name = self.lane_of.entry(key.clone()).or_insert_with(|| key.clone()).clone();
        self.lanes.entry(name.clone()).or_default();
        name
    }

    fn wake(&mut self, lane: &Key, hurry: bool) {
        let now = self.now;
        let lane = self.lanes.get_mut(lane).unwrap();
        lane.due = if hurry { Some(now) } else { lane.due.or(Some(now)) };
    }

    fn waiting(&self, lane: &Key) -> Vec<EventId> {
        let in_lane =
            |known: &Known| known.state == EventState::Waiting && self.lane_of.get(&known.key) == Some(lane);
        self.events.iter().filter(|(_, known)| in_lane(known)).map(|(id, _)| *id).collect()
    }

    fn ready(&self) -> BTreeSet<Key> {
        let is_ready = |lane: &Lane| match &lane.holder {
            Some((_, until, _)) => *until <= self.now,
            None => lane.due.is_some_and(|due| due <= self.now),
        };
        let ready = self.lanes.iter().filter(|(_, lane)| is_ready(lane)).map(|(key, _)| key);
        ready.filter(|key| !self.waiting(key).is_empty()).cloned().collect()
    }

    /// Whether something waits in the lane that does not stand behind live traffic.
    fn is_live(&self, lane: &Key) -> bool {
        self.waiting(lane).iter().any(|id| self.events[id].live)
    }

    /// The lane that a lease holds, if it still does.
    fn held(&self, lease: Lease, lane: &Key) -> Option<(Key, Vec<EventId>)> {
        let lane = self.lane_of.get(lane)?;
        match &self.lanes.get(lane)?.holder {
            Some((holder, _, events)) if *holder == lease => Some((lane.clone(), events.clone())),
            _ => None,
        }
    }

    fn let_go(&mut self, lane: &Key, due: i64) {
        let waits = !self.waiting(lane).is_empty();
        let lane = self.lanes.get_mut(lane).unwrap();
        lane.holder = None;
        lane.due = waits.then_some(due);
    }

    /// Joins the lanes of both sides of the pair of which `lane` is one.
    fn link(&mut self, lane: &Key, pair: [Key; 2]) {
        for side in pair {
            let other = self.lane(&side);
            if other != *lane {
                self.lanes.remove(&other);
                self.lane_of.values_mut().filter(|of| **of == other).for_each(|of| *of = lane.clone());
            }
        }
    }

    fn settle(&mut self, lane: &Key, events: &[EventId], to: EventState, supersede: bool) {
        for id in events {
            let known = self.events.get_mut(id).unwrap();
            if known.state == EventState::Waiting {
                known.state = to;
            }
        }
        if supersede {
            let lane_of = &self.lane_of;
            let parked = self.events.values_mut().filter(|known| known.state == EventState::Parked);
            let parked = parked.filter(|known| lane_of.get(&known.key) == Some(lane));
            parked.for_each(|known| known.state = EventState::Superseded);
        }
    }
}

/// Numbers that look random and are the same for the same seed (xorshift).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }

    fn one_of<T: Clone>(&mut self, all: &[T]) -> Option<T> {
        if all.is_empty() { None } else { all.get(self.roll(all.len() as u64) as usize).cloned() }
    }
}

/// A subject, and the two sides of the pair that it would be linked in.
fn subject(dice: &mut Dice) -> Key {
    let tenant = ["contoso", "fabrikam"][dice.roll(2) as usize];
    let id = dice.roll(3).to_string();
    (tenant, if dice.roll(2) == 0 { referral(&id) } else { record(&id) })
}

fn number(key: &Key) -> String {
    match &key.1 {
        Subject::Referral(id) => id.clone(),
        Subject::Record(key) => key.id.clone(),
    }
}

fn sides(key: &Key) -> [Key; 2] {
    let id = number(key);
    [(key.0, referral(&id)), (key.0, record(&id))]
}

async fn accept(world: &World, model: &mut Model, dice: &mut Dice) {
    let key = subject(dice);
    let mut new = event(key.0, key.1.clone(), model.now);
    new.source =
        [Source::Retry, Source::Poll, Source::Poll, Source::Sweep, Source::Backfill][dice.roll(5) as usize];
    let hurry = new.source == Source::Retry;
    let live = !matches!(new.source, Source::Sweep | Source::Backfill);
    let id = world.journal.accept(new).await.unwrap().id;
    let lane = model.lane(&key);
    model.events.insert(id, Known { key, state: EventState::Waiting, live });
    model.wake(&lane, hurry);
}

async fn take(world: &World, model: &mut Model) {
    let ready = model.ready();
    let taken = world.journal.take("worker", at(model.now), LEASE_S as u64 * 1_000, &[]).await.unwrap();
    let Some(Taken { lease, tenant, subject, events, .. }) = taken else {
        assert!(ready.is_empty(), "lanes are ready and none was given: {ready:?}");
        // Looking took lanes in which nothing waits any more off the clock.
        return;
    };
    let tenant = if tenant == "contoso" { "contoso" } else { "fabrikam" };
    let lane = model.lane(&(tenant, subject));
    assert!(ready.contains(&lane), "{lane:?} is not ready");
    let is_first = model.is_live(&lane) || !ready.iter().any(|lane| model.is_live(lane));
    assert!(is_first, "{lane:?} is in the background, and live ones are ready: {ready:?}");
    let ids: Vec<_> = events.iter().map(|event| event.id).collect();
    assert_eq!(ids, model.waiting(&lane), "a pass takes all that waits");
    let until = model.now + LEASE_S;
    model.lanes.get_mut(&lane).unwrap().holder = Some((lease, until, ids));
    model.leases.push((lease, lane));
}

/// Some holder, of now or of long ago, ends its pass in some way.
async fn end(world: &World, model: &mut Model, dice: &mut Dice) {
    let Some((lease, lane)) = dice.one_of(&model.leases) else { return };
    let held = model.held(lease, &lane);
    let now = model.now;
    let (journal, what) = (&world.journal, dice.roll(6));
    let links = dice.roll(3) == 0;
    let commit = if links { linking(pair(&number(&lane), &number(&lane))) } else { Commit::default() };
    let verdict = match what {
        0 => Some(agreed()),
        1 => Some(parked()),
        2 => Some(Verdict::Skipped { reason: "not ours".to_owned() }),
        3 => Some(Verdict::Again { after_ms: 7_000, reason: "a lock".to_owned() }),
        _ => None,
    };
    let result = match &verdict {
        Some(verdict) => journal.finish(lease, &commit, verdict, &trail(now), None).await,
        None if what == 4 => journal.fail(lease, "no answer", &trail(now), at(now + 11)).await,
        None => journal.hand_back(lease, at(now)).await,
    };
    let Some((lane, events)) = held else {
        assert!(matches!(result, Err(Error::LostLease(_))), "{lease:?} is lost, but could write: {result:?}");
        return;
    };
    result.unwrap();
    if links && verdict.is_some() {
        model.link(&lane, sides(&lane));
    }
    match what {
        0 => model.settle(&lane, &events, EventState::Settled, true),
        1 => model.settle(&lane, &events, EventState::Parked, false),
        2 => model.settle(&lane, &events, EventState::Settled, false),
        _ => {}
    }
    let due = now + [0, 0, 0, 7, 11, 0][what as usize];
    model.let_go(&lane, due);
}

/// A person retries or parks some event.
async fn person(world: &World, model: &mut Model, dice: &mut Dice) {
    let all: Vec<_> = model.events.keys().copied().collect();
    let Some(id) = dice.one_of(&all) else { return };
    let known = model.events[&id].clone();
    let lane = model.lane(&known.key);
    if dice.roll(2) == 0 {
        world.journal.retry(id, "ada", at(model.now)).await.unwrap();
        let known = model.events.get_mut(&id).unwrap();
        (known.state, known.live) = (EventState::Waiting, true);
        model.wake(&lane, true);
        return;
    }
    let result = world.journal.park(id, "ada", "later", at(model.now)).await;
    if known.state != EventState::Waiting {
        assert!(matches!(result, Err(Error::NotWaiting(_))));
        return;
    }
    result.unwrap();
    model.events.get_mut(&id).unwrap().state = EventState::Parked;
    let waits = !model.waiting(&lane).is_empty();
    let lane = model.lanes.get_mut(&lane).unwrap();
    match &mut lane.holder {
        // Out of the pass's hands: if a person retries it meanwhile, it waits for the next pass.
        Some((_, _, in_hand)) => in_hand.retain(|event| *event != id),
        None if !waits => lane.due = None,
        None => {}
    }
}

async fn compare(world: &World, model: &Model) {
    for state in [EventState::Waiting, EventState::Settled, EventState::Parked, EventState::Superseded] {
        let mut stored = world.in_state(state).await;
        stored.reverse();
        let known: Vec<_> =
            model.events.iter().filter(|(_, known)| known.state == state).map(|(id, _)| *id).collect();
        assert_eq!(stored, known, "{state:?}");
    }
}

async fn play(mut world: World, seed: u64) -> World {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut model = Model::default();
    for _ in 0..150 {
        match dice.roll(20) {
            0..=5 => accept(&world, &mut model, &mut dice).await,
            6..=10 => take(&world, &mut model).await,
            11..=15 => end(&world, &mut model, &mut dice).await,
            16 | 17 => person(&world, &mut model, &mut dice).await,
            18 => model.now += dice.roll(20) as i64,
            _ => {
                compare(&world, &model).await;
                world = world.crash().await;
            }
        }
    }
    compare(&world, &model).await;
    for tenant in ["contoso", "fabrikam"] {
        world.journal.verify_audit(tenant).await.unwrap();
    }
    drain(&world, &mut model).await;
    world
}

/// When nobody disturbs, every event ends with a verdict.
async fn drain(world: &World, model: &mut Model) {
    model.now += 1_000;
    while let Some(taken) = world.journal.take("worker", at(model.now), 1_000, &[]).await.unwrap() {
        world.finish(&taken, agreed(), model.now).await;
    }
    assert_eq!(world.in_state(EventState::Waiting).await, []);
    assert_eq!(world.journal.next_due(&[]).await.unwrap(), None);
}

on_every_engine! {
    async fn random_calls_agree_with_a_simple_model(world) {
        let mut kept = vec![world];
        for seed in 1..=12 {
            let world = kept[0].another().await;
            println!("seed {seed}");
            kept.push(play(world, seed).await);
        }
    }
}
