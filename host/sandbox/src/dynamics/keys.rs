//! Alternate keys: values that fit their columns, uniqueness, and the job that builds a key's index.

use super::{
    cell::Cell,
    errors::{Outcome, Refusal, argument, duplicate_key},
    identifiers::fixed_id,
    org::Org,
    store::Row,
    tables::{AlternateKey, Column, KeyStatus, Kind},
};

/// The most alternate keys a table may have (docs: "Define alternate keys").
const KEYS_PER_TABLE_MAX: usize = 10;
/// The most columns an alternate key may have (docs: "Define alternate keys").
const COLUMNS_PER_KEY_MAX: usize = 16;

/// A key value from a URL as a cell of its column, or nothing if it can never be one.
pub(crate) fn fit(column: &Column, cell: Cell) -> Option<Cell> {
    match (&column.kind, cell) {
        (Kind::Text { .. } | Kind::Memo { .. }, Cell::Text(text)) => Some(Cell::Text(text)),
        (Kind::Integer { .. } | Kind::Choice(_), Cell::Integer(number)) => Some(Cell::Integer(number)),
        (Kind::Decimal { .. }, number @ (Cell::Integer(_) | Cell::Decimal(_))) => {
            number.number().map(Cell::Decimal)
        }
        (Kind::Date, Cell::Date(date)) => Some(Cell::Date(date)),
        (Kind::Instant, Cell::Instant(at)) => Some(Cell::Instant(at)),
        (Kind::Lookup { targets }, Cell::Id(id)) => {
            Some(Cell::Reference { table: targets.first()?.clone(), id })
        }
        _ => None,
    }
}

/// Refuses a row whose key values another row has.
pub(crate) fn check(org: &Org, table: &str, row: &Row) -> Outcome<()> {
    match org.store.key_violation(table, row) {
        None => Ok(()),
        Some((schema, columns, _)) => Err(duplicate_key(&schema, &columns.join(", "))),
    }
}

/// Declares a key. Its index is built by a job: it is pending until it was looked at as often as the switch
/// `keyActivationLooks` says.
pub(crate) fn declare(
    org: &mut Org,
    table: &str,
    schema: &str,
    columns: Vec<String>,
) -> Outcome<AlternateKey> {
    let looks_left = org.switches.key_activation_looks;
    let model = org.table(table)?;
    if model.keys.iter().any(|key| key.schema.eq_ignore_ascii_case(schema)) {
        return Err(Refusal::new(
            400,
            "0x80060893",
            format!("An entity key with the name {schema} already exists on entity {table}."),
        ));
    }
    if model.keys.iter().any(|key| same_columns(&key.columns, &columns)) {
        return Err(Refusal::new(
            400,
            "0x80060894",
            format!("An entity key on entity {table} with the same attributes already exists."),
        ));
    }
    if model.keys.len() >= KEYS_PER_TABLE_MAX || columns.is_empty() || columns.len() > COLUMNS_PER_KEY_MAX {
        return Err(argument(format!(
            "A table has at most {KEYS_PER_TABLE_MAX} alternate keys, each of 1 to {COLUMNS_PER_KEY_MAX} columns."
        )));
    }
    for column in &columns {
        let usable = model.columns.get(column).is_some_and(|column| {
            matches!(
                column.kind,
                Kind::Text { .. }
                    | Kind::Integer { .. }
                    | Kind::Decimal { .. }
                    | Kind::Date
                    | Kind::Instant
                    | Kind::Lookup { .. }
                    | Kind::Choice(_)
            )
        });
        if !usable {
            return Err(argument(format!(
                "The column '{column}' of '{table}' cannot be part of an alternate key."
            )));
        }
    }
    let key = AlternateKey {
        schema: schema.to_owned(),
        columns,
        status: KeyStatus::Pending { looks_left },
        id: fixed_id("key", &format!("{table}.{schema}")),
    };
    if let Some(model) = org.tables.get_mut(table) {
        model.keys.push(key.clone());
    }
    if looks_left == 0 {
        build_index(org, table, schema);
    }
    Ok(key)
}

/// Somebody looked at the keys of a table: pending jobs come closer to their end.
pub(crate) fn looked_at(org: &mut Org, table: &str) {
    let mut ripe = Vec::new();
    if let Some(model) = org.tables.get_mut(table) {
        for key in &mut model.keys {
            if let KeyStatus::Pending { looks_left } = &mut key.status {
                *looks_left = looks_left.saturating_sub(1);
                if *looks_left == 0 {
                    ripe.push(key.schema.clone());
                }
            }
        }
    }
    for schema in ripe {
        build_index(org, table, &schema);
    }
}

/// Builds the index of a key; duplicates make it fail.
pub(crate) fn build_index(org: &mut Org, table: &str, schema: &str) {
    let Some(model) = org.tables.get(table) else { return };
    let Some(key) = model.keys.iter().find(|key| key.schema == schema) else { return };
    if key.status == KeyStatus::Active {
        return;
    }
    let columns = key.columns.clone();
    let built = org.store.index_key(model, schema, &columns);
    if let Some(key) =
        org.tables.get_mut(table).and_then(|model| model.keys.iter_mut().find(|key| key.schema == schema))
    {
        key.status = if built { KeyStatus::Active } else { KeyStatus::Failed };
    }
}

/// Removes a key by schema name.
pub(crate) fn remove(org: &mut Org, table: &str, schema: &str) {
    org.store.drop_key(table, schema);
    if let Some(model) = org.tables.get_mut(table) {
        model.keys.retain(|key| key.schema != schema);
    }
}

fn same_columns(a: &[String], b: &[String]) -> bool {
    a.len() == b.len() && a.iter().all(|column| b.contains(column))
}
