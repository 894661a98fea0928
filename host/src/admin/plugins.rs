//! Plugins over the admin API: deploy, promote, roll back, and how they do.

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::{
        Path, Query, State,
        rejection::{BytesRejection, QueryRejection},
    },
};
use serde::Deserialize;

use super::types::{PluginStatus, ReleaseSummary, Routed, Stage};
use crate::{
    app::App,
    error::Complaint,
    release::{self, Order},
};

/// What an operator says beside the tenant and the component.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OrderQuery {
    stage: Option<Stage>,
    share: Option<u8>,
    #[serde(default)]
    unchecked: bool,
    generation: Option<u64>,
}

impl From<OrderQuery> for Order {
    fn from(query: OrderQuery) -> Self {
        let OrderQuery { stage, share, unchecked, generation } = query;
        Order { stage, share, unchecked, generation, who: "admin".to_owned() }
    }
}

pub(super) async fn list(
    State(app): State<Arc<App>>,
    Path(tenant): Path<String>,
) -> Result<Json<Vec<ReleaseSummary>>, Complaint> {
    release::list(&app, &tenant).await.map(Json)
}

pub(super) async fn status(
    State(app): State<Arc<App>>,
    Path(tenant): Path<String>,
) -> Result<Json<PluginStatus>, Complaint> {
    release::status(&app, &tenant).await.map(Json)
}

pub(super) async fn deploy(
    State(app): State<Arc<App>>,
    Path(tenant): Path<String>,
    query: Result<Query<OrderQuery>, QueryRejection>,
    component: Result<Bytes, BytesRejection>,
) -> Result<Json<Routed>, Complaint> {
    let (order, component) = (query?.0.into(), component?.to_vec());
    // In a task of its own: a client that hangs up must not stop a deploy between the journal and memory.
    finish(tokio::spawn(async move { release::deploy(&app, &tenant, component, &order).await })).await
}

pub(super) async fn promote(
    State(app): State<Arc<App>>,
    Path(tenant): Path<String>,
    query: Result<Query<OrderQuery>, QueryRejection>,
) -> Result<Json<Routed>, Complaint> {
    let order = query?.0.into();
    finish(tokio::spawn(async move { release::promote(&app, &tenant, &order).await })).await
}

pub(super) async fn rollback(
    State(app): State<Arc<App>>,
    Path(tenant): Path<String>,
    query: Result<Query<OrderQuery>, QueryRejection>,
) -> Result<Json<Routed>, Complaint> {
    let order = query?.0.into();
    finish(tokio::spawn(async move { release::rollback(&app, &tenant, &order).await })).await
}

async fn finish(work: tokio::task::JoinHandle<Result<Routed, Complaint>>) -> Result<Json<Routed>, Complaint> {
    work.await.map_err(|error| Complaint::internal("routing the tenant", &error))?.map(Json)
}
