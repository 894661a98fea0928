//! One exchange with a token endpoint, and its errors in words.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

use crate::{
    fault::Fault,
    session::retry_after,
    text::without,
    transport::{Request, Transport, TransportError},
};

/// Where tokens are asked for.
pub(super) struct Endpoint {
    pub(super) url: Url,
    pub(super) transport: Arc<dyn Transport>,
    /// What the operator has to do about an error's code.
    pub(super) help: fn(&str) -> &'static str,
}

/// What the endpoint gave.
#[derive(Deserialize)]
pub(super) struct Grant {
    pub(super) access_token: SecretString,
    #[serde(default)]
    expires_in: Option<serde_json::Value>,
    #[serde(default)]
    pub(super) refresh_token: Option<SecretString>,
    /// Where the token is good, which only Salesforce says.
    #[serde(default)]
    pub(super) instance_url: Option<String>,
}

impl Grant {
    /// The v1 endpoint writes the seconds as text, v2 as a number.
    pub(super) fn lifetime(&self) -> Duration {
        // Nothing said: ask again soon rather than be refused later.
        self.lifetime_or(Duration::from_secs(300))
    }

    /// As the endpoint says, or else this long.
    pub(super) fn lifetime_or(&self, unsaid: Duration) -> Duration {
        let seconds = match &self.expires_in {
            Some(serde_json::Value::Number(number)) => number.as_u64(),
            Some(serde_json::Value::String(text)) => text.parse().ok(),
            _ => None,
        };
        seconds.map_or(unsaid, Duration::from_secs)
    }
}

/// Why there is no token.
pub(super) enum Refused {
    /// The refresh token is not accepted (any more).
    InvalidGrant(Fault),
    /// Anything else.
    Other(Fault),
}

impl Refused {
    pub(super) fn fault(self) -> Fault {
        match self {
            Refused::InvalidGrant(fault) | Refused::Other(fault) => fault,
        }
    }
}

#[derive(Default, Deserialize)]
struct ErrorBody {
    #[serde(default)]
    error: String,
    #[serde(default)]
    error_description: String,
}

impl Endpoint {
    /// Posts the form; `secrets` never show in what comes back as an error.
    pub(super) async fn ask(
        &self,
        form: &[(&str, &str)],
        secrets: &[&SecretString],
    ) -> Result<Grant, Refused> {
        self.ask_as(None, form, secrets).await
    }

    /// The same, with an `Authorization` where the client does not name itself in the form.
    pub(super) async fn ask_as(
        &self,
        authorization: Option<HeaderValue>,
        form: &[(&str, &str)],
        secrets: &[&SecretString],
    ) -> Result<Grant, Refused> {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let mut headers = HeaderMap::new();
        headers.extend(authorization.map(|value| (header::AUTHORIZATION, value)));
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        let request =
            Request { method: Method::POST, url: self.url.clone(), headers, body: Bytes::from(body) };
        let host = self.url.host_str().unwrap_or_default();
        // Asking for a token twice does no harm, so both kinds of failure can be tried again.
        let response = self.transport.send(request).await.map_err(|error| {
            let (TransportError::NotSent { reason } | TransportError::Unknown { reason }) = error;
            let reason = without(&reason, secrets);
            Refused::Other(Fault::retry(format!("no token from `{host}`: {reason}")))
        })?;
        if response.status.is_success() {
            // The parser's own message may quote the token, so it stays out.
            return serde_json::from_slice(&response.body).map_err(|_| {
                Refused::Other(Fault::retry(format!(
                    "`{host}` answered with something that is not a token; check `token_url`"
                )))
            });
        }
        let error: ErrorBody = serde_json::from_slice(&response.body).unwrap_or_default();
        let described = without(&format!("{}: {}", error.error, error.error_description), secrets);
        let said = format!("`{host}` gave no token: {} {described}", response.status.as_u16());
        let status = response.status.as_u16();
        Err(match error.error.as_str() {
            "temporarily_unavailable" | "rate_limit_exceeded" => later(&said, &response.headers),
            _ if status == 429 || status >= 500 => later(&said, &response.headers),
            code => refused(self.help, code, &said),
        })
    }
}

fn later(said: &str, headers: &HeaderMap) -> Refused {
    Refused::Other(match Fault::retry(said) {
        Fault::Retry { reason, .. } => Fault::Retry { after: retry_after(headers), reason },
        other => other,
    })
}

/// Codes of RFC 6749 and of Entra ID, and what the operator has to do about each.
pub(super) fn entra_help(code: &str) -> &'static str {
    match code {
        "invalid_grant" | "interaction_required" => {
            "sign in again as the service account, with its second factor"
        }
        "invalid_client" => "the client secret is wrong or has expired; set a new one",
        "unauthorized_client" => {
            "the application is not known to this Entra tenant, or may not use this grant"
        }
        "invalid_scope" | "invalid_resource" | "invalid_target" => {
            "the scope is wrong or has no consent; check the address of the system, and give admin consent"
        }
        _ => "check the application's registration in Entra ID",
    }
}

fn refused(help: fn(&str) -> &'static str, code: &str, said: &str) -> Refused {
    // The help comes first: it must survive when a long message is cut.
    let fault = Fault::unauthorised(format!("{}; {said}", help(code)));
    if code == "invalid_grant" { Refused::InvalidGrant(fault) } else { Refused::Other(fault) }
}
