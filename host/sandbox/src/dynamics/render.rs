//! Rows as JSON: selected columns, nulls included, annotations where they were asked for, expanded lookups.

use super::{
    cell::Cell,
    errors::{Outcome, no_such_property, query},
    odata::{options::Expand, options::Options, prefer::Prefer},
    org::Org,
    store::Row,
    tables::{Column, Kind, Table},
    values,
};
use serde_json::{Map, Value, json};

/// The annotation with the text that a form would show.
const FORMATTED: &str = "OData.Community.Display.V1.FormattedValue";
/// The annotation with the table that a lookup leads to.
const LOOKUP_TABLE: &str = "Microsoft.Dynamics.CRM.lookuplogicalname";
/// The annotation with the navigation property that a lookup came through.
const NAVIGATION: &str = "Microsoft.Dynamics.CRM.associatednavigationproperty";
/// How deep `$expand` may nest.
const EXPAND_DEPTH_MAX: usize = 5;

/// Refuses options that name what the table does not have.
pub(crate) fn check(org: &Org, table: &Table, options: &Options) -> Outcome<()> {
    check_depth(org, table, options, EXPAND_DEPTH_MAX)
}

fn check_depth(org: &Org, table: &Table, options: &Options, depth: usize) -> Outcome<()> {
    if depth == 0 {
        return Err(query(format!("$expand nests deeper than the limit of {EXPAND_DEPTH_MAX}.")));
    }
    for name in options.select.iter().chain(options.order.iter().map(|(name, _)| name)) {
        if table.column_of_property(name).is_none() && !is_path(org, table, name) {
            return Err(no_such_property(name, &table.logical));
        }
    }
    for expand in &options.expand {
        if let Some(collection) = table.collection(&expand.name) {
            check_depth(org, org.table(&collection.table)?, &expand.options, depth - 1)?;
            continue;
        }
        let navigation =
            table.navigation(&expand.name).ok_or_else(|| no_such_property(&expand.name, &table.logical))?;
        if expand.options.filter.is_some() || expand.options.top.is_some() {
            return Err(query(format!(
                "Only $select and $expand are supported in the $expand of the single-valued '{}'.",
                expand.name
            )));
        }
        check_depth(org, org.table(&navigation.target)?, &expand.options, depth - 1)?;
    }
    Ok(())
}

/// Whether `$orderby` names a column of a row that a lookup leads to.
fn is_path(org: &Org, table: &Table, name: &str) -> bool {
    let Some((navigation, rest)) = name.split_once('/') else { return false };
    table
        .navigation(navigation)
        .and_then(|navigation| org.tables.get(&navigation.target))
        .is_some_and(|target| target.column_of_property(rest).is_some() || is_path(org, target, rest))
}

/// The value that a property path (`name`, `_ownerid_value`, `parentaccountid/name`) has in a row.
pub(crate) fn path_value(org: &Org, table: &Table, row: &Row, path: &[String]) -> Cell {
    match path {
        [] => Cell::Null,
        [property] => match table.column_of_property(property) {
            Some(column) if column.readable => cell_of(row, column),
            _ => Cell::Null,
        },
        [navigation, rest @ ..] => {
            let Some(navigation) = table.navigation(navigation) else { return Cell::Null };
            let Cell::Reference { table: target, id } = row.get(&navigation.column) else {
                return Cell::Null;
            };
            if target != navigation.target {
                return Cell::Null;
            }
            match (org.tables.get(&target), org.store.row(&target, id)) {
                (Some(table), Some(row)) => path_value(org, table, &row, rest),
                _ => Cell::Null,
            }
        }
    }
}

/// The value of a column; the version number is not stored as one.
pub(crate) fn cell_of(row: &Row, column: &Column) -> Cell {
    match column.kind {
        Kind::Big if column.logical == "versionnumber" => {
            i64::try_from(row.version).map_or(Cell::Null, Cell::Integer)
        }
        _ if !column.readable || column.secured => Cell::Null,
        _ => row.get(&column.logical),
    }
}

