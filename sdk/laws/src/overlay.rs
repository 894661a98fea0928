//! ⊕: what a side holds after a draft was written over it.

use serde_json::Map;

use crate::{
    json::in_referral,
    model::{Draft, EntityUse, Fields, Json, Key, Manifest, Record, Related, Value},
};

/// The id of a record that a draft made.
const MADE: &str = "11111111-2222-3333-4444-555555555555";

/// The record that a CRM would hold after a draft was written over `record`, or newly made of it, as the plugin would
/// read it: fields that the manifest says are read, empty where nobody has filled them.
pub fn written(manifest: &Manifest, record: Option<&Record>, draft: &Draft) -> Record {
    let mut after = written_whole(record, draft);
    let Some(used) = manifest.primary(&after.key.entity) else { return after };
    after.fields = read(used, &after.fields);
    after.related.retain_mut(|related| match manifest.reached(&related.via, &related.key.entity) {
        Some(used) => {
            related.fields = read(used, &related.fields);
            true
        }
        None => false,
    });
    after
}

fn read(used: &EntityUse, held: &Fields) -> Fields {
    let read = used.fields.iter().filter(|field| field.reads).map(|field| field.name.clone());
    read.map(|name| {
        let value = held.get(&name).cloned().unwrap_or(Value::Empty);
        (name, value)
    })
    .collect()
}

/// As [`written`], with all that was written, whether the plugin reads it or not. A draft of another entity makes a new
/// record: a lead was converted into an opportunity. Companions become records that exist.
pub fn written_whole(record: Option<&Record>, draft: &Draft) -> Record {
    let same = record.filter(|record| record.key.entity == draft.entity);
    let mut after = same.cloned().unwrap_or_else(|| Record {
        key: Key { entity: draft.entity.clone(), id: MADE.to_owned() },
        fields: Fields::new(),
        related: Vec::new(),
    });
    for (name, value) in &draft.fields {
        if !matches!(value, Value::Existing(_)) {
            after.related.retain(|related| related.via != *name);
        }
        if let Value::Companion(alias) = value {
            after.related.extend(made(draft, name, alias));
        }
        after.fields.insert(name.clone(), existing(value, draft));
    }
    after
}

/// A companion once it exists.
fn made(draft: &Draft, via: &str, alias: &str) -> Option<Related> {
    let companion = draft.companions.iter().find(|companion| companion.alias == alias)?;
    let fields = companion.matching.iter().chain(&companion.fields);
    let fields = fields.map(|(name, value)| (name.clone(), existing(value, draft))).collect();
    Some(Related { via: via.to_owned(), key: key_of(alias, draft), fields })
}

fn existing(value: &Value, draft: &Draft) -> Value {
    match value {
        Value::Companion(alias) => Value::Existing(key_of(alias, draft)),
        other => other.clone(),
    }
}

/// The key that a companion has once it exists.
fn key_of(alias: &str, draft: &Draft) -> Key {
    let companion = draft.companions.iter().find(|companion| companion.alias == alias);
    let entity = companion.map(|companion| companion.entity.clone()).unwrap_or_default();
    Key { entity, id: format!("made-for-{alias}") }
}

/// The referral with fields laid over it, by JSON pointer; objects on the way are made.
pub fn overlaid<'a>(referral: &Json, fields: impl IntoIterator<Item = (&'a String, &'a Value)>) -> Json {
    let mut after = referral.clone();
    for (pointer, value) in fields {
        put(&mut after, pointer, in_referral(value));
    }
    after
}

/// Sets the JSON at a pointer. A list is only entered at an index that it has.
pub(crate) fn put(document: &mut Json, pointer: &str, value: Json) {
    let mut place = document;
    for part in pointer.split('/').skip(1) {
        let part = part.replace("~1", "/").replace("~0", "~");
        place = match place {
            Json::Array(items) => match part.parse::<usize>().ok().and_then(|at| items.get_mut(at)) {
                Some(item) => item,
                None => return,
            },
            other => {
                if !other.is_object() {
                    *other = Json::Object(Map::new());
                }
                match other.as_object_mut() {
                    Some(members) => members.entry(part).or_insert(Json::Null),
                    None => return,
                }
            }
        };
    }
    *place = value;
}
