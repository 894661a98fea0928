//! `CreateMultiple`, `UpdateMultiple` and `UpsertMultiple`: many rows of one table, all or none.

use super::{
    conditions::Conditions,
    crud,
    errors::{Outcome, argument, not_simulated},
    odata::url::{Segment, segments},
    org::{API_PATH, Address, Answer, Call, Org},
    tables::Table,
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// The most rows in one request. The real limit is the request's size and time; the documentation advises 100 to
/// 1,000.
const TARGETS_MAX: usize = 1_000;

/// `POST /set/Microsoft.Dynamics.CRM.…Multiple`.
pub(crate) fn run(org: &mut Org, call: &Call, logical: &str, action: &str) -> Outcome<Answer> {
    let action = action.strip_prefix("Microsoft.Dynamics.CRM.").unwrap_or(action);
    if !matches!(action, "CreateMultiple" | "UpdateMultiple" | "UpsertMultiple") {
        return Err(not_simulated(format!("the action '{action}' on a collection")));
    }
    let table = org.table(logical)?.clone();
    let targets = targets(call, &table)?;
    let mut ids = Vec::with_capacity(targets.len());
    for target in &targets {
        if action == "CreateMultiple" {
            ids.push(crud::create(org, call, logical, target, None, 1)?.id);
            continue;
        }
        let address = address(org, &table, target)?;
        let must_exist = Conditions { match_any: action == "UpdateMultiple", ..Conditions::default() };
        crud::upsert(org, call, &table, &address, target, &must_exist)?;
    }
    if action != "CreateMultiple" {
        return Ok(Answer::empty(204));
    }
    let context = format!("{}/$metadata#Microsoft.Dynamics.CRM.CreateMultipleResponse", call.base);
    Ok(Answer::json(200, &json!({ "@odata.context": context, "Ids": ids })))
}

/// The rows of the body. Each has to say its type.
fn targets(call: &Call, table: &Table) -> Outcome<Vec<Map<String, Value>>> {
    let wanted = format!("Microsoft.Dynamics.CRM.{}", table.logical);
    let body = call.json_body()?;
    let targets =
        body.get("Targets").and_then(Value::as_array).ok_or_else(|| argument("The body needs 'Targets'."))?;
    if targets.is_empty() || targets.len() > TARGETS_MAX {
        return Err(argument(format!("'Targets' must hold 1 to {TARGETS_MAX} rows.")));
    }
    let typed = |target: &Value| {
        let named = target.get("@odata.type")?.as_str()?.trim_start_matches('#');
        target.as_object().filter(|_| named == wanted).cloned()
    };
    let rows: Option<Vec<_>> = targets.iter().map(typed).collect();
    rows.ok_or_else(|| argument(format!("Each target needs '@odata.type': '{wanted}'.")))
}

/// Which row a target is: its primary id, or the key in its `@odata.id`.
fn address(org: &Org, table: &Table, target: &Map<String, Value>) -> Outcome<Address> {
    let id = target.get(&table.primary_id).and_then(Value::as_str).and_then(|id| Uuid::parse_str(id).ok());
    if let Some(id) = id {
        return Ok(Address::Id(id));
    }
    let url = target.get("@odata.id").and_then(Value::as_str).unwrap_or_default();
    let path = url.split_once(API_PATH).map_or(url, |(_, path)| path);
    match segments(path, &[])?.as_slice() {
        [Segment { name, key: Some(key) }] if *name == table.set => org.address(table, key),
        _ => Err(argument(format!("Each target needs '{}' or an '@odata.id' with a key.", table.primary_id))),
    }
}
