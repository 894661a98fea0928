//! The time as the simulated systems see it: real, shifted, or moved by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

/// A clock that clones share. It has an offset that tests and people move, to let deals and tokens expire.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    source: Source,
    offset_ms: AtomicI64,
    moved: Notify,
}

#[derive(Debug)]
enum Source {
    /// The operating system's clock.
    System,
    /// A fixed start plus tokio's time, which stands still or jumps when a test pauses it.
    Tokio { start: Timestamp, origin: tokio::time::Instant },
}

impl Clock {
    /// The operating system's time.
    #[must_use]
    pub fn system() -> Self {
        Self::over(Source::System)
    }

    /// Starts at `start` and goes on with tokio's time, so that a paused runtime decides it. Must be called inside
    /// of the runtime whose time it follows.
    #[must_use]
    pub fn starting_at(start: Timestamp) -> Self {
        Self::over(Source::Tokio { start, origin: tokio::time::Instant::now() })
    }

    fn over(source: Source) -> Self {
        Self(Arc::new(Inner { source, offset_ms: AtomicI64::new(0), moved: Notify::new() }))
    }

    /// The time now, offset included.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let base = match &self.0.source {
            Source::System => Timestamp::now(),
            Source::Tokio { start, origin } => later(*start, origin.elapsed()),
        };
        base.saturating_add(SignedDuration::from_millis(self.offset_ms())).unwrap_or(base)
    }

    /// How far the clock is ahead of its source, in milliseconds; negative when it is behind.
    #[must_use]
    pub fn offset_ms(&self) -> i64 {
        self.0.offset_ms.load(Ordering::Relaxed)
    }

    /// Sets the offset (a clock skew), in milliseconds.
    pub fn set_offset_ms(&self, offset_ms: i64) {
        self.0.offset_ms.store(offset_ms, Ordering::Relaxed);
        self.0.moved.notify_waiters();
    }

    /// Returns once this clock shows `until`: time that passes counts, and time that is moved by hand.
    pub async fn sleep_until(&self, until: Timestamp) {
        loop {
            // Asked for before the time is read, so that no move falls between the two.
            let moved = self.0.moved.notified();
            tokio::pin!(moved);
            moved.as_mut().enable();
            let Ok(left) = Duration::try_from(until.duration_since(self.now())) else { return };
            if left.is_zero() {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(left) => {}
                () = moved => {}
            }
        }
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        let by_ms = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.set_offset_ms(self.offset_ms().saturating_add(by_ms));
    }
}

/// `time` moved forward by `by`, or the last representable time.
#[must_use]
pub fn later(time: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by)
        .map_or(Timestamp::MAX, |by| time.saturating_add(by).unwrap_or(Timestamp::MAX))
}

/// `time` with the seven fractional digits that Microsoft's .NET services write, for example
/// `2019-02-23T02:05:23.2931817Z`.
#[must_use]
pub fn seven_digits(time: Timestamp) -> String {
    format!("{time:.7}")
}
