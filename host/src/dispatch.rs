//! Workers: they take lanes from the journal and carry each through one pass.
//!
//! # Cast and promises
//!
//! The *journal* decides which lane is due and gives it to one worker at a time, with a lease; a worker that dies
//! loses it when the lease runs out. A *worker* is a task that takes a lane, runs [`crate::process`] on it, and lets
//! it go with a verdict or with a fault. Nothing else causes work: a webhook, a poll and a person's retry all end as a
//! row in the journal.
//!
//! - No tenant has all workers: its passes in hand are bounded, and none begins while its plugin is over its share of
//!   the processors ([`hands`]).
//! - A fault delays its own lane only: it backs off with full jitter, or as long as the API asked for.
//! - What cannot get better by itself is parked at once: a call that the API refuses for good.
//! - After `event_attempts_max` tries the events of the lane are parked with the last fault as their reason.
//! - On a stop, a worker finishes the pass in hand if it can within the grace; otherwise the lane is handed back, and
//!   the open intent, if there is one, tells the next pass where to go on.

mod hands;

use std::{sync::Arc, time::Duration};

use crosswalk_engine::pass::{Commit, Verdict};
use crosswalk_journal::{Error as JournalError, Lease, Taken, Trail};
use rand::{Rng, RngExt};
use tokio::{sync::watch, task::JoinSet, time};
use tracing::{Instrument, error, info, info_span, warn};

use self::hands::{Hands, InHand};
use crate::{
    app::App,
    config::Limits,
    process::{self, Fault},
    rollout::{self, tally::Ended},
};

/// How long a worker sleeps at the most when the journal says that nothing is due: another process may share it.
const IDLE_POLL: Duration = Duration::from_secs(1);

/// What of the grace is kept for handing a lane back.
const HAND_BACK_TIME: Duration = Duration::from_millis(250);

/// How long a worker waits after the journal itself failed, so that a full disk is not hammered.
const JOURNAL_FAULT_PAUSE: Duration = Duration::from_secs(1);

/// Runs all workers until `stop` turns true, then waits for the passes in hand, `grace` at the most.
pub(crate) async fn run(app: Arc<App>, mut stop: watch::Receiver<bool>) {
    let hands = Arc::new(Hands::new(app.config.limits.tenant_passes()));
    let mut workers = JoinSet::new();
    for number in 0..app.config.limits.workers {
        let worker = format!("{}-{number}", app.worker_name);
        workers.spawn(work(app.clone(), hands.clone(), worker, stop.clone()));
    }
    // An error means that the sender is gone, which is a stop too.
    stop.wait_for(|stopping| *stopping).await.ok();
    let grace = Duration::from_millis(app.config.stop.grace_ms);
    if time::timeout(grace, async { while workers.join_next().await.is_some() {} }).await.is_err() {
        warn!(
            grace_ms = app.config.stop.grace_ms,
            "the grace is over; passes still in hand stop at their last stored step"
        );
        workers.abort_all();
    }
}

async fn work(app: Arc<App>, hands: Arc<Hands>, worker: String, mut stop: watch::Receiver<bool>) {
    let mut changed = app.journal.changed();
    while !*stop.borrow() {
        changed.mark_unchanged();
        match look(&app, &hands, &worker).await {
            Ok(Found::Lane(taken, _in_hand)) => {
                let span = info_span!("pass", tenant = %taken.tenant, pass = %taken.lease.pass, event = %first_event(&taken));
                one(&app, taken, &mut stop).instrument(span).await;
            }
            Ok(Found::Nothing(passed_over)) => {
                tokio::select! {
                    _ = changed.changed() => {}
                    () = time::sleep(until_due(&app, &passed_over).await) => {}
                    _ = stop.wait_for(|stopping| *stopping) => {}
                }
            }
            Err(fault) => {
                error!(error = %Chain(&fault), "the journal gave no lane");
                time::sleep(JOURNAL_FAULT_PAUSE).await;
            }
        }
    }
}

/// What a worker found to do.
#[expect(clippy::large_enum_variant, reason = "one of them lives at a time, for one pass")]
enum Found {
    Lane(Taken, InHand),
    /// Nothing but, perhaps, lanes of these tenants, for which it is too early.
    Nothing(Vec<(String, Duration)>),
}

