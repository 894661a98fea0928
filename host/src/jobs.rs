//! Long work of a tenant: a job in the journal, and a task of this host that carries it out.
//!
//! A job is begun over the admin API (or by the sweep's timer) and goes on whoever began it is gone. Its progress is in
//! the journal: a host that takes over goes on with it. A tenant has one at a time.

use std::sync::Arc;

use crosswalk_journal::{Error as JournalError, Job, JobFilter, JobId, NewJob};
use crosswalk_runtime::Release;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use tracing::{error, info};

use crate::{
    app::App,
    ask, diff,
    error::{Complaint, Fault as Whose},
    process::Fault,
    sweep,
    tenant::Tenant,
};

/// What a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Compare both sides, and repair.
    Sweep,
    /// Show what a sweep would do.
    DryRun,
    /// Look at an existing portfolio for the first time.
    Backfill,
    /// Compare every link, field by field.
    Verify,
    /// Have a mapping's view of chosen fields written.
    Project,
    /// Show what that would write.
    ProjectDryRun,
    /// Take back what a release wrote.
    Undo,
    /// Show what that would write.
    UndoDryRun,
    /// Compare a candidate release with the tenant's own.
    Diff,
}

impl Kind {
    const ALL: [Kind; 9] = [
        Kind::Sweep,
        Kind::DryRun,
        Kind::Backfill,
        Kind::Verify,
        Kind::Project,
        Kind::ProjectDryRun,
        Kind::Undo,
        Kind::UndoDryRun,
        Kind::Diff,
    ];

    /// Its word in the journal and on the wire.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Kind::Sweep => "sweep",
            Kind::DryRun => "sweep-dry-run",
            Kind::Backfill => "backfill",
            Kind::Verify => "verify",
            Kind::Project => "project",
            Kind::ProjectDryRun => "project-dry-run",
            Kind::Undo => "undo",
            Kind::UndoDryRun => "undo-dry-run",
            Kind::Diff => "diff",
        }
    }

    /// The kind with this word.
    pub(crate) fn of(word: &str) -> Result<Kind, Fault> {
        let known = Kind::ALL.into_iter().find(|kind| kind.word() == word);
        known.ok_or_else(|| Fault::new(format!("this version knows no job `{word}`; start the newer one")))
    }

    /// Whether it makes events.
    fn repairs(self) -> bool {
        matches!(self, Kind::Sweep | Kind::Backfill | Kind::Project | Kind::Undo)
    }
}

/// What part of its work a job is at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Phase {
    /// It has not begun.
    #[default]
    Begin,
    /// The list of referrals.
    Referrals,
    /// The list of one entity's records.
    Records(String),
    /// Links that were in neither list.
    Unlisted,
    /// Recorded passes, newest first.
    Passes,
    /// Links, one by one.
    Links,
    /// What became of them.
    Results,
    /// Nothing is left to do.
    Over,
}

/// How far a job is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// At what.
    pub(crate) phase: Phase,
    /// Where the phase goes on: the last page or link that is done with.
    pub(crate) after: Option<String>,
    /// Referrals, records, pairs or recorded passes that were compared.
    pub(crate) compared: u64,
    /// How many there are in this phase, where that is known.
    pub(crate) total: Option<u64>,
    /// What differed.
    pub(crate) found: u64,
    /// What exactly was asked for (fields, a release): each kind's own form, `null` for one that asks for nothing.
    #[serde(default)]
    pub(crate) given: Json,
    /// What was counted so far, for a kind that counts more than what it found: each kind's own form.
    #[serde(default)]
    pub(crate) summary: Json,
}

impl Progress {
    /// How far a job was when its progress was stored.
    pub(crate) fn of(job: &Job) -> Self {
        serde_json::from_str(&job.progress).unwrap_or_default()
    }

    /// As it is stored.
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Begins a phase.
    pub(crate) fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.after = None;
        self.total = None;
    }
}

/// Begins a job, or joins the one under way if it is of the same kind and was asked for the same.
///
/// # Errors
/// When the tenant is not served, or has another job under way.
pub(crate) async fn begin(
    app: &Arc<App>,
    tenant: &str,
    kind: Kind,
    given: Json,
    who: &str,
) -> Result<JobId, Complaint> {
    may_begin(app, tenant, kind)?;
    let job = NewJob {
        tenant: tenant.to_owned(),
        kind: kind.word().to_owned(),
        progress: Progress { given: given.clone(), ..Progress::default() }.to_json(),
        who: who.to_owned(),
        at: app.now(),
    };
    let id = match app.journal.begin_job(&job).await {
        Ok(id) => id,
        Err(JournalError::JobRunning { job, .. }) => return join(app, tenant, (kind, &given), job).await,
        Err(error) => return Err(error.into()),
    };
    app.journal.act(tenant, who, &format!("began {id}, {}", kind.word()), app.now()).await?;
    carry_on(app, id);
    Ok(id)
}

