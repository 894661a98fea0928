//! Many records in one request: each row succeeds or fails by itself, unless all or none is asked for.
//!
//! The answer is 200 also if rows failed; 400 only for a request that makes no sense as a whole.

use super::{
    errors::{Outcome, Refusal, deleted, method_not_allowed, unreadable},
    org::{Answer, Call, Org},
    record_id::RecordId,
    rows,
    write::{self, Author},
};
use http::Method;
use serde_json::{Map, Value, json};

/// Records in one request.
const RECORDS_MAX: usize = 200;
/// Runs of records of the same type in one request.
const CHUNKS_MAX: usize = 10;

/// What is done to each record.
#[derive(Clone, Copy)]
enum Operation<'a> {
    Create,
    Update,
    Upsert(&'a str, &'a str),
}

/// One row's result: the id, and whether an upsert created it; or why it failed, with the id where there is one.
type Row = Result<(RecordId, Option<bool>), (Option<String>, Refusal)>;

/// `/composite/sobjects…`
pub(crate) fn run(org: &mut Org, call: &Call, segments: &[&str]) -> Outcome<Answer> {
    match (segments, &call.method) {
        ([], &Method::POST) => save(org, call, Operation::Create),
        ([], &Method::PATCH) => save(org, call, Operation::Update),
        ([], &Method::DELETE) => delete(org, call),
        ([object, field], &Method::PATCH) => save(org, call, Operation::Upsert(object, field)),
        ([object], &Method::GET) => {
            let ids = call.option("ids").unwrap_or_default();
            read(org, call, object, &listed(ids), call.option("fields"))
        }
        ([object], &Method::POST) => {
            let body = call.json_object()?;
            let texts = |name: &str| -> Vec<String> {
                let list = body.get(name).and_then(Value::as_array).into_iter().flatten();
                list.filter_map(|text| text.as_str().map(str::to_owned)).collect()
            };
            read(org, call, object, &texts("ids"), Some(&texts("fields").join(",")))
        }
        (_, method) => Err(method_not_allowed(method.as_str(), "GET,POST,PATCH,DELETE")),
    }
}

fn save(org: &mut Org, call: &Call, operation: Operation<'_>) -> Outcome<Answer> {
    let body = call.json_object()?;
    let records =
        body.get("records").and_then(Value::as_array).ok_or_else(|| unreadable("records is missing"))?;
    check_size(records.len())?;
    let kinds: Vec<String> = records.iter().map(|record| kind(record).unwrap_or_default()).collect();
    let chunks = kinds.chunk_by(|a, b| a == b).count();
    if chunks > CHUNKS_MAX {
        let message =
            format!("A request can hold {CHUNKS_MAX} chunks of one type, and this one has {chunks}");
        return Err(Refusal::new(400, "LIMIT_EXCEEDED", message));
    }
    let all_or_none = body.get("allOrNone").and_then(Value::as_bool).unwrap_or(false);
    let author = &Author::of(call);
    let rows = records.iter().map(|record| move |org: &mut Org| one(org, author, operation, record));
    Ok(in_rows(org, all_or_none, rows))
}

fn delete(org: &mut Org, call: &Call) -> Outcome<Answer> {
    let ids = listed(call.option("ids").unwrap_or_default());
    check_size(ids.len())?;
    let all_or_none = call.option("allOrNone").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let author = Author::of(call);
    let rows = ids.into_iter().map(|text| {
        let author = author.clone();
        move |org: &mut Org| {
            let id = RecordId::parse(&text).ok_or_else(|| (None, malformed(&text)))?;
            let failed = |refusal| (Some(id.to_string()), refusal);
            let object = org.object_of(id).map(|object| object.name.clone());
            let object = object.ok_or_else(|| failed(missing()))?;
            write::delete(org, &author, &object, id).map_err(|refusal| failed(in_row(refusal)))?;
            Ok((id, None))
        }
    });
    Ok(in_rows(org, all_or_none, rows))
}

/// Runs the rows, each taken back by itself if it fails, or all of them if one fails and all or none is wanted.
fn in_rows<F: FnOnce(&mut Org) -> Row>(
    org: &mut Org,
    all_or_none: bool,
    rows: impl Iterator<Item = F>,
) -> Answer {
    let (start, changes_at_start) = (org.store.savepoint(), org.changes.pending());
    let mut results = Vec::new();
    for row in rows {
        let (before, changes) = (org.store.savepoint(), org.changes.pending());
        let result = row(org);
        if result.is_err() {
            org.store.roll_back(before);
            org.changes.roll_back(changes);
        }
        results.push(result);
    }
    let is_taken_back = all_or_none && results.iter().any(Result::is_err);
    if is_taken_back {
        org.store.roll_back(start);
        org.changes.roll_back(changes_at_start);
    }
    Answer::json(200, results.iter().map(|row| shown(row, is_taken_back)).collect())
}