async fn look(app: &App, hands: &Hands, worker: &str) -> Result<Found, JournalError> {
    let _alone = hands.looking.lock().await;
    let over_share = app.runtime.over_share(|tenant| hands.of(tenant));
    let passed_over = hands.passed_over(over_share);
    let taken = app.journal.take(worker, app.now(), app.config.limits.lease_ms, &names(&passed_over)).await?;
    Ok(match taken {
        Some(taken) => {
            let in_hand = hands.hold(&taken.tenant);
            Found::Lane(taken, in_hand)
        }
        None => Found::Nothing(passed_over),
    })
}

fn names(passed_over: &[(String, Duration)]) -> Vec<String> {
    passed_over.iter().map(|(tenant, _)| tenant.clone()).collect()
}

/// How long there is nothing to do, unless something happens.
async fn until_due(app: &App, passed_over: &[(String, Duration)]) -> Duration {
    let due = match app.journal.next_due(&names(passed_over)).await {
        Ok(Some(due)) => Duration::try_from(due.duration_since(app.now())).unwrap_or(Duration::ZERO),
        _ => IDLE_POLL,
    };
    let again = passed_over.iter().map(|(_, wait)| *wait).min().unwrap_or(IDLE_POLL);
    due.min(again).clamp(Duration::from_millis(5), IDLE_POLL)
}

/// One lane, one pass, and letting go of it whatever happened.
async fn one(app: &Arc<App>, taken: Taken, stop: &mut watch::Receiver<bool>) {
    let lease = taken.lease;
    let (tenant, attempts) = (taken.tenant.clone(), taken.attempts);
    let deadline = Duration::from_millis(app.config.limits.pass_deadline_ms);
    let grace = Duration::from_millis(app.config.stop.grace_ms);
    let ended = tokio::select! {
        ended = time::timeout(deadline, process::pass(app, taken)) => {
            ended.unwrap_or_else(|_| Err(Fault::late(app.config.limits.pass_deadline_ms)))
        }
        () = stopped_for(stop, grace) => Err(Fault::stopping()),
    };
    let Err(fault) = ended else { return };
    let now = app.now();
    let trail = Trail { at: now, release: fault.release.as_ref().map(|release| release.digest.clone()) };
    let let_go = if fault.stopping {
        app.journal.hand_back(lease, now).await
    } else if fault.permanent || (attempts >= app.config.limits.event_attempts_max && !fault.journal) {
        park(app, &tenant, lease, attempts, &fault, &trail).await
    } else {
        let wait = backoff(&app.config.limits, attempts, fault.after, &mut rand::rng());
        info!(attempts, wait_ms = wait.as_millis() as u64, reason = %fault.reason, "tried again later");
        let retry_at = now.checked_add(wait).unwrap_or(now);
        app.journal.fail(lease, &fault.reason, &trail, retry_at).await
    };
    match let_go {
        Ok(()) => {}
        // What its pair waited for came about in another lane, into which this one was merged.
        Err(JournalError::LostLease(_)) => {
            info!("the lane went on elsewhere; nothing of this pass is missing there")
        }
        // The lease runs out by itself, and the next worker goes on from what is stored.
        Err(error) => warn!(error = %Chain(&error), "the lane could not be let go of"),
    }
}

/// Gives up on the events of a pass that met a fault. What the API refuses for good is held against the release that
/// asked for it; that an API did not answer is not.
async fn park(
    app: &Arc<App>,
    tenant: &str,
    lease: Lease,
    attempts: u32,
    fault: &Fault,
    trail: &Trail,
) -> Result<(), JournalError> {
    warn!(attempts, reason = %fault.reason, "parked: a person is needed");
    let reason = format!(
        "after {attempts} attempt(s): {}; nothing more is tried until `crosswalk events retry`",
        fault.reason
    );
    let ended = Ended::parked(&reason, 0);
    app.journal.finish(lease, &Commit::default(), &Verdict::Parked { reason }, trail, None).await?;
    if let (Some(release), Some(tenant), true) = (&fault.release, app.tenants.get(tenant), fault.permanent) {
        rollout::ended(app, &tenant, release, &ended);
    }
    Ok(())
}

