//! The records: what is stored, what is in the recycle bin, and how a transaction is taken back.

use super::{cell::Cell, record_id::RecordId, schema::Object};
use jiff::Timestamp;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

/// The field that says whether a record is in the recycle bin.
pub(crate) const IS_DELETED: &str = "IsDeleted";
/// The field with the moment of the last change of any kind.
pub(crate) const SYSTEM_STAMP: &str = "SystemModstamp";

/// Sorts before every id.
const FIRST_ID: RecordId = RecordId::new(b"000", 0);

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    /// Its id.
    pub(crate) id: RecordId,
    /// Rises with every change of any record; the ETag is made of it.
    pub(crate) version: u64,
    /// Its values by API name, nulls left out.
    pub(crate) cells: BTreeMap<String, Cell>,
}

impl Row {
    /// An empty record.
    pub(crate) fn new(id: RecordId) -> Self {
        Self { id, version: 0, cells: BTreeMap::from([("Id".to_owned(), Cell::Id(id))]) }
    }

    /// The value of a field, null if there is none.
    pub(crate) fn get(&self, field: &str) -> Cell {
        self.cells.get(field).cloned().unwrap_or(Cell::Null)
    }

    /// The value of a text field.
    pub(crate) fn text(&self, field: &str) -> Option<&str> {
        self.cells.get(field)?.as_text()
    }

    /// The value of a reference.
    pub(crate) fn id_in(&self, field: &str) -> Option<RecordId> {
        self.cells.get(field)?.as_id()
    }

    /// Sets or clears a value.
    pub(crate) fn set(&mut self, field: &str, cell: Cell) {
        if cell.is_null() {
            self.cells.remove(field);
        } else {
            self.cells.insert(field.to_owned(), cell);
        }
    }

    /// Whether it is in the recycle bin.
    pub(crate) fn is_deleted(&self) -> bool {
        self.cells.get(IS_DELETED).is_some_and(Cell::is_true)
    }

    /// When it was changed last.
    pub(crate) fn stamp(&self) -> Timestamp {
        self.cells.get(SYSTEM_STAMP).and_then(Cell::as_instant).unwrap_or_default()
    }
}

/// The records of one object.
#[derive(Debug, Default)]
struct Shelf {
    rows: BTreeMap<RecordId, Arc<Row>>,
    by_stamp: BTreeSet<(Timestamp, RecordId)>,
    indexes: HashMap<String, Index>,
}

/// The records by the value of one field, those in the recycle bin left out.
#[derive(Debug)]
struct Index {
    case_sensitive: bool,
    rows: HashMap<String, BTreeSet<RecordId>>,
}

/// What undoes one step.
#[derive(Debug)]
struct Undo {
    object: String,
    id: RecordId,
    before: Option<Arc<Row>>,
}

/// All records of the organisation.
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
        Self { version, ..Self::default() }
    }

    /// The last version given out.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// Marks where to go back to.
    pub(crate) fn savepoint(&self) -> Savepoint {
        Savepoint(self.undo.len())
    }

    /// Takes back everything since the savepoint. Ids and versions that were given out stay used.
    pub(crate) fn roll_back(&mut self, to: Savepoint) {
        while self.undo.len() > to.0 {
            let Some(Undo { object, id, before }) = self.undo.pop() else { return };
            self.place(&object, id, before);
        }
    }

    /// Makes everything so far final.
    pub(crate) fn commit(&mut self) {
        self.undo.clear();
    }

    /// A record by id, also from the recycle bin.
    pub(crate) fn row(&self, object: &str, id: RecordId) -> Option<&Arc<Row>> {
        self.shelves.get(object)?.rows.get(&id)
    }

    /// All records of an object by id, with those in the recycle bin.
    pub(crate) fn rows(&self, object: &str) -> impl Iterator<Item = &Arc<Row>> + use<'_> {
        self.shelves.get(object).into_iter().flat_map(|shelf| shelf.rows.values())
    }

    /// The records whose last change is at or after a moment, oldest change first, with those in the recycle bin.
    pub(crate) fn changed_since<'a>(
        &'a self,
        object: &str,
        since: Timestamp,
    ) -> impl Iterator<Item = &'a Arc<Row>> + use<'a> {
        self.shelves.get(object).into_iter().flat_map(move |shelf| {
            let changed = shelf.by_stamp.range((since, FIRST_ID)..);
            changed.filter_map(|(_, id)| shelf.rows.get(id))
        })
    }

    /// The records that hold this value in an indexed field, by id; `None` if the field has no index.
    pub(crate) fn find(&self, object: &str, field: &str, value: &Cell) -> Option<Vec<RecordId>> {
        let index = self.shelves.get(object)?.indexes.get(field)?;
        let form = value.key_form(index.case_sensitive)?;
        Some(index.rows.get(&form).map(|rows| rows.iter().copied().collect()).unwrap_or_default())
    }

    /// Writes a record under a new version.
    pub(crate) fn put(&mut self, object: &str, mut row: Row) -> Arc<Row> {
        self.version += 1;
        row.version = self.version;
        let row = Arc::new(row);
        self.change(object, row.id, Some(Arc::clone(&row)));
        row
    }

    /// Removes a record for good.
    pub(crate) fn remove(&mut self, object: &str, id: RecordId) {
        self.change(object, id, None);
    }

    /// Keeps the indexes of an object in step with its fields.
    pub(crate) fn index(&mut self, object: &Object) {
        let shelf = self.shelves.entry(object.name.clone()).or_default();
        shelf.indexes.clear();
        for field in object.fields.iter().filter(|field| field.indexed()) {
            let mut index = Index { case_sensitive: field.case_sensitive, rows: HashMap::new() };
            for row in shelf.rows.values() {
                index.add(&field.name, row);
            }
            shelf.indexes.insert(field.name.clone(), index);
        }
    }

    fn change(&mut self, object: &str, id: RecordId, row: Option<Arc<Row>>) {
        let before = self.row(object, id).cloned();
        self.undo.push(Undo { object: object.to_owned(), id, before });
        self.place(object, id, row);
    }

    /// Puts a record in place, or takes it away, with its indexes.
    fn place(&mut self, object: &str, id: RecordId, row: Option<Arc<Row>>) {
        let shelf = self.shelves.entry(object.to_owned()).or_default();
        if let Some(old) = shelf.rows.remove(&id) {
            shelf.by_stamp.remove(&(old.stamp(), id));
            for (field, index) in &mut shelf.indexes {
                index.remove(field, &old);
            }
        }
        let Some(row) = row else { return };
        shelf.by_stamp.insert((row.stamp(), id));
        for (field, index) in &mut shelf.indexes {
            index.add(field, &row);
        }
        shelf.rows.insert(id, row);
    }
}

impl Index {
    fn form(&self, field: &str, row: &Row) -> Option<String> {
        if row.is_deleted() { None } else { row.cells.get(field)?.key_form(self.case_sensitive) }
    }

    fn add(&mut self, field: &str, row: &Row) {
        if let Some(form) = self.form(field, row) {
            self.rows.entry(form).or_default().insert(row.id);
        }
    }

    fn remove(&mut self, field: &str, row: &Row) {
        if let Some(form) = self.form(field, row)
            && let Some(rows) = self.rows.get_mut(&form)
        {
            rows.remove(&row.id);
            if rows.is_empty() {
                self.rows.remove(&form);
            }
        }
    }
}
