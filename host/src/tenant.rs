//! Tenants: a document becomes connections to Partner Center and a CRM, and a first plugin.

use std::{
    io,
    path::Path,
    sync::{Arc, OnceLock},
};

use crosswalk_connectors::{
    crm::Crm,
    fault::{ConfigError, Fault as CallFault},
    partner_center::{PartnerCenter, Webhooks},
};
use crosswalk_engine::mapping::{EntityUse, Manifest};
use crosswalk_runtime::Release;
use jiff::Timestamp;
use tracing::{error, warn};

use crate::{
    app::App,
    config::tenant::{CrmOrganization, PluginChoice, TenantDocument},
    error::{Complaint, Fault},
    intake::WebhookKeys,
    release,
    signing::{self, Offered},
};

mod connect;

use connect::{connect, refresh_tokens};

/// The default mapping for Dynamics, as bytes: a component like any other.
const DEFAULT_DYNAMICS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/dynamics.wasm"));

/// The default mapping for Salesforce.
const DEFAULT_SALESFORCE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/salesforce.wasm"));

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
    /// The registration of its webhooks, which is one for a whole partner.
    pub(crate) webhooks: Webhooks,
    /// What its CRM's webhooks must carry.
    pub(crate) webhook_keys: WebhookKeys,
    /// Its CRM, which no release looks through yet.
    crm: Arc<dyn Crm>,
    /// The organisation's id as the document has it, or as the CRM answered it.
    organization: OnceLock<String>,
    /// Whether the CRM was asked already.
    identified: OnceLock<()>,
}

/// What a tenant's release does with an entity.
pub(crate) enum Role {
    /// Its records are linked with referrals.
    Linked,
    /// Its rows are part of linked records: of which ones, each of these says.
    Rows(Vec<Parent>),
    /// Nothing.
    Unknown,
}

/// How a row refers to the record that it is part of.
pub(crate) struct Parent {
    /// The linked entity.
    pub(crate) entity: String,
    /// The row's field that refers to it.
    pub(crate) lookup: String,
}

impl Tenant {
    /// The tenant's CRM, as a release may see it.
    pub(crate) fn crm(&self, release: &Release) -> Result<Arc<dyn Crm>, ConfigError> {
        self.crm.with_manifest(Arc::new(release.plugin.manifest().clone()))
    }

    /// What its CRM is called, also in the address of its webhooks.
    pub(crate) fn crm_name(&self) -> &'static str {
        self.document.crm().map(CrmOrganization::name).unwrap_or_default()
    }

    /// What the release that the tenant is on does with this entity.
    pub(crate) fn role(&self, app: &App, entity: &str) -> Role {
        app.registry
            .current(&self.name)
            .map_or(Role::Unknown, |release| role(release.plugin.manifest(), entity))
    }

    /// The id of its CRM organisation, once it is known.
    pub(crate) fn organization(&self) -> Option<&str> {
        self.organization.get().map(String::as_str)
    }

    /// Asks the CRM, once, which organisation it is. From then on a webhook of another one is refused, and if the
    /// document names another one, that is said.
    pub(crate) async fn identify(&self) -> Result<(), CallFault> {
        if self.identified.get().is_some() {
            return Ok(());
        }
        let answered = self.crm.check().await?.organization;
        let known = self.organization.get_or_init(|| answered.clone());
        if !known.eq_ignore_ascii_case(&answered) {
            warn!(
                tenant = %self.name, document = %known, answered = %answered,
                "the CRM is another organisation than the tenant document's `organization_id`; its webhooks are refused"
            );
        }
        self.identified.set(()).ok();
        Ok(())
    }
}

fn role(manifest: &Manifest, entity: &str) -> Role {
    if manifest.primary(entity).is_some() {
        return Role::Linked;
    }
    let linked = manifest.entities.iter().filter(|used| used.via.is_none());
    let parents: Vec<Parent> = linked.flat_map(|used| lists_rows(used, entity)).collect();
    if parents.is_empty() { Role::Unknown } else { Role::Rows(parents) }
}

fn lists_rows<'a>(used: &'a EntityUse, entity: &'a str) -> impl Iterator<Item = Parent> + 'a {
    let rows = used.fields.iter().filter_map(|field| field.rows.as_ref());
    rows.filter(move |rows| rows.entity == entity)
        .map(|rows| Parent { entity: used.entity.clone(), lookup: rows.parent.clone() })
}

