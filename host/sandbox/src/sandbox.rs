//! The running sandbox: every system on its own port, started and stopped together.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::{self, ServerConfig, crypto::aws_lc_rs};

use crate::core::CoreOptions;
use crate::core::server::Server;
use crate::dynamics::Dynamics;
use crate::partner_center::{Authority, CertificateError, PartnerCenter, PartnerCenterConfig};
use crate::salesforce::{Salesforce, Switches};

/// The port of Partner Center unless told otherwise.
pub const PARTNER_CENTER_PORT: u16 = 7101;

/// The port of Dynamics unless told otherwise.
pub const DYNAMICS_PORT: u16 = 7102;

/// The port of Salesforce unless told otherwise.
pub const SALESFORCE_PORT: u16 = 7103;

/// How far a system's TLS port is above its plain one: 7201, 7202 and 7203 unless told otherwise.
pub const TLS_PORT_OFFSET: u16 = 100;

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
    /// Listen over TLS too, [`TLS_PORT_OFFSET`] above each port (or on any free one), for clients that insist on it.
    pub tls: bool,
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
            tls: false,
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
    /// The certificate for TLS cannot be used.
    #[error("the sandbox cannot listen over TLS")]
    Tls(#[from] rustls::Error),
}

/// A running sandbox. Dropping it stops it at once; [`Sandbox::stop`] lets open requests finish.
pub struct Sandbox {
    partner_center: Arc<PartnerCenter>,
    partner_center_doors: Doors,
    dynamics: Arc<Dynamics>,
    dynamics_doors: Doors,
    salesforce: Arc<Salesforce>,
    salesforce_doors: Doors,
}

impl Sandbox {
    /// Starts all systems.
    ///
    /// # Errors
    /// When a port is taken or the signing keys cannot be made.
    pub async fn start(config: SandboxConfig) -> Result<Self, StartError> {
        // All ports are bound before anything is served, so that a taken port leaves nothing half started.
        let center_at = Bound::new("Partner Center", config.partner_center_address, config.tls).await?;
        let dynamics_at = Bound::new("Dynamics", config.dynamics_address, config.tls).await?;
        let salesforce_at = Bound::new("Salesforce", config.salesforce_address, config.tls).await?;
        let partner_center = PartnerCenter::new(config.options.clone(), config.partner_center)?;
        partner_center.set_base_url(&center_at.url());
        let dynamics = Dynamics::new(config.options.clone());
        if let Some(url) = dynamics_at.tls_url() {
            dynamics.set_base_url(&url);
        }
        dynamics.set_base_url(&dynamics_at.url());
        let salesforce = Salesforce::new(config.options, config.salesforce);
        salesforce.set_base_url(&salesforce_at.url());
        let ca_pem = partner_center.ca_pem().to_owned();
        let with_root = |router: Router| {
            let file = ([("content-type", "application/x-pem-file")], ca_pem.clone());
            router.route("/_sandbox/ca.pem", get(|| async { file }))
        };
        let partner_center_doors = center_at.serve(partner_center.router())?;
        let dynamics_doors = dynamics_at.serve(with_root(dynamics.router()))?;
        let salesforce_doors = salesforce_at.serve(with_root(salesforce.router()))?;
        Ok(Self {
            partner_center,
            partner_center_doors,
            dynamics,
            dynamics_doors,
            salesforce,
            salesforce_doors,
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
        self.partner_center_doors.plain.address()
    }

    /// Partner Center's base URL, without a slash at the end.
    #[must_use]
    pub fn partner_center_url(&self) -> String {
        self.partner_center.base_url()
    }

    /// Partner Center over TLS, if the sandbox listens there; without a slash at the end.
    #[must_use]
    pub fn partner_center_tls_url(&self) -> Option<String> {
        self.partner_center_doors.tls_url()
    }

    /// The simulated Dynamics organisation.
    #[must_use]
    pub fn dynamics(&self) -> &Arc<Dynamics> {
        &self.dynamics
    }

    /// Where Dynamics listens.
    #[must_use]
    pub fn dynamics_address(&self) -> SocketAddr {
        self.dynamics_doors.plain.address()
    }

    /// The organisation's base URL, without a slash at the end.
    #[must_use]
    pub fn dynamics_url(&self) -> String {
        self.dynamics.base_url()
    }

    /// The Dynamics organisation over TLS, if the sandbox listens there; without a slash at the end.
    #[must_use]
    pub fn dynamics_tls_url(&self) -> Option<String> {
        self.dynamics_doors.tls_url()
    }

    /// The simulated Salesforce organisation.
    #[must_use]
    pub fn salesforce(&self) -> &Arc<Salesforce> {
        &self.salesforce
    }

    /// Where Salesforce listens.
    #[must_use]
    pub fn salesforce_address(&self) -> SocketAddr {
        self.salesforce_doors.plain.address()
    }

    /// The organisation's base URL (its My Domain), without a slash at the end.
    #[must_use]
    pub fn salesforce_url(&self) -> String {
        self.salesforce.base_url()
    }

    /// The Salesforce organisation over TLS, if the sandbox listens there; without a slash at the end.
    #[must_use]
    pub fn salesforce_tls_url(&self) -> Option<String> {
        self.salesforce_doors.tls_url()
    }

    /// The root certificate that a webhook receiver, and a client over TLS, must trust, as PEM.
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
            self.partner_center_doors.stop(),
            self.dynamics_doors.stop(),
            self.salesforce_doors.stop()
        );
    }
}

