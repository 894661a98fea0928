//! Create, update, upsert and delete, each inside the transaction of its request.

use super::{
    body::{self, Submitted},
    cell::Cell,
    conditions::Conditions,
    errors::{Outcome, duplicate_id, exists, missing, not_simulated, stale},
    events::Event,
    keys,
    org::{Address, Answer, Call, Org},
    rules,
    store::Row,
    tables::{Kind, Table},
    values::whole_second,
};
use serde_json::{Map, Value};
use std::{collections::BTreeMap, sync::Arc};
use uuid::Uuid;

/// How deep nested creates may go.
const DEEP_INSERT_DEPTH_MAX: usize = 5;

/// `POST /set`.
pub(crate) fn create_request(org: &mut Org, call: &Call, logical: &str) -> Outcome<Answer> {
    let body = call.json_body()?;
    let row = create(org, call, logical, &body, None, DEEP_INSERT_DEPTH_MAX)?;
    let table = org.table(logical)?;
    if call.prefer.representation {
        return super::query::represent(org, call, table, &row, 201);
    }
    let url = format!("{}/{}({})", call.base, table.set, row.id);
    Ok(Answer::empty(204).with("odata-entityid", url.clone()).with("location", url))
}

/// `PATCH /set(key)`: an update, or a create where nothing is there and the conditions allow it.
pub(crate) fn patch_request(org: &mut Org, call: &Call, logical: &str, address: &Address) -> Outcome<Answer> {
    let conditions = Conditions::read(call)?;
    let body = call.json_body()?;
    let table = org.table(logical)?.clone();
    let (row, created) = upsert(org, call, &table, address, &body, &conditions)?;
    if call.prefer.representation {
        return super::query::represent(org, call, &table, &row, if created { 201 } else { 200 });
    }
    let url = format!("{}/{}({})", call.base, table.set, address.form());
    Ok(Answer::empty(204).with("odata-entityid", url))
}

/// Updates the row at an address, or creates it there. Returns the row and whether it is new.
pub(crate) fn upsert(
    org: &mut Org,
    call: &Call,
    table: &Table,
    address: &Address,
    body: &Map<String, Value>,
    conditions: &Conditions,
) -> Outcome<(Arc<Row>, bool)> {
    if let Some(row) = org.find(table, address) {
        if conditions.none_match_any {
            return Err(exists());
        }
        conditions.check_match(table, &row)?;
        let mut submitted = body::read(org, call, table, body, false)?;
        if let Address::Alternate { values, .. } = address {
            // The key says which row it is; it is not changed through itself.
            submitted.cells.retain(|(name, _)| !values.iter().any(|(key, _)| key == name));
        }
        return update(org, call, table, &row, submitted).map(|row| (row, false));
    }
    if conditions.has_match() {
        return Err(org.at(table, address).err().unwrap_or_else(stale));
    }
    let row = match address {
        Address::Id(id) => create(
            org,
            call,
            &table.logical,
            body,
            Some(&[(table.primary_id.clone(), Cell::Id(*id))]),
            DEEP_INSERT_DEPTH_MAX,
        )?,
        Address::Alternate { values, .. } => {
            create(org, call, &table.logical, body, Some(values), DEEP_INSERT_DEPTH_MAX)?
        }
    };
    Ok((row, true))
}

/// `DELETE /set(key)`.
pub(crate) fn delete_request(
    org: &mut Org,
    call: &Call,
    logical: &str,
    address: &Address,
) -> Outcome<Answer> {
    let conditions = Conditions::read(call)?;
    let table = org.table(logical)?.clone();
    let row = org.at(&table, address)?;
    conditions.check_match(&table, &row)?;
    delete(org, call, &table, row.id)?;
    Ok(Answer::empty(204))
}

