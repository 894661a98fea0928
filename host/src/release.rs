//! Releases: a plugin at a digest, with a tenant's settings, checked before anybody is routed to it.
//!
//! A deploy goes: check and compile off the request path → store bytes, manifest and settings → move the tenant's
//! generation in the journal by compare-and-swap → move the pointer in memory. So does every other change of where a
//! tenant is routed: a candidate's stage and share, a promotion, a rollback, other settings; see [`routes`]. A pass that
//! has begun keeps the release that it began with; the next one takes the new. No event waits for any of it.

mod routes;
mod settings;
mod status;
mod trust;

use std::sync::Arc;

use crosswalk_engine::mapping::Manifest;
use crosswalk_journal::{NewRelease, Origin, ReleaseId, Route};
use crosswalk_runtime::{Candidate, Generation, LoadError, Plugin, Release, Routing};
use serde_json::Value;
use tokio::task;

pub(crate) use self::{
    routes::{Order, deploy, promote, promote_by_rule, roll_back, rollback},
    settings::{Renewal, renewal},
    status::{list, status},
};
use crate::{
    admin::types::Checked,
    app::App,
    check,
    config::tenant::TenantDocument,
    error::{Complaint, Fault},
    rollout,
    signing::{self, Offered},
    tenant::Tenant,
};

/// Stores a plugin with the settings that it was loaded with, and where its component came from.
async fn install(
    app: &App,
    tenant: &str,
    plugin: &Plugin,
    component: (Vec<u8>, Origin),
    settings: &Value,
    who: &str,
) -> Result<ReleaseId, Complaint> {
    let (bytes, origin) = component;
    let manifest = serde_json::to_string(plugin.manifest())
        .map_err(|error| Complaint::internal("writing down the plugin's manifest", &error))?;
    let release = NewRelease {
        tenant: tenant.to_owned(),
        digest: plugin.digest().to_owned(),
        manifest,
        settings: settings.to_string(),
        bytes,
        origin,
        who: who.to_owned(),
        at: app.now(),
    };
    Ok(app.journal.install_release(&release).await?)
}

/// Checks a component as a deploy does and stores it as a release; nobody is routed to it by that.
///
/// # Errors
/// When it is not accepted; then nothing was stored.
pub(crate) async fn store(
    app: &Arc<App>,
    tenant: &str,
    offered: Offered,
    who: &str,
) -> Result<Arc<Release>, Complaint> {
    let settings = settings_of(app, tenant)?;
    let origin = trust::admitted(app, tenant, &offered).await?;
    let plugin = load(app, offered.bytes.clone(), settings.clone()).await?;
    fits(&plugin, crm_of(app, tenant))?;
    let id = install(app, tenant, &plugin, (offered.bytes, origin), &settings, who).await?;
    Ok(Arc::new(in_memory(id, plugin)))
}

/// A release of a tenant, loaded with the settings that it was stored with.
///
/// # Errors
/// When the journal does not have all of it.
pub(crate) async fn stored(app: &Arc<App>, tenant: &str, id: ReleaseId) -> Result<Arc<Release>, Complaint> {
    loaded(app, tenant, id, &[]).await
}

/// Whether a component would be taken by a tenant with this document, for this CRM. Nothing is stored.
async fn check(
    app: &Arc<App>,
    offered: &Offered,
    document: &TenantDocument,
    crm: &str,
) -> Result<(), Complaint> {
    signing::admit(document, offered).await?;
    fits(&load(app, offered.bytes.clone(), document.settings_json()).await?, crm)
}

/// Checks a component with a tenant's settings, and its laws on what the tenant's passes have read, too. Nothing is
/// stored.
pub(crate) async fn check_laws(
    app: &Arc<App>,
    tenant: &str,
    bytes: Vec<u8>,
    cases: u64,
) -> Result<Checked, Complaint> {
    let (settings, crm) = (settings_of(app, tenant)?, crm_of(app, tenant));
    let plugin = load(app, bytes, settings).await?;
    fits(&plugin, crm)?;
    let laws = check::with_recorded(app, tenant, &plugin, cases).await?;
    Ok(Checked { digest: plugin.digest().to_owned(), manifest: plugin.manifest().clone(), laws })
}

/// A plugin names the fields of one CRM; in another there are none of them.
fn fits(plugin: &Plugin, crm: &str) -> Result<(), Complaint> {
    let manifest = plugin.manifest();
    if manifest.crm == crm {
        return Ok(());
    }
    Err(Complaint::new(
        Fault::Refused,
        format!("the plugin `{}` is for `{}`, and the tenant has `{crm}`", manifest.name, manifest.crm),
        "it was not stored, and the tenant stays on the release that it is on",
        "deploy it to a tenant with that CRM, or say `crm` otherwise in the plugin's `#[mapping]`",
    ))
}

/// Loads what a tenant was routed to when the host last ran, and goes on with what was going on.
pub(crate) async fn restore(app: &Arc<App>, tenant: &str) -> Result<(), Complaint> {
    let Some(route) = app.journal.routed(tenant).await? else { return Ok(()) };
    let routing = routing(app, &route, &[]).await?;
    app.registry.route(tenant, routing);
    rollout::restore(app, &route).await?;
    // The host may have been stopped between a rollback and what comes after it.
    after_rollback(app, &route).await
}

