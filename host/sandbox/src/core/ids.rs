//! Where ids, counters and secrets come from: the operating system, or a seed that repeats them.

use std::sync::{Arc, Mutex};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use uuid::Uuid;

use super::lock;

/// A source of ids that clones share.
#[derive(Clone)]
pub struct Ids(Arc<Inner>);

struct Inner {
    seed: Option<u64>,
    state: Mutex<State>,
}

struct State {
    random: StdRng,
    counter: u64,
}

impl Ids {
    /// With a seed the same calls give the same ids; without one they differ in every run.
    #[must_use]
    pub fn new(seed: Option<u64>) -> Self {
        Self(Arc::new(Inner { seed, state: Mutex::new(State::new(seed)) }))
    }

    /// A random (version 4) GUID.
    #[must_use]
    pub fn guid(&self) -> Uuid {
        let mut bytes = [0; 16];
        lock(&self.0.state).random.fill_bytes(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }

    /// `bytes` random bytes in hexadecimal.
    #[must_use]
    pub fn hex(&self, bytes: usize) -> String {
        let mut buffer = vec![0; bytes];
        lock(&self.0.state).random.fill_bytes(&mut buffer);
        hex::encode(buffer)
    }

    /// 1, 2, 3, …: never the same number twice between two resets; for etags and row versions.
    #[must_use]
    pub fn next(&self) -> u64 {
        let mut state = lock(&self.0.state);
        state.counter += 1;
        state.counter
    }

    /// Starts the seed's sequence again; an unseeded source keeps its counter, so that no etag comes back.
    pub fn reset(&self) {
        if self.0.seed.is_some() {
            *lock(&self.0.state) = State::new(self.0.seed);
        }
    }
}

impl State {
    fn new(seed: Option<u64>) -> Self {
        Self { random: seed.map_or_else(rand::make_rng, StdRng::seed_from_u64), counter: 0 }
    }
}
