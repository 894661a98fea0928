//! Tenants: a document becomes connections to Partner Center and Dynamics, and a first plugin.

use std::sync::Arc;

use async_trait::async_trait;
use crosswalk_connectors::{
    crm::Crm,
    dynamics::{Dynamics, DynamicsConfig},
    fault::ConfigError,
    partner_center::{PartnerCenter, PartnerCenterConfig},
    token::{
        ClientCredentials, ClientCredentialsConfig, RefreshForm, RefreshTokenConfig, RefreshTokenGrant,
        RefreshTokenStore, StoreError,
    },
};
use crosswalk_engine::mapping::Manifest;
use crosswalk_journal::{Journal, Secret};
use crosswalk_runtime::Release;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use tracing::error;

use crate::{
    app::App,
    config::tenant::{PluginChoice, TenantDocument, TokenForm},
    dispatch::Chain,
    error::{Complaint, Fault},
    intake::dynamics::WebhookKeys,
    release,
};

/// The default mapping for Dynamics, as bytes: a component like any other.
const DEFAULT_DYNAMICS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/dynamics.wasm"));

/// Under which name the newest refresh token for Partner Center is kept in the journal, encrypted.
const REFRESH_TOKEN: &str = "partner-center.refresh-token";

/// Under which name the refresh token of the document is kept: when the operator names another, it counts anew.
const REFRESH_TOKEN_GIVEN: &str = "partner-center.refresh-token.given";

/// How long before it expires an access token is renewed, in milliseconds.
const RENEW_MARGIN_MS: u64 = 300_000;

/// A tenant and its connections.
pub(crate) struct Tenant {
    /// Its name, also in its webhooks' addresses.
    pub(crate) name: String,
    /// What was applied.
    pub(crate) document: TenantDocument,
    /// From when on missed changes are looked for, if nothing was looked at yet.
    pub(crate) since: Timestamp,
    /// Its referrals.
    pub(crate) partner_center: PartnerCenter,
    /// What Dataverse's webhooks must carry.
    pub(crate) webhook_keys: WebhookKeys,
    dynamics: Dynamics,
}

impl Tenant {
    /// The tenant's CRM, as a release may see it.
    pub(crate) fn crm(&self, release: &Release) -> Result<Arc<dyn Crm>, ConfigError> {
        Crm::with_manifest(&self.dynamics, Arc::new(release.plugin.manifest().clone()))
    }

    /// As [`Tenant::crm`], for the poll, which asks Dataverse alone.
    pub(crate) fn dynamics(&self, release: &Release) -> Result<Dynamics, ConfigError> {
        self.dynamics.with_manifest(Arc::new(release.plugin.manifest().clone()))
    }

    /// Whether records of this entity are linked with referrals by the release that the tenant is on.
    pub(crate) fn links(&self, app: &App, entity: &str) -> bool {
        app.registry
            .current(&self.name)
            .is_some_and(|release| release.plugin.manifest().primary(entity).is_some())
    }
}

/// The cursor that says from when on missed changes are looked for at first.
const SINCE: &str = "since";

/// Applies a tenant document: connections and plugin are tried first, so that a wrong one changes nothing, then the
/// journal, then a release, if the tenant has none yet or the document has other settings than it.
pub(crate) async fn apply(app: &Arc<App>, document: TenantDocument, who: &str) -> Result<(), Complaint> {
    let name = document.name.clone();
    document.validate().map_err(|error| unusable(&name, &error))?;
    let applied = app.now();
    let first_applied = app.tenants.get(&name).map_or(applied, |tenant| tenant.since);
    let settings = document.settings_json();
    let component = match app.journal.routed(&name).await? {
        None => Some(first_plugin(&document)?),
        Some(route) => release::component_under_other_settings(app, &route, &settings).await?,
    };
    if let Some(component) = &component {
        release::check(app, component.clone(), settings).await?;
    }
    let given = app.config.secrets.resolve(&document.partner_center.refresh_token);
    let given = given.map_err(|error| unusable(&name, &error))?;
    let tenant = connect(app, document, first_applied)?;
    let stored = crosswalk_journal::Tenant {
        name: name.clone(),
        document: serde_json::to_string(&tenant.document)
            .map_err(|error| Complaint::internal("writing down the tenant document", &error))?,
        applied,
        who: who.to_owned(),
    };
    app.journal.apply_tenant(&stored, &refresh_tokens(app, &name, &given).await?).await?;
    if app.journal.cursor(&name, SINCE).await?.is_none() {
        app.journal.put_cursor(&name, SINCE, &tenant.since.to_string()).await?;
    }
    app.journal.act(&name, who, "applied the tenant document", applied).await?;
    app.tenants.put(tenant);
    if let Some(component) = component {
        release::deploy(app, &name, component, who).await?;
    }
    Ok(())
}

