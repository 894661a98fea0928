//! Which release each tenant is on, in the memory of this host.
//!
//! A release is fixed when a pass starts: the pass keeps what [`Registry::current`] gave it, and ends on it, whatever
//! is routed meanwhile. The durable generation is the journal's: a host moves that first, and this after it; other
//! hosts learn of it from the journal and do the same. `rollback` is a route to an earlier release's plugin.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use arc_swap::ArcSwapOption;

use crate::plugin::Plugin;

/// Counts a tenant's routes; it only grows, also when a route goes back to an earlier plugin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(pub u64);

impl Generation {
    /// Before the first route.
    pub const NONE: Generation = Generation(0);
}

/// A plugin at a digest, with its settings, routed to a tenant.
#[derive(Clone, Debug)]
pub struct Release {
    /// The journal's id of the release.
    pub id: String,
    /// The component's SHA-256, in lower-case hex.
    pub digest: String,
    /// The plugin, loaded and warm.
    pub plugin: Plugin,
    /// Which version of the tenant's settings it was loaded with.
    pub settings_version: u64,
    /// The generation that this route makes; greater than the one before.
    pub generation: Generation,
}

/// The tenant is not where the caller thinks it is: somebody else has moved it. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the tenant is at generation {}, not at {}: somebody else has moved it", current.0, expected.0)]
pub struct Moved {
    /// Where the tenant is.
    pub current: Generation,
    /// Where the caller thought it was.
    pub expected: Generation,
}

/// The releases of all tenants.
#[derive(Debug, Default)]
pub struct Registry {
    /// Slots are added and removed with tenants; a swap happens within a slot, so nobody who reads waits for one.
    tenants: RwLock<HashMap<String, Arc<ArcSwapOption<Release>>>>,
}

impl Registry {
    /// No tenants.
    pub fn new() -> Self {
        Self::default()
    }

    /// The release that a pass of this tenant starts on now; one pointer load.
    pub fn current(&self, tenant: &str) -> Option<Arc<Release>> {
        let tenants = self.tenants.read().unwrap_or_else(PoisonError::into_inner);
        tenants.get(tenant)?.load_full()
    }

    /// Routes a release to a tenant, if the tenant is still at `expected` ([`Generation::NONE`] for a new one).
    ///
    /// # Errors
    /// When somebody else was faster, or the release's own generation is no later than `expected`.
    pub fn route(&self, tenant: &str, expected: Generation, release: Release) -> Result<Generation, Moved> {
        let slot = self.slot(tenant);
        let current = slot.load();
        let generation = release.generation;
        let at = generation_of(current.as_deref());
        if at != expected || generation <= expected {
            return Err(Moved { current: at, expected });
        }
        let before = slot.compare_and_swap(&*current, Some(Arc::new(release)));
        let swapped = match (&*before, &*current) {
            (None, None) => true,
            (Some(before), Some(current)) => Arc::ptr_eq(before, current),
            _ => false,
        };
        if swapped {
            Ok(generation)
        } else {
            Err(Moved { current: generation_of(before.as_deref()), expected })
        }
    }

    /// Forgets a tenant. Its passes in flight end on the release that they began with.
    pub fn remove(&self, tenant: &str) -> Option<Arc<Release>> {
        let mut tenants = self.tenants.write().unwrap_or_else(PoisonError::into_inner);
        tenants.remove(tenant).and_then(|slot| slot.swap(None))
    }

    /// The names of all tenants that are routed, sorted.
    pub fn tenants(&self) -> Vec<String> {
        let tenants = self.tenants.read().unwrap_or_else(PoisonError::into_inner);
        let routed = tenants.iter().filter(|(_, slot)| slot.load().is_some());
        let mut names: Vec<String> = routed.map(|(name, _)| name.clone()).collect();
        names.sort();
        names
    }

    fn slot(&self, tenant: &str) -> Arc<ArcSwapOption<Release>> {
        let known = self.tenants.read().unwrap_or_else(PoisonError::into_inner).get(tenant).cloned();
        known.unwrap_or_else(|| {
            let mut tenants = self.tenants.write().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(tenants.entry(tenant.to_owned()).or_default())
        })
    }
}

fn generation_of(release: Option<&Release>) -> Generation {
    release.map_or(Generation::NONE, |release| release.generation)
}
