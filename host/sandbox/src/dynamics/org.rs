//! The organisation: tables, rows, switches, and what one request knows about itself.

use super::{
    baseline, catalogue,
    cell::Cell,
    control::Switches,
    errors::{Outcome, Refusal, missing, missing_by_key, no_such_segment, payload, query},
    events::Event,
    odata::{
        options::Options,
        prefer::Prefer,
        url::{Key, Segment, segments},
    },
    store::{Row, Store},
    tables::{KeyStatus, Table},
};
use crate::core::ids::Ids;
use http::{HeaderMap, Method};
use jiff::Timestamp;
use serde_json::{Map, Value};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};
use uuid::Uuid;

/// The path under which the Web API lives.
pub(crate) const API_PATH: &str = "/api/data/v9.2/";

/// The whole simulated organisation.
pub(crate) struct Org {
    /// Tables by logical name.
    pub(crate) tables: BTreeMap<String, Table>,
    /// Logical names by entity set name.
    pub(crate) sets: HashMap<String, String>,
    /// The rows.
    pub(crate) store: Store,
    /// What was switched by hand.
    pub(crate) switches: Switches,
    /// What happened in the transaction that is under way; the sender takes it after the commit.
    pub(crate) events: Vec<Event>,
    /// Where new GUIDs come from.
    pub(crate) ids: Ids,
}

/// One request, whether it came by itself or inside of a batch.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// The method.
    pub(crate) method: Method,
    /// The path after [`API_PATH`], still encoded, without the query.
    pub(crate) path: String,
    /// The query, still encoded.
    pub(crate) query: String,
    /// The headers.
    pub(crate) headers: HeaderMap,
    /// What the client prefers.
    pub(crate) prefer: Prefer,
    /// The body.
    pub(crate) body: bytes::Bytes,
    /// The absolute URL of the API, without a slash at the end.
    pub(crate) base: String,
    /// The user that writes are attributed to.
    pub(crate) user: Uuid,
    /// The user who signed in; another one when they act for somebody.
    pub(crate) initiator: Uuid,
    /// The time.
    pub(crate) now: Timestamp,
    /// Ties what belongs to this request together in notifications.
    pub(crate) correlation: Uuid,
    /// Inside of a change set: what `$1` stands for.
    pub(crate) references: BTreeMap<String, String>,
}

