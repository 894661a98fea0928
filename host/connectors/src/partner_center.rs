//! Partner Center's referrals: read one, list, create, patch; and the registration of webhooks.
//!
//! Two rules of this client are stricter than the API: a PATCH always carries If-Match, and of an address that a
//! server gives (`@odata.nextLink`, `links`) at most the query is used, on the configured base.

mod answer;
mod directory;
mod list;
mod patch;
mod webhooks;

use std::sync::Arc;

use bytes::Bytes;
use crosswalk_engine::{
    pass::{Seen, SystemRefusal, Versioned},
    referral::Referral,
    value::Fields,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use url::Url;

use self::directory::Directory;
pub use self::{
    list::{Order, ReferralPage, ReferralQuery},
    webhooks::{Delivery, Registration, TestResult, Webhooks, WebhooksConfig},
};
use crate::{
    fault::{ConfigError, Fault, Found, secure},
    session::{Failure, Limits, Session, correlation},
    text::cut,
    token::TokenSource,
    transport::{Request, Response, Transport},
};

/// The address of the referrals API, for [`PartnerCenterConfig::new`].
pub const REFERRALS_URL: &str = "https://api.partner.microsoft.com/v1.0/engagements";
/// The audience of its tokens.
pub const REFERRALS_AUDIENCE: &str = "https://api.partner.microsoft.com";
/// The address of the webhooks API, for [`WebhooksConfig::new`].
pub const WEBHOOKS_URL: &str = "https://api.partnercenter.microsoft.com/webhooks/v1";
/// The audience of its tokens.
pub const WEBHOOKS_AUDIENCE: &str = "https://api.partnercenter.microsoft.com";

/// How referrals are found by their external reference id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FindBy {
    /// List the newest first, back to the time in question. Rests on documented options only.
    #[default]
    Scan,
    /// `$filter=externalReferenceId eq '…'`. Cheaper, but not among the filters that are documented.
    Filter,
}

/// How to reach the referrals of one partner.
#[derive(Clone, Debug)]
pub struct PartnerCenterConfig {
    /// [`REFERRALS_URL`], or the sandbox.
    pub base_url: Url,
    /// How referrals are found by their external reference id.
    pub find_by: FindBy,
    /// A listing longer than this many pages (of at most 100 referrals each) is given up with a fault.
    pub pages_max: u32,
    /// How far Partner Center's clock may be from ours, in milliseconds; a scan looks this much further back.
    pub clock_skew_ms: u64,
    /// How much later than its stamp says a referral may show in a list, in milliseconds.
    pub list_lag_ms: u64,
    /// Limits of the connection.
    pub limits: Limits,
}

impl PartnerCenterConfig {
    /// The defaults for this address.
    pub fn new(base_url: Url) -> Self {
        PartnerCenterConfig {
            base_url,
            find_by: FindBy::default(),
            pages_max: 5_000,
            clock_skew_ms: 300_000,
            list_lag_ms: 60_000,
            limits: Limits::default(),
        }
    }
}

/// The referrals of one partner. Cloning is cheap; clones share token, limits and connections.
#[derive(Clone)]
pub struct PartnerCenter {
    config: Arc<PartnerCenterConfig>,
    session: Arc<Session>,
    directory: Arc<Directory>,
    pass: Option<HeaderValue>,
}

impl PartnerCenter {
    /// A client; it asks for nothing yet.
    ///
    /// # Errors
    /// [`ConfigError`] if the address is neither https nor on loopback.
    pub fn new(
        config: PartnerCenterConfig,
        transport: Arc<dyn Transport>,
        tokens: Arc<dyn TokenSource>,
    ) -> Result<Self, ConfigError> {
        secure("base_url", &config.base_url)?;
        let session = Session::new("Partner Center", transport, tokens, config.limits.clone());
        Ok(PartnerCenter {
            config: Arc::new(config),
            session: Arc::new(session),
            directory: Arc::default(),
            pass: None,
        })
    }

    /// The same client, whose calls carry the pass's id as `MS-CorrelationId`.
    #[must_use]
    pub fn in_pass(&self, pass: &str) -> Self {
        PartnerCenter { pass: correlation(pass), ..self.clone() }
    }

