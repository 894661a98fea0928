//! The HTTP side: who calls, throttling, headers; and the switches under `/_sandbox/dynamics`.

use super::{
    Dynamics, SELLER_TOKEN, baseline,
    cell::Cell,
    control::{Switches, Throttle},
    dispatch,
    errors::{Outcome, Refusal, missing},
    identifiers::fixed_id,
    odata::prefer::Prefer,
    org::{API_PATH, Answer, Call, Org},
    values::whole_second,
    webhooks,
};
use crate::core::{
    auth::{ALWAYS_ACCEPTED, AuthFailure},
    lock,
};
use axum::{
    Json, Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    response::{IntoResponse, Response},
    routing::{any, get},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::{Value, json};
use std::sync::Arc;
use uuid::Uuid;

/// How Dataverse words the errors that the core answers for it.
pub(super) struct Dialect;

impl crate::core::Dialect for Dialect {
    fn error_body(
        &self,
        _path: &str,
        status: StatusCode,
        message: &str,
        _retry_after_s: Option<u64>,
    ) -> Value {
        let (code, message) = match status {
            StatusCode::TOO_MANY_REQUESTS => super::control::Limit::Requests.refusal(),
            StatusCode::SERVICE_UNAVAILABLE => ("0x8005f103", "The server is busy. Please try again later."),
            StatusCode::FORBIDDEN => ("0x80040220", message),
            StatusCode::UNAUTHORIZED => ("0x8005f101", message),
            _ => ("0x80040216", message),
        };
        json!({ "error": { "code": code, "message": message } })
    }
}

/// The routes of the Web API and of the switches.
pub(super) fn router(dynamics: &Arc<Dynamics>) -> Router {
    Router::new()
        .route("/api/data/v9.2", any(api))
        .route("/api/data/v9.2/", any(api))
        .route("/api/data/v9.2/{*path}", any(api))
        .route("/_sandbox/dynamics/switches", get(read_switches).post(change_switches))
        .with_state(Arc::clone(dynamics))
}

async fn read_switches(State(dynamics): State<Arc<Dynamics>>) -> Json<Switches> {
    Json(dynamics.switches())
}

/// Changes the switches that the body names and leaves the others.
async fn change_switches(State(dynamics): State<Arc<Dynamics>>, Json(changes): Json<Value>) -> Response {
    let merged = serde_json::to_value(dynamics.switches()).map(|mut all| {
        if let (Value::Object(all), Value::Object(changes)) = (&mut all, changes) {
            all.extend(changes);
        }
        all
    });
    match merged.and_then(serde_json::from_value::<Switches>) {
        Ok(switches) => {
            dynamics.set_switches(switches.clone());
            Json(switches).into_response()
        }
        Err(error) => (StatusCode::BAD_REQUEST, Json(json!({ "error": error.to_string() }))).into_response(),
    }
}

async fn api(State(dynamics): State<Arc<Dynamics>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, crate::core::BODY_BYTES_MAX).await else {
        return dynamics.core.error(parts.uri.path(), StatusCode::PAYLOAD_TOO_LARGE, "the body broke off");
    };
    let origin = origin(&dynamics, &parts.headers);
    let client = match client(&dynamics, &parts.headers, &origin) {
        Ok(client) => client,
        Err(failure) => return unauthorized(&origin, &failure),
    };
    let path = parts.uri.path().strip_prefix(API_PATH).unwrap_or_default();
    let call = Call {
        method: parts.method,
        path: path.to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        prefer: Prefer::read(&parts.headers),
        headers: parts.headers,
        body,
        base: format!("{origin}{}", API_PATH.trim_end_matches('/')),
        user: Uuid::nil(),
        initiator: Uuid::nil(),
        now: dynamics.core.clock.now(),
        correlation: dynamics.core.ids.guid(),
        references: std::collections::BTreeMap::new(),
    };
    let correlation = call.correlation;
    into_response(answer(&dynamics, call, &client), correlation)
}

/// Runs one request as a transaction and sends what its events became.
fn answer(dynamics: &Dynamics, mut call: Call, client: &str) -> Answer {
    let mut org = lock(&dynamics.org);
    let mut jobs = lock(&dynamics.jobs);
    let who = throttled(&mut org).and_then(|()| who(&mut org, &call, client));
    match who {
        Ok((user, initiator)) => (call.user, call.initiator) = (user, initiator),
        Err(refusal) => return Answer::refusal(&refusal, &call.prefer),
    }
    if call.path.starts_with("asyncoperations") {
        jobs.settle(&dynamics.core.outbound, &mut org, call.now);
    }
    let answer = dispatch::answer(&mut org, &call);
    let events = std::mem::take(&mut org.events);
    let notifications = webhooks::notifications(&org, &events);
    org.store.commit();
    jobs.send(&dynamics.core.outbound, notifications);
    answer
}

