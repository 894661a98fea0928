//! The last resort against a pair that runs away: two servers that normalise against each other, or an automation that
//! answers every write of ours with one of its own. What is planned is bounded by the engine; this bounds how often.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError},
};

use crosswalk_journal::LaneId;
use jiff::{SignedDuration, Timestamp};

/// The window that writes are counted in.
const WINDOW: SignedDuration = SignedDuration::from_hours(1);

/// From how many lanes on those that have not written for an hour are forgotten.
const LANES_SWEPT_AT: usize = 10_000;

/// Writes by lane within the last hour. Kept in memory: a restart gives every pair a new budget, which a pair that
/// runs away will have spent again soon enough.
#[derive(Default)]
pub(crate) struct WriteBudget(Mutex<HashMap<LaneId, VecDeque<Timestamp>>>);

impl WriteBudget {
    /// Whether a lane has `max` writes behind it within the hour before `now`.
    pub(crate) fn is_spent(&self, lane: LaneId, max: u32, now: Timestamp) -> bool {
        let mut lanes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(writes) = lanes.get_mut(&lane) else { return false };
        forget(writes, now);
        writes.len() >= max as usize
    }

    /// Counts one write.
    pub(crate) fn count(&self, lane: LaneId, now: Timestamp) {
        let mut lanes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lanes.len() >= LANES_SWEPT_AT {
            lanes.retain(|_, writes| {
                forget(writes, now);
                !writes.is_empty()
            });
        }
        lanes.entry(lane).or_default().push_back(now);
    }
}

fn forget(writes: &mut VecDeque<Timestamp>, now: Timestamp) {
    while writes.front().is_some_and(|at| now.duration_since(*at) > WINDOW) {
        writes.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_spent_within_the_hour_and_comes_back_after_it() {
        let (budget, lane): (_, LaneId) = (WriteBudget::default(), "lane_7".parse().unwrap());
        let start: Timestamp = "2026-01-31T10:00:00Z".parse().unwrap();
        for second in 0..3 {
            assert!(!budget.is_spent(lane, 3, start));
            budget.count(lane, start + SignedDuration::from_secs(second));
        }
        assert!(budget.is_spent(lane, 3, start + SignedDuration::from_mins(59)));
        assert!(!budget.is_spent("lane_8".parse().unwrap(), 3, start));
        assert!(!budget.is_spent(lane, 3, start + SignedDuration::from_mins(61)));
    }
}
