//! The `/_sandbox` routes that every system has: trace, reset, fault switches, clock, tokens, notifications.
//!
//! They ask for no token and no fault reaches them; the sandbox listens on loopback only.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::Core;
use super::faults::Fault;
use super::outbound::Switches;

/// Puts a system's own state back to its baseline.
pub(super) type Reset = Arc<dyn Fn() + Send + Sync>;

#[derive(Clone)]
struct Control {
    core: Arc<Core>,
    reset: Reset,
}

/// The control routes of one system.
pub(super) fn router(core: &Arc<Core>, reset: Reset) -> Router {
    Router::new()
        .route("/_sandbox", get(summary))
        .route("/_sandbox/trace", get(trace).delete(clear_trace))
        .route("/_sandbox/reset", post(reset_all))
        .route("/_sandbox/faults", get(faults).post(arm).delete(disarm_all))
        .route("/_sandbox/faults/{id}", delete(disarm))
        .route("/_sandbox/clock", get(clock).post(set_clock))
        .route("/_sandbox/tokens", post(set_tokens))
        .route("/_sandbox/notifications", get(notifications).post(set_notifications))
        .with_state(Control { core: Arc::clone(core), reset })
}

/// Reads a control request's JSON body; an empty body is an empty object.
///
/// # Errors
/// A 400 that says what is wrong with the body.
#[expect(clippy::result_large_err, reason = "the error is the answer itself, sent as it is")]
pub fn read_body<T: DeserializeOwned>(body: &Bytes) -> Result<T, Response> {
    let body: &[u8] = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| bad_request(&format!("the body cannot be read: {error}")))
}

/// A control request that cannot be carried out: 400 with the reason. Nothing was changed.
#[must_use]
pub fn bad_request(message: &str) -> Response {
    let body = json!({ "error": { "code": "badControlRequest", "message": format!("{message}; nothing was changed") } });
    (StatusCode::BAD_REQUEST, Json(body)).into_response()
}

async fn summary(State(control): State<Control>) -> Response {
    let core = &control.core;
    Json(json!({
        "system": core.system,
        "now": core.clock.now().to_string(),
        "requests": core.trace.calls().len(),
        "faultsArmed": core.faults.armed().len(),
        "notificationsPending": core.outbound.pending(),
    }))
    .into_response()
}

async fn trace(State(control): State<Control>) -> Response {
    Json(control.core.trace.calls()).into_response()
}

async fn clear_trace(State(control): State<Control>) -> StatusCode {
    control.core.trace.clear();
    StatusCode::NO_CONTENT
}

async fn reset_all(State(control): State<Control>) -> StatusCode {
    let core = &control.core;
    core.faults.clear();
    core.outbound.reset();
    core.tokens.reset();
    core.clock.set_offset_ms(0);
    core.ids.reset();
    (control.reset)();
    core.trace.clear();
    StatusCode::NO_CONTENT
}

async fn faults(State(control): State<Control>) -> Response {
    Json(control.core.faults.armed()).into_response()
}

async fn arm(State(control): State<Control>, body: Bytes) -> Response {
    let fault: Fault = match read_body(&body) {
        Ok(fault) => fault,
        Err(refusal) => return refusal,
    };
    match control.core.faults.arm(fault) {
        Ok(id) => (StatusCode::CREATED, Json(json!({ "id": id }))).into_response(),
        Err(reason) => bad_request(&reason),
    }
}

async fn disarm_all(State(control): State<Control>) -> StatusCode {
    control.core.faults.clear();
    StatusCode::NO_CONTENT
}

async fn disarm(State(control): State<Control>, Path(id): Path<u64>) -> StatusCode {
    if control.core.faults.disarm(id) { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND }
}

async fn clock(State(control): State<Control>) -> Response {
    let clock = &control.core.clock;
    Json(json!({ "now": clock.now().to_string(), "offsetMs": clock.offset_ms() })).into_response()
}

/// `offsetMs` sets the skew, `advanceMs` moves on from where the clock is.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ClockChange {
    offset_ms: Option<i64>,
    #[serde(default)]
    advance_ms: i64,
}

async fn set_clock(State(control): State<Control>, body: Bytes) -> Response {
    let change: ClockChange = match read_body(&body) {
        Ok(change) => change,
        Err(refusal) => return refusal,
    };
    let clock = &control.core.clock;
    let offset_ms = change.offset_ms.unwrap_or_else(|| clock.offset_ms());
    clock.set_offset_ms(offset_ms.saturating_add(change.advance_ms));
    Json(json!({ "now": clock.now().to_string(), "offsetMs": clock.offset_ms() })).into_response()
}

/// Each part is optional: what is left out stays as it is.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TokenChange {
    lifetime_seconds: Option<u64>,
    single_use_refresh_tokens: Option<bool>,
    refused_clients: Option<Vec<String>>,
    #[serde(default)]
    revoke_access: bool,
    #[serde(default)]
    revoke_refresh: bool,
}

async fn set_tokens(State(control): State<Control>, body: Bytes) -> Response {
    let change: TokenChange = match read_body(&body) {
        Ok(change) => change,
        Err(refusal) => return refusal,
    };
    let tokens = &control.core.tokens;
    if let Some(seconds) = change.lifetime_seconds {
        tokens.set_lifetime_seconds(seconds);
    }
    if let Some(single_use) = change.single_use_refresh_tokens {
        tokens.set_single_use_refresh(single_use);
    }
    if let Some(clients) = change.refused_clients {
        tokens.set_refused_clients(clients);
    }
    if change.revoke_access || change.revoke_refresh {
        tokens.revoke_all(change.revoke_refresh);
    }
    StatusCode::NO_CONTENT.into_response()
}

async fn notifications(State(control): State<Control>) -> Response {
    let outbound = &control.core.outbound;
    Json(json!({
        "switches": outbound.switches(),
        "pending": outbound.pending(),
        "deliveries": outbound.records(),
    }))
    .into_response()
}

async fn set_notifications(State(control): State<Control>, body: Bytes) -> Response {
    let switches: Switches = match read_body(&body) {
        Ok(switches) => switches,
        Err(refusal) => return refusal,
    };
    control.core.outbound.set_switches(switches);
    StatusCode::NO_CONTENT.into_response()
}
