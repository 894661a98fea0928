//! Fetched certificates, kept by address.
//!
//! Whoever sends a request chooses the address, so the cache stands between a flood of requests and a flood of
//! fetches: one fetch at a time for an address, failures remembered for a moment, a bounded number of addresses, and
//! a bounded number of fetches a minute for addresses that never yet proved a signature. Addresses that did are the
//! last to be forgotten.
//!
//! A certificate that is due to be fetched again, but cannot be, stays in use: whether it is still valid is checked
//! with every request, whatever its age here.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use url::Url;

use super::{
    certificate::Presented,
    fetch::{CertificateFetcher, FetchError},
    refused::{Refused, quoted},
};

/// How fetched certificates are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheLimits {
    /// How many addresses are remembered.
    pub certificates_max: usize,
    /// After how many milliseconds a certificate is fetched again.
    pub fresh_ms: u64,
    /// For how many milliseconds a failure to fetch is remembered.
    pub failure_ms: u64,
    /// The least time between two fetches of one address because a signature failed, in milliseconds.
    pub refresh_ms: u64,
    /// How many fetches a minute are made for addresses that never yet proved a signature.
    pub unproved_fetches_per_minute_max: u32,
}

impl Default for CacheLimits {
    fn default() -> Self {
        Self {
            certificates_max: 16,
            fresh_ms: 3_600_000,
            failure_ms: 10_000,
            refresh_ms: 60_000,
            unproved_fetches_per_minute_max: 30,
        }
    }
}

/// Certificates by the address that they were fetched from.
pub struct CertificateCache {
    fetcher: Arc<dyn CertificateFetcher>,
    limits: CacheLimits,
    slots: Mutex<HashMap<Url, Arc<Slot>>>,
    unproved: Mutex<Minute>,
}

/// One address.
#[derive(Default)]
struct Slot {
    state: Mutex<State>,
    /// Held while fetching, so that there is one fetch at a time. Never held to read what is known.
    fetching: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    certificate: Option<Arc<Presented>>,
    fetched: Option<Timestamp>,
    failure: Option<(Timestamp, Failure)>,
    /// When a fetch was last begun, whatever came of it.
    attempted: Option<Timestamp>,
    used: Option<Timestamp>,
    /// Whether a certificate from here ever proved a signature.
    proved: bool,
}

/// Fetches of unproved addresses in the present minute.
#[derive(Default)]
struct Minute {
    since: Option<Timestamp>,
    fetches: u32,
}

#[derive(Clone)]
enum Failure {
    Fetch(FetchError),
    Malformed(Refused),
}

impl CertificateCache {
    /// An empty cache in front of `fetcher`.
    pub fn new(fetcher: Arc<dyn CertificateFetcher>, limits: CacheLimits) -> Self {
        Self { fetcher, limits, slots: Mutex::default(), unproved: Mutex::default() }
    }

    /// The certificate at `url`, fetched if need be.
    ///
    /// # Errors
    ///
    /// [`Refused::Fetch`], [`Refused::TooManyFetches`] or [`Refused::CertificateMalformed`].
    pub async fn get(&self, url: &Url, now: Timestamp) -> Result<Arc<Presented>, Refused> {
        let slot = self.slot(url, now);
        if let Some(known) = self.known(&slot, url, now) {
            return known;
        }
        let _one_at_a_time = slot.fetching.lock().await;
        if let Some(known) = self.known(&slot, url, now) {
            return known;
        }
        let fetched = self.fetch(&slot, url, now).await;
        let kept = lock(&slot.state).certificate.clone();
        fetched.or_else(|refused| kept.ok_or(refused))
    }

