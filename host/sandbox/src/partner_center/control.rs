//! The `/_sandbox/partner-center` routes: what Microsoft and the portal's users do, and the settings.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, patch, post};
use axum::{Json, Router, body::Bytes};
use http::{StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::certificates::Flaw;
use super::settings::Settings;
use super::store::{Change, MICROSOFT, Organization, set_status, text};
use super::{PartnerCenter, create, samples};
use crate::core::control::{bad_request, read_body};
use crate::core::lock;

/// The control routes of Partner Center.
pub(super) fn router(center: &Arc<PartnerCenter>) -> Router {
    Router::new()
        .route("/_sandbox/ca.pem", get(root_certificate))
        .route("/_sandbox/partner-center/referrals", get(all).post(inbound))
        .route("/_sandbox/partner-center/referrals/{id}", patch(edit))
        .route("/_sandbox/partner-center/referrals/{id}/{answer}", post(answer))
        .route("/_sandbox/partner-center/events", post(raise))
        .route("/_sandbox/partner-center/sign", post(sign))
        .route("/_sandbox/partner-center/settings", get(settings).post(change_settings))
        .with_state(Arc::clone(center))
}

/// Why a control call could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// There is no referral with this id, whoever owns it.
    #[error("there is no referral `{0}`")]
    NoReferral(String),
    /// What was given is not understood.
    #[error("{0}")]
    Invalid(String),
}

impl IntoResponse for ControlError {
    fn into_response(self) -> Response {
        let mut response = bad_request(&self.to_string());
        if matches!(self, Self::NoReferral(_)) {
            *response.status_mut() = StatusCode::NOT_FOUND;
        }
        response
    }
}

/// What Microsoft, or the partner in the portal, answers to an invitation or makes of a deal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Active/Accepted; gives the deal its Microsoft CRM identifier.
    Accept,
    /// Closed/Declined.
    Decline,
    /// Closed/Expired, as 14 days without an answer would.
    Expire,
    /// Closed/Won.
    Win,
    /// Closed/Lost.
    Lose,
    /// Closed/Error, as the portal and the CSV upload know it.
    Fail,
}

async fn root_certificate(State(center): State<Arc<PartnerCenter>>) -> Response {
    ([(header::CONTENT_TYPE, "application/x-pem-file")], center.ca_pem().to_owned()).into_response()
}

async fn all(State(center): State<Arc<PartnerCenter>>) -> Response {
    Json(center.referrals()).into_response()
}

/// `{"sample": "co-sell", "changes": {…merge patch…}}`, or a referral as Microsoft would send it.
async fn inbound(State(center): State<Arc<PartnerCenter>>, body: Bytes) -> Response {
    let given: Value = match read_body(&body) {
        Ok(given) => given,
        Err(refusal) => return refusal,
    };
    let created = match given.get("sample").and_then(Value::as_str) {
        Some(name) => center.create_sample(name, given.get("changes").unwrap_or(&json!({}))),
        None => center.create_inbound(given),
    };
    created.map_or_else(IntoResponse::into_response, |referral| {
        (StatusCode::CREATED, Json(referral)).into_response()
    })
}

#[derive(Deserialize)]
struct EditOptions {
    /// Raise no event: the change is one that nobody announces.
    #[serde(default)]
    silent: bool,
}

async fn edit(
    State(center): State<Arc<PartnerCenter>>,
    Path(id): Path<String>,
    Query(options): Query<EditOptions>,
    body: Bytes,
) -> Response {
    let changes: Value = match read_body(&body) {
        Ok(changes) => changes,
        Err(refusal) => return refusal,
    };
    match center.edit(&id, &changes, options.silent) {
        Ok(referral) => Json(referral).into_response(),
        Err(error) => error.into_response(),
    }
}

async fn answer(
    State(center): State<Arc<PartnerCenter>>,
    Path((id, answer)): Path<(String, String)>,
) -> Response {
    let answer = match answer.as_str() {
        "accept" => Answer::Accept,
        "decline" => Answer::Decline,
        "expire" => Answer::Expire,
        "win" => Answer::Win,
        "lose" => Answer::Lose,
        "fail" => Answer::Fail,
        other => {
            return bad_request(&format!(
                "`{other}` is no answer; use accept, decline, expire, win, lose or fail"
            ));
        }
    };
    center
        .answer(&id, answer)
        .map_or_else(IntoResponse::into_response, |referral| Json(referral).into_response())
}

