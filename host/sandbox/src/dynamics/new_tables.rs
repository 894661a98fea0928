//! New tables and lookups, and the few changes of a table's definition that are taken.

use super::{
    baseline,
    builder::TableBuilder,
    cell::Cell,
    errors::{Outcome, argument, not_simulated},
    identifiers::fixed_id,
    org::{Call, Org},
    provision::{display_name, is_prefixed, new_column},
    store::Row,
    tables::{Collection, Kind, Navigation},
    values::whole_second,
};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use uuid::Uuid;

/// The first type code of a custom table (docs: custom tables have 10,000 and more).
const FIRST_TYPE_CODE: i64 = 10_000;

/// What a new part of a solution is (docs: solutioncomponent, `componenttype`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Component {
    Table = 1,
    Column = 2,
    Relationship = 10,
    Key = 14,
}

/// `POST EntityDefinitions`: a table with its primary name column. Returns its logical name.
pub(super) fn table(org: &mut Org, call: &Call, body: &Map<String, Value>) -> Outcome<String> {
    let schema = schema_name(body)?;
    let logical = schema.to_lowercase();
    if org.tables.contains_key(&logical) {
        return Err(argument(format!("An entity with the specified name {logical} already exists.")));
    }
    let attributes = body.get("Attributes").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let is_primary = |column: &&Value| column.get("IsPrimaryName") == Some(&Value::Bool(true));
    let Some(Value::Object(primary)) = attributes.iter().find(is_primary) else {
        return Err(argument("A new table needs one of its Attributes with IsPrimaryName."));
    };
    let primary_name = schema_name(primary)?.to_lowercase();
    if body.get("OwnershipType").and_then(Value::as_str) != Some("UserOwned") {
        return Err(not_simulated("new tables that are not UserOwned"));
    }
    let number = org.tables.values().filter(|table| table.custom).count();
    let type_code = FIRST_TYPE_CODE + 1_000 + i64::try_from(number).unwrap_or_default();
    let label = display_name(body).unwrap_or_else(|| schema.to_owned());
    let mut table = TableBuilder::new(&logical, &set_name(&logical), type_code)
        .provisioned(&label)
        .primary_name(&primary_name)
        .business()
        .states(&[(0, "Active", &[(1, "Active")]), (1, "Inactive", &[(2, "Inactive")])])
        .build();
    table.tracked = body.get("ChangeTrackingEnabled").and_then(Value::as_bool).unwrap_or(false);
    org.sets.insert(table.set.clone(), logical.clone());
    org.tables.insert(logical.clone(), table);
    for column in attributes {
        let Value::Object(column) = column else { continue };
        super::provision::column(org, &logical, column)?;
    }
    let now = Cell::Instant(whole_second(call.now));
    for message in ["Create", "Update", "Delete"] {
        baseline::add_filter(org, &now, message, &logical);
    }
    Ok(logical)
}

/// `POST RelationshipDefinitions`: a lookup. Returns the relationship's schema name.
pub(super) fn relationship(org: &mut Org, body: &Map<String, Value>) -> Outcome<String> {
    let kind = body.get("@odata.type").and_then(Value::as_str).unwrap_or_default();
    if !kind.trim_start_matches('#').ends_with("OneToManyRelationshipMetadata") {
        return Err(not_simulated("relationships other than one-to-many"));
    }
    let schema = schema_name(body)?.to_owned();
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    let (Some(one), Some(many)) = (text("ReferencedEntity"), text("ReferencingEntity")) else {
        return Err(argument("A relationship needs ReferencedEntity and ReferencingEntity."));
    };
    let Some(Value::Object(lookup)) = body.get("Lookup") else {
        return Err(argument("A one-to-many relationship needs its Lookup."));
    };
    let name = schema_name(lookup)?.to_owned();
    let column = name.to_lowercase();
    if org.table(&one)?.collection(&schema).is_some() || org.table(&many)?.columns.contains_key(&column) {
        return Err(argument(format!("The relationship {schema}, or the column {column}, already exists.")));
    }
    let delete = body.get("CascadeConfiguration").and_then(|all| all.get("Delete")).and_then(Value::as_str);
    let label = display_name(lookup).unwrap_or_else(|| name.clone());
    if let Some(table) = org.tables.get_mut(&many) {
        let mut added = new_column(table, &column, &name, Kind::Lookup { targets: vec![one.clone()] });
        added.label = label;
        table.add(added);
        let cascades = delete == Some("Cascade");
        table.navigations.push(Navigation { name: name.clone(), column, target: one.clone(), cascades });
    }
    if let Some(table) = org.tables.get_mut(&one) {
        table.collections.push(Collection { name: schema.clone(), table: many, navigation: name });
    }
    Ok(schema)
}

