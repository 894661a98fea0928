//! The body of a create or an update, read against its table.

use super::{
    cell::Cell,
    errors::{Outcome, Refusal, payload},
    org::{Call, Org},
    tables::{Collection, Kind, Navigation, Table},
    values,
};
use serde_json::{Map, Value};
use uuid::Uuid;

/// What a client submitted.
#[derive(Debug, Default)]
pub(crate) struct Submitted {
    /// The primary id, where the client chose one.
    pub(crate) id: Option<Uuid>,
    /// Columns and values, in the body's order.
    pub(crate) cells: Vec<(String, Cell)>,
    /// Rows to create first and point to.
    pub(crate) parents: Vec<(Navigation, Map<String, Value>)>,
    /// Rows to create afterwards that point here.
    pub(crate) children: Vec<(Collection, Vec<Map<String, Value>>)>,
}

impl Submitted {
    /// The value submitted for a column.
    pub(crate) fn get(&self, column: &str) -> Option<&Cell> {
        self.cells.iter().rev().find(|(name, _)| name == column).map(|(_, cell)| cell)
    }

    /// Adds a value, in place of one that was submitted.
    pub(crate) fn set(&mut self, column: &str, cell: Cell) {
        self.cells.retain(|(name, _)| name != column);
        self.cells.push((column.to_owned(), cell));
    }
}

/// Reads a body. Values for columns that cannot be created (or updated) are ignored without an error, as the real
/// service does; unknown names are refused.
pub(crate) fn read(
    org: &Org,
    call: &Call,
    table: &Table,
    body: &Map<String, Value>,
    creating: bool,
) -> Outcome<Submitted> {
    let mut submitted = Submitted::default();
    for (name, value) in body {
        if let Some((property, annotation)) = name.split_once('@') {
            if annotation == "odata.bind" {
                bind(org, call, table, property, value, &mut submitted)?;
            }
            continue;
        }
        if *name == table.primary_id {
            let column = table.columns.get(name).ok_or_else(|| unknown(table, name))?;
            submitted.id = values::read(table, column, value)?.as_id();
        } else if let Some(navigation) = table.navigation(name) {
            nested(table, navigation, value, creating, &mut submitted)?;
        } else if let Some(collection) = table.collections.iter().find(|collection| collection.name == *name)
        {
            submitted.children.push((collection.clone(), children(name, value, creating)?));
        } else {
            let column = plain_column(table, name)?;
            if column.secured {
                return Err(secured(table, name));
            }
            let cell = values::read(table, column, value)?;
            if if creating { column.creatable } else { column.updatable } {
                submitted.cells.push((name.clone(), cell));
            }
        }
    }
    Ok(submitted)
}

/// The column of a name in a body, which must not be a lookup.
pub(crate) fn plain_column<'a>(table: &'a Table, name: &str) -> Outcome<&'a super::tables::Column> {
    if name.starts_with('_') && table.column_of_property(name).is_some() {
        return Err(payload(format!(
            "CRM do not support direct update of Entity Reference properties, Use Navigation properties instead \
             ('{name}')."
        )));
    }
    table
        .columns
        .get(name)
        .filter(|column| !matches!(column.kind, Kind::Lookup { .. }))
        .ok_or_else(|| unknown(table, name))
}

fn bind(
    org: &Org,
    call: &Call,
    table: &Table,
    property: &str,
    value: &Value,
    submitted: &mut Submitted,
) -> Outcome<()> {
    let Some(navigation) = table.navigation(property) else {
        return Err(payload(format!(
            "Microsoft.OData.ODataException: An undeclared property '{property}' which only has property annotations \
             in the payload but no property value was found in the payload. In OData, only declared navigation \
             properties and declared named streams can be represented as properties without values."
        )));
    };
    let cell = match value {
        Value::Null => Cell::Null,
        Value::String(text) if text.is_empty() => Cell::Null,
        Value::String(text) => {
            let (target, id) = org.reference(call, text)?;
            if target != navigation.target {
                return Err(payload(format!(
                    "the navigation property '{property}' leads to '{}', but '{text}' is a '{target}'",
                    navigation.target
                )));
            }
            Cell::Reference { table: target, id }
        }
        _ => return Err(payload(format!("'{property}@odata.bind' takes a text or null"))),
    };
    // A polymorphic lookup has one column behind several names: clearing one must not undo setting another.
    if cell.is_null() && submitted.get(&navigation.column).is_some_and(|cell| !cell.is_null()) {
        return Ok(());
    }
    let read_only = table.columns.get(&navigation.column).is_some_and(|column| !column.updatable);
    if !read_only {
        submitted.set(&navigation.column, cell);
    }
    Ok(())
}

fn nested(
    table: &Table,
    navigation: &Navigation,
    value: &Value,
    creating: bool,
    submitted: &mut Submitted,
) -> Outcome<()> {
    match value {
        Value::Null => {
            submitted.set(&navigation.column, Cell::Null);
            Ok(())
        }
        Value::Object(row) if creating => {
            submitted.parents.push((navigation.clone(), row.clone()));
            Ok(())
        }
        _ => Err(payload(format!(
            "the navigation property '{}' of '{}' takes a nested row on create only; bind an existing row with \
             '{}@odata.bind'",
            navigation.name, table.logical, navigation.name
        ))),
    }
}

fn children(name: &str, value: &Value, creating: bool) -> Outcome<Vec<Map<String, Value>>> {
    let rows = value
        .as_array()
        .filter(|_| creating)
        .and_then(|rows| rows.iter().map(|row| row.as_object().cloned()).collect::<Option<Vec<_>>>());
    rows.ok_or_else(|| payload(format!("'{name}' takes a list of nested rows, on create only")))
}

/// The code is an assumption.
fn secured(table: &Table, name: &str) -> Refusal {
    let message = format!(
        "Caller does not have permission to write the secured column '{name}' of '{}'.",
        table.logical
    );
    Refusal::new(403, "0x8004f507", message)
}

fn unknown(table: &Table, name: &str) -> Refusal {
    payload(format!(
        "Invalid property '{name}' was found in entity 'Microsoft.Dynamics.CRM.{0}'. ---> \
         Microsoft.OData.ODataException: The property '{name}' does not exist on type 'Microsoft.Dynamics.CRM.{0}'. \
         Make sure to only use property names that are defined by the type.",
        table.logical
    ))
}