/// An event as it stands, registered or not, about anything.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RaisedEvent {
    event_name: String,
    resource_uri: String,
    #[serde(default = "referral")]
    resource_name: String,
    #[serde(default)]
    flaw: Flaw,
}

fn referral() -> String {
    "referral".to_owned()
}

async fn raise(State(center): State<Arc<PartnerCenter>>, body: Bytes) -> Response {
    let event: RaisedEvent = match read_body(&body) {
        Ok(event) => event,
        Err(refusal) => return refusal,
    };
    let now = center.core.clock.now();
    let RaisedEvent { event_name, resource_uri, resource_name, flaw } = &event;
    match center.send_event(event_name, resource_uri, resource_name, now, *flaw, true) {
        Some((delivery, _)) => (StatusCode::ACCEPTED, Json(json!({ "delivery": delivery }))).into_response(),
        None => bad_request("no webhook is registered"),
    }
}

#[derive(Deserialize)]
struct SignOptions {
    #[serde(default)]
    flaw: Flaw,
}

/// The headers that a delivery of the posted bytes would have.
async fn sign(
    State(center): State<Arc<PartnerCenter>>,
    Query(options): Query<SignOptions>,
    body: Bytes,
) -> Response {
    let headers = center.sign(&body, options.flaw);
    Json(headers.into_iter().map(|(name, value)| (name, value.into())).collect::<serde_json::Map<_, Value>>())
        .into_response()
}

async fn settings(State(center): State<Arc<PartnerCenter>>) -> Response {
    Json(center.settings()).into_response()
}

async fn change_settings(State(center): State<Arc<PartnerCenter>>, body: Bytes) -> Response {
    let changes: Value = match read_body(&body) {
        Ok(changes) => changes,
        Err(refusal) => return refusal,
    };
    let merged = serde_json::to_value(center.settings()).and_then(|mut settings| {
        merge(&mut settings, &changes);
        serde_json::from_value::<Settings>(settings)
    });
    match merged {
        Ok(settings) => {
            center.set_settings(settings.clone());
            Json(settings).into_response()
        }
        Err(error) => bad_request(&format!("the settings cannot be read: {error}")),
    }
}

impl PartnerCenter {
    /// Every referral of every organisation, as stored.
    #[must_use]
    pub fn referrals(&self) -> Vec<Value> {
        lock(&self.store).listed(jiff::Timestamp::MAX).cloned().collect()
    }

    /// Creates a referral that Microsoft sends to the partner, from a named sample with a JSON merge patch over it.
    ///
    /// # Errors
    /// When there is no such sample.
    pub fn create_sample(&self, name: &str, changes: &Value) -> Result<Value, ControlError> {
        let mut referral = samples::named(name).ok_or_else(|| {
            ControlError::Invalid(format!(
                "there is no sample `{name}`; there are {}",
                samples::NAMES.join(", ")
            ))
        })?;
        merge(&mut referral, changes);
        self.create_inbound(referral)
    }

    /// Creates a referral that Microsoft sends to the partner: Incoming, New/Pending unless told otherwise. A
    /// `Shared` one has Microsoft's copy beside it. Raises the events of both.
    ///
    /// # Errors
    /// When `referral` is no object.
    pub fn create_inbound(&self, referral: Value) -> Result<Value, ControlError> {
        if !referral.is_object() {
            return Err(ControlError::Invalid("a referral must be a JSON object".to_owned()));
        }
        let is_shared = text(&referral, "type") == "Shared";
        let given_status = (text(&referral, "status").to_owned(), text(&referral, "substatus").to_owned());
        let source =
            ["callToAction", "referralSource", "tags"].map(|name| (name, referral.get(name).cloned()));
        let mut members = create::stored_form(referral);
        // These are Microsoft's to set, and here it is Microsoft that creates.
        for (name, value) in source {
            if let Some(value) = value {
                members.insert(name.to_owned(), value);
            }
        }
        let mut own = Value::Object(members);
        own["direction"] = json!("Incoming");
        own["inviteContext"]["invitedBy"] =
            json!({ "organizationId": MICROSOFT, "organizationName": "Microsoft" });
        if given_status.0.is_empty() || given_status.1.is_empty() {
            set_status(&mut own, "New", "Pending");
        }
        let (referral, changes) = self.store_inbound(own, is_shared);
        self.announce(&changes);
        Ok(referral)
    }

