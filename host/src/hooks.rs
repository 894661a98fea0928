//! The public side: `/hooks/{tenant}/partner-center`, `/hooks/{tenant}/dynamics`, `/hooks/{tenant}/salesforce`, and
//! nothing else.
//!
//! A request is verified, becomes rows in the journal, and is answered when all of them are on disk. What it says is
//! only a hint about which pairs to look at.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{Path, RawQuery, State},
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::post,
};
use crosswalk_engine::{pass::Subject, value::RecordKey};
use crosswalk_journal::{NewEvent, Source};
use futures::future;
use tracing::{error, info, warn};

use crate::{
    app::App,
    config::tenant::CrmOrganization,
    dispatch::Chain,
    intake::{
        Class, Refused, dynamics, partner_center,
        request::{BodyLimits, read_body},
        salesforce,
    },
    tenant::{Role, Tenant},
};

/// The whole public side.
pub(crate) fn router(app: Arc<App>) -> Router {
    let in_flight = app.config.limits.webhook_requests_in_flight_max;
    Router::new()
        .route("/hooks/{tenant}/partner-center", post(from_partner_center))
        .route("/hooks/{tenant}/dynamics", post(from_dynamics))
        .route("/hooks/{tenant}/salesforce", post(from_salesforce))
        .layer(tower::limit::ConcurrencyLimitLayer::new(in_flight))
        .with_state(app)
}

/// A webhook of Partner Center: signature, certificate, chain, subject, then one row.
async fn from_partner_center(
    State(app): State<Arc<App>>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let Some(tenant) = app.tenants.get(&tenant) else { return no_such_hook() };
    let notice = async {
        let bytes_max = app.config.webhooks.partner_center.body_bytes_max;
        let body =
            read_body(&headers, body, BodyLimits { bytes_max, ..app.config.limits.webhook_body() }).await?;
        app.verifier.verify(&headers, &body, app.now()).await?;
        partner_center::parse(&body)
    };
    let hint = match notice.await {
        Ok(partner_center::Notice::Hint(hint)) => hint,
        Ok(other) => {
            info!(tenant = %tenant.name, notice = ?other, "a webhook that is not about a referral was acknowledged");
            return StatusCode::OK.into_response();
        }
        Err(refused) => return refuse(&tenant, "partner-center", &refused).into_response(),
    };
    let event = NewEvent {
        tenant: tenant.name.clone(),
        subject: hint.subject(),
        dedupe: hint.dedupe_key,
        note: Some(hint.event),
        source: Source::WebhookPartnerCenter,
        received: app.now(),
    };
    answer(store(&app, vec![event]).await)
}

/// A webhook of Dataverse: the key, the organisation, then a row for each record to look at.
async fn from_dynamics(
    State(app): State<Arc<App>>,
    Path(tenant): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let Some(tenant) = app.tenants.get(&tenant) else { return no_such_hook() };
    if !matches!(tenant.document.crm(), Ok(CrmOrganization::Dynamics(_))) {
        return no_such_hook();
    }
    let notice = async {
        tenant.webhook_keys.check(&headers, query.as_deref())?;
        let body = read_body(&headers, body, app.config.limits.webhook_body()).await?;
        let notice = dynamics::parse(&body)?;
        let dynamics::Notice::Hint(hint) = notice else { return Ok((notice, Vec::new())) };
        hint.check_organization(tenant.organization())?;
        let events = about_dynamics(&app, &tenant, &hint, &body)?;
        Ok((dynamics::Notice::Hint(hint), events))
    };
    match notice.await {
        Ok((_, events)) if !events.is_empty() => answer(store(&app, events).await),
        Ok((other, _)) => {
            // A customer may register more than we asked for; what no plugin links is of no interest.
            info!(tenant = %tenant.name, notice = ?other, "a webhook that is not about a linked record was acknowledged");
            StatusCode::OK.into_response()
        }
        Err(refused) => refuse(&tenant, "dynamics", &refused).into_response(),
    }
}

/// The events that a hint of Dataverse becomes: one for a linked record; one for each parent of a row.
fn about_dynamics(
    app: &App,
    tenant: &Tenant,
    hint: &dynamics::Hint,
    body: &[u8],
) -> Result<Vec<NewEvent>, Refused> {
    let mut records = Vec::new();
    match tenant.role(app, &hint.record.entity) {
        Role::Linked => records.push(hint.record.clone()),
        Role::Rows(parents) => {
            for parent in parents {
                let ids = dynamics::references(body, &parent.lookup)?;
                records.extend(ids.into_iter().map(|id| RecordKey { entity: parent.entity.clone(), id }));
            }
            warn_of_orphan(tenant, &hint.record, records.is_empty());
        }
        Role::Unknown => {}
    }
    let event = |record: RecordKey| {
        let is_parent = record != hint.record;
        let dedupe = hint.dedupe_key.clone();
        let dedupe = dedupe.map(|key| if is_parent { format!("{key}/{}", record.id) } else { key });
        crm_event(app, tenant, record, dedupe, hint.message.clone())
    };
    Ok(records.into_iter().map(event).collect())
}