/// An answer, before it becomes HTTP.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: u16,
    /// Headers by name.
    pub(crate) headers: Vec<(&'static str, String)>,
    /// The body; empty for none.
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// An answer without a body.
    pub(crate) fn empty(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    /// A JSON answer.
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self { status, body: body.to_string().into_bytes(), ..Self::default() }
            .with("content-type", "application/json; odata.metadata=minimal")
    }

    /// The answer to a refusal.
    pub(crate) fn refusal(refusal: &Refusal, prefer: &Prefer) -> Self {
        let annotated = prefer.wants("Microsoft.PowerApps.CDS.ErrorDetails.OperationStatus");
        let mut answer = Self::json(refusal.status, &refusal.body(annotated));
        if let Some(seconds) = refusal.retry_after_s {
            answer = answer.with("retry-after", seconds.to_string());
        }
        answer
    }

    /// With one more header.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

impl Call {
    /// A header as text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as a JSON object.
    pub(crate) fn json_body(&self) -> Outcome<Map<String, Value>> {
        match serde_json::from_slice(&self.body) {
            Ok(Value::Object(body)) => Ok(body),
            Ok(_) => Err(payload("the body is not a JSON object")),
            Err(error) => Err(payload(format!("the body is not JSON: {error}"))),
        }
    }
}

impl Org {
    /// A fresh organisation. `after` is the last version of the one before, if there was one.
    pub(crate) fn new(ids: Ids, now: Timestamp, after: u64, switches: Switches) -> Self {
        let tables = catalogue::tables(!switches.unprovisioned);
        let tables: BTreeMap<String, Table> =
            tables.into_iter().map(|table| (table.logical.clone(), table)).collect();
        let sets = tables.values().map(|table| (table.set.clone(), table.logical.clone())).collect();
        let mut org = Self { tables, sets, store: Store::after(after), switches, events: Vec::new(), ids };
        for table in org.tables.values() {
            for key in &table.keys {
                org.store.index_key(table, &key.schema, &key.columns);
            }
        }
        baseline::fill(&mut org, now);
        org
    }

    /// Marks the columns that the switches secure.
    pub(crate) fn secure_columns(&mut self) {
        for table in self.tables.values_mut() {
            for column in table.columns.values_mut() {
                let name = format!("{}.{}", table.logical, column.logical);
                column.secured = self.switches.secured_columns.contains(&name);
            }
        }
    }

    /// A table by logical name. Names come from the model, so a miss is a URL that names nothing.
    pub(crate) fn table(&self, logical: &str) -> Outcome<&Table> {
        self.tables.get(logical).ok_or_else(|| no_such_segment(logical))
    }

    /// A table by entity set name.
    pub(crate) fn table_of_set(&self, set: &str) -> Outcome<&Table> {
        let logical = self.sets.get(set).ok_or_else(|| no_such_segment(set))?;
        self.table(logical)
    }

    /// A row that must be there.
    pub(crate) fn row(&self, table: &str, id: Uuid) -> Outcome<Arc<Row>> {
        self.store.row(table, id).ok_or_else(|| missing(table, id))
    }

    /// What a key in a URL means: the primary id, or the columns and values of an alternate key.
    pub(crate) fn address(&self, table: &Table, key: &Key) -> Outcome<Address> {
        match key {
            Key::Primary(Cell::Id(id)) => Ok(Address::Id(*id)),
            Key::Named(pairs) => match pairs.as_slice() {
                [(name, Cell::Id(id))] if *name == table.primary_id => Ok(Address::Id(*id)),
                _ => self.alternate(table, pairs),
            },
            _ => Err(invalid_key(table)),
        }
    }

    fn alternate(&self, table: &Table, pairs: &[(String, Cell)]) -> Outcome<Address> {
        let mut named = BTreeMap::new();
        for (property, value) in pairs {
            let column = table.column_of_property(property).ok_or_else(|| invalid_key(table))?;
            named.insert(column.logical.clone(), value.clone());
        }
        let key = table
            .keys
            .iter()
            .find(|key| {
                key.columns.len() == named.len()
                    && key.columns.iter().all(|column| named.contains_key(column))
            })
            .ok_or_else(|| invalid_key(table))?;
        if key.status != KeyStatus::Active {
            return Err(Refusal::new(
                400,
                "0x8006088f",
                format!(
                    "The entity key {} is {}; its index is not in use yet.",
                    key.schema,
                    key.status.name()
                ),
            ));
        }
        let mut values = Vec::new();
        for name in &key.columns {
            let column = table.columns.get(name).ok_or_else(|| invalid_key(table))?;
            let cell = named.remove(name).ok_or_else(|| invalid_key(table))?;
            values.push((name.clone(), super::keys::fit(column, cell).ok_or_else(|| invalid_key(table))?));
        }
        let form = pairs.iter().map(|(name, cell)| format!("{name}={}", key_text(cell))).collect::<Vec<_>>();
        Ok(Address::Alternate { key: key.schema.clone(), values, form: form.join(",") })
    }

    /// The row at an address, if it is there.
    pub(crate) fn find(&self, table: &Table, address: &Address) -> Option<Arc<Row>> {
        let id = match address {
            Address::Id(id) => *id,
            Address::Alternate { key, values, .. } => {
                let cells: Vec<Cell> = values.iter().map(|(_, cell)| cell.clone()).collect();
                self.store.find_by_key(&table.logical, key, &cells)?
            }
        };
        self.store.row(&table.logical, id)
    }

    /// The row at an address, or the refusal that fits the kind of address.
    pub(crate) fn at(&self, table: &Table, address: &Address) -> Outcome<Arc<Row>> {
        self.find(table, address).ok_or_else(|| match address {
            Address::Id(id) => missing(&table.logical, id),
            Address::Alternate { .. } => missing_by_key(&table.logical),
        })
    }

    /// The table and row that a bind value or `@odata.id` names: `/accounts(…)`, `accounts(…)`, an absolute URL, or
    /// `$1` inside of a change set.
    pub(crate) fn reference(&self, call: &Call, text: &str) -> Outcome<(String, Uuid)> {
        let text = if text.starts_with('$') {
            call.references.get(text).map(String::as_str).ok_or_else(|| unknown_reference(text))?
        } else {
            text
        };
        let path = text.split_once(API_PATH).map_or(text, |(_, path)| path).trim_start_matches('/');
        let parsed = segments(path, &[])?;
        let [Segment { name, key: Some(key) }] = parsed.as_slice() else {
            return Err(payload(format!("the resource '{text}' names no row")));
        };
        let table = self.table_of_set(name)?;
        let address = self.address(table, key)?;
        let row = self.at(table, &address)?;
        Ok((table.logical.clone(), row.id))
    }

    /// The options of a call, read.
    pub(crate) fn options(call: &Call) -> Outcome<Options> {
        super::odata::options::read(super::odata::options::pairs(&call.query))
    }
}

/// Where a row is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Address {
    /// Its primary id.
    Id(Uuid),
    /// An alternate key.
    Alternate {
        /// The key's schema name.
        key: String,
        /// Columns and values, in the key's order.
        values: Vec<(String, Cell)>,
        /// What stood in the parentheses.
        form: String,
    },
}

impl Address {
    /// What stands in the parentheses of the row's URL.
    pub(crate) fn form(&self) -> String {
        match self {
            Self::Id(id) => id.to_string(),
            Self::Alternate { form, .. } => form.clone(),
        }
    }
}

/// The refusal of `$1` before the part that declares it.
pub(crate) fn unknown_reference(text: &str) -> Refusal {
    query(format!("Content-ID Reference: '{text}' does not exist in the batch context."))
}

fn key_text(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => format!("'{}'", super::odata::url::encode(&text.replace('\'', "''"))),
        other => super::values::show(other).to_string().trim_matches('"').to_owned(),
    }
}

fn invalid_key(table: &Table) -> Refusal {
    query(format!(
        "The key in the request URI is not valid for resource 'Microsoft.Dynamics.CRM.{}'. Ensure that the names and \
         number of key properties match the declared or alternate key properties for the resource.",
        table.logical
    ))
}
