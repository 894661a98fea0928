//! One connection to one system: tokens, concurrency, and which answers mean *later*.
//!
//! What every call of both clients shares is decided here: a 401 is answered with one new token; a read that can be
//! repeated is repeated a few times; a write is sent once, and is never repeated after it may have been carried out.
//! Answers that say something about the record (2xx and most of 4xx) are left to the client.

mod answer;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use secrecy::{ExposeSecret, SecretString};
use tokio::{sync::Semaphore, time::Instant};

pub(crate) use self::answer::ApiError;
use crate::{
    fault::Fault,
    text::{cut, without},
    token::TokenSource,
    transport::{Request, Response, Transport, TransportError},
};

/// Limits of one connection.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Requests in flight at once. Dataverse allows 52 a user; the customer's own automation wants some of them.
    pub concurrent_requests_max: usize,
    /// How often a read is tried inside the client, the first time included.
    pub read_attempts_max: u32,
    /// The pause before the second try of a read, in milliseconds; it doubles with each.
    pub read_backoff_ms: u64,
    /// A longer wait than this, in milliseconds, is the caller's to make.
    pub wait_max_ms: u64,
    /// A `Retry-After` is believed up to this many milliseconds.
    pub retry_after_max_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            concurrent_requests_max: 16,
            read_attempts_max: 3,
            read_backoff_ms: 200,
            wait_max_ms: 2_000,
            retry_after_max_ms: 3_600_000,
        }
    }
}

/// Whether a request may be repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It changes nothing.
    Read,
    /// It may change something.
    Write,
}

/// Why there is no answer to look at.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Nothing was written.
    Fault(Fault),
    /// A write may have been carried out.
    Unknown(String),
}

/// A connection: shared by all calls of one tenant to one system.
pub(crate) struct Session {
    system: &'static str,
    transport: Arc<dyn Transport>,
    tokens: Arc<dyn TokenSource>,
    permits: Semaphore,
    limits: Limits,
    /// Codes that say, whatever the status, that nothing was carried out and that later may help.
    later: &'static [&'static str],
    /// Until when the system asked to be left alone.
    quiet_until: Mutex<Option<Instant>>,
}

impl Session {
    pub(crate) fn new(
        system: &'static str,
        transport: Arc<dyn Transport>,
        tokens: Arc<dyn TokenSource>,
        limits: Limits,
    ) -> Self {
        let permits = Semaphore::new(limits.concurrent_requests_max.max(1));
        Session { system, transport, tokens, permits, limits, later: &[], quiet_until: Mutex::default() }
    }