/// Creates a row. `key` are values from the URL, which a differing value in the body overrides.
pub(crate) fn create(
    org: &mut Org,
    call: &Call,
    logical: &str,
    body: &Map<String, Value>,
    key: Option<&[(String, Cell)]>,
    depth: usize,
) -> Outcome<Arc<Row>> {
    if depth == 0 {
        return Err(not_simulated(format!("rows nested deeper than {DEEP_INSERT_DEPTH_MAX} levels")));
    }
    let table = org.table(logical)?.clone();
    let mut submitted = body::read(org, call, &table, body, true)?;
    for (column, cell) in key.unwrap_or_default() {
        if *column == table.primary_id {
            submitted.id = submitted.id.or(cell.as_id());
        } else if submitted.get(column).is_none() {
            submitted.cells.push((column.clone(), cell.clone()));
        }
    }
    for (navigation, parent) in std::mem::take(&mut submitted.parents) {
        let row = create(org, call, &navigation.target, &parent, None, depth - 1)?;
        submitted.set(&navigation.column, Cell::Reference { table: navigation.target, id: row.id });
    }
    let children = std::mem::take(&mut submitted.children);
    let row = insert(org, call, &table, submitted)?;
    for (collection, rows) in children {
        let back = org
            .table(&collection.table)?
            .navigation(&collection.navigation)
            .map(|navigation| navigation.column.clone())
            .ok_or_else(|| missing(&collection.table, row.id))?;
        let pointer = [(back, Cell::Reference { table: table.logical.clone(), id: row.id })];
        for child in rows {
            create(org, call, &collection.table, &child, Some(&pointer), depth - 1)?;
        }
    }
    Ok(row)
}

/// Writes a new row with everything that the platform adds.
fn insert(org: &mut Org, call: &Call, table: &Table, mut submitted: Submitted) -> Outcome<Arc<Row>> {
    let id = submitted.id.unwrap_or_else(|| org.ids.guid());
    if org.store.row(&table.logical, id).is_some() {
        return Err(duplicate_id());
    }
    super::webhooks::check_registration(table, &submitted)?;
    let mut row = Row { id, version: 0, cells: defaults(org, call, table) };
    row.set(&table.primary_id, Cell::Id(id));
    rules::automate(org, table, &row, &mut submitted)?;
    for (column, cell) in &submitted.cells {
        row.set(column, cell.clone());
    }
    if let Cell::Instant(at) = row.get("overriddencreatedon") {
        row.set("createdon", Cell::Instant(at));
        row.set("overriddencreatedon", Cell::Instant(whole_second(call.now)));
    }
    rules::settle_state(table, &mut row, &submitted)?;
    rules::check_required(table, &row)?;
    let derived = rules::derive(org, table, &mut row, &submitted);
    keys::check(org, &table.logical, &row)?;
    rules::detect_duplicates(org, call, table, &row)?;
    let added = [
        table.primary_id.as_str(),
        "createdon",
        "createdby",
        "modifiedon",
        "modifiedby",
        "ownerid",
        "statecode",
        "statuscode",
        "transactioncurrencyid",
        "exchangerate",
    ];
    finish(org, call, table, "Create", row, &submitted, &derived, &added)
}

/// The values of a new row before the client's own.
fn defaults(org: &Org, call: &Call, table: &Table) -> BTreeMap<String, Cell> {
    let mut cells = BTreeMap::new();
    let user = Cell::Reference { table: "systemuser".to_owned(), id: call.user };
    let now = Cell::Instant(whole_second(call.now));
    for column in table.columns.values() {
        let cell = match (column.logical.as_str(), &column.kind) {
            ("createdon" | "modifiedon", _) => now.clone(),
            ("createdby" | "modifiedby" | "ownerid", _) => user.clone(),
            ("createdonbehalfby", _) if call.user != call.initiator => {
                Cell::Reference { table: "systemuser".to_owned(), id: call.initiator }
            }
            ("statecode", _) => table.states.first().map_or(Cell::Null, |state| Cell::Integer(state.value)),
            ("transactioncurrencyid", Kind::Lookup { .. }) => org.base_currency(),
            ("isrevenuesystemcalculated", _) => Cell::Flag(org.switches.revenue_system_calculated),
            (_, Kind::Flag { .. }) => Cell::Flag(false),
            _ => continue,
        };
        if !cell.is_null() {
            cells.insert(column.logical.clone(), cell);
        }
    }
    cells
}

/// Changes a row.
pub(crate) fn update(
    org: &mut Org,
    call: &Call,
    table: &Table,
    before: &Row,
    mut submitted: Submitted,
) -> Outcome<Arc<Row>> {
    rules::check_state_change(org, table, before, &submitted)?;
    super::webhooks::check_registration(table, &submitted)?;
    let mut row = before.clone();
    rules::automate(org, table, &row, &mut submitted)?;
    for (column, cell) in &submitted.cells {
        row.set(column, cell.clone());
    }
    rules::settle_state(table, &mut row, &submitted)?;
    if submitted.get("statecode").and_then(Cell::as_integer) == Some(0)
        && before.get("statecode") != Cell::Integer(0)
        && table.logical == "opportunity"
    {
        row.set("actualclosedate", Cell::Null);
        row.set("actualvalue", Cell::Null);
    }
    finish_update(org, call, table, row, &submitted)
}

