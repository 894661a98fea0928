//! The referrals, and every way in which one is written: stamps, etags, expiry, who owns what.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::core::clock::{later, seven_digits};
use crate::core::ids::Ids;

/// The organisation id of Microsoft's copies.
pub(super) const MICROSOFT: &str = "msft";
/// Time to accept or decline a new referral (docs: 14 days).
const ANSWER_TIME: Duration = Duration::from_hours(14 * 24);

/// Who owns a copy of a referral.
#[derive(Clone, Debug)]
pub(super) struct Organization {
    pub(super) id: String,
    pub(super) name: String,
}

/// A write that others may be told of.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) id: Uuid,
    pub(super) is_new: bool,
    pub(super) organization_id: String,
    pub(super) engagement_id: String,
    pub(super) at: Timestamp,
}

/// All referrals of all organisations that the sandbox knows.
#[derive(Default)]
pub(super) struct Store {
    referrals: BTreeMap<Uuid, Stored>,
    /// The copies of each engagement, oldest first.
    engagements: HashMap<String, Vec<Uuid>>,
    last_stamp: Option<Timestamp>,
    /// No new referral expires before this time, so there is nothing to look for.
    next_expiry: Option<Timestamp>,
}

struct Stored {
    referral: Value,
    /// Lists show it from then on.
    listed_from: Timestamp,
}

impl Store {
    /// One referral, whoever owns it.
    pub(super) fn get(&self, id: Uuid) -> Option<&Value> {
        self.referrals.get(&id).map(|stored| &stored.referral)
    }

    /// All referrals that lists show at `now`.
    pub(super) fn listed(&self, now: Timestamp) -> impl Iterator<Item = &Value> {
        self.referrals.values().filter(move |stored| stored.listed_from <= now).map(|stored| &stored.referral)
    }

    /// The copy of one engagement that belongs to an organisation; the oldest if there are several.
    pub(super) fn copy_of(&self, engagement_id: &str, organization_id: &str) -> Option<Uuid> {
        let copies = self.engagements.get(&engagement_id.to_lowercase())?;
        let belongs =
            |id: &&Uuid| self.get(**id).is_some_and(|copy| text(copy, "organizationId") == organization_id);
        copies.iter().find(belongs).copied()
    }

    /// Stores a new referral: gives it an id, an engagement if it joins none, owner, stamps and links.
    pub(super) fn insert(
        &mut self,
        mut members: Map<String, Value>,
        owner: &Organization,
        now: Timestamp,
        listed_after: Duration,
        ids: &Ids,
    ) -> (Value, Change) {
        let id = ids.guid();
        let engagement = text_of(members.get("engagementId")).to_lowercase();
        let engagement = if engagement.is_empty() { ids.guid().to_string() } else { engagement };
        let at = self.stamp(now);
        let related = format!("engagements/referrals?$filter=engagementId eq {engagement}");
        for (name, value) in [
            ("id", json!(id)),
            ("engagementId", json!(engagement)),
            ("organizationId", json!(owner.id)),
            ("organizationName", json!(owner.name)),
            ("createdDateTime", json!(seven_digits(at))),
            (
                "links",
                json!({ "relatedReferrals": { "uri": related, "method": "GET" },
                              "self": { "uri": format!("engagements/referrals/{id}"), "method": "GET" } }),
            ),
        ] {
            members.insert(name.to_owned(), value);
        }
        let mut referral = Value::Object(members);
        settle_times(&mut referral, at);
        mark_written(&mut referral, at, ids);
        let change = change(id, &referral, true, at);
        self.note_expiry(&referral);
        self.engagements.entry(engagement).or_default().push(id);
        let stored = Stored { referral: referral.clone(), listed_from: later(now, listed_after) };
        self.referrals.insert(id, stored);
        (referral, change)
    }

