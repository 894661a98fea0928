//! The refresh token grant: a person signed in once, and one refresh token serves several audiences.
//!
//! Entra ID may answer with a new refresh token at any time. It is stored before the access token that came with it
//! is used; if it cannot be stored it is kept, and no token is given out until it is.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;
use url::Url;

use super::{
    Fresh, Renew, SingleFlight, TokenSource,
    endpoint::{Endpoint, Grant, Refused, entra_help},
};
use crate::{
    fault::{ConfigError, Fault, secure},
    transport::Transport,
};

/// Where the refresh token is kept, encrypted.
#[async_trait]
pub trait RefreshTokenStore: Send + Sync {
    /// The newest refresh token; `None` if nobody has signed in.
    async fn load(&self) -> Result<Option<SecretString>, StoreError>;
    /// Keeps this one from now on; on disk when it returns.
    async fn save(&self, token: &SecretString) -> Result<(), StoreError>;
}

/// The store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[error("the store of refresh tokens failed: {0}")]
pub struct StoreError(pub String);

/// How the wanted audience is named to the token endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RefreshForm {
    /// `scope={audience}/.default offline_access`, for `/oauth2/v2.0/token`.
    #[default]
    V2Scope,
    /// `resource={audience}`, for `/oauth2/token`: the form that Partner Center's pages show.
    V1Resource,
}

/// How to use a refresh token.
#[derive(Clone, Debug)]
pub struct RefreshTokenConfig {
    /// `https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token`.
    pub token_url: Url,
    /// The application's id.
    pub client_id: String,
    /// The application's secret; a public client has none.
    pub client_secret: Option<SecretString>,
    /// Which of the two forms the endpoint takes.
    pub form: RefreshForm,
    /// How long before it expires an access token is renewed, in milliseconds.
    pub renew_margin_ms: u64,
}

/// One refresh token, from which tokens for several audiences are got.
pub struct RefreshTokenGrant {
    config: RefreshTokenConfig,
    endpoint: Endpoint,
    store: Arc<dyn RefreshTokenStore>,
    /// Held while a refresh token is used: two audiences must not use one that the other is rotating away. Holds a
    /// rotated token that could not be stored yet.
    unsaved: Mutex<Option<SecretString>>,
}

impl fmt::Debug for RefreshTokenGrant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("RefreshTokenGrant(..)")
    }
}

impl RefreshTokenGrant {
    /// Asks for nothing yet; the refresh token is loaded when it is needed.
    ///
    /// # Errors
    /// [`ConfigError`] if the token endpoint is neither https nor on loopback.
    pub fn new(
        config: RefreshTokenConfig,
        transport: Arc<dyn Transport>,
        store: Arc<dyn RefreshTokenStore>,
    ) -> Result<Self, ConfigError> {
        secure("token_url", &config.token_url)?;
        let endpoint = Endpoint { url: config.token_url.clone(), transport, help: entra_help };
        Ok(RefreshTokenGrant { config, endpoint, store, unsaved: Mutex::default() })
    }

    /// Tokens for one audience, `https://api.partner.microsoft.com`. Ask once for each and share the answer.
    pub fn audience(self: &Arc<Self>, audience: impl Into<String>) -> Arc<dyn TokenSource> {
        let renew = ForAudience { grant: Arc::clone(self), audience: audience.into() };
        Arc::new(Audience(SingleFlight::new(Arc::new(renew), self.config.renew_margin_ms)))
    }

    async fn renew(&self, audience: &str) -> Result<Fresh, Fault> {
        let mut unsaved = self.unsaved.lock().await;
        if let Some(token) = unsaved.as_ref() {
            self.store.save(token).await.map_err(stored)?;
            *unsaved = None;
        }
        let token = self.load().await?;
        let grant = match self.ask(&token, audience).await {
            Ok(grant) => grant,
            // Another host may have rotated it meanwhile; then the store holds a newer one.
            Err(Refused::InvalidGrant(fault)) => {
                let newer = self.load().await?;
                if newer.expose_secret() == token.expose_secret() {
                    return Err(fault);
                }
                self.ask(&newer, audience).await.map_err(Refused::fault)?
            }
            Err(Refused::Other(fault)) => return Err(fault),
        };
        if let Some(rotated) = &grant.refresh_token
            && rotated.expose_secret() != token.expose_secret()
        {
            *unsaved = Some(rotated.clone());
            self.store.save(rotated).await.map_err(stored)?;
            *unsaved = None;
        }
        Ok(Fresh { lifetime: grant.lifetime(), token: grant.access_token })
    }

    async fn load(&self) -> Result<SecretString, Fault> {
        self.store.load().await.map_err(stored)?.ok_or_else(|| {
            Fault::unauthorised("nobody has signed in to Partner Center for this tenant; sign in first")
        })
    }

    async fn ask(&self, refresh_token: &SecretString, audience: &str) -> Result<Grant, Refused> {
        let scope = format!("{audience}/.default offline_access");
        let mut form = vec![
            ("grant_type", "refresh_token"),
            ("client_id", self.config.client_id.as_str()),
            ("refresh_token", refresh_token.expose_secret()),
        ];
        match self.config.form {
            RefreshForm::V2Scope => form.push(("scope", scope.as_str())),
            RefreshForm::V1Resource => form.push(("resource", audience)),
        }
        let mut secrets = vec![refresh_token];
        if let Some(secret) = &self.config.client_secret {
            form.push(("client_secret", secret.expose_secret()));
            secrets.push(secret);
        }
        self.endpoint.ask(&form, &secrets).await
    }
}

fn stored(error: StoreError) -> Fault {
    Fault::retry(error.to_string())
}

struct ForAudience {
    grant: Arc<RefreshTokenGrant>,
    audience: String,
}

#[async_trait]
impl Renew for ForAudience {
    async fn renew(&self) -> Result<Fresh, Fault> {
        self.grant.renew(&self.audience).await
    }
}

struct Audience(SingleFlight);

#[async_trait]
impl TokenSource for Audience {
    async fn token(&self) -> Result<SecretString, Fault> {
        self.0.get(None).await
    }

    async fn instead_of(&self, rejected: &SecretString) -> Result<SecretString, Fault> {
        self.0.get(Some(rejected)).await
    }
}
