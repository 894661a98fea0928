//! The client credentials grant: an application signs in as itself.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::{
    Fresh, Renew, SingleFlight, TokenSource,
    endpoint::{Endpoint, Refused, entra_help},
};
use crate::{
    fault::{ConfigError, Fault, secure},
    transport::Transport,
};

/// How an application signs in.
#[derive(Clone, Debug)]
pub struct ClientCredentialsConfig {
    /// `https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token`.
    pub token_url: Url,
    /// The application's id.
    pub client_id: String,
    /// The application's secret.
    pub client_secret: SecretString,
    /// What the token is for; for Dataverse `{org}/.default`.
    pub scope: String,
    /// How long before it expires a token is renewed, in milliseconds.
    pub renew_margin_ms: u64,
}

impl ClientCredentialsConfig {
    /// For a Dataverse organisation: the scope is its address and `/.default`.
    pub fn for_dataverse(
        token_url: Url,
        org_url: &Url,
        client_id: String,
        client_secret: SecretString,
    ) -> Self {
        let scope = format!("{}/.default", org_url.origin().ascii_serialization());
        ClientCredentialsConfig { token_url, client_id, client_secret, scope, renew_margin_ms: 300_000 }
    }
}

/// Tokens for an application.
pub struct ClientCredentials(SingleFlight);

impl ClientCredentials {
    /// Asks for nothing yet.
    ///
    /// # Errors
    /// [`ConfigError`] if the token endpoint is neither https nor on loopback.
    pub fn new(config: ClientCredentialsConfig, transport: Arc<dyn Transport>) -> Result<Self, ConfigError> {
        secure("token_url", &config.token_url)?;
        let margin = config.renew_margin_ms;
        let endpoint = Endpoint { url: config.token_url.clone(), transport, help: entra_help };
        Ok(ClientCredentials(SingleFlight::new(Arc::new(Grant { config, endpoint }), margin)))
    }
}

impl fmt::Debug for ClientCredentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ClientCredentials(..)")
    }
}

#[async_trait]
impl TokenSource for ClientCredentials {
    async fn token(&self) -> Result<SecretString, Fault> {
        self.0.get(None).await
    }

    async fn instead_of(&self, rejected: &SecretString) -> Result<SecretString, Fault> {
        self.0.get(Some(rejected)).await
    }
}

struct Grant {
    config: ClientCredentialsConfig,
    endpoint: Endpoint,
}

#[async_trait]
impl Renew for Grant {
    async fn renew(&self) -> Result<Fresh, Fault> {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", self.config.client_id.as_str()),
            ("client_secret", self.config.client_secret.expose_secret()),
            ("scope", self.config.scope.as_str()),
        ];
        let grant = self.endpoint.ask(&form, &[&self.config.client_secret]).await.map_err(Refused::fault)?;
        Ok(Fresh { lifetime: grant.lifetime(), token: grant.access_token })
    }
}
