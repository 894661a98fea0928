//! The Tooling API, as far as provisioning needs it: custom fields, and queries about them.

use super::{
    errors::{Outcome, method_not_allowed, not_found, not_simulated, unreadable},
    metadata,
    org::{API_PATH, Answer, Call, Org},
    query,
    record_id::RecordId,
    values,
};
use http::Method;
use serde_json::{Map, Value, json};

/// The object whose records are custom fields.
const CUSTOM_FIELD: &str = "CustomField";

/// `/tooling/…`
pub(crate) fn run(org: &mut Org, call: &Call, segments: &[&str]) -> Outcome<Answer> {
    match (segments, &call.method) {
        (["query"], &Method::GET) => query::first(org, call, false, true),
        (["query", locator], &Method::GET) => query::next(org, call, locator),
        (["sobjects", object], &Method::POST) if object.eq_ignore_ascii_case(CUSTOM_FIELD) => {
            create(org, call)
        }
        (["sobjects", object, id], _) if object.eq_ignore_ascii_case(CUSTOM_FIELD) => one(org, call, id),
        _ => Err(not_simulated(format!("the Tooling resource /{}", segments.join("/")))),
    }
}

fn create(org: &mut Org, call: &Call) -> Outcome<Answer> {
    let body = call.json_object()?;
    let full_name =
        body.get("FullName").and_then(Value::as_str).ok_or_else(|| unreadable("FullName is missing"))?;
    let id = metadata::add_field(org, call.now, full_name, definition(&body)?)?;
    let body = json!({ "id": id.to_string(), "success": true, "errors": [], "warnings": [], "infos": [] });
    let url = format!("{API_PATH}{}/tooling/sobjects/{CUSTOM_FIELD}/{id}", call.version_text());
    Ok(Answer::json(201, body).with("Location", url))
}

fn one(org: &mut Org, call: &Call, id: &str) -> Outcome<Answer> {
    let id = RecordId::parse(id).ok_or_else(not_found)?;
    let row = org.store.row(CUSTOM_FIELD, id).cloned().ok_or_else(not_found)?;
    let full_name = row.text("FullName").unwrap_or_default();
    match call.method {
        Method::GET => {
            let shape = org.objects.get(CUSTOM_FIELD).ok_or_else(not_found)?;
            let fields = shape.fields.iter().map(|field| (field.name.clone(), values::show(field, &row)));
            let mut shown: Map<String, Value> = fields.collect();
            let url = format!("{API_PATH}{}/tooling/sobjects/{CUSTOM_FIELD}/{id}", call.version_text());
            shown.insert("attributes".to_owned(), json!({ "type": CUSTOM_FIELD, "url": url }));
            let field =
                full_name.split_once('.').and_then(|(object, name)| org.find_object(object)?.field(name));
            let label = field.map(|field| field.label.clone());
            let length = field.map(|field| field.length);
            shown.insert("Metadata".to_owned(), json!({ "label": label, "length": length }));
            Ok(Answer::json(200, Value::Object(shown)))
        }
        Method::PATCH => {
            let body = call.json_object()?;
            metadata::change_field(org, full_name, definition(&body)?)?;
            Ok(Answer::empty(204))
        }
        Method::DELETE => metadata::remove_field(org, id).map(|()| Answer::empty(204)),
        ref method => Err(method_not_allowed(method.as_str(), "GET,PATCH,DELETE")),
    }
}

fn definition(body: &Map<String, Value>) -> Outcome<&Map<String, Value>> {
    body.get("Metadata").and_then(Value::as_object).ok_or_else(|| unreadable("Metadata is missing"))
}
