//! The layer around every simulated route: fires fault switches and writes the trace.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

use super::clock::seven_digits;
use super::faults::{Fault, FaultKind};
use super::trace::Call;
use super::{BODY_BYTES_MAX, Core};

/// Marks an answer that must not be sent: the connection is closed instead.
///
/// The sandbox's own server obeys it. Who calls a router as a tower service finds it in the answer's extensions and
/// should treat the answer as a broken connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionDropped;

/// What the switches decided about one request.
#[derive(Default)]
struct Verdict {
    instead: Option<Response>,
    after: Option<Response>,
    drop_after: bool,
    drop_before: bool,
    names: Vec<&'static str>,
}

/// Runs one request through the fault switches and notes it in the trace.
///
/// A system's own control routes below `/_sandbox` pass untouched.
pub async fn observe(State(core): State<Arc<Core>>, request: Request, next: Next) -> Response {
    if request.uri().path().starts_with("/_sandbox/") {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let mut call = Call {
        at: seven_digits(core.clock.now()),
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().map(str::to_owned),
        status: 0,
        dropped: false,
        request_bytes: 0,
        response_bytes: 0,
        who: core.tokens.who(&parts.headers),
        fault: None,
    };
    let Ok(body) = to_bytes(body, BODY_BYTES_MAX).await else {
        let message = format!("the request body is larger than {BODY_BYTES_MAX} bytes or broke off");
        let response = core.error(&call.path, StatusCode::PAYLOAD_TOO_LARGE, &message);
        return note(&core, call, response).await;
    };
    call.request_bytes = body.len();

    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    let verdict = decide(&core, core.faults.take(&parts.method, target), &call.path).await;
    call.fault = (!verdict.names.is_empty()).then(|| verdict.names.join(", "));

    let response = if verdict.drop_before {
        call.dropped = true;
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    } else if let Some(instead) = verdict.instead {
        instead
    } else {
        let committed = next.run(Request::from_parts(parts, Body::from(body))).await;
        call.dropped = verdict.drop_after;
        verdict.after.unwrap_or(committed)
    };
    note(&core, call, response).await
}

/// Carries out what comes before the handler and collects what comes instead of it or after it.
async fn decide(core: &Core, firing: Vec<Fault>, path: &str) -> Verdict {
    let mut verdict = Verdict::default();
    for fault in firing {
        verdict.names.push(fault.kind.name());
        match fault.kind {
            FaultKind::Latency => {
                tokio::time::sleep(Duration::from_millis(fault.latency_ms.unwrap_or_default())).await;
            }
            FaultKind::FailBeforeCommit | FaultKind::Status => {
                verdict.instead = Some(failure(core, path, &fault));
            }
            FaultKind::FailAfterCommit => verdict.after = Some(failure(core, path, &fault)),
            FaultKind::DropConnection => verdict.drop_before = true,
            FaultKind::CommitThenDropConnection => verdict.drop_after = true,
            FaultKind::RevokeTokens => core.tokens.revoke_all(fault.refresh),
        }
    }
    verdict
}

/// The answer of a switch, worded as the system would.
fn failure(core: &Core, path: &str, fault: &Fault) -> Response {
    let default = if fault.kind == FaultKind::Status {
        StatusCode::TOO_MANY_REQUESTS
    } else {
        StatusCode::INTERNAL_SERVER_ERROR
    };
    let status = fault.status.and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or(default);
    let retry_after_seconds = fault.retry_after_seconds;
    let message = match (status, retry_after_seconds) {
        (StatusCode::TOO_MANY_REQUESTS, Some(seconds)) => {
            format!("Rate limit is exceeded. Try again in {seconds} seconds.")
        }
        (StatusCode::TOO_MANY_REQUESTS, None) => "Rate limit is exceeded.".to_owned(),
        (status, _) => {
            format!("{} (a fault switch of the sandbox)", status.canonical_reason().unwrap_or("Failed"))
        }
    };
    let body = core.dialect.error_body(path, status, &message, retry_after_seconds);
    let mut response = (status, axum::Json(body)).into_response();
    if let Some(seconds) = retry_after_seconds {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// Writes the trace and marks the answer when the connection is to be dropped.
async fn note(core: &Core, mut call: Call, response: Response) -> Response {
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap_or_else(|_| Bytes::new());
    call.status = parts.status.as_u16();
    call.response_bytes = body.len();
    let dropped = call.dropped;
    core.trace.push(call);
    let mut response = Response::from_parts(parts, Body::from(body));
    // The server's clock as clients see it: they count on it being the one of the records' stamps.
    if let Some(date) = http_date(core.clock.now()) {
        response.headers_mut().insert(header::DATE, date);
    }
    if dropped {
        response.extensions_mut().insert(ConnectionDropped);
    }
    response
}

fn http_date(time: jiff::Timestamp) -> Option<HeaderValue> {
    let text = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&time).ok()?;
    HeaderValue::from_str(&text).ok()
}
