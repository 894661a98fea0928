//! The pass that a call belongs to.

use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};

use crate::{
    Refusal, Result,
    contract::{self, CrmRecord, RecordKey},
};

/// The pass that this call belongs to.
#[derive(Clone, Debug, PartialEq)]
pub struct Context {
    tenant: String,
    now: Timestamp,
    record: Option<RecordKey>,
}

impl Context {
    /// A pass of this tenant at this time.
    pub fn new(tenant: impl Into<String>, now: Timestamp) -> Self {
        Self { tenant: tenant.into(), now, record: None }
    }

    /// The tenant's name.
    pub fn tenant(&self) -> &str {
        &self.tenant
    }

    /// The time of the pass. The only clock there is.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The day that is so many days after the pass, in UTC.
    pub fn in_days(&self, days: i32) -> Date {
        let wait = SignedDuration::from_hours(24 * i64::from(days));
        self.now.checked_add(wait).unwrap_or(self.now).to_zoned(TimeZone::UTC).date()
    }

    /// Which record of the CRM the call is about, if there is one yet.
    pub fn record(&self) -> Option<&RecordKey> {
        self.record.as_ref()
    }

    /// The same pass, about this record.
    #[must_use]
    pub fn about(mut self, record: RecordKey) -> Self {
        self.record = Some(record);
        self
    }

    #[doc(hidden)]
    pub fn read(context: &contract::Context, linked: Option<&CrmRecord>) -> Result<Self> {
        let now = context.now.parse().map_err(|_| {
            Refusal::reject(format!("the time of the pass is `{}`, which is no RFC 3339 time", context.now))
        })?;
        Ok(Self { tenant: context.tenant.clone(), now, record: linked.map(|linked| linked.key.clone()) })
    }
}
