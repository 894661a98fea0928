//! The public side: `/hooks/{tenant}/partner-center` and `/hooks/{tenant}/dynamics`, and nothing else.
//!
//! A request is verified, becomes one row in the journal, and is answered when the row is on disk. What it says is
//! only a hint about which pair to look at.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{Path, RawQuery, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use crosswalk_journal::{NewEvent, Source};
use tracing::{error, info, warn};

use crate::{
    app::App,
    dispatch::Chain,
    intake::{
        Refused, dynamics, partner_center,
        request::{BodyLimits, read_body},
    },
    tenant::Tenant,
};

/// The whole public side.
pub(crate) fn router(app: Arc<App>) -> Router {
    let in_flight = app.config.limits.webhook_requests_in_flight_max;
    Router::new()
        .route("/hooks/{tenant}/partner-center", post(from_partner_center))
        .route("/hooks/{tenant}/dynamics", post(from_dynamics))
        .layer(tower::limit::ConcurrencyLimitLayer::new(in_flight))
        .with_state(app)
}

/// A webhook of Partner Center: signature, certificate, chain, subject, then one row.
async fn from_partner_center(
    State(app): State<Arc<App>>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let Some(tenant) = app.tenants.get(&tenant) else { return no_such_hook() };
    let notice = async {
        let bytes_max = app.config.webhooks.partner_center.body_bytes_max;
        let body =
            read_body(&headers, body, BodyLimits { bytes_max, ..app.config.limits.webhook_body() }).await?;
        app.verifier.verify(&headers, &body, app.now()).await?;
        partner_center::parse(&body)
    };
    let hint = match notice.await {
        Ok(partner_center::Notice::Hint(hint)) => hint,
        Ok(other) => {
            info!(tenant = %tenant.name, notice = ?other, "a webhook that is not about a referral was acknowledged");
            return StatusCode::OK.into_response();
        }
        Err(refused) => return refuse(&tenant, "partner-center", &refused),
    };
    let event = NewEvent {
        tenant: tenant.name.clone(),
        subject: hint.subject(),
        dedupe: hint.dedupe_key,
        note: Some(hint.event),
        source: Source::WebhookPartnerCenter,
        received: app.now(),
    };
    store(&app, event).await
}

/// A webhook of Dataverse: the key, then one row.
async fn from_dynamics(
    State(app): State<Arc<App>>,
    Path(tenant): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let Some(tenant) = app.tenants.get(&tenant) else { return no_such_hook() };
    let notice = async {
        tenant.webhook_keys.check(&headers, query.as_deref())?;
        dynamics::parse(&read_body(&headers, body, app.config.limits.webhook_body()).await?)
    };
    let hint = match notice.await {
        Ok(dynamics::Notice::Hint(hint)) => hint,
        Ok(other) => {
            info!(tenant = %tenant.name, notice = ?other, "a webhook that is not about a record was acknowledged");
            return StatusCode::OK.into_response();
        }
        Err(refused) => return refuse(&tenant, "dynamics", &refused),
    };
    if !tenant.links(&app, &hint.record.entity) {
        // A customer may register more than we asked for; what no plugin links is of no interest.
        return StatusCode::OK.into_response();
    }
    let event = NewEvent {
        tenant: tenant.name.clone(),
        subject: hint.subject(),
        dedupe: hint.dedupe_key,
        note: Some(hint.message),
        source: Source::WebhookCrm,
        received: app.now(),
    };
    store(&app, event).await
}

async fn store(app: &App, event: NewEvent) -> Response {
    match app.journal.accept(event).await {
        Ok(accepted) => {
            info!(event = %accepted.id, duplicate = accepted.duplicate, "accepted");
            StatusCode::OK.into_response()
        }
        Err(error) => {
            error!(error = %Chain(&error), "an event could not be stored, so its sender is asked to try again");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}

/// The log gets the whole reason, the caller only its class.
fn refuse(tenant: &Tenant, hook: &'static str, refused: &Refused) -> Response {
    warn!(tenant = %tenant.name, hook, reason = %Chain(refused), "a webhook was refused; nothing was stored");
    refused.status().into_response()
}

fn no_such_hook() -> Response {
    StatusCode::NOT_FOUND.into_response()
}
