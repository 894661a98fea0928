//! Salesforce, simulated: the REST API of one organisation, sign-in, SOAP where clients need it, and its outbound
//! messages.
//!
//! One organisation with an integration user, a seller, and the objects of the sales process. A request goes through
//! `api` (who calls, limits), `dispatch` (which resource), one of `rows`, `query`, `describe` or their neighbours, and
//! comes back with the changes that became notifications. Every request is one transaction under one lock, so that
//! what a client sees is never half done. Everything that writes a record goes through `write`.
//!
//! The bearer token `sandbox` is the integration user, `seller` is the person who works in the CRM; a token from the
//! token endpoint is the integration user too, or the user that a JWT names.

mod api;
mod baseline;
mod builder;
mod catalogue;
mod cell;
mod changes;
mod collections;
mod composite;
mod conditions;
mod console;
mod control;
mod describe;
mod dispatch;
mod errors;
mod jwt;
mod lead;
mod limits;
mod locators;
mod merge;
mod metadata;
mod oauth;
mod org;
mod outbound;
mod package;
mod query;
mod record_id;
mod replication;
mod roles;
mod rows;
mod rules;
mod schema;
mod setup;
mod soap;
mod soql;
mod store;
mod tooling;
mod tree;
mod values;
mod write;
mod xml;

use std::sync::{Arc, Mutex};

use axum::Router;

pub use control::{DuplicateAction, DuplicateRule, RecordLock, Rule, Switches, Transform, ValidationRule};

use crate::core::{Core, CoreOptions, CoreParts, assemble, lock};
use org::Org;

/// The bearer token of the person who works in the CRM.
pub const SELLER_TOKEN: &str = "seller";
/// The user behind [`SELLER_TOKEN`].
pub const SELLER_ID: &str = "0055e0000000002AAA";
/// The user behind the bearer token that every system accepts, and behind every client that signs in by itself.
pub const INTEGRATION_USER_ID: &str = "0055e0000000001AAA";
/// A user who has left: nothing can be given to them.
pub const FORMER_USER_ID: &str = "0055e0000000003AAA";
/// The organisation's id, as tokens and outbound messages tell it.
pub const ORGANIZATION_ID: &str = "00D5e0000000001EAA";

/// The simulated Salesforce organisation.
pub struct Salesforce {
    core: Arc<Core>,
    base_url: Mutex<String>,
    org: Mutex<Org>,
    baseline: Switches,
}

impl Salesforce {
    /// Makes an organisation at its baseline, with these switches whenever it is reset.
    #[must_use]
    pub fn new(options: CoreOptions, baseline: Switches) -> Arc<Self> {
        let core = Core::new(CoreParts {
            system: "salesforce",
            audiences: vec![oauth::AUDIENCE.to_owned()],
            dialect: Box::new(api::Dialect),
            options,
        });
        let org = Mutex::new(Org::new(baseline.clone(), core.clock.now(), 0));
        let base_url = Mutex::new("http://127.0.0.1:7103".to_owned());
        Arc::new(Self { core, base_url, org, baseline })
    }

    /// Where it can be reached: its My Domain address.
    pub fn set_base_url(&self, base_url: &str) {
        base_url.trim_end_matches('/').clone_into(&mut lock(&self.base_url));
    }

    /// Where it can be reached, without a slash at the end.
    #[must_use]
    pub fn base_url(&self) -> String {
        lock(&self.base_url).clone()
    }

    /// All routes, ready to serve or to call as a tower service.
    pub fn router(self: &Arc<Self>) -> Router {
        let organisation = Arc::clone(self);
        let routes = api::router(self).merge(console::router(self));
        assemble(&self.core, routes, move || organisation.reset())
    }

    /// The switches as they stand.
    #[must_use]
    pub fn switches(&self) -> Switches {
        lock(&self.org).switches.clone()
    }

    /// Replaces all switches.
    pub fn set_switches(&self, switches: Switches) {
        let mut org = lock(&self.org);
        let provisioned = org.switches.provisioned;
        org.switches = switches;
        if org.switches.provisioned != provisioned {
            org.provision(self.core.clock.now());
        }
    }

    /// Runs one transaction and sends what its changes became. A refusal takes back what was written.
    fn in_transaction<T>(
        self: &Arc<Self>,
        act: impl FnOnce(&mut Org) -> errors::Outcome<T>,
    ) -> errors::Outcome<T> {
        let mut org = lock(&self.org);
        let savepoint = org.store.savepoint();
        let outcome = act(&mut org);
        if outcome.is_err() {
            org.store.roll_back(savepoint);
            org.changes.roll_back(0);
        }
        let messages = org.commit();
        drop(org);
        outbound::send(self, messages);
        outcome
    }

    /// Clock, tokens, trace, faults and notifications.
    #[must_use]
    pub fn core(&self) -> &Arc<Core> {
        &self.core
    }

    /// Back to the baseline. Versions go on, so that no ETag of before comes back.
    fn reset(&self) {
        let mut org = lock(&self.org);
        *org = Org::new(self.baseline.clone(), self.core.clock.now(), org.store.version());
    }
}