    /// Reads one referral. A 404 is [`Found::Missing`]; a 403 is [`Found::NotVisible`], but only if this user may
    /// list referrals at all: a role that was taken away must not look like referrals that disappeared.
    ///
    /// # Errors
    /// Any [`Fault`].
    pub async fn get(&self, id: &str) -> Result<Found<Versioned<Referral>>, Fault> {
        let request = self.request(Method::GET, self.one(id)?);
        let response = self.session.read(request).await?;
        match response.status {
            status if status.is_success() => answer::referral(&response).map(Found::Here),
            StatusCode::NOT_FOUND if answer::is_missing(&response) => Ok(Found::Missing),
            StatusCode::FORBIDDEN if !answer::wants_claims(&response) => {
                self.list(&ReferralQuery { top: Some(1), ..ReferralQuery::default() }).await?;
                Ok(Found::NotVisible)
            }
            _ => Err(answer::fault(&response, &format!("referral `{id}`"))),
        }
    }

    /// Creates a referral. There is no idempotency key, so this is sent once and never repeated.
    ///
    /// Answers with [`Seen::Posted`], [`Seen::Refused`] or [`Seen::Unknown`].
    ///
    /// # Errors
    /// A [`Fault`] means that nothing was created.
    pub async fn create(&self, referral: &Referral) -> Result<Seen, Fault> {
        let mut request = self.request(Method::POST, self.all());
        request.body = Bytes::from(referral.0.to_string());
        let response = match self.session.write(request).await {
            Ok(response) => response,
            Err(failure) => return unknown(failure),
        };
        if !response.status.is_success() {
            return answer::refused_write(&response, &Fields::new());
        }
        Ok(match answer::referral(&response) {
            Ok(posted) => Seen::Posted(posted),
            Err(fault) => {
                Seen::Unknown(cut(&format!("a referral was created, but not named: {}", fault.reason())))
            }
        })
    }

    /// Replaces what `fields` name, if the referral still has this version. A path that nobody may patch is refused
    /// here, and nothing is sent.
    ///
    /// Answers with [`Seen::Written`] (its version empty if the API does not tell the new one), [`Seen::Stale`] (also
    /// if the referral is gone), [`Seen::Refused`] or [`Seen::Unknown`].
    ///
    /// # Errors
    /// A [`Fault`] means that nothing was written.
    pub async fn patch(&self, id: &str, fields: &Fields, version: &str) -> Result<Seen, Fault> {
        let body = match patch::document(fields) {
            Ok(body) => body,
            Err(refusal) => return Ok(Seen::Refused(refusal)),
        };
        let Some(if_match) = answer::quoted(version) else {
            let reason = format!("referral `{id}` was not written: its version is not known");
            return Ok(Seen::Refused(SystemRefusal { fields: Vec::new(), reason }));
        };
        let mut request = self.request(Method::PATCH, self.one(id)?);
        request.headers.insert(header::IF_MATCH, if_match);
        request
            .headers
            .insert(HeaderName::from_static("prefer"), HeaderValue::from_static("return=representation"));
        request.body = Bytes::from(body);
        let response = match self.session.write(request).await {
            Ok(response) => response,
            Err(failure) => return unknown(failure),
        };
        if response.status.is_success() {
            return Ok(Seen::Written { version: answer::version(&response).unwrap_or_default(), key: None });
        }
        answer::refused_write(&response, fields)
    }

    fn all(&self) -> Url {
        address(&self.config.base_url, &["referrals"])
    }

    fn one(&self, id: &str) -> Result<Url, Fault> {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if id.is_empty() || id.len() > 64 || !id.bytes().all(legal) {
            return Err(Fault::reject(format!("`{id}` is not the id of a referral; nothing was sent")));
        }
        Ok(address(&self.config.base_url, &["referrals", id]))
    }

    fn request(&self, method: Method, url: Url) -> Request {
        request(method, url, self.pass.as_ref())
    }
}

/// The base with further path segments, percent-encoded.
fn address(base: &Url, segments: &[&str]) -> Url {
    let mut url = base.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(segments);
    }
    url
}

fn request(method: Method, url: Url, pass: Option<&HeaderValue>) -> Request {
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    if method != Method::GET {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    if let Some(pass) = pass {
        headers.insert(HeaderName::from_static("ms-correlationid"), pass.clone());
    }
    Request { method, url, headers, body: Bytes::new() }
}

/// A write without an answer to look at.
fn unknown(failure: Failure) -> Result<Seen, Fault> {
    match failure {
        Failure::Fault(fault) => Err(fault),
        Failure::Unknown(reason) => Ok(Seen::Unknown(reason)),
    }
}

/// The body as JSON.
fn json(response: &Response) -> Result<serde_json::Value, Fault> {
    serde_json::from_slice(&response.body).map_err(|error| {
        Fault::retry(format!("Partner Center answered with something that is not JSON: {error}"))
    })
}
