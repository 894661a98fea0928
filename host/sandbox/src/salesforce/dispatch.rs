//! From a request to the resource that it names, each request a transaction.

use super::{
    collections, composite, describe,
    errors::{Outcome, method_not_allowed, not_found, not_simulated},
    limits,
    org::{API_PATH, Answer, Call, Org},
    query, replication, rows, tooling, tree,
};
use http::Method;
use serde_json::{Map, Value, json};

/// Answers a request. A refusal takes back what the request had written.
pub(crate) fn answer(org: &mut Org, call: &Call) -> Answer {
    let savepoint = org.store.savepoint();
    let changes = org.changes.pending();
    match route(org, call) {
        Ok(answer) => answer,
        Err(refusal) => {
            org.store.roll_back(savepoint);
            org.changes.roll_back(changes);
            Answer::refusal(&refusal)
        }
    }
}

/// Finds the resource and runs the request inside of the transaction that is open.
fn route(org: &mut Org, call: &Call) -> Outcome<Answer> {
    let segments: Vec<&str> = call.path.iter().map(String::as_str).collect();
    match segments.as_slice() {
        [] => get(call).map(|()| resources(call)),
        ["limits"] => get(call).map(|()| limits::show(org)),
        ["recent"] => get(call).map(|()| describe::recent(org, call)),
        ["query"] => get(call).and_then(|()| query::first(org, call, false, false)),
        ["queryAll"] => get(call).and_then(|()| query::first(org, call, true, false)),
        ["query" | "queryAll", locator] => get(call).and_then(|()| query::next(org, call, locator)),
        ["sobjects", rest @ ..] => sobjects(org, call, rest),
        ["composite", rest @ ..] => composites(org, call, rest),
        ["tooling", rest @ ..] => tooling::run(org, call, rest),
        [
            "search"
            | "parameterizedSearch"
            | "jobs"
            | "chatter"
            | "connect"
            | "analytics"
            | "actions"
            | "ui-api",
            ..,
        ] => Err(not_simulated(format!("the resource /{}", segments.join("/")))),
        _ => Err(not_found()),
    }
}

fn sobjects(org: &mut Org, call: &Call, segments: &[&str]) -> Outcome<Answer> {
    match (segments, &call.method) {
        ([], &Method::GET) => Ok(describe::all(org, call)),
        ([object], &Method::GET) => describe::one(org, call, object),
        ([object], &Method::POST) => rows::create(org, call, object),
        ([object, "describe"], &Method::GET) => describe::full(org, call, object),
        ([object, "updated"], &Method::GET) => replication::updated(org, call, object),
        ([object, "deleted"], &Method::GET) => replication::deleted(org, call, object),
        // A create with the id as the external id, as in an upsert.
        ([object, id], &Method::POST) if id.eq_ignore_ascii_case("Id") => rows::create(org, call, object),
        ([object, id], _) => rows::by_id(org, call, object, id),
        ([object, field, value], _) => rows::by_external_id(org, call, object, field, value),
        ([] | [_], method) => Err(method_not_allowed(method.as_str(), "HEAD,GET,POST")),
        _ => Err(not_found()),
    }
}

fn composites(org: &mut Org, call: &Call, segments: &[&str]) -> Outcome<Answer> {
    match (segments, &call.method) {
        ([], &Method::POST) => composite::run(org, call),
        (["batch"], &Method::POST) => composite::batch(org, call),
        (["sobjects", rest @ ..], _) => collections::run(org, call, rest),
        (["tree", object], _) => tree::run(org, call, object),
        ([] | ["batch"], method) => Err(method_not_allowed(method.as_str(), "POST")),
        _ => Err(not_found()),
    }
}

/// Refuses every method but those that read.
fn get(call: &Call) -> Outcome<()> {
    if call.method == Method::GET || call.method == Method::HEAD {
        return Ok(());
    }
    Err(method_not_allowed(call.method.as_str(), "HEAD,GET"))
}

/// `GET /services/data/v60.0`
fn resources(call: &Call) -> Answer {
    let names = ["sobjects", "query", "queryAll", "limits", "recent", "composite", "tooling"];
    let url = |name: &str| format!("{API_PATH}{}/{name}", call.version_text());
    let resources: Map<String, Value> =
        names.iter().map(|name| ((*name).to_owned(), json!(url(name)))).collect();
    Answer::json(200, Value::Object(resources))
}
