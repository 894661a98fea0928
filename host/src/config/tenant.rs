//! The tenant document: one partner company, as `crosswalk tenant apply -f contoso.toml` sends it.
//!
//! It travels as TOML in a file and as JSON over the admin API, and is the same either way. What it may hold stands,
//! with explanations, in [`EXAMPLE_TOML`].

use std::{collections::BTreeMap, fs, path::Path, path::PathBuf};

use http::HeaderName;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;

use super::{ConfigError, Invalid, SecretError, SecretRef, Secrets, resolve, url_text};
use crate::intake::{dynamics::WebhookKeys, trust::is_loopback};

mod settings;

/// A document with every key, its default and what it means.
pub const EXAMPLE_TOML: &str = include_str!("tenant/example.toml");

/// A webhook key has at least this many characters.
const WEBHOOK_KEY_CHARACTERS_MIN: usize = 16;

/// A tenant's name has at most this many characters.
const NAME_CHARACTERS_MAX: usize = 63;

/// One partner company: its Partner Center account, its CRM, its plugin, its settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TenantDocument {
    /// What it is called here, and in the address of its webhooks: a-z, 0-9 and hyphens.
    pub name: String,
    /// Whether it is a rehearsal: then every system is on this machine, and secrets may stand in the document.
    #[serde(default)]
    pub sandbox: bool,
    /// Its Partner Center account.
    pub partner_center: PartnerCenterAccount,
    /// Its Dynamics 365 organisation.
    pub dynamics: DynamicsOrganization,
    /// The plugin to begin with; a deploy replaces it.
    #[serde(default)]
    pub plugin: PluginChoice,
    /// Values for the plugin, as its settings schema has them.
    #[serde(default, deserialize_with = "settings::deserialize")]
    pub settings: Map<String, Value>,
    /// How it is kept in agreement.
    #[serde(default)]
    pub sync: SyncOptions,
}

/// How to reach a partner's referrals and webhook registration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartnerCenterAccount {
    /// The referrals API.
    #[serde(with = "url_text", default = "defaults::api_base")]
    pub api_base: Url,
    /// Who tokens for the referrals API are meant for.
    #[serde(default = "defaults::api_audience")]
    pub api_audience: String,
    /// The webhook registration API: another host, and another audience.
    #[serde(with = "url_text", default = "defaults::webhook_base")]
    pub webhook_base: Url,
    /// Who tokens for the webhook registration API are meant for.
    #[serde(default = "defaults::webhook_audience")]
    pub webhook_audience: String,
    /// Where tokens are asked for.
    #[serde(with = "url_text")]
    pub token_url: Url,
    /// How the audience is named there.
    #[serde(default)]
    pub token_form: TokenForm,
    /// The application's id.
    pub client_id: String,
    /// The application's secret; a public client has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<SecretRef>,
    /// The refresh token to begin with, of a person who signed in with a second factor. The host keeps later ones.
    pub refresh_token: SecretRef,
}

/// How the wanted audience is named to the token endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TokenForm {
    /// `scope={audience}/.default`, for `/oauth2/v2.0/token`.
    #[default]
    V2Scope,
    /// `resource={audience}`, for `/oauth2/token`.
    V1Resource,
}

/// How to reach a Dataverse organisation, and how it reaches us.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DynamicsOrganization {
    /// The organisation, `https://contoso.crm4.dynamics.com`.
    #[serde(with = "url_text")]
    pub org_url: Url,
    /// Where tokens are asked for.
    #[serde(with = "url_text")]
    pub token_url: Url,
    /// The application user's application id.
    pub client_id: String,
    /// The application's secret.
    pub client_secret: SecretRef,
    /// What its webhooks carry as `?code=`, or in `webhook_header`.
    pub webhook_key: SecretRef,
    /// The key before, accepted as well until every registration has been changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook_key_previous: Option<SecretRef>,
    /// The header that may carry the key.
    #[serde(default = "defaults::webhook_header")]
    pub webhook_header: String,
    /// Entity to entity set, beyond those that every organisation has.
    #[serde(default)]
    pub entity_sets: BTreeMap<String, String>,
    /// Lookup to navigation property, where that is not the lookup's logical name.
    #[serde(default)]
    pub navigation: BTreeMap<String, String>,
}

