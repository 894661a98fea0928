//! One record by its id or an external id: read, change, upsert, delete.

use super::{
    conditions::{Conditions, validated},
    errors::{Outcome, Refusal, deleted, method_not_allowed, not_found},
    org::{Answer, Call, Org},
    record_id::RecordId,
    schema::{Field, Kind, Object},
    store::Row,
    values,
    write::{self, Author},
};
use http::Method;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// From this version on an upsert that changed a record answers 200 with a body; before it 204.
const UPSERT_ANSWERS_SINCE: u16 = 46;

/// `POST /sobjects/{object}`
pub(crate) fn create(org: &mut Org, call: &Call, object: &str) -> Outcome<Answer> {
    let name = org.object(object)?.name.clone();
    let id = write::create(org, &Author::of(call), &name, &call.json_object()?)?;
    let body = json!({ "id": id.to_string(), "success": true, "errors": [] });
    Ok(Answer::json(201, body).with("Location", call.record_url(&name, id)))
}

/// `/sobjects/{object}/{id}`
pub(crate) fn by_id(org: &mut Org, call: &Call, object: &str, id: &str) -> Outcome<Answer> {
    let object = org.object(object)?.clone();
    let id = own_id(&object, id)?;
    match call.method {
        Method::GET | Method::HEAD => {
            let row = org.row(&object.name, id)?;
            read(org, call, &object, &row)
        }
        Method::PATCH => {
            let row = org.row(&object.name, id)?;
            Conditions::read(call, &object.name)?.check_write(&row)?;
            write::update(org, &Author::of(call), &object.name, id, &call.json_object()?)?;
            let row = org.row(&object.name, id)?;
            Ok(validated(Answer::empty(204), &object.name, &row))
        }
        Method::DELETE => {
            write::delete(org, &Author::of(call), &object.name, id)?;
            Ok(Answer::empty(204))
        }
        ref method => Err(method_not_allowed(method.as_str(), "HEAD,GET,PATCH,DELETE")),
    }
}

/// `/sobjects/{object}/{field}/{value}`
pub(crate) fn by_external_id(
    org: &mut Org,
    call: &Call,
    object: &str,
    field: &str,
    value: &str,
) -> Outcome<Answer> {
    let object = org.object(object)?.clone();
    let field = external_id(org, call.user, &object, field)?.clone();
    let found = find(org, &object, &field, value)?;
    match call.method {
        Method::GET | Method::HEAD => {
            let row = one(org, call, &object, &found)?.ok_or_else(not_found)?;
            read(org, call, &object, &row)
        }
        Method::PATCH => {
            let body = call.json_object()?;
            upsert_request(org, call, &object, &Target { field, value: value.to_owned() }, &found, body)
        }
        Method::DELETE => {
            let row = one(org, call, &object, &found)?.ok_or_else(not_found)?;
            write::delete(org, &Author::of(call), &object.name, row.id)?;
            Ok(Answer::empty(204))
        }
        ref method => Err(method_not_allowed(method.as_str(), "HEAD,GET,PATCH,DELETE")),
    }
}

/// What an upsert is by.
struct Target {
    field: Field,
    value: String,
}

fn upsert_request(
    org: &mut Org,
    call: &Call,
    object: &Object,
    target: &Target,
    found: &[RecordId],
    body: Map<String, Value>,
) -> Outcome<Answer> {
    if let Some(row) = one(org, call, object, found)? {
        Conditions::read(call, &object.name)?.check_write(&row)?;
    } else if call.option("updateOnly").is_some_and(|only| only.eq_ignore_ascii_case("true")) {
        return Err(not_found());
    }
    let (id, created) = upsert(org, &Author::of(call), object, &target.field, &target.value, body)?;
    let answer = json!({ "id": id.to_string(), "success": true, "errors": [], "created": created });
    match (created, call.version >= UPSERT_ANSWERS_SINCE) {
        (true, _) => Ok(Answer::json(201, answer).with("Location", call.record_url(&object.name, id))),
        (false, true) => Ok(Answer::json(200, answer)),
        (false, false) => Ok(Answer::empty(204)),
    }
}

