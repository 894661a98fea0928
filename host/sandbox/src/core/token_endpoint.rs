//! The token endpoint of Entra ID, version 1 (`/{tenant}/oauth2/token`) and 2 (`/{tenant}/oauth2/v2.0/token`).
//!
//! Simulated: `client_credentials`, `refresh_token` (every use gives a new refresh token), and `password`, which is
//! refused with the words that ask for multi-factor authentication. Other grants are answered with
//! `unsupported_grant_type`, naming them. There is no sign-in page: the refresh token `sandbox` stands for a person
//! who signed in with MFA once.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};

use super::Core;
use super::auth::Caller;
use super::clock::seven_digits;

/// Which of the two endpoints was called; they spell the same things differently.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    V1,
    V2,
}

/// Routes of the token endpoint and of its OpenID configuration.
pub(super) fn router(core: &Arc<Core>) -> Router {
    Router::new()
        .route("/{tenant}/oauth2/token", post(token_v1))
        .route("/{tenant}/oauth2/v2.0/token", post(token_v2))
        .route("/{tenant}/v2.0/.well-known/openid-configuration", get(openid_configuration))
        .with_state(Arc::clone(core))
}

async fn token_v1(State(core): State<Arc<Core>>, headers: HeaderMap, body: Bytes) -> Response {
    token(&core, Version::V1, &headers, &body)
}

async fn token_v2(State(core): State<Arc<Core>>, headers: HeaderMap, body: Bytes) -> Response {
    token(&core, Version::V2, &headers, &body)
}

async fn openid_configuration(Path(tenant): Path<String>, headers: HeaderMap) -> Response {
    let origin = super::server::origin(&headers).unwrap_or_else(|| "http://127.0.0.1".to_owned());
    let base = format!("{origin}/{tenant}");
    Json(json!({
        "issuer": format!("{base}/v2.0"),
        "token_endpoint": format!("{base}/oauth2/v2.0/token"),
        "authorization_endpoint": format!("{base}/oauth2/v2.0/authorize"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        "grant_types_supported": ["client_credentials", "refresh_token"],
    }))
    .into_response()
}

/// One refusal in Entra's words.
struct Refusal {
    status: StatusCode,
    error: &'static str,
    number: u32,
    description: String,
}

impl Refusal {
    fn new(error: &'static str, number: u32, description: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, error, number, description: description.into() }
    }
}

fn token(core: &Core, version: Version, headers: &HeaderMap, body: &[u8]) -> Response {
    let mut form: HashMap<String, String> = url::form_urlencoded::parse(body).into_owned().collect();
    add_basic_credentials(headers, &mut form);
    let answer = match granted(core, version, &form) {
        Ok(body) => (StatusCode::OK, body),
        Err(refusal) => (refusal.status, refusal_body(core, &refusal)),
    };
    let mut response = (answer.0, Json(answer.1)).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, http::HeaderValue::from_static("no-store"));
    response
}

/// Client id and secret may come as HTTP Basic instead of in the form.
fn add_basic_credentials(headers: &HeaderMap, form: &mut HashMap<String, String>) {
    let basic = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Basic "))
        .and_then(|value| STANDARD.decode(value).ok())
        .and_then(|value| String::from_utf8(value).ok());
    if let Some((id, secret)) = basic.as_deref().and_then(|pair| pair.split_once(':')) {
        form.entry("client_id".into()).or_insert_with(|| id.to_owned());
        form.entry("client_secret".into()).or_insert_with(|| secret.to_owned());
    }
}

