//! How the catalogue says what a table looks like: one line a column.

use super::{
    identifiers::fixed_id,
    tables::{AlternateKey, Collection, Column, KeyStatus, Kind, Navigation, Required, State, Table},
};
use std::collections::BTreeMap;

/// One state as the catalogue writes it: value, label, and its statuses, the default first.
pub(crate) type StateLine<'a> = (i64, &'a str, &'a [(i64, &'a str)]);

/// A table in the making. The methods that change a column change the one added last.
pub(crate) struct TableBuilder {
    table: Table,
    last: String,
}

impl TableBuilder {
    /// A table with its primary id and no other column.
    pub(crate) fn new(logical: &str, set: &str, type_code: i64) -> Self {
        let mut table = Table {
            logical: logical.to_owned(),
            set: set.to_owned(),
            primary_id: format!("{logical}id"),
            primary_name: "name".to_owned(),
            type_code,
            label: logical.to_owned(),
            custom: false,
            columns: BTreeMap::new(),
            states: Vec::new(),
            navigations: Vec::new(),
            collections: Vec::new(),
            keys: Vec::new(),
            optimistic: true,
            tracked: false,
        };
        let primary_id = table.primary_id.clone();
        let mut id = table.column(&primary_id, Kind::PrimaryId);
        id.required = Required::System;
        id.updatable = false;
        table.add(id);
        Self { table, last: primary_id }
    }

    /// The primary id has another name than `<table>id`.
    pub(crate) fn primary_id(mut self, name: &str) -> Self {
        let old = std::mem::replace(&mut self.table.primary_id, name.to_owned());
        if let Some(mut id) = self.table.columns.remove(&old) {
            id.logical = name.to_owned();
            id.schema = name.to_owned();
            self.table.add(id);
        }
        self
    }

    /// The primary name column is another than `name`.
    pub(crate) fn primary_name(mut self, name: &str) -> Self {
        self.table.primary_name = name.to_owned();
        self
    }

    /// Changes can be asked for with `Prefer: odata.track-changes`.
    pub(crate) fn tracked(mut self) -> Self {
        self.table.tracked = true;
        self
    }

    /// Adds a column of any kind.
    pub(crate) fn column(mut self, logical: &str, kind: Kind) -> Self {
        let column = self.table.column(logical, kind);
        self.table.add(column);
        self.last = logical.to_owned();
        self
    }

    fn change(mut self, change: impl FnOnce(&mut Column)) -> Self {
        if let Some(column) = self.table.columns.get_mut(&self.last) {
            change(column);
        }
        self
    }

    /// Text of at most `max` UTF-16 units.
    pub(crate) fn text(self, logical: &str, max: usize) -> Self {
        self.column(logical, Kind::Text { max, format: "Text" })
    }

    /// Several texts of the same length.
    pub(crate) fn texts(self, logical: &[&str], max: usize) -> Self {
        logical.iter().fold(self, |builder, name| builder.text(name, max))
    }

    /// Long text.
    pub(crate) fn memo(self, logical: &str, max: usize) -> Self {
        self.column(logical, Kind::Memo { max })
    }

    /// A whole number.
    pub(crate) fn integer(self, logical: &str, min: i64, max: i64) -> Self {
        self.column(logical, Kind::Integer { min, max })
    }

    /// A moment.
    pub(crate) fn instant(self, logical: &str) -> Self {
        self.column(logical, Kind::Instant)
    }

    /// A date without a time zone.
    pub(crate) fn date(self, logical: &str) -> Self {
        self.column(logical, Kind::Date)
    }

    /// Two options, No and Yes.
    pub(crate) fn flag(self, logical: &str) -> Self {
        self.column(logical, Kind::Flag { no: "No".to_owned(), yes: "Yes".to_owned() })
    }

    /// A choice.
    pub(crate) fn choice(self, logical: &str, options: &[(i64, &str)]) -> Self {
        self.column(logical, Kind::Choice(labels(options)))
    }

    /// Money in the row's currency, with its read-only twin in the base currency.
    pub(crate) fn money(mut self, logical: &str) -> Self {
        let base = format!("{logical}_base");
        self = self.column(&base, Kind::MoneyBase { of: logical.to_owned() }).read_only();
        self.column(logical, Kind::Money)
    }

    /// A lookup into one table, whose navigation property has the column's name.
    pub(crate) fn lookup(self, column: &str, target: &str) -> Self {
        self.lookup_as(column, &[(column, target)])
    }

