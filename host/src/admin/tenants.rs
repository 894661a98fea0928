//! Tenants over the admin API: apply, list, show, and the entries that wait for a person.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State, rejection::JsonRejection},
};

use super::{
    events::{value, word},
    types::{EntrySummary, TenantSummary},
};
use crate::{
    app::App,
    config::tenant::TenantDocument,
    error::{Complaint, Fault},
    release::plugin_name,
    tenant::{self, Tenant},
};

/// How many entries are listed at the most.
const ENTRIES_MAX: u32 = 500;

pub(super) async fn apply(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    document: Result<Json<TenantDocument>, JsonRejection>,
) -> Result<Json<TenantSummary>, Complaint> {
    let Json(document) = document?;
    if document.name != name {
        return Err(Complaint::new(
            Fault::Refused,
            format!("the document is of tenant `{}`, and was sent to `{name}`", document.name),
            "nothing was changed",
            "send it to its own name",
        ));
    }
    tenant::apply(&app, document, "admin").await?;
    summary(&app, &name).await.map(Json)
}

pub(super) async fn list(State(app): State<Arc<App>>) -> Result<Json<Vec<TenantSummary>>, Complaint> {
    let mut tenants = Vec::new();
    for name in app.tenants.names() {
        tenants.push(summary(&app, &name).await?);
    }
    Ok(Json(tenants))
}

pub(super) async fn show(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
) -> Result<Json<TenantSummary>, Complaint> {
    summary(&app, &name).await.map(Json)
}

pub(super) async fn entries(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
) -> Result<Json<Vec<EntrySummary>>, Complaint> {
    known(&app, &name)?;
    let entries = app.journal.open_entries(&name, ENTRIES_MAX).await?;
    Ok(Json(
        entries
            .into_iter()
            .map(|record| EntrySummary {
                id: record.entry.id,
                field: record.entry.field,
                kind: word(&record.entry.kind),
                partner_center: value(&record.entry.partner_center),
                crm: value(&record.entry.crm),
                reason: record.entry.reason,
                since: record.entry.since.to_string(),
            })
            .collect(),
    ))
}

async fn summary(app: &App, name: &str) -> Result<TenantSummary, Complaint> {
    known(app, name)?;
    let route = app.journal.routed(name).await?;
    let release = match &route {
        Some(route) => app.journal.release(route.live).await?,
        None => None,
    };
    let counts = app.journal.counts(name).await?;
    Ok(TenantSummary {
        name: name.to_owned(),
        plugin: release.as_ref().map(|release| plugin_name(&release.manifest)),
        release: release.map(|release| release.digest),
        generation: route.map_or(0, |route| i64::try_from(route.generation).unwrap_or(i64::MAX)),
        links: counts.links,
        waiting: counts.waiting,
        entries: counts.entries,
    })
}

pub(super) fn known(app: &App, name: &str) -> Result<(), Complaint> {
    served(app, name).map(drop)
}

/// The tenant, if there is one of that name.
pub(super) fn served(app: &App, name: &str) -> Result<Arc<Tenant>, Complaint> {
    app.tenants.get(name).ok_or_else(|| {
        Complaint::new(
            Fault::NotFound,
            format!("there is no tenant `{name}`"),
            "nothing was changed",
            "`crosswalk tenant list` shows the tenants, `crosswalk tenant apply` adds one",
        )
    })
}
