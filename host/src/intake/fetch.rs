//! Fetching the certificate that a request names: one GET, to a public address, without following anything.

use std::{
    error::Error as StdError,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use reqwest::{
    Client, Response,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect,
};
use url::Url;

/// Fetches what is at a certificate's address. The address has been checked already.
#[async_trait]
pub trait CertificateFetcher: Send + Sync {
    /// The bytes at `url`, a few KiB at most, within a few seconds.
    async fn fetch(&self, url: &Url) -> Result<Bytes, FetchError>;
}

/// Why a certificate could not be fetched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The host answered with something other than 200.
    #[error("its host answered {0}")]
    Status(u16),
    /// The host wanted to send us elsewhere.
    #[error("its host answered {0}, and a redirect is never followed")]
    Redirect(u16),
    /// More bytes than a certificate chain has.
    #[error("it is larger than {max_bytes} bytes")]
    TooLarge {
        /// The limit, in bytes.
        max_bytes: usize,
    },
    /// The name leads to this machine or into a private network.
    #[error("`{host}` leads to no public address")]
    NotPublic {
        /// The name that was resolved.
        host: String,
    },
    /// No answer in time.
    #[error("it did not arrive within {max_ms} ms")]
    TimedOut {
        /// The limit, in milliseconds.
        max_ms: u64,
    },
    /// No connection, or it broke.
    #[error("its host could not be reached: {0}")]
    Unreachable(String),
}

impl FetchError {
    /// Whether another try can only end the same way, until somebody changes something.
    pub fn is_permanent(&self) -> bool {
        matches!(self, FetchError::Redirect(_) | FetchError::TooLarge { .. } | FetchError::NotPublic { .. })
    }
}

/// What [`HttpFetcher`] puts up with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FetchLimits {
    /// The largest answer, in bytes.
    pub bytes_max: usize,
    /// The time for the whole exchange, in milliseconds.
    pub timeout_ms: u64,
    /// Whether names may lead to this machine (sandbox only).
    pub allow_loopback: bool,
}

/// Fetches over HTTP, without redirects, proxies, decompression or private addresses.
///
/// A proxy from the environment is not used: through it, the name would be resolved where no check of ours is made.
#[derive(Clone, Debug)]
pub struct HttpFetcher {
    client: Client,
    limits: FetchLimits,
}

impl HttpFetcher {
    /// A fetcher with these limits.
    ///
    /// # Errors
    ///
    /// If TLS cannot be set up on this machine.
    pub fn new(limits: FetchLimits) -> Result<Self, reqwest::Error> {
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .no_gzip()
            .referer(false)
            .timeout(Duration::from_millis(limits.timeout_ms))
            .dns_resolver(PublicOnly { allow_loopback: limits.allow_loopback })
            .build()?;
        Ok(Self { client, limits })
    }

    fn failed(&self, error: &reqwest::Error) -> FetchError {
        if let Some(refused) = source_of::<NotPublic>(error) {
            return FetchError::NotPublic { host: refused.0.clone() };
        }
        if error.is_timeout() {
            return FetchError::TimedOut { max_ms: self.limits.timeout_ms };
        }
        FetchError::Unreachable(innermost(error).to_string())
    }

    async fn read(&self, mut response: Response) -> Result<Bytes, FetchError> {
        let too_large = FetchError::TooLarge { max_bytes: self.limits.bytes_max };
        if response.content_length().is_some_and(|bytes| bytes > self.limits.bytes_max as u64) {
            return Err(too_large);
        }
        let mut whole = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.failed(&error))? {
            if whole.len() + chunk.len() > self.limits.bytes_max {
                return Err(too_large);
            }
            whole.extend_from_slice(&chunk);
        }
        Ok(whole.freeze())
    }
}

#[async_trait]
impl CertificateFetcher for HttpFetcher {
    async fn fetch(&self, url: &Url) -> Result<Bytes, FetchError> {
        let response =
            self.client.get(url.clone()).send().await.map_err(|error| self.failed(&error.without_url()))?;
        match response.status() {
            status if status.is_redirection() => Err(FetchError::Redirect(status.as_u16())),
            http::StatusCode::OK => self.read(response).await,
            status => Err(FetchError::Status(status.as_u16())),
        }
    }
}

/// Resolves names, and drops every address that is not public.
#[derive(Clone, Copy, Debug)]
struct PublicOnly {
    allow_loopback: bool,
}

#[derive(Debug, thiserror::Error)]
#[error("`{0}` leads to no public address")]
struct NotPublic(String);

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let allow_loopback = self.allow_loopback;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let usable: Vec<SocketAddr> =
                found.filter(|address| may_connect(address.ip(), allow_loopback)).collect();
            if usable.is_empty() {
                return Err(NotPublic(name.as_str().to_owned()).into());
            }
            Ok(Box::new(usable.into_iter()) as Addrs)
        })
    }
}

fn may_connect(address: IpAddr, allow_loopback: bool) -> bool {
    is_public(address) || (allow_loopback && address.is_loopback())
}

/// Whether an address is on the public internet, by the special-purpose registries (RFC 6890 and its updates).
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = a == 0
        || a >= 240
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (b == 18 || b == 19));
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(v4) = address.to_ipv4_mapped() {
        return is_public_v4(v4);
    }
    let [a, b, c, d, e, f, g, h] = address.segments();
    // Where a network has only IPv6, names lead to 64:ff9b::/96, which stands for the IPv4 address at its end.
    if [a, b, c, d, e, f] == [0x64, 0xff9b, 0, 0, 0, 0] {
        let [g, h] = [g.to_be_bytes(), h.to_be_bytes()];
        return is_public_v4(Ipv4Addr::new(g[0], g[1], h[0], h[1]));
    }
    // Of what is left, only 2000::/3 is given out; 2001::/23, 2002::/16 and the documentation prefixes are special.
    let special = (a == 0x2001 && (b < 0x200 || b == 0xdb8)) || a == 0x2002 || (a == 0x3fff && b < 0x1000);
    a & 0xe000 == 0x2000 && !special
}

fn chain<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

fn source_of<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    chain(error).find_map(|error| error.downcast_ref())
}

fn innermost<'a>(error: &'a (dyn StdError + 'static)) -> &'a (dyn StdError + 'static) {
    chain(error).last().unwrap_or(error)
}

#[cfg(test)]
mod tests;
