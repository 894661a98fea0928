//! Plugins over the admin API: deploy, list, roll back.

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::{Path, State, rejection::BytesRejection},
};

use super::types::{ReleaseSummary, Routed};
use crate::{app::App, error::Complaint, release};

pub(super) async fn list(
    State(app): State<Arc<App>>,
    Path(tenant): Path<String>,
) -> Result<Json<Vec<ReleaseSummary>>, Complaint> {
    release::list(&app, &tenant).await.map(Json)
}

pub(super) async fn deploy(
    State(app): State<Arc<App>>,
    Path(tenant): Path<String>,
    component: Result<Bytes, BytesRejection>,
) -> Result<Json<Routed>, Complaint> {
    let component = component?.to_vec();
    // In a task of its own: a client that hangs up must not stop a deploy between the journal and memory.
    finish(tokio::spawn(async move { release::deploy(&app, &tenant, component, "admin").await })).await
}

pub(super) async fn rollback(
    State(app): State<Arc<App>>,
    Path(tenant): Path<String>,
) -> Result<Json<Routed>, Complaint> {
    finish(tokio::spawn(async move { release::rollback(&app, &tenant, "admin").await })).await
}

async fn finish(work: tokio::task::JoinHandle<Result<Routed, Complaint>>) -> Result<Json<Routed>, Complaint> {
    work.await.map_err(|error| Complaint::internal("routing the tenant", &error))?.map(Json)
}
