//! Records and values as JSON that a person can read and paste. A value's kind is what the manifest declares for its field, so the
//! JSON does not repeat it; a field that is empty is left out.

use serde_json::{Map, json};

use crate::model::{Conflict, EntityUse, Fields, Json, Key, Kind, Manifest, Record, Related, Value};

/// A value as plain JSON.
pub(crate) fn of_value(value: &Value) -> Json {
    match value {
        Value::Empty => Json::Null,
        Value::Text(text) | Value::Date(text) | Value::Instant(text) | Value::Decimal(text) => json!(text),
        Value::Flag(flag) => json!(flag),
        Value::Integer(number) => json!(number),
        Value::Texts(texts) => json!(texts),
        Value::Existing(key) => of_key(key),
        Value::Companion(alias) => json!({ "companion": alias }),
        Value::Json(json) => json.clone(),
    }
}

/// A value as Partner Center's JSON has it: an amount is a number.
pub(crate) fn in_referral(value: &Value) -> Json {
    match value {
        Value::Decimal(text) => {
            serde_json::from_str::<Json>(text).ok().filter(Json::is_number).unwrap_or_else(|| json!(text))
        }
        Value::Existing(key) => json!(key.id),
        other => of_value(other),
    }
}

/// The value that plain JSON stands for in a field of this kind; as JSON if it is none.
fn value(kind: &Kind, json: &Json) -> Value {
    let text = || match json {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let typed = match (kind, json) {
        (_, Json::Null) => Some(Value::Empty),
        (Kind::Text, _) => text().map(Value::Text),
        (Kind::Flag, Json::Bool(flag)) => Some(Value::Flag(*flag)),
        (Kind::Integer, Json::Number(number)) => number.to_string().parse().ok().map(Value::Integer),
        (Kind::Decimal, _) => text().map(Value::Decimal),
        (Kind::Date, _) => text().map(Value::Date),
        (Kind::Instant, _) => text().map(Value::Instant),
        (Kind::Texts, Json::Array(items)) => {
            Some(Value::Texts(items.iter().filter_map(Json::as_str).map(str::to_owned).collect()))
        }
        (Kind::Reference(entity), Json::Object(_)) => Some(Value::Existing(key(json, entity))),
        _ => None,
    };
    typed.unwrap_or_else(|| Value::Json(json.clone()))
}

fn of_key(key: &Key) -> Json {
    json!({ "entity": key.entity, "id": key.id })
}

fn key(json: &Json, entity: &str) -> Key {
    let part = |name: &str| json.get(name).and_then(Json::as_str).map(str::to_owned);
    Key { entity: part("entity").unwrap_or_else(|| entity.to_owned()), id: part("id").unwrap_or_default() }
}

fn of_fields(fields: &Fields) -> Json {
    let filled = fields.iter().filter(|(_, value)| **value != Value::Empty);
    Json::Object(filled.map(|(name, value)| (name.clone(), of_value(value))).collect())
}

/// All fields that are read: what the JSON has, and the others empty.
fn fields(used: &EntityUse, json: Option<&Json>) -> Fields {
    let held = |name: &str| json.and_then(|json| json.get(name));
    let read = used.fields.iter().filter(|field| field.reads);
    read.map(|field| {
        (field.name.clone(), held(&field.name).map_or(Value::Empty, |json| value(&field.kind, json)))
    })
    .collect()
}

impl Record {
    /// As JSON: `{ "entity": "opportunity", "id": "…", "fields": { … }, "related": { "parentaccountid": { … } } }`.
    pub fn to_json(&self) -> Json {
        let mut whole =
            json!({ "entity": self.key.entity, "id": self.key.id, "fields": of_fields(&self.fields) });
        let related: Map<String, Json> =
            self.related.iter().map(|related| (related.via.clone(), of_fields(&related.fields))).collect();
        if !related.is_empty() {
            whole["related"] = Json::Object(related);
        }
        whole
    }

    /// From the JSON of [`Record::to_json`]. Fields that the manifest does not say are read are left out.
    ///
    /// # Errors
    /// When the entity is none that the plugin links.
    pub fn from_json(manifest: &Manifest, json: &Json) -> Result<Self, String> {
        let entity = json.get("entity").and_then(Json::as_str).unwrap_or_default();
        let used = manifest.primary(entity).ok_or_else(|| {
            let linked: Vec<String> = manifest.linked().map(|used| format!("`{}`", used.entity)).collect();
            format!("the record's `entity` is `{entity}`, and the plugin links {}", linked.join(" and "))
        })?;
        let mut record =
            Record { key: key(json, entity), fields: fields(used, json.get("fields")), related: Vec::new() };
        for reached in &manifest.entities {
            let Some(via) = &reached.via else { continue };
            let Some(Value::Existing(key)) = record.fields.get(via) else { continue };
            if key.entity == reached.entity {
                let held = json.get("related").and_then(|related| related.get(via));
                let related = Related { via: via.clone(), key: key.clone(), fields: fields(reached, held) };
                record.related.push(related);
            }
        }
        Ok(record)
    }
}

impl Conflict {
    /// As JSON.
    pub(crate) fn to_json(&self) -> Json {
        json!({
            "field": self.field,
            "base": self.base.as_ref().map(of_value),
            "partner_center": of_value(&self.partner_center),
            "crm": of_value(&self.crm),
        })
    }
}
