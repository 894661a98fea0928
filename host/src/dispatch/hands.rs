//! How many passes of each tenant are in hand, and so whose lanes are passed over for now.
//!
//! The journal is fair between tenants in what it gives out. That is not enough where the passes of one tenant take
//! long: because its systems are slow, all workers would come to wait for them, and because its plugin is, to compute
//! for it. So a tenant has a number of passes and no more, and none begins while its plugin is over its share of the
//! processors (`crosswalk_runtime::Runtime::over_share`). Its lanes stay where they are, and nobody holds them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync;

/// A tenant with all the passes that it may have is looked at again when one of them ends, or after this time.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The passes in hand, of all workers.
pub(super) struct Hands {
    tenant_passes_max: u32,
    /// Held while looking for a lane, so that two workers do not take a tenant's last place both.
    pub(super) looking: sync::Mutex<()>,
    passes: Arc<Passes>,
}

type Passes = Mutex<HashMap<String, u32>>;

/// One pass in hand, until this is dropped.
pub(super) struct InHand {
    tenant: String,
    passes: Arc<Passes>,
}

impl Hands {
    pub(super) fn new(tenant_passes_max: u32) -> Self {
        Self { tenant_passes_max, looking: sync::Mutex::default(), passes: Arc::default() }
    }

    /// Counts a pass of this tenant.
    pub(super) fn hold(&self, tenant: &str) -> InHand {
        *lock(&self.passes).entry(tenant.to_owned()).or_default() += 1;
        InHand { tenant: tenant.to_owned(), passes: self.passes.clone() }
    }

    /// How many passes of a tenant are in hand.
    pub(super) fn of(&self, tenant: &str) -> u32 {
        lock(&self.passes).get(tenant).copied().unwrap_or_default()
    }

    /// Tenants of which no pass begins now, each with how long that may be so. `over_share` are those over their share.
    pub(super) fn passed_over(&self, mut over_share: Vec<(String, Duration)>) -> Vec<(String, Duration)> {
        let passes = lock(&self.passes);
        let full = passes.iter().filter(|(_, passes)| **passes >= self.tenant_passes_max);
        over_share.extend(full.map(|(tenant, _)| (tenant.clone(), LOOK_AGAIN)));
        over_share
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        let mut passes = lock(&self.passes);
        match passes.get_mut(&self.tenant) {
            Some(more) if *more > 1 => *more -= 1,
            _ => drop(passes.remove(&self.tenant)),
        }
    }
}

fn lock(passes: &Passes) -> MutexGuard<'_, HashMap<String, u32>> {
    passes.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(hands: &Hands, over_share: &[&str]) -> Vec<String> {
        let over_share = over_share.iter().map(|tenant| ((*tenant).to_owned(), Duration::ZERO)).collect();
        hands.passed_over(over_share).into_iter().map(|(tenant, _)| tenant).collect()
    }

    #[test]
    fn a_tenant_with_all_its_passes_in_hand_is_passed_over_until_one_ends() {
        let hands = Hands::new(2);
        let first = hands.hold("slow");
        let _other = hands.hold("calm");
        assert!(names(&hands, &[]).is_empty());
        let second = hands.hold("slow");
        assert_eq!((names(&hands, &[]), hands.of("slow")), (vec!["slow".to_owned()], 2));
        drop(first);
        assert!(names(&hands, &[]).is_empty());
        drop(second);
        assert_eq!((hands.of("slow"), hands.of("calm")), (0, 1));
    }

    #[test]
    fn a_tenant_over_its_share_is_passed_over_with_none_in_hand() {
        assert_eq!(names(&Hands::new(2), &["hog"]), ["hog"]);
    }
}
