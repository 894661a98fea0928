//! The contract's types as the laws' plain data, and back.

use crosswalk_laws::model;

use crate::{
    Json,
    contract::{
        Conflict, CrmDraft, CrmRecord, EntityUse, FieldUse, Kind, Manifest, NamedValue, RecordKey, Reference,
        RelatedRecord, Resolution, Value,
    },
};

pub(super) fn manifest(manifest: &Manifest) -> model::Manifest {
    model::Manifest {
        name: manifest.name.clone(),
        entities: manifest.entities.iter().map(entity_use).collect(),
    }
}

pub(super) fn entity_use(used: &EntityUse) -> model::EntityUse {
    model::EntityUse {
        entity: used.entity.clone(),
        via: used.via.clone(),
        fields: used.fields.iter().map(field_use).collect(),
    }
}

fn field_use(field: &FieldUse) -> model::FieldUse {
    let more = |name: &str| field.more.iter().find(|more| more.name == name).map(|more| &more.value);
    let length = match more("length") {
        Some(Value::Integer(length)) => u32::try_from(*length).ok(),
        _ => None,
    };
    let choices = match more("choices") {
        Some(Value::Other(text)) => choices(text),
        _ => Vec::new(),
    };
    model::FieldUse {
        name: field.name.clone(),
        kind: kind(&field.kind),
        reads: field.reads,
        writes: field.writes,
        owned: field.owned,
        choices,
        length,
    }
}

/// `[{"value": 1, "label": "Gold"}, ..]`.
fn choices(text: &str) -> Vec<model::Value> {
    let offered: Vec<Json> = serde_json::from_str(text).unwrap_or_default();
    let value = |offered: &Json| match &offered["value"] {
        Json::String(text) => Some(model::Value::Text(text.clone())),
        Json::Number(number) => number.to_string().parse().ok().map(model::Value::Integer),
        _ => None,
    };
    offered.iter().filter_map(value).collect()
}

fn kind(kind: &Kind) -> model::Kind {
    match kind {
        Kind::Text => model::Kind::Text,
        Kind::Flag => model::Kind::Flag,
        Kind::Integer => model::Kind::Integer,
        Kind::Decimal => model::Kind::Decimal,
        Kind::Date => model::Kind::Date,
        Kind::Instant => model::Kind::Instant,
        Kind::Texts => model::Kind::Texts,
        Kind::Reference(entity) => model::Kind::Reference(entity.clone()),
        Kind::Other(_) => model::Kind::Json,
    }
}

pub(super) fn value(value: &Value) -> model::Value {
    match value {
        Value::Empty => model::Value::Empty,
        Value::Text(text) => model::Value::Text(text.clone()),
        Value::Flag(flag) => model::Value::Flag(*flag),
        Value::Integer(number) => model::Value::Integer(*number),
        Value::Decimal(text) => model::Value::Decimal(text.clone()),
        Value::Date(text) => model::Value::Date(text.clone()),
        Value::Instant(text) => model::Value::Instant(text.clone()),
        Value::Texts(texts) => model::Value::Texts(texts.clone()),
        Value::Reference(Reference::Existing(of)) => model::Value::Existing(key(of)),
        Value::Reference(Reference::Companion(alias)) => model::Value::Companion(alias.clone()),
        Value::Other(text) => model::Value::Json(serde_json::from_str(text).unwrap_or_default()),
    }
}

pub(super) fn contract_value(value: &model::Value) -> Value {
    match value {
        model::Value::Empty => Value::Empty,
        model::Value::Text(text) => Value::Text(text.clone()),
        model::Value::Flag(flag) => Value::Flag(*flag),
        model::Value::Integer(number) => Value::Integer(*number),
        model::Value::Decimal(text) => Value::Decimal(text.clone()),
        model::Value::Date(text) => Value::Date(text.clone()),
        model::Value::Instant(text) => Value::Instant(text.clone()),
        model::Value::Texts(texts) => Value::Texts(texts.clone()),
        model::Value::Existing(key) => Value::Reference(Reference::Existing(contract_key(key))),
        model::Value::Companion(alias) => Value::Reference(Reference::Companion(alias.clone())),
        model::Value::Json(json) => Value::Other(json.to_string()),
    }
}

fn key(key: &RecordKey) -> model::Key {
    model::Key { entity: key.entity.clone(), id: key.id.clone() }
}

pub(super) fn contract_key(key: &model::Key) -> RecordKey {
    RecordKey { entity: key.entity.clone(), id: key.id.clone() }
}

/// In their order.
pub(super) fn named(fields: &[NamedValue]) -> Vec<(String, model::Value)> {
    fields.iter().map(|field| (field.name.clone(), value(&field.value))).collect()
}

pub(super) fn fields(fields: &[NamedValue]) -> model::Fields {
    named(fields).into_iter().collect()
}

pub(super) fn contract_fields(fields: &model::Fields) -> Vec<NamedValue> {
    let named = |(name, value): (&String, &model::Value)| NamedValue {
        name: name.clone(),
        value: contract_value(value),
    };
    fields.iter().map(named).collect()
}

pub(super) fn record(record: &CrmRecord) -> model::Record {
    let related = record.related.iter().map(|related| model::Related {
        via: related.via.clone(),
        key: key(&related.key),
        fields: fields(&related.fields),
    });
    model::Record { key: key(&record.key), fields: fields(&record.fields), related: related.collect() }
}

pub(super) fn contract_record(record: &model::Record) -> CrmRecord {
    let related = record.related.iter().map(|related| RelatedRecord {
        via: related.via.clone(),
        key: contract_key(&related.key),
        fields: contract_fields(&related.fields),
        more: Vec::new(),
    });
    CrmRecord {
        key: contract_key(&record.key),
        fields: contract_fields(&record.fields),
        related: related.collect(),
        more: Vec::new(),
    }
}

pub(super) fn draft(draft: &CrmDraft) -> model::Draft {
    let companions = draft.companions.iter().map(|companion| model::Companion {
        alias: companion.alias.clone(),
        entity: companion.entity.clone(),
        matching: named(&companion.match_),
        fields: named(&companion.fields),
    });
    model::Draft {
        entity: draft.entity.clone(),
        fields: named(&draft.fields),
        companions: companions.collect(),
    }
}

pub(super) fn contract_conflict(conflict: &model::Conflict) -> Conflict {
    Conflict {
        field: conflict.field.clone(),
        base: conflict.base.as_ref().map(contract_value),
        partner_center: contract_value(&conflict.partner_center),
        crm: contract_value(&conflict.crm),
        partner_center_changed: None,
        crm_changed: None,
        more: Vec::new(),
    }
}

pub(super) fn resolution(resolution: &Resolution) -> model::Resolution {
    match resolution {
        Resolution::PartnerCenter => model::Resolution::PartnerCenter,
        Resolution::Crm => model::Resolution::Crm,
        Resolution::UseValue(chosen) => model::Resolution::Value(value(chosen)),
        Resolution::Park(why) => model::Resolution::Park(why.clone()),
    }
}
