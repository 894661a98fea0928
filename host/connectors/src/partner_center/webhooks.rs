//! The registration of Partner Center's webhooks: one address for a whole partner, on another host than referrals.
//!
//! docs: the slot is shared with any other connector or product of the same partner, so look before you take it.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use url::Url;

use super::{address, answer, json, request};
use crate::{
    fault::{ConfigError, Fault, secure},
    session::{Failure, Limits, Session, correlation},
    token::TokenSource,
    transport::{Response, Transport},
};

/// How to reach the webhooks API.
#[derive(Clone, Debug)]
pub struct WebhooksConfig {
    /// [`super::WEBHOOKS_URL`], or the sandbox.
    pub base_url: Url,
    /// Limits of the connection.
    pub limits: Limits,
}

impl WebhooksConfig {
    /// The defaults for this address.
    pub fn new(base_url: Url) -> Self {
        WebhooksConfig { base_url, limits: Limits::default() }
    }
}

/// What is registered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// Where notifications go.
    pub url: String,
    /// The names of the events.
    pub events: Vec<String>,
}

/// How a test notification went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestResult {
    /// The API's own word, `completed` at the end.
    pub status: String,
    /// One row for each attempt.
    pub deliveries: Vec<Delivery>,
}

/// One attempt to deliver a test notification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// `OK`, or the status that was answered.
    pub code: String,
    /// The API's words.
    pub message: String,
    /// When, as the API writes it.
    pub at: String,
}

/// A partner's registration of webhooks. Cloning is cheap.
#[derive(Clone)]
pub struct Webhooks {
    base_url: Url,
    session: Arc<Session>,
    pass: Option<HeaderValue>,
}

impl Webhooks {
    /// A client; it asks for nothing yet.
    ///
    /// # Errors
    /// [`ConfigError`] if the address is neither https nor on loopback.
    pub fn new(
        config: WebhooksConfig,
        transport: Arc<dyn Transport>,
        tokens: Arc<dyn TokenSource>,
    ) -> Result<Self, ConfigError> {
        secure("base_url", &config.base_url)?;
        let session = Session::new("Partner Center webhooks", transport, tokens, config.limits);
        Ok(Webhooks { base_url: config.base_url, session: Arc::new(session), pass: None })
    }

    /// The same client, whose calls carry this id as `MS-CorrelationId`.
    #[must_use]
    pub fn in_pass(&self, pass: &str) -> Self {
        Webhooks { pass: correlation(pass), ..self.clone() }
    }

    /// What is registered now; `None` if nothing is.
    ///
    /// # Errors
    /// Any [`Fault`].
    pub async fn registration(&self) -> Result<Option<Registration>, Fault> {
        let response = self.read(&["registration"]).await?;
        if response.status == StatusCode::NOT_FOUND && answer::is_missing(&response) {
            return Ok(None);
        }
        Ok(registration(&good(&response)?))
    }

    /// The names of all events that can be registered.
    ///
    /// # Errors
    /// Any [`Fault`].
    pub async fn events(&self) -> Result<Vec<String>, Fault> {
        let body = good(&self.read(&["registration", "events"]).await?)?;
        let names = body.as_array().into_iter().flatten().filter_map(Json::as_str);
        Ok(names.map(str::to_owned).collect())
    }

    /// Registers this address for these events, in place of whatever is registered. Repeating it does no harm.
    /// Signatures come in `x-ms-signature`, so that proxies that eat `Authorization` do not matter.
    ///
    /// # Errors
    /// Any [`Fault`].
    pub async fn register(&self, wanted: &Registration) -> Result<Registration, Fault> {
        let method = if self.registration().await?.is_some() { Method::PUT } else { Method::POST };
        let body = json!({
            "WebhookUrl": wanted.url,
            "WebhookEvents": wanted.events,
            "SignatureTokenToMsSignatureHeader": true,
        });
        let body = self.write(method, &["registration"], body.to_string()).await?;
        registration(&body).ok_or_else(|| {
            Fault::retry("Partner Center did not say what it registered; look with `webhook show`")
        })
    }

    /// Asks for a test notification; the answer is for [`Webhooks::test_result`]. `test-created` must be registered.
    ///
    /// # Errors
    /// Any [`Fault`]; docs: two a minute are allowed.
    pub async fn test(&self) -> Result<String, Fault> {
        let body = self.write(Method::POST, &["registration", "validationEvents"], String::new()).await?;
        member(&body, "correlationId")
            .and_then(Json::as_str)
            .map(str::to_owned)
            .ok_or_else(|| Fault::retry("Partner Center started a test, but did not say which"))
    }

    /// How a test notification went so far.
    ///
    /// # Errors
    /// Any [`Fault`].
    pub async fn test_result(&self, correlation_id: &str) -> Result<TestResult, Fault> {
        let body = good(&self.read(&["registration", "validationEvents", correlation_id]).await?)?;
        let text = |of: &Json, name: &str| match member(of, name) {
            Some(Json::String(text)) => text.clone(),
            Some(Json::Null) | None => String::new(),
            Some(other) => other.to_string(),
        };
        let rows = member(&body, "results").and_then(Json::as_array).into_iter().flatten();
        let deliveries = rows.map(|row| Delivery {
            code: text(row, "responseCode"),
            message: text(row, "responseMessage"),
            at: text(row, "dateTimeUtc"),
        });
        Ok(TestResult { status: text(&body, "status"), deliveries: deliveries.collect() })
    }

    async fn read(&self, path: &[&str]) -> Result<Response, Fault> {
        let url = address(&self.base_url, path);
        self.session.read(request(Method::GET, url, self.pass.as_ref())).await
    }

    async fn write(&self, method: Method, path: &[&str], body: String) -> Result<Json, Fault> {
        let mut request = request(method, address(&self.base_url, path), self.pass.as_ref());
        request.body = Bytes::from(body);
        match self.session.write(request).await {
            Ok(response) => good(&response),
            Err(Failure::Fault(fault)) => Err(fault),
            // Each of these writes may be repeated by whoever asked for it.
            Err(Failure::Unknown(reason)) => Err(Fault::retry(reason)),
        }
    }
}

fn good(response: &Response) -> Result<Json, Fault> {
    if response.status.is_success() { json(response) } else { Err(answer::fault(response, "webhooks")) }
}

/// docs write the names in Pascal case, live answers were seen in camel case.
fn member<'a>(of: &'a Json, name: &str) -> Option<&'a Json> {
    of.as_object()?.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

fn registration(body: &Json) -> Option<Registration> {
    let url = member(body, "WebhookUrl")?.as_str().filter(|url| !url.is_empty())?.to_owned();
    let names = member(body, "WebhookEvents").and_then(Json::as_array).into_iter().flatten();
    Some(Registration { url, events: names.filter_map(Json::as_str).map(str::to_owned).collect() })
}
