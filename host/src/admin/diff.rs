//! A diff over the admin API: upload a component, or name the candidate, and begin to compare it. The job is followed like any other.

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

use super::{jobs, plugins::signatures, types::JobSummary};
use crate::{
    app::App,
    diff::{self, PASSES_MAX},
    error::{Complaint, Fault},
    signing::Offered,
};

/// How many passes are looked back on where nobody says.
const PASSES: u32 = 1_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DiffQuery {
    passes: Option<u32>,
    /// With the tenant's candidate; then nothing is uploaded.
    #[serde(default)]
    candidate: bool,
    /// As for a deploy.
    #[serde(default)]
    source: String,
    #[serde(default)]
    signatures: String,
}

pub(super) async fn begin(
    State(app): State<Arc<App>>,
    Path(tenant): Path<String>,
    query: Result<Query<DiffQuery>, QueryRejection>,
    component: Result<Bytes, BytesRejection>,
) -> Result<Json<JobSummary>, Complaint> {
    let Query(query) = query?;
    let passes = query.passes.unwrap_or(PASSES);
    if passes > PASSES_MAX {
        return Err(Complaint::new(
            Fault::Refused,
            format!("{passes} passes are more than one comparison looks back on, which is {PASSES_MAX}"),
            "nothing was stored or begun",
            "ask for fewer; the newest are looked at first",
        ));
    }
    let component = component?.to_vec();
    let signatures = signatures(&query.signatures)?;
    let offered = (!query.candidate).then(|| Offered::uploaded(component, &query.source, signatures));
    let id = diff::begin(&app, &tenant, offered, passes, "admin").await?;
    jobs::begun(&app, id).await
}
