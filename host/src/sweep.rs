//! The comparison that repairs what no event announced.
//!
//! # Cast and promises
//!
//! A *sweep* lists both sides of a tenant page by page and compares each version with the one that the link was last
//! settled at. What differs, what has no link and what is linked but not listed becomes an event behind live traffic;
//! passes do the work. A *backfill* is the same for a portfolio that exists already, on an operator's word. A *dry run*
//! rehearses what a sweep would do, and *verify* rehearses every link. Each is a *job* (see [`crate::jobs`]).
//!
//! - A pair whose versions are unchanged costs its share of two lists, and no call of its own.
//! - Nothing is decided here: an event says *look*, as any other. What is found twice is stored once.
//! - Live traffic comes first: the journal gives out these lanes when no other is due, at most `sweep.in_flight_max` of a
//!   tenant are waiting, no more than `sweep.pairs_per_minute_max` begin in a minute, and when the CRM says that
//!   `sweep.crm_budget_percent_max` of its calls are used, nothing new begins.
//! - A backfill or a verification that a restart interrupts goes on where it was, a sweep begins again.

mod find;
mod pace;
mod verify;

pub(crate) use self::pace::{Pace, persist};

use std::{sync::Arc, time::Duration};

use crosswalk_engine::{
    link::{EntryKind, LinkState},
    pass::Side,
};
use crosswalk_journal::{Job, JobFilter, JobState};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value as Json;
use tokio::{sync::watch, time};
use tracing::warn;

use crate::{
    app::App,
    jobs::{self, Kind},
    process::Fault,
};

/// How often it is looked whether a sweep is due, in milliseconds, at the most.
const TICK_MS_MAX: u64 = 60_000;

/// The cursor that says since when a sweep is wanted before its time: a feed of changes has lapsed.
const WANTED: &str = "sweep.wanted";

/// The cursor that says when the last sweep began.
const LAST: &str = "sweep.last";

/// Begins each tenant's sweep when it is due, until `stop` turns true.
pub(crate) async fn run(app: Arc<App>, mut stop: watch::Receiver<bool>) {
    let tick = Duration::from_millis(app.config.catchup.poll_ms.min(TICK_MS_MAX));
    while !*stop.borrow() {
        for name in app.tenants.names() {
            if let Err(fault) = begin_if_due(&app, &name).await {
                warn!(tenant = %name, reason = %fault.reason, "the sweep begins later");
            }
        }
        tokio::select! {
            () = time::sleep(tick) => {}
            _ = stop.wait_for(|stopping| *stopping) => {}
        }
    }
}

/// Remembers that everything must be compared, because nobody knows any more what changed.
pub(crate) async fn want(app: &App, tenant: &str, why: &str) -> Result<(), Fault> {
    warn!(tenant, why, "everything will be compared");
    Ok(app.journal.put_cursor(tenant, WANTED, &app.now().to_string()).await?)
}

async fn begin_if_due(app: &Arc<App>, tenant: &str) -> Result<(), Fault> {
    let Some(served) = app.tenants.get(tenant) else { return Ok(()) };
    if served.document.sync.paused || app.registry.current(tenant).is_none() {
        return Ok(());
    }
    let wanted = moment(app, tenant, WANTED).await?;
    let Some(last) = moment(app, tenant, LAST).await? else {
        // A new tenant has nothing to sweep up: its first one comes when the time has passed.
        return begun(app, tenant).await;
    };
    let every = app.config.sweep.every_ms;
    let due = every > 0 && app.now().duration_since(last).as_millis() >= i128::from(every);
    if !due && wanted.is_none_or(|wanted| wanted <= last) {
        return Ok(());
    }
    let running = JobFilter { tenant: Some(tenant.to_owned()), running: true, limit: 1 };
    if app.journal.jobs(&running).await?.is_empty() {
        jobs::begin(app, tenant, Kind::Sweep, Json::Null, "host")
            .await
            .map_err(|complaint| Fault::new(complaint.message))?;
    }
    Ok(())
}

/// Remembers when a sweep began, so that the next one is not due before its time.
pub(crate) async fn begun(app: &App, tenant: &str) -> Result<(), Fault> {
    // A wish of this very moment is a wish for the next one.
    let now = app.now().checked_sub(SignedDuration::from_millis(1)).unwrap_or(Timestamp::MIN);
    Ok(app.journal.put_cursor(tenant, LAST, &now.to_string()).await?)
}

async fn moment(app: &App, tenant: &str, cursor: &str) -> Result<Option<Timestamp>, Fault> {
    let stored = app.journal.cursor(tenant, cursor).await?;
    Ok(stored.and_then(|text| text.parse().ok()))
}

/// Whether a side at this version is as the last pass that went all the way left it: a look would find nothing new.
pub(crate) fn is_settled(state: &LinkState, side: Side, version: &str) -> bool {
    let waits = state.intent.is_some()
        || !state.owed.is_empty()
        || !state.restore.is_empty()
        || state.open.values().any(|entry| entry.kind == EntryKind::Gone);
    let settled = state.settled.as_ref().map(|settled| match side {
        Side::PartnerCenter => settled.referral.as_str(),
        Side::Crm => settled.record.as_str(),
    });
    !waits && settled == Some(version)
}

/// Carries a job to its end, or as far as it comes before the host stops.
pub(crate) async fn carry_out(app: &Arc<App>, job: &Job, kind: Kind) -> Result<(), Fault> {
    debug_assert_eq!(job.state, JobState::Running);
    match kind {
        Kind::Verify => verify::run(app, job).await,
        kind => find::run(app, job, kind).await,
    }
}

#[cfg(test)]
mod tests;