/// Scheme and host as the client sees them: links must lead back the way it came.
fn origin(dynamics: &Dynamics, headers: &HeaderMap) -> String {
    crate::core::server::origin(headers).unwrap_or_else(|| dynamics.base_url())
}

/// The client behind the token.
fn client(dynamics: &Dynamics, headers: &HeaderMap, origin: &str) -> Result<String, AuthFailure> {
    let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = authorization.and_then(|value| value.split_once(' ')).map(|(_, token)| token.trim());
    if token == Some(SELLER_TOKEN) {
        return Ok(SELLER_TOKEN.to_owned());
    }
    let tokens = &dynamics.core.tokens;
    let checked = match tokens.check(headers, &dynamics.base_url()) {
        Err(AuthFailure::WrongAudience { .. }) => tokens.check(headers, origin),
        checked => checked,
    };
    checked.map(|caller| caller.client_id)
}

fn unauthorized(origin: &str, failure: &AuthFailure) -> Response {
    let challenge =
        format!("Bearer authorization_uri={origin}/sandbox/oauth2/authorize, resource_id={origin}/");
    let mut response = (StatusCode::UNAUTHORIZED, failure.to_string()).into_response();
    if let Ok(value) = HeaderValue::from_str(&challenge) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
    }
    response
}

/// Counts the throttling switch down.
fn throttled(org: &mut Org) -> Outcome<()> {
    let Some(Throttle { limit, count, retry_after_seconds }) = &mut org.switches.throttle else {
        return Ok(());
    };
    let (code, message) = limit.refusal();
    let refusal = Refusal { retry_after_s: Some(*retry_after_seconds), ..Refusal::new(429, code, message) };
    *count = count.saturating_sub(1);
    if *count == 0 {
        org.switches.throttle = None;
    }
    Err(refusal)
}

/// The user that writes are attributed to, and the one who signed in.
fn who(org: &mut Org, call: &Call, client: &str) -> Outcome<(Uuid, Uuid)> {
    let initiator = match client {
        SELLER_TOKEN => baseline::SELLER,
        ALWAYS_ACCEPTED => baseline::APPLICATION,
        client => application_user(org, call, client)?,
    };
    let wanted = |name: &str| call.header(name).and_then(|id| Uuid::parse_str(id.trim()).ok());
    let by_object = wanted("callerobjectid").map(|id| ("azureactivedirectoryobjectid", id));
    let by_user = wanted("mscrmcallerid").map(|id| ("systemuserid", id));
    let Some((column, id)) = by_object.or(by_user) else { return Ok((initiator, initiator)) };
    let user = org.store.rows("systemuser").find(|row| row.get(column).as_id() == Some(id)).map(|row| row.id);
    user.map(|user| (user, initiator)).ok_or_else(|| missing("systemuser", id))
}

/// The application user of a client; made on its first call, unless a switch forbids it.
fn application_user(org: &mut Org, call: &Call, client: &str) -> Outcome<Uuid> {
    let application = Uuid::parse_str(client).unwrap_or_else(|_| fixed_id("client", client));
    let known = org
        .store
        .rows("systemuser")
        .find(|row| row.get("applicationid").as_id() == Some(application))
        .map(|row| row.id);
    if let Some(user) = known {
        return Ok(user);
    }
    if org.switches.unknown_clients_refused {
        return Err(Refusal::new(403, "0x80072560", "The user is not a member of the organization."));
    }
    let user = fixed_id("application-user", client);
    let now = Cell::Instant(whole_second(call.now));
    baseline::add_user(org, &now, user, "#", client, Some(application));
    org.store.commit();
    Ok(user)
}

fn into_response(answer: Answer, correlation: Uuid) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = status;
    let request_id = correlation.to_string();
    let fixed = [
        ("odata-version", "4.0"),
        ("x-ms-service-request-id", request_id.as_str()),
        ("req_id", request_id.as_str()),
        ("x-ms-ratelimit-burst-remaining-xrm-requests", "5999"),
        ("x-ms-ratelimit-time-remaining-xrm-requests", "1199.00"),
    ];
    let headers = response.headers_mut();
    for (name, value) in
        fixed.into_iter().chain(answer.headers.iter().map(|(name, value)| (*name, value.as_str())))
    {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    response
}