    /// A lookup with its navigation properties: (name, target table).
    pub(crate) fn lookup_as(mut self, column: &str, navigations: &[(&str, &str)]) -> Self {
        let mut targets: Vec<String> = navigations.iter().map(|(_, target)| (*target).to_owned()).collect();
        targets.dedup();
        self = self.column(column, Kind::Lookup { targets });
        self.table.navigations.extend(navigations.iter().map(|(name, target)| Navigation {
            name: (*name).to_owned(),
            column: column.to_owned(),
            target: (*target).to_owned(),
            cascades: false,
        }));
        self
    }

    /// The table was provisioned; `label` is what people see.
    pub(crate) fn provisioned(mut self, label: &str) -> Self {
        label.clone_into(&mut self.table.label);
        self.table.custom = true;
        self
    }

    /// Rows are deleted together with the row that this navigation property leads to.
    pub(crate) fn cascading(mut self, navigation: &str) -> Self {
        for known in self.table.navigations.iter_mut().filter(|known| known.name == navigation) {
            known.cascades = true;
        }
        self
    }

    /// A collection: rows of `table` whose `navigation` leads here.
    pub(crate) fn collection(mut self, name: &str, table: &str, navigation: &str) -> Self {
        self.table.collections.push(Collection {
            name: name.to_owned(),
            table: table.to_owned(),
            navigation: navigation.to_owned(),
        });
        self
    }

    /// The states, each with its statuses, the default first.
    pub(crate) fn states(mut self, states: &[StateLine<'_>]) -> Self {
        self.table.states = states
            .iter()
            .map(|(value, label, statuses)| State {
                value: *value,
                label: (*label).to_owned(),
                statuses: labels(statuses),
            })
            .collect();
        let builder = self.column("statecode", Kind::State).required(Required::System);
        builder.change(|state| state.creatable = false).column("statuscode", Kind::Status)
    }

    /// The columns that every business table has: who and when, owner, version.
    pub(crate) fn business(self) -> Self {
        self.system().lookup("ownerid", "systemuser").required(Required::System)
    }

    /// The columns that every table has: who and when, version.
    pub(crate) fn system(mut self) -> Self {
        for (name, is_user) in [
            ("createdby", true),
            ("modifiedby", true),
            ("createdonbehalfby", true),
            ("modifiedonbehalfby", true),
            ("createdon", false),
            ("modifiedon", false),
        ] {
            self = if is_user { self.lookup(name, "systemuser") } else { self.instant(name) };
            self = self.read_only();
        }
        self.column("versionnumber", Kind::Big)
            .read_only()
            .instant("overriddencreatedon")
            .change(|column| column.updatable = false)
            .integer("importsequencenumber", i64::from(i32::MIN), i64::from(i32::MAX))
            .change(|column| column.updatable = false)
    }

    /// The currency, its rate, for tables with money.
    pub(crate) fn currency(self) -> Self {
        self.lookup("transactioncurrencyid", "transactioncurrency")
            .column("exchangerate", Kind::Decimal { precision: 12 })
            .read_only()
    }

    /// The last column is computed: what a client writes is ignored.
    pub(crate) fn read_only(self) -> Self {
        self.change(|column| {
            column.creatable = false;
            column.updatable = false;
        })
    }

    /// The last column cannot be read back.
    pub(crate) fn write_only(self) -> Self {
        self.change(|column| column.readable = false)
    }

    /// The last column is required.
    pub(crate) fn required(self, required: Required) -> Self {
        self.change(|column| column.required = required)
    }

    /// The last column was provisioned; `schema` is its name with capitals.
    pub(crate) fn custom(self, schema: &str, label: &str) -> Self {
        self.change(|column| {
            column.custom = true;
            column.schema = schema.to_owned();
            column.label = label.to_owned();
        })
    }

    /// An alternate key that is in use.
    pub(crate) fn key(mut self, schema: &str, columns: &[&str]) -> Self {
        self.table.keys.push(AlternateKey {
            schema: schema.to_owned(),
            columns: columns.iter().map(|column| (*column).to_owned()).collect(),
            status: KeyStatus::Active,
            id: fixed_id("key", schema),
        });
        self
    }

    /// The finished table.
    pub(crate) fn build(self) -> Table {
        self.table
    }
}

fn labels(options: &[(i64, &str)]) -> Vec<(i64, String)> {
    options.iter().map(|(value, label)| (*value, (*label).to_owned())).collect()
}
