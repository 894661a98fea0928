//! Every way in which a tenant comes to be routed otherwise. Each reads how it is routed now, decides, and asks the journal
//! to change it if it still is: of two operators, or an operator and the host, one wins and the other is told.

use std::sync::Arc;

use crosswalk_journal::{
    Candidate, Error as JournalError, NewRoute, ReleaseId, Route, Stage as CandidateStage, Undone,
};
use crosswalk_runtime::{Release, Routing};
use jiff::Timestamp;
use tracing::{info, warn};

use super::{
    after_rollback, crm_of, fits, in_memory, install, load, name_of, routing, settings_of,
    trust::{admitted, still_trusted},
};
use crate::{
    admin::types::{Routed, Stage},
    app::App,
    check,
    error::{Complaint, Fault},
    rollout::{self, HOST},
    signing::{Offered, UNTRUSTED},
};

/// The share that a candidate is meant for if nobody says, in percent.
const SHARE_DEFAULT: u8 = 10;

/// What an operator asks for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Order {
    /// To which stage; without it, what the command says of itself.
    pub(crate) stage: Option<Stage>,
    /// The share of the lanes, in percent.
    pub(crate) share: Option<u8>,
    /// Without asking the laws.
    pub(crate) unchecked: bool,
    /// Only if the tenant is still at this generation.
    pub(crate) generation: Option<u64>,
    /// Who asks.
    pub(crate) who: String,
}

impl Order {
    /// Refuses a share that is none.
    fn share(&self) -> Result<Option<u8>, Complaint> {
        match self.share {
            Some(share) if !(1..=100).contains(&share) => Err(Complaint::new(
                Fault::Refused,
                format!("{share} % is no share of the lanes"),
                "nothing was changed",
                "say a whole number from 1 to 100 with `--share`",
            )),
            share => Ok(share),
        }
    }

    /// Refuses if somebody else has been at it since the operator looked.
    fn expects(&self, tenant: &str, route: Option<&Route>) -> Result<(), Complaint> {
        let current = route.map_or(0, |route| route.generation);
        match self.generation {
            Some(expected) if expected != current => Err(moved(tenant, expected, current)),
            _ => Ok(()),
        }
    }
}

/// Checks a component with a tenant's settings, stores it as a release and routes the tenant to it, as a candidate or live.
pub(crate) async fn deploy(
    app: &Arc<App>,
    tenant: &str,
    offered: Offered,
    order: &Order,
) -> Result<Routed, Complaint> {
    let settings = settings_of(app, tenant)?;
    let crm = crm_of(app, tenant);
    // Read before compiling, so that of two deploys at the same time one wins and the other is told.
    let route = app.journal.routed(tenant).await?;
    order.expects(tenant, route.as_ref())?;
    order.share()?;
    let origin = admitted(app, tenant, &offered).await?;
    let plugin = load(app, offered.bytes.clone(), settings.clone()).await?;
    fits(&plugin, crm)?;
    if !order.unchecked {
        check::laws(app, tenant, &plugin).await?;
    }
    let id = install(app, tenant, &plugin, (offered.bytes, origin), &settings, &order.who).await?;
    let change = deployed(tenant, route.as_ref(), id, order, app.now())?;
    let release = Arc::new(in_memory(id, plugin));
    let name = name_of(&release);
    let (route, _) = change_route(app, &change, std::slice::from_ref(&release)).await?;
    let stage = order.stage.unwrap_or(Stage::Live);
    Ok(Routed::new(&route, &release.digest, name, stage, "deployed"))
}

