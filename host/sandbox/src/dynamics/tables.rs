//! The shape of a table: its columns, states, lookups and keys.
//!
//! The shapes themselves are in [`super::catalogue`]; `EntityDefinitions` shows them and may add columns and keys.

use super::identifiers::fixed_id;
use std::collections::BTreeMap;
use uuid::Uuid;

/// One table.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    /// Logical name, `opportunity`.
    pub(crate) logical: String,
    /// Entity set name, `opportunities`.
    pub(crate) set: String,
    /// Primary id column.
    pub(crate) primary_id: String,
    /// Primary name column.
    pub(crate) primary_name: String,
    /// The numeric type code.
    pub(crate) type_code: i64,
    /// The name that people see.
    pub(crate) label: String,
    /// Whether it was provisioned, and is not one of the standard tables.
    pub(crate) custom: bool,
    /// Columns by logical name.
    pub(crate) columns: BTreeMap<String, Column>,
    /// States with their statuses; empty for tables without.
    pub(crate) states: Vec<State>,
    /// Single-valued navigation properties: what a client binds and expands.
    pub(crate) navigations: Vec<Navigation>,
    /// Collection-valued navigation properties.
    pub(crate) collections: Vec<Collection>,
    /// Alternate keys.
    pub(crate) keys: Vec<AlternateKey>,
    /// Whether rows have usable versions (`IsOptimisticConcurrencyEnabled`).
    pub(crate) optimistic: bool,
    /// Whether changes can be asked for (`ChangeTrackingEnabled`).
    pub(crate) tracked: bool,
}

/// One column.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    /// Logical name.
    pub(crate) logical: String,
    /// Schema name: the logical name with its capitals.
    pub(crate) schema: String,
    /// The label.
    pub(crate) label: String,
    /// The type with its limits.
    pub(crate) kind: Kind,
    /// Whether a create without it is refused.
    pub(crate) required: Required,
    /// A value in a create is taken; otherwise it is ignored without an error, as on the real service.
    pub(crate) creatable: bool,
    /// A value in an update is taken; otherwise it is ignored without an error.
    pub(crate) updatable: bool,
    /// The value can be read; a secret cannot.
    pub(crate) readable: bool,
    /// Whether it was provisioned, and is not part of the standard table.
    pub(crate) custom: bool,
    /// Whether column security hides it: it reads as null, and a write is refused.
    pub(crate) secured: bool,
    /// The metadata id.
    pub(crate) id: Uuid,
}

/// How strongly a value is required.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Required {
    /// Not at all.
    None,
    /// By forms only; the API takes rows without it.
    Application,
    /// By the platform.
    System,
}

/// The type of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The primary id.
    PrimaryId,
    /// Another GUID.
    Guid,
    /// Text of so many UTF-16 units, with its format name.
    Text { max: usize, format: &'static str },
    /// Long text.
    Memo { max: usize },
    /// Whole numbers.
    Integer { min: i64, max: i64 },
    /// 64-bit numbers.
    Big,
    /// Decimal numbers with so many digits after the point.
    Decimal { precision: u32 },
    /// Money in the row's currency, rounded to that currency's precision.
    Money,
    /// Money in the base currency, computed, four digits.
    MoneyBase { of: String },
    /// Two options with their labels (false, true).
    Flag { no: String, yes: String },
    /// A choice.
    Choice(Vec<(i64, String)>),
    /// The state.
    State,
    /// The status reason.
    Status,
    /// A lookup into one or more tables.
    Lookup { targets: Vec<String> },
    /// A date without a time zone.
    Date,
    /// A moment.
    Instant,
}

/// One state with its status reasons; the first status is the default.
#[derive(Debug, Clone)]
pub(crate) struct State {
    /// The value of `statecode`.
    pub(crate) value: i64,
    /// Its label.
    pub(crate) label: String,
    /// The values of `statuscode` that go with it.
    pub(crate) statuses: Vec<(i64, String)>,
}