fn granted(core: &Core, version: Version, form: &HashMap<String, String>) -> Result<Value, Refusal> {
    let field = |name: &str| form.get(name).map(String::as_str).filter(|value| !value.is_empty());
    let client_id = field("client_id").ok_or_else(|| {
        Refusal::new(
            "invalid_request",
            900_144,
            "The request body must contain the following parameter: 'client_id'.",
        )
    })?;
    if core.tokens.is_refused(client_id) {
        let description = format!("Invalid client secret provided for app '{client_id}'.");
        let refusal = Refusal::new("invalid_client", 7_000_215, description);
        return Err(Refusal { status: StatusCode::UNAUTHORIZED, ..refusal });
    }
    let audience = audience(core, version, form)?;
    match field("grant_type") {
        Some("client_credentials") => {
            if field("client_secret").is_none() && field("client_assertion").is_none() {
                let refusal = Refusal::new(
                    "invalid_client",
                    7_000_216,
                    "'client_assertion' or 'client_secret' is required for the 'client_credentials' grant type.",
                );
                return Err(Refusal { status: StatusCode::UNAUTHORIZED, ..refusal });
            }
            let caller = Caller { client_id: client_id.to_owned(), app_only: true };
            Ok(token_body(core, version, &audience, caller, false))
        }
        Some("refresh_token") => {
            let refresh = field("refresh_token").unwrap_or_default();
            if !core.tokens.redeem_refresh(refresh, client_id) {
                return Err(Refusal::new(
                    "invalid_grant",
                    70_008,
                    "The provided authorization code or refresh token has expired due to inactivity or was revoked. \
                     Send a new interactive authorization request for this user and resource.",
                ));
            }
            let caller = Caller { client_id: client_id.to_owned(), app_only: false };
            Ok(token_body(core, version, &audience, caller, true))
        }
        Some("password") => Err(Refusal::new(
            "invalid_grant",
            50_076,
            format!(
                "Due to a configuration change made by your administrator, or because you moved to a new location, \
                 you must use multi-factor authentication to access '{audience}'."
            ),
        )),
        other => Err(Refusal::new(
            "unsupported_grant_type",
            70_003,
            format!(
                "The sandbox does not simulate the grant type '{}'; it has client_credentials and refresh_token.",
                other.unwrap_or_default()
            ),
        )),
    }
}

/// The audience that the request asks for: `resource` in version 1, the scope that ends in `/.default` in version 2.
fn audience(core: &Core, version: Version, form: &HashMap<String, String>) -> Result<String, Refusal> {
    let (wanted, error) = match version {
        Version::V1 => (form.get("resource").cloned().unwrap_or_default(), "invalid_resource"),
        Version::V2 => {
            let scopes = form.get("scope").map(String::as_str).unwrap_or_default();
            let resource = scopes
                .split_whitespace()
                .filter(|scope| !matches!(*scope, "openid" | "offline_access" | "profile" | "email"))
                .find_map(|scope| scope.rsplit_once('/').map(|(resource, _)| resource.to_owned()));
            (resource.unwrap_or_default(), "invalid_scope")
        }
    };
    core.tokens.audience(&wanted).ok_or_else(|| {
        Refusal::new(
            error,
            500_011,
            format!(
                "The resource principal named '{wanted}' was not found in the tenant. This can happen if the \
                 application has not been installed by the administrator of the tenant."
            ),
        )
    })
}

fn token_body(core: &Core, version: Version, audience: &str, caller: Caller, with_refresh: bool) -> Value {
    let lifetime = core.tokens.lifetime_seconds();
    let refresh = with_refresh.then(|| core.tokens.issue_refresh(&caller.client_id));
    let access = core.tokens.issue(audience, caller);
    let mut body = match version {
        Version::V2 => json!({
            "token_type": "Bearer", "expires_in": lifetime, "ext_expires_in": lifetime, "access_token": access,
        }),
        // Version 1 writes its numbers as strings.
        Version::V1 => {
            let now = core.clock.now().as_second();
            let expires = now.saturating_add_unsigned(lifetime);
            json!({
                "token_type": "Bearer", "expires_in": lifetime.to_string(), "ext_expires_in": lifetime.to_string(),
                "not_before": now.to_string(), "expires_on": expires.to_string(), "resource": audience,
                "access_token": access,
            })
        }
    };
    if let (Some(refresh), Some(members)) = (refresh, body.as_object_mut()) {
        let scope = match version {
            Version::V1 => "user_impersonation".to_owned(),
            Version::V2 => format!("{audience}/user_impersonation"),
        };
        members.insert("refresh_token".into(), refresh.into());
        members.insert("scope".into(), scope.into());
    }
    body
}

fn refusal_body(core: &Core, refusal: &Refusal) -> Value {
    json!({
        "error": refusal.error,
        "error_description": format!("AADSTS{}: {}", refusal.number, refusal.description),
        "error_codes": [refusal.number],
        "timestamp": seven_digits(core.clock.now()),
        "trace_id": core.ids.guid(),
        "correlation_id": core.ids.guid(),
    })
}