/// `PUT EntityDefinitions(…)`: the whole definition again, of which change tracking and the label are taken.
pub(super) fn replace(org: &mut Org, logical: &str, body: &Map<String, Value>) -> Outcome<()> {
    if body.get("LogicalName").and_then(Value::as_str) != Some(logical) {
        return Err(argument("PUT takes the whole definition of the table, as GET gives it."));
    }
    let tracked = body.get("ChangeTrackingEnabled").and_then(Value::as_bool);
    let table = org.table(logical)?;
    if table.tracked && tracked == Some(false) {
        return Err(argument(format!("Change tracking of '{logical}' cannot be turned off again.")));
    }
    if let Some(table) = org.tables.get_mut(logical) {
        table.tracked |= tracked.unwrap_or(false);
        if let Some(label) = display_name(body) {
            table.label = label;
        }
    }
    Ok(())
}

/// The solution that a change of the metadata names, if it names one (`MSCRM.SolutionUniqueName`).
pub(super) fn solution(org: &Org, call: &Call) -> Outcome<Option<Uuid>> {
    let Some(name) = call.header("mscrm.solutionuniquename") else { return Ok(None) };
    let found = org.store.rows("solution").find(|row| row.get("uniquename").as_text() == Some(name));
    match found {
        None => Err(argument(format!("Solution with unique name '{name}' was not found."))),
        Some(row) if row.get("ismanaged") == Cell::Flag(true) => {
            Err(argument(format!("Solution '{name}' is managed; nothing can be added to it.")))
        }
        Some(row) => Ok(Some(row.id)),
    }
}

/// Notes a new part in its solution.
pub(super) fn add_to(org: &mut Org, call: &Call, solution: Option<Uuid>, kind: Component, part: Uuid) {
    let Some(solution) = solution else { return };
    let id = org.ids.guid();
    let now = Cell::Instant(whole_second(call.now));
    let cells = [
        ("solutioncomponentid", Cell::Id(id)),
        ("solutionid", Cell::Reference { table: "solution".to_owned(), id: solution }),
        ("componenttype", Cell::Integer(kind as i64)),
        ("objectid", Cell::Id(part)),
        ("createdon", now.clone()),
        ("modifiedon", now),
    ];
    let cells: BTreeMap<String, Cell> =
        cells.into_iter().map(|(name, cell)| (name.to_owned(), cell)).collect();
    org.store.put("solutioncomponent", Row { id, version: 0, cells });
}

/// The metadata id of a relationship.
pub(super) fn relationship_id(schema: &str) -> Uuid {
    fixed_id("relation", schema)
}

fn schema_name(body: &Map<String, Value>) -> Outcome<&str> {
    let schema = body.get("SchemaName").and_then(Value::as_str).filter(|name| is_prefixed(name));
    schema
        .ok_or_else(|| argument("A SchemaName with a publisher prefix is needed, such as 'contoso_Region'."))
}

/// The entity set of a new table: its name in the plural.
fn set_name(logical: &str) -> String {
    match logical.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None if logical.ends_with('s') => format!("{logical}es"),
        None => format!("{logical}s"),
    }
}