/// A single-valued navigation property. Names are case-sensitive.
#[derive(Debug, Clone)]
pub(crate) struct Navigation {
    /// What clients write before `@odata.bind`.
    pub(crate) name: String,
    /// The lookup column behind it.
    pub(crate) column: String,
    /// The table that it leads to.
    pub(crate) target: String,
    /// The rows that lead to a deleted row are deleted with it; otherwise their lookup is cleared.
    pub(crate) cascades: bool,
}

/// A collection-valued navigation property: the rows of another table that point here.
#[derive(Debug, Clone)]
pub(crate) struct Collection {
    /// Its name.
    pub(crate) name: String,
    /// The table with the lookup.
    pub(crate) table: String,
    /// The navigation property over there that leads back.
    pub(crate) navigation: String,
}

/// An alternate key.
#[derive(Debug, Clone)]
pub(crate) struct AlternateKey {
    /// Schema name, `msft_ReferralKey`.
    pub(crate) schema: String,
    /// Its columns.
    pub(crate) columns: Vec<String>,
    /// Whether its index is built.
    pub(crate) status: KeyStatus,
    /// The metadata id.
    pub(crate) id: Uuid,
}

/// How far the index of an alternate key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyStatus {
    /// An asynchronous job will build it; so many more looks at the key and it is done.
    Pending { looks_left: u32 },
    /// In use.
    Active,
    /// There are duplicates.
    Failed,
}

impl KeyStatus {
    /// The name in `EntityKeyIndexStatus`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pending { .. } => "Pending",
            Self::Active => "Active",
            Self::Failed => "Failed",
        }
    }
}

impl Column {
    /// The name under which a client reads and filters it: lookups are `_name_value`.
    pub(crate) fn property(&self) -> String {
        match self.kind {
            Kind::Lookup { .. } => format!("_{}_value", self.logical),
            _ => self.logical.clone(),
        }
    }
}

impl Table {
    /// The column that a property name in `$select`, `$filter` or `$orderby` means.
    pub(crate) fn column_of_property(&self, property: &str) -> Option<&Column> {
        if let Some(name) = property.strip_prefix('_').and_then(|rest| rest.strip_suffix("_value")) {
            return self.columns.get(name).filter(|column| matches!(column.kind, Kind::Lookup { .. }));
        }
        self.columns.get(property).filter(|column| !matches!(column.kind, Kind::Lookup { .. }))
    }

    /// The navigation property of that exact name.
    pub(crate) fn navigation(&self, name: &str) -> Option<&Navigation> {
        self.navigations.iter().find(|navigation| navigation.name == name)
    }

    /// The collection of that exact name.
    pub(crate) fn collection(&self, name: &str) -> Option<&Collection> {
        self.collections.iter().find(|collection| collection.name == name)
    }

    /// The navigation property that a filled lookup came through.
    pub(crate) fn navigation_of(&self, column: &str, target: &str) -> Option<&Navigation> {
        self.navigations.iter().find(|navigation| navigation.column == column && navigation.target == target)
    }

    /// Adds a column.
    pub(crate) fn add(&mut self, column: Column) {
        self.columns.insert(column.logical.clone(), column);
    }

    /// The state that a status belongs to.
    pub(crate) fn state_of_status(&self, status: i64) -> Option<&State> {
        self.states.iter().find(|state| state.statuses.iter().any(|(value, _)| *value == status))
    }

    /// A state by value.
    pub(crate) fn state(&self, value: i64) -> Option<&State> {
        self.states.iter().find(|state| state.value == value)
    }

    /// A new column with the usual rights: readable, writable, optional.
    pub(crate) fn column(&self, logical: &str, kind: Kind) -> Column {
        Column {
            logical: logical.to_owned(),
            schema: logical.to_owned(),
            label: logical.to_owned(),
            kind,
            required: Required::None,
            creatable: true,
            updatable: true,
            readable: true,
            custom: false,
            secured: false,
            id: fixed_id("column", &format!("{}.{logical}", self.logical)),
        }
    }
}
