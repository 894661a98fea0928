//! What a tenant has and how it does, for a person.

use std::sync::Arc;

use crosswalk_journal::{Candidate, ReleaseId, Route, Stage as CandidateStage};

use super::plugin_name;
use crate::{
    admin::types::{ComponentOrigin, PluginStatus, ReleaseStatus, ReleaseSummary, ShadowCounts, Stage},
    app::App,
    config::tenant::Rollout as Rules,
    error::Complaint,
    rollout::Watched,
};

/// All releases of a tenant, newest first.
pub(crate) async fn list(app: &Arc<App>, tenant: &str) -> Result<Vec<ReleaseSummary>, Complaint> {
    let routes = app.journal.routes(tenant, 0).await?;
    let now = routes.first();
    let candidate = now.and_then(|route| route.candidate.as_ref());
    let candidate_at = |route: &Route| route.candidate.as_ref().map(|candidate| candidate.release);
    let releases = app.journal.releases(tenant).await?;
    Ok(releases
        .into_iter()
        .map(|release| {
            let is_candidate = candidate.filter(|candidate| candidate.release == release.id);
            let is_live = now.is_some_and(|route| route.live == release.id);
            let last = routes
                .iter()
                .find(|route| route.live == release.id || candidate_at(route) == Some(release.id));
            ReleaseSummary {
                release: release.id.to_string(),
                generation: last.and_then(|route| i64::try_from(route.generation).ok()),
                current: is_live,
                stage: if is_live {
                    Some(Stage::Live)
                } else {
                    is_candidate.map(|candidate| stage(candidate.stage))
                },
                share: is_candidate.and_then(canary_share),
                plugin: plugin_name(&release.manifest),
                digest: release.digest,
                origin: release.origin.map(ComponentOrigin::from),
            }
        })
        .collect())
}

/// How a tenant is routed, and what its releases on watch have done.
pub(crate) async fn status(app: &Arc<App>, tenant: &str) -> Result<PluginStatus, Complaint> {
    let route = super::routes::present(app, tenant).await?;
    let served = app.tenants.get(tenant);
    let rules = served.map(|tenant| tenant.document.rollout.clone()).unwrap_or_default();
    let watch = app.rollout.watch(tenant);
    let watched = watch.as_ref().map(|watch| &watch.live);
    let live = Seat { release: route.live, stage: Stage::Live, share: None, since: route.live_since };
    let live = live.status(app, watched, &rules).await?;
    let candidate = match &route.candidate {
        None => None,
        Some(candidate) => {
            let watched =
                watch.as_ref().and_then(|watch| watch.candidate.as_ref()).map(|(watched, _)| watched);
            let seat = Seat {
                release: candidate.release,
                stage: stage(candidate.stage),
                share: Some(candidate.share),
                since: candidate.since,
            };
            Some(seat.status(app, watched, &rules).await?)
        }
    };
    Ok(PluginStatus {
        tenant: tenant.to_owned(),
        generation: i64::try_from(route.generation).unwrap_or(i64::MAX),
        live,
        candidate,
        rollback_to: rollback_to(app, &route).await?,
        changed: route.at.to_string(),
        who: route.who,
        why: route.why,
    })
}

/// A release where it is routed.
struct Seat {
    release: ReleaseId,
    stage: Stage,
    share: Option<u8>,
    since: jiff::Timestamp,
}

impl Seat {
    async fn status(
        self,
        app: &App,
        watched: Option<&Watched>,
        rules: &Rules,
    ) -> Result<ReleaseStatus, Complaint> {
        let (plugin, digest) = described(app, self.release).await?;
        let watched = watched.filter(|watched| watched.is_of(self.release, self.since));
        let tally = watched.map(|watched| watched.tally.clone()).unwrap_or_default();
        let is_shadow = self.stage == Stage::Shadow;
        let on_watch = watched.is_some_and(|watched| !watched.over);
        let waits_for = match self.stage {
            Stage::Live if on_watch => Some(format!(
                "the end of its watch: {} passes and {} hours",
                rules.watch_passes, rules.watch_hours
            )),
            Stage::Live => None,
            _ => tally.promotion(rules, is_shadow, self.since, app.now()).err(),
        };
        Ok(ReleaseStatus {
            release: self.release.to_string(),
            digest,
            plugin,
            stage: self.stage,
            share: self.share,
            since: self.since.to_string(),
            on_watch,
            waits_for,
            passes: tally.passes,
            traps: tally.traps,
            refusals: tally.refusals,
            parks: tally.parks,
            alarms: tally.alarms,
            plugin_ms_p95: tally.plugin_ms_p95(),
            problem: tally.problem,
            shadow: is_shadow.then(|| ShadowCounts {
                differing: tally.shadow.differing,
                not_compared: tally.shadow.dropped,
                kinds: tally.shadow.kinds.clone(),
                examples: tally.shadow.examples.iter().cloned().collect(),
            }),
        })
    }
}

async fn described(app: &App, id: ReleaseId) -> Result<(String, String), Complaint> {
    let release = app.journal.release(id).await?;
    Ok(release.map(|release| (plugin_name(&release.manifest), release.digest)).unwrap_or_default())
}

/// What `plugin rollback` would bring back.
async fn rollback_to(app: &App, route: &Route) -> Result<Option<String>, Complaint> {
    let release = match (&route.candidate, route.before) {
        (Some(_), _) => Some(route.live),
        (None, Some(generation)) => {
            app.journal.route_at(&route.tenant, generation).await?.map(|route| route.live)
        }
        (None, None) => None,
    };
    match release {
        Some(release) => {
            let (plugin, digest) = described(app, release).await?;
            Ok(Some(format!("{plugin} ({digest})")))
        }
        None => Ok(None),
    }
}

fn stage(stage: CandidateStage) -> Stage {
    match stage {
        CandidateStage::Shadow => Stage::Shadow,
        CandidateStage::Canary => Stage::Canary,
    }
}

/// In shadow, the share is only what is meant for later.
fn canary_share(candidate: &Candidate) -> Option<u8> {
    (candidate.stage == CandidateStage::Canary).then_some(candidate.share)
}