fn may_begin(app: &App, tenant: &str, kind: Kind) -> Result<(), Complaint> {
    let (served, _) = connected(app, tenant).map_err(|fault| {
        Complaint::new(
            Whose::NotFound,
            fault.reason,
            "nothing was begun",
            "`crosswalk tenant list` shows the tenants and their releases",
        )
    })?;
    if kind.repairs() && served.document.sync.paused {
        return Err(Complaint::new(
            Whose::Refused,
            format!("tenant `{tenant}` is paused, so a job of kind `{}` would come to nothing", kind.word()),
            "nothing was begun",
            "set `sync.paused = false` in its document and apply it; `verify` and dry runs work all the same",
        ));
    }
    Ok(())
}

async fn join(
    app: &App,
    tenant: &str,
    (kind, given): (Kind, &Json),
    running: JobId,
) -> Result<JobId, Complaint> {
    let job = app.journal.job(running).await?;
    if job.as_ref().is_some_and(|job| job.kind == kind.word() && Progress::of(job).given == *given) {
        return Ok(running);
    }
    let other = job.map(|job| job.kind).unwrap_or_default();
    Err(Complaint::new(
        Whose::Moved,
        format!(
            "tenant `{tenant}` has `{running}` ({other}) under way, and one job at a time is enough for its APIs"
        ),
        "nothing was begun",
        format!("follow it with `crosswalk jobs show {running}`, and begin again when it has ended"),
    ))
}

/// Goes on with what a host before this one had under way.
///
/// # Errors
/// When the journal fails.
pub(crate) async fn resume(app: &Arc<App>) -> Result<(), Complaint> {
    for job in app.journal.jobs(&JobFilter { running: true, ..JobFilter::default() }).await? {
        if [Kind::DryRun, Kind::ProjectDryRun, Kind::UndoDryRun].iter().any(|kind| kind.word() == job.kind) {
            let reason = "the host was restarted meanwhile; begin it again";
            app.journal.end_job(job.id, Some(reason), app.now()).await?;
        } else {
            info!(tenant = %job.tenant, job = %job.id, kind = %job.kind, "goes on with a job");
            carry_on(app, job.id);
        }
    }
    Ok(())
}

fn carry_on(app: &Arc<App>, id: JobId) {
    let app = app.clone();
    tokio::spawn(async move {
        let mut stopping = app.stopping.clone();
        // What a stop interrupts stays under way in the journal, and the next host goes on with it.
        let ended = tokio::select! {
            ended = carry_out(&app, id) => ended,
            _ = stopping.wait_for(|stopping| *stopping) => return,
        };
        let reason = ended.err().map(|fault| fault.reason);
        if let Err(fault) = app.journal.end_job(id, reason.as_deref(), app.now()).await {
            error!(job = %id, error = %crate::dispatch::Chain(&fault), "a job's end could not be stored");
        }
        match reason {
            None => info!(job = %id, "a job is done"),
            Some(reason) => error!(job = %id, %reason, "a job failed"),
        }
    });
}

async fn carry_out(app: &Arc<App>, id: JobId) -> Result<(), Fault> {
    let Some(job) = app.journal.job(id).await? else { return Ok(()) };
    match Kind::of(&job.kind)? {
        kind @ (Kind::Sweep | Kind::DryRun | Kind::Backfill | Kind::Verify) => {
            sweep::carry_out(app, &job, kind).await
        }
        kind @ (Kind::Project | Kind::ProjectDryRun | Kind::Undo | Kind::UndoDryRun) => {
            ask::carry_out(app, &job, kind).await
        }
        Kind::Diff => diff::carry_out(app, &job).await,
    }
}

/// A tenant and the release that it is on.
pub(crate) fn connected(app: &App, tenant: &str) -> Result<(Arc<Tenant>, Arc<Release>), Fault> {
    let served = app
        .tenants
        .get(tenant)
        .ok_or_else(|| Fault::new(format!("there is no tenant `{tenant}` on this host")))?;
    let release = app.registry.current(tenant).ok_or_else(|| {
        Fault::new(format!(
            "no plugin is routed to tenant `{tenant}`; deploy one with `crosswalk plugin deploy`"
        ))
    })?;
    Ok((served, release))
}