    /// Stores the new content of a referral with a new etag and stamp. Who owns it and what it belongs to stays.
    pub(super) fn replace(
        &mut self,
        id: Uuid,
        mut referral: Value,
        now: Timestamp,
        ids: &Ids,
    ) -> Option<(Value, Change)> {
        let before = self.get(id)?;
        for name in ["id", "engagementId", "organizationId", "createdDateTime"] {
            referral[name] = before[name].clone();
        }
        let at = self.stamp(now);
        settle_times(&mut referral, at);
        mark_written(&mut referral, at, ids);
        self.note_expiry(&referral);
        let change = change(id, &referral, false, at);
        self.referrals.get_mut(&id)?.referral = referral.clone();
        Some((referral, change))
    }

    /// Closes every new referral that nobody answered in time.
    pub(super) fn expire_due(&mut self, now: Timestamp, ids: &Ids) -> Vec<Change> {
        if self.next_expiry.is_none_or(|next| next > now) {
            return Vec::new();
        }
        let waiting: Vec<(Uuid, Timestamp)> =
            self.referrals.iter().filter_map(|(id, stored)| Some((*id, expiry(&stored.referral)?))).collect();
        let (due, later): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|(_, expires)| *expires <= now);
        self.next_expiry = later.into_iter().map(|(_, expires)| expires).min();
        due.into_iter()
            .filter_map(|(id, _)| {
                let mut referral = self.get(id)?.clone();
                set_status(&mut referral, "Closed", "Expired");
                self.replace(id, referral, now, ids).map(|(_, change)| change)
            })
            .collect()
    }

    /// Remembers when to look for expired referrals next.
    fn note_expiry(&mut self, referral: &Value) {
        if let Some(expires) = expiry(referral) {
            self.next_expiry = Some(self.next_expiry.map_or(expires, |next| next.min(expires)));
        }
    }

    /// The time of a write: never the same twice, never backwards, in the 100 ns steps that are shown.
    fn stamp(&mut self, now: Timestamp) -> Timestamp {
        let step = SignedDuration::from_nanos(100);
        let next = self.last_stamp.and_then(|last| last.checked_add(step).ok());
        let at = next.map_or(now, |next| next.max(now));
        self.last_stamp = Some(at);
        at
    }
}

/// When a new referral expires; none for any other.
fn expiry(referral: &Value) -> Option<Timestamp> {
    if text(referral, "status") != "New" {
        return None;
    }
    text(referral, "expirationDateTime").parse().ok()
}

/// The text of a top-level member, or nothing.
pub(super) fn text<'a>(referral: &'a Value, name: &str) -> &'a str {
    text_of(referral.get(name))
}

fn text_of(value: Option<&Value>) -> &str {
    value.and_then(Value::as_str).unwrap_or_default()
}

/// Sets both halves of the status.
pub(super) fn set_status(referral: &mut Value, status: &str, substatus: &str) {
    referral["status"] = json!(status);
    referral["substatus"] = json!(substatus);
}

/// Sets the times that follow from the status, once.
fn settle_times(referral: &mut Value, at: Timestamp) {
    let name = match text(referral, "status") {
        "New" if text(referral, "expirationDateTime").is_empty() => {
            referral["expirationDateTime"] = json!(seven_digits(later(at, ANSWER_TIME)));
            return;
        }
        "Active" => "acceptedDateTime",
        "Closed" => "closedDateTime",
        _ => return,
    };
    if text(referral, name).is_empty() {
        referral[name] = json!(seven_digits(at));
    }
    if text(referral, "status") == "Active" {
        referral["expirationDateTime"] = Value::Null;
    }
}

/// A new etag in the form of real ones, quotes included, and the time of the write.
fn mark_written(referral: &mut Value, at: Timestamp, ids: &Ids) {
    let etag = format!("\"{:08x}-0000-0000-0000-{:08x}0000\"", ids.next(), at.as_second());
    referral["eTag"] = json!(etag);
    referral["updatedDateTime"] = json!(seven_digits(at));
}

fn change(id: Uuid, referral: &Value, is_new: bool, at: Timestamp) -> Change {
    Change {
        id,
        is_new,
        organization_id: text(referral, "organizationId").to_owned(),
        engagement_id: text(referral, "engagementId").to_owned(),
        at,
    }
}
