//! Signing in to Salesforce: as the integration user of an external client app, by its secret or by its key.
//!
//! Salesforce does not say how long a session lasts, so it is used until a call is answered with a 401. It does say
//! where the session is good, and that is believed only within the organisation's own domain: whoever can answer in
//! place of the token endpoint must not lead the session to another host.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::{
    Fresh, Renew, SingleFlight, TokenSource,
    endpoint::{Endpoint, Grant, Refused},
    jwt::SigningKey,
};
use crate::{
    fault::{ConfigError, Fault, secure},
    transport::Transport,
};

/// How the application proves who it is.
#[derive(Clone, Debug)]
pub enum SalesforceGrant {
    /// By its consumer secret, as the user whom the app runs as. The token endpoint must be My Domain's.
    ClientCredentials {
        /// The consumer secret.
        client_secret: SecretString,
        /// Whether id and secret are sent as HTTP Basic instead of in the form.
        basic: bool,
    },
    /// By an assertion that it signs with the key of its certificate.
    JwtBearer {
        /// The RSA key, as PEM.
        private_key: SecretString,
        /// The integration user.
        username: String,
        /// Whom the assertion is for: `https://login.salesforce.com`, for a sandbox `https://test.salesforce.com`.
        audience: String,
    },
}

/// How to sign in.
#[derive(Clone, Debug)]
pub struct SalesforceSignInConfig {
    /// The organisation's My Domain.
    pub org_url: Url,
    /// `https://{name}.my.salesforce.com/services/oauth2/token`.
    pub token_url: Url,
    /// The consumer key of the external client app.
    pub client_id: String,
    /// How the application proves who it is.
    pub grant: SalesforceGrant,
    /// Domains below which an instance may be, beside `org_url` itself.
    pub instance_domains: Vec<String>,
    /// After how long a session is renewed although it was not refused, in milliseconds.
    pub lifetime_ms: u64,
}

impl SalesforceSignInConfig {
    /// The defaults for this organisation and app.
    pub fn new(org_url: Url, token_url: Url, client_id: String, grant: SalesforceGrant) -> Self {
        let instance_domains = vec!["my.salesforce.com".to_owned()];
        SalesforceSignInConfig {
            org_url,
            token_url,
            client_id,
            grant,
            instance_domains,
            lifetime_ms: 12 * 3_600_000,
        }
    }
}

/// Sessions for an integration user.
pub struct SalesforceSignIn {
    flight: SingleFlight,
    instance: Arc<Mutex<Option<Url>>>,
}

impl SalesforceSignIn {
    /// Asks for nothing yet.
    ///
    /// # Errors
    /// [`ConfigError`] if an address is neither https nor on loopback, or the key cannot be read.
    pub fn new(config: SalesforceSignInConfig, transport: Arc<dyn Transport>) -> Result<Self, ConfigError> {
        secure("token_url", &config.token_url)?;
        secure("org_url", &config.org_url)?;
        let key = match &config.grant {
            SalesforceGrant::ClientCredentials { .. } => None,
            SalesforceGrant::JwtBearer { private_key, .. } => {
                Some(SigningKey::from_pem("private_key", private_key)?)
            }
        };
        let endpoint = Endpoint { url: config.token_url.clone(), transport, help };
        let instance = Arc::<Mutex<Option<Url>>>::default();
        let session = Session { config, endpoint, key, instance: Arc::clone(&instance) };
        Ok(SalesforceSignIn { flight: SingleFlight::new(Arc::new(session), 0), instance })
    }
}

impl fmt::Debug for SalesforceSignIn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SalesforceSignIn(..)")
    }
}

#[async_trait]
impl TokenSource for SalesforceSignIn {
    async fn token(&self) -> Result<SecretString, Fault> {
        self.flight.get(None).await
    }

    async fn instead_of(&self, rejected: &SecretString) -> Result<SecretString, Fault> {
        self.flight.get(Some(rejected)).await
    }

