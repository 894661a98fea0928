//! The organisation's clock, as far as it can be known from here: a time that it has certainly reached.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use http::{HeaderMap, header};
use jiff::Timestamp;
use tokio::time::Instant;

/// A lower bound of the server's time, from the `Date` of its answers.
#[derive(Default)]
pub(super) struct Clock(Mutex<Option<Reached>>);

#[derive(Clone, Copy)]
struct Reached {
    time: Timestamp,
    at: Instant,
}

impl Clock {
    pub(super) fn learn(&self, headers: &HeaderMap) {
        let Some(date) = date(headers) else { return };
        let mut reached = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A `Date` has no fractions, so what was known is often finer. It is only wrong if the clock was set.
        if reached.is_none_or(|before| !is_within(before.now(), date)) {
            *reached = Some(Reached { time: date, at: Instant::now() });
        }
    }

    /// A time that the server has reached by now; `None` before its first answer.
    pub(super) fn now(&self) -> Option<Timestamp> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).map(Reached::now)
    }
}

impl Reached {
    fn now(self) -> Timestamp {
        self.time.checked_add(self.at.elapsed()).unwrap_or(self.time)
    }
}

/// A time that the server had reached when a call began which took this long and was answered so. The answer's `Date`
/// was made at the end; what was known `before` is finer, if it agrees with that.
pub(super) fn begun(headers: &HeaderMap, took: Duration, before: Option<Timestamp>) -> Option<Timestamp> {
    let date = date(headers)?;
    let before = before.filter(|before| *before < date || is_within(*before, date));
    before.max(date.checked_sub(took).ok())
}

/// Whether a clock that shows this time would write this `Date`.
fn is_within(time: Timestamp, date: Timestamp) -> bool {
    date <= time && date.checked_add(Duration::from_secs(1)).is_ok_and(|next| time < next)
}

/// When the server made the answer, to the second.
fn date(headers: &HeaderMap) -> Option<Timestamp> {
    let text = headers.get(header::DATE)?.to_str().ok()?;
    jiff::fmt::rfc2822::parse(text).ok().map(|zoned| zoned.timestamp())
}
