//! Which referrals carry which external reference.
//!
//! Partner Center has no documented filter for it, so the answer is in the list of all referrals only. The list is read
//! once and remembered; after that, what was updated since is enough. Several who ask at the same time share one look.

use std::collections::{BTreeSet, HashMap};

use crosswalk_engine::{pass::Versioned, referral::Referral};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value as Json;
use tokio::{sync::Mutex, time::Instant};

use super::{Order, PartnerCenter, list::text};
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

/// What a list says of one referral.
struct Line {
    id: String,
    reference: Option<String>,
    updated: Option<Timestamp>,
}

impl Line {
    fn of(referral: &Json) -> Option<Line> {
        let reference = text(referral, "externalReferenceId").filter(|reference| !reference.is_empty());
        Some(Line {
            id: text(referral, "id")?.to_owned(),
            reference: reference.map(str::to_ascii_lowercase),
            updated: text(referral, "updatedDateTime").and_then(|text| text.parse().ok()),
        })
    }
}

impl Known {
    fn note(&mut self, line: Line) {
        self.newest = self.newest.max(line.updated);
        let before = match &line.reference {
            Some(reference) => self.references.insert(line.id.clone(), reference.clone()),
            None => self.references.remove(&line.id),
        };
        if let Some(before) = before.filter(|before| Some(before) != line.reference.as_ref())
            && let Some(ids) = self.ids.get_mut(&before)
        {
            ids.remove(&line.id);
        }
        if let Some(reference) = line.reference {
            self.ids.entry(reference).or_default().insert(line.id);
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
        let (client, asked) = (self.clone(), Instant::now());
        let wanted = external_reference.to_ascii_lowercase();
        // In a task of its own: a pass that gives up waiting must not take a long look down with it.
        let looked = tokio::spawn(async move { client.looked_since(asked, &wanted).await });
        looked
            .await
            .map_err(|error| Fault::retry(format!("the look at Partner Center's list broke off: {error}")))?
    }

    async fn looked_since(&self, asked: Instant, wanted: &str) -> Result<Vec<String>, Fault> {
        let mut known = self.directory.0.lock().await;
        if known.looked.is_none_or(|looked| looked < asked) {
            let began = Instant::now();
            let since = known.newest.map_or(Timestamp::MIN, |newest| self.before_lag(newest));
            let mut lines = Vec::new();
            let note = |referral: &Json| {
                lines.extend(Line::of(referral));
                false
            };
            self.scan_back_to(Order::UpdatedDescending, since, note).await?;
            // Only a look that came to its end counts: half of one would hide what it did not reach for ever.
            lines.into_iter().for_each(|line| known.note(line));
            known.looked = Some(began);
        }
        Ok(known.ids.get(wanted).into_iter().flatten().cloned().collect())
    }

    /// A row may show in lists later than its stamp says.
    fn before_lag(&self, newest: Timestamp) -> Timestamp {
        let lag = i64::try_from(self.config.list_lag_ms).unwrap_or(i64::MAX);
        newest.checked_sub(SignedDuration::from_millis(lag)).unwrap_or(Timestamp::MIN)
    }
}