/// Completes when the stop has begun and the grace is used up, but for what handing back takes.
async fn stopped_for(stop: &mut watch::Receiver<bool>, grace: Duration) {
    stop.wait_for(|stopping| *stopping).await.ok();
    time::sleep(grace.saturating_sub(HAND_BACK_TIME)).await;
}

/// Full jitter: somewhere between nothing and the first wait, doubled by each further attempt up to the longest. Where
/// the API asked for a time, never sooner than that, and at most the first wait later.
fn backoff(limits: &Limits, attempts: u32, asked: Option<Duration>, random: &mut impl Rng) -> Duration {
    let first_ms = limits.backoff_first_ms;
    let doubled_ms = first_ms.saturating_mul(1 << attempts.saturating_sub(1).min(20));
    let ceiling_ms = doubled_ms.min(limits.backoff_max_ms).max(1);
    let jittered = Duration::from_millis(random.random_range(0..=ceiling_ms));
    asked.map_or(jittered, |asked| asked.saturating_add(jittered.min(Duration::from_millis(first_ms))))
}

fn first_event(taken: &Taken) -> String {
    taken.events.first().map(|event| event.id.to_string()).unwrap_or_default()
}

/// An error with all its causes, on one line.
pub(crate) struct Chain<'a>(pub(crate) &'a dyn std::error::Error);

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}", self.0)?;
        let mut next = self.0.source();
        while let Some(error) = next {
            write!(out, ": {error}")?;
            next = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use rand::{SeedableRng, rngs::StdRng};

    use super::*;

    fn limits() -> Limits {
        Limits { backoff_first_ms: 100, backoff_max_ms: 10_000, ..Limits::default() }
    }

    /// The longest of many waits, in milliseconds.
    fn longest(attempts: u32, asked: Option<Duration>) -> u128 {
        let mut random = StdRng::seed_from_u64(7);
        (0..2_000).map(|_| backoff(&limits(), attempts, asked, &mut random).as_millis()).max().unwrap()
    }

    #[test]
    fn the_wait_doubles_with_each_attempt_up_to_the_longest() {
        for (attempts, ceiling) in [(0, 100), (1, 100), (2, 200), (3, 400), (8, 10_000), (u32::MAX, 10_000)] {
            let longest = longest(attempts, None);
            assert!(longest <= ceiling, "attempt {attempts} waits {longest} ms, longer than {ceiling} ms");
            assert!(longest > ceiling * 9 / 10, "attempt {attempts} never waits longer than {longest} ms");
        }
    }

    #[test]
    fn lanes_that_failed_together_are_not_tried_again_together() {
        let mut random = StdRng::seed_from_u64(7);
        let waits: std::collections::BTreeSet<Duration> =
            (0..50).map(|_| backoff(&limits(), 8, None, &mut random)).collect();
        assert!(waits.len() > 40, "{waits:?}");
    }

    #[test]
    fn a_wait_that_the_api_asked_for_is_kept_and_not_stretched_by_much() {
        let asked = Duration::from_secs(30);
        let mut random = StdRng::seed_from_u64(7);
        for attempts in [1, 5, 30] {
            let wait = backoff(&limits(), attempts, Some(asked), &mut random);
            assert!(wait >= asked && wait <= asked + Duration::from_millis(100), "{wait:?}");
        }
        assert_eq!(backoff(&limits(), 1, Some(Duration::MAX), &mut random), Duration::MAX);
    }

    #[test]
    fn limits_of_nothing_still_give_a_wait() {
        let none = Limits { backoff_first_ms: 0, backoff_max_ms: 0, ..Limits::default() };
        assert!(backoff(&none, 3, None, &mut StdRng::seed_from_u64(7)) <= Duration::from_millis(1));
    }

    #[test]
    fn a_chain_names_every_cause_on_one_line() {
        #[derive(Debug, thiserror::Error)]
        #[error("outer")]
        struct Outer(#[source] io::Error);
        assert_eq!(Chain(&Outer(io::Error::other("inner"))).to_string(), "outer: inner");
    }
}
