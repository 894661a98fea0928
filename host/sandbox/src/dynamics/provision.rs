//! New columns: what `POST EntityDefinitions(…)/Attributes` takes.

use super::{
    cell::Cell,
    errors::{Outcome, Refusal, argument, not_simulated},
    identifiers::fixed_id,
    org::Org,
    tables::{Column, Kind, Required, Table},
};
use serde_json::{Map, Value};
use uuid::Uuid;

/// The longest text column, in UTF-16 units (docs: 4,000).
const TEXT_MAX: usize = 4_000;
/// The longest long-text column, in UTF-16 units (docs: 1,048,576).
const MEMO_MAX: usize = 1_048_576;
/// Length of a text column whose definition says none (docs: 100).
const TEXT_DEFAULT: usize = 100;
/// Length of a long-text column whose definition says none (docs: 2,000).
const MEMO_DEFAULT: usize = 2_000;
/// Digits after the point of a decimal column whose definition says none (docs: 2).
const PRECISION_DEFAULT: u32 = 2;
/// The most digits after the point of a decimal column (docs: 10).
const PRECISION_MAX: u64 = 10;

/// Adds a column and returns its metadata id.
pub(crate) fn column(org: &mut Org, logical_table: &str, body: &Map<String, Value>) -> Outcome<Uuid> {
    let schema =
        body.get("SchemaName").and_then(Value::as_str).filter(|name| is_prefixed(name)).ok_or_else(|| {
            argument("A column needs a SchemaName with a publisher prefix, such as 'contoso_Region'.")
        })?;
    let logical = schema.to_lowercase();
    let table = org.table(logical_table)?;
    if table.columns.contains_key(&logical) {
        return Err(Refusal::new(
            400,
            "0x80047013",
            format!(
                "An attribute with the specified name {logical} already exists for entity {logical_table}."
            ),
        ));
    }
    let kind = kind(body)?;
    let is_money = kind == Kind::Money;
    let mut added = new_column(table, &logical, schema, kind);
    added.label = display_name(body).unwrap_or_else(|| schema.to_owned());
    let level = body.get("RequiredLevel").and_then(|level| level.get("Value")).and_then(Value::as_str);
    if level == Some("ApplicationRequired") {
        added.required = Required::Application;
    }
    let id = added.id;
    let base = is_money.then(|| {
        let kind = Kind::MoneyBase { of: logical.clone() };
        let mut base = new_column(table, &format!("{logical}_base"), &format!("{schema}_Base"), kind);
        base.creatable = false;
        base.updatable = false;
        base
    });
    if let Some(table) = org.tables.get_mut(logical_table) {
        table.add(added);
        if let Some(base) = base {
            table.add(base);
        }
    }
    Ok(id)
}

/// Removes a provisioned column with all of its values.
pub(crate) fn remove_column(org: &mut Org, logical_table: &str, column: &Column) -> Outcome<()> {
    let table = org.table(logical_table)?;
    if !column.custom {
        return Err(argument(format!("The column '{}' is part of the standard table.", column.logical)));
    }
    if let Some(key) = table.keys.iter().find(|key| key.columns.contains(&column.logical)) {
        return Err(Refusal::new(
            405,
            "0x8004f01f",
            format!(
                "The column '{}' cannot be deleted: the key '{}' depends on it.",
                column.logical, key.schema
            ),
        ));
    }
    let rows: Vec<_> =
        org.store.rows(logical_table).filter(|row| !row.get(&column.logical).is_null()).cloned().collect();
    for row in rows {
        let mut row = (*row).clone();
        row.set(&column.logical, Cell::Null);
        org.store.put(logical_table, row);
    }
    if let Some(table) = org.tables.get_mut(logical_table) {
        table.columns.remove(&column.logical);
        table.columns.remove(&format!("{}_base", column.logical));
    }
    Ok(())
}

pub(super) fn new_column(table: &Table, logical: &str, schema: &str, kind: Kind) -> Column {
    let mut column = table.column(logical, kind);
    column.schema = schema.to_owned();
    column.custom = true;
    column.id = fixed_id("column", &format!("{}.{logical}", table.logical));
    column
}

