//! Watches releases that are new, and sends them on or back.
//!
//! # Cast and promises
//!
//! A *watch* counts what a tenant's candidate does, and what its live release does for a while after it went live. Passes
//! report how they ended ([`ended`]); the [`tally`] says what follows by the tenant document's `[rollout]`. A release
//! that exceeds a threshold is *rolled back*: a candidate is dropped, and for a live release the one before it becomes
//! live again. In [`shadow`], a candidate is asked what the live release was asked, and nothing is done about its answers.
//!
//! - Every move is the same compare-and-swap that an operator makes. Whoever was faster wins, and the host does nothing.
//! - What a bad release parked is looked at again under the restored one, also what passes in flight park afterwards.
//! - A release that was restored is not watched again: the host goes back one step and no further, because what follows
//!   then was not the mapping.
//! - With nothing to go back to, the release stays and an alarm says so, once.
//! - Counts are in memory and, every few seconds, in the journal: a restart goes on with them.

pub(crate) mod shadow;
pub(crate) mod tally;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crosswalk_journal::{Candidate, LookAgain, ReleaseId, Route, Stage};
use crosswalk_runtime::Release;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::{sync::watch, time};
use tracing::{error, info, warn};

use self::tally::{Ended, Tally};
use crate::{
    app::App,
    config::tenant::Rollout as Rules,
    dispatch::Chain,
    error::{Complaint, Fault},
    release,
    tenant::Tenant,
};

/// Who the host is in the audit when it moves a tenant by itself.
pub(crate) const HOST: &str = "the host";

/// What the counts are called among a tenant's cursors.
const CURSOR: &str = "rollout";

/// How often counts are stored, and candidates looked at that wait for time to pass.
const EVERY: Duration = Duration::from_secs(2);

/// The watches of all tenants.
pub(crate) struct Rollout {
    watches: Mutex<HashMap<String, Watch>>,
    /// Passes that a candidate in shadow is to be asked about.
    shadow: shadow::Queue,
}

/// What is watched of one tenant.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    generation: u64,
    can_go_back: bool,
    /// The live release.
    pub(crate) live: Watched,
    /// The candidate, and its stage.
    pub(crate) candidate: Option<(Watched, Stage)>,
    /// Something was counted that is not stored yet.
    changed: bool,
    /// A move is under way.
    moving: bool,
}

/// How a pass is run by what is watched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Watching {
    /// The plugin is asked everything twice.
    pub(crate) asked_twice: bool,
    /// What shows it to break a law is parked, because there is a release that can take it over.
    pub(crate) strict: bool,
}

/// A release on watch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Watched {
    /// The journal's id.
    release: String,
    /// Since when it is at its stage.
    since: Timestamp,
    /// The watch is over.
    pub(crate) over: bool,
    /// That nothing can be gone back to was said.
    told: bool,
    /// What it did.
    pub(crate) tally: Tally,
}

impl Watched {
    fn new(release: String, since: Timestamp, over: bool) -> Self {
        Watched { release, since, over, told: false, tally: Tally::default() }
    }

    /// Whether it counts this release, at the stage that it is at since then.
    pub(crate) fn is_of(&self, release: ReleaseId, since: Timestamp) -> bool {
        self.release == release.to_string() && self.since == since
    }
}

/// The counts of a tenant, as they are stored.
#[derive(Default, Serialize, Deserialize)]
struct Stored {
    watched: Vec<Watched>,
}

/// A move that the counts ask for.
#[derive(Debug)]
struct Move {
    generation: u64,
    release: String,
    what: Direction,
    why: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Back,
    On,
    Stay,
}

impl Rollout {
    /// Nothing is watched.
    pub(crate) fn new() -> Self {
        Rollout { watches: Mutex::default(), shadow: shadow::Queue::new() }
    }

    /// The present counts of a tenant.
    pub(crate) fn watch(&self, tenant: &str) -> Option<Watch> {
        self.with(tenant, |watch| watch.clone())
    }

    /// How a pass of a release is to be run.
    pub(crate) fn watching(&self, tenant: &str, release: &Release) -> Watching {
        self.with(tenant, |watch| watch.watching(&release.id)).unwrap_or_default()
    }

    fn with<T>(&self, tenant: &str, look: impl FnOnce(&mut Watch) -> T) -> Option<T> {
        self.watches.lock().unwrap_or_else(PoisonError::into_inner).get_mut(tenant).map(look)
    }
}

impl Watch {
    /// The watch of a route. What it has in common with `known` goes on as it was.
    fn new(route: &Route, known: Vec<Watched>) -> Self {
        let mut known = known;
        let mut of = |release: String, since: Timestamp, over: bool| {
            let place = known.iter().position(|watched| watched.release == release && watched.since == since);
            place.map_or_else(|| Watched::new(release, since, over), |place| known.swap_remove(place))
        };
        // A release that was gone back to has shown what it does.
        let restored = route.undone.is_some() && route.live_since == route.at;
        let live = of(route.live.to_string(), route.live_since, restored);
        let candidate = route
            .candidate
            .as_ref()
            .map(|Candidate { release, stage, since, .. }| (of(release.to_string(), *since, false), *stage));
        Watch {
            generation: route.generation,
            can_go_back: route.before.is_some(),
            live,
            candidate,
            changed: true,
            moving: false,
        }
    }

