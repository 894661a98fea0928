//! Errors as the referrals API words them (docs: error codes), and as the webhook API does.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::{Value, json};

use crate::core::Dialect;

/// Longest `message` of an error, in characters (docs: error codes).
const MESSAGE_CHARS_MAX: usize = 1024;

/// One error of the referrals API.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    code: &'static str,
    target: String,
    message: String,
    inner_code: Option<&'static str>,
}

impl Problem {
    /// 400 `invalidRequest`: the request is wrong, and `target` names where.
    pub(super) fn invalid(target: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalidRequest", target, message)
    }

    /// 404 `itemNotFound`.
    pub(super) fn not_found(id: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "itemNotFound",
            "referral",
            format!("The referral '{id}' was not found."),
        )
    }

    /// 403 `accessDenied`.
    pub(super) fn denied(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "accessDenied", "referral", message)
    }

    /// 401 `unauthenticated`.
    pub(super) fn unauthenticated(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", "referral", message)
    }

    /// 412 `preconditionFailed` with `resourceModified` inside: the etag is not the current one.
    pub(super) fn stale() -> Self {
        Self {
            inner_code: Some("resourceModified"),
            ..Self::new(
                StatusCode::PRECONDITION_FAILED,
                "preconditionFailed",
                "referral",
                "The resource has been modified since it was read: If-Match is not its current eTag.",
            )
        }
    }

    /// An error with a status of its own.
    pub(super) fn new(
        status: StatusCode,
        code: &'static str,
        target: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        let message = message.into().chars().take(MESSAGE_CHARS_MAX).collect();
        Self { status, code, target: target.into(), message, inner_code: None }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let inner = self.inner_code.unwrap_or(self.code);
        let body = json!({ "error": {
            "code": self.code, "message": self.message, "target": self.target,
            "innerError": { "code": inner, "message": self.message },
        } });
        (self.status, Json(body)).into_response()
    }
}

/// An error of the webhook API, whose family of services has its own body.
pub(super) fn webhook_error(status: StatusCode, code: u32, description: &str) -> Response {
    (status, Json(webhook_body(code, description))).into_response()
}

fn webhook_body(code: u32, description: &str) -> Value {
    json!({ "code": code, "description": description, "data": [], "source": "PartnerCenterWebhooks" })
}

/// How fault switches and other errors of the core are worded.
pub(super) struct PartnerCenterDialect;

impl Dialect for PartnerCenterDialect {
    fn error_body(&self, path: &str, status: StatusCode, message: &str, _retry_after: Option<u64>) -> Value {
        // Docs: API throttling guidance. All services of the family answer 429 this way.
        if status == StatusCode::TOO_MANY_REQUESTS {
            return json!({ "statusCode": 429, "message": message });
        }
        if path.starts_with("/webhooks/") {
            return webhook_body(u32::from(status.as_u16()), message);
        }
        let code = match status {
            StatusCode::SERVICE_UNAVAILABLE => "serviceNotAvailable",
            StatusCode::UNAUTHORIZED => "unauthenticated",
            StatusCode::FORBIDDEN => "accessDenied",
            StatusCode::NOT_FOUND => "itemNotFound",
            StatusCode::PRECONDITION_FAILED => "preconditionFailed",
            status if status.is_client_error() => "invalidRequest",
            _ => "generalException",
        };
        json!({ "error": { "code": code, "message": message, "target": "referral" } })
    }
}
