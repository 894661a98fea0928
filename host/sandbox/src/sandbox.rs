//! The running sandbox: every system on its own port, started and stopped together.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use tokio::net::TcpListener;

use crate::core::CoreOptions;
use crate::core::server::Server;
use crate::dynamics::Dynamics;
use crate::partner_center::{CertificateError, PartnerCenter, PartnerCenterConfig};
use crate::salesforce::{Salesforce, Switches};

/// The port of Partner Center unless told otherwise.
pub const PARTNER_CENTER_PORT: u16 = 7101;

/// The port of Dynamics unless told otherwise.
pub const DYNAMICS_PORT: u16 = 7102;

/// The port of Salesforce unless told otherwise.
pub const SALESFORCE_PORT: u16 = 7103;

/// What a sandbox is told at its start.
#[derive(Clone)]
pub struct SandboxConfig {
    /// Where Partner Center listens; port 0 takes any free one.
    pub partner_center_address: SocketAddr,
    /// Where Dynamics listens; port 0 takes any free one.
    pub dynamics_address: SocketAddr,
    /// Where Salesforce listens; port 0 takes any free one.
    pub salesforce_address: SocketAddr,
    /// Partner Center's own options.
    pub partner_center: PartnerCenterConfig,
    /// Salesforce's switches at the start and after every reset.
    pub salesforce: Switches,
    /// Clock, seed and transport of all systems.
    pub options: CoreOptions,
}

impl Default for SandboxConfig {
    fn default() -> Self {
        Self {
            partner_center_address: SocketAddr::from((Ipv4Addr::LOCALHOST, PARTNER_CENTER_PORT)),
            dynamics_address: SocketAddr::from((Ipv4Addr::LOCALHOST, DYNAMICS_PORT)),
            salesforce_address: SocketAddr::from((Ipv4Addr::LOCALHOST, SALESFORCE_PORT)),
            partner_center: PartnerCenterConfig::default(),
            salesforce: Switches::default(),
            options: CoreOptions::default(),
        }
    }
}

impl SandboxConfig {
    /// The defaults on free ports, for tests that run beside each other.
    #[must_use]
    pub fn on_free_ports() -> Self {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self {
            partner_center_address: any,
            dynamics_address: any,
            salesforce_address: any,
            ..Self::default()
        }
    }
}

/// Why the sandbox did not start. Nothing listens then.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The port cannot be had.
    #[error("the {system} sandbox cannot listen on {address}; free the port or choose another one")]
    Bind {
        /// The system.
        system: &'static str,
        /// The address that was asked for.
        address: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
    /// The keys that sign webhooks cannot be made.
    #[error("the Partner Center sandbox has nothing to sign webhooks with")]
    Certificate(#[from] CertificateError),
}

/// A running sandbox. Dropping it stops it at once; [`Sandbox::stop`] lets open requests finish.
pub struct Sandbox {
    partner_center: Arc<PartnerCenter>,
    partner_center_server: Server,
    dynamics: Arc<Dynamics>,
    dynamics_server: Server,
    salesforce: Arc<Salesforce>,
    salesforce_server: Server,
}

impl Sandbox {
    /// Starts all systems.
    ///
    /// # Errors
    /// When a port is taken or the signing keys cannot be made.
    pub async fn start(config: SandboxConfig) -> Result<Self, StartError> {
        // All ports are bound before anything is served, so that a taken port leaves nothing half started.
        let center_at = bind("Partner Center", config.partner_center_address).await?;
        let dynamics_at = bind("Dynamics", config.dynamics_address).await?;
        let salesforce_at = bind("Salesforce", config.salesforce_address).await?;
        let partner_center = PartnerCenter::new(config.options.clone(), config.partner_center)?;
        partner_center.set_base_url(&center_at.url());
        let dynamics = Dynamics::new(config.options.clone());
        dynamics.set_base_url(&dynamics_at.url());
        let salesforce = Salesforce::new(config.options, config.salesforce);
        salesforce.set_base_url(&salesforce_at.url());
        let partner_center_server = center_at.serve(partner_center.router())?;
        let dynamics_server = dynamics_at.serve(dynamics.router())?;
        let salesforce_server = salesforce_at.serve(salesforce.router())?;
        Ok(Self {
            partner_center,
            partner_center_server,
            dynamics,
            dynamics_server,
            salesforce,
            salesforce_server,
        })
    }

    /// The simulated Partner Center.
    #[must_use]
    pub fn partner_center(&self) -> &Arc<PartnerCenter> {
        &self.partner_center
    }

    /// Where Partner Center listens.
    #[must_use]
    pub fn partner_center_address(&self) -> SocketAddr {
        self.partner_center_server.address()
    }

    /// Partner Center's base URL, without a slash at the end.
    #[must_use]
    pub fn partner_center_url(&self) -> String {
        self.partner_center.base_url()
    }

    /// The simulated Dynamics organisation.
    #[must_use]
    pub fn dynamics(&self) -> &Arc<Dynamics> {
        &self.dynamics
    }

    /// Where Dynamics listens.
    #[must_use]
    pub fn dynamics_address(&self) -> SocketAddr {
        self.dynamics_server.address()
    }

    /// The organisation's base URL, without a slash at the end.
    #[must_use]
    pub fn dynamics_url(&self) -> String {
        self.dynamics.base_url()
    }

    /// The simulated Salesforce organisation.
    #[must_use]
    pub fn salesforce(&self) -> &Arc<Salesforce> {
        &self.salesforce
    }

    /// Where Salesforce listens.
    #[must_use]
    pub fn salesforce_address(&self) -> SocketAddr {
        self.salesforce_server.address()
    }

    /// The organisation's base URL (its My Domain), without a slash at the end.
    #[must_use]
    pub fn salesforce_url(&self) -> String {
        self.salesforce.base_url()
    }

    /// The root certificate that a webhook receiver must trust, as PEM.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        self.partner_center.ca_pem()
    }

    /// Stops all systems; open requests get a moment to finish, queued notifications are given up.
    pub async fn stop(self) {
        self.partner_center.core().outbound.cancel();
        self.dynamics.core().outbound.cancel();
        self.salesforce.core().outbound.cancel();
        tokio::join!(
            self.partner_center_server.stop(),
            self.dynamics_server.stop(),
            self.salesforce_server.stop()
        );
    }
}

/// A port that is taken for a system but not served yet.
struct Bound {
    system: &'static str,
    address: SocketAddr,
    listener: TcpListener,
}

async fn bind(system: &'static str, address: SocketAddr) -> Result<Bound, StartError> {
    let failed = |source| StartError::Bind { system, address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok(Bound { system, address, listener })
}

impl Bound {
    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn serve(self, router: Router) -> Result<Server, StartError> {
        let Self { system, address, listener } = self;
        Server::start(listener, router).map_err(|source| StartError::Bind { system, address, source })
    }
}
