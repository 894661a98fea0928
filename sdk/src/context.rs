//! The pass that a call belongs to.

use jiff::Timestamp;

use crate::{Refusal, Result, contract};

/// The pass that this call belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    tenant: String,
    now: Timestamp,
}

impl Context {
    /// A pass of this tenant at this time.
    pub fn new(tenant: impl Into<String>, now: Timestamp) -> Self {
        Self { tenant: tenant.into(), now }
    }

    /// The tenant's name.
    pub fn tenant(&self) -> &str {
        &self.tenant
    }

    /// The time of the pass. The only clock there is.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    #[doc(hidden)]
    pub fn read(context: &contract::Context) -> Result<Self> {
        let now = context.now.parse().map_err(|_| {
            Refusal::reject(format!("the time of the pass is `{}`, which is no RFC 3339 time", context.now))
        })?;
        Ok(Self::new(context.tenant.clone(), now))
    }
}