/// An Outbound Message of Salesforce: the key, the org, then a row for each notification, and only then `Ack`.
async fn from_salesforce(
    State(app): State<Arc<App>>,
    Path(tenant): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let Some(tenant) = app.tenants.get(&tenant) else { return no_such_hook() };
    let Ok(CrmOrganization::Salesforce(org)) = tenant.document.crm() else { return no_such_hook() };
    let message = async {
        tenant.webhook_keys.check(&headers, query.as_deref())?;
        let message = salesforce::parse(&read_body(&headers, body, app.config.limits.webhook_body()).await?)?;
        message.check_organization(&org.organization_id)?;
        Ok(message)
    };
    let message = match message.await {
        Ok(message) => message,
        Err(refused) => {
            let class = refuse(&tenant, "salesforce", &refused);
            return soap(class.status(), salesforce::fault(class));
        }
    };
    let notifications = message.notifications.iter();
    let events: Vec<NewEvent> = notifications
        .filter_map(|notification| about_salesforce(&app, &tenant, &message, notification))
        .collect();
    if events.len() < message.notifications.len() {
        let (told, stored) = (message.notifications.len(), events.len());
        info!(tenant = %tenant.name, told, stored, "some notifications are not about linked records");
    }
    match store(&app, events).await {
        Ok(()) => soap(StatusCode::OK, salesforce::acknowledgement(true)),
        // What is on disk already will be a duplicate when the whole message comes again.
        Err(_) => soap(StatusCode::SERVICE_UNAVAILABLE, salesforce::acknowledgement(false)),
    }
}

/// The event that a notification of Salesforce becomes, unless no plugin links such a record.
fn about_salesforce(
    app: &App,
    tenant: &Tenant,
    message: &salesforce::Message,
    notification: &salesforce::Notification,
) -> Option<NewEvent> {
    let record = match tenant.role(app, &notification.record.entity) {
        Role::Linked => Some(notification.record.clone()),
        Role::Rows(parents) => {
            let record = parents.into_iter().find_map(|parent| {
                let id = notification.reference(&parent.lookup)?.as_str().to_owned();
                Some(RecordKey { entity: parent.entity, id })
            });
            warn_of_orphan(tenant, &notification.record, record.is_none());
            record
        }
        Role::Unknown => None,
    };
    let note = format!("outbound message {}", message.action_id);
    Some(crm_event(app, tenant, record?, Some(notification.id.to_string()), note))
}

/// A row that does not say whose it is cannot be acted on, however often it is sent.
fn warn_of_orphan(tenant: &Tenant, row: &RecordKey, is_orphan: bool) {
    if is_orphan {
        warn!(
            tenant = %tenant.name, entity = %row.entity, id = %row.id,
            "a changed row does not say which record it belongs to, so the next poll finds the change; to have it at \
             once, select the parent's field in the outbound message, or give the webhook's step an image of the row"
        );
    }
}

fn crm_event(
    app: &App,
    tenant: &Tenant,
    record: RecordKey,
    dedupe: Option<String>,
    note: String,
) -> NewEvent {
    NewEvent {
        tenant: tenant.name.clone(),
        subject: Subject::Record(record),
        dedupe,
        note: Some(note),
        source: Source::WebhookCrm,
        received: app.now(),
    }
}

/// Stores all of them, in one transaction where the journal can. If one could not be stored, the sender is to send all
/// of them again: those that were stored are duplicates then.
async fn store(app: &App, events: Vec<NewEvent>) -> Result<(), crosswalk_journal::Error> {
    let stored = future::join_all(events.into_iter().map(|event| app.journal.accept(event))).await;
    for accepted in stored {
        match accepted {
            Ok(accepted) => info!(event = %accepted.id, duplicate = accepted.duplicate, "accepted"),
            Err(error) => {
                error!(error = %Chain(&error), "an event could not be stored, so its sender is asked to try again");
                return Err(error);
            }
        }
    }
    Ok(())
}

fn answer(stored: Result<(), crosswalk_journal::Error>) -> Response {
    match stored {
        Ok(()) => StatusCode::OK.into_response(),
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

fn soap(status: StatusCode, envelope: String) -> Response {
    (status, [(CONTENT_TYPE, salesforce::CONTENT_TYPE)], envelope).into_response()
}

/// The log gets the whole reason, the caller only its class.
fn refuse(tenant: &Tenant, hook: &'static str, refused: &Refused) -> Class {
    warn!(tenant = %tenant.name, hook, reason = %Chain(refused), "a webhook was refused; nothing was stored");
    refused.class()
}

fn no_such_hook() -> Response {
    StatusCode::NOT_FOUND.into_response()
}