    fn instance(&self) -> Option<Url> {
        self.instance.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

struct Session {
    config: SalesforceSignInConfig,
    endpoint: Endpoint,
    key: Option<SigningKey>,
    instance: Arc<Mutex<Option<Url>>>,
}

#[async_trait]
impl Renew for Session {
    async fn renew(&self) -> Result<Fresh, Fault> {
        let grant = match (&self.config.grant, &self.key) {
            (SalesforceGrant::ClientCredentials { client_secret, basic }, _) => {
                self.by_secret(client_secret, *basic).await
            }
            (SalesforceGrant::JwtBearer { username, audience, .. }, Some(key)) => {
                let assertion = key.assertion(&self.config.client_id, username, audience)?;
                let form = [
                    ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
                    ("assertion", assertion.expose_secret()),
                ];
                self.endpoint.ask(&form, &[&assertion]).await
            }
            (SalesforceGrant::JwtBearer { .. }, None) => {
                return Err(Fault::unauthorised("there is no private key"));
            }
        };
        let grant = grant.map_err(Refused::fault)?;
        let instance = grant.instance_url.as_deref().map(|address| self.allowed(address)).transpose()?;
        *self.instance.lock().unwrap_or_else(PoisonError::into_inner) = instance;
        let lifetime = grant.lifetime_or(Duration::from_millis(self.config.lifetime_ms));
        Ok(Fresh { token: grant.access_token, lifetime })
    }
}

impl Session {
    async fn by_secret(&self, secret: &SecretString, basic: bool) -> Result<Grant, Refused> {
        let id = self.config.client_id.as_str();
        let grant = ("grant_type", "client_credentials");
        if !basic {
            let form = [grant, ("client_id", id), ("client_secret", secret.expose_secret())];
            return self.endpoint.ask(&form, &[secret]).await;
        }
        let pair = STANDARD.encode(format!("{id}:{}", secret.expose_secret()));
        let pair = SecretString::from(format!("Basic {pair}"));
        let mut header = HeaderValue::from_str(pair.expose_secret())
            .map_err(|_| Refused::Other(Fault::unauthorised("the consumer key or secret cannot be sent")))?;
        header.set_sensitive(true);
        self.endpoint.ask_as(Some(header), &[grant], &[secret, &pair]).await
    }

    /// The instance, if the session may be sent there.
    fn allowed(&self, address: &str) -> Result<Url, Fault> {
        let org = &self.config.org_url;
        let is_within = |host: &str| {
            let within =
                |domain: &String| host.strip_suffix(domain.as_str()).is_some_and(|rest| rest.ends_with('.'));
            self.config.instance_domains.iter().any(within)
        };
        let url = address.parse::<Url>().ok().filter(|url| {
            let is_ours =
                url.scheme() == "https" && url.port().is_none() && url.host_str().is_some_and(is_within);
            secure("instance_url", url).is_ok() && (is_ours || url.origin() == org.origin())
        });
        url.ok_or_else(|| {
            Fault::unauthorised(format!(
                "the session is for `{address}`, which is not a domain of `{org}`; the session was not used. Check \
                 `org_url` and `token_url`"
            ))
        })
    }
}

/// What the operator has to do about an error of Salesforce's token endpoint.
fn help(code: &str) -> &'static str {
    match code {
        "invalid_client_id" => {
            "the consumer key is not known here; check `client_id` and that `token_url` is My Domain"
        }
        "invalid_client" => "the consumer secret is wrong; set a new one",
        "invalid_grant" => {
            "the app is not allowed for this user, or the assertion is not accepted; check the run-as user, that the \
             app's policies pre-authorise the integration user, the audience, the certificate and this machine's clock"
        }
        "unsupported_grant_type" | "unauthorized_client" => {
            "the flow is not enabled for this external client app; enable it, and use My Domain's token endpoint"
        }
        "inactive_user" => "the integration user is inactive; activate it",
        "inactive_org" => "the organisation is locked or closed",
        _ => "check the external client app in Setup",
    }
}