/// One row with the selected columns. The primary key is always there. Expanded collections are added by `query`.
pub(crate) fn row(
    org: &Org,
    table: &Table,
    row: &Row,
    options: &Options,
    prefer: &Prefer,
) -> Map<String, Value> {
    let mut out = Map::new();
    out.insert("@odata.etag".to_owned(), Value::String(row.etag()));
    for column in columns(table, &options.select) {
        write_column(org, table, row, column, prefer, &mut out);
    }
    for expand in options.expand.iter().filter(|expand| table.collection(&expand.name).is_none()) {
        out.insert(expand.name.clone(), expanded(org, table, row, expand, prefer));
    }
    out
}

/// The columns that a `$select` brings: those named, the primary key, and the currency beside money.
fn columns<'a>(table: &'a Table, select: &[String]) -> Vec<&'a Column> {
    if select.is_empty() {
        return table.columns.values().filter(|column| column.readable).collect();
    }
    let mut columns: Vec<&Column> = select.iter().filter_map(|name| table.column_of_property(name)).collect();
    let has_money = columns.iter().any(|column| matches!(column.kind, Kind::Money | Kind::MoneyBase { .. }));
    let more = [Some(table.primary_id.as_str()), has_money.then_some("transactioncurrencyid")];
    columns.extend(more.into_iter().flatten().filter_map(|name| table.columns.get(name)));
    columns
}

fn write_column(
    org: &Org,
    table: &Table,
    row: &Row,
    column: &Column,
    prefer: &Prefer,
    out: &mut Map<String, Value>,
) {
    let property = column.property();
    let cell = cell_of(row, column);
    if prefer.annotations.is_some() && !cell.is_null() {
        if prefer.wants(FORMATTED)
            && let Some(text) = formatted(org, table, row, column, &cell)
        {
            out.insert(format!("{property}@{FORMATTED}"), Value::String(text));
        }
        if let Cell::Reference { table: target, .. } = &cell {
            if prefer.wants(LOOKUP_TABLE) {
                out.insert(format!("{property}@{LOOKUP_TABLE}"), json!(target));
            }
            if prefer.wants(NAVIGATION)
                && let Some(navigation) = table.navigation_of(&column.logical, target)
            {
                out.insert(format!("{property}@{NAVIGATION}"), json!(navigation.name));
            }
        }
    }
    out.insert(property, values::show(&cell));
}

/// The text that a form would show for a value.
fn formatted(org: &Org, table: &Table, row: &Row, column: &Column, cell: &Cell) -> Option<String> {
    match (&column.kind, cell) {
        (_, Cell::Reference { table: target, id }) => {
            let target = org.tables.get(target)?;
            let row = org.store.row(&target.logical, *id)?;
            row.get(&target.primary_name).as_text().map(str::to_owned)
        }
        (Kind::Money, _) => {
            with_symbol(org, row.get("transactioncurrencyid"), values::formatted(table, column, cell)?)
        }
        (Kind::MoneyBase { .. }, _) => {
            with_symbol(org, org.base_currency(), values::formatted(table, column, cell)?)
        }
        _ => values::formatted(table, column, cell),
    }
}

fn with_symbol(org: &Org, currency: Cell, amount: String) -> Option<String> {
    let symbol = currency
        .as_id()
        .and_then(|id| org.store.row("transactioncurrency", id))
        .and_then(|currency| currency.get("currencysymbol").as_text().map(str::to_owned))
        .unwrap_or_default();
    Some(match amount.strip_prefix('-') {
        Some(positive) => format!("-{symbol}{positive}"),
        None => format!("{symbol}{amount}"),
    })
}

/// The row behind a lookup, inline, or null.
fn expanded(org: &Org, table: &Table, from: &Row, expand: &Expand, prefer: &Prefer) -> Value {
    let target = table.navigation(&expand.name).and_then(|navigation| match from.get(&navigation.column) {
        Cell::Reference { table, id } if table == navigation.target => {
            Some((org.tables.get(&table)?, org.store.row(&table, id)?))
        }
        _ => None,
    });
    target.map_or(Value::Null, |(table, target)| {
        Value::Object(row(org, table, &target, &expand.options, prefer))
    })
}

/// What stands in the parentheses of a context URL, if anything: `(name,parentaccountid(name))`.
pub(crate) fn context_columns(options: &Options) -> String {
    let mut parts: Vec<String> = options.select.clone();
    for expand in &options.expand {
        let inner = context_columns(&expand.options);
        parts.push(format!("{}{}", expand.name, if inner.is_empty() { "()" } else { &inner }));
    }
    if parts.is_empty() { String::new() } else { format!("({})", parts.join(",")) }
}
