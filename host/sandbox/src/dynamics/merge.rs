//! `Merge`: one account, contact or lead goes into another.
//!
//! docs: the subordinate stays, inactive, with `merged` and `masterid`; what led to it leads to the master.

use super::{
    body::{self, Submitted},
    cell::Cell,
    crud,
    errors::{Outcome, Refusal, argument},
    events::Event,
    org::{Answer, Call, Org},
    qualify::reference,
    store::Row,
    tables::Table,
};
use serde_json::Value;

/// The tables whose rows can be merged.
const TABLES: &[&str] = &["account", "contact", "lead"];

/// `POST Merge`.
pub(crate) fn run(org: &mut Org, call: &Call) -> Outcome<Answer> {
    let body = call.json_body()?;
    let parameter = |org: &Org, name: &str| {
        let found = reference(org, body.get(name), TABLES)?;
        found.ok_or_else(|| argument(format!("Required parameter '{name}' is missing.")))
    };
    let (target, subordinate) = (parameter(org, "Target")?, parameter(org, "Subordinate")?);
    let (Cell::Reference { table, id: master }, Cell::Reference { table: other, id: loser }) =
        (target, subordinate)
    else {
        return Err(argument("Target and Subordinate must be rows."));
    };
    if table != other || master == loser {
        return Err(argument("Target and Subordinate must be two rows of one table."));
    }
    let table = org.table(&table)?.clone();
    if let Some(Value::Object(content)) = body.get("UpdateContent") {
        let mut content = content.clone();
        content.retain(|name, _| *name != table.primary_id);
        let submitted = body::read(org, call, &table, &content, false)?;
        let row = org.row(&table.logical, master)?;
        crud::update(org, call, &table, &row, submitted)?;
    }
    let to = Cell::Reference { table: table.logical.clone(), id: master };
    for pointer in crud::pointing(org, &table.logical, loser) {
        crud::point(org, &pointer.table, &pointer.column, pointer.row, to.clone());
    }
    let loser = org.row(&table.logical, loser)?;
    retire(org, call, &table, &loser, to)?;
    org.events.push(Event::new(call, "Merge", &table.logical, master));
    Ok(Answer::empty(204))
}

/// The subordinate is closed for good.
fn retire(org: &mut Org, call: &Call, table: &Table, row: &Row, master: Cell) -> Outcome<()> {
    if row.get("merged") == Cell::Flag(true) {
        return Err(Refusal::new(
            400,
            "0x80040203",
            format!("The record {} has been merged already.", row.id),
        ));
    }
    let inactive = table.states.last();
    let status = inactive.and_then(|state| state.statuses.last()).map(|(value, _)| Cell::Integer(*value));
    let mut retired = row.clone();
    let mut submitted = Submitted::default();
    let cells = [
        ("statecode", inactive.map(|state| Cell::Integer(state.value))),
        ("statuscode", status),
        ("merged", Some(Cell::Flag(true))),
        ("masterid", Some(master)),
    ];
    for (column, cell) in cells.into_iter().filter_map(|(column, cell)| Some((column, cell?))) {
        retired.set(column, cell.clone());
        submitted.set(column, cell);
    }
    crud::finish_update(org, call, table, retired, &submitted)?;
    Ok(())
}
