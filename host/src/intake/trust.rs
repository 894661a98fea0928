//! Whom to believe: which addresses a certificate may come from, and which certificates count.

use std::{
    fmt, fs, io,
    net::IpAddr,
    path::{Path, PathBuf},
    str::FromStr,
};

use rustls_pki_types::{CertificateDer, TrustAnchor, pem::PemObject as _};
use serde::{Deserialize, Serialize};
use url::{Host, Url};
use webpki::KeyUsage;

use super::{
    cache::CacheLimits,
    refused::{Refused, quoted},
};
use crate::config::PartnerCenterWebhooks;

/// A certificate's address may be this long, in bytes.
const URL_BYTES_MAX: usize = 2048;

/// All that decides whether a signed webhook is believed.
#[derive(Clone, Debug)]
pub struct TrustConfig {
    /// Hosts that a certificate may be fetched from.
    pub certificate_hosts: Vec<HostPattern>,
    /// Names of which the certificate must carry one, as common name or DNS name. Compared whole, without case;
    /// a wildcard in a certificate stands for itself only.
    pub certificate_subjects: Vec<String>,
    /// Organisations of which the issuer's name must carry one. Empty: any issuer below the roots.
    pub issuer_organizations: Vec<String>,
    /// Where chains must end. Without any, every webhook is refused for now.
    pub roots: Vec<TrustAnchor<'static>>,
    /// Certificates between root and leaf, for senders that serve the leaf alone.
    pub intermediates: Vec<CertificateDer<'static>>,
    /// What the certificate must be made for.
    pub purpose: Purpose,
    /// Whether `http` is accepted for hosts that are this machine, and names may lead to it. For the sandbox only.
    pub allow_http_loopback: bool,
    /// The largest signed body, in bytes.
    pub body_bytes_max: usize,
    /// How fetched certificates are kept.
    pub cache: CacheLimits,
}

/// The extended key usage that a certificate must have, if it has any.
///
/// Microsoft does not say what its certificate is made for. Assumed, configurable: its name is that of a server, so
/// that it is an ordinary TLS server certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// TLS server authentication, 1.3.6.1.5.5.7.3.1.
    #[default]
    ServerAuth,
    /// TLS client authentication, 1.3.6.1.5.5.7.3.2.
    ClientAuth,
    /// Code signing, 1.3.6.1.5.5.7.3.3.
    CodeSigning,
}

impl Purpose {
    pub(crate) fn key_usage(self) -> KeyUsage {
        match self {
            Purpose::ServerAuth => KeyUsage::server_auth(),
            Purpose::ClientAuth => KeyUsage::client_auth(),
            // The object identifier's DER content, as webpki wants it.
            Purpose::CodeSigning => KeyUsage::required_if_present(&[0x2b, 6, 1, 5, 5, 7, 3, 3]),
        }
    }
}

