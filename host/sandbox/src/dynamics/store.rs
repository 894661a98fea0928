//! The rows: what is stored, at which version, what was deleted, and how a transaction is taken back.

use super::{cell::Cell, tables::Table};
use jiff::Timestamp;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};
use uuid::Uuid;

/// The version before the first write. Far from zero, as on a system that has been in use.
const FIRST_VERSION: u64 = 1_000_000;

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    /// Its primary id.
    pub(crate) id: Uuid,
    /// Its version; the digits of its ETag.
    pub(crate) version: u64,
    /// Its values by logical column name, nulls left out.
    pub(crate) cells: BTreeMap<String, Cell>,
}

impl Row {
    /// The value of a column, null if there is none.
    pub(crate) fn get(&self, column: &str) -> Cell {
        self.cells.get(column).cloned().unwrap_or(Cell::Null)
    }

    /// Sets or clears a value.
    pub(crate) fn set(&mut self, column: &str, cell: Cell) {
        if cell.is_null() {
            self.cells.remove(column);
        } else {
            self.cells.insert(column.to_owned(), cell);
        }
    }

    /// The weak ETag.
    pub(crate) fn etag(&self) -> String {
        format!("W/\"{}\"", self.version)
    }
}

/// A row that is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tombstone {
    /// Its id.
    pub(crate) id: Uuid,
    /// When it was deleted.
    pub(crate) at: Timestamp,
}

/// The rows of one table.
#[derive(Debug, Default)]
struct Shelf {
    rows: BTreeMap<Uuid, Arc<Row>>,
    by_version: BTreeMap<u64, Uuid>,
    tombstones: BTreeMap<u64, Tombstone>,
    /// What each row refers to: the target, then the row.
    references: BTreeSet<(Uuid, Uuid)>,
    keys: Vec<KeyIndex>,
}

/// The index of one alternate key.
#[derive(Debug)]
struct KeyIndex {
    schema: String,
    columns: Vec<String>,
    rows: HashMap<Vec<String>, Uuid>,
}

/// What undoes one step.
#[derive(Debug)]
enum Undo {
    Row { table: String, id: Uuid, before: Option<Arc<Row>> },
    Tombstone { table: String, version: u64 },
}

/// All rows of the organisation.
#[derive(Debug, Default)]
pub(crate) struct Store {
    shelves: HashMap<String, Shelf>,
    version: u64,
    undo: Vec<Undo>,
}

/// A point that a transaction can be taken back to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Savepoint(usize);

impl Store {
    /// An empty store whose versions go on after `version`, so that a reset never repeats one.
    pub(crate) fn after(version: u64) -> Self {
        Self { version: version.max(FIRST_VERSION), ..Self::default() }
    }

    /// The last version given out.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// Marks where to go back to.
    pub(crate) fn savepoint(&self) -> Savepoint {
        Savepoint(self.undo.len())
    }

    /// Takes back everything since the savepoint. Versions that were given out stay used.
    pub(crate) fn roll_back(&mut self, to: Savepoint) {
        while self.undo.len() > to.0 {
            match self.undo.pop() {
                Some(Undo::Row { table, id, before }) => self.place(&table, id, before),
                Some(Undo::Tombstone { table, version }) => {
                    self.shelf(&table).tombstones.remove(&version);
                }
                None => return,
            }
        }
    }

    /// Makes everything so far final.
    pub(crate) fn commit(&mut self) {
        self.undo.clear();
    }

    /// A row by id.
    pub(crate) fn row(&self, table: &str, id: Uuid) -> Option<Arc<Row>> {
        self.shelves.get(table)?.rows.get(&id).cloned()
    }

    /// All rows of a table, by id.
    pub(crate) fn rows(&self, table: &str) -> impl Iterator<Item = &Arc<Row>> {
        self.shelves.get(table).into_iter().flat_map(|shelf| shelf.rows.values())
    }

    /// The rows of a table with a lookup to this row of any table, by id.
    pub(crate) fn rows_referring(&self, table: &str, target: Uuid) -> impl Iterator<Item = &Arc<Row>> {
        self.shelves.get(table).into_iter().flat_map(move |shelf| {
            let ids = shelf.references.range((target, Uuid::nil())..=(target, Uuid::max()));
            ids.filter_map(|(_, id)| shelf.rows.get(id))
        })
    }

    /// The rows written after a version, oldest write first.
    pub(crate) fn changed_after(&self, table: &str, version: u64) -> Vec<Arc<Row>> {
        let Some(shelf) = self.shelves.get(table) else { return Vec::new() };
        shelf.by_version.range(version + 1..).filter_map(|(_, id)| shelf.rows.get(id).cloned()).collect()
    }

