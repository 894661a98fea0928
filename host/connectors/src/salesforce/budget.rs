//! The daily calls of an organisation: one pool for everybody, so we stop before it is spent.
//!
//! `Sforce-Limit-Info: api-usage=18/5000` comes with every answer; it is approximate and lags behind. When our share is
//! used no call is made for a pause, then a single one asks again. Nor is one made for a while after Salesforce itself has
//! said that a limit is spent, which it does without saying for how long.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http::HeaderMap;
use tokio::time::Instant;

use super::SalesforceConfig;
use crate::{crm::Usage, fault::Fault};

/// What is known of the pool.
pub(super) struct Budget {
    share_percent: u64,
    pause: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    usage: Option<Usage>,
    /// When the last call was made or allowed while the share was used.
    asked: Option<Instant>,
    /// Until when no call is made, because one was refused.
    resting: Option<Instant>,
}

impl Budget {
    pub(super) fn new(config: &SalesforceConfig) -> Self {
        Budget {
            share_percent: u64::from(config.daily_calls_percent_max.min(100)),
            pause: Duration::from_millis(config.budget_pause_ms),
            state: Mutex::default(),
        }
    }

    /// Whether a call may be made now.
    pub(super) fn allow(&self) -> Result<(), Fault> {
        let mut state = self.state();
        let rest =
            state.resting.map_or(Duration::ZERO, |until| until.saturating_duration_since(Instant::now()));
        if !rest.is_zero() {
            let reason =
                "a limit of the Salesforce organisation was spent a moment ago; nothing was sent".to_owned();
            return Err(Fault::Retry { after: Some(rest), reason });
        }
        let Some(usage) = state.usage.filter(|usage| self.is_used(*usage)) else { return Ok(()) };
        let left = state.asked.map_or(Duration::ZERO, |asked| self.pause.saturating_sub(asked.elapsed()));
        if left.is_zero() {
            state.asked = Some(Instant::now());
            return Ok(());
        }
        Err(Fault::Retry {
            after: Some(left),
            reason: format!(
                "{} of the Salesforce organisation's {} daily API calls are used, and ours stop at {} %, so that the \
                 customer's own automation goes on; nothing was sent. Raise `daily_calls_percent_max` or buy more calls",
                usage.used, usage.allowed, self.share_percent
            ),
        })
    }

    /// A call was refused because a limit is spent.
    pub(super) fn rest(&self, pause: Duration) {
        self.state().resting = Some(Instant::now() + pause);
    }

    pub(super) fn learn(&self, headers: &HeaderMap) {
        let Some(usage) = headers.get("sforce-limit-info").and_then(|value| parse(value.to_str().ok()?))
        else {
            return;
        };
        let mut state = self.state();
        if !self.is_used(usage) {
            state.asked = None;
        } else if state.asked.is_none() {
            tracing::warn!(
                used = usage.used,
                allowed = usage.allowed,
                "our share of the daily API calls is used"
            );
            state.asked = Some(Instant::now());
        }
        state.usage = Some(usage);
    }

    pub(super) fn usage(&self) -> Option<Usage> {
        self.state().usage
    }

    fn is_used(&self, usage: Usage) -> bool {
        usage.used.saturating_mul(100) >= usage.allowed.saturating_mul(self.share_percent)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `api-usage=18/5000`, perhaps with more after a comma or semicolon.
fn parse(text: &str) -> Option<Usage> {
    let usage = text.split([',', ';']).find_map(|part| part.trim().strip_prefix("api-usage="))?;
    let (used, allowed) = usage.split_once('/')?;
    Some(Usage { used: used.trim().parse().ok()?, allowed: allowed.trim().parse().ok()? })
}
