//! A host from start to stop: journal, tenants and their releases, workers, and the two listeners.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::Router;
use crosswalk_connectors::transport::{HttpConfig, HttpTransport};
use crosswalk_journal::{Journal, SqliteJournal, SqliteOptions};
use crosswalk_runtime::{Registry, Runtime};
use jiff::Timestamp;
use serde::Serialize;
use tokio::{
    net::TcpListener,
    sync::watch,
    task::JoinHandle,
    time::{self, Instant},
};
use tracing::{error, info, warn};

use crate::{
    admin,
    app::{App, Tenants},
    budget::WriteBudget,
    catchup,
    config::Config,
    dispatch,
    error::{Complaint, Fault},
    hooks,
    intake::Verifier,
    jobs, release,
    rollout::{self, Rollout},
    state::{self, State},
    sweep, tenant, upkeep,
};

/// How long open requests may take beyond the grace that passes have.
const LISTENERS_GRACE: Duration = Duration::from_secs(1);

/// A host that is running.
pub struct Host {
    app: Arc<App>,
    addresses: Addresses,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

/// Where a host listens.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Addresses {
    /// For webhooks, and nothing else.
    pub public: SocketAddr,
    /// For the admin API.
    pub admin: SocketAddr,
}

impl Host {
    /// Starts everything; when this returns, webhooks are accepted.
    ///
    /// # Errors
    /// When the configuration cannot work, an address is taken, or the journal cannot be opened. Nothing keeps running
    /// then.
    pub async fn start(config: Config) -> Result<Host, Complaint> {
        let (stop, stopping) = watch::channel(false);
        let app = Arc::new(open(config, stopping.clone()).await?);
        let public = bind(app.config.listen.public, "listen.public").await?;
        let admin = bind(app.config.listen.admin, "listen.admin").await?;
        let addresses = Addresses { public: address(&public)?, admin: address(&admin)? };
        tenant::restore(&app).await?;
        for name in app.tenants.names() {
            if let Err(complaint) = release::restore(&app, &name).await {
                // One tenant's plugin must not keep the others from being served; its events wait.
                error!(tenant = %name, "{complaint}");
            }
        }
        let tasks = vec![
            tokio::spawn(listen(public, hooks::router(app.clone()), stopping.clone())),
            tokio::spawn(listen(admin, admin::router(app.clone()), stopping.clone())),
            tokio::spawn(dispatch::run(app.clone(), stopping.clone())),
            tokio::spawn(catchup::run(app.clone(), stopping.clone())),
            tokio::spawn(rollout::run(app.clone(), stopping.clone())),
            tokio::spawn(sweep::run(app.clone(), stopping.clone())),
            tokio::spawn(upkeep::run(app.clone(), stopping)),
        ];
        jobs::resume(&app).await?;
        info!(public = %addresses.public, admin = %addresses.admin, "serving");
        Ok(Host { app, addresses, stop, tasks })
    }

    /// Where it listens.
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// What opens its admin API.
    pub fn admin_token(&self) -> secrecy::SecretString {
        self.app.admin_token.clone()
    }

    /// What all of its parts share.
    #[cfg(test)]
    pub(crate) fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// Stops: no new webhooks, passes in hand end or give their lanes back, then nothing runs any more.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        // A client that sends its request byte by byte must not keep the host from ending.
        let end = Instant::now() + Duration::from_millis(self.app.config.stop.grace_ms) + LISTENERS_GRACE;
        for mut task in self.tasks {
            match time::timeout_at(end, &mut task).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => error!(%error, "a part of the host did not stop in order"),
                Err(_) => {
                    warn!("requests were still open when the grace was over; they are cut off");
                    task.abort();
                }
            }
        }
    }
}

async fn open(config: Config, stopping: watch::Receiver<bool>) -> Result<App, Complaint> {
    let state = state::open(&config)?;
    let journal = open_journal(&config, &state).await?;
    let runtime = Runtime::with_cache(config.limits.runtime(), &config.state.dir.join("compiled"))
        .map_err(|error| Complaint::internal("starting the WebAssembly runtime", &error))?;
    let verifier = Verifier::from_config(&config.webhooks.partner_center).map_err(|error| {
        Complaint::new(
            Fault::Configuration,
            "the trust in Partner Center's webhooks is not configured right",
            "nothing was started",
            "check `[webhooks.partner_center]`",
        )
        .because(&error)
    })?;
    if config.webhooks.partner_center.root_files.is_empty() {
        warn!(
            "`webhooks.partner_center.root_files` is empty: no webhook of Partner Center can be believed, so its changes \
             are found by the poll only"
        );
    }
    let transport = HttpTransport::new(HttpConfig::default())
        .map_err(|error| Complaint::internal("starting the HTTP client", &error))?;
    Ok(App {
        journal: Arc::new(journal),
        journal_name: state.journal_name,
        runtime,
        registry: Registry::new(),
        tenants: Tenants::default(),
        rollout: Rollout::new(),
        budget: WriteBudget::default(),
        transport: Arc::new(transport),
        verifier,
        admin_token: state.admin_token,
        _journal_lock: state.lock,
        worker_name: format!("{}-{}", state.host_name, std::process::id()),
        stopping,
        config,
    })
}

/// Opens the journal, which this host has to itself: leases in it belong to a host that is gone.
async fn open_journal(config: &Config, state: &State) -> Result<SqliteJournal, Complaint> {
    let path = &config.journal.path;
    let unusable = |error: &crosswalk_journal::Error| {
        Complaint::new(
            Fault::Configuration,
            format!("the journal `{}` could not be opened", path.display()),
            "nothing was started, and the journal was not changed",
            "check `journal.path` and `journal.key_file`; a journal opens only with the key that it was made with",
        )
        .because(error)
    };
    let opened = SqliteJournal::open(path, &state.journal_key, SqliteOptions::default()).await;
    let journal = opened.map_err(|error| unusable(&error))?;
    let ended = journal.end_leases(Timestamp::now()).await.map_err(|error| unusable(&error))?;
    if ended > 0 {
        info!(
            lanes = ended,
            "a host before this one did not stop in order; its lanes go on from their last stored step"
        );
    }
    Ok(journal)
}

async fn bind(address: SocketAddr, key: &str) -> Result<TcpListener, Complaint> {
    TcpListener::bind(address).await.map_err(|error| {
        Complaint::new(
            Fault::Configuration,
            format!("`{address}` (`{key}`) cannot be listened on"),
            "nothing was started",
            "is another host running, or something else on this port? choose another address",
        )
        .because(&error)
    })
}

fn address(listener: &TcpListener) -> Result<SocketAddr, Complaint> {
    listener.local_addr().map_err(|error| Complaint::internal("asking for the bound address", &error))
}

async fn listen(listener: TcpListener, router: Router, mut stopping: watch::Receiver<bool>) {
    let stopped = async move {
        stopping.wait_for(|stopping| *stopping).await.ok();
    };
    if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stopped).await {
        error!(%error, "a listener ended");
    }
}