/// The servers of one system.
struct Doors {
    plain: Server,
    tls: Option<Server>,
}

impl Doors {
    fn tls_url(&self) -> Option<String> {
        self.tls.as_ref().map(|server| format!("https://{}", server.address()))
    }

    async fn stop(self) {
        let tls = async {
            if let Some(server) = self.tls {
                server.stop().await;
            }
        };
        tokio::join!(self.plain.stop(), tls);
    }
}

/// The ports that are taken for a system but not served yet.
struct Bound {
    system: &'static str,
    plain: Port,
    tls: Option<Port>,
}

struct Port {
    address: SocketAddr,
    listener: TcpListener,
}

impl Bound {
    async fn new(system: &'static str, address: SocketAddr, tls: bool) -> Result<Self, StartError> {
        let plain = bind(system, address).await?;
        let secure = if tls { Some(bind(system, above(address)).await?) } else { None };
        Ok(Self { system, plain, tls: secure })
    }

    fn url(&self) -> String {
        format!("http://{}", self.plain.address)
    }

    fn tls_url(&self) -> Option<String> {
        self.tls.as_ref().map(|port| format!("https://{}", port.address))
    }

    fn serve(self, router: Router) -> Result<Doors, StartError> {
        let Self { system, plain, tls } = self;
        let start = |port: Port, router: Router, acceptor: Option<TlsAcceptor>| {
            let Port { address, listener } = port;
            Server::start(listener, router, acceptor).map_err(|source| StartError::Bind {
                system,
                address,
                source,
            })
        };
        let tls = match tls {
            Some(port) => Some(start(port, router.clone(), Some(acceptor()?))?),
            None => None,
        };
        Ok(Doors { plain: start(plain, router, None)?, tls })
    }
}

/// The TLS address of a plain one; any free port stays any free port.
fn above(address: SocketAddr) -> SocketAddr {
    let port = if address.port() == 0 { 0 } else { address.port().saturating_add(TLS_PORT_OFFSET) };
    SocketAddr::new(address.ip(), port)
}

async fn bind(system: &'static str, address: SocketAddr) -> Result<Port, StartError> {
    let failed = |source| StartError::Bind { system, address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok(Port { address, listener })
}

/// Shows the certificate that the sandbox's root issued for loopback.
fn acceptor() -> Result<TlsAcceptor, StartError> {
    let identity = Authority::of_this_process()?.loopback().clone();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(identity.key);
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![identity.certificate.into()], key.into())?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
