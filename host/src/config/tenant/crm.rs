//! The CRM of a tenant: a Dynamics 365 organisation or a Salesforce org, how to reach it, and how it reaches us.

use std::collections::BTreeMap;

use http::HeaderName;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use url::Url;

use super::super::{Invalid, SecretError, SecretRef, Secrets, url_text};
use crate::intake::{WebhookKeys, salesforce::SalesforceId};

/// A webhook key has at least this many characters.
const WEBHOOK_KEY_CHARACTERS_MIN: usize = 16;

/// The oldest version of Salesforce's REST API that has all that is used.
const SALESFORCE_API_VERSION_MIN: u16 = 60;

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
    /// The organisation's id, which its webhooks carry; without it, the one that it answers to us.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization_id: Option<uuid::Uuid>,
    /// What its webhooks carry as `?code=`, or in `webhook_header`.
    pub webhook_key: SecretRef,
    /// The key before, accepted as well until every registration has been changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook_key_previous: Option<SecretRef>,
    /// The header that may carry the key.
    #[serde(default = "webhook_header")]
    pub webhook_header: String,
    /// Entity to entity set, beyond those that every organisation has.
    #[serde(default)]
    pub entity_sets: BTreeMap<String, String>,
    /// Lookup to navigation property, where that is not the lookup's logical name.
    #[serde(default)]
    pub navigation: BTreeMap<String, String>,
    /// The unique name of the solution to which `crm provision` adds what it makes; without it the default solution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub solution: Option<String>,
    /// The language of the labels that `crm provision` gives, as Windows numbers it.
    #[serde(default = "label_language")]
    pub label_language: u32,
}

/// How to reach a Salesforce org, and how it reaches us.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SalesforceOrganization {
    /// The My Domain address, `https://contoso.my.salesforce.com`.
    #[serde(with = "url_text")]
    pub org_url: Url,
    /// Where tokens are asked for.
    #[serde(with = "url_text")]
    pub token_url: Url,
    /// The consumer key of the external client app.
    pub client_id: String,
    /// How the integration user signs in.
    pub sign_in: SalesforceSignIn,
    /// The version of the REST API, `62.0`.
    #[serde(default = "api_version")]
    pub api_version: String,
    /// The org's id, which its outbound messages carry: 15 or 18 characters.
    pub organization_id: SalesforceId,
    /// What its outbound messages carry as `?key=`.
    pub webhook_key: SecretRef,
    /// The key before, accepted as well until every outbound message has been changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook_key_previous: Option<SecretRef>,
    /// Whether a record is saved although a duplicate rule of the org warns of it.
    #[serde(default = "save_despite_duplicate_alerts")]
    pub save_despite_duplicate_alerts: bool,
    /// Whether the org's assignment rules may give a new lead to another owner.
    #[serde(default)]
    pub run_assignment_rules: bool,
    /// The share of the org's daily API calls, in percent, at which we stop, so that its other programs go on.
    #[serde(default = "daily_calls_percent_max")]
    pub daily_calls_percent_max: u8,
    /// The status of a converted lead; without it, the first one that the org has for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub converted_status: Option<String>,
    /// Reference to relationship, where that is not the usual one.
    #[serde(default)]
    pub relationships: BTreeMap<String, String>,
}

/// How we sign in to a Salesforce org. Either needs an external client app and an integration user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum SalesforceSignIn {
    /// With the app's secret, as the user whom the app runs as.
    ClientCredentials {
        /// The consumer secret.
        client_secret: SecretRef,
    },
    /// With a token that is signed with the key of the app's certificate.
    JwtBearer {
        /// The RSA key, as PEM.
        private_key: SecretRef,
        /// The integration user.
        username: String,
        /// Who the token is for: `https://login.salesforce.com`, or `https://test.salesforce.com` for a sandbox.
        #[serde(default = "audience")]
        audience: String,
    },
}