/// Why the configured trust cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// A file could not be read.
    #[error("`{}`, named in `webhooks.partner_center.{key}`, cannot be read", file.display())]
    Unreadable {
        /// The key that names it.
        key: &'static str,
        /// The file.
        file: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// A file does not hold what it should.
    #[error("`{}`, named in `webhooks.partner_center.{key}`, cannot be used: {problem}", file.display())]
    Unusable {
        /// The key that names it.
        key: &'static str,
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// TLS cannot be set up on this machine.
    #[error("certificates cannot be fetched: TLS cannot be set up on this machine")]
    Tls(#[source] reqwest::Error),
}

impl TrustConfig {
    /// The trust that a configuration describes, with the certificates of its files.
    ///
    /// # Errors
    ///
    /// [`TrustError::Unreadable`] or [`TrustError::Unusable`], naming the file.
    pub fn load(config: &PartnerCenterWebhooks) -> Result<Self, TrustError> {
        let mut trust = Self {
            certificate_hosts: config.certificate_hosts.clone(),
            certificate_subjects: config.certificate_subjects.clone(),
            issuer_organizations: config.issuer_organizations.clone(),
            roots: Vec::new(),
            intermediates: Vec::new(),
            purpose: config.certificate_purpose,
            allow_http_loopback: config.allow_http_loopback,
            body_bytes_max: config.body_bytes_max,
            cache: config.cache_limits(),
        };
        for file in &config.root_files {
            read("root_files", file, |pem| trust.add_roots_pem(pem))?;
        }
        for file in &config.intermediate_files {
            trust.intermediates.extend(read("intermediate_files", file, certificates_from_pem)?);
        }
        Ok(trust)
    }

    /// The address to fetch, if it may be fetched.
    ///
    /// # Errors
    ///
    /// [`Refused::CertificateAddress`], with the rule that it breaks.
    pub fn certificate_url(&self, given: &str) -> Result<Url, Refused> {
        let refuse = |problem| Refused::CertificateAddress { url: quoted(given), problem };
        if given.len() > URL_BYTES_MAX {
            return Err(refuse("is too long"));
        }
        let mut url = Url::parse(given).map_err(|_| refuse("is not a URL"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refuse("carries a user name"));
        }
        let host = url.host().ok_or_else(|| refuse("names no host"))?.to_owned();
        match url.scheme() {
            "https" => {}
            "http" if self.allow_http_loopback && is_loopback(&host) => {}
            "http" => return Err(refuse("is not https")),
            _ => return Err(refuse("is neither https nor http")),
        }
        if !self.certificate_hosts.iter().any(|pattern| pattern.accepts(&host, url.port())) {
            return Err(refuse("is on a host or port that is not allowed"));
        }
        url.set_fragment(None);
        Ok(url)
    }

    /// Adds the certificates of a PEM text as roots.
    ///
    /// # Errors
    ///
    /// What is wrong with the text, as a fragment.
    pub fn add_roots_pem(&mut self, pem: &[u8]) -> Result<(), String> {
        for certificate in certificates_from_pem(pem)? {
            self.add_root(&certificate)?;
        }
        Ok(())
    }

    /// Adds one certificate as a root. It need not be self-signed: an issuing authority may be a root here.
    ///
    /// # Errors
    ///
    /// What is wrong with the certificate, as a fragment.
    pub fn add_root(&mut self, certificate: &CertificateDer<'_>) -> Result<(), String> {
        let anchor = webpki::anchor_from_trusted_cert(certificate)
            .map_err(|error| format!("a certificate in it cannot be a root: {error}"))?;
        self.roots.push(anchor.to_owned());
        Ok(())
    }
}

/// Does something with a file's content.
fn read<T>(
    key: &'static str,
    file: &Path,
    using: impl FnOnce(&[u8]) -> Result<T, String>,
) -> Result<T, TrustError> {
    let pem = fs::read(file).map_err(|error| TrustError::Unreadable { key, file: file.into(), error })?;
    using(&pem).map_err(|problem| TrustError::Unusable { key, file: file.into(), problem })
}

/// All certificates of a PEM text, of which there must be one.
pub(crate) fn certificates_from_pem(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| format!("it is not PEM: {error}"))?;
    if certificates.is_empty() {
        return Err("it holds no `-----BEGIN CERTIFICATE-----`".to_owned());
    }
    Ok(certificates)
}

/// Whether a host is this machine by its very name, without asking DNS.
pub(crate) fn is_loopback(host: &Host<String>) -> bool {
    match host {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

/// Hosts that a certificate may be fetched from: `host`, `*.suffix`, an IP literal, each with `:port` or `:*` after
/// it. Without a port, only the scheme's own is meant.
///
/// `*.suffix` accepts names of any depth below the suffix, not the suffix itself. An IP address is accepted only
/// where it is listed itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostPattern {
    host: HostPart,
    port: PortPart,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum HostPart {
    Name(String),
    /// With its leading dot.
    Suffix(String),
    Address(IpAddr),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PortPart {
    Default,
    Any,
    Exactly(u16),
}

impl HostPattern {
    /// This name, in lower case, on its scheme's own port.
    pub fn exactly(name: &str) -> Self {
        Self { host: HostPart::Name(name.to_ascii_lowercase()), port: PortPart::Default }
    }

    /// This address, on any port.
    pub fn on_any_port(address: IpAddr) -> Self {
        Self { host: HostPart::Address(address), port: PortPart::Any }
    }

    /// Whether a host, and a port where the address names one that is not its scheme's own, are meant.
    fn accepts(&self, host: &Host<String>, port: Option<u16>) -> bool {
        let host_fits = match (&self.host, host) {
            (HostPart::Name(name), Host::Domain(given)) => name == given,
            (HostPart::Suffix(suffix), Host::Domain(given)) => {
                given.len() > suffix.len() && given.ends_with(suffix.as_str())
            }
            (HostPart::Address(IpAddr::V4(address)), Host::Ipv4(given)) => address == given,
            (HostPart::Address(IpAddr::V6(address)), Host::Ipv6(given)) => address == given,
            _ => false,
        };
        let port_fits = match self.port {
            PortPart::Default => port.is_none(),
            PortPart::Any => true,
            PortPart::Exactly(expected) => port == Some(expected),
        };
        host_fits && port_fits
    }
}

impl FromStr for HostPattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || {
            format!("`{text}` is not a host pattern: expected `host`, `*.suffix`, `host:port` or `host:*`")
        };
        let (host, port) = match text.rsplit_once(':') {
            // The last colon of a bare `[::1]` is inside the brackets.
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (text, None),
        };
        let port = match port {
            None => PortPart::Default,
            Some("*") => PortPart::Any,
            Some(port) => PortPart::Exactly(port.parse().map_err(|_| expected())?),
        };
        let (suffix, name) = match host.strip_prefix("*.") {
            Some(name) => (true, name),
            None => (false, host),
        };
        let host = match Host::parse(name).map_err(|_| expected())? {
            Host::Domain(name) if name.contains('*') => return Err(expected()),
            Host::Domain(name) if suffix && name.contains('.') => HostPart::Suffix(format!(".{name}")),
            Host::Domain(name) if !suffix => HostPart::Name(name),
            Host::Ipv4(address) if !suffix => HostPart::Address(address.into()),
            Host::Ipv6(address) if !suffix => HostPart::Address(address.into()),
            _ => return Err(expected()),
        };
        Ok(Self { host, port })
    }
}

impl TryFrom<String> for HostPattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<HostPattern> for String {
    fn from(pattern: HostPattern) -> String {
        pattern.to_string()
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            HostPart::Name(name) => f.write_str(name)?,
            HostPart::Suffix(suffix) => write!(f, "*{suffix}")?,
            HostPart::Address(IpAddr::V4(address)) => write!(f, "{address}")?,
            HostPart::Address(IpAddr::V6(address)) => write!(f, "[{address}]")?,
        }
        match self.port {
            PortPart::Default => Ok(()),
            PortPart::Any => f.write_str(":*"),
            PortPart::Exactly(port) => write!(f, ":{port}"),
        }
    }
}

#[cfg(test)]
mod tests;
