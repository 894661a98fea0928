//! The gate in front of the instance pool: who cannot go waits, and fails nothing.
//!
//! Wasmtime's pool refuses at once when it is full, and knows no tenants. Here a call waits for a slot, and for its
//! tenant's turn ([`Shares`] says when that is), without holding one. A call lasts at most `plugin_call_ms_max` and its
//! lookups, and a debt ends, so a wait at the gate ends.

mod shares;

use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use cpu_time::ThreadTime;

pub(crate) use self::shares::{Caller, Rules};
use self::shares::{Shares, Turn};

/// How many times over a call is charged that trapped or was stopped at a limit: it gave nobody anything, and the pass
/// around it, which asked the systems and stored that it failed, cost the host as much again.
const WASTED: u32 = 20;

/// Lets calls of plugins in.
#[derive(Debug)]
pub(crate) struct Gate {
    shares: Mutex<Shares>,
    /// Somebody went in or out: whoever waits looks again.
    changed: Condvar,
    made: Instant,
}

/// One slot, given back when dropped.
#[derive(Debug)]
pub(crate) struct Slot<'gate> {
    gate: &'gate Gate,
    caller: Caller<'gate>,
    /// What this thread has used of its processor since. The time on the wall would charge a tenant for what others do:
    /// on a busy machine a call stands still for longer than it runs.
    used: Option<ThreadTime>,
    wasted: bool,
}

impl Gate {
    /// A gate that keeps to these rules.
    pub(crate) fn new(rules: Rules) -> Self {
        Self { shares: Mutex::new(Shares::new(rules)), changed: Condvar::new(), made: Instant::now() }
    }

    /// Takes a slot for a call on this thread, and waits for one as long as it takes.
    pub(crate) fn enter<'gate>(&'gate self, caller: Caller<'gate>) -> Slot<'gate> {
        let mut shares = self.lock();
        let ticket = shares.join(caller, self.now());
        loop {
            let now = self.now();
            shares = match shares.turn(ticket, now) {
                Turn::Now => break,
                Turn::At(at) => {
                    let waited = self.changed.wait_timeout(shares, at.saturating_sub(now));
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                Turn::Later => self.changed.wait(shares).unwrap_or_else(PoisonError::into_inner),
            };
        }
        // The next in the queue may have waited for this one to go first.
        self.tell(&shares);
        Slot { gate: self, caller, used: ThreadTime::try_now().ok(), wasted: false }
    }

    /// Tenants for which no pass should begin now, each with how long that will be so, as far as can be known;
    /// `in_hand` says how many of its passes are under way.
    pub(crate) fn over_share(&self, in_hand: impl Fn(&str) -> u32) -> Vec<(String, Duration)> {
        let now = self.now();
        let over = self.lock().over_share(in_hand, now);
        over.into_iter().map(|(tenant, at)| (tenant, at.saturating_sub(now))).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Shares> {
        // The counters are right whatever their last holder was doing when it panicked.
        self.shares.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, shares: &Shares) {
        if shares.anybody_waits() {
            self.changed.notify_all();
        }
    }

    fn now(&self) -> Duration {
        self.made.elapsed()
    }
}

impl Slot<'_> {
    /// Gives the slot back after a call that came to nothing.
    pub(crate) fn wasted(mut self) {
        self.wasted = true;
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        let used = self.used.and_then(|used| used.try_elapsed().ok()).unwrap_or_default();
        let charged = if self.wasted { used.saturating_mul(WASTED) } else { used };
        let mut shares = self.gate.lock();
        shares.leave(self.caller, charged, self.gate.now());
        self.gate.tell(&shares);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeMap,
        sync::atomic::{AtomicU32, Ordering},
    };

    use super::*;

    fn small(tenant: &str) -> Caller<'_> {
        Caller { tenant: Some(tenant), large: false }
    }

    #[test]
    fn never_more_are_inside_than_there_are_slots_and_all_get_in() {
        let gate = Gate::new(Rules {
            slots: 3,
            large_slots: 1,
            tenant_slots: 2,
            tenant_processors: 1_000.0,
            alone: 1,
        });
        let (inside, most, done) = (AtomicU32::new(0), AtomicU32::new(0), AtomicU32::new(0));
        let tenants = [Some("contoso"), Some("fabrikam"), None];
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let (gate, inside, most, done) = (&gate, &inside, &most, &done);
                scope.spawn(move || {
                    for _ in 0..50 {
                        let slot = gate.enter(Caller { tenant: tenants[thread % 3], large: false });
                        most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        std::thread::yield_now();
                        inside.fetch_sub(1, Ordering::SeqCst);
                        drop(slot);
                        done.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert_eq!(done.into_inner(), 400);
        assert!(most.into_inner() <= 3);
    }

    #[test]
    fn a_call_is_charged_for_what_it_computes_and_not_for_what_it_waits_for() {
        let gate =
            Gate::new(Rules { slots: 1, large_slots: 1, tenant_slots: 1, tenant_processors: 0.01, alone: 1 });
        drop(gate.enter(small("other")));
        let waits = gate.enter(small("waits"));
        std::thread::sleep(Duration::from_millis(20));
        drop(waits);
        let computes = gate.enter(small("computes"));
        compute(Duration::from_millis(20));
        drop(computes);
        // At a hundredth of a processor, 20 ms cost 2 seconds, and nobody has saved up more than one.
        let over: Vec<String> = gate.over_share(|_| 0).into_iter().map(|(tenant, _)| tenant).collect();
        assert_eq!(over, ["computes"]);
    }

    #[test]
    fn a_call_that_came_to_nothing_is_charged_for_more() {
        let gate =
            Gate::new(Rules { slots: 1, large_slots: 1, tenant_slots: 1, tenant_processors: 0.01, alone: 1 });
        drop(gate.enter(small("other")));
        let answers = gate.enter(small("answers"));
        compute(Duration::from_millis(2));
        drop(answers);
        let wastes = gate.enter(small("wastes"));
        compute(Duration::from_millis(2));
        wastes.wasted();
        // 2 ms cost a fifth of a second, and 4 seconds if nobody has anything of them.
        let waits: BTreeMap<_, _> = gate.over_share(|_| 0).into_iter().collect();
        let [answers, wastes] = ["answers", "wastes"].map(|tenant| waits.get(tenant).copied());
        assert!(wastes > Some(Duration::from_secs(2)) && answers < Some(Duration::from_secs(1)), "{waits:?}");
    }

    fn compute(time: Duration) {
        let began = ThreadTime::now();
        let mut number = 0_u64;
        while began.elapsed() < time {
            number = std::hint::black_box(number + 1);
        }
    }
}
