//! Which referrals carry which external reference.
//!
//! Partner Center has no documented filter for it, so the answer is in the list of all referrals only. The list is read
//! once and remembered; after that, what was updated since is enough. Several who ask at the same time share one look.

use std::collections::{BTreeSet, HashMap};

use crosswalk_engine::{pass::Versioned, referral::Referral};
use jiff::{SignedDuration, Timestamp};
use tokio::{sync::Mutex, time::Instant};

use super::{Order, PartnerCenter};
use crate::fault::{Fault, Found};

/// What lists have shown so far.
#[derive(Default)]
pub(super) struct Directory(Mutex<Known>);

#[derive(Default)]
struct Known {
    /// When the last look began.
    looked: Option<Instant>,
    /// The latest update that was seen, on Partner Center's own clock.
    newest: Option<Timestamp>,
    ids: HashMap<String, BTreeSet<String>>,
    references: HashMap<String, String>,
}

impl Known {
    fn note(&mut self, referral: &Referral) {
        let Some(id) = referral.id() else { return };
        if let Some(updated) = referral.updated().and_then(|text| text.parse().ok()) {
            self.newest = self.newest.max(Some(updated));
        }
        let reference = referral.external_reference().map(str::to_ascii_lowercase);
        let before = match &reference {
            Some(reference) => self.references.insert(id.to_owned(), reference.clone()),
            None => self.references.remove(id),
        };
        if let Some(before) = before.filter(|before| Some(before) != reference.as_ref())
            && let Some(ids) = self.ids.get_mut(&before)
        {
            ids.remove(id);
        }
        if let Some(reference) = reference {
            self.ids.entry(reference).or_default().insert(id.to_owned());
        }
    }
}

impl PartnerCenter {
    /// All referrals that carry this external reference, whenever they were created, as they are now.
    pub(super) async fn look_up(&self, external_reference: &str) -> Result<Vec<Versioned<Referral>>, Fault> {
        let mut found = Vec::new();
        for id in self.ids_of(external_reference).await? {
            if let Found::Here(referral) = self.get(&id).await? {
                let carried = referral.value.external_reference();
                if carried.is_some_and(|own| own.eq_ignore_ascii_case(external_reference)) {
                    found.push(referral);
                }
            }
        }
        Ok(found)
    }

    /// The ids that go with a reference, as of now at the earliest.
    async fn ids_of(&self, external_reference: &str) -> Result<Vec<String>, Fault> {
        let asked = Instant::now();
        let mut known = self.directory.0.lock().await;
        if known.looked.is_none_or(|looked| looked < asked) {
            let began = Instant::now();
            let since = known.newest.map_or(Timestamp::MIN, |newest| self.before_lag(newest));
            for referral in self.scan_back_to(Order::UpdatedDescending, since, |_| true).await? {
                known.note(&referral.value);
            }
            known.looked = Some(began);
        }
        let ids = known.ids.get(&external_reference.to_ascii_lowercase());
        Ok(ids.into_iter().flatten().cloned().collect())
    }

    /// A row may show in lists later than its stamp says.
    fn before_lag(&self, newest: Timestamp) -> Timestamp {
        let lag = i64::try_from(self.config.list_lag_ms).unwrap_or(i64::MAX);
        newest.checked_sub(SignedDuration::from_millis(lag)).unwrap_or(Timestamp::MIN)
    }
}
