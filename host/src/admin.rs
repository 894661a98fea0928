//! The admin API: `/healthz`, `/readyz` and `/api/v1`.
//!
//! It listens on loopback unless configured otherwise, and everything under `/api` needs the admin token. The command
//! line uses nothing else. Errors are [`Complaint`]s as JSON.

mod diff;
pub(crate) mod events;
mod jobs;
mod plugins;
mod setup;
mod tenants;
#[cfg(test)]
mod tests;
pub(crate) mod types;
pub(crate) mod undo;

use std::sync::Arc;

use aws_lc_rs::constant_time;
use axum::{
    Json, Router,
    extract::{
        DefaultBodyLimit, Request, State,
        rejection::{BytesRejection, JsonRejection, QueryRejection},
    },
    http::{HeaderMap, StatusCode, header::AUTHORIZATION},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use crate::{
    app::App,
    error::{Complaint, Fault},
};

/// The largest component that can be uploaded, in bytes. A Python guest is 18 MiB.
pub(crate) const COMPONENT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The whole admin side.
pub(crate) fn router(app: Arc<App>) -> Router {
    let api = Router::new()
        .route("/events", get(events::list))
        .route("/events/{id}", get(events::show))
        .route("/events/{id}/retry", post(events::retry))
        .route("/tenants", get(tenants::list))
        .route("/tenants/{tenant}", get(tenants::show).put(tenants::apply))
        .route("/tenants/{tenant}/entries", get(tenants::entries))
        .route("/tenants/{tenant}/plugins", get(plugins::list).post(plugins::deploy))
        .route("/tenants/{tenant}/plugins/check", post(plugins::check))
        .route("/tenants/{tenant}/plugins/status", get(plugins::status))
        .route("/tenants/{tenant}/plugins/promote", post(plugins::promote))
        .route("/tenants/{tenant}/plugins/rollback", post(plugins::rollback))
        .route("/tenants/{tenant}/plugins/undo", post(undo::undo))
        .route("/tenants/{tenant}/plugins/project", post(undo::project))
        .route("/tenants/{tenant}/plugins/diff", post(diff::begin))
        .route("/tenants/{tenant}/jobs", get(jobs::list))
        .route("/tenants/{tenant}/sweep", post(jobs::sweep))
        .route("/tenants/{tenant}/backfill", post(jobs::backfill))
        .route("/tenants/{tenant}/verify", post(jobs::verify))
        .route("/tenants/{tenant}/webhook", get(setup::show).put(setup::register))
        .route("/tenants/{tenant}/webhook/tests", post(setup::test))
        .route("/tenants/{tenant}/webhook/tests/{id}", get(setup::test_result))
        .route("/tenants/{tenant}/crm/provision", post(setup::provision))
        .route("/jobs/{id}", get(jobs::show))
        .route("/jobs/{id}/findings", get(jobs::findings))
        .layer(DefaultBodyLimit::max(COMPONENT_BYTES_MAX))
        .layer(middleware::from_fn_with_state(app.clone(), authorised));
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .nest("/api/v1", api)
        .fallback(nothing_here)
        .with_state(app)
}

/// Alive: the process answers.
async fn healthz() -> &'static str {
    "ok\n"
}

/// Ready: the journal answers and work is not stopping. The body says what waits, for a person.
async fn readyz(State(app): State<Arc<App>>) -> Response {
    let stopping = app.is_stopping();
    match app.journal.backlog(app.now()).await {
        Ok(backlog) => {
            let status = if stopping { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
            (status, Json(json!({ "ready": !stopping, "stopping": stopping, "backlog": backlog })))
                .into_response()
        }
        Err(error) => {
            let complaint = Complaint::internal("asking the journal what waits", &error);
            (StatusCode::SERVICE_UNAVAILABLE, Json(complaint)).into_response()
        }
    }
}

async fn nothing_here(request: Request) -> Complaint {
    Complaint::new(
        Fault::NotFound,
        format!("there is nothing at `{}`", request.uri().path()),
        "nothing was changed",
        "the admin API is under `/api/v1`",
    )
}

/// Lets a request through that carries the admin token.
async fn authorised(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    if carries(request.headers(), &app.admin_token) {
        return next.run(request).await;
    }
    let complaint = Complaint::new(
        Fault::Refused,
        "the admin API was called without the right token",
        "nothing was changed",
        "send the content of `admin.token` in the host's state directory as `Authorization: Bearer …`",
    );
    (StatusCode::UNAUTHORIZED, Json(complaint)).into_response()
}

/// Whether a request shows this token. A comparison takes the same time wherever the two differ.
fn carries(headers: &HeaderMap, token: &SecretString) -> bool {
    let shown = headers.get(AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
    let expected = token.expose_secret().as_bytes();
    shown.is_some_and(|shown| constant_time::verify_slices_are_equal(shown, expected).is_ok())
}

impl From<JsonRejection> for Complaint {
    fn from(rejection: JsonRejection) -> Self {
        unreadable(&rejection)
    }
}

impl From<QueryRejection> for Complaint {
    fn from(rejection: QueryRejection) -> Self {
        unreadable(&rejection)
    }
}

impl From<BytesRejection> for Complaint {
    fn from(rejection: BytesRejection) -> Self {
        unreadable(&rejection)
    }
}

/// A body or query that is not what this address takes.
fn unreadable(rejection: &dyn std::error::Error) -> Complaint {
    Complaint::new(
        Fault::Refused,
        "the request could not be read",
        "nothing was changed",
        "use the command line of the same version as the host",
    )
    .because(rejection)
}

impl IntoResponse for Complaint {
    fn into_response(self) -> Response {
        let status = match self.fault {
            Fault::Failed | Fault::Configuration | Fault::Refused => StatusCode::UNPROCESSABLE_ENTITY,
            Fault::Unreachable => StatusCode::BAD_GATEWAY,
            Fault::NotFound => StatusCode::NOT_FOUND,
            Fault::Moved => StatusCode::CONFLICT,
            Fault::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        };
        if self.fault == Fault::Internal {
            tracing::error!(causes = ?self.causes, "{}", self.message);
        }
        (status, Json(self)).into_response()
    }
}

impl From<crosswalk_journal::Error> for Complaint {
    fn from(error: crosswalk_journal::Error) -> Self {
        Complaint::internal("using the journal", &error)
    }
}
