//! Undo and projection over the admin API: each is checked here and then goes on as a job.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State, rejection::JsonRejection},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{jobs::begin, tenants::known, types::JobSummary};
use crate::{app::App, error::Complaint, jobs::Kind, project, undo};

/// What is to be undone.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UndoOrder {
    /// The release's digest, or so much of its beginning that there is only one.
    pub(crate) release: String,
    /// What it wrote earlier stays.
    #[serde(default)]
    pub(crate) since: Option<Timestamp>,
    /// Write nothing, and show what would be written.
    #[serde(default)]
    pub(crate) dry_run: bool,
}

/// What is to be projected.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProjectOrder {
    /// CRM fields, and JSON pointers into the referral.
    pub(crate) fields: Vec<String>,
    /// Only links of this entity.
    #[serde(default)]
    pub(crate) entity: Option<String>,
    /// Write nothing, and show what would be written.
    #[serde(default)]
    pub(crate) dry_run: bool,
}

pub(super) async fn undo(
    State(app): State<Arc<App>>,
    Path(tenant): Path<String>,
    order: Result<Json<UndoOrder>, JsonRejection>,
) -> Result<Json<JobSummary>, Complaint> {
    let Json(order) = order?;
    known(&app, &tenant)?;
    let plan = undo::Plan::new(&app, &tenant, &order.release, order.since).await?;
    let kind = if order.dry_run { Kind::UndoDryRun } else { Kind::Undo };
    begin(&app, &tenant, kind, given(&plan)?).await
}

pub(super) async fn project(
    State(app): State<Arc<App>>,
    Path(tenant): Path<String>,
    order: Result<Json<ProjectOrder>, JsonRejection>,
) -> Result<Json<JobSummary>, Complaint> {
    let Json(order) = order?;
    known(&app, &tenant)?;
    let plan = project::Plan::new(&app, &tenant, order.fields, order.entity)?;
    let kind = if order.dry_run { Kind::ProjectDryRun } else { Kind::Project };
    begin(&app, &tenant, kind, given(&plan)?).await
}

fn given(plan: &impl Serialize) -> Result<serde_json::Value, Complaint> {
    serde_json::to_value(plan).map_err(|error| Complaint::internal("beginning a job", &error))
}
