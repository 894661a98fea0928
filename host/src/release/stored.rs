//! Releases that are kept whether or not anybody is routed to them.

use std::sync::Arc;

use crosswalk_journal::{NewRelease, ReleaseId};
use crosswalk_runtime::Plugin;

use super::{crm_of, fits, load, settings_of};
use crate::{
    app::App,
    error::{Complaint, Fault},
};

/// Checks a component with a tenant's settings and stores it as a release; nobody is routed to it by that.
///
/// # Errors
/// When it is not accepted; then nothing was stored.
pub(crate) async fn store(
    app: &Arc<App>,
    tenant: &str,
    bytes: Vec<u8>,
    who: &str,
) -> Result<(ReleaseId, Plugin), Complaint> {
    let settings = settings_of(app, tenant)?;
    let plugin = load(app, bytes.clone(), settings.clone()).await?;
    fits(&plugin, crm_of(app, tenant))?;
    let manifest = serde_json::to_string(plugin.manifest())
        .map_err(|error| Complaint::internal("writing down the plugin's manifest", &error))?;
    let release = NewRelease {
        tenant: tenant.to_owned(),
        digest: plugin.digest().to_owned(),
        manifest,
        settings: settings.to_string(),
        bytes,
        who: who.to_owned(),
        at: app.now(),
    };
    Ok((app.journal.install_release(&release).await?, plugin))
}

/// A release's plugin with the settings that it was stored with.
///
/// # Errors
/// When the journal does not have all of it.
pub(crate) async fn stored(app: &Arc<App>, tenant: &str, id: ReleaseId) -> Result<Plugin, Complaint> {
    let lost = |what: &str| {
        Complaint::new(
            Fault::Internal,
            format!("{what} of release `{id}` of tenant `{tenant}` is not in the journal"),
            "the tenant keeps the release that it is on; its events wait if it has none",
            "deploy the plugin again with `crosswalk plugin deploy`",
        )
    };
    let release = app.journal.release(id).await?.ok_or_else(|| lost("the description"))?;
    let bytes = app.journal.component(&release.digest).await?.ok_or_else(|| lost("the component"))?;
    let settings = serde_json::from_str(&release.settings)
        .map_err(|error| lost("a readable form of the settings").because(&error))?;
    load(app, bytes, settings).await
}