    fn of(&mut self, release: &str) -> Option<&mut Watched> {
        let candidate = self.candidate.as_mut().map(|(watched, _)| watched);
        [candidate, Some(&mut self.live)].into_iter().flatten().find(|watched| watched.release == release)
    }

    fn watching(&mut self, release: &str) -> Watching {
        let can_be_gone_back_from = self.can_go_back || self.live.release != release;
        let asked_twice = self.of(release).is_some_and(|watched| !watched.over);
        Watching { asked_twice, strict: asked_twice && can_be_gone_back_from }
    }

    /// The counts of a release that is in shadow.
    fn shadow_of(&mut self, release: &Release) -> Option<&mut Watched> {
        let (watched, stage) = self.candidate.as_mut()?;
        (*stage == Stage::Shadow && watched.release == release.id).then_some(watched)
    }

    /// What the counts ask for, at most one move at a time.
    fn judge(&mut self, rules: &Rules, now: Timestamp) -> Option<Move> {
        if self.moving {
            return None;
        }
        let (release, what, why) =
            self.judge_candidate(rules, now).or_else(|| self.judge_live(rules, now))?;
        self.moving = what != Direction::Stay;
        Some(Move { generation: self.generation, release, what, why })
    }

    fn judge_candidate(&self, rules: &Rules, now: Timestamp) -> Option<(String, Direction, String)> {
        let (watched, stage) = self.candidate.as_ref()?;
        let release = watched.release.clone();
        if let Some(why) = watched.tally.against(rules) {
            return Some((release, Direction::Back, why));
        }
        let promotion = watched.tally.promotion(rules, *stage == Stage::Shadow, watched.since, now);
        promotion.ok().map(|why| (release, Direction::On, why))
    }

    fn judge_live(&mut self, rules: &Rules, now: Timestamp) -> Option<(String, Direction, String)> {
        if self.live.over {
            return None;
        }
        let why = self.live.tally.against(rules);
        self.live.over = why.is_none() && self.live.tally.is_proven(rules, self.live.since, now);
        let (why, release) = (why?, self.live.release.clone());
        if self.can_go_back {
            return Some((release, Direction::Back, why));
        }
        (!std::mem::replace(&mut self.live.told, true)).then_some((release, Direction::Stay, why))
    }
}

/// Follows a route that was made just now: what it brings is watched from here on.
pub(crate) async fn follow(app: &App, route: &Route) {
    {
        let mut watches = app.rollout.watches.lock().unwrap_or_else(PoisonError::into_inner);
        let before = watches.remove(&route.tenant);
        match before {
            // Two moves may arrive in another order than the journal made them.
            Some(later) if later.generation > route.generation => {
                watches.insert(route.tenant.clone(), later);
            }
            before => {
                let known = before.map(|watch| watch.into_watched()).unwrap_or_default();
                watches.insert(route.tenant.clone(), Watch::new(route, known));
            }
        }
    }
    save(app, &route.tenant).await;
}

/// Goes on with the counts that the host had when it was stopped.
pub(crate) async fn restore(app: &App, route: &Route) -> Result<(), Complaint> {
    let stored = app.journal.cursor(&route.tenant, CURSOR).await?;
    // Counts that cannot be read any more are begun again.
    let stored: Stored = stored.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    let mut watches = app.rollout.watches.lock().unwrap_or_else(PoisonError::into_inner);
    watches.insert(route.tenant.clone(), Watch::new(route, stored.watched));
    Ok(())
}

impl Watch {
    fn into_watched(self) -> Vec<Watched> {
        [Some(self.live), self.candidate.map(|(watched, _)| watched)].into_iter().flatten().collect()
    }
}

/// A pass has ended. What follows from it happens in a task of its own: no pass waits for it.
pub(crate) fn ended(app: &Arc<App>, tenant: &Tenant, release: &Arc<Release>, ended: &Ended) {
    let now = app.now();
    let step = app.rollout.with(&tenant.name, |watch| {
        let watched = watch.of(&release.id).filter(|watched| !watched.over)?;
        watched.tally.count(ended);
        watch.changed = true;
        watch.judge(&tenant.document.rollout, now)
    });
    if let Some(step) = step.flatten() {
        tokio::spawn(carry_out(app.clone(), tenant.name.clone(), step));
    }
    let is_routed = app.registry.routing(&tenant.name).is_some_and(|routing| routing.has(release));
    if ended.may_be_parked() && !is_routed {
        let (app, tenant, digest) = (app.clone(), tenant.name.clone(), release.digest.clone());
        let since = now.checked_sub(Duration::from_millis(app.config.limits.pass_deadline_ms)).unwrap_or(now);
        tokio::spawn(async move {
            look_again(&app, &tenant, &digest, since, "it was replaced while the pass ran").await;
        });
    }
}

