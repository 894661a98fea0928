//! The referrals API: list, read, create, patch.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, RawQuery, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, body::Bytes};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::list::{Query, QueryError};
use super::problem::Problem;
use super::settings::{Role, Settings};
use super::store::{MICROSOFT, Organization, Store, set_status, text};
use super::{PartnerCenter, REFERRALS_AUDIENCE, create, patch};
use crate::core::clock::seven_digits;
use crate::core::{lock, not_simulated};

/// The routes of the referrals API.
pub(super) fn router(center: &Arc<PartnerCenter>) -> Router {
    Router::new()
        .route("/v1.0/engagements/referrals", get(list).post(create_one))
        // Where the documented next link points: it drops `/engagements`.
        .route("/v1.0/referrals", get(list))
        .route("/v1.0/engagements/referrals/{id}", get(read).patch(patch_one))
        .layer(from_fn_with_state(Arc::clone(center), identify))
        .with_state(Arc::clone(center))
}

/// Adds the headers that every answer of this API has.
async fn identify(State(center): State<Arc<PartnerCenter>>, request: Request, next: Next) -> Response {
    let echoed =
        ["client-request-id", "ms-correlationid"].map(|name| (name, request.headers().get(name).cloned()));
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in echoed {
        if let Some(value) = value {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    let stamps = [
        ("request-id", center.core.ids.guid().to_string()),
        ("timestamp", seven_digits(center.core.clock.now())),
    ];
    for (name, value) in stamps {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    response
}

async fn list(
    State(center): State<Arc<PartnerCenter>>,
    headers: HeaderMap,
    uri: Uri,
    RawQuery(query): RawQuery,
) -> Response {
    let settings = match center.admit(&headers) {
        Ok(settings) => settings,
        Err(refusal) => return refusal,
    };
    let query = match Query::parse(query.as_deref().unwrap_or_default()) {
        Ok(query) => query,
        Err(QueryError::Invalid(problem)) => return problem.into_response(),
        Err(QueryError::NotSimulated(what)) => return not_simulated(center.core.system, &what),
    };
    let with_others = settings.list_other_copies || query.mentions("engagementId");
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let store = lock(&center.store);
    let matching = store
        .listed(center.core.clock.now())
        .filter(|referral| with_others || center.owns(referral))
        .filter(|referral| center.sees(&store, &settings, referral))
        .filter(|referral| query.holds(referral))
        .collect();
    Json(query.page(matching, &settings, host, uri.path())).into_response()
}

async fn read(
    State(center): State<Arc<PartnerCenter>>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Response {
    let settings = match center.admit(&headers) {
        Ok(settings) => settings,
        Err(refusal) => return refusal,
    };
    let store = lock(&center.store);
    match center.find(&store, &settings, &id) {
        Ok((_, referral)) => with_etag(StatusCode::OK, referral),
        Err(problem) => problem.into_response(),
    }
}

async fn create_one(State(center): State<Arc<PartnerCenter>>, headers: HeaderMap, body: Bytes) -> Response {
    let settings = match center.admit(&headers) {
        Ok(settings) => settings,
        Err(refusal) => return refusal,
    };
    match center.create(&body, &settings) {
        Ok(referral) => with_etag(StatusCode::OK, &referral),
        Err(problem) => problem.into_response(),
    }
}

async fn patch_one(
    State(center): State<Arc<PartnerCenter>>,
    headers: HeaderMap,
    Path(id): Path<String>,
    body: Bytes,
) -> Response {
    let settings = match center.admit(&headers) {
        Ok(settings) => settings,
        Err(refusal) => return refusal,
    };
    let if_match = headers.get(header::IF_MATCH).and_then(|value| value.to_str().ok());
    match center.patch(&id, &body, if_match, &settings) {
        Ok(referral) if prefers_representation(&headers) => with_etag(StatusCode::OK, &referral),
        Ok(_) => (StatusCode::NO_CONTENT, [(header::CONTENT_LENGTH, "0")]).into_response(),
        Err(problem) => problem.into_response(),
    }
}

fn prefers_representation(headers: &HeaderMap) -> bool {
    let prefer = headers.get("prefer").and_then(|value| value.to_str().ok()).unwrap_or_default();
    prefer.split([',', ';']).any(|wish| wish.trim().eq_ignore_ascii_case("return=representation"))
}

fn with_etag(status: StatusCode, referral: &Value) -> Response {
    let mut response = (status, Json(referral)).into_response();
    if let Ok(etag) = HeaderValue::from_str(text(referral, "eTag")) {
        response.headers_mut().insert(header::ETAG, etag);
    }
    response
}

impl PartnerCenter {
    /// Lets a caller of the referrals API in, and expires what is due. Returns the settings as they stand.
    #[expect(clippy::result_large_err, reason = "the error is the answer itself, sent as it is")]
    fn admit(&self, headers: &HeaderMap) -> Result<Settings, Response> {
        let caller = self.core.tokens.check(headers, REFERRALS_AUDIENCE).map_err(|failure| {
            let mut response = Problem::unauthenticated(failure.to_string()).into_response();
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            response
        })?;
        let settings = self.settings();
        if !settings.mfa {
            let message = "insufficient_claims: the sign-in has no multi-factor authentication.";
            let mut response = Problem::denied(message).into_response();
            let challenge = HeaderValue::from_static("Bearer error=\"insufficient_claims\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
            return Err(response);
        }
        if caller.app_only && !settings.allow_app_only {
            let message = "Referrals need App+User authentication; this token is app-only.";
            return Err(Problem::denied(message).into_response());
        }
        if settings.role == Role::None {
            return Err(Problem::denied("The user has no referrals role.").into_response());
        }
        self.expire_due();
        Ok(settings)
    }

    /// Whether the copy belongs to the calling partner.
    pub(super) fn owns(&self, referral: &Value) -> bool {
        text(referral, "organizationId") == self.config.organization_id
    }

    /// Own copies, and others' copies of engagements in which there is an own copy that the caller may see.
    fn sees(&self, store: &Store, settings: &Settings, referral: &Value) -> bool {
        let own = if self.owns(referral) {
            Some(referral)
        } else {
            let own = store.copy_of(text(referral, "engagementId"), &self.config.organization_id);
            own.and_then(|id| store.get(id))
        };
        own.is_some_and(|own| settings.role == Role::Admin || is_on_team(own, &settings.user_email))
    }

    fn find<'a>(
        &self,
        store: &'a Store,
        settings: &Settings,
        id: &str,
    ) -> Result<(Uuid, &'a Value), Problem> {
        let guid = Uuid::try_parse(id).map_err(|_| Problem::not_found(id))?;
        match store.get(guid) {
            Some(referral) if self.sees(store, settings, referral) => Ok((guid, referral)),
            _ => Err(Problem::not_found(id)),
        }
    }

    fn create(&self, body: &[u8], settings: &Settings) -> Result<Value, Problem> {
        let body = create::parse(body, settings.strict_create)?;
        let invites_microsoft = create::invites_microsoft(&body);
        let mut store = lock(&self.store);
        let engagement = text(&body, "engagementId");
        if !engagement.is_empty() && store.copy_of(engagement, &self.config.organization_id).is_none() {
            let message = format!("The engagement '{engagement}' is not one of this organization's.");
            return Err(Problem::invalid("engagementId", message));
        }
        let mut members = create::stored_form(body);
        let own = self.organization();
        let owner = if invites_microsoft {
            invited(&mut members, &own);
            Organization { id: MICROSOFT.to_owned(), name: "Microsoft".to_owned() }
        } else {
            outgoing(&mut members);
            own
        };
        let lag = Duration::from_millis(settings.create_lag_ms);
        let (referral, change) = store.insert(members, &owner, self.core.clock.now(), lag, &self.core.ids);
        drop(store);
        if settings.own_writes_raise_events {
            self.announce(&[change]);
        }
        Ok(referral)
    }

    fn patch(
        &self,
        id: &str,
        body: &[u8],
        if_match: Option<&str>,
        settings: &Settings,
    ) -> Result<Value, Problem> {
        let mut store = lock(&self.store);
        let (guid, before) = self.find(&store, settings, id)?;
        if !self.owns(before) {
            return Err(Problem::denied("The referral belongs to another organization."));
        }
        if if_match.is_some_and(|etag| etag.trim() != "*" && etag.trim() != text(before, "eTag")) {
            return Err(Problem::stale());
        }
        let mut after = patch::apply(before, &patch::parse(body)?, settings)?;
        after["lastModifiedVia"] = json!("API");
        let (referral, change) = store
            .replace(guid, after, self.core.clock.now(), &self.core.ids)
            .ok_or_else(|| Problem::not_found(id))?;
        drop(store);
        if settings.own_writes_raise_events {
            self.announce(&[change]);
        }
        Ok(referral)
    }
}

fn is_on_team(referral: &Value, email: &str) -> bool {
    let team = referral.get("team").and_then(Value::as_array);
    team.is_some_and(|team| team.iter().any(|member| text(member, "email").eq_ignore_ascii_case(email)))
}

/// A deal of the caller's own: it counts as accepted at once (docs: the create sample sends New/Pending and gets
/// Active/Accepted back).
fn outgoing(members: &mut Map<String, Value>) {
    if !matches!(members.get("status").and_then(Value::as_str), Some("Closed")) {
        members.insert("status".into(), json!("Active"));
        members.insert("substatus".into(), json!("Accepted"));
    }
    // Docs and real payloads: a self-made Independent referral is shown as Incoming.
    let is_shared = members.get("type").and_then(Value::as_str) == Some("Shared");
    members.insert("direction".into(), json!(if is_shared { "Outgoing" } else { "Incoming" }));
    members.insert("createdVia".into(), json!("API"));
    members.insert("lastModifiedVia".into(), json!("API"));
}

/// Microsoft's copy of a deal to which the caller invites Microsoft: new, waiting for Microsoft's answer.
fn invited(members: &mut Map<String, Value>, by: &Organization) {
    // The partner's key stays on the partner's copy.
    members.insert("externalReferenceId".into(), Value::Null);
    members.insert("direction".into(), json!("Incoming"));
    let invite = members.entry("inviteContext").or_insert_with(|| json!({}));
    invite["invitedBy"] = json!({ "organizationId": by.id, "organizationName": by.name });
    let mut referral = Value::Object(std::mem::take(members));
    set_status(&mut referral, "New", "Pending");
    if let Value::Object(stored) = referral {
        *members = stored;
    }
}
