//! What all parts of the host share.

use std::{
    collections::HashMap,
    fs::File,
    sync::{Arc, PoisonError, RwLock},
};

use crosswalk_connectors::transport::Transport;
use crosswalk_journal::Journal;
use crosswalk_runtime::{Registry, Runtime};
use jiff::Timestamp;
use secrecy::SecretString;
use tokio::sync::watch;

use crate::{budget::WriteBudget, config::Config, intake::Verifier, rollout::Rollout, tenant::Tenant};

/// One running host. Two of them fit into one process; nothing is global.
pub(crate) struct App {
    /// How it is configured.
    pub(crate) config: Config,
    /// What it remembers.
    pub(crate) journal: Arc<dyn Journal>,
    /// A name for this journal's life, so that ids made from pass numbers never repeat across journals.
    pub(crate) journal_name: String,
    /// Where plugins are compiled and run.
    pub(crate) runtime: Runtime,
    /// Which release each tenant is on.
    pub(crate) registry: Registry,
    /// Tenants with their connections.
    pub(crate) tenants: Tenants,
    /// What releases on watch have done.
    pub(crate) rollout: Rollout,
    /// How much each pair may still write.
    pub(crate) budget: WriteBudget,
    /// How calls leave.
    pub(crate) transport: Arc<dyn Transport>,
    /// Who may send Partner Center's webhooks.
    pub(crate) verifier: Verifier,
    /// What opens the admin API.
    pub(crate) admin_token: SecretString,
    /// Held for as long as the host runs: the journal is its own.
    pub(crate) _journal_lock: File,
    /// What this host's workers are called in the journal.
    pub(crate) worker_name: String,
    /// True from the moment that a stop is asked for.
    pub(crate) stopping: watch::Receiver<bool>,
}

impl App {
    /// The present time, for what is stored and shown to plugins.
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    /// Whether a stop was asked for.
    pub(crate) fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }
}

/// The tenants that this host serves.
#[derive(Default)]
pub(crate) struct Tenants(RwLock<HashMap<String, Arc<Tenant>>>);

impl Tenants {
    /// One tenant, as it is now; a pass keeps the one that it began with.
    pub(crate) fn get(&self, name: &str) -> Option<Arc<Tenant>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// Adds or replaces a tenant.
    pub(crate) fn put(&self, tenant: Tenant) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(tenant.name.clone(), Arc::new(tenant));
    }

    /// All names, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> =
            self.0.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect();
        names.sort();
        names
    }
}
