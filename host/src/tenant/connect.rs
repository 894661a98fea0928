//! From a tenant document to its connections: clients, tokens, and the refresh token that the journal keeps.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use crosswalk_connectors::{
    crm::Crm,
    dynamics::{Dynamics, DynamicsConfig},
    partner_center::{PartnerCenter, PartnerCenterConfig, Webhooks, WebhooksConfig},
    salesforce::{Salesforce, SalesforceConfig},
    token::{
        ClientCredentials, ClientCredentialsConfig, RefreshForm, RefreshTokenConfig, RefreshTokenGrant,
        RefreshTokenStore, SalesforceGrant, SalesforceSignIn, SalesforceSignInConfig, StoreError,
    },
};
use crosswalk_engine::mapping::Manifest;
use crosswalk_journal::{Journal, Secret};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use super::{Tenant, unusable};
use crate::{
    app::App,
    config::tenant::{
        CrmOrganization, DynamicsOrganization, SalesforceOrganization,
        SalesforceSignIn as SalesforceSignInDocument, TenantDocument, TokenForm,
    },
    dispatch::Chain,
    error::Complaint,
};

/// Under which name the newest refresh token for Partner Center is kept in the journal, encrypted.
const REFRESH_TOKEN: &str = "partner-center.refresh-token";

/// Under which name the refresh token of the document is kept: when the operator names another, it counts anew.
const REFRESH_TOKEN_GIVEN: &str = "partner-center.refresh-token.given";

/// How long before it expires an access token is renewed, in milliseconds.
const RENEW_MARGIN_MS: u64 = 300_000;

/// Makes the connections. Nothing is called yet.
pub(super) fn connect(
    app: &App,
    document: TenantDocument,
    first_applied: Timestamp,
) -> Result<Tenant, Complaint> {
    let name = document.name.clone();
    let organization = document.crm().map_err(|error| unusable(&name, &error))?;
    let webhook_keys =
        organization.webhook_keys(&app.config.secrets).map_err(|error| unusable(&name, &error))?;
    let (partner_center, webhooks) = partner_center(app, &document)?;
    let known = OnceLock::new();
    let crm: Arc<dyn Crm> = match organization {
        CrmOrganization::Dynamics(org) => {
            if let Some(id) = org.organization_id {
                known.get_or_init(|| id.hyphenated().to_string());
            }
            Arc::new(dynamics(app, &name, org)?)
        }
        CrmOrganization::Salesforce(org) => {
            known.get_or_init(|| org.organization_id.to_string());
            Arc::new(salesforce(app, &name, org)?)
        }
    };
    let since = document.sync.since.unwrap_or(first_applied);
    Ok(Tenant {
        name,
        document,
        since,
        partner_center,
        webhooks,
        webhook_keys,
        crm,
        organization: known,
        identified: OnceLock::new(),
    })
}

fn dynamics(app: &App, tenant: &str, org: &DynamicsOrganization) -> Result<Dynamics, Complaint> {
    let client_secret =
        app.config.secrets.resolve(&org.client_secret).map_err(|error| unusable(tenant, &error))?;
    let tokens = ClientCredentials::new(
        ClientCredentialsConfig::for_dataverse(
            org.token_url.clone(),
            &org.org_url,
            org.client_id.clone(),
            client_secret,
        ),
        app.transport.clone(),
    )
    .map_err(|error| unusable(tenant, &error))?;
    let mut config = DynamicsConfig::new(org.org_url.clone());
    config.entity_sets.extend(org.entity_sets.clone());
    config.navigation.extend(org.navigation.clone());
    config.provisioning.solution.clone_from(&org.solution);
    config.provisioning.language_code = org.label_language;
    let manifest = Arc::new(nothing_declared("dynamics"));
    Dynamics::new(config, app.transport.clone(), Arc::new(tokens), manifest)
        .map_err(|error| unusable(tenant, &error))
}