/// How a tenant is to be routed after a deploy.
fn deployed(
    tenant: &str,
    route: Option<&Route>,
    release: ReleaseId,
    order: &Order,
    now: Timestamp,
) -> Result<NewRoute, Complaint> {
    let stage = order.stage.unwrap_or(Stage::Live);
    let unchecked = if order.unchecked { ", unchecked" } else { "" };
    let why = format!("{release} was deployed {stage}{unchecked}");
    let Some(route) = route else {
        if stage != Stage::Live {
            return Err(refused(
                format!("tenant `{tenant}` has no live release that a candidate could stand beside"),
                "deploy it with `--stage live`",
            ));
        }
        return Ok(first(tenant, release, why, &order.who, now));
    };
    let change = route.change(why, &order.who, now);
    let stage = match stage {
        Stage::Live => return deployed_live(change, route, release, now),
        Stage::Shadow => CandidateStage::Shadow,
        Stage::Canary => CandidateStage::Canary,
    };
    if release == route.live {
        return Err(refused(
            format!("this component is live at tenant `{tenant}` already, with the same settings"),
            "nothing is to be tried; `crosswalk plugin status` shows what is routed",
        ));
    }
    let share = order.share.unwrap_or(SHARE_DEFAULT);
    Ok(NewRoute { candidate: Some(Candidate { release, stage, share, since: now }), ..change })
}

fn first(tenant: &str, live: ReleaseId, why: String, who: &str, now: Timestamp) -> NewRoute {
    NewRoute {
        tenant: tenant.to_owned(),
        expected: 0,
        live,
        live_since: now,
        before: None,
        candidate: None,
        undone: None,
        why,
        who: who.to_owned(),
        at: now,
    }
}

fn deployed_live(
    change: NewRoute,
    route: &Route,
    release: ReleaseId,
    now: Timestamp,
) -> Result<NewRoute, Complaint> {
    match &route.candidate {
        Some(candidate) if candidate.release != release => Err(refused(
            format!("tenant `{}` has another release as a candidate, {}", route.tenant, candidate.release),
            "`crosswalk plugin rollback` drops the candidate, `crosswalk plugin promote --to live` makes it live; then \
             deploy again",
        )),
        _ => Ok(live(change, route, release, now)),
    }
}

/// Makes a release live. There is no candidate any more, and a rollback comes back to where the tenant is now.
fn live(change: NewRoute, route: &Route, release: ReleaseId, now: Timestamp) -> NewRoute {
    let before = if route.live == release { route.before } else { Some(route.generation) };
    NewRoute { live: release, live_since: now, before, candidate: None, ..change }
}

/// Moves a candidate on: from shadow to canary, from canary to live, to another share.
pub(crate) async fn promote(app: &Arc<App>, tenant: &str, order: &Order) -> Result<Routed, Complaint> {
    let route = present(app, tenant).await?;
    order.expects(tenant, Some(&route))?;
    order.share()?;
    let change = promoted(&route, order, app.now())?;
    let (route, routing) = change_route(app, &change, &[]).await?;
    let (release, stage) = foremost(&routing);
    Ok(Routed::new(&route, &release.digest, name_of(release), stage, "promoted"))
}

fn promoted(route: &Route, order: &Order, now: Timestamp) -> Result<NewRoute, Complaint> {
    let Some(candidate) = &route.candidate else {
        return Err(refused(
            format!("tenant `{}` has no candidate to promote", route.tenant),
            "deploy one with `crosswalk plugin deploy --stage shadow` or `--stage canary`",
        ));
    };
    let onwards = match candidate.stage {
        CandidateStage::Shadow => Stage::Canary,
        CandidateStage::Canary if order.share.is_some() => Stage::Canary,
        CandidateStage::Canary => Stage::Live,
    };
    let release = candidate.release;
    match order.stage.unwrap_or(onwards) {
        Stage::Live => {
            let change = route.change(format!("{release} was promoted to live"), &order.who, now);
            Ok(live(change, route, release, now))
        }
        Stage::Canary => {
            let share = order.share.unwrap_or(candidate.share);
            let same_stage = candidate.stage == CandidateStage::Canary;
            let since = if same_stage { candidate.since } else { now };
            let why = format!("{release} was promoted to canary for {share} % of the lanes");
            let candidate = Candidate { release, stage: CandidateStage::Canary, share, since };
            Ok(NewRoute { candidate: Some(candidate), ..route.change(why, &order.who, now) })
        }
        Stage::Shadow => Err(refused(
            "a candidate is promoted to canary or to live, not to shadow".to_owned(),
            "`crosswalk plugin rollback` drops it; then deploy it with `--stage shadow`",
        )),
    }
}

