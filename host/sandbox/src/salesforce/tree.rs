//! `/composite/tree`: records with their children, created completely or not at all.

use super::{
    errors::{Outcome, Refusal, method_not_allowed, unreadable},
    org::{Answer, Call, Org},
    record_id::RecordId,
    schema::Object,
    write::{self, Author},
};
use http::Method;
use serde_json::{Map, Value, json};

/// Records in all trees of a request.
const RECORDS_MAX: usize = 200;
/// Levels of a tree.
const DEPTH_MAX: usize = 5;

/// `POST /composite/tree/{object}`
pub(crate) fn run(org: &mut Org, call: &Call, object: &str) -> Outcome<Answer> {
    if call.method != Method::POST {
        return Err(method_not_allowed(call.method.as_str(), "POST"));
    }
    let object = org.object(object)?.clone();
    let body = call.json_object()?;
    let (start, changes) = (org.store.savepoint(), org.changes.pending());
    let mut planter =
        Planter { org: &mut *org, author: Author::of(call), planted: Vec::new(), errors: Vec::new() };
    planter.plant(&object, records(&body)?, None, 1)?;
    let (planted, errors) = (planter.planted, planter.errors);
    if errors.is_empty() {
        return Ok(Answer::json(201, json!({ "hasErrors": false, "results": planted })));
    }
    org.store.roll_back(start);
    org.changes.roll_back(changes);
    Ok(Answer::json(400, json!({ "hasErrors": true, "results": errors })))
}

/// Children of one kind that are still to be created.
struct Branch {
    object: Object,
    /// The field that leads back to the parent.
    field: String,
    records: Vec<Value>,
}

struct Planter<'a> {
    org: &'a mut Org,
    author: Author,
    planted: Vec<Value>,
    errors: Vec<Value>,
}

impl Planter<'_> {
    /// Creates records and then their children; what fails is noted, and its children are left out.
    fn plant(
        &mut self,
        object: &Object,
        records: &[Value],
        parent: Option<(&str, RecordId)>,
        depth: usize,
    ) -> Outcome<()> {
        if depth > DEPTH_MAX || self.planted.len() + self.errors.len() + records.len() > RECORDS_MAX {
            let message = format!("A tree request can hold {RECORDS_MAX} records in {DEPTH_MAX} levels");
            return Err(Refusal::new(400, "LIMIT_EXCEEDED", message));
        }
        for record in records {
            let record = record.as_object().ok_or_else(|| unreadable("a record is not an object"))?;
            let reference = record.get("attributes").and_then(|attributes| attributes.get("referenceId"));
            let reference = reference.cloned().unwrap_or(Value::Null);
            let (mut own, children) = self.split(object, record);
            if let Some((field, id)) = parent {
                own.insert(field.to_owned(), json!(id.to_string()));
            }
            match write::create(self.org, &self.author, &object.name, &own) {
                Ok(id) => {
                    self.planted.push(json!({ "referenceId": reference, "id": id.to_string() }));
                    for Branch { object, field, records } in &children {
                        self.plant(object, records, Some((field, id)), depth + 1)?;
                    }
                }
                Err(refusal) => {
                    self.errors.push(json!({ "referenceId": reference, "errors": [refusal.row()] }));
                }
            }
        }
        Ok(())
    }

    /// The record's own members, and its children.
    fn split(&self, object: &Object, record: &Map<String, Value>) -> (Map<String, Value>, Vec<Branch>) {
        let (mut own, mut children) = (Map::new(), Vec::new());
        for (name, value) in record {
            let nested = value.get("records").and_then(Value::as_array);
            match nested.zip(self.org.child_of(object, name)) {
                Some((records, (child, field))) => {
                    children.push(Branch { object: child.clone(), field, records: records.clone() });
                }
                None => {
                    own.insert(name.clone(), value.clone());
                }
            }
        }
        (own, children)
    }
}

fn records(body: &Map<String, Value>) -> Outcome<&[Value]> {
    let records = body.get("records").and_then(Value::as_array);
    records.map(Vec::as_slice).ok_or_else(|| unreadable("records is missing"))
}