fn shown(row: &Row, is_taken_back: bool) -> Value {
    let (id, created, refusal) = match row {
        Ok((id, created)) if !is_taken_back => {
            let mut shown = json!({ "id": id.to_string(), "success": true, "errors": [] });
            if let Some(created) = created {
                shown["created"] = json!(created);
            }
            return shown;
        }
        Ok((_, created)) => (None, *created, rolled_back()),
        Err((id, refusal)) => (id.clone(), None, refusal.clone()),
    };
    let mut shown = json!({ "success": false, "errors": [refusal.row()] });
    if let Some(id) = id {
        shown["id"] = json!(id);
    }
    if let Some(created) = created {
        shown["created"] = json!(created);
    }
    shown
}

fn rolled_back() -> Refusal {
    Refusal::new(
        400,
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        "Record rolled back because not all records were valid and the request was using AllOrNone header",
    )
}

fn one(org: &mut Org, author: &Author, operation: Operation<'_>, record: &Value) -> Row {
    let mut body = record.as_object().cloned().unwrap_or_default();
    let no_id = |refusal: Refusal| (None, in_row(refusal));
    let name = kind(record).map_err(no_id)?;
    let object = org.find_object(&name).cloned().ok_or_else(|| no_id(no_type(&name)))?;
    match operation {
        Operation::Create => {
            write::create(org, author, &object.name, &body).map(|id| (id, None)).map_err(no_id)
        }
        Operation::Update => {
            let text = taken(&mut body, "id");
            let id = text.as_deref().and_then(RecordId::parse);
            let id = id.ok_or_else(|| no_id(malformed(text.as_deref().unwrap_or_default())))?;
            let failed = |refusal| (Some(id.to_string()), in_row(refusal));
            write::update(org, author, &object.name, id, &body).map(|()| (id, None)).map_err(failed)
        }
        Operation::Upsert(of, field) => {
            if !object.name.eq_ignore_ascii_case(of) {
                return Err(no_id(no_type(&name)));
            }
            let field = rows::external_id(org, author.user, &object, field).map_err(no_id)?.clone();
            let value = taken(&mut body, &field.name).ok_or_else(|| {
                let message = format!("{} not specified", field.name);
                no_id(Refusal::new(400, "MISSING_ARGUMENT", message))
            })?;
            let (id, created) = rows::upsert(org, author, &object, &field, &value, body).map_err(no_id)?;
            Ok((id, Some(created)))
        }
    }
}

fn read(org: &Org, call: &Call, object: &str, ids: &[String], fields: Option<&str>) -> Outcome<Answer> {
    check_size(ids.len())?;
    let object = org.object(object)?;
    let fields = fields.ok_or_else(|| Refusal::new(400, "MISSING_ARGUMENT", "fields is missing"))?;
    let fields = rows::fields(org, call.user, object, Some(fields))?;
    let records = ids.iter().map(|text| {
        let row = RecordId::parse(text).and_then(|id| org.row(&object.name, id).ok());
        row.map_or(Value::Null, |row| rows::render(call, object, &fields, &row))
    });
    Ok(Answer::json(200, records.collect()))
}

fn check_size(count: usize) -> Outcome<()> {
    if count <= RECORDS_MAX {
        return Ok(());
    }
    let message =
        format!("record limit reached. cannot submit more than {RECORDS_MAX} records into this call");
    Err(Refusal::new(400, "EXCEEDED_ID_LIMIT", message))
}

fn listed(ids: &str) -> Vec<String> {
    ids.split(',').map(str::trim).filter(|id| !id.is_empty()).map(str::to_owned).collect()
}

/// The type that a record says it is of.
fn kind(record: &Value) -> Outcome<String> {
    let name = record.get("attributes").and_then(|attributes| attributes.get("type")).and_then(Value::as_str);
    name.map(str::to_owned).ok_or_else(|| no_type(""))
}

/// A member that is taken out of a record as text, its name in any case.
fn taken(body: &mut Map<String, Value>, name: &str) -> Option<String> {
    let key = body.keys().find(|key| key.eq_ignore_ascii_case(name))?.clone();
    match body.remove(&key)? {
        Value::String(text) => Some(text),
        Value::Null => None,
        other => Some(other.to_string()),
    }
}

/// A refusal as a row words it: a record that is not there is a bad reference here.
fn in_row(refusal: Refusal) -> Refusal {
    match refusal.code {
        "NOT_FOUND" if refusal.message.starts_with("The requested") => missing(),
        "ENTITY_IS_DELETED" => Refusal { status: 400, ..deleted() },
        _ => refusal,
    }
}

fn missing() -> Refusal {
    Refusal::new(400, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
}

fn malformed(text: &str) -> Refusal {
    Refusal::new(400, "MALFORMED_ID", format!("malformed id {text}"))
}

fn no_type(name: &str) -> Refusal {
    Refusal::new(400, "INVALID_TYPE", format!("sObject type '{name}' is not supported."))
}