    /// The same, with the system's codes for *nothing was carried out, try later*, which win over any status.
    pub(crate) fn with_later(self, later: &'static [&'static str]) -> Self {
        Session { later, ..self }
    }

    /// A read: an answer to look at, or a fault.
    pub(crate) async fn read(&self, request: Request) -> Result<Response, Fault> {
        let mut pause = Duration::from_millis(self.limits.read_backoff_ms);
        let mut attempts_left = self.limits.read_attempts_max.max(1);
        loop {
            attempts_left -= 1;
            let fault = match self.attempt(&request, Kind::Read).await {
                Ok(response) => return Ok(response),
                Err(Failure::Unknown(reason)) => Fault::Retry { after: None, reason },
                Err(Failure::Fault(fault)) => fault,
            };
            let Fault::Retry { after, .. } = &fault else { return Err(fault) };
            let wait = after.unwrap_or(pause);
            if attempts_left == 0 || wait > Duration::from_millis(self.limits.wait_max_ms) {
                return Err(fault);
            }
            tracing::debug!(system = self.system, reason = fault.reason(), "a read is tried again");
            tokio::time::sleep(wait).await;
            pause = pause.saturating_mul(2);
        }
    }

    /// A write: sent once.
    pub(crate) async fn write(&self, request: Request) -> Result<Response, Failure> {
        self.attempt(&request, Kind::Write).await
    }

    /// A call that has the token in its body too, and tells what went wrong with a 500 and a body, which is left to the
    /// caller. Sent once; once more with a new token where `is_refused` says that the token was not accepted.
    pub(crate) async fn soap(
        &self,
        request: impl Fn(&SecretString) -> Request,
        is_refused: impl Fn(&Response) -> bool,
    ) -> Result<Response, Failure> {
        let _permit = self.permits.acquire().await;
        self.quiet()?;
        let token = self.tokens.token().await.map_err(Failure::Fault)?;
        let mut response = self.send(&request(&token), &token, Kind::Write).await?;
        if response.status == StatusCode::UNAUTHORIZED || is_refused(&response) {
            let token = self.tokens.instead_of(&token).await.map_err(Failure::Fault)?;
            response = self.send(&request(&token), &token, Kind::Write).await?;
            if response.status == StatusCode::UNAUTHORIZED || is_refused(&response) {
                return Err(Failure::Fault(self.refused_twice(&response)));
            }
        }
        let is_told = response.status.as_u16() == 500 && content_type(&response.headers).contains("xml");
        if is_told { Ok(response) } else { self.judge(response, Kind::Write) }
    }

    async fn attempt(&self, request: &Request, kind: Kind) -> Result<Response, Failure> {
        let _permit = self.permits.acquire().await;
        self.quiet()?;
        let token = self.tokens.token().await.map_err(Failure::Fault)?;
        let response = self.send(request, &token, kind).await?;
        if response.status != StatusCode::UNAUTHORIZED {
            return self.judge(response, kind);
        }
        // A 401 means that nothing was carried out, so even a write may be sent again.
        let token = self.tokens.instead_of(&token).await.map_err(Failure::Fault)?;
        let response = self.send(request, &token, kind).await?;
        if response.status == StatusCode::UNAUTHORIZED {
            return Err(Failure::Fault(self.refused_twice(&response)));
        }
        self.judge(response, kind)
    }

    async fn send(&self, request: &Request, token: &SecretString, kind: Kind) -> Result<Response, Failure> {
        let mut request = request.clone();
        let Ok(mut bearer) = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret())) else {
            return Err(Failure::Fault(Fault::unauthorised("the access token is not a legal header value")));
        };
        bearer.set_sensitive(true);
        request.headers.insert(header::AUTHORIZATION, bearer);
        // docs: a new one for every call.
        if let Ok(id) = HeaderValue::from_str(&uuid::Uuid::new_v4().to_string()) {
            request.headers.insert(HeaderName::from_static("client-request-id"), id);
        }
        match self.transport.send(request).await {
            Ok(response) => Ok(redacted(response, token)),
            Err(error @ TransportError::NotSent { .. }) => {
                Err(Failure::Fault(Fault::retry(format!("{}: {error}", self.system))))
            }
            Err(error) if kind == Kind::Read => {
                Err(Failure::Fault(Fault::retry(format!("{}: {error}", self.system))))
            }
            Err(error) => Err(Failure::Unknown(cut(&format!("{}: {error}", self.system)))),
        }
    }

    /// Sorts out the answers that say nothing about the record.
    fn judge(&self, response: Response, kind: Kind) -> Result<Response, Failure> {
        let status = response.status.as_u16();
        let after = retry_after(&response.headers)
            .map(|after| after.min(Duration::from_millis(self.limits.retry_after_max_ms)));
        let said = || format!("{} answered {}", self.system, ApiError::of(&response));
        match status {
            429 | 503 if status == 429 || after.is_some() || kind == Kind::Read => {
                if let Some(after) = after {
                    self.be_quiet_for(after);
                }
                Err(Failure::Fault(Fault::Retry { after, reason: cut(&said()) }))
            }
            // Not enough room, or too much traffic: it was not carried out.
            507 | 509 => Err(Failure::Fault(Fault::Retry { after, reason: cut(&said()) })),
            500 if ApiError::of(&response).is_one_of(self.later) => {
                Err(Failure::Fault(Fault::Retry { after, reason: cut(&said()) }))
            }
            // A gateway says these also when it lost the connection behind it.
            408 | 500 | 502 | 503 | 504 if kind == Kind::Write => Err(Failure::Unknown(cut(&said()))),
            408 | 500 | 502 | 504 => Err(Failure::Fault(Fault::Retry { after, reason: cut(&said()) })),
            // A 300 is no redirect: Salesforce lists the records that a key has found.
            301..=399 => Err(Failure::Fault(Fault::reject(format!(
                "{} answered {status} with a redirect, which is never followed; check its address",
                self.system
            )))),
            _ => Ok(response),
        }
    }

    fn refused_twice(&self, response: &Response) -> Fault {
        let claims = response
            .headers
            .get(header::WWW_AUTHENTICATE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.contains("insufficient_claims"));
        let help = if claims {
            "a conditional access policy wants more than this sign-in gives; sign in again with the second factor"
        } else {
            "check the audience of the token, and that the application and its user still exist and are enabled"
        };
        let said = ApiError::of(response);
        Fault::unauthorised(format!("{} refuses a new token too: {help}; it answered {said}", self.system))
    }

    /// Does not spend a call while the system asked to be left alone.
    fn quiet(&self) -> Result<(), Failure> {
        let until = *self.quiet_until.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(left) = until.map(|until| until.saturating_duration_since(Instant::now())) else {
            return Ok(());
        };
        if left.is_zero() {
            return Ok(());
        }
        let reason = format!("{} asked to be left alone for another {} ms", self.system, left.as_millis());
        Err(Failure::Fault(Fault::Retry { after: Some(left), reason }))
    }

    fn be_quiet_for(&self, after: Duration) {
        *self.quiet_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + after);
    }
}

/// An answer that is not a success, without the token, should a careless server have sent it back.
fn redacted(mut response: Response, token: &SecretString) -> Response {
    let multipart = content_type(&response.headers).starts_with("multipart/");
    if !response.status.is_success() || multipart {
        let text = String::from_utf8_lossy(&response.body);
        let clean = without(&text, &[token]);
        if clean != text {
            response.body = Bytes::from(clean);
        }
    }
    response
}

/// The content type, or nothing.
pub(crate) fn content_type(headers: &HeaderMap) -> &str {
    headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// How long the system asks to be left alone: seconds, or a date, which is taken against the answer's own `Date` so
/// that this machine's clock does not matter.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let value = text(header::RETRY_AFTER)?;
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let moment = |text: &str| jiff::fmt::rfc2822::parse(text).ok().map(|zoned| zoned.timestamp());
    let (at, now) = (moment(value)?, moment(text(header::DATE)?)?);
    Some(Duration::from_secs(u64::try_from(at.as_second() - now.as_second()).unwrap_or(0)))
}

/// The identifier of a pass, if it can be a header.
pub(crate) fn correlation(pass: &str) -> Option<HeaderValue> {
    if pass.is_empty() || pass.len() > 128 {
        return None;
    }
    HeaderValue::from_str(pass).ok()
}
