//! Jobs over the admin API: begin one, follow it, and what it found.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Query, State, rejection::QueryRejection},
};
use crosswalk_journal::{Job, JobFilter, JobId, JobState};
use serde::Deserialize;

use super::{events::word, tenants::known, types::JobSummary};
use crate::{
    app::App,
    error::{Complaint, Fault},
    jobs::{self, Kind, Phase, Progress},
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SweepQuery {
    #[serde(default)]
    dry_run: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FindingsQuery {
    #[serde(default)]
    after: u64,
    #[serde(default)]
    limit: u32,
}

pub(super) async fn sweep(
    State(app): State<Arc<App>>,
    Path(tenant): Path<String>,
    query: Result<Query<SweepQuery>, QueryRejection>,
) -> Result<Json<JobSummary>, Complaint> {
    let kind = if query?.dry_run { Kind::DryRun } else { Kind::Sweep };
    begin(&app, &tenant, kind, serde_json::Value::Null).await
}

pub(super) async fn backfill(
    State(app): State<Arc<App>>,
    Path(tenant): Path<String>,
) -> Result<Json<JobSummary>, Complaint> {
    begin(&app, &tenant, Kind::Backfill, serde_json::Value::Null).await
}

pub(super) async fn verify(
    State(app): State<Arc<App>>,
    Path(tenant): Path<String>,
) -> Result<Json<JobSummary>, Complaint> {
    begin(&app, &tenant, Kind::Verify, serde_json::Value::Null).await
}

pub(super) async fn list(
    State(app): State<Arc<App>>,
    Path(tenant): Path<String>,
) -> Result<Json<Vec<JobSummary>>, Complaint> {
    known(&app, &tenant)?;
    let filter = JobFilter { tenant: Some(tenant), ..JobFilter::default() };
    let mut shown = Vec::new();
    for job in app.journal.jobs(&filter).await? {
        shown.push(summary(&app, job).await?);
    }
    Ok(Json(shown))
}

pub(super) async fn show(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Json<JobSummary>, Complaint> {
    let job = find(&app, &id).await?;
    summary(&app, job).await.map(Json)
}

/// Findings in the order in which they were found, with their numbers; their form is that of the job's kind.
pub(super) async fn findings(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    query: Result<Query<FindingsQuery>, QueryRejection>,
) -> Result<Json<Vec<(u64, serde_json::Value)>>, Complaint> {
    let Query(query) = query?;
    let job = find(&app, &id).await?;
    let found = app.journal.findings(job.id, query.after, query.limit).await?;
    let read = found.into_iter().map(|finding| {
        let read = serde_json::from_str(&finding.body);
        read.map(|body| (finding.seq, body))
            .map_err(|error| Complaint::internal("reading what a job found", &error))
    });
    read.collect::<Result<Vec<_>, _>>().map(Json)
}

/// Begins a job, which is given what its kind needs to know.
pub(super) async fn begin(
    app: &Arc<App>,
    tenant: &str,
    kind: Kind,
    given: serde_json::Value,
) -> Result<Json<JobSummary>, Complaint> {
    let id = jobs::begin(app, tenant, kind, given, "admin").await?;
    begun(app, id).await
}

/// How a job stands that was just begun.
pub(super) async fn begun(app: &Arc<App>, id: JobId) -> Result<Json<JobSummary>, Complaint> {
    let job = app.journal.job(id).await?.ok_or_else(|| unknown(&id.to_string()))?;
    summary(app, job).await.map(Json)
}

async fn find(app: &App, id: &str) -> Result<Job, Complaint> {
    let parsed: JobId = id.parse().map_err(|error| unknown(id).because(&error))?;
    app.journal.job(parsed).await?.ok_or_else(|| unknown(id))
}

fn unknown(id: &str) -> Complaint {
    Complaint::new(
        Fault::NotFound,
        format!("there is no job `{id}` (any more)"),
        "nothing was changed",
        "`crosswalk jobs list` shows what is kept",
    )
}

async fn summary(app: &App, job: Job) -> Result<JobSummary, Complaint> {
    let progress = Progress::of(&job);
    let runs = job.state == JobState::Running;
    let waiting = if runs { app.journal.in_background(&job.tenant, app.now()).await? } else { 0 };
    Ok(JobSummary {
        id: job.id.to_string(),
        tenant: job.tenant,
        kind: job.kind,
        state: word(&job.state),
        phase: in_words(&progress.phase),
        compared: progress.compared,
        total: progress.total,
        found: progress.found,
        waiting,
        summary: Some(progress.summary).filter(|summary| !summary.is_null()),
        who: job.who,
        started: job.started.to_string(),
        ended: job.ended.map(|at| at.to_string()),
        reason: job.reason,
    })
}

fn in_words(phase: &Phase) -> String {
    match phase {
        Phase::Begin => "beginning".to_owned(),
        Phase::Referrals => "comparing referrals".to_owned(),
        Phase::Records(entity) => format!("comparing records of `{entity}`"),
        Phase::Unlisted => "looking for what is gone".to_owned(),
        Phase::Passes => "replaying recorded passes".to_owned(),
        Phase::Links => "going through the pairs".to_owned(),
        Phase::Results => "telling what became of them".to_owned(),
        Phase::Over => "over".to_owned(),
    }
}
