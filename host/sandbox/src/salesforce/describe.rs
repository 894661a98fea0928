//! What objects and fields there are, as far as the user may see them.

use super::{
    errors::Outcome,
    org::{API_PATH, Answer, Call, Org},
    record_id::RecordId,
    rows,
    schema::{Choice, Field, Kind, Object},
};
use serde_json::{Map, Value, json};

/// Records that `recentItems` and `/recent` show unless asked for another number.
const RECENT_DEFAULT: usize = 10;

/// `GET /sobjects`
pub(crate) fn all(org: &Org, call: &Call) -> Answer {
    let objects: Vec<Value> = org
        .objects
        .keys()
        .filter_map(|name| org.find_object(name))
        .map(|object| Value::Object(basic(call, object)))
        .collect();
    Answer::json(200, json!({ "encoding": "UTF-8", "maxBatchSize": 200, "sobjects": objects }))
}

/// `GET /sobjects/{object}`
pub(crate) fn one(org: &Org, call: &Call, object: &str) -> Outcome<Answer> {
    let object = org.object(object)?;
    let recent: Vec<Value> = recent_ids(org, call.user)
        .filter(|(of, _)| *of == object.name)
        .take(RECENT_DEFAULT)
        .filter_map(|(of, id)| recent_item(org, call, of, id))
        .collect();
    let body = json!({ "objectDescribe": basic(call, object), "recentItems": recent });
    Ok(Answer::json(200, body))
}

/// `GET /recent`
pub(crate) fn recent(org: &Org, call: &Call) -> Answer {
    let limit = call.option("limit").and_then(|limit| limit.parse().ok()).unwrap_or(RECENT_DEFAULT);
    let items: Vec<Value> = recent_ids(org, call.user)
        .filter_map(|(object, id)| recent_item(org, call, object, id))
        .take(limit)
        .collect();
    Answer::json(200, Value::Array(items))
}

fn recent_ids(org: &Org, user: RecordId) -> impl Iterator<Item = (&str, RecordId)> {
    org.changes.recent(user)
}

fn recent_item(org: &Org, call: &Call, object: &str, id: RecordId) -> Option<Value> {
    let object = org.find_object(object)?;
    let row = org.row(&object.name, id).ok()?;
    let name: Vec<Field> = object.fields.iter().filter(|field| field.name_field).cloned().collect();
    Some(rows::render(call, object, &name, &row))
}

/// `GET /sobjects/{object}/describe`
pub(crate) fn full(org: &Org, call: &Call, object: &str) -> Outcome<Answer> {
    let object = org.object(object)?;
    let mut body = basic(call, object);
    let fields: Vec<Value> = org
        .visible(call.user, object)
        .into_iter()
        .map(|field| describe_field(org, call.user, object, field))
        .collect();
    body.insert("fields".to_owned(), Value::Array(fields));
    body.insert("childRelationships".to_owned(), children(org, object));
    let master = json!({
        "active": true, "available": true, "defaultRecordTypeMapping": true, "developerName": "Master",
        "master": true, "name": "Master", "recordTypeId": "012000000000000AAA",
        "urls": { "layout": format!("{}/describe/layouts/012000000000000AAA", object_url(call, object)) },
    });
    body.insert("recordTypeInfos".to_owned(), json!([master]));
    body.insert("supportedScopes".to_owned(), json!([{ "label": "All", "name": "everything" }]));
    Ok(Answer::json(200, Value::Object(body)))
}

fn object_url(call: &Call, object: &Object) -> String {
    format!("{API_PATH}{}/sobjects/{}", call.version_text(), object.name)
}

