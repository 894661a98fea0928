//! A manifest, as the plugin gave it.

use crosswalk_engine::{
    mapping::{Choice, EntityUse, FieldUse, Manifest, Rows},
    value::Value,
};

use super::{
    values, wire,
    wire_values::{self, Field},
};

/// Takes a manifest over.
///
/// # Errors
/// The kinds that this host does not know, and what is in `more` under a name that it knows and is not what the name
/// stands for, each in a sentence. Whether the manifest makes sense is for
/// [`crate::manifest::problems`].
pub(crate) fn read(manifest: wire::Manifest) -> Result<Manifest, Vec<String>> {
    let mut problems = Vec::new();
    let mut entities = |uses: Vec<wire::EntityUse>| -> Vec<EntityUse> {
        uses.into_iter().map(|use_| entity(use_, &mut problems)).collect()
    };
    let taken = Manifest {
        name: manifest.name,
        version: manifest.version,
        crm: match manifest.crm {
            wire::Crm::Dynamics => "dynamics".to_owned(),
            wire::Crm::Salesforce => "salesforce".to_owned(),
            wire::Crm::Other(name) => name,
        },
        entities: entities(manifest.entities),
        lookups: entities(manifest.lookups),
        settings_schema: manifest.settings_schema,
    };
    if problems.is_empty() { Ok(taken) } else { Err(problems) }
}

fn entity(use_: wire::EntityUse, problems: &mut Vec<String>) -> EntityUse {
    let fields = use_.fields.into_iter().filter_map(|declared| field(&use_.entity, declared, problems));
    EntityUse {
        fields: fields.collect(),
        entity: use_.entity.clone(),
        via: use_.via,
        referral_key: use_.referral_key,
        stamp: use_.stamp,
    }
}

fn field(entity: &str, declared: wire::FieldUse, problems: &mut Vec<String>) -> Option<FieldUse> {
    let place = format!("{entity}.{}", declared.name);
    let Some(kind) = values::kind(&declared.kind) else {
        problems.push(format!(
            "`{place}` is declared as a kind that this host does not know ({:?}); it knows text, flag, integer, \
             decimal, date, instant, texts, reference and `json`",
            declared.kind
        ));
        return None;
    };
    let mut field = FieldUse {
        reads: declared.reads,
        writes: declared.writes,
        owned: declared.owned,
        ..FieldUse::new(declared.name, kind)
    };
    more(&mut field, &declared.more)
        .unwrap_or_else(|flaws| problems.extend(flaws.iter().map(|flaw| format!("`{place}` {flaw}"))));
    Some(field)
}

/// What the contract has no member for, by the names that `wit/README.md` lists. A name that is not known comes from a
/// plugin that is newer than this host, which does without.
fn more(field: &mut FieldUse, more: &[Field]) -> Result<(), Vec<String>> {
    let mut flaws = Vec::new();
    let (mut entity, mut parent, mut column) = (None, None, None);
    for Field { name, value } in more {
        let text = || match values::read(value) {
            Ok(Value::Text(text)) => Ok(text),
            _ => Err(format!("has a `{name}` that is not text, or an empty one")),
        };
        let taken = match name.as_str() {
            "label" => text().map(|label| field.label = Some(label)),
            "length" => length(value).map(|characters| field.length = Some(characters)),
            "choices" => choices(value).map(|choices| field.choices = choices),
            "rows-entity" => text().map(|name| entity = Some(name)),
            "rows-parent" => text().map(|name| parent = Some(name)),
            "rows-column" => text().map(|name| column = Some(name)),
            _ => Ok(()),
        };
        flaws.extend(taken.err());
    }
    match (entity, parent, column) {
        (None, None, None) => {}
        (Some(entity), Some(parent), Some(column)) => field.rows = Some(Rows { entity, parent, column }),
        _ if flaws.is_empty() => {
            flaws.push(
                "is kept as rows, which needs `rows-entity`, `rows-parent` and `rows-column`".to_owned(),
            );
        }
        _ => {}
    }
    if flaws.is_empty() { Ok(()) } else { Err(flaws) }
}

fn length(value: &wire_values::Value) -> Result<u32, String> {
    match values::read(value) {
        Ok(Value::Integer(length)) if length > 0 => Ok(length.unsigned_abs()),
        _ => Err("has a `length` that is no number of characters".to_owned()),
    }
}

/// `[{"value": 1, "label": "Gold"}, ..]`.
fn choices(value: &wire_values::Value) -> Result<Vec<Choice>, String> {
    let flaw = || "has `choices` that are no JSON list of `{\"value\": .., \"label\": \"..\"}`".to_owned();
    let Ok(Value::Json(serde_json::Value::Array(offered))) = values::read(value) else { return Err(flaw()) };
    let choice = |offered: &serde_json::Value| {
        let value = match &offered["value"] {
            serde_json::Value::String(text) if !text.is_empty() => Value::Text(text.clone()),
            serde_json::Value::Number(number) => {
                Value::Integer(number.as_i64().and_then(|number| i32::try_from(number).ok())?)
            }
            _ => return None,
        };
        let label = offered["label"].as_str().filter(|label| !label.is_empty())?;
        Some(Choice { value, label: label.to_owned() })
    };
    offered.iter().map(choice).collect::<Option<Vec<_>>>().ok_or_else(flaw)
}

#[cfg(test)]
mod tests;