/// The last part of an update, shared with the actions that close an opportunity.
pub(crate) fn finish_update(
    org: &mut Org,
    call: &Call,
    table: &Table,
    mut row: Row,
    submitted: &Submitted,
) -> Outcome<Arc<Row>> {
    rules::check_required(table, &row)?;
    let derived = rules::derive(org, table, &mut row, submitted);
    keys::check(org, &table.logical, &row)?;
    let user = |id: Uuid| Cell::Reference { table: "systemuser".to_owned(), id };
    row.set("modifiedon", Cell::Instant(whole_second(call.now)));
    row.set("modifiedby", user(call.user));
    let behalf = if call.user == call.initiator { Cell::Null } else { user(call.initiator) };
    row.set("modifiedonbehalfby", behalf);
    finish(
        org,
        call,
        table,
        "Update",
        row,
        submitted,
        &derived,
        &["modifiedon", "modifiedby", "modifiedonbehalfby"],
    )
}

/// Stores the row and notes the event.
#[expect(
    clippy::too_many_arguments,
    reason = "the end of both create and update; a struct would only rename them"
)]
fn finish(
    org: &mut Org,
    call: &Call,
    table: &Table,
    message: &'static str,
    row: Row,
    submitted: &Submitted,
    derived: &[String],
    added: &[&str],
) -> Outcome<Arc<Row>> {
    let before = org.store.row(&table.logical, row.id);
    let row = org.store.put(&table.logical, row);
    let mut event = Event::new(call, message, &table.logical, row.id);
    event.before = before;
    event.submitted = submitted.cells.iter().map(|(name, _)| name.clone()).collect();
    let names = event.submitted.clone().into_iter();
    let names = names.chain(derived.iter().cloned()).chain(added.iter().map(|name| (*name).to_owned()));
    for name in names {
        if table.columns.contains_key(&name) && !event.target.iter().any(|(seen, _)| *seen == name) {
            let cell = row.get(&name);
            // A column that the client set to null is in Target; one that the platform left empty is not.
            if !cell.is_null() || submitted.get(&name).is_some() {
                event.target.push((name, cell));
            }
        }
    }
    event.row = Some(Arc::clone(&row));
    org.events.push(event);
    Ok(row)
}

/// Deletes a row, with the rows that cascade; other lookups that lead to it are cleared.
pub(crate) fn delete(org: &mut Org, call: &Call, table: &Table, id: Uuid) -> Outcome<()> {
    for Pointer { table: other, column, row, cascades } in pointing(org, &table.logical, id) {
        if cascades {
            let other = org.table(&other)?.clone();
            delete(org, call, &other, row)?;
        } else {
            point(org, &other, &column, row, Cell::Null);
        }
    }
    let before = org.store.row(&table.logical, id);
    org.store.remove(&table.logical, id, call.now);
    let mut event = Event::new(call, "Delete", &table.logical, id);
    event.before = before;
    org.events.push(event);
    Ok(())
}

/// A lookup that leads to a row.
pub(crate) struct Pointer {
    pub(crate) table: String,
    pub(crate) column: String,
    pub(crate) row: Uuid,
    cascades: bool,
}

/// The lookups that lead to a row of `table`.
pub(crate) fn pointing(org: &Org, table: &str, id: Uuid) -> Vec<Pointer> {
    let mut found = Vec::new();
    for other in org.tables.values() {
        for navigation in other.navigations.iter().filter(|navigation| navigation.target == table) {
            let to_it = Cell::Reference { table: table.to_owned(), id };
            let rows = org.store.rows(&other.logical).filter(|row| row.get(&navigation.column) == to_it);
            found.extend(rows.map(|row| Pointer {
                table: other.logical.clone(),
                column: navigation.column.clone(),
                row: row.id,
                cascades: navigation.cascades,
            }));
        }
    }
    found
}

/// Makes a lookup lead elsewhere, without an event.
pub(crate) fn point(org: &mut Org, table: &str, column: &str, row: Uuid, to: Cell) {
    if let Some(row) = org.store.row(table, row) {
        let mut row = (*row).clone();
        row.set(column, to);
        org.store.put(table, row);
    }
}