    fn store_inbound(&self, own: Value, is_shared: bool) -> (Value, Vec<Change>) {
        let now = self.core.clock.now();
        let mut store = lock(&self.store);
        let mut insert = |referral: Value, owner: &Organization| {
            let members = match referral {
                Value::Object(members) => members,
                _ => serde_json::Map::new(),
            };
            store.insert(members, owner, now, Duration::ZERO, &self.core.ids)
        };
        let (referral, change) = insert(own, &self.organization());
        let mut changes = vec![change];
        if is_shared {
            let mut theirs = referral.clone();
            theirs["direction"] = json!("Outgoing");
            theirs["externalReferenceId"] = Value::Null;
            theirs["expirationDateTime"] = Value::Null;
            set_status(&mut theirs, "Active", "Accepted");
            let microsoft = Organization { id: MICROSOFT.to_owned(), name: "Microsoft".to_owned() };
            changes.push(insert(theirs, &microsoft).1);
        }
        (referral, changes)
    }

    /// Edits any member of any copy with a JSON merge patch (RFC 7396), as the portal or Microsoft would: no rule of
    /// the API is checked. Raises the event unless `silent`.
    ///
    /// # Errors
    /// When there is no such referral.
    pub fn edit(&self, id: &str, changes: &Value, silent: bool) -> Result<Value, ControlError> {
        let (referral, change) = self.rewrite(id, |referral| {
            merge(referral, changes);
            referral["lastModifiedVia"] = json!("Portal");
        })?;
        if !silent {
            self.announce(&[change]);
        }
        Ok(referral)
    }

    /// Answers an invitation: on Microsoft's copy as Microsoft, on an own copy as the partner in the portal.
    ///
    /// # Errors
    /// When there is no such referral.
    pub fn answer(&self, id: &str, answer: Answer) -> Result<Value, ControlError> {
        let (status, substatus) = match answer {
            Answer::Accept => ("Active", "Accepted"),
            Answer::Decline => ("Closed", "Declined"),
            Answer::Expire => ("Closed", "Expired"),
            Answer::Win => ("Closed", "Won"),
            Answer::Lose => ("Closed", "Lost"),
            Answer::Fail => ("Closed", "Error"),
        };
        let msx_id = format!("7-{}", self.core.ids.hex(5).to_uppercase());
        let is_accepted = answer == Answer::Accept;
        let mut is_microsofts = false;
        let (referral, change) = self.rewrite(id, |referral| {
            is_microsofts = text(referral, "organizationId") == MICROSOFT;
            set_status(referral, status, substatus);
            if is_microsofts && is_accepted {
                referral["trackingInfo"]["microsoftMsxId"] = json!(msx_id);
            }
        })?;
        let mut changes = vec![change];
        // The identifier shows on the partner's copy too: that is where the connector reads it.
        let own = lock(&self.store).copy_of(text(&referral, "engagementId"), &self.config.organization_id);
        if let Some(own) = own.filter(|_| is_microsofts && is_accepted) {
            let (_, change) =
                self.rewrite(&own.to_string(), |own| own["trackingInfo"]["microsoftMsxId"] = json!(msx_id))?;
            changes.push(change);
        }
        self.announce(&changes);
        Ok(referral)
    }

    /// Changes one copy and stamps it.
    fn rewrite(&self, id: &str, change: impl FnOnce(&mut Value)) -> Result<(Value, Change), ControlError> {
        let unknown = || ControlError::NoReferral(id.to_owned());
        let guid = Uuid::try_parse(id).map_err(|_| unknown())?;
        let mut store = lock(&self.store);
        let mut referral = store.get(guid).cloned().ok_or_else(unknown)?;
        change(&mut referral);
        store.replace(guid, referral, self.core.clock.now(), &self.core.ids).ok_or_else(unknown)
    }
}

/// JSON merge patch (RFC 7396), except that null is kept as null: a referral's empty members are null, not absent.
fn merge(target: &mut Value, changes: &Value) {
    match (target, changes) {
        (Value::Object(target), Value::Object(changes)) => {
            for (name, change) in changes {
                merge(target.entry(name.clone()).or_insert(Value::Null), change);
            }
        }
        (target, changes) => *target = changes.clone(),
    }
}
