//! Dataverse, simulated: the Web API v9.2 of one Dynamics 365 organisation, and its webhooks.
//!
//! One organisation with a seller, application users, four currencies and the tables of the sales process. A request
//! goes through `api` (who calls, throttling), `dispatch` (which operation), one of `query`, `crud`, `actions`,
//! `batch`, `metadata` or `delta`, and comes back with the webhook notifications that its events became. Every request
//! is one transaction under one lock, so that what a client sees is never half done.
//!
//! The bearer token `sandbox` is an application user, `seller` is the person who works in the CRM; a token from the
//! token endpoint is the application user of its client.

mod actions;
mod api;
mod baseline;
mod batch;
mod body;
mod builder;
mod bulk;
mod catalogue;
mod cell;
mod conditions;
mod control;
mod cosell;
mod crud;
mod delta;
mod dispatch;
mod edmx;
mod errors;
mod events;
mod identifiers;
mod jobs;
mod keys;
mod merge;
mod metadata;
mod new_tables;
mod odata;
mod org;
mod pipeline;
mod provision;
mod qualify;
mod query;
mod relations;
mod render;
mod rules;
mod store;
mod tables;
mod values;
mod webhooks;

use std::sync::{Arc, Mutex};

use axum::Router;
use uuid::Uuid;

pub use control::{DuplicateRule, Limit, Rule, Switches, Throttle, Transform};

use crate::core::{Core, CoreOptions, CoreParts, assemble, lock};
use jobs::Jobs;
use org::Org;

/// The bearer token of the person who works in the CRM.
pub const SELLER_TOKEN: &str = "seller";
/// The user behind [`SELLER_TOKEN`].
pub const SELLER_ID: Uuid = baseline::SELLER;
/// The application user behind the bearer token that every system accepts.
pub const APPLICATION_USER_ID: Uuid = baseline::APPLICATION;
/// The organisation's id, as `WhoAmI` and notifications tell it.
pub const ORGANIZATION_ID: Uuid = baseline::ORGANIZATION;

/// The simulated Dataverse organisation.
pub struct Dynamics {
    core: Arc<Core>,
    base_url: Mutex<String>,
    org: Mutex<Org>,
    jobs: Mutex<Jobs>,
}

impl Dynamics {
    /// Makes an organisation at its baseline.
    #[must_use]
    pub fn new(options: CoreOptions) -> Arc<Self> {
        let base_url = "http://127.0.0.1:7102".to_owned();
        let core = Core::new(CoreParts {
            system: "dynamics",
            audiences: vec![base_url.clone(), "http://localhost:7102".to_owned()],
            dialect: Box::new(api::Dialect),
            options,
        });
        let org = Org::new(core.ids.clone(), core.clock.now(), 0, Switches::default());
        Arc::new(Self { core, base_url: Mutex::new(base_url), org: Mutex::new(org), jobs: Mutex::default() })
    }

    /// Where it can be reached. The token endpoint issues tokens for this audience (`{base_url}/.default`), and for
    /// the same port of `localhost`.
    pub fn set_base_url(&self, base_url: &str) {
        let base_url = base_url.trim_end_matches('/');
        self.core.tokens.add_audience(base_url);
        self.core.tokens.add_audience(&base_url.replace("127.0.0.1", "localhost"));
        base_url.clone_into(&mut lock(&self.base_url));
    }

    /// Where it can be reached, without a slash at the end.
    #[must_use]
    pub fn base_url(&self) -> String {
        lock(&self.base_url).clone()
    }

    /// All routes, ready to serve or to call as a tower service.
    pub fn router(self: &Arc<Self>) -> Router {
        let organisation = Arc::clone(self);
        assemble(&self.core, api::router(self), move || organisation.reset())
    }

    /// Clock, tokens, trace, faults and notifications.
    #[must_use]
    pub fn core(&self) -> &Arc<Core> {
        &self.core
    }

    /// The switches as they stand.
    #[must_use]
    pub fn switches(&self) -> Switches {
        lock(&self.org).switches.clone()
    }

    /// Replaces all switches. An organisation that becomes provisioned, or is so no more, begins afresh.
    pub fn set_switches(&self, switches: Switches) {
        let mut org = lock(&self.org);
        if org.switches.unprovisioned == switches.unprovisioned {
            org.switches = switches;
        } else {
            *org = self.fresh(org.store.version(), switches);
        }
        org.secure_columns();
    }

    /// Back to the baseline. Versions go on, so that no ETag of before comes back.
    fn reset(&self) {
        let mut org = lock(&self.org);
        *org = self.fresh(org.store.version(), Switches::default());
        *lock(&self.jobs) = Jobs::default();
    }

    fn fresh(&self, after: u64, switches: Switches) -> Org {
        Org::new(self.core.ids.clone(), self.core.clock.now(), after, switches)
    }
}
