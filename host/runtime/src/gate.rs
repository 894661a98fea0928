//! The gate in front of the instance pool: who comes when all slots are taken waits, and fails nothing.
//!
//! Wasmtime's pool refuses at once when it is full. A call lasts at most `plugin_call_ms_max` and its lookups, so a
//! wait at the gate ends.

use std::sync::{Condvar, Mutex, PoisonError};

/// Counts free slots.
#[derive(Debug)]
pub(crate) struct Gate {
    free: Mutex<u32>,
    returned: Condvar,
}

/// One slot, given back when dropped.
#[derive(Debug)]
pub(crate) struct Slot<'gate>(&'gate Gate);

impl Gate {
    /// A gate with this many slots.
    pub(crate) fn new(slots: u32) -> Self {
        Self { free: Mutex::new(slots), returned: Condvar::new() }
    }

    /// Takes a slot; waits for one if there is none.
    pub(crate) fn enter(&self) -> Slot<'_> {
        // A counter is right whatever its last holder was doing when it panicked.
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let mut free =
            self.returned.wait_while(free, |free| *free == 0).unwrap_or_else(PoisonError::into_inner);
        *free -= 1;
        Slot(self)
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        *self.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.returned.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn never_more_are_inside_than_there_are_slots_and_all_get_in() {
        let gate = Gate::new(2);
        let (inside, most, done) = (AtomicU32::new(0), AtomicU32::new(0), AtomicU32::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let slot = gate.enter();
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
        assert!(most.into_inner() <= 2);
    }
}
