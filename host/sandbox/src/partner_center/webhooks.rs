//! Webhooks: the registration API, the events, and their signed delivery.
//!
//! One registration a tenant. Whether POST on an existing registration is refused is not documented; here it is a
//! 409, and PUT replaces. Which answers of a receiver count as success is not documented; here it is any 2xx.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router, body::Bytes};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::certificates::Flaw;
use super::problem::webhook_error;
use super::settings::{Case, RelatedEventId};
use super::store::Change;
use super::{PartnerCenter, WEBHOOKS_AUDIENCE};
use crate::core::clock::{later, seven_digits};
use crate::core::lock;
use crate::core::outbound::{Delivery, Outcome};

/// Events that may be registered: those about referrals, the test event, and some of other parts of Partner Center.
pub(super) const EVENTS: &[&str] = &[
    "test-created",
    "referral-created",
    "referral-updated",
    "related-referral-created",
    "related-referral-updated",
    "subscription-updated",
    "usagerecords-thresholdExceeded",
    "invoice-ready",
    "granular-admin-relationship-created",
    "granular-admin-relationship-approved",
];
/// Validation requests a minute (docs).
const VALIDATIONS_PER_MINUTE: usize = 2;
/// How long the outcome of a validation can be read (docs: 7 days).
const VALIDATION_KEPT: Duration = Duration::from_hours(7 * 24);

/// Registration and validations of the tenant.
#[derive(Default)]
pub(super) struct Webhooks {
    registration: Option<Registration>,
    validations: VecDeque<Validation>,
}

#[derive(Clone, Debug)]
struct Registration {
    subscriber_id: String,
    url: String,
    events: Vec<String>,
    in_ms_header: bool,
    modified: Timestamp,
}

struct Validation {
    correlation_id: String,
    delivery: u64,
    callback_url: String,
    at: Timestamp,
}

/// The body of POST and PUT; live clients spell it either way.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RegistrationRequest {
    #[serde(alias = "WebhookUrl")]
    webhook_url: String,
    #[serde(alias = "WebhookEvents")]
    webhook_events: Vec<String>,
    #[serde(default, alias = "SignatureTokenToMsSignatureHeader")]
    signature_token_to_ms_signature_header: bool,
}

/// The five members of an event, in the documented order.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct PascalEvent<'a> {
    event_name: &'a str,
    resource_uri: &'a str,
    resource_name: &'a str,
    audit_uri: Option<&'a str>,
    resource_change_utc_date: &'a str,
}

/// The same in camelCase.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CamelEvent<'a> {
    event_name: &'a str,
    resource_uri: &'a str,
    resource_name: &'a str,
    audit_uri: Option<&'a str>,
    resource_change_utc_date: &'a str,
}

/// The routes of the webhook API.
pub(super) fn router(center: &Arc<PartnerCenter>) -> Router {
    Router::new()
        .route("/webhooks/v1/registration", get(read).post(register).put(replace))
        .route("/webhooks/v1/registration/events", get(events))
        .route("/webhooks/v1/registration/validationEvents", post(validate))
        .route("/webhooks/v1/registration/validationEvents/{id}", get(validation))
        .route("/cert/{file}", get(certificate))
        .with_state(Arc::clone(center))
}

