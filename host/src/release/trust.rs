//! Whether a tenant trusts what it is about to be routed to: what is taken now, and what was taken some time ago.

use std::sync::Arc;

use crosswalk_journal::{Candidate, NewRoute, Origin, ReleaseId, Stage};
use crosswalk_runtime::Release;

use super::{lost, served};
use crate::{
    app::App,
    error::Complaint,
    signing::{self, Offered},
};

/// Where a component came from and who signed it, if the tenant takes it.
pub(super) async fn admitted(app: &App, tenant: &str, offered: &Offered) -> Result<Origin, Complaint> {
    signing::admit(&served(app, tenant)?.document, offered).await
}

/// Refuses a change by which a release would decide more than it does, if the tenant does not trust it by the keys of
/// today. Those in `fresh` were asked about a moment ago, when they were taken.
pub(super) async fn still_trusted(
    app: &App,
    change: &NewRoute,
    fresh: &[Arc<Release>],
) -> Result<(), Complaint> {
    let is_fresh = |id: &ReleaseId| fresh.iter().any(|release| release.id == id.to_string());
    for id in advancing(app, change).into_iter().filter(|id| !is_fresh(id)) {
        let release =
            app.journal.release(id).await?.ok_or_else(|| lost(&change.tenant, id, "the description"))?;
        let bytes = app.journal.component(&release.digest).await?;
        let bytes = bytes.ok_or_else(|| lost(&change.tenant, id, "the component"))?;
        admitted(app, &change.tenant, &Offered::stored(bytes, &release)).await?;
    }
    Ok(())
}

/// The releases that are somewhere else after a change than before it. A candidate that is dropped is not among them.
fn advancing(app: &App, change: &NewRoute) -> Vec<ReleaseId> {
    let now = app.registry.routing(&change.tenant);
    let is_live = |id: ReleaseId| now.as_ref().is_some_and(|now| now.live.id == id.to_string());
    let stays = |candidate: &Candidate| {
        let percent = (candidate.stage == Stage::Canary).then_some(candidate.share);
        let now = now.as_ref().and_then(|now| now.candidate.as_ref());
        now.is_some_and(|now| {
            now.release.id == candidate.release.to_string() && now.canary_percent == percent
        })
    };
    let live = Some(change.live).filter(|id| !is_live(*id));
    let candidate = change.candidate.as_ref().filter(|candidate| !stays(candidate));
    live.into_iter().chain(candidate.map(|candidate| candidate.release)).collect()
}

#[cfg(test)]
mod tests;
