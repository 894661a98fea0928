//! What an administrator does in Set-up, and what a test wants to do by hand: `/_sandbox/salesforce`.

use super::{
    Salesforce, Switches,
    baseline::INTEGRATION_USER,
    errors::{Outcome, Refusal},
    merge,
    org::Org,
    outbound,
    record_id::RecordId,
    write::{self, Author},
};
use crate::core::{
    control::{bad_request, read_body},
    lock,
};
use axum::{
    Json, Router,
    extract::{Path, State},
    response::{IntoResponse, Response},
    routing::{delete, get, post},
};
use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// The routes.
pub(super) fn router(salesforce: &Arc<Salesforce>) -> Router {
    Router::new()
        .route("/_sandbox/salesforce/switches", get(read_switches).post(change_switches))
        .route("/_sandbox/salesforce/changes", get(changes))
        .route("/_sandbox/salesforce/outbound-messages", get(rules).post(add_rule))
        .route("/_sandbox/salesforce/outbound-messages/flush", post(flush))
        .route("/_sandbox/salesforce/outbound-messages/{id}", delete(remove_rule))
        .route("/_sandbox/salesforce/merge", post(merge_records))
        .route("/_sandbox/salesforce/undelete", post(undelete))
        .route("/_sandbox/salesforce/empty-recycle-bin", post(empty_recycle_bin))
        .with_state(Arc::clone(salesforce))
}

async fn read_switches(State(salesforce): State<Arc<Salesforce>>) -> Json<Switches> {
    Json(salesforce.switches())
}

/// Changes the switches that the body names and leaves the others.
async fn change_switches(State(salesforce): State<Arc<Salesforce>>, Json(changes): Json<Value>) -> Response {
    let merged = serde_json::to_value(salesforce.switches()).map(|mut all| {
        if let (Value::Object(all), Value::Object(changes)) = (&mut all, changes) {
            all.extend(changes);
        }
        all
    });
    match merged.and_then(serde_json::from_value::<Switches>) {
        Ok(switches) => {
            salesforce.set_switches(switches.clone());
            Json(switches).into_response()
        }
        Err(error) => bad_request(&error.to_string()),
    }
}

/// Every change of every record, as a change event's header would tell it.
async fn changes(State(salesforce): State<Arc<Salesforce>>) -> Response {
    Json(lock(&salesforce.org).changes.shown()).into_response()
}

async fn rules(State(salesforce): State<Arc<Salesforce>>) -> Response {
    Json(&lock(&salesforce.org).messages.rules).into_response()
}

async fn add_rule(State(salesforce): State<Arc<Salesforce>>, body: Bytes) -> Response {
    let rule = match read_body(&body) {
        Ok(rule) => rule,
        Err(refusal) => return refusal,
    };
    match outbound::add_rule(&mut lock(&salesforce.org), rule) {
        Ok(rule) => (StatusCode::CREATED, Json(rule)).into_response(),
        Err(refusal) => bad_request(&refusal.to_string()),
    }
}

async fn remove_rule(State(salesforce): State<Arc<Salesforce>>, Path(id): Path<String>) -> StatusCode {
    let mut org = lock(&salesforce.org);
    let before = org.messages.rules.len();
    org.messages.rules.retain(|rule| RecordId::parse(&rule.id) != RecordId::parse(&id));
    if org.messages.rules.len() < before { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND }
}

/// Sends what the switch `holdOutboundMessages` held back.
async fn flush(State(salesforce): State<Arc<Salesforce>>) -> StatusCode {
    let messages = outbound::flushed(&mut lock(&salesforce.org));
    outbound::send(&salesforce, messages);
    StatusCode::NO_CONTENT
}

/// `{"master", "duplicates"}`, and who does it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Merge {
    master: String,
    duplicates: Vec<String>,
}

async fn merge_records(State(salesforce): State<Arc<Salesforce>>, body: Bytes) -> Response {
    let wanted: Merge = match read_body(&body) {
        Ok(wanted) => wanted,
        Err(refusal) => return refusal,
    };
    by_hand(&salesforce, |org, author| {
        let master = id(&wanted.master)?;
        let losers = wanted.duplicates.iter().map(|text| id(text)).collect::<Outcome<Vec<_>>>()?;
        let moved = merge::merge(org, author, master, &losers)?;
        let moved: Vec<String> = moved.iter().map(RecordId::to_string).collect();
        Ok(json!({ "updatedRelatedIds": moved }))
    })
}

/// `{"id"}`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    id: String,
}

async fn undelete(State(salesforce): State<Arc<Salesforce>>, body: Bytes) -> Response {
    let wanted: Named = match read_body(&body) {
        Ok(wanted) => wanted,
        Err(refusal) => return refusal,
    };
    by_hand(&salesforce, |org, author| {
        let id = id(&wanted.id)?;
        let object = org.object_of(id).map(|object| object.name.clone()).unwrap_or_default();
        write::undelete(org, author, &object, id).map(|()| json!({}))
    })
}

/// Removes deleted records for good; the list of deletions keeps them.
async fn empty_recycle_bin(State(salesforce): State<Arc<Salesforce>>) -> StatusCode {
    let mut org = lock(&salesforce.org);
    let names: Vec<String> = org.objects.keys().cloned().collect();
    for name in names {
        let bin: Vec<RecordId> =
            org.store.rows(&name).filter(|row| row.is_deleted()).map(|row| row.id).collect();
        for id in bin {
            org.store.remove(&name, id);
        }
    }
    org.store.commit();
    StatusCode::NO_CONTENT
}

fn id(text: &str) -> Outcome<RecordId> {
    RecordId::parse(text).ok_or_else(|| Refusal::new(400, "MALFORMED_ID", format!("malformed id {text}")))
}

/// Does something as the integration user, as a transaction of its own.
fn by_hand(salesforce: &Arc<Salesforce>, act: impl FnOnce(&mut Org, &Author) -> Outcome<Value>) -> Response {
    let author = Author {
        user: INTEGRATION_USER,
        client: None,
        auto_assign: true,
        allow_duplicates: true,
        now: salesforce.core.clock.now(),
    };
    match salesforce.in_transaction(|org| act(org, &author)) {
        Ok(answer) => Json(answer).into_response(),
        Err(refusal) => bad_request(&refusal.to_string()),
    }
}