fn basic(call: &Call, object: &Object) -> Map<String, Value> {
    let url = object_url(call, object);
    let prefix = std::str::from_utf8(&object.prefix).unwrap_or_default();
    let described = json!({
        "name": object.name, "label": object.label, "labelPlural": object.plural, "keyPrefix": prefix,
        "custom": object.custom(), "customSetting": false, "deprecatedAndHidden": false,
        "activateable": false, "createable": object.writable, "updateable": object.writable,
        "deletable": object.writable, "undeletable": object.business, "mergeable": object.field("MasterRecordId").is_some(),
        "queryable": true, "retrieveable": true, "searchable": object.business, "layoutable": object.business,
        "replicateable": object.business, "triggerable": object.business, "feedEnabled": object.business,
        "urls": {
            "sobject": url, "describe": format!("{url}/describe"), "rowTemplate": format!("{url}/{{ID}}"),
        },
    });
    match described {
        Value::Object(described) => described,
        _ => Map::new(),
    }
}

fn children(org: &Org, object: &Object) -> Value {
    let mut children = Vec::new();
    for child in org.objects.values().filter(|child| !child.tooling) {
        for (field, reference) in child.references() {
            if reference.to.contains(&object.name) {
                children.push(json!({
                    "childSObject": child.name, "field": field.name, "relationshipName": reference.children,
                    "cascadeDelete": reference.cascade, "restrictedDelete": false, "deprecatedAndHidden": false,
                }));
            }
        }
    }
    Value::Array(children)
}

fn describe_field(org: &Org, user: RecordId, object: &Object, field: &Field) -> Value {
    let members = [shape(field), rights(org, user, object, field), choices(org, object, field)];
    members.into_iter().flat_map(|members| members.as_object().cloned().unwrap_or_default()).collect()
}

/// What the field is.
fn shape(field: &Field) -> Value {
    let (relationship, targets) = match &field.kind {
        Kind::Reference(reference) => (json!(reference.relationship), json!(reference.to)),
        _ => (Value::Null, json!([])),
    };
    json!({
        "name": field.name, "label": field.label, "type": field.type_name(), "soapType": field.soap_type(),
        "length": field.length, "byteLength": field.length.saturating_mul(3),
        "precision": field.precision, "scale": field.scale,
        "digits": if field.kind == Kind::Integer { field.precision } else { 0 },
        "custom": field.custom(), "externalId": field.external_id, "unique": field.unique,
        "idLookup": field.external_id || field.kind == Kind::Id, "caseSensitive": field.case_sensitive,
        "calculated": field.calculated, "calculatedFormula": null, "autoNumber": field.kind == Kind::AutoNumber,
        "nameField": field.name_field, "namePointing": false, "polymorphicForeignKey": false,
        "referenceTo": targets, "relationshipName": relationship, "htmlFormatted": false, "encrypted": false,
        "compoundFieldName": null, "extraTypeInfo": null, "inlineHelpText": null, "deprecatedAndHidden": false,
    })
}

/// What may be done with the field.
fn rights(org: &Org, user: RecordId, object: &Object, field: &Field) -> Value {
    let editable = org.can_edit(user, object, field);
    json!({
        "nillable": field.nillable, "defaultedOnCreate": field.defaulted,
        "createable": field.createable && editable, "updateable": field.updateable && editable,
        "permissionable": field.nillable && field.kind != Kind::Id, "filterable": field.filterable(),
        "sortable": field.sortable(), "groupable": field.sortable(), "aggregatable": field.filterable(),
        "cascadeDelete": false, "restrictedDelete": false, "queryByDistance": false,
        "defaultValue": if field.kind == Kind::Flag { json!(false) } else { Value::Null },
    })
}

fn choices(org: &Org, object: &Object, field: &Field) -> Value {
    let picklist = field.picklist();
    let values: Vec<Value> =
        picklist.iter().flat_map(|picklist| picklist.values.iter().map(choice)).collect();
    json!({
        "picklistValues": values, "dependentPicklist": false, "controllerName": null,
        "restrictedPicklist": org.customs(object, field).restricted || picklist.is_some_and(|list| list.restricted),
    })
}

fn choice(choice: &Choice) -> Value {
    json!({
        "active": choice.active, "defaultValue": choice.default, "label": choice.label, "validFor": null,
        "value": choice.value,
    })
}