/// The releases of a route, loaded: those that are in memory already, `fresh` and stored ones.
async fn routing(app: &Arc<App>, route: &Route, fresh: &[Arc<Release>]) -> Result<Routing, Complaint> {
    let live = loaded(app, &route.tenant, route.live, fresh).await?;
    let candidate = match &route.candidate {
        None => None,
        Some(candidate) => {
            let release = loaded(app, &route.tenant, candidate.release, fresh).await?;
            let is_canary = candidate.stage == crosswalk_journal::Stage::Canary;
            Some(Candidate { release, canary_percent: is_canary.then_some(candidate.share) })
        }
    };
    Ok(Routing { generation: Generation(route.generation), live, candidate })
}

async fn loaded(
    app: &Arc<App>,
    tenant: &str,
    id: ReleaseId,
    fresh: &[Arc<Release>],
) -> Result<Arc<Release>, Complaint> {
    let name = id.to_string();
    let routed = app.registry.routing(tenant);
    let candidate = routed.as_ref().and_then(|routing| routing.candidate.as_ref());
    let routed = [routed.as_ref().map(|routing| &routing.live), candidate.map(|known| &known.release)];
    if let Some(known) = fresh.iter().chain(routed.into_iter().flatten()).find(|release| release.id == name) {
        return Ok(Arc::clone(known));
    }
    let release = app.journal.release(id).await?.ok_or_else(|| lost(tenant, id, "the description"))?;
    let bytes = app.journal.component(&release.digest).await?;
    let bytes = bytes.ok_or_else(|| lost(tenant, id, "the component"))?;
    let settings = serde_json::from_str(&release.settings)
        .map_err(|error| lost(tenant, id, "a readable form of the settings").because(&error))?;
    Ok(Arc::new(in_memory(id, load(app, bytes, settings).await?)))
}

fn in_memory(id: ReleaseId, plugin: Plugin) -> Release {
    Release { id: id.to_string(), digest: plugin.digest().to_owned(), plugin }
}

/// What a release that was taken back had parked is looked at again.
async fn after_rollback(app: &Arc<App>, route: &Route) -> Result<(), Complaint> {
    let Some(undone) = &route.undone else { return Ok(()) };
    let Some(release) = app.journal.release(undone.release).await? else { return Ok(()) };
    rollout::look_again(app, &route.tenant, &release.digest, undone.since, &route.why).await;
    Ok(())
}

fn lost(tenant: &str, release: ReleaseId, what: &str) -> Complaint {
    Complaint::new(
        Fault::Internal,
        format!("{what} of release `{release}` of tenant `{tenant}` is not in the journal"),
        "the tenant keeps the release that it is on; its events wait if it has none",
        "deploy the plugin again with `crosswalk plugin deploy`",
    )
}

/// Checks and compiles, away from the threads that serve.
async fn load(app: &Arc<App>, bytes: Vec<u8>, settings: Value) -> Result<Plugin, Complaint> {
    let runtime = app.runtime.clone();
    task::spawn_blocking(move || runtime.load(&bytes, &settings))
        .await
        .map_err(|error| Complaint::internal("compiling the plugin", &error))?
        .map_err(|error| refused(&error))
}

/// A component that this host does not take, in words for whoever built it: each single thing that is wrong is a cause.
pub(crate) fn refused(error: &LoadError) -> Complaint {
    let mut complaint = Complaint::new(
        Fault::Refused,
        format!("the plugin is not accepted: {}", error.message),
        "it was not stored, and the tenant stays on the release that it is on",
        error.help.clone(),
    )
    .code(error.code.as_str());
    complaint.causes.clone_from(&error.problems);
    complaint
}

fn settings_of(app: &App, tenant: &str) -> Result<Value, Complaint> {
    Ok(served(app, tenant)?.document.settings_json())
}

fn served(app: &App, tenant: &str) -> Result<Arc<Tenant>, Complaint> {
    app.tenants.get(tenant).ok_or_else(|| {
        Complaint::new(
            Fault::NotFound,
            format!("there is no tenant `{tenant}`"),
            "nothing was stored",
            "apply the tenant first: `crosswalk tenant apply -f tenant.toml`",
        )
    })
}

/// What plugins call the tenant's CRM.
fn crm_of(app: &App, tenant: &str) -> &'static str {
    let tenant = app.tenants.get(tenant);
    tenant.and_then(|tenant| Some(tenant.document.crm().ok()?.name())).unwrap_or_default()
}

/// A stored manifest's plugin, name and version.
pub(crate) fn plugin_name(manifest: &str) -> String {
    match serde_json::from_str::<Manifest>(manifest) {
        Ok(manifest) => format!("{} {}", manifest.name, manifest.version),
        Err(_) => "unreadable manifest".to_owned(),
    }
}

/// A plugin's name and version.
fn name_of(release: &Release) -> String {
    format!("{} {}", release.plugin.manifest().name, release.plugin.manifest().version)
}
