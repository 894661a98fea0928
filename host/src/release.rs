//! Releases: a plugin at a digest, with a tenant's settings, checked before anybody is routed to it.
//!
//! A deploy goes: check and compile off the request path → store bytes, manifest and settings → move the tenant's
//! generation in the journal by compare-and-swap → move the pointer in memory. A pass that has begun keeps the
//! release that it began with; the next one takes the new. No event waits for any of it.

use std::sync::Arc;

use crosswalk_engine::mapping::Manifest;
use crosswalk_journal::{Error as JournalError, NewRelease, Route};
use crosswalk_runtime::{Generation, LoadError, Plugin, Release};
use serde_json::Value;
use tokio::task;
use tracing::{error, info};

use crate::{
    admin::types::{ReleaseSummary, Routed},
    app::App,
    error::{Complaint, Fault},
};

/// Checks a component with a tenant's settings, stores it as a release and routes the tenant to it.
pub(crate) async fn deploy(
    app: &Arc<App>,
    tenant: &str,
    bytes: Vec<u8>,
    who: &str,
) -> Result<Routed, Complaint> {
    let settings = settings_of(app, tenant)?;
    let crm = crm_of(app, tenant);
    // Read before compiling, so that of two deploys at the same time one wins and the other is told.
    let expected = generation(app, tenant).await?;
    let plugin = load(app, bytes.clone(), settings.clone()).await?;
    fits(&plugin, crm)?;
    let manifest = serde_json::to_string(plugin.manifest())
        .map_err(|error| Complaint::internal("writing down the plugin's manifest", &error))?;
    let release = app
        .journal
        .install_release(&NewRelease {
            tenant: tenant.to_owned(),
            digest: plugin.digest().to_owned(),
            manifest,
            settings: settings.to_string(),
            bytes,
            who: who.to_owned(),
            at: app.now(),
        })
        .await?;
    route(app, tenant, expected, release, plugin, who).await
}

