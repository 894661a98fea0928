//! Which releases decide for each tenant, in the memory of this host.
//!
//! A release is fixed when a pass starts: the pass keeps what [`Routing::release_for`] gave it, and ends on it, whatever
//! is routed meanwhile. The durable generation is the journal's: a host moves that first, by compare-and-swap, and this
//! after it. So there is nothing to decide here: of two generations the later one stays, in whichever order they come.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use arc_swap::ArcSwapOption;

use crate::plugin::Plugin;

/// A hundredth of the buckets that the journal spreads lanes over.
const BUCKETS_A_PERCENT: u32 = 100;

/// Counts a tenant's routes; it only grows, also when a route goes back to an earlier plugin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(pub u64);

/// A plugin at a digest, with its settings.
#[derive(Clone, Debug)]
pub struct Release {
    /// The journal's id of the release.
    pub id: String,
    /// The component's SHA-256, in lower-case hex.
    pub digest: String,
    /// The plugin, loaded and warm.
    pub plugin: Plugin,
}

/// Where a tenant is routed: one generation.
#[derive(Clone, Debug)]
pub struct Routing {
    /// Greater than that of every route before it.
    pub generation: Generation,
    /// The release that decides, but for a canary's lanes; also whatever does not belong to a lane.
    pub live: Arc<Release>,
    /// A release that is being tried.
    pub candidate: Option<Candidate>,
}

/// A release that is being tried beside the live one.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Which.
    pub release: Arc<Release>,
    /// As a canary, its share of the lanes in percent; `None` in shadow, where it decides nothing.
    pub canary_percent: Option<u8>,
}

impl Routing {
    /// The release that decides a pass of a lane in this bucket, of 10,000. The lanes of a share are in every larger one.
    pub fn release_for(&self, bucket: u16) -> &Arc<Release> {
        match &self.candidate {
            Some(Candidate { release, canary_percent: Some(share) })
                if u32::from(bucket) < u32::from(*share) * BUCKETS_A_PERCENT =>
            {
                release
            }
            _ => &self.live,
        }
    }

    /// The release that is to be asked what a pass's own release was asked, without anything being done about it.
    pub fn shadow(&self) -> Option<&Arc<Release>> {
        let candidate = self.candidate.as_ref()?;
        candidate.canary_percent.is_none().then_some(&candidate.release)
    }

    /// Whether a release is live or a candidate here.
    pub fn has(&self, release: &Release) -> bool {
        let candidate = self.candidate.as_ref().map(|candidate| &candidate.release);
        [Some(&self.live), candidate].into_iter().flatten().any(|routed| routed.id == release.id)
    }
}

/// The routings of all tenants.
#[derive(Debug, Default)]
pub struct Registry {
    /// Slots are added and removed with tenants; a swap happens within a slot, so nobody who reads waits for one.
    tenants: RwLock<HashMap<String, Arc<ArcSwapOption<Routing>>>>,
}

impl Registry {
    /// No tenants.
    pub fn new() -> Self {
        Self::default()
    }

    /// How a tenant is routed now; one pointer load.
    pub fn routing(&self, tenant: &str) -> Option<Arc<Routing>> {
        let tenants = self.tenants.read().unwrap_or_else(PoisonError::into_inner);
        tenants.get(tenant)?.load_full()
    }

    /// The release that is live.
    pub fn current(&self, tenant: &str) -> Option<Arc<Release>> {
        self.routing(tenant).map(|routing| Arc::clone(&routing.live))
    }

    /// Routes a tenant, unless it is routed by a later generation already. Returns whether it was.
    pub fn route(&self, tenant: &str, routing: Routing) -> bool {
        let slot = self.slot(tenant);
        let new = Arc::new(routing);
        let before = slot.rcu(|current| match current {
            Some(current) if current.generation >= new.generation => Some(Arc::clone(current)),
            _ => Some(Arc::clone(&new)),
        });
        before.is_none_or(|before| before.generation < new.generation)
    }

    /// Forgets a tenant. Its passes in flight end on the release that they began with.
    pub fn remove(&self, tenant: &str) -> Option<Arc<Routing>> {
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

    fn slot(&self, tenant: &str) -> Arc<ArcSwapOption<Routing>> {
        let known = self.tenants.read().unwrap_or_else(PoisonError::into_inner).get(tenant).cloned();
        known.unwrap_or_else(|| {
            let mut tenants = self.tenants.write().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(tenants.entry(tenant.to_owned()).or_default())
        })
    }
}