/// Connects the tenants that were applied before the host was last stopped.
pub(crate) async fn restore(app: &Arc<App>) -> Result<(), Complaint> {
    for stored in app.journal.tenants().await? {
        let since = match app.journal.cursor(&stored.name, SINCE).await? {
            Some(text) => text.parse().unwrap_or(stored.applied),
            None => stored.applied,
        };
        let tenant = serde_json::from_str(&stored.document)
            .map_err(|error| unusable(&stored.name, &error))
            .and_then(|document| connect(app, document, since));
        match tenant {
            Ok(tenant) => app.tenants.put(tenant),
            // One tenant's missing secret must not keep the others from being served; its events wait.
            Err(complaint) => error!(tenant = %stored.name, "{complaint}"),
        }
    }
    Ok(())
}

fn connect(app: &App, document: TenantDocument, first_applied: Timestamp) -> Result<Tenant, Complaint> {
    let name = document.name.clone();
    let secrets = &app.config.secrets;
    let webhook_keys = document.dynamics.webhook_keys(secrets).map_err(|error| unusable(&name, &error))?;
    let partner_center = partner_center(app, &document)?;
    let client_secret =
        secrets.resolve(&document.dynamics.client_secret).map_err(|error| unusable(&name, &error))?;
    let organization = &document.dynamics;
    let tokens = ClientCredentials::new(
        ClientCredentialsConfig::for_dataverse(
            organization.token_url.clone(),
            &organization.org_url,
            organization.client_id.clone(),
            client_secret,
        ),
        app.transport.clone(),
    )
    .map_err(|error| unusable(&name, &error))?;
    let mut config = DynamicsConfig::new(organization.org_url.clone());
    config.entity_sets.extend(organization.entity_sets.clone());
    config.navigation.extend(organization.navigation.clone());
    let dynamics =
        Dynamics::new(config, app.transport.clone(), Arc::new(tokens), Arc::new(nothing_declared()))
            .map_err(|error| unusable(&name, &error))?;
    let since = document.sync.since.unwrap_or(first_applied);
    Ok(Tenant { name, document, since, partner_center, webhook_keys, dynamics })
}

fn partner_center(app: &App, document: &TenantDocument) -> Result<PartnerCenter, Complaint> {
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
    let tokens = Arc::new(grant).audience(account.api_audience.clone());
    PartnerCenter::new(PartnerCenterConfig::new(account.api_base.clone()), app.transport.clone(), tokens)
        .map_err(|error| unusable(&document.name, &error))
}

/// The journal keeps the newest refresh token. The document's own is taken when there is none, or when the operator
/// has put another in its place.
async fn refresh_tokens(app: &App, tenant: &str, given: &SecretString) -> Result<Vec<Secret>, Complaint> {
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

fn first_plugin(document: &TenantDocument) -> Result<Vec<u8>, Complaint> {
    match &document.plugin {
        PluginChoice::DefaultDynamics => Ok(DEFAULT_DYNAMICS.to_vec()),
        PluginChoice::Path(path) => std::fs::read(path).map_err(|error| {
            Complaint::new(
                Fault::Configuration,
                format!(
                    "the plugin `{}` of tenant `{}` could not be read by the host",
                    path.display(),
                    document.name
                ),
                "the tenant was not applied",
                "name a file on the host, or leave `plugin` out and deploy it with `crosswalk plugin deploy`",
            )
            .because(&error)
        }),
    }
}

/// A connection that no release looks through yet.
fn nothing_declared() -> Manifest {
    Manifest {
        name: String::new(),
        version: String::new(),
        crm: "dynamics".to_owned(),
        entities: Vec::new(),
        lookups: Vec::new(),
        settings_schema: String::new(),
    }
}

fn unusable(tenant: &str, cause: &dyn std::error::Error) -> Complaint {
    Complaint::new(
        Fault::Configuration,
        format!("tenant `{tenant}` cannot be connected as its document says"),
        "nothing was changed; if it was served before, it still is as it was",
        "correct the document and apply it again; its keys are explained in `host/src/config/tenant/example.toml`",
    )
    .because(cause)
}