/// Whether a component would be taken with these settings by a tenant with this CRM. Nothing is stored.
pub(crate) async fn check(
    app: &Arc<App>,
    bytes: Vec<u8>,
    settings: Value,
    crm: &str,
) -> Result<(), Complaint> {
    fits(&load(app, bytes, settings).await?, crm)
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

/// The component of a release, if the release was made with other settings than these; `None` if it has them already.
pub(crate) async fn component_under_other_settings(
    app: &App,
    route: &Route,
    settings: &Value,
) -> Result<Option<Vec<u8>>, Complaint> {
    let release = app.journal.release(route.release).await?.ok_or_else(|| lost(route, "the description"))?;
    if serde_json::from_str::<Value>(&release.settings).is_ok_and(|used| used == *settings) {
        return Ok(None);
    }
    let component = app.journal.component(&release.digest).await?;
    component.map(Some).ok_or_else(|| lost(route, "the component"))
}

/// Routes a tenant back to the release before the present one.
pub(crate) async fn rollback(app: &Arc<App>, tenant: &str, who: &str) -> Result<Routed, Complaint> {
    let routes = app.journal.routes(tenant, 100).await?;
    let present = routes.first().map(|route| route.release);
    let Some(earlier) = routes.iter().find(|route| Some(route.release) != present) else {
        return Err(Complaint::new(
            Fault::Refused,
            format!("tenant `{tenant}` has had no other release to go back to"),
            "the tenant stays on its present release",
            "deploy the plugin that you want with `crosswalk plugin deploy`",
        ));
    };
    let plugin = stored_plugin(app, earlier).await?;
    let expected = generation(app, tenant).await?;
    route(app, tenant, expected, earlier.release, plugin, who).await
}

/// All releases of a tenant, newest first.
pub(crate) async fn list(app: &Arc<App>, tenant: &str) -> Result<Vec<ReleaseSummary>, Complaint> {
    let routes = app.journal.routes(tenant, 0).await?;
    let current = routes.first().map(|route| route.release);
    let releases = app.journal.releases(tenant).await?;
    Ok(releases
        .into_iter()
        .map(|release| ReleaseSummary {
            generation: routes
                .iter()
                .find(|route| route.release == release.id)
                .and_then(|route| i64::try_from(route.generation).ok()),
            current: Some(release.id) == current,
            plugin: plugin_name(&release.manifest),
            digest: release.digest,
        })
        .collect())
}

/// Loads what a tenant was routed to when the host last ran.
pub(crate) async fn restore(app: &Arc<App>, tenant: &str) -> Result<(), Complaint> {
    let Some(route) = app.journal.routed(tenant).await? else { return Ok(()) };
    let plugin = stored_plugin(app, &route).await?;
    put(app, tenant, 0, &route, plugin);
    Ok(())
}

async fn route(
    app: &Arc<App>,
    tenant: &str,
    expected: u64,
    release: crosswalk_journal::ReleaseId,
    plugin: Plugin,
    who: &str,
) -> Result<Routed, Complaint> {
    let generation =
        app.journal.route(tenant, expected, release, who, app.now()).await.map_err(|error| match error {
            JournalError::Moved { .. } => Complaint::new(
                Fault::Moved,
                format!("somebody else routed tenant `{tenant}` at the same time"),
                "the component is stored, and nobody is routed to it by this call",
                "look at `crosswalk plugin list`, and deploy again if yours should still win",
            )
            .because(&error),
            other => other.into(),
        })?;
    let name = format!("{} {}", plugin.manifest().name, plugin.manifest().version);
    let digest = plugin.digest().to_owned();
    let route = Route { tenant: tenant.to_owned(), generation, release, at: app.now(), who: who.to_owned() };
    put(app, tenant, expected, &route, plugin);
    info!(tenant, generation, release = %digest, plugin = %name, "routed");
    Ok(Routed {
        tenant: tenant.to_owned(),
        digest,
        plugin: name,
        generation: i64::try_from(generation).unwrap_or(i64::MAX),
    })
}

/// Moves the pointer in memory. It can only lose against another deploy on this host that was later in the journal.
fn put(app: &App, tenant: &str, expected: u64, route: &Route, plugin: Plugin) {
    let release = Release {
        id: route.release.to_string(),
        digest: plugin.digest().to_owned(),
        generation: Generation(route.generation),
        settings_version: route.generation,
        plugin,
    };
    if let Err(moved) = app.registry.route(tenant, Generation(expected), release) {
        error!(tenant, error = %moved, "a later release is routed already");
    }
}

async fn stored_plugin(app: &Arc<App>, route: &Route) -> Result<Plugin, Complaint> {
    let release = app.journal.release(route.release).await?.ok_or_else(|| lost(route, "the description"))?;
    let bytes = app.journal.component(&release.digest).await?.ok_or_else(|| lost(route, "the component"))?;
    let settings = serde_json::from_str(&release.settings)
        .map_err(|error| lost(route, "a readable form of the settings").because(&error))?;
    load(app, bytes, settings).await
}

fn lost(route: &Route, what: &str) -> Complaint {
    Complaint::new(
        Fault::Internal,
        format!("{what} of release `{}` of tenant `{}` is not in the journal", route.release, route.tenant),
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

async fn generation(app: &App, tenant: &str) -> Result<u64, Complaint> {
    Ok(app.journal.routed(tenant).await?.map_or(0, |route| route.generation))
}

fn settings_of(app: &App, tenant: &str) -> Result<Value, Complaint> {
    match app.tenants.get(tenant) {
        Some(tenant) => Ok(tenant.document.settings_json()),
        None => Err(Complaint::new(
            Fault::NotFound,
            format!("there is no tenant `{tenant}`"),
            "nothing was stored",
            "apply the tenant first: `crosswalk tenant apply -f tenant.toml`",
        )),
    }
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