/// Creates the record with this external id, or changes it. The body must not name the field again.
pub(crate) fn upsert(
    org: &mut Org,
    author: &Author,
    object: &Object,
    field: &Field,
    value: &str,
    mut body: Map<String, Value>,
) -> Outcome<(RecordId, bool)> {
    if body.keys().any(|name| name.eq_ignore_ascii_case("Id") || name.eq_ignore_ascii_case(&field.name)) {
        let message = format!("The {} field should not be specified in the sobject data.", field.name);
        return Err(Refusal::new(400, "INVALID_FIELD", message).on([&field.name]));
    }
    match find(org, object, field, value)?.as_slice() {
        [] if field.kind == Kind::Id => Err(not_found()),
        [] => {
            body.insert(field.name.clone(), Value::String(value.to_owned()));
            Ok((write::create(org, author, &object.name, &body)?, true))
        }
        [id] => write::update(org, author, &object.name, *id, &body).map(|()| (*id, false)),
        _ => Err(Refusal::new(
            400,
            "DUPLICATE_EXTERNAL_ID",
            format!("{}: more than one record found for external id field", field.name),
        )
        .on([&field.name])),
    }
}

/// The field of an external id, or the id itself.
pub(crate) fn external_id<'a>(
    org: &Org,
    user: RecordId,
    object: &'a Object,
    name: &str,
) -> Outcome<&'a Field> {
    let known = object.field(name).filter(|field| field.external_id || field.kind == Kind::Id);
    known.filter(|field| org.can_see(user, object, field)).ok_or_else(|| {
        let message = format!("Provided external ID field does not exist or is not accessible: {name}");
        Refusal::new(404, "NOT_FOUND", message)
    })
}

/// The records that hold a value in an external id field.
fn find(org: &Org, object: &Object, field: &Field, value: &str) -> Outcome<Vec<RecordId>> {
    let cell = values::read(field, &Value::String(value.to_owned()), org.customs(object, field))?;
    if let (Kind::Id, Some(id)) = (&field.kind, cell.as_id()) {
        return match org.store.row(&object.name, id) {
            Some(row) if row.is_deleted() => Err(deleted()),
            row => Ok(row.map(|row| row.id).into_iter().collect()),
        };
    }
    Ok(org.store.find(&object.name, &field.name, &cell).unwrap_or_default())
}

/// The one record that was found; several are answered with 300 and where they are.
fn one(org: &Org, call: &Call, object: &Object, found: &[RecordId]) -> Outcome<Option<Arc<Row>>> {
    match found {
        [] => Ok(None),
        [id] => org.row(&object.name, *id).map(Some),
        _ => {
            let urls: Vec<String> = found.iter().map(|id| call.record_url(&object.name, id)).collect();
            let refusal = Refusal::new(300, "MULTIPLE_CHOICES", "more than one record found");
            Err(Refusal { instead: Some(Box::new(json!(urls))), ..refusal })
        }
    }
}

/// An id of this object, in either form. What is no id names an external id field without a value.
pub(crate) fn own_id(object: &Object, text: &str) -> Outcome<RecordId> {
    let id = RecordId::parse(text).ok_or_else(|| {
        let message = format!("Provided external ID field does not exist or is not accessible: {text}");
        Refusal::new(404, "NOT_FOUND", message)
    })?;
    if *id.prefix().as_bytes() == object.prefix { Ok(id) } else { Err(not_found()) }
}

fn read(org: &mut Org, call: &Call, object: &Object, row: &Row) -> Outcome<Answer> {
    if Conditions::read(call, &object.name)?.check_read(row)? {
        return Ok(validated(Answer::empty(304), &object.name, row));
    }
    let fields = fields(org, call.user, object, call.option("fields"))?;
    let body = render(call, object, &fields, row);
    org.changes.visit(call.user, &object.name, row.id);
    Ok(validated(Answer::json(200, body), &object.name, row))
}

/// The fields that a read asks for, all that the user may see if it names none.
pub(crate) fn fields(org: &Org, user: RecordId, object: &Object, names: Option<&str>) -> Outcome<Vec<Field>> {
    let Some(names) = names else {
        return Ok(org.visible(user, object).into_iter().cloned().collect());
    };
    let names = names.split(',').map(str::trim).filter(|name| !name.is_empty());
    names.map(|name| org.field(user, object, name).cloned()).collect()
}

/// A record as JSON.
pub(crate) fn render(call: &Call, object: &Object, fields: &[Field], row: &Row) -> Value {
    let mut out = Map::new();
    let url = call.record_url(&object.name, row.id);
    out.insert("attributes".to_owned(), json!({ "type": object.name, "url": url }));
    out.insert("Id".to_owned(), Value::String(row.id.to_string()));
    for field in fields {
        out.insert(field.name.clone(), values::show(field, row));
    }
    Value::Object(out)
}
