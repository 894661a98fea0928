//! Plugins over the admin API: check, deploy, promote, roll back, and how they do.

use std::{io, sync::Arc};

use axum::{
    Json,
    body::Bytes,
    extract::{
        Path, Query, State,
        rejection::{BytesRejection, QueryRejection},
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE};
use serde::Deserialize;

use super::types::{Checked, PluginStatus, ReleaseSummary, Routed, Stage};
use crate::{
    app::App,
    check,
    error::Complaint,
    release::{self, Order},
    signing::{self, Offered, SIGNATURE_BYTES_MAX, SIGNATURES_MAX},
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
    /// Where the caller has the component from: an OCI reference with its digest, or the name of a file.
    #[serde(default)]
    source: String,
    /// The files of its minisign signatures, each in base64, with commas between them.
    #[serde(default)]
    signatures: String,
}

/// The signatures of a component, each in base64, with commas between them.
pub(super) fn signatures(encoded: &str) -> Result<Vec<String>, Complaint> {
    let texts: Vec<&str> = encoded.split(',').filter(|text| !text.is_empty()).collect();
    if texts.len() > SIGNATURES_MAX {
        let problem = format!("{} signatures came, and {SIGNATURES_MAX} are taken at most", texts.len());
        return Err(signing::unreadable(&io::Error::other(problem)));
    }
    texts.into_iter().map(signature).collect()
}

fn signature(encoded: &str) -> Result<String, Complaint> {
    if encoded.len() > SIGNATURE_BYTES_MAX * 2 {
        return Err(signing::unreadable(&io::Error::other("it is too long for one")));
    }
    let bytes = URL_SAFE.decode(encoded).map_err(|error| signing::unreadable(&error))?;
    String::from_utf8(bytes).map_err(|error| signing::unreadable(&error.utf8_error()))
}

impl From<OrderQuery> for Order {
    fn from(query: OrderQuery) -> Self {
        let OrderQuery { stage, share, unchecked, generation, .. } = query;
        Order { stage, share, unchecked, generation, who: "admin".to_owned() }
    }
}

/// How a plugin is checked.
#[derive(Debug, Deserialize)]
pub(super) struct CheckQuery {
    /// Seeds of which pairs are made.
    cases: Option<u64>,
}

pub(super) async fn check(
    State(app): State<Arc<App>>,
    Path(tenant): Path<String>,
    query: Result<Query<CheckQuery>, QueryRejection>,
    component: Result<Bytes, BytesRejection>,
) -> Result<Json<Checked>, Complaint> {
    let cases = query?.cases.unwrap_or(check::CASES);
    release::check_laws(&app, &tenant, component?.to_vec(), cases).await.map(Json)
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
    let Query(query) = query?;
    let component = Offered::uploaded(component?.to_vec(), &query.source, signatures(&query.signatures)?);
    let order = query.into();
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