/// The plugin that a tenant begins with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PluginChoice {
    /// The mapping for Dynamics that comes with the host.
    #[default]
    DefaultDynamics,
    /// A component file.
    Path(PathBuf),
}

/// How a tenant is kept in agreement.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SyncOptions {
    /// Events are stored, and nothing is done about them until this is false again.
    pub paused: bool,
    /// The first look for missed changes goes back to this moment; without it, to the moment of the first apply.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
}

mod defaults {
    use url::Url;

    /// An address that was written by us. Were it wrong, the tests would say so.
    fn known(text: &str) -> Url {
        Url::parse(text).unwrap_or_else(|_| unreachable!("`{text}` is a URL"))
    }

    pub(super) fn api_base() -> Url {
        known("https://api.partner.microsoft.com/v1.0/engagements")
    }

    pub(super) fn api_audience() -> String {
        "https://api.partner.microsoft.com".to_owned()
    }

    pub(super) fn webhook_base() -> Url {
        known("https://api.partnercenter.microsoft.com/webhooks/v1")
    }

    pub(super) fn webhook_audience() -> String {
        "https://api.partnercenter.microsoft.com".to_owned()
    }

    pub(super) fn webhook_header() -> String {
        "x-crosswalk-key".to_owned()
    }
}

impl TenantDocument {
    /// Reads a document. A relative path of a plugin in it is taken from the directory that it is in.
    ///
    /// # Errors
    ///
    /// What is wrong, with file, line and key.
    pub fn load(file: &Path) -> Result<Self, ConfigError> {
        let text = fs::read_to_string(file).map_err(|error| ConfigError::unreadable(file, &error))?;
        let mut document = Self::parse(&text, file)?;
        if let PluginChoice::Path(path) = &mut document.plugin {
            resolve(path, file.parent().unwrap_or(Path::new("")));
        }
        Ok(document)
    }

    /// Reads a text; `file` is only named in errors, and a plugin's path stays as it is.
    ///
    /// # Errors
    ///
    /// What is wrong, with file, line and key.
    pub fn parse(text: &str, file: &Path) -> Result<Self, ConfigError> {
        let document: Self = toml::from_str(text).map_err(|error| ConfigError::syntax(file, text, &error))?;
        document.validate().map_err(|invalid| ConfigError::invalid(file, text, invalid))?;
        Ok(document)
    }

    /// Whether the document makes sense. A document that came over the admin API must be asked this as well.
    ///
    /// # Errors
    ///
    /// The first key that does not.
    pub fn validate(&self) -> Result<(), Invalid> {
        check_name(&self.name)?;
        for (key, url) in self.addresses() {
            self.check_address(key, url)?;
        }
        if !self.sandbox
            && let Some((key, _)) = self.secrets().into_iter().find(|(_, secret)| secret.is_sandbox())
        {
            let problem = "holds the secret itself, which is for documents with `sandbox = true`; \
                           use `{ env = \"…\" }` or `{ file = \"…\" }`";
            return Err(Invalid::new(key, problem));
        }
        for (key, id) in [
            ("partner_center.client_id", &self.partner_center.client_id),
            ("dynamics.client_id", &self.dynamics.client_id),
        ] {
            if id.trim().is_empty() {
                return Err(Invalid::new(key, "is empty, and must be the application's id"));
            }
        }
        self.dynamics.header().map(drop).map_err(|invalid| invalid.within("dynamics"))
    }

    /// The plugin's settings as JSON, for its schema.
    pub fn settings_json(&self) -> Value {
        Value::Object(self.settings.clone())
    }

