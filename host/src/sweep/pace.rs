//! How fast a job may go: behind live traffic, and within what the CRM allows.

use std::{sync::Arc, time::Duration};

use crosswalk_connectors::crm::Crm;
use futures::future::BoxFuture;
use rand::RngExt;
use tokio::time::{self, Instant};
use tracing::info;

use crate::{app::App, process::Fault};

/// How often it is looked again whether there is room, if nothing in the journal changes.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// How long a job waits before it looks again whether the CRM's budget has room.
const BUDGET_PAUSE: Duration = Duration::from_secs(60);

/// What one job may begin, and when.
pub(crate) struct Pace {
    app: Arc<App>,
    tenant: String,
    crm: Arc<dyn Crm>,
    /// When the next pair may begin.
    next: Instant,
}

impl Pace {
    pub(crate) fn new(app: &Arc<App>, tenant: &str, crm: Arc<dyn Crm>) -> Self {
        Pace { app: app.clone(), tenant: tenant.to_owned(), crm, next: Instant::now() }
    }

    /// How many pairs begin together.
    pub(crate) fn chunk(&self) -> usize {
        (self.app.config.sweep.in_flight_max as usize).div_ceil(2).max(1)
    }

    /// Returns when this many more pairs may begin.
    pub(crate) async fn room(&mut self, pairs: usize) -> Result<(), Fault> {
        self.budget().await;
        let others = u64::from(self.app.config.sweep.in_flight_max).saturating_sub(self.chunk() as u64);
        self.until_fewer_than(others + 1).await?;
        time::sleep_until(self.next).await;
        let apart = Duration::from_secs(60) / self.app.config.sweep.pairs_per_minute_max.max(1);
        let pairs = u32::try_from(pairs).unwrap_or(u32::MAX);
        self.next = self.next.max(Instant::now()) + apart.saturating_mul(pairs);
        Ok(())
    }

    /// Returns when what was begun has ended, but for lanes that back off.
    pub(crate) async fn drained(&self) -> Result<(), Fault> {
        self.until_fewer_than(1).await
    }

    async fn until_fewer_than(&self, most: u64) -> Result<(), Fault> {
        let mut changed = self.app.journal.changed();
        while self.app.journal.in_background(&self.tenant, self.app.now()).await? >= most {
            changed.mark_unchanged();
            time::timeout(LOOK_AGAIN, changed.changed()).await.ok();
        }
        Ok(())
    }

    /// Waits while the CRM says that too much of its calls is used; live traffic and the poll keep the number fresh.
    async fn budget(&self) {
        let most = u64::from(self.app.config.sweep.crm_budget_percent_max);
        while let Some(usage) = self.crm.usage()
            && usage.used.saturating_mul(100) >= usage.allowed.saturating_mul(most)
        {
            info!(tenant = %self.tenant, used = usage.used, allowed = usage.allowed, "a job waits for the CRM's budget");
            time::sleep(BUDGET_PAUSE).await;
        }
    }
}

/// Does something until it succeeds, cannot get better, or has been tried often enough.
pub(crate) async fn persist<'f, T>(
    app: &App,
    what: impl Fn() -> BoxFuture<'f, Result<T, Fault>>,
) -> Result<T, Fault> {
    let limits = &app.config.limits;
    let mut pause_ms = limits.backoff_first_ms.max(1);
    let mut attempts = 0;
    loop {
        attempts += 1;
        match what().await {
            Ok(value) => return Ok(value),
            Err(fault) if fault.permanent || attempts >= limits.event_attempts_max => return Err(fault),
            Err(fault) => {
                info!(reason = %fault.reason, attempts, "a job tries again");
                let jittered = Duration::from_millis(rand::rng().random_range(0..=pause_ms));
                time::sleep(fault.after.unwrap_or_default().saturating_add(jittered)).await;
                pause_ms = pause_ms.saturating_mul(2).min(limits.backoff_max_ms.max(1));
            }
        }
    }
}
