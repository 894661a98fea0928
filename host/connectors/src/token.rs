//! Access tokens: one request however many callers wait, renewed before they expire, never shown.
//!
//! [`ClientCredentials`] is Dataverse's way (an application user), [`SalesforceSignIn`] Salesforce's (an integration user),
//! [`RefreshTokenGrant`] Partner Center's (a person who signed in once, with a second factor), [`StaticToken`] the
//! sandbox's.

mod client_credentials;
mod endpoint;
mod jwt;
mod refresh;
mod salesforce;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use tokio::{sync::Mutex, time::Instant};
use url::Url;

pub use self::{
    client_credentials::{ClientCredentials, ClientCredentialsConfig},
    refresh::{RefreshForm, RefreshTokenConfig, RefreshTokenGrant, RefreshTokenStore, StoreError},
    salesforce::{SalesforceGrant, SalesforceSignIn, SalesforceSignInConfig},
};
use crate::fault::Fault;

/// Where access tokens come from.
#[async_trait]
pub trait TokenSource: Send + Sync {
    /// A token that is good for a while.
    ///
    /// # Errors
    /// [`Fault::Retry`] if the token endpoint does not answer, [`Fault::Unauthorised`] if it refuses us.
    async fn token(&self) -> Result<SecretString, Fault>;

    /// A token other than `rejected`, which was answered with 401.
    ///
    /// # Errors
    /// As [`TokenSource::token`]; [`Fault::Unauthorised`] also where there can be no other.
    async fn instead_of(&self, rejected: &SecretString) -> Result<SecretString, Fault>;

    /// The address that the tokens are for, where the token endpoint tells one (Salesforce does) and has told it.
    fn instance(&self) -> Option<Url> {
        None
    }
}

/// One token for ever, for the sandbox.
#[derive(Debug)]
pub struct StaticToken(SecretString);

impl StaticToken {
    /// A source that always answers with this token.
    pub fn new(token: SecretString) -> Self {
        StaticToken(token)
    }
}

#[async_trait]
impl TokenSource for StaticToken {
    async fn token(&self) -> Result<SecretString, Fault> {
        Ok(self.0.clone())
    }

    async fn instead_of(&self, _rejected: &SecretString) -> Result<SecretString, Fault> {
        Err(Fault::unauthorised(
            "the configured token is refused, and a fixed token cannot be renewed; configure another token",
        ))
    }
}

/// A token as the endpoint gave it.
#[derive(Clone, Debug)]
struct Fresh {
    token: SecretString,
    lifetime: Duration,
}

/// Asks for one new token.
#[async_trait]
trait Renew: Send + Sync + 'static {
    async fn renew(&self) -> Result<Fresh, Fault>;
}

/// Shares one token, and one request for the next, between all callers.
struct SingleFlight {
    renew: Arc<dyn Renew>,
    state: Arc<Mutex<State>>,
    /// How many renewals have ended; callers who waited for one take its outcome, good or bad.
    ended: Arc<AtomicU64>,
    margin: Duration,
}

#[derive(Default)]
struct State {
    held: Option<(SecretString, Instant)>,
    fault: Option<Fault>,
}

impl SingleFlight {
    fn new(renew: Arc<dyn Renew>, renew_margin_ms: u64) -> Self {
        SingleFlight {
            renew,
            state: Arc::default(),
            ended: Arc::default(),
            margin: Duration::from_millis(renew_margin_ms),
        }
    }

    async fn get(&self, rejected: Option<&SecretString>) -> Result<SecretString, Fault> {
        let ended_before = self.ended.load(Ordering::Acquire);
        let mut state = Arc::clone(&self.state).lock_owned().await;
        if let Some(token) = state.usable(rejected) {
            return Ok(token);
        }
        if self.ended.load(Ordering::Acquire) != ended_before
            && let Some(fault) = &state.fault
        {
            return Err(fault.clone());
        }
        let (renew, ended, margin) = (Arc::clone(&self.renew), Arc::clone(&self.ended), self.margin);
        // In a task of its own: a caller that gives up must not lose a refresh token that was just rotated.
        let renewal = tokio::spawn(async move {
            let answer = renew.renew().await;
            ended.fetch_add(1, Ordering::Release);
            state.settle(answer, margin)
        });
        renewal.await.unwrap_or_else(|_| Err(Fault::retry("the renewal of the token was interrupted")))
    }
}

impl State {
    fn usable(&self, rejected: Option<&SecretString>) -> Option<SecretString> {
        let (token, renew_at) = self.held.as_ref()?;
        let is_rejected = rejected.is_some_and(|rejected| rejected.expose_secret() == token.expose_secret());
        (!is_rejected && Instant::now() < *renew_at).then(|| token.clone())
    }

    fn settle(&mut self, answer: Result<Fresh, Fault>, margin: Duration) -> Result<SecretString, Fault> {
        match answer {
            Ok(fresh) => {
                // A token that lives shorter than the margin would be renewed on every call.
                let margin = margin.min(fresh.lifetime / 2);
                self.held = Some((fresh.token.clone(), Instant::now() + (fresh.lifetime - margin)));
                self.fault = None;
                Ok(fresh.token)
            }
            Err(fault) => {
                self.held = None;
                self.fault = Some(fault.clone());
                Err(fault)
            }
        }
    }
}