/// A publisher prefix of letters and digits, an underscore, and a name.
pub(super) fn is_prefixed(name: &str) -> bool {
    name.split_once('_').is_some_and(|(prefix, rest)| {
        prefix.len() >= 2
            && prefix.starts_with(|c: char| c.is_ascii_alphabetic())
            && prefix.chars().all(|c| c.is_ascii_alphanumeric())
            && !rest.is_empty()
            && rest.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    })
}

fn kind(body: &Map<String, Value>) -> Outcome<Kind> {
    let named = body.get("@odata.type").and_then(Value::as_str).unwrap_or_default();
    let family = named
        .trim_start_matches('#')
        .strip_prefix("Microsoft.Dynamics.CRM.")
        .and_then(|name| name.strip_suffix("AttributeMetadata"))
        .ok_or_else(|| argument(format!("'{named}' is no type of a column.")))?;
    Ok(match family {
        "String" => Kind::Text { max: length(body, TEXT_DEFAULT, TEXT_MAX)?, format: text_format(body) },
        "Memo" => Kind::Memo { max: length(body, MEMO_DEFAULT, MEMO_MAX)? },
        "Integer" => Kind::Integer {
            min: body.get("MinValue").and_then(Value::as_i64).unwrap_or(i64::from(i32::MIN)),
            max: body.get("MaxValue").and_then(Value::as_i64).unwrap_or(i64::from(i32::MAX)),
        },
        "Decimal" => Kind::Decimal {
            precision: body
                .get("Precision")
                .and_then(Value::as_u64)
                .filter(|precision| *precision <= PRECISION_MAX)
                .and_then(|precision| u32::try_from(precision).ok())
                .unwrap_or(PRECISION_DEFAULT),
        },
        "Money" => Kind::Money,
        "Boolean" => {
            let text = |name: &str| body.get("OptionSet")?.get(name)?.get("Label").and_then(label);
            Kind::Flag {
                no: text("FalseOption").unwrap_or_else(|| "No".to_owned()),
                yes: text("TrueOption").unwrap_or_else(|| "Yes".to_owned()),
            }
        }
        "Picklist" => Kind::Choice(options(body)?),
        "DateTime" => match behaviour(body) {
            "DateOnly" => Kind::Date,
            _ => Kind::Instant,
        },
        "Lookup" => {
            return Err(argument("A lookup is made with its relationship: POST RelationshipDefinitions."));
        }
        other => return Err(not_simulated(format!("new columns of the type '{other}'"))),
    })
}

fn length(body: &Map<String, Value>, default: usize, max: usize) -> Outcome<usize> {
    let Some(asked) = body.get("MaxLength").filter(|value| !value.is_null()) else { return Ok(default) };
    asked
        .as_u64()
        .and_then(|length| usize::try_from(length).ok())
        .filter(|length| (1..=max).contains(length))
        .ok_or_else(|| argument(format!("MaxLength is {asked}; it must be 1 to {max}.")))
}

fn text_format(body: &Map<String, Value>) -> &'static str {
    let name = body.get("FormatName").and_then(|name| name.get("Value")).and_then(Value::as_str);
    ["Email", "Url", "Phone", "TextArea"].into_iter().find(|format| Some(*format) == name).unwrap_or("Text")
}

/// `DateOnly` in either of the two places that a definition may say it.
fn behaviour(body: &Map<String, Value>) -> &str {
    body.get("DateTimeBehavior")
        .and_then(|behaviour| behaviour.get("Value"))
        .and_then(Value::as_str)
        .unwrap_or("UserLocal")
}

fn options(body: &Map<String, Value>) -> Outcome<Vec<(i64, String)>> {
    let options = body.get("OptionSet").and_then(|set| set.get("Options")).and_then(Value::as_array);
    let options =
        options.ok_or_else(|| not_simulated("choices without options of their own (global choices)"))?;
    options
        .iter()
        .map(|option| {
            let value = option.get("Value").and_then(Value::as_i64);
            let text = option.get("Label").and_then(label);
            value.zip(text).ok_or_else(|| argument("Each option of a choice needs a Value and a Label."))
        })
        .collect()
}

pub(super) fn display_name(body: &Map<String, Value>) -> Option<String> {
    label(body.get("DisplayName")?)
}

/// The first text of a label.
fn label(label: &Value) -> Option<String> {
    label.get("LocalizedLabels")?.get(0)?.get("Label")?.as_str().map(str::to_owned)
}
