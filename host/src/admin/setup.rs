//! Setting a tenant's systems up over the admin API: webhooks of Partner Center, and what the CRM must have.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Query, State, rejection::QueryRejection},
};
use crosswalk_connectors::{crm::Step, partner_center::TestResult};
use serde::Deserialize;

use super::{
    tenants::served,
    types::{TestStarted, WebhookSummary},
};
use crate::{app::App, error::Complaint, setup};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RegisterQuery {
    #[serde(default)]
    overwrite: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProvisionQuery {
    #[serde(default)]
    dry_run: bool,
}

pub(super) async fn show(
    State(app): State<Arc<App>>,
    Path(tenant): Path<String>,
) -> Result<Json<WebhookSummary>, Complaint> {
    setup::show(&app, &*served(&app, &tenant)?).await.map(Json)
}

pub(super) async fn register(
    State(app): State<Arc<App>>,
    Path(tenant): Path<String>,
    query: Result<Query<RegisterQuery>, QueryRejection>,
) -> Result<Json<WebhookSummary>, Complaint> {
    let Query(query) = query?;
    setup::register(&app, &*served(&app, &tenant)?, query.overwrite, "admin").await.map(Json)
}

pub(super) async fn test(
    State(app): State<Arc<App>>,
    Path(tenant): Path<String>,
) -> Result<Json<TestStarted>, Complaint> {
    let id = setup::test(&*served(&app, &tenant)?).await?;
    Ok(Json(TestStarted { id }))
}

pub(super) async fn test_result(
    State(app): State<Arc<App>>,
    Path((tenant, id)): Path<(String, String)>,
) -> Result<Json<TestResult>, Complaint> {
    setup::test_result(&*served(&app, &tenant)?, &id).await.map(Json)
}

pub(super) async fn provision(
    State(app): State<Arc<App>>,
    Path(tenant): Path<String>,
    query: Result<Query<ProvisionQuery>, QueryRejection>,
) -> Result<Json<Vec<Step>>, Complaint> {
    let Query(query) = query?;
    // In a task of its own: a client that hangs up must not stop it between two steps.
    let work = tokio::spawn(async move { setup::provision(&app, &tenant, query.dry_run, "admin").await });
    work.await.map_err(|error| Complaint::internal("provisioning the CRM", &error))?.map(Json)
}
