//! The rows that a fresh organisation has: currencies, users, messages to register for.

use super::{
    cell::Cell,
    identifiers::fixed_id,
    org::Org,
    store::Row,
    values::{round, whole_second},
};
use jiff::Timestamp;
use rust_decimal::Decimal;
use std::collections::BTreeMap;
use uuid::{Uuid, uuid};

/// The person who works in the CRM; the bearer token `seller` is theirs.
pub(crate) const SELLER: Uuid = uuid!("5e11e500-0000-4000-8000-000000000001");
/// The application user of the bearer token `sandbox`.
pub(crate) const APPLICATION: Uuid = uuid!("a9911ca7-0000-4000-8000-000000000001");
/// The organisation.
pub(crate) const ORGANIZATION: Uuid = uuid!("04a11220-0000-4000-8000-000000000001");
/// The root business unit.
pub(crate) const BUSINESS_UNIT: Uuid = uuid!("b0511e55-0000-4000-8000-000000000001");
/// The base currency.
pub(crate) const USD: Uuid = uuid!("c0000000-0000-4000-8000-000000000840");

/// Currencies: GUID, ISO code, name, symbol, digits after the point, units for one unit of the base currency in
/// hundredths.
const CURRENCIES: &[(Uuid, &str, &str, &str, i64, i64)] = &[
    (USD, "USD", "US Dollar", "$", 2, 100),
    (uuid!("c0000000-0000-4000-8000-000000000978"), "EUR", "Euro", "€", 2, 92),
    (uuid!("c0000000-0000-4000-8000-000000000392"), "JPY", "Japanese Yen", "¥", 0, 15_000),
    (uuid!("c0000000-0000-4000-8000-000000000826"), "GBP", "Pound Sterling", "£", 2, 80),
];

/// Digits after the point of an exchange rate.
const RATE_PRECISION: u32 = 12;

/// The messages that a step can be registered for.
pub(crate) const MESSAGES: &[&str] = &["Create", "Update", "Delete", "Win", "Lose", "QualifyLead", "Merge"];

/// The name that the organisation goes by in notifications.
pub(crate) const ORGANIZATION_NAME: &str = "sandbox";

/// Fills an empty organisation.
pub(crate) fn fill(org: &mut Org, now: Timestamp) {
    let now = Cell::Instant(whole_second(now));
    for (id, first, last) in [(SELLER, "Sam", "Seller"), (APPLICATION, "#", "Crosswalk sandbox")] {
        add_user(org, &now, id, first, last, (id == APPLICATION).then_some(APPLICATION));
    }
    for (id, code, name, symbol, precision, rate) in CURRENCIES {
        let cells = [
            ("isocurrencycode", text(code)),
            ("currencyname", text(name)),
            ("currencysymbol", text(symbol)),
            ("currencyprecision", Cell::Integer(*precision)),
            ("exchangerate", Cell::Decimal(round(Decimal::new(*rate, 2), RATE_PRECISION))),
            ("statecode", Cell::Integer(0)),
            ("statuscode", Cell::Integer(1)),
        ];
        add(org, "transactioncurrency", *id, &now, cells);
    }
    let days = i64::from(org.switches.delta_token_days);
    let cells = [
        ("name", text(ORGANIZATION_NAME)),
        ("expirechangetrackingindays", Cell::Integer(days)),
        ("basecurrencyid", Cell::Reference { table: "transactioncurrency".to_owned(), id: USD }),
    ];
    add(org, "organization", ORGANIZATION, &now, cells);
    for message in MESSAGES {
        add_message(org, &now, message);
    }
    add_default_solution(org, &now);
    org.store.commit();
}