/// A candidate in shadow was compared with a pass of the live release.
fn compared(app: &Arc<App>, tenant: &str, release: &Release, compared: shadow::Compared) {
    let Some(served) = app.tenants.get(tenant) else { return };
    let now = app.now();
    let step = app.rollout.with(tenant, |watch| {
        let watched = watch.shadow_of(release)?;
        watched.tally.count(&compared.ended);
        watched.tally.compare(&compared.kinds, compared.example);
        watch.changed = true;
        watch.judge(&served.document.rollout, now)
    });
    if let Some(step) = step.flatten() {
        tokio::spawn(carry_out(app.clone(), tenant.to_owned(), step));
    }
}

/// A pass came when too many waited already.
fn not_compared(app: &App, tenant: &str, release: &Release) {
    app.rollout.with(tenant, |watch| {
        if let Some(watched) = watch.shadow_of(release) {
            watched.tally.shadow.dropped += 1;
            watch.changed = true;
        }
    });
}

/// Carries a move out, unless somebody else has moved the tenant meanwhile.
async fn carry_out(app: Arc<App>, tenant: String, step: Move) {
    let moved = match step.what {
        Direction::Back => release::roll_back(&app, &tenant, step.generation, &step.release, &step.why).await,
        Direction::On => release::promote_by_rule(&app, &tenant, step.generation, &step.why).await,
        Direction::Stay => stay(&app, &tenant, &step).await,
    };
    if let Err(complaint) = moved {
        if complaint.fault == Fault::Moved {
            info!(tenant, reason = %step.why, "somebody else has moved the tenant; the host leaves it there");
        } else {
            error!(tenant, reason = %step.why, "{complaint}");
        }
        // The next pass looks again.
        app.rollout.with(&tenant, |watch| watch.moving = false);
    }
}

/// There is nothing to go back to.
async fn stay(app: &App, tenant: &str, step: &Move) -> Result<(), Complaint> {
    let text = format!(
        "{} would be rolled back, but tenant `{tenant}` has had no release before it, so that it stays: {}. Deploy one \
         that works with `crosswalk plugin deploy`",
        step.release, step.why
    );
    warn!(tenant, "{text}");
    Ok(app.journal.raise(tenant, &text, app.now()).await?)
}

/// Has everything looked at again that a release parked, and says how much it was.
pub(crate) async fn look_again(app: &App, tenant: &str, digest: &str, since: Timestamp, why: &str) -> usize {
    let again = LookAgain {
        tenant: tenant.to_owned(),
        release: digest.to_owned(),
        since,
        who: HOST.to_owned(),
        why: why.to_owned(),
        at: app.now(),
    };
    let mut looked = 0;
    loop {
        match app.journal.look_again(&again).await {
            Ok(events) if events.is_empty() => return looked,
            Ok(events) => looked += events.len(),
            Err(fault) => {
                error!(tenant, error = %Chain(&fault), "what a release parked stays parked; retry it by hand");
                return looked;
            }
        }
    }
}

/// Stores counts and looks at what waits for time to pass, until `stop` turns true.
pub(crate) async fn run(app: Arc<App>, mut stop: watch::Receiver<bool>) {
    let comparing = tokio::spawn(shadow::run(app.clone(), stop.clone()));
    while !*stop.borrow() {
        tokio::select! {
            () = time::sleep(EVERY) => {}
            _ = stop.wait_for(|stopping| *stopping) => {}
        }
        for name in app.tenants.names() {
            look(&app, &name).await;
        }
    }
    comparing.await.ok();
}

async fn look(app: &Arc<App>, name: &str) {
    let Some(tenant) = app.tenants.get(name) else { return };
    let now = app.now();
    let step = app.rollout.with(name, |watch| watch.judge(&tenant.document.rollout, now)).flatten();
    if let Some(step) = step {
        carry_out(app.clone(), name.to_owned(), step).await;
    }
    save(app, name).await;
}

/// Stores a tenant's counts, if they have changed.
async fn save(app: &App, tenant: &str) {
    let stored = app.rollout.with(tenant, |watch| {
        std::mem::take(&mut watch.changed).then(|| Stored { watched: watch.clone().into_watched() })
    });
    let Some(stored) = stored.flatten() else { return };
    let text = serde_json::to_string(&stored).unwrap_or_default();
    if let Err(fault) = app.journal.put_cursor(tenant, CURSOR, &text).await {
        warn!(tenant, error = %Chain(&fault), "the counts of releases on watch were not stored");
        app.rollout.with(tenant, |watch| watch.changed = true);
    }
}

#[cfg(test)]
mod tests;