/// Takes the last step back: drops the candidate if there is one, else the release that was live before is live again.
pub(crate) async fn rollback(app: &Arc<App>, tenant: &str, order: &Order) -> Result<Routed, Complaint> {
    let route = present(app, tenant).await?;
    order.expects(tenant, Some(&route))?;
    let change = match &route.candidate {
        Some(candidate) => dropped(&route, candidate, "rolled back by command", &order.who, app.now()),
        None => restored(app, &route, "rolled back by command", &order.who).await?,
    };
    go_back(app, change).await
}

/// The host takes a release back that has exceeded a threshold.
pub(crate) async fn roll_back(
    app: &Arc<App>,
    tenant: &str,
    generation: u64,
    release: &str,
    why: &str,
) -> Result<(), Complaint> {
    let route = at(app, tenant, generation).await?;
    let change = match &route.candidate {
        Some(candidate) if candidate.release.to_string() == release => {
            dropped(&route, candidate, why, HOST, app.now())
        }
        _ => restored(app, &route, why, HOST).await?,
    };
    let routed = match go_back(app, change).await {
        // Neither is right: what fails stays, and what is not trusted does not come back without a person.
        Err(complaint) if is_distrust(&complaint) => {
            let text = format!("{release} would be rolled back at tenant `{tenant}`, and stays: {why}");
            return forbidden(app, tenant, &text, &complaint).await;
        }
        done => done?,
    };
    let text = format!(
        "{release} was rolled back at tenant `{tenant}`: {why}. {} ({}) decides from here on",
        routed.plugin, routed.digest
    );
    warn!(tenant, "{text}");
    Ok(app.journal.raise(tenant, &text, app.now()).await?)
}

/// The host promotes a candidate by the tenant's rule.
pub(crate) async fn promote_by_rule(
    app: &Arc<App>,
    tenant: &str,
    generation: u64,
    why: &str,
) -> Result<(), Complaint> {
    let route = at(app, tenant, generation).await?;
    let order = Order { who: HOST.to_owned(), ..Order::default() };
    let mut change = promoted(&route, &order, app.now())?;
    change.why = format!("{} by rule: {why}", change.why);
    match change_route(app, &change, &[]).await {
        Err(complaint) if is_distrust(&complaint) => {
            let text = format!("the candidate would be promoted at tenant `{tenant}`, and is not: {why}");
            forbidden(app, tenant, &text, &complaint).await
        }
        done => done.map(drop),
    }
}

/// What the host would do, the tenant's keys forbid. It is not tried again until the route changes; a person is told.
async fn forbidden(app: &App, tenant: &str, text: &str, complaint: &Complaint) -> Result<(), Complaint> {
    let causes = complaint.causes.join("; ");
    let text = format!("{text}. {UNTRUSTED}: {}: {causes}", complaint.message);
    warn!(tenant, "{text}");
    Ok(app.journal.raise(tenant, &text, app.now()).await?)
}

fn is_distrust(complaint: &Complaint) -> bool {
    complaint.code.as_deref() == Some(UNTRUSTED)
}

async fn go_back(app: &Arc<App>, change: NewRoute) -> Result<Routed, Complaint> {
    let (route, routing) = change_route(app, &change, &[]).await?;
    after_rollback(app, &route).await?;
    Ok(Routed::new(&route, &routing.live.digest, name_of(&routing.live), Stage::Live, "rolled back"))
}

fn dropped(route: &Route, candidate: &Candidate, why: &str, who: &str, now: Timestamp) -> NewRoute {
    let undone = Some(Undone { release: candidate.release, since: candidate.since });
    let why = format!("the candidate {} was dropped: {why}", candidate.release);
    NewRoute { candidate: None, undone, ..route.change(why, who, now) }
}