async fn certificate(State(center): State<Arc<PartnerCenter>>, Path(file): Path<String>) -> Response {
    match center.authority.certificate(&file) {
        Some(der) => ([(header::CONTENT_TYPE, "application/pkix-cert")], der.to_vec()).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn events(State(center): State<Arc<PartnerCenter>>, headers: HeaderMap) -> Response {
    center.webhook_call(&headers, || Json(EVENTS).into_response())
}

async fn read(State(center): State<Arc<PartnerCenter>>, headers: HeaderMap) -> Response {
    center.webhook_call(&headers, || match &lock(&center.webhooks).registration {
        Some(registration) => Json(center.shown(registration, false)).into_response(),
        None => webhook_error(StatusCode::NOT_FOUND, 404_001, "No webhook is registered for this partner."),
    })
}

async fn register(State(center): State<Arc<PartnerCenter>>, headers: HeaderMap, body: Bytes) -> Response {
    center.webhook_call(&headers, || center.save_registration(&body, true))
}

async fn replace(State(center): State<Arc<PartnerCenter>>, headers: HeaderMap, body: Bytes) -> Response {
    center.webhook_call(&headers, || center.save_registration(&body, false))
}

async fn validate(State(center): State<Arc<PartnerCenter>>, headers: HeaderMap) -> Response {
    center.webhook_call(&headers, || center.start_validation())
}

async fn validation(
    State(center): State<Arc<PartnerCenter>>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Response {
    center.webhook_call(&headers, || center.validation_result(&id))
}

impl PartnerCenter {
    /// Lets a caller of the webhook API in and adds the headers of this family of services.
    fn webhook_call(&self, headers: &HeaderMap, call: impl FnOnce() -> Response) -> Response {
        let mut response = match self.core.tokens.check(headers, WEBHOOKS_AUDIENCE) {
            Ok(_) => call(),
            Err(failure) => webhook_error(StatusCode::UNAUTHORIZED, 401, &failure.to_string()),
        };
        for name in ["ms-correlationid", "ms-requestid"] {
            let value = headers.get(name).cloned();
            let value = value.or_else(|| HeaderValue::from_str(&self.core.ids.guid().to_string()).ok());
            if let Some(value) = value {
                response.headers_mut().insert(HeaderName::from_static(name), value);
            }
        }
        response.headers_mut().insert("x-locale", HeaderValue::from_static("en-US"));
        response
    }

    fn save_registration(&self, body: &[u8], is_new: bool) -> Response {
        let bad = |description: &str| webhook_error(StatusCode::BAD_REQUEST, 400_001, description);
        let request: RegistrationRequest = match serde_json::from_slice(body) {
            Ok(request) => request,
            Err(error) => return bad(&format!("The registration cannot be read: {error}")),
        };
        let is_web = |url: &url::Url| matches!(url.scheme(), "http" | "https");
        if !url::Url::parse(&request.webhook_url).is_ok_and(|url| is_web(&url)) {
            return bad("WebhookUrl is not an absolute URL.");
        }
        if let Some(unknown) = request.webhook_events.iter().find(|name| !EVENTS.contains(&name.as_str())) {
            return bad(&format!("The event '{unknown}' is not known."));
        }
        let mut webhooks = lock(&self.webhooks);
        match (&webhooks.registration, is_new) {
            (Some(_), true) => {
                let description = "A webhook is registered already; use PUT to replace it.";
                return webhook_error(StatusCode::CONFLICT, 409_001, description);
            }
            (None, false) => {
                let description = "No webhook is registered for this partner.";
                return webhook_error(StatusCode::NOT_FOUND, 404_001, description);
            }
            _ => {}
        }
        let before = webhooks.registration.take().map(|registration| registration.subscriber_id);
        let registration = Registration {
            subscriber_id: before.unwrap_or_else(|| self.core.ids.guid().to_string()),
            url: request.webhook_url,
            events: request.webhook_events,
            in_ms_header: request.signature_token_to_ms_signature_header,
            modified: self.core.clock.now(),
        };
        let shown = self.shown(&registration, true);
        webhooks.registration = Some(registration);
        Json(shown).into_response()
    }

    fn shown(&self, registration: &Registration, with_subscriber: bool) -> Value {
        let mut shown = match self.settings().registration_case {
            Case::Pascal => json!({ "WebhookUrl": registration.url, "WebhookEvents": registration.events }),
            Case::Camel => json!({
                "webhookUrl": registration.url, "webhookEvents": registration.events,
                "lastModifiedTimestamp": seven_digits(registration.modified),
            }),
        };
        if with_subscriber {
            let name = match self.settings().registration_case {
                Case::Pascal => "SubscriberId",
                Case::Camel => "subscriberId",
            };
            shown[name] = json!(registration.subscriber_id);
        }
        shown
    }

    fn start_validation(&self) -> Response {
        let now = self.core.clock.now();
        {
            let webhooks = lock(&self.webhooks);
            let minute = Duration::from_secs(60);
            let recent =
                webhooks.validations.iter().filter(|validation| later(validation.at, minute) > now).count();
            if recent >= VALIDATIONS_PER_MINUTE {
                let message = "Rate limit is exceeded. Try again in 60 seconds.";
                let body = Json(json!({ "statusCode": 429, "message": message }));
                return (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "60")], body).into_response();
            }
        }
        let correlation_id = self.core.ids.guid().to_string();
        let resource =
            format!("{}/webhooks/v1/registration/test/{correlation_id}", self.config.resource_base);
        let Some((delivery, callback_url)) =
            self.send_event("test-created", &resource, "test", now, Flaw::None, false)
        else {
            let description = "The event test-created is not registered.";
            return webhook_error(StatusCode::BAD_REQUEST, 400_002, description);
        };
        let mut webhooks = lock(&self.webhooks);
        webhooks.validations.retain(|validation| later(validation.at, VALIDATION_KEPT) > now);
        let answer = json!({ "correlationId": correlation_id });
        webhooks.validations.push_back(Validation { correlation_id, delivery, callback_url, at: now });
        Json(answer).into_response()
    }

    fn validation_result(&self, correlation_id: &str) -> Response {
        let now = self.core.clock.now();
        let webhooks = lock(&self.webhooks);
        let found = webhooks.validations.iter().find(|validation| {
            validation.correlation_id == correlation_id && later(validation.at, VALIDATION_KEPT) > now
        });
        let record = found.and_then(|validation| self.core.outbound.record(validation.delivery));
        let (Some(validation), Some(record)) = (found, record) else {
            return webhook_error(StatusCode::NOT_FOUND, 404_002, "There is no such validation event.");
        };
        let results: Vec<Value> = record
            .attempts
            .iter()
            .map(|attempt| {
                json!({
                    "responseCode": attempt.status.map_or_else(String::new, response_code),
                    "responseMessage": attempt.failure.clone().unwrap_or_default(),
                    "systemError": attempt.failure.is_some(),
                    "dateTimeUtc": attempt.at,
                })
            })
            .collect();
        let status = if record.outcome == Outcome::Pending { "pending" } else { "completed" };
        Json(json!({
            "correlationId": correlation_id, "partnerId": self.config.organization_id, "status": status,
            "callbackUrl": validation.callback_url, "results": results,
        }))
        .into_response()
    }

    /// Tells the registered receiver of changes.
    pub(super) fn announce(&self, changes: &[Change]) {
        for change in changes {
            let is_own = change.organization_id == self.config.organization_id;
            let own_copy = lock(&self.store).copy_of(&change.engagement_id, &self.config.organization_id);
            // Nobody is told of deals that are none of theirs.
            let Some(own_copy) = own_copy else { continue };
            let name = match (is_own, change.is_new) {
                (true, true) => "referral-created",
                (true, false) => "referral-updated",
                (false, true) => "related-referral-created",
                (false, false) => "related-referral-updated",
            };
            let id = match self.settings().related_event_id {
                RelatedEventId::Own if !is_own => own_copy,
                _ => change.id,
            };
            let resource = format!("{}/engagements/v1/referrals/{id}", self.config.resource_base);
            let _ = self.send_event(name, &resource, "referral", change.at, Flaw::None, false);
        }
    }

    /// Queues one event if it is registered (or `unregistered_too`); returns the delivery and its receiver.
    pub(super) fn send_event(
        &self,
        name: &str,
        resource_uri: &str,
        resource_name: &str,
        at: Timestamp,
        flaw: Flaw,
        unregistered_too: bool,
    ) -> Option<(u64, String)> {
        let registration = lock(&self.webhooks).registration.clone()?;
        if !unregistered_too && !registration.events.iter().any(|event| event == name) {
            return None;
        }
        let body = self.event_body(name, resource_uri, resource_name, at)?;
        let headers = |flaw| self.signed_headers(&body, flaw, registration.in_ms_header);
        // Signing is the dearest part of a notification: the wrong one is made only when the switch is on.
        let falsify = self.core.outbound.switches().wrong_signature > 0;
        let delivery = Delivery {
            label: name.to_owned(),
            target: registration.url.clone(),
            headers: headers(flaw)?,
            falsified_headers: falsify.then(|| headers(Flaw::WrongSignature)).flatten(),
            policy: self.config.delivery.clone(),
            body: Bytes::from(body).into(),
            falsified_body: None,
        };
        Some((self.core.outbound.enqueue(delivery), registration.url))
    }

    /// Compact JSON: the documented Content-Length is that of the compact encoding.
    fn event_body(
        &self,
        event_name: &str,
        resource_uri: &str,
        resource_name: &str,
        at: Timestamp,
    ) -> Option<Vec<u8>> {
        let date = seven_digits(at).replace('Z', "+00:00");
        let (audit_uri, resource_change_utc_date) = (None, date.as_str());
        let body = match self.settings().event_case {
            Case::Pascal => serde_json::to_vec(&PascalEvent {
                event_name,
                resource_uri,
                resource_name,
                audit_uri,
                resource_change_utc_date,
            }),
            Case::Camel => serde_json::to_vec(&CamelEvent {
                event_name,
                resource_uri,
                resource_name,
                audit_uri,
                resource_change_utc_date,
            }),
        };
        body.ok()
    }
}

/// The status as .NET names it: `OK`, `BadRequest`.
fn response_code(status: u16) -> String {
    let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    reason.map_or_else(|| status.to_string(), |reason| reason.replace([' ', '-'], ""))
}