/// The one CRM that a tenant has.
#[derive(Clone, Copy, Debug)]
pub enum CrmOrganization<'a> {
    /// Dynamics 365.
    Dynamics(&'a DynamicsOrganization),
    /// Salesforce.
    Salesforce(&'a SalesforceOrganization),
}

pub(super) fn webhook_header() -> String {
    "x-crosswalk-key".to_owned()
}

pub(super) fn label_language() -> u32 {
    1033
}

pub(super) fn api_version() -> String {
    "62.0".to_owned()
}

pub(super) fn save_despite_duplicate_alerts() -> bool {
    true
}

pub(super) fn daily_calls_percent_max() -> u8 {
    80
}

pub(super) fn audience() -> String {
    "https://login.salesforce.com".to_owned()
}

impl<'a> CrmOrganization<'a> {
    /// The section of the document that it stands in, which is also what plugins call this CRM.
    pub fn name(self) -> &'static str {
        match self {
            CrmOrganization::Dynamics(_) => "dynamics",
            CrmOrganization::Salesforce(_) => "salesforce",
        }
    }

    /// The keys of its webhooks, read from where they are.
    ///
    /// # Errors
    ///
    /// [`SecretError`], also for a key that is too short to be one.
    pub fn webhook_keys(self, secrets: &Secrets) -> Result<WebhookKeys, SecretError> {
        let (current, previous) = match self {
            CrmOrganization::Dynamics(org) => (&org.webhook_key, &org.webhook_key_previous),
            CrmOrganization::Salesforce(org) => (&org.webhook_key, &org.webhook_key_previous),
        };
        let current = webhook_key(secrets, current)?;
        let previous = previous.as_ref().map(|key| webhook_key(secrets, key)).transpose()?;
        Ok(match self {
            CrmOrganization::Dynamics(org) => {
                let header = org.header().unwrap_or_else(|_| HeaderName::from_static("x-crosswalk-key"));
                WebhookKeys { current, previous, parameter: "code", header: Some(header) }
            }
            CrmOrganization::Salesforce(_) => {
                WebhookKeys { current, previous, parameter: "key", header: None }
            }
        })
    }

    /// Every address in it, with its key.
    pub(super) fn addresses(self) -> Vec<(&'static str, &'a Url)> {
        match self {
            CrmOrganization::Dynamics(org) => {
                vec![("dynamics.org_url", &org.org_url), ("dynamics.token_url", &org.token_url)]
            }
            CrmOrganization::Salesforce(org) => {
                vec![("salesforce.org_url", &org.org_url), ("salesforce.token_url", &org.token_url)]
            }
        }
    }

    /// Every secret in it, with its key.
    pub(super) fn secrets(self) -> Vec<(&'static str, &'a SecretRef)> {
        match self {
            CrmOrganization::Dynamics(org) => [
                ("dynamics.client_secret", Some(&org.client_secret)),
                ("dynamics.webhook_key", Some(&org.webhook_key)),
                ("dynamics.webhook_key_previous", org.webhook_key_previous.as_ref()),
            ],
            CrmOrganization::Salesforce(org) => [
                match &org.sign_in {
                    SalesforceSignIn::ClientCredentials { client_secret } => {
                        ("salesforce.sign_in.client-credentials.client_secret", Some(client_secret))
                    }
                    SalesforceSignIn::JwtBearer { private_key, .. } => {
                        ("salesforce.sign_in.jwt-bearer.private_key", Some(private_key))
                    }
                },
                ("salesforce.webhook_key", Some(&org.webhook_key)),
                ("salesforce.webhook_key_previous", org.webhook_key_previous.as_ref()),
            ],
        }
        .into_iter()
        .filter_map(|(key, secret)| Some((key, secret?)))
        .collect()
    }

    /// Whether its values make sense.
    pub(super) fn validate(self) -> Result<(), Invalid> {
        match self {
            CrmOrganization::Dynamics(org) => org.validate(),
            CrmOrganization::Salesforce(org) => org.validate(),
        }
        .map_err(|invalid| invalid.within(self.name()))
    }
}

impl DynamicsOrganization {
    fn validate(&self) -> Result<(), Invalid> {
        not_empty("client_id", &self.client_id, "the application's id")?;
        self.header().map(drop)
    }

    fn header(&self) -> Result<HeaderName, Invalid> {
        self.webhook_header.parse().map_err(|_| Invalid::new("webhook_header", "is not a header's name"))
    }
}

impl SalesforceOrganization {
    fn validate(&self) -> Result<(), Invalid> {
        not_empty("client_id", &self.client_id, "the app's consumer key")?;
        if let SalesforceSignIn::JwtBearer { username, audience, .. } = &self.sign_in {
            not_empty("sign_in.jwt-bearer.username", username, "the integration user's name")?;
            not_empty("sign_in.jwt-bearer.audience", audience, "whom the token is for")?;
        }
        let version = self.api_version.strip_suffix(".0").and_then(|major| major.parse::<u16>().ok());
        if version.is_none_or(|major| {
            major < SALESFORCE_API_VERSION_MIN || format!("{major}.0") != self.api_version
        }) {
            let problem = format!("must be a version from {SALESFORCE_API_VERSION_MIN}.0 on, as `62.0`");
            return Err(Invalid::new("api_version", problem));
        }
        if !self.organization_id.has_prefix("00D") {
            return Err(Invalid::new("organization_id", "is not the id of an org, which begins with 00D"));
        }
        if !(1..=100).contains(&self.daily_calls_percent_max) {
            let problem = format!("is {}, and must be 1 to 100", self.daily_calls_percent_max);
            return Err(Invalid::new("daily_calls_percent_max", problem));
        }
        Ok(())
    }
}

/// That a text which the other side must know us by is there at all.
pub(super) fn not_empty(key: &str, text: &str, what: &str) -> Result<(), Invalid> {
    if text.trim().is_empty() {
        return Err(Invalid::new(key, format!("is empty, and must be {what}")));
    }
    Ok(())
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