    /// The rows deleted after a version, with the versions of their deletion.
    pub(crate) fn deleted_after(&self, table: &str, version: u64) -> Vec<(u64, Tombstone)> {
        let Some(shelf) = self.shelves.get(table) else { return Vec::new() };
        shelf.tombstones.range(version + 1..).map(|(version, stone)| (*version, *stone)).collect()
    }

    /// Writes a row under a new version and returns it.
    pub(crate) fn put(&mut self, table: &str, mut row: Row) -> Arc<Row> {
        self.version += 1;
        row.version = self.version;
        let row = Arc::new(row);
        let before = self.row(table, row.id);
        self.undo.push(Undo::Row { table: table.to_owned(), id: row.id, before });
        self.place(table, row.id, Some(Arc::clone(&row)));
        row
    }

    /// Deletes a row and leaves a tombstone.
    pub(crate) fn remove(&mut self, table: &str, id: Uuid, at: Timestamp) {
        let before = self.row(table, id);
        if before.is_none() {
            return;
        }
        self.version += 1;
        let version = self.version;
        self.undo.push(Undo::Row { table: table.to_owned(), id, before });
        self.undo.push(Undo::Tombstone { table: table.to_owned(), version });
        self.place(table, id, None);
        self.shelf(table).tombstones.insert(version, Tombstone { id, at });
    }

    /// Builds the index of an alternate key; false, and no index, if two rows share its values.
    pub(crate) fn index_key(&mut self, table: &Table, schema: &str, columns: &[String]) -> bool {
        let shelf = self.shelf(&table.logical);
        let mut rows = HashMap::new();
        for row in shelf.rows.values() {
            if let Some(values) = key_values(row, columns)
                && rows.insert(values, row.id).is_some()
            {
                return false;
            }
        }
        shelf.keys.push(KeyIndex { schema: schema.to_owned(), columns: columns.to_vec(), rows });
        true
    }

    /// Forgets the index of an alternate key.
    pub(crate) fn drop_key(&mut self, table: &str, schema: &str) {
        self.shelf(table).keys.retain(|key| key.schema != schema);
    }

    /// The row with these key values, in the order of `columns`.
    pub(crate) fn find_by_key(&self, table: &str, schema: &str, values: &[Cell]) -> Option<Uuid> {
        let values: Option<Vec<String>> = values.iter().map(Cell::key_form).collect();
        let shelf = self.shelves.get(table)?;
        shelf.keys.iter().find(|key| key.schema == schema)?.rows.get(&values?).copied()
    }

    /// The first key that the row would violate: its schema name, its columns and the row in the way.
    pub(crate) fn key_violation(&self, table: &str, row: &Row) -> Option<(String, Vec<String>, Uuid)> {
        self.shelves.get(table)?.keys.iter().find_map(|key| {
            let other = *key.rows.get(&key_values(row, &key.columns)?)?;
            (other != row.id).then(|| (key.schema.clone(), key.columns.clone(), other))
        })
    }

    fn shelf(&mut self, table: &str) -> &mut Shelf {
        self.shelves.entry(table.to_owned()).or_default()
    }

    /// Puts a row in place, or takes it away, with its indexes.
    fn place(&mut self, table: &str, id: Uuid, row: Option<Arc<Row>>) {
        let shelf = self.shelf(table);
        if let Some(old) = shelf.rows.remove(&id) {
            shelf.by_version.remove(&old.version);
            for target in targets(&old) {
                shelf.references.remove(&(target, id));
            }
            for key in &mut shelf.keys {
                if let Some(values) = key_values(&old, &key.columns) {
                    key.rows.remove(&values);
                }
            }
        }
        let Some(row) = row else { return };
        shelf.by_version.insert(row.version, id);
        shelf.references.extend(targets(&row).map(|target| (target, id)));
        for key in &mut shelf.keys {
            if let Some(values) = key_values(&row, &key.columns) {
                key.rows.insert(values, id);
            }
        }
        shelf.rows.insert(id, row);
    }
}

/// The rows that a row refers to.
fn targets(row: &Row) -> impl Iterator<Item = Uuid> {
    row.cells.values().filter_map(|cell| match cell {
        Cell::Reference { id, .. } => Some(*id),
        _ => None,
    })
}

/// The values of a key in one row. A row that lacks one of them takes no part in the key.
fn key_values(row: &Row, columns: &[String]) -> Option<Vec<String>> {
    columns.iter().map(|column| row.cells.get(column)?.key_form()).collect()
}
