//! The HTTP side: who calls, limits, headers; and sign-in.

use super::{
    Salesforce, dispatch,
    errors::{Refusal, not_found},
    limits, oauth,
    org::{API_PATH, Answer, Call},
    outbound, soap,
};
use crate::core::lock;
use axum::{
    Json, Router,
    body::{Body, to_bytes},
    extract::{Path, Request, State},
    response::{IntoResponse, Response},
    routing::{any, get, post},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use serde_json::{Value, json};
use std::sync::Arc;

/// The oldest version that still answers; older ones are retired.
const VERSION_MIN: u16 = 31;
/// The newest version.
pub(crate) const VERSION_MAX: u16 = 68;
/// Longest URI, and longest URI with headers, in bytes.
const URI_BYTES_MAX: usize = 16_384;

/// How Salesforce words the errors that the core answers for it.
pub(super) struct Dialect;

impl crate::core::Dialect for Dialect {
    fn error_body(
        &self,
        path: &str,
        status: StatusCode,
        message: &str,
        _retry_after_s: Option<u64>,
    ) -> Value {
        if path.starts_with("/services/oauth2/") {
            return json!({ "error": "server_error", "error_description": message });
        }
        let (code, message) = match status {
            StatusCode::UNAUTHORIZED => ("INVALID_SESSION_ID", "Session expired or invalid"),
            StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS => {
                ("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
            }
            StatusCode::SERVICE_UNAVAILABLE => ("SERVER_UNAVAILABLE", "Service is unavailable"),
            _ => ("UNKNOWN_EXCEPTION", message),
        };
        Refusal::new(status.as_u16(), code, message).body()
    }
}

/// The routes of the APIs and of sign-in.
pub(super) fn router(salesforce: &Arc<Salesforce>) -> Router {
    Router::new()
        .route("/services/data", get(versions))
        .route("/services/data/", get(versions))
        .route("/services/data/{*path}", any(api))
        .route("/services/oauth2/token", post(token))
        .route("/services/oauth2/revoke", any(revoke))
        .route("/services/oauth2/introspect", post(introspect))
        .route("/services/oauth2/userinfo", any(userinfo))
        .route("/id/{organization}/{user}", any(identity))
        .route("/services/Soap/{*path}", post(soap))
        .with_state(Arc::clone(salesforce))
}

/// `GET /services/data`: the versions, to anybody.
async fn versions() -> Response {
    let versions: Vec<Value> = (VERSION_MIN..=VERSION_MAX)
        .map(|version| {
            json!({
                "label": release(version), "url": format!("{API_PATH}v{version}.0"),
                "version": format!("{version}.0"),
            })
        })
        .collect();
    Json(versions).into_response()
}

/// The name of the release that brought a version: three a year, 31.0 in the summer of 2014.
fn release(version: u16) -> String {
    let since = version.saturating_sub(VERSION_MIN);
    let season = match since % 3 {
        0 => "Summer",
        1 => "Winter",
        _ => "Spring",
    };
    format!("{season} '{}", 14 + since.div_ceil(3))
}

async fn api(State(salesforce): State<Arc<Salesforce>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    if let Some(refusal) = too_long(&parts.uri, &parts.headers) {
        return into_response(Answer::refusal(&refusal));
    }
    let Ok(body) = to_bytes(body, crate::core::BODY_BYTES_MAX).await else {
        return salesforce.core.error(parts.uri.path(), StatusCode::PAYLOAD_TOO_LARGE, "the body broke off");
    };
    let token = oauth::bearer(&parts.headers).map(str::to_owned);
    let answer = salesforce.transact(token.as_deref(), |user, now| {
        let (path, version) = address(parts.uri.path())?;
        Ok(Call {
            method: parts.method,
            path,
            version,
            query: pairs(parts.uri.query().unwrap_or_default()),
            headers: parts.headers,
            body,
            user,
            now,
        })
    });
    into_response(answer)
}

fn too_long(uri: &Uri, headers: &HeaderMap) -> Option<Refusal> {
    let uri_bytes = uri.path_and_query().map_or(0, |target| target.as_str().len());
    let header_bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if uri_bytes > URI_BYTES_MAX {
        return Some(Refusal::new(414, "URI_TOO_LONG", "The URI is longer than 16384 bytes"));
    }
    (uri_bytes + header_bytes > URI_BYTES_MAX)
        .then(|| Refusal::new(431, "HEADERS_TOO_LONG", "URI and headers are longer than 16384 bytes"))
}

/// The segments after the version, decoded, and the version.
pub(crate) fn address(path: &str) -> Result<(Vec<String>, u16), Refusal> {
    let rest = path.strip_prefix(API_PATH).ok_or_else(not_found)?;
    let mut segments = rest.split('/').filter(|segment| !segment.is_empty()).map(decoded);
    let version = segments.next().unwrap_or_default();
    let number = version.strip_prefix('v').and_then(|number| number.strip_suffix(".0"));
    let number: u16 = number.and_then(|number| number.parse().ok()).ok_or_else(not_found)?;
    match number {
        VERSION_MIN..=VERSION_MAX => Ok((segments.collect(), number)),
        0..VERSION_MIN => {
            let message = format!("The API version {version} is retired");
            Err(Refusal::new(410, "UNSUPPORTED_API_VERSION", message))
        }
        _ => Err(not_found()),
    }
}

/// A segment without its percent signs; a plus stays a plus.
fn decoded(segment: &str) -> String {
    let plus_kept = segment.replace('+', "%2B");
    url::form_urlencoded::parse(format!("v={plus_kept}").as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

/// Names and values of a query; `+` and `%20` are both a space.
pub(crate) fn pairs(query: &str) -> Vec<(String, String)> {
    url::form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

impl Salesforce {
    /// Runs one request as a transaction: whose token it is, whether it may call, and what it does.
    fn transact(
        self: &Arc<Self>,
        token: Option<&str>,
        read: impl FnOnce(super::record_id::RecordId, jiff::Timestamp) -> Result<Call, Refusal>,
    ) -> Answer {
        let now = self.core.clock.now();
        let mut org = lock(&self.org);
        let Some(user) = token.and_then(|token| oauth::user(self, &org, token)) else {
            let refusal = Refusal::new(401, "INVALID_SESSION_ID", "Session expired or invalid");
            return Answer::refusal(&refusal).with("WWW-Authenticate", "Token");
        };
        let admitted = limits::admit(&mut org, now).and_then(|()| read(user, now));
        let answer = match admitted {
            Ok(call) => dispatch::answer(&mut org, &call),
            Err(refusal) => Answer::refusal(&refusal),
        };
        let messages = org.commit();
        let answer = answer.with("Sforce-Limit-Info", limits::info(&org));
        drop(org);
        outbound::send(self, messages);
        answer
    }
}

/// Scheme and host as the client sees them: links must lead back the way it came.
fn origin(salesforce: &Salesforce, headers: &HeaderMap) -> String {
    crate::core::server::origin(headers).unwrap_or_else(|| salesforce.base_url())
}

async fn soap(
    State(salesforce): State<Arc<Salesforce>>,
    Path(path): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    soap::answer(&salesforce, &path, &body, &origin(&salesforce, &headers))
}

async fn token(State(salesforce): State<Arc<Salesforce>>, headers: HeaderMap, body: Bytes) -> Response {
    let origin = origin(&salesforce, &headers);
    let answer = match oauth::token(&salesforce, &headers, &body, &origin) {
        Ok(body) => (StatusCode::OK, body),
        Err(refused) => {
            let body = json!({ "error": refused.error, "error_description": refused.description });
            (StatusCode::BAD_REQUEST, body)
        }
    };
    let mut response = (answer.0, Json(answer.1)).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn revoke(State(salesforce): State<Arc<Salesforce>>, uri: Uri, body: Bytes) -> Response {
    let form = pairs(std::str::from_utf8(&body).unwrap_or_default());
    let given = pairs(uri.query().unwrap_or_default()).into_iter().chain(form);
    let token =
        given.into_iter().find(|(name, _)| name == "token").map(|(_, token)| token).unwrap_or_default();
    if salesforce.core.tokens.revoke(&token) {
        return StatusCode::OK.into_response();
    }
    let body =
        json!({ "error": "invalid_token", "error_description": "invalid token: the token is unknown" });
    (StatusCode::BAD_REQUEST, Json(body)).into_response()
}

async fn introspect(State(salesforce): State<Arc<Salesforce>>, headers: HeaderMap, body: Bytes) -> Response {
    Json(oauth::introspect(&salesforce, &body, &origin(&salesforce, &headers))).into_response()
}

async fn userinfo(State(salesforce): State<Arc<Salesforce>>, uri: Uri, headers: HeaderMap) -> Response {
    about_user(&salesforce, &uri, &headers, oauth::userinfo)
}

async fn identity(
    State(salesforce): State<Arc<Salesforce>>,
    Path((_, _)): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    about_user(&salesforce, &uri, &headers, oauth::identity)
}

/// What a token's user is told about themselves. The token may come in the query, as older clients send it.
fn about_user(
    salesforce: &Salesforce,
    uri: &Uri,
    headers: &HeaderMap,
    tell: fn(&super::org::Org, super::record_id::RecordId, &str) -> Value,
) -> Response {
    let query = pairs(uri.query().unwrap_or_default());
    let from_query = query.iter().find(|(name, _)| name == "oauth_token").map(|(_, token)| token.as_str());
    let Some(token) = oauth::bearer(headers).or(from_query) else {
        return (StatusCode::FORBIDDEN, "Missing_OAuth_Token").into_response();
    };
    let org = lock(&salesforce.org);
    match oauth::user(salesforce, &org, token) {
        Some(user) => Json(tell(&org, user, &origin(salesforce, headers))).into_response(),
        None => (StatusCode::FORBIDDEN, "Bad_OAuth_Token").into_response(),
    }
}

fn into_response(answer: Answer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = match answer.body {
        Some(body) => {
            let mut response = Response::new(Body::from(body.to_string()));
            let json = HeaderValue::from_static("application/json;charset=UTF-8");
            response.headers_mut().insert(header::CONTENT_TYPE, json);
            response
        }
        None => Response::new(Body::empty()),
    };
    *response.status_mut() = status;
    for (name, value) in &answer.headers {
        if let (Ok(name), Ok(value)) = (http::HeaderName::try_from(*name), HeaderValue::from_str(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
