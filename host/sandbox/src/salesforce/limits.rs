//! API calls: counted over the last 24 hours, for the whole organisation.

use super::{
    control::Switches,
    errors::{Outcome, Refusal},
    org::{Answer, Org},
};
use jiff::Timestamp;
use serde_json::json;
use std::collections::VecDeque;

/// The window, in minutes.
const WINDOW_MINUTES: i64 = 24 * 60;

/// Calls by the minute in which they came, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Usage {
    minutes: VecDeque<(i64, u64)>,
}

impl Usage {
    /// Counts one call.
    fn count(&mut self, now: Timestamp) {
        let minute = now.as_second().div_euclid(60);
        self.minutes.retain(|(known, _)| *known > minute - WINDOW_MINUTES);
        match self.minutes.back_mut() {
            Some((known, calls)) if *known == minute => *calls += 1,
            _ => self.minutes.push_back((minute, 1)),
        }
    }

    /// Calls in the window.
    pub(crate) fn used(&self) -> u64 {
        self.minutes.iter().map(|(_, calls)| calls).sum()
    }
}

/// Counts a call, or refuses it because there were too many.
pub(crate) fn admit(org: &mut Org, now: Timestamp) -> Outcome<()> {
    org.usage.count(now);
    if org.usage.used() > org.switches.daily_api_requests {
        return Err(Refusal::new(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."));
    }
    if org.switches.long_requests_refused > 0 {
        org.switches.long_requests_refused -= 1;
        return Err(Refusal::new(403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentPerOrgLongTxn Limit exceeded."));
    }
    Ok(())
}

/// The header `Sforce-Limit-Info`.
pub(crate) fn info(org: &Org) -> String {
    format!("api-usage={}/{}", org.usage.used(), org.switches.daily_api_requests)
}

/// `GET /limits`
pub(crate) fn show(org: &Org) -> Answer {
    let Switches { daily_api_requests: max, .. } = org.switches;
    let fixed = |max: u64| json!({ "Max": max, "Remaining": max });
    let body = json!({
        "DailyApiRequests": { "Max": max, "Remaining": max.saturating_sub(org.usage.used()) },
        "DataStorageMB": fixed(1024),
        "FileStorageMB": fixed(1024),
        "DailyBulkApiBatches": fixed(15_000),
        "DailyStreamingApiEvents": fixed(10_000),
        "HourlyPublishedPlatformEvents": fixed(50_000),
        "SingleEmail": fixed(15),
        "MassEmail": fixed(10),
    });
    Answer::json(200, body)
}