/// What was live before is live again, and a further rollback goes to what was live before that.
async fn restored(app: &App, route: &Route, why: &str, who: &str) -> Result<NewRoute, Complaint> {
    let earlier = match route.before {
        Some(generation) => app.journal.route_at(&route.tenant, generation).await?,
        None => None,
    };
    let Some(earlier) = earlier else {
        return Err(refused(
            format!("tenant `{}` has had no release before this one to go back to", route.tenant),
            "deploy the plugin that you want with `crosswalk plugin deploy`",
        ));
    };
    let (now, live) = (app.now(), earlier.live);
    let undone = Some(Undone { release: route.live, since: route.live_since });
    let why = format!("{} was taken back: {why}", route.live);
    let candidate = route.candidate.clone().filter(|candidate| candidate.release != live);
    let change = route.change(why, who, now);
    Ok(NewRoute { live, live_since: now, before: earlier.before, candidate, undone, ..change })
}

/// Makes a change: loads what it needs, moves the journal, then memory and the watches.
pub(super) async fn change_route(
    app: &Arc<App>,
    change: &NewRoute,
    fresh: &[Arc<Release>],
) -> Result<(Route, Arc<Routing>), Complaint> {
    still_trusted(app, change, fresh).await?;
    // Whatever cannot be loaded must not be routed, so this comes first.
    let planned = planned(change);
    let loaded = routing(app, &planned, fresh).await?;
    let route = app.journal.route(change).await.map_err(|error| match error {
        JournalError::Moved { expected, current } => moved(&change.tenant, expected, current).because(&error),
        other => other.into(),
    })?;
    let routing = Arc::new(loaded);
    app.registry.route(&route.tenant, Routing::clone(&routing));
    rollout::follow(app, &route).await;
    info!(
        tenant = %route.tenant, generation = route.generation, live = %routing.live.digest, who = %route.who,
        "routed: {}", route.why
    );
    Ok((route, routing))
}

/// The route that a change makes if it is made.
fn planned(change: &NewRoute) -> Route {
    Route {
        tenant: change.tenant.clone(),
        generation: change.expected.saturating_add(1),
        live: change.live,
        live_since: change.live_since,
        before: change.before,
        candidate: change.candidate.clone(),
        undone: change.undone.clone(),
        at: change.at,
        who: change.who.clone(),
        why: change.why.clone(),
    }
}

/// The candidate and its stage, or the live release.
fn foremost(routing: &Routing) -> (&Arc<Release>, Stage) {
    match &routing.candidate {
        Some(candidate) if candidate.canary_percent.is_some() => (&candidate.release, Stage::Canary),
        Some(candidate) => (&candidate.release, Stage::Shadow),
        None => (&routing.live, Stage::Live),
    }
}

pub(super) async fn present(app: &App, tenant: &str) -> Result<Route, Complaint> {
    settings_of(app, tenant)?;
    app.journal.routed(tenant).await?.ok_or_else(|| {
        refused(
            format!("no plugin is routed to tenant `{tenant}`"),
            "deploy one with `crosswalk plugin deploy`",
        )
    })
}

/// The present route, if the tenant is still at this generation.
async fn at(app: &App, tenant: &str, generation: u64) -> Result<Route, Complaint> {
    let route = present(app, tenant).await?;
    if route.generation == generation { Ok(route) } else { Err(moved(tenant, generation, route.generation)) }
}

fn refused(message: String, help: &str) -> Complaint {
    Complaint::new(Fault::Refused, message, "the tenant is routed as before", help)
}

fn moved(tenant: &str, expected: u64, current: u64) -> Complaint {
    Complaint::new(
        Fault::Moved,
        format!(
            "somebody else routed tenant `{tenant}` at the same time: it is at generation {current}, not {expected}"
        ),
        "this call changed nothing; a component that it brought is stored, and nobody is routed to it by this call",
        "look at `crosswalk plugin status`, and do it again if yours should still win",
    )
}

#[cfg(test)]
mod tests;
