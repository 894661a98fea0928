//! From a request to the operation that it names, each request a transaction.

use super::{
    actions, batch, body, bulk,
    cell::Cell,
    conditions::Conditions,
    crud, edmx,
    errors::{Outcome, method_not_allowed, no_such_segment, not_simulated, payload},
    metadata,
    odata::{
        options,
        url::{Segment, segments},
    },
    org::{Address, Answer, Call, Org},
    qualify, query, relations, values,
};
use http::Method;
use serde_json::json;

/// Answers a request. A refusal takes back what the request had written.
pub(crate) fn answer(org: &mut Org, call: &Call) -> Answer {
    let savepoint = org.store.savepoint();
    let events = org.events.len();
    match route(org, call) {
        Ok(answer) => answer,
        Err(refusal) => {
            org.store.roll_back(savepoint);
            org.events.truncate(events);
            Answer::refusal(&refusal, &call.prefer)
        }
    }
}

/// Finds the operation and runs it inside of the transaction that is open.
pub(crate) fn route(org: &mut Org, call: &Call) -> Outcome<Answer> {
    let path = referenced(call);
    let segments = segments(&path, &options::pairs(&call.query))?;
    let Some((first, rest)) = segments.split_first() else {
        return Ok(service_document(org, call));
    };
    match first.name.as_str() {
        "$batch" if call.method == Method::POST => batch::run(org, call),
        "$batch" => Err(method_not_allowed(call.method.as_str(), "a batch is a POST")),
        "$metadata" if call.method == Method::GET && rest.is_empty() => Ok(edmx::answer(org)),
        "EntityDefinitions" => metadata::route(org, call, first, rest),
        "RelationshipDefinitions" => relations::route(org, call, first, rest),
        "GlobalOptionSetDefinitions" | "ManagedPropertyDefinitions" => {
            Err(not_simulated(format!("'{}'", first.name)))
        }
        name => match org.sets.get(name).cloned() {
            Some(logical) => in_table(org, call, &logical, first, rest),
            None if rest.is_empty() => actions::run(org, call, first),
            None => Err(no_such_segment(name)),
        },
    }
}

/// The path, where a request of a change set may begin with the `$1` of an earlier one.
fn referenced(call: &Call) -> String {
    let (first, rest) = call.path.split_once('/').unwrap_or((&call.path, ""));
    match call.references.get(first) {
        Some(url) => {
            let relative = url.split_once(super::org::API_PATH).map_or(url.as_str(), |(_, path)| path);
            format!("{relative}/{rest}")
        }
        None => call.path.clone(),
    }
}

fn service_document(org: &Org, call: &Call) -> Answer {
    let sets =
        org.tables.values().map(|table| json!({ "name": table.set, "kind": "EntitySet", "url": table.set }));
    Answer::json(
        200,
        &json!({ "@odata.context": format!("{}/$metadata", call.base), "value": sets.collect::<Vec<_>>() }),
    )
}

fn in_table(org: &mut Org, call: &Call, logical: &str, first: &Segment, rest: &[Segment]) -> Outcome<Answer> {
    let Some(key) = &first.key else {
        return match (rest, &call.method) {
            ([], &Method::GET) => query::many(org, call, logical),
            ([], &Method::POST) => crud::create_request(org, call, logical),
            ([], method) => Err(method_not_allowed(method.as_str(), "the URL names a collection, not a row")),
            ([count], &Method::GET) if count.name == "$count" => query::count(org, call, logical),
            ([action], &Method::POST) => bulk::run(org, call, logical, &action.name),
            _ => Err(no_such_segment(&first.name)),
        };
    };
    let address = org.address(org.table(logical)?, key)?;
    match (rest, &call.method) {
        ([], &Method::GET) => query::one(org, call, logical, &address),
        ([], &Method::PATCH) => crud::patch_request(org, call, logical, &address),
        ([], &Method::DELETE) => crud::delete_request(org, call, logical, &address),
        ([], method) => Err(method_not_allowed(method.as_str(), "a row takes GET, PATCH and DELETE")),
        ([action], &Method::POST) if action.name.starts_with("Microsoft.Dynamics.CRM.") => {
            bound(org, call, logical, &address, &action.name)
        }
        ([property], &Method::GET) => query::property(org, call, logical, &address, &property.name, false),
        ([property], &Method::PUT) => put_property(org, call, logical, &address, &property.name),
        ([property], &Method::DELETE) => clear_property(org, call, logical, &address, &property.name),
        ([property, last], &Method::GET) if last.name == "$value" => {
            query::property(org, call, logical, &address, &property.name, true)
        }
        ([property, last], _) if last.name == "$ref" => {
            reference(org, call, logical, &address, &property.name)
        }
        ([property, ..], _) => Err(no_such_segment(&property.name)),
    }
}

