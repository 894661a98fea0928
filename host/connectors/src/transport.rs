//! One HTTP exchange: the seam below which the real network, or a simulated one, carries a request.
//!
//! A transport never follows redirects, never retries and knows nothing of tokens. What it must get right is the one
//! question that decides whether a write may be repeated: was the request *not sent*, or is its fate *unknown*?

use std::{fmt, time::Duration};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, StatusCode};
use url::Url;

use crate::{
    fault::ConfigError,
    text::{chain, cut},
};

/// A request, whole.
#[derive(Clone)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The absolute address.
    pub url: Url,
    /// The headers, without those of the connection.
    pub headers: HeaderMap,
    /// The body; empty if there is none.
    pub body: Bytes,
}

/// An answer, whole, already decompressed.
#[derive(Clone)]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl fmt::Debug for Request {
    /// Bodies stay out: that of a token request is a secret.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = format!("{}{}", self.url.origin().ascii_serialization(), self.url.path());
        formatter
            .debug_struct("Request")
            .field("method", &self.method)
            .field("address", &address)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Response {
    /// Bodies stay out: that of a token response is a secret.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Response")
            .field("status", &self.status)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// No byte of the request left this machine; it is safe to repeat.
    #[error("the request was not sent: {reason}")]
    NotSent {
        /// What happened.
        reason: String,
    },
    /// The request may have been carried out.
    #[error("no whole answer came: {reason}")]
    Unknown {
        /// What happened.
        reason: String,
    },
}

/// Carries one request. Implementations neither retry nor follow redirects.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Sends the request and reads the whole answer, whatever its status.
    ///
    /// # Errors
    /// [`TransportError`], which says whether the request may have been carried out.
    async fn send(&self, request: Request) -> Result<Response, TransportError>;
}

/// Deadlines and limits of [`HttpTransport`].
#[derive(Clone, Debug)]
pub struct HttpConfig {
    /// To establish a connection, TLS included, in milliseconds.
    pub connect_timeout_ms: u64,
    /// Between two reads of an answer, in milliseconds.
    pub read_timeout_ms: u64,
    /// For the whole exchange, in milliseconds.
    pub overall_timeout_ms: u64,
    /// The longest answer after decompression, in bytes.
    pub response_bytes_max: usize,
    /// Certificates to trust besides the system's, PEM bundles (a company's proxy, a sandbox with TLS).
    pub extra_roots_pem: Vec<Vec<u8>>,
}

impl Default for HttpConfig {
    fn default() -> Self {
        HttpConfig {
            connect_timeout_ms: 10_000,
            // Dataverse gives synchronous customer code two minutes.
            read_timeout_ms: 120_000,
            overall_timeout_ms: 150_000,
            response_bytes_max: 32 * 1024 * 1024,
            extra_roots_pem: Vec::new(),
        }
    }
}

/// The real network: HTTP/1.1 and HTTP/2 over rustls.
pub struct HttpTransport {
    /// For everything out there; honours the usual proxy variables.
    outside: reqwest::Client,
    /// For loopback addresses, which no proxy can reach.
    loopback: reqwest::Client,
    response_bytes_max: usize,
}

impl HttpTransport {
    /// A transport with its own connection pools; share one in a process.
    ///
    /// # Errors
    /// [`ConfigError`] if a certificate cannot be read or the TLS library finds no roots to trust.
    pub fn new(config: HttpConfig) -> Result<Self, ConfigError> {
        let outside = client(&config, false)?;
        let loopback = client(&config, true)?;
        Ok(HttpTransport { outside, loopback, response_bytes_max: config.response_bytes_max })
    }

    async fn body(&self, mut response: reqwest::Response) -> Result<Bytes, TransportError> {
        let too_long = || TransportError::Unknown {
            reason: format!(
                "the answer is longer than `response_bytes_max`, {} bytes",
                self.response_bytes_max
            ),
        };
        let mut body = BytesMut::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() > self.response_bytes_max => {
                    return Err(too_long());
                }
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => return Ok(body.freeze()),
                Err(error) => return Err(TransportError::Unknown { reason: words(error) }),
            }
        }
    }
}

#[async_trait]
impl Transport for HttpTransport {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let client = if is_loopback(&request.url) { &self.loopback } else { &self.outside };
        let sent = client
            .request(request.method, request.url)
            .headers(request.headers)
            .body(request.body)
            .send()
            .await;
        let response = sent.map_err(|error| {
            let not_sent = error.is_connect() || error.is_builder();
            let reason = words(error);
            if not_sent { TransportError::NotSent { reason } } else { TransportError::Unknown { reason } }
        })?;
        let status = response.status();
        let headers = response.headers().clone();
        let body = self.body(response).await?;
        Ok(Response { status, headers, body })
    }
}

/// Whether the address is this machine's own: `localhost`, `127.0.0.0/8` or `::1`.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn client(config: &HttpConfig, loopback: bool) -> Result<reqwest::Client, ConfigError> {
    let invalid = |error: reqwest::Error| ConfigError::Invalid {
        setting: "extra_roots_pem",
        problem: format!("or the system's certificates cannot be used: {}", words(error)),
    };
    let mut roots = Vec::new();
    for pem in &config.extra_roots_pem {
        roots.extend(reqwest::Certificate::from_pem_bundle(pem).map_err(invalid)?);
    }
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("crosswalk/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        // A request is repeated by those who know whether it may be.
        .retry(reqwest::retry::never())
        .connect_timeout(Duration::from_millis(config.connect_timeout_ms))
        .read_timeout(Duration::from_millis(config.read_timeout_ms))
        .timeout(Duration::from_millis(config.overall_timeout_ms))
        .tls_certs_merge(roots);
    if loopback {
        builder = builder.no_proxy();
    }
    builder.build().map_err(invalid)
}

/// What the HTTP library says, without the address, which holds record ids and filters.
fn words(error: reqwest::Error) -> String {
    cut(&chain(&error.without_url()))
}