/// The cursor that says from when on missed changes are looked for at first.
const SINCE: &str = "since";

/// Applies a tenant document: connections and plugin are tried first, so that a wrong one changes nothing, then the
/// journal, then releases, if the tenant has none yet or the document has other settings than they.
pub(crate) async fn apply(app: &Arc<App>, document: TenantDocument, who: &str) -> Result<(), Complaint> {
    let name = document.name.clone();
    document.validate().map_err(|error| unusable(&name, &error))?;
    let applied = app.now();
    let served = app.tenants.get(&name);
    if let Some(served) = &served {
        same_crm(&served.document, &document)?;
    }
    let first_applied = served.map_or(applied, |tenant| tenant.since);
    let settings = document.settings_json();
    let renewal = match app.journal.routed(&name).await? {
        None => Some(release::Renewal::First(first_plugin(&document)?)),
        Some(route) => release::renewal(app, route, &settings).await?,
    };
    if let Some(renewal) = &renewal {
        renewal.check(app, &document, crm_name(&document)).await?;
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
    app.journal.act(&name, who, &applied_in_words(&tenant.document), applied).await?;
    app.tenants.put(tenant);
    match renewal {
        Some(renewal) => renewal.carry_out(app, &name, &settings, who).await,
        None => Ok(()),
    }
}

/// The act, with what is demanded of plugins from now on: whoever loosens that shall be found in the audit.
fn applied_in_words(document: &TenantDocument) -> String {
    match &document.plugin_policy {
        None => "applied the tenant document, which demands no signature of plugins".to_owned(),
        Some(policy) => {
            let keys: Vec<String> =
                policy.signed_by.iter().map(|(name, key)| format!("{name} ({key})")).collect();
            format!("applied the tenant document, which takes plugins signed by {}", keys.join(" or "))
        }
    }
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

/// A tenant's links name records of the CRM that it had first.
fn same_crm(served: &TenantDocument, document: &TenantDocument) -> Result<(), Complaint> {
    let (has, asked) = (crm_name(served), crm_name(document));
    if has == asked {
        return Ok(());
    }
    Err(Complaint::new(
        Fault::Refused,
        format!("tenant `{}` has `[{has}]`, and the document has `[{asked}]`", document.name),
        "nothing was changed: the tenant's links are with records of the CRM that it has",
        "apply the document under another name",
    ))
}

fn crm_name(document: &TenantDocument) -> &'static str {
    document.crm().map(CrmOrganization::name).unwrap_or_default()
}

fn first_plugin(document: &TenantDocument) -> Result<Offered, Complaint> {
    let crm = document.crm().map_err(|error| unusable(&document.name, &error))?;
    match (&document.plugin, crm) {
        (Some(PluginChoice::Path(path)), _) => read_plugin(path, &document.name),
        (_, CrmOrganization::Dynamics(_)) => Ok(Offered::built_in(DEFAULT_DYNAMICS)),
        (_, CrmOrganization::Salesforce(_)) => Ok(Offered::built_in(DEFAULT_SALESFORCE)),
    }
}

/// A component file of the host, with the signature beside it if there is one.
fn read_plugin(path: &Path, tenant: &str) -> Result<Offered, Complaint> {
    let unreadable = |error: io::Error| {
        Complaint::new(
            Fault::Configuration,
            format!("the plugin `{}` of tenant `{tenant}` could not be read by the host", path.display()),
            "the tenant was not applied",
            "name a file on the host, or leave `plugin` out and deploy it with `crosswalk plugin deploy`",
        )
        .because(&error)
    };
    let bytes = std::fs::read(path).map_err(unreadable)?;
    let signature = signing::beside(path).map_err(unreadable)?;
    Ok(Offered::file(path, bytes, signature))
}

fn unusable(tenant: &str, cause: &dyn std::error::Error) -> Complaint {
    Complaint::new(
        Fault::Configuration,
        format!("tenant `{tenant}` cannot be connected as its document says"),
        "nothing was changed; if it was served before, it still is as it was",
        "correct the document and apply it again; its keys are explained in `host/src/config/tenant`",
    )
    .because(cause)
}