/// `POST /set(key)/Microsoft.Dynamics.CRM.…`: an action on one row.
fn bound(org: &mut Org, call: &Call, logical: &str, address: &Address, action: &str) -> Outcome<Answer> {
    match (logical, action.strip_prefix(metadata::NAMESPACE).unwrap_or(action)) {
        ("lead", "QualifyLead") => {
            let lead = org.at(org.table(logical)?, address)?;
            qualify::run(org, call, &lead)
        }
        (_, action) => Err(not_simulated(format!("the action '{action}' on a row of '{logical}'"))),
    }
}

/// `PUT /set(key)/column` with `{"value": …}`.
fn put_property(org: &mut Org, call: &Call, logical: &str, address: &Address, name: &str) -> Outcome<Answer> {
    let body = call.json_body()?;
    let value = body.get("value").ok_or_else(|| payload("the body must be {\"value\": …}"))?;
    let table = org.table(logical)?;
    let cell = values::read(table, body::plain_column(table, name)?, value)?;
    set_cell(org, call, logical, address, name, cell)
}

/// `DELETE /set(key)/column`.
fn clear_property(
    org: &mut Org,
    call: &Call,
    logical: &str,
    address: &Address,
    name: &str,
) -> Outcome<Answer> {
    let table = org.table(logical)?;
    if table.navigation(name).is_some() {
        return Err(method_not_allowed("DELETE", &format!("clear a lookup with DELETE …/{name}/$ref")));
    }
    body::plain_column(table, name)?;
    set_cell(org, call, logical, address, name, Cell::Null)
}

/// `GET`, `PUT` and `DELETE` of `/set(key)/lookup/$ref`.
fn reference(org: &mut Org, call: &Call, logical: &str, address: &Address, name: &str) -> Outcome<Answer> {
    let table = org.table(logical)?;
    let Some(navigation) = table.navigation(name).cloned() else {
        return Err(not_simulated(format!("$ref on '{name}', which is no lookup of '{logical}'")));
    };
    match call.method {
        Method::GET => match org.at(table, address)?.get(&navigation.column) {
            Cell::Reference { table, id } if table == navigation.target => {
                let set = &org.table(&table)?.set;
                let context = format!("{}/$metadata#$ref", call.base);
                let body =
                    json!({ "@odata.context": context, "@odata.id": format!("{}/{set}({id})", call.base) });
                Ok(Answer::json(200, &body))
            }
            _ => Ok(Answer::empty(204)),
        },
        Method::PUT => {
            let body = call.json_body()?;
            let target = body.get("@odata.id").and_then(|id| id.as_str());
            let (table, id) =
                org.reference(call, target.ok_or_else(|| payload("the body must be {\"@odata.id\": …}"))?)?;
            if table != navigation.target {
                return Err(payload(format!("'{name}' leads to '{}', not to '{table}'", navigation.target)));
            }
            set_cell(org, call, logical, address, &navigation.column, Cell::Reference { table, id })
        }
        Method::DELETE => set_cell(org, call, logical, address, &navigation.column, Cell::Null),
        ref method => Err(method_not_allowed(method.as_str(), "a lookup's $ref takes GET, PUT and DELETE")),
    }
}

fn set_cell(
    org: &mut Org,
    call: &Call,
    logical: &str,
    address: &Address,
    column: &str,
    cell: Cell,
) -> Outcome<Answer> {
    let conditions = Conditions::read(call)?;
    let table = org.table(logical)?.clone();
    let row = org.at(&table, address)?;
    conditions.check_match(&table, &row)?;
    if table.columns.get(column).is_some_and(|column| column.updatable) {
        let mut submitted = body::Submitted::default();
        submitted.set(column, cell);
        crud::update(org, call, &table, &row, submitted)?;
    }
    Ok(Answer::empty(204))
}
