//! The running sandbox: every system on its own port, started and stopped together.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::TcpListener;

use crate::core::CoreOptions;
use crate::core::server::Server;
use crate::partner_center::{CertificateError, PartnerCenter, PartnerCenterConfig};

/// The port of Partner Center unless told otherwise.
pub const PARTNER_CENTER_PORT: u16 = 7101;

/// What a sandbox is told at its start.
#[derive(Clone)]
pub struct SandboxConfig {
    /// Where Partner Center listens; port 0 takes any free one.
    pub partner_center_address: SocketAddr,
    /// Partner Center's own options.
    pub partner_center: PartnerCenterConfig,
    /// Clock, seed and transport of all systems.
    pub options: CoreOptions,
}

impl Default for SandboxConfig {
    fn default() -> Self {
        Self {
            partner_center_address: SocketAddr::from((Ipv4Addr::LOCALHOST, PARTNER_CENTER_PORT)),
            partner_center: PartnerCenterConfig::default(),
            options: CoreOptions::default(),
        }
    }
}

impl SandboxConfig {
    /// The defaults on free ports, for tests that run beside each other.
    #[must_use]
    pub fn on_free_ports() -> Self {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self { partner_center_address: any, ..Self::default() }
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
}

impl Sandbox {
    /// Starts all systems.
    ///
    /// # Errors
    /// When a port is taken or the signing keys cannot be made.
    pub async fn start(config: SandboxConfig) -> Result<Self, StartError> {
        let SandboxConfig { partner_center_address, partner_center, options } = config;
        let center = PartnerCenter::new(options, partner_center)?;
        let (listener, url) = bind("Partner Center", partner_center_address).await?;
        center.set_base_url(&url);
        let server = serve("Partner Center", listener, center.router(), partner_center_address)?;
        Ok(Self { partner_center: center, partner_center_server: server })
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

    /// The root certificate that a webhook receiver must trust, as PEM.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        self.partner_center.ca_pem()
    }

    /// Stops all systems; open requests get a moment to finish.
    pub async fn stop(self) {
        self.partner_center_server.stop().await;
    }
}

/// Binds a system's port and says what its base URL is.
async fn bind(system: &'static str, address: SocketAddr) -> Result<(TcpListener, String), StartError> {
    let failed = |source| StartError::Bind { system, address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, format!("http://{bound}")))
}

fn serve(
    system: &'static str,
    listener: TcpListener,
    router: axum::Router,
    address: SocketAddr,
) -> Result<Server, StartError> {
    Server::start(listener, router).map_err(|source| StartError::Bind { system, address, source })
}