/// The solution that new columns and tables belong to when no other is named.
fn add_default_solution(org: &mut Org, now: &Cell) {
    let publisher = fixed_id("publisher", "DefaultPublisher");
    let cells = [
        ("uniquename", text("DefaultPublisher")),
        ("friendlyname", text("Default Publisher")),
        ("customizationprefix", text("new")),
        ("customizationoptionvalueprefix", Cell::Integer(10_000)),
    ];
    add(org, "publisher", publisher, now, cells);
    let cells = [
        ("uniquename", text("Default")),
        ("friendlyname", text("Default Solution")),
        ("version", text("1.0")),
        ("ismanaged", Cell::Flag(false)),
        ("publisherid", Cell::Reference { table: "publisher".to_owned(), id: publisher }),
    ];
    add(org, "solution", fixed_id("solution", "Default"), now, cells);
}

/// Makes the application user of a client that signed in for the first time.
pub(crate) fn add_user(
    org: &mut Org,
    now: &Cell,
    id: Uuid,
    first: &str,
    last: &str,
    application: Option<Uuid>,
) {
    let cells = [
        ("firstname", text(first)),
        ("lastname", text(last)),
        ("fullname", text(&format!("{first} {last}"))),
        ("domainname", text(&format!("{}@sandbox.example", last.to_lowercase().replace(' ', ".")))),
        ("azureactivedirectoryobjectid", Cell::Id(fixed_id("object", &id.to_string()))),
        ("applicationid", application.map_or(Cell::Null, Cell::Id)),
        ("isdisabled", Cell::Flag(false)),
    ];
    add(org, "systemuser", id, now, cells);
}

/// A message and one filter for each business table that it works on.
fn add_message(org: &mut Org, now: &Cell, message: &str) {
    let id = fixed_id("sdkmessage", message);
    add(org, "sdkmessage", id, now, [("name", text(message))]);
    let tables: Vec<String> = match message {
        "Win" | "Lose" => vec!["opportunity".to_owned()],
        "QualifyLead" => vec!["lead".to_owned()],
        "Merge" => ["account", "contact", "lead"].map(str::to_owned).into(),
        _ => business_tables(org),
    };
    for table in tables {
        add_filter(org, now, message, &table);
    }
}

/// The tables whose rows somebody owns: steps can be registered for each of them.
fn business_tables(org: &Org) -> Vec<String> {
    let tables = org.tables.values().filter(|table| table.columns.contains_key("ownerid"));
    tables.map(|table| table.logical.clone()).collect()
}

/// What a step for a message and a table is registered with.
pub(crate) fn add_filter(org: &mut Org, now: &Cell, message: &str, table: &str) {
    let id = fixed_id("sdkmessage", message);
    let cells = [
        ("primaryobjecttypecode", text(table)),
        ("secondaryobjecttypecode", text("none")),
        ("sdkmessageid", Cell::Reference { table: "sdkmessage".to_owned(), id }),
    ];
    add(org, "sdkmessagefilter", fixed_id("sdkmessagefilter", &format!("{message}:{table}")), now, cells);
}

fn add<const N: usize>(org: &mut Org, table: &str, id: Uuid, now: &Cell, cells: [(&str, Cell); N]) {
    let mut row = Row { id, version: 0, cells: BTreeMap::new() };
    let system = Cell::Reference { table: "systemuser".to_owned(), id: SELLER };
    let primary_id = org.tables.get(table).map_or_else(String::new, |table| table.primary_id.clone());
    row.set(&primary_id, Cell::Id(id));
    for (name, cell) in
        [("createdon", now), ("modifiedon", now), ("createdby", &system), ("modifiedby", &system)]
    {
        row.set(name, cell.clone());
    }
    for (name, cell) in cells {
        row.set(name, cell);
    }
    org.store.put(table, row);
}

fn text(value: &str) -> Cell {
    Cell::Text(value.to_owned())
}

impl Org {
    /// The base currency, as a lookup.
    pub(crate) fn base_currency(&self) -> Cell {
        self.store
            .row("organization", ORGANIZATION)
            .map_or(Cell::Null, |organization| organization.get("basecurrencyid"))
    }
}
