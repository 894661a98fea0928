//! `plugin diff`: what a candidate release would have done otherwise than the live release of a tenant.
//!
//! # Cast and promises
//!
//! The tenant's last recorded passes are *replayed* ([`crate::replay`]) through both releases, and what each does is
//! *compared*, record by record and field by field. Then every *link*'s base is looked at through both: does what is settled
//! still agree? All of it is a *job* ([`crate::jobs`]); its findings are the passes that differ, its summary counts them.
//!
//! - Neither system is asked or told anything, and nothing is written but the job itself.
//! - However many passes there are, a page of them is in memory, and the next one while it is read.
//! - Live passes come first: the work is done on threads of its own, on half of the cores while a lane is due or in hand.
//! - Which two releases are compared is fixed when the job begins. A job that a restart interrupts goes on where it was.

mod compare;
mod links;
mod summary;

use std::{num::NonZero, sync::Arc, thread};

use crosswalk_engine::pass::Limits;
use crosswalk_journal::{Job, JobId, LinkFilter, PassId, Recording, ReleaseId};
use crosswalk_runtime::{Plugin, Release};
use serde::{Deserialize, Serialize};
use tokio::task;

pub(crate) use self::{compare::Difference, summary::Summary};
use self::{
    compare::{Compared, compare},
    links::judge,
    summary::Named,
};
use crate::{
    app::App,
    error::{Complaint, Fault as Whose},
    jobs::{self, Kind, Phase, Progress},
    process::{self, Fault},
    recording::Decider,
    release,
    signing::Offered,
};

/// Recordings of one page.
const PAGE_PASSES: u32 = 64;

/// Links of one page.
const PAGE_LINKS: u32 = 200;

/// How many passes one diff looks back on at the most.
pub(crate) const PASSES_MAX: u32 = 1_000_000;

/// What a diff is asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Given {
    /// How many of the last passes.
    passes: u32,
    /// The release that the tenant was on.
    current: Decider,
    /// The other one.
    candidate: Decider,
}

/// Both releases, and how much a pass may do.
struct Both {
    current: Arc<Release>,
    candidate: Arc<Release>,
    limits: Limits,
}

/// Begins to compare the tenant's live release with a component, which is stored as a release that nobody is routed to;
/// without one, with the tenant's candidate.
///
/// # Errors
/// When the component is not accepted, the tenant has no release or no candidate, or has another job under way.
pub(crate) async fn begin(
    app: &Arc<App>,
    tenant: &str,
    component: Option<Offered>,
    passes: u32,
    who: &str,
) -> Result<JobId, Complaint> {
    let (_, current) = jobs::connected(app, tenant).map_err(|fault| {
        Complaint::new(
            Whose::NotFound,
            fault.reason,
            "nothing was stored or begun",
            "`crosswalk tenant list` shows the tenants and their releases",
        )
    })?;
    let candidate = match component {
        Some(component) => release::store(app, tenant, component, who).await?,
        None => candidate(app, tenant)?,
    };
    let decider = |release: &Release| Decider { id: release.id.clone(), digest: release.digest.clone() };
    let given = Given { passes, current: decider(&current), candidate: decider(&candidate) };
    let given = serde_json::to_value(given)
        .map_err(|error| Complaint::internal("writing down what is to be compared", &error))?;
    jobs::begin(app, tenant, Kind::Diff, given, who).await
}

/// The release that is tried beside the live one.
fn candidate(app: &App, tenant: &str) -> Result<Arc<Release>, Complaint> {
    let routing = app.registry.routing(tenant);
    let candidate = routing.as_ref().and_then(|routing| routing.candidate.as_ref());
    candidate.map(|candidate| Arc::clone(&candidate.release)).ok_or_else(|| {
        Complaint::new(
            Whose::NotFound,
            format!("tenant `{tenant}` has no candidate"),
            "nothing was begun",
            "name a component, or deploy one with `--stage shadow` or `--stage canary` first",
        )
    })
}

/// Carries a diff to its end, from where it is.
pub(crate) async fn carry_out(app: &Arc<App>, job: &Job) -> Result<(), Fault> {
    let mut progress = Progress::of(job);
    let given: Given = serde_json::from_value(progress.given.clone())
        .map_err(|error| Fault::new(format!("what is to be compared cannot be read: {error}")))?;
    let both = Arc::new(Both {
        current: stored(app, &job.tenant, &given.current).await?,
        candidate: stored(app, &job.tenant, &given.candidate).await?,
        limits: process::limits(app),
    });
    let mut summary: Summary = match &progress.summary {
        serde_json::Value::Null => {
            let named = |plugin: &Plugin| Named {
                digest: plugin.digest().to_owned(),
                plugin: format!("{} {}", plugin.manifest().name, plugin.manifest().version),
            };
            Summary {
                current: named(&both.current.plugin),
                candidate: named(&both.candidate.plugin),
                ..Summary::default()
            }
        }
        stored => serde_json::from_value(stored.clone())
            .map_err(|error| Fault::new(format!("what was counted so far cannot be read: {error}")))?,
    };
    if progress.phase == Phase::Begin {
        progress.enter(Phase::Passes);
        progress.total = Some(u64::from(given.passes));
    }
    if progress.phase == Phase::Passes {
        passes(app, job, &both, given.passes, (&mut progress, &mut summary)).await?;
        progress.enter(Phase::Links);
        progress.total = Some(progress.compared + app.journal.counts(&job.tenant).await?.links);
    }
    links(app, job, &both, (&mut progress, &mut summary)).await?;
    progress.enter(Phase::Over);
    save(app, job, (&mut progress, &summary), &[]).await
}