    fn addresses(&self) -> [(&'static str, &Url); 5] {
        [
            ("partner_center.api_base", &self.partner_center.api_base),
            ("partner_center.webhook_base", &self.partner_center.webhook_base),
            ("partner_center.token_url", &self.partner_center.token_url),
            ("dynamics.org_url", &self.dynamics.org_url),
            ("dynamics.token_url", &self.dynamics.token_url),
        ]
    }

    fn secrets(&self) -> Vec<(&'static str, &SecretRef)> {
        let (account, organization) = (&self.partner_center, &self.dynamics);
        let always = [
            ("partner_center.refresh_token", &account.refresh_token),
            ("dynamics.client_secret", &organization.client_secret),
            ("dynamics.webhook_key", &organization.webhook_key),
        ];
        let perhaps = [
            ("partner_center.client_secret", &account.client_secret),
            ("dynamics.webhook_key_previous", &organization.webhook_key_previous),
        ];
        let perhaps = perhaps.into_iter().filter_map(|(key, secret)| Some((key, secret.as_ref()?)));
        always.into_iter().chain(perhaps).collect()
    }

    /// Real systems are reached over TLS; a rehearsal reaches nothing but this machine, whatever it is told.
    fn check_address(&self, key: &str, url: &Url) -> Result<(), Invalid> {
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Invalid::new(key, "carries a user name or password, and must not"));
        }
        let on_this_machine = url.host().is_some_and(|host| is_loopback(&host.to_owned()));
        match url.scheme() {
            "https" | "http" if self.sandbox && on_this_machine => Ok(()),
            _ if self.sandbox => {
                Err(Invalid::new(key, "is not on this machine, which it must be with `sandbox = true`"))
            }
            "https" => Ok(()),
            _ => Err(Invalid::new(key, "is not https, which only `sandbox = true` does without")),
        }
    }
}

impl DynamicsOrganization {
    /// The keys of its webhooks, read from where they are.
    ///
    /// # Errors
    ///
    /// [`SecretError`], also for a key that is too short to be one.
    pub fn webhook_keys(&self, secrets: &Secrets) -> Result<WebhookKeys, SecretError> {
        let header = self.header().unwrap_or_else(|_| HeaderName::from_static("x-crosswalk-key"));
        let current = webhook_key(secrets, &self.webhook_key)?;
        let previous = self.webhook_key_previous.as_ref().map(|key| webhook_key(secrets, key)).transpose()?;
        Ok(WebhookKeys { current, previous, header })
    }

    fn header(&self) -> Result<HeaderName, Invalid> {
        self.webhook_header.parse().map_err(|_| Invalid::new("webhook_header", "is not a header's name"))
    }
}

/// Reads a webhook key. It stands in an address, so it must read the same there as here.
fn webhook_key(secrets: &Secrets, secret: &SecretRef) -> Result<SecretString, SecretError> {
    let key = secrets.resolve(secret)?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    let long_enough = key.expose_secret().len() >= WEBHOOK_KEY_CHARACTERS_MIN || secret.is_sandbox();
    if long_enough && key.expose_secret().bytes().all(plain) {
        return Ok(key);
    }
    Err(SecretError::WeakKey { min: WEBHOOK_KEY_CHARACTERS_MIN })
}

fn check_name(name: &str) -> Result<(), Invalid> {
    let plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    let framed = name.starts_with(|first: char| first.is_ascii_alphanumeric()) && !name.ends_with('-');
    if plain && framed && name.len() <= NAME_CHARACTERS_MAX {
        return Ok(());
    }
    let problem = format!(
        "must be 1 to {NAME_CHARACTERS_MAX} characters of a-z, 0-9 and hyphens, and begin and end with none of the latter"
    );
    Err(Invalid::new("name", problem))
}

#[cfg(test)]
mod tests;
