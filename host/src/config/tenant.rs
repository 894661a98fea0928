//! The tenant document: one partner company, as `crosswalk tenant apply -f contoso.toml` sends it.
//!
//! It travels as TOML in a file and as JSON over the admin API, and is the same either way. What it may hold stands,
//! with explanations, in [`EXAMPLE_TOML`] and [`EXAMPLE_SALESFORCE_TOML`].

use std::{fs, path::Path, path::PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;

use super::{ConfigError, Invalid, SecretRef, resolve, url_text};
use crate::intake::trust::is_loopback;

mod crm;
mod policy;
mod rollout;
mod settings;

pub use crm::{CrmOrganization, DynamicsOrganization, SalesforceOrganization, SalesforceSignIn};
pub use policy::PluginPolicy;
pub use rollout::Rollout;

/// A document of a tenant with Dynamics, with every key, its default and what it means.
pub const EXAMPLE_TOML: &str = include_str!("tenant/example.toml");

/// The same for a tenant with Salesforce.
pub const EXAMPLE_SALESFORCE_TOML: &str = include_str!("tenant/example-salesforce.toml");

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
    /// Its Dynamics 365 organisation, or …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dynamics: Option<DynamicsOrganization>,
    /// … its Salesforce org: one of the two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub salesforce: Option<SalesforceOrganization>,
    /// The plugin to begin with, without it the default mapping for its CRM; a deploy replaces it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<PluginChoice>,
    /// Whose plugins it takes; without it, anybody's who may deploy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin_policy: Option<PluginPolicy>,
    /// Values for the plugin, as its settings schema has them.
    #[serde(default, deserialize_with = "settings::deserialize")]
    pub settings: Map<String, Value>,
    /// How it is kept in agreement.
    #[serde(default)]
    pub sync: SyncOptions,
    /// How its releases are watched, promoted and rolled back.
    #[serde(default)]
    pub rollout: Rollout,
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

/// The plugin that a tenant begins with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PluginChoice {
    /// The mapping for Dynamics that comes with the host.
    DefaultDynamics,
    /// The mapping for Salesforce that comes with the host.
    DefaultSalesforce,
    /// A component file.
    Path(PathBuf),
}

/// How a tenant is kept in agreement.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SyncOptions {
    /// Events are stored, and nothing is done about them until this is false again.
    pub paused: bool,
    /// No webhook is ever registered for it: changes are found by polling alone.
    pub polling_only: bool,
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
        if let Some(PluginChoice::Path(path)) = &mut document.plugin {
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
        let crm = self.crm()?;
        for (key, url) in self.account_addresses().into_iter().chain(crm.addresses()) {
            self.check_address(key, url)?;
        }
        let secrets = self.account_secrets().into_iter().chain(crm.secrets());
        if !self.sandbox
            && let Some((key, _)) = secrets.into_iter().find(|(_, secret)| secret.is_sandbox())
        {
            let problem = "holds the secret itself, which is for documents with `sandbox = true`; \
                           use `{ env = \"…\" }` or `{ file = \"…\" }`";
            return Err(Invalid::new(key, problem));
        }
        crm::not_empty("partner_center.client_id", &self.partner_center.client_id, "the application's id")?;
        crm.validate()?;
        self.rollout.validate()?;
        self.check_plugin(crm)?;
        self.plugin_policy.as_ref().map_or(Ok(()), PluginPolicy::validate)
    }

    /// The tenant's CRM.
    ///
    /// # Errors
    ///
    /// Where the document names none, or two.
    pub fn crm(&self) -> Result<CrmOrganization<'_>, Invalid> {
        match (&self.dynamics, &self.salesforce) {
            (Some(org), None) => Ok(CrmOrganization::Dynamics(org)),
            (None, Some(org)) => Ok(CrmOrganization::Salesforce(org)),
            (None, None) => {
                Err(Invalid::new("dynamics", "is missing, and so is `salesforce`: a tenant has one CRM"))
            }
            (Some(_), Some(_)) => {
                Err(Invalid::new("salesforce", "stands beside `dynamics`, and a tenant has one CRM"))
            }
        }
    }

    /// The plugin's settings as JSON, for its schema.
    pub fn settings_json(&self) -> Value {
        Value::Object(self.settings.clone())
    }

    fn account_addresses(&self) -> [(&'static str, &Url); 3] {
        [
            ("partner_center.api_base", &self.partner_center.api_base),
            ("partner_center.webhook_base", &self.partner_center.webhook_base),
            ("partner_center.token_url", &self.partner_center.token_url),
        ]
    }

    fn account_secrets(&self) -> Vec<(&'static str, &SecretRef)> {
        let account = &self.partner_center;
        let always = ("partner_center.refresh_token", &account.refresh_token);
        let perhaps = account.client_secret.as_ref().map(|secret| ("partner_center.client_secret", secret));
        [always].into_iter().chain(perhaps).collect()
    }

    fn check_plugin(&self, crm: CrmOrganization<'_>) -> Result<(), Invalid> {
        let problem = match (&self.plugin, crm) {
            (Some(PluginChoice::DefaultDynamics), CrmOrganization::Salesforce(_)) => {
                "is for Dynamics, and the tenant has Salesforce"
            }
            (Some(PluginChoice::DefaultSalesforce), CrmOrganization::Dynamics(_)) => {
                "is for Salesforce, and the tenant has Dynamics"
            }
            _ => return Ok(()),
        };
        Err(Invalid::new("plugin", problem))
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