async fn stored(app: &Arc<App>, tenant: &str, decider: &Decider) -> Result<Arc<Release>, Fault> {
    let id: ReleaseId = decider.id.parse().map_err(|error| Fault::new(format!("{error}")))?;
    release::stored(app, tenant, id).await.map_err(|complaint| Fault::new(complaint.message))
}

/// Replays recorded passes page by page, newest first; the next page is read while one is replayed.
async fn passes(
    app: &Arc<App>,
    job: &Job,
    both: &Arc<Both>,
    wanted: u32,
    (progress, summary): (&mut Progress, &mut Summary),
) -> Result<(), Fault> {
    let read = async |before: Option<PassId>, done: u64| {
        let left = u64::from(wanted).saturating_sub(done).min(u64::from(PAGE_PASSES));
        match u32::try_from(left) {
            Ok(0) | Err(_) => Ok(Vec::new()),
            Ok(left) => app.journal.recordings(&job.tenant, before, left).await.map_err(Fault::from),
        }
    };
    let after = progress.after.as_deref().and_then(|after| after.parse().ok());
    let mut page = read(after, progress.compared).await?;
    while let Some(last) = page.last().map(|recording| recording.pass) {
        let done = progress.compared + page.len() as u64;
        if page.len() < PAGE_PASSES as usize {
            progress.total = Some(done);
        }
        let ran = both.clone();
        let run = spread(app, page, move |recording: Recording| compare(&ran, &recording));
        let (compared, next) = tokio::try_join!(run, read(Some(last), done))?;
        progress.after = Some(last.to_string());
        progress.compared = done;
        let mut found = Vec::new();
        for compared in compared {
            summary.count(&compared);
            if let Compared::Differs(difference) = compared {
                found.push(serde_json::to_string(&difference).unwrap_or_default());
            }
        }
        progress.found += found.len() as u64;
        save(app, job, (progress, summary), &found).await?;
        page = next;
    }
    Ok(())
}

/// Looks at every link's base through both releases, page by page.
async fn links(
    app: &Arc<App>,
    job: &Job,
    both: &Arc<Both>,
    (progress, summary): (&mut Progress, &mut Summary),
) -> Result<(), Fault> {
    let now = job.started;
    loop {
        let after = progress.after.as_deref().and_then(|after| after.parse().ok());
        let filter = LinkFilter { tenant: Some(job.tenant.clone()), after, limit: PAGE_LINKS };
        let page = app.journal.links(&filter).await?;
        let Some(last) = page.last().map(|link| link.id) else { return Ok(()) };
        progress.after = Some(last.to_string());
        progress.compared += page.len() as u64;
        let looked = both.clone();
        let judged = spread(app, page, move |link| judge(&looked, &link, now)).await?;
        judged.iter().for_each(|judged| summary.links.count(judged));
        save(app, job, (progress, summary), &[]).await?;
    }
}

async fn save(
    app: &App,
    job: &Job,
    (progress, summary): (&mut Progress, &Summary),
    found: &[String],
) -> Result<(), Fault> {
    progress.summary = serde_json::to_value(summary).unwrap_or_default();
    Ok(app.journal.save_job(job.id, &progress.to_json(), found, app.now()).await?)
}

/// Works on all items on threads that serve nobody, as many as live passes leave; the answers are in their order.
async fn spread<Item: Send + 'static, Answer: Send + 'static>(
    app: &App,
    items: Vec<Item>,
    work: impl Fn(Item) -> Answer + Clone + Send + 'static,
) -> Result<Vec<Answer>, Fault> {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let backlog = app.journal.backlog(app.now()).await?;
    let is_live = backlog.leased + backlog.due > 0;
    let threads = if is_live { (cores / 2).max(1) } else { cores };
    let share = items.len().div_ceil(threads).max(1);
    let mut items = items.into_iter();
    let mut shares = Vec::new();
    loop {
        let some: Vec<Item> = items.by_ref().take(share).collect();
        if some.is_empty() {
            break;
        }
        let work = work.clone();
        shares.push(task::spawn_blocking(move || some.into_iter().map(work).collect::<Vec<_>>()));
    }
    let mut answers = Vec::new();
    for share in shares {
        answers.extend(share.await.map_err(|error| {
            Fault::new(format!("a replay stopped short, which is a defect of Crosswalk: {error}"))
        })?);
    }
    Ok(answers)
}