fn salesforce(app: &App, tenant: &str, org: &SalesforceOrganization) -> Result<Salesforce, Complaint> {
    let secret = |secret| app.config.secrets.resolve(secret).map_err(|error| unusable(tenant, &error));
    let grant = match &org.sign_in {
        SalesforceSignInDocument::ClientCredentials { client_secret } => {
            SalesforceGrant::ClientCredentials { client_secret: secret(client_secret)?, basic: false }
        }
        SalesforceSignInDocument::JwtBearer { private_key, username, audience } => {
            SalesforceGrant::JwtBearer {
                private_key: secret(private_key)?,
                username: username.clone(),
                audience: audience.clone(),
            }
        }
    };
    let (org_url, token_url) = (org.org_url.clone(), org.token_url.clone());
    let sign_in = SalesforceSignInConfig::new(org_url.clone(), token_url, org.client_id.clone(), grant);
    let tokens =
        SalesforceSignIn::new(sign_in, app.transport.clone()).map_err(|error| unusable(tenant, &error))?;
    let config = SalesforceConfig {
        api_version: org.api_version.clone(),
        run_assignment_rules: org.run_assignment_rules,
        save_despite_duplicate_alerts: org.save_despite_duplicate_alerts,
        relationships: org.relationships.clone(),
        converted_status: org.converted_status.clone(),
        daily_calls_percent_max: org.daily_calls_percent_max,
        ..SalesforceConfig::new(org_url)
    };
    let manifest = Arc::new(nothing_declared("salesforce"));
    Salesforce::new(config, app.transport.clone(), Arc::new(tokens), manifest)
        .map_err(|error| unusable(tenant, &error))
}

/// Referrals and webhooks are two audiences of one sign-in.
fn partner_center(app: &App, document: &TenantDocument) -> Result<(PartnerCenter, Webhooks), Complaint> {
    let account = &document.partner_center;
    let client_secret = account
        .client_secret
        .as_ref()
        .map(|secret| app.config.secrets.resolve(secret))
        .transpose()
        .map_err(|error| unusable(&document.name, &error))?;
    let store = KeptRefreshToken { journal: app.journal.clone(), tenant: document.name.clone() };
    let grant = RefreshTokenGrant::new(
        RefreshTokenConfig {
            token_url: account.token_url.clone(),
            client_id: account.client_id.clone(),
            client_secret,
            form: match account.token_form {
                TokenForm::V2Scope => RefreshForm::V2Scope,
                TokenForm::V1Resource => RefreshForm::V1Resource,
            },
            renew_margin_ms: RENEW_MARGIN_MS,
        },
        app.transport.clone(),
        Arc::new(store),
    )
    .map_err(|error| unusable(&document.name, &error))?;
    let grant = Arc::new(grant);
    let referrals = PartnerCenter::new(
        PartnerCenterConfig::new(account.api_base.clone()),
        app.transport.clone(),
        grant.audience(account.api_audience.clone()),
    )
    .map_err(|error| unusable(&document.name, &error))?;
    let webhooks = Webhooks::new(
        WebhooksConfig::new(account.webhook_base.clone()),
        app.transport.clone(),
        grant.audience(account.webhook_audience.clone()),
    )
    .map_err(|error| unusable(&document.name, &error))?;
    Ok((referrals, webhooks))
}

/// The journal keeps the newest refresh token. The document's own is taken when there is none, or when the operator
/// has put another in its place.
pub(super) async fn refresh_tokens(
    app: &App,
    tenant: &str,
    given: &SecretString,
) -> Result<Vec<Secret>, Complaint> {
    let given = given.expose_secret().as_bytes().to_vec();
    if app.journal.secret(tenant, REFRESH_TOKEN_GIVEN).await?.as_ref() == Some(&given) {
        return Ok(Vec::new());
    }
    Ok(vec![
        Secret { name: REFRESH_TOKEN.to_owned(), value: given.clone() },
        Secret { name: REFRESH_TOKEN_GIVEN.to_owned(), value: given },
    ])
}

struct KeptRefreshToken {
    journal: Arc<dyn Journal>,
    tenant: String,
}

#[async_trait]
impl RefreshTokenStore for KeptRefreshToken {
    async fn load(&self) -> Result<Option<SecretString>, StoreError> {
        let bytes = self.journal.secret(&self.tenant, REFRESH_TOKEN).await.map_err(|error| failed(&error))?;
        bytes
            .map(|bytes| String::from_utf8(bytes).map(SecretString::from))
            .transpose()
            .map_err(|_| StoreError("the stored refresh token is no text".to_owned()))
    }

    async fn save(&self, token: &SecretString) -> Result<(), StoreError> {
        let stored =
            self.journal.put_secret(&self.tenant, REFRESH_TOKEN, token.expose_secret().as_bytes()).await;
        stored.map_err(|error| failed(&error))
    }
}

fn failed(error: &crosswalk_journal::Error) -> StoreError {
    StoreError(Chain(error).to_string())
}

/// A connection that no release looks through yet.
fn nothing_declared(crm: &str) -> Manifest {
    Manifest {
        name: String::new(),
        version: String::new(),
        crm: crm.to_owned(),
        entities: Vec::new(),
        lookups: Vec::new(),
        settings_schema: String::new(),
    }
}