    /// Another certificate than `tried`, if the address serves another by now: the sender may have changed its key.
    ///
    /// # Errors
    ///
    /// As [`CertificateCache::get`], if it had to be fetched and could not be.
    pub async fn refresh(
        &self,
        url: &Url,
        tried: &Arc<Presented>,
        now: Timestamp,
    ) -> Result<Option<Arc<Presented>>, Refused> {
        let slot = self.slot(url, now);
        let _one_at_a_time = slot.fetching.lock().await;
        let newer = |slot: &Slot| lock(&slot.state).certificate.clone().filter(|held| held != tried);
        if let Some(newer) = newer(&slot) {
            return Ok(Some(newer));
        }
        if within(now, lock(&slot.state).attempted, self.limits.refresh_ms) {
            return Ok(None);
        }
        self.fetch(&slot, url, now).await?;
        Ok(newer(&slot))
    }

    /// Remembers that a certificate from `url` proved a signature.
    pub fn prove(&self, url: &Url) {
        if let Some(slot) = lock(&self.slots).get(url) {
            lock(&slot.state).proved = true;
        }
    }

    fn slot(&self, url: &Url, now: Timestamp) -> Arc<Slot> {
        let mut slots = lock(&self.slots);
        if !slots.contains_key(url) && slots.len() >= self.limits.certificates_max {
            let least = slots.iter().min_by_key(|(_, slot)| {
                let state = lock(&slot.state);
                (state.proved, state.used)
            });
            if let Some(url) = least.map(|(url, _)| url.clone()) {
                slots.remove(&url);
            }
        }
        let slot = Arc::clone(slots.entry(url.clone()).or_default());
        lock(&slot.state).used = Some(now);
        slot
    }

    /// What can be answered without a fetch.
    fn known(&self, slot: &Slot, url: &Url, now: Timestamp) -> Option<Result<Arc<Presented>, Refused>> {
        let state = lock(&slot.state);
        let failure = state.failure.as_ref().filter(|(at, _)| within(now, Some(*at), self.limits.failure_ms));
        match (&state.certificate, failure) {
            (Some(certificate), Some(_)) => Some(Ok(Arc::clone(certificate))),
            (None, Some((_, failure))) => Some(Err(failure.clone().refused(url))),
            (Some(certificate), None) if within(now, state.fetched, self.limits.fresh_ms) => {
                Some(Ok(Arc::clone(certificate)))
            }
            _ => None,
        }
    }

    /// Fetches, and remembers what came of it. The caller holds `fetching`.
    async fn fetch(&self, slot: &Slot, url: &Url, now: Timestamp) -> Result<Arc<Presented>, Refused> {
        let proved = lock(&slot.state).proved;
        if !proved && !lock(&self.unproved).take(now, self.limits.unproved_fetches_per_minute_max) {
            return Err(Refused::TooManyFetches { url: quoted(url.as_str()) });
        }
        lock(&slot.state).attempted = Some(now);
        let fetched = match self.fetcher.fetch(url).await {
            Ok(bytes) => Presented::parse(&bytes).map_err(Failure::Malformed),
            Err(error) => Err(Failure::Fetch(error)),
        };
        let mut state = lock(&slot.state);
        match fetched {
            Ok(certificate) => {
                let certificate = Arc::new(certificate);
                state.certificate = Some(Arc::clone(&certificate));
                state.fetched = Some(now);
                state.failure = None;
                Ok(certificate)
            }
            Err(failure) => {
                state.failure = Some((now, failure.clone()));
                Err(failure.refused(url))
            }
        }
    }
}

impl Minute {
    fn take(&mut self, now: Timestamp, max: u32) -> bool {
        if !within(now, self.since, 60_000) {
            *self = Self { since: Some(now), fetches: 0 };
        }
        self.fetches = self.fetches.saturating_add(1);
        self.fetches <= max
    }
}

impl Failure {
    fn refused(self, url: &Url) -> Refused {
        match self {
            Failure::Fetch(error) => Refused::Fetch { url: quoted(url.as_str()), error },
            Failure::Malformed(refused) => refused,
        }
    }
}

/// Whether `then` is less than `ms` away from `now`. A clock that jumped back is no reason to trust old news.
fn within(now: Timestamp, then: Option<Timestamp>, ms: u64) -> bool {
    then.is_some_and(|then| now.as_millisecond().abs_diff(then.as_millisecond()) < ms)
}

/// These locks are held for moments and guard plain data, which is whole even if a holder panicked.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
