//! What the platform does to a row by itself: states, names put together, money in two currencies, and the
//! organisation's own automation.

use super::{
    body::Submitted,
    cell::Cell,
    control::Transform,
    errors::{Outcome, Refusal, argument},
    org::{Call, Org},
    store::Row,
    tables::{Kind, Required, Table},
    values::{self, BASE_PRECISION},
};
use rust_decimal::Decimal;

/// Digits after the point of an amount whose row has no currency.
const PRECISION_WITHOUT_CURRENCY: u32 = 2;

/// Runs the organisation's automation on what was submitted, as a plug-in before the operation would: it runs as the
/// caller, and what it sets is submitted too.
pub(crate) fn automate(org: &Org, table: &Table, row: &Row, submitted: &mut Submitted) -> Outcome<()> {
    for rule in org.switches.automation.iter().filter(|rule| rule.table == table.logical) {
        if submitted.get(&rule.when).is_none() {
            continue;
        }
        if let Some(words) = &rule.refuse {
            return Err(Refusal::new(400, "0x80040265", words.clone()));
        }
        for (name, value) in &rule.set {
            let column = super::body::plain_column(table, name)?;
            submitted.set(name, values::read(table, column, value)?);
        }
        for (name, transform) in &rule.normalise {
            let current = submitted.get(name).cloned().unwrap_or_else(|| row.get(name));
            let Cell::Text(text) = current else { continue };
            let changed = match transform {
                Transform::Trim => text.trim().to_owned(),
                Transform::Upper => text.to_uppercase(),
                Transform::Lower => text.to_lowercase(),
                Transform::CarriageReturns => text.replace("\r\n", "\n").replace('\n', "\r\n"),
                Transform::CollapseSpaces => text.split_whitespace().collect::<Vec<_>>().join(" "),
            };
            if changed != text {
                submitted.set(name, if changed.is_empty() { Cell::Null } else { Cell::Text(changed) });
            }
        }
    }
    Ok(())
}

/// Refuses a new row that a duplicate detection rule takes for one that is there.
pub(crate) fn detect_duplicates(org: &Org, call: &Call, table: &Table, row: &Row) -> Outcome<()> {
    let asked = call.header("mscrm.suppressduplicatedetection").is_some_and(|value| value.trim() == "false");
    let rules = org.switches.duplicate_rules.iter().filter(|rule| asked && rule.table == table.logical);
    for rule in rules {
        let forms =
            |row: &Row| rule.columns.iter().map(|name| row.get(name).key_form()).collect::<Option<Vec<_>>>();
        let own = forms(row);
        if own.is_some() && org.store.rows(&table.logical).any(|other| forms(other) == own) {
            return Err(Refusal::new(
                412,
                "0x80040333",
                "A record was not created or updated because a duplicate of the current record already exists.",
            ));
        }
    }
    Ok(())
}

/// Brings state and status of a changed row into line, or refuses the pair.
///
/// A status alone keeps the state; a state alone gets its first status (docs: "always pair statecode with the
/// desired statuscode").
pub(crate) fn settle_state(table: &Table, row: &mut Row, submitted: &Submitted) -> Outcome<()> {
    if table.states.is_empty() {
        return Ok(());
    }
    let state = row.get("statecode").as_integer().or_else(|| table.states.first().map(|state| state.value));
    let status = submitted.get("statuscode").and_then(Cell::as_integer);
    let Some(state) = state.and_then(|value| table.state(value)) else {
        return Err(invalid_pair(table, row));
    };
    let status = match status {
        Some(status) => status,
        None if submitted.get("statecode").is_none() && !row.get("statuscode").is_null() => return Ok(()),
        None => state.statuses.first().map_or(0, |(value, _)| *value),
    };
    row.set("statecode", Cell::Integer(state.value));
    row.set("statuscode", Cell::Integer(status));
    if state.statuses.iter().any(|(value, _)| *value == status) {
        Ok(())
    } else {
        Err(invalid_pair(table, row))
    }
}

fn invalid_pair(table: &Table, row: &Row) -> Refusal {
    let number = |name| row.get(name).as_integer().unwrap_or(-1);
    Refusal::new(
        400,
        "0x80048408",
        format!(
            "{} is not a valid status code for state code {} on {} with Id {}.",
            number("statuscode"),
            number("statecode"),
            table.logical,
            row.id
        ),
    )
}

/// Refuses what an update must not do to a row in its state: an opportunity is closed by an action only, its currency
/// may be locked (the switch `currencyLocked`), and a closed row may be read-only (`closedRowsReadOnly`).
pub(crate) fn check_state_change(org: &Org, table: &Table, row: &Row, submitted: &Submitted) -> Outcome<()> {
    let wanted = submitted.get("statecode").and_then(Cell::as_integer);
    let current = row.get("statecode").as_integer();
    if table.logical == "opportunity"
        && let Some(wanted @ (1 | 2)) = wanted
        && current != Some(wanted)
    {
        let (state, message) =
            if wanted == 1 { ("Won", "WinOpportunity") } else { ("Lost", "LoseOpportunity") };
        return Err(Refusal::new(
            400,
            "0x80100005",
            format!(
                "This message can not be used to set the state of opportunity to {state}. In order to set state of \
                 opportunity to {state}, use the {message} message instead."
            ),
        ));
    }
    let currency = submitted.get("transactioncurrencyid");
    if org.switches.currency_locked
        && table.logical == "opportunity"
        && currency.is_some_and(|currency| *currency != row.get("transactioncurrencyid"))
    {
        return Err(Refusal::new(
            400,
            "0x80048479",
            "The currency of the opportunity cannot be updated because it has associated products, quotes or orders.",
        ));
    }
    let closed =
        matches!(table.logical.as_str(), "opportunity" | "lead") && current.is_some_and(|state| state != 0);
    let reopens = wanted == Some(0);
    let touches_more =
        submitted.cells.iter().any(|(name, _)| !matches!(name.as_str(), "statecode" | "statuscode"));
    if org.switches.closed_rows_read_only && closed && touches_more && !reopens {
        let (code, text) = if table.logical == "opportunity" {
            ("0x80040515", "The opportunity has already been closed.")
        } else {
            ("0x80040519", "The lead is already closed.")
        };
        return Err(Refusal::new(400, code, text));
    }
    Ok(())
}

/// Refuses a row without a value that the platform requires.
pub(crate) fn check_required(table: &Table, row: &Row) -> Outcome<()> {
    let missing = table.columns.values().find(|column| {
        column.required == Required::System
            && !matches!(column.kind, Kind::PrimaryId)
            && row.get(&column.logical).is_null()
    });
    match missing {
        None => Ok(()),
        Some(column) => Err(argument(format!(
            "Attribute: {} of '{}' cannot be set to NULL: the platform requires a value.",
            column.logical, table.logical
        ))),
    }
}

/// Computes what follows from other columns. Returns the columns that it set.
pub(crate) fn derive(org: &Org, table: &Table, row: &mut Row, submitted: &Submitted) -> Vec<String> {
    let mut derived = Vec::new();
    match table.logical.as_str() {
        "contact" | "lead" => derive_full_name(row, submitted, &mut derived),
        "account" => derive_address(row, &mut derived),
        "opportunity" => derive_revenue(row, &mut derived),
        "serviceendpoint" => {
            let is_set = !row.get("authvalue").is_null();
            row.set("isauthvalueset", Cell::Flag(is_set));
        }
        _ => {}
    }
    derive_money(org, table, row);
    derived
}

fn derive_full_name(row: &mut Row, submitted: &Submitted, derived: &mut Vec<String>) {
    let parts = ["firstname", "middlename", "lastname"];
    let names: Vec<Cell> = parts.iter().map(|part| row.get(part)).collect();
    let full = names.iter().filter_map(Cell::as_text).collect::<Vec<_>>().join(" ");
    row.set("fullname", if full.is_empty() { Cell::Null } else { Cell::Text(full) });
    if parts.iter().any(|part| submitted.get(part).is_some()) {
        derived.push("fullname".to_owned());
    }
}

fn derive_address(row: &mut Row, derived: &mut Vec<String>) {
    let text = |name: &str| row.get(name).as_text().map(str::to_owned);
    let city = [text("address1_city"), text("address1_stateorprovince"), text("address1_postalcode")];
    let city = city.into_iter().flatten().collect::<Vec<_>>().join(", ");
    let lines = [
        text("address1_line1"),
        text("address1_line2"),
        text("address1_line3"),
        Some(city).filter(|line| !line.is_empty()),
        text("address1_country"),
    ];
    let composite = lines.into_iter().flatten().collect::<Vec<_>>().join("\r\n");
    let cell = if composite.is_empty() { Cell::Null } else { Cell::Text(composite) };
    if row.get("address1_composite") != cell {
        row.set("address1_composite", cell);
        derived.push("address1_composite".to_owned());
    }
}

/// A deal value that the system calculates is the sum of the products, and this organisation has none.
fn derive_revenue(row: &mut Row, derived: &mut Vec<String>) {
    let zero = Cell::Decimal(Decimal::ZERO);
    if row.get("totalamount").is_null() {
        row.set("totalamount", zero.clone());
    }
    let calculated = row.get("isrevenuesystemcalculated") == Cell::Flag(true);
    if calculated && row.get("estimatedvalue").number() != Some(Decimal::ZERO) {
        row.set("estimatedvalue", zero);
        derived.push("estimatedvalue".to_owned());
    }
}

/// Rounds money to the currency of the row, keeps the rate, and computes the amounts in the base currency.
fn derive_money(org: &Org, table: &Table, row: &mut Row) {
    if !table.columns.contains_key("exchangerate") || table.logical == "transactioncurrency" {
        return;
    }
    let currency =
        row.get("transactioncurrencyid").as_id().and_then(|id| org.store.row("transactioncurrency", id));
    let precision = currency
        .as_ref()
        .and_then(|currency| currency.get("currencyprecision").as_integer())
        .and_then(|digits| u32::try_from(digits).ok())
        .unwrap_or(PRECISION_WITHOUT_CURRENCY);
    let rate = currency.and_then(|currency| currency.get("exchangerate").number());
    row.set("exchangerate", rate.map_or(Cell::Null, Cell::Decimal));
    for column in table.columns.values() {
        if matches!(column.kind, Kind::Money)
            && let Some(amount) = row.get(&column.logical).number()
        {
            row.set(&column.logical, Cell::Decimal(values::round(amount, precision)));
        }
    }
    for column in table.columns.values() {
        let Kind::MoneyBase { of } = &column.kind else { continue };
        let base = row.get(of).number().zip(rate).and_then(|(amount, rate)| amount.checked_div(rate));
        row.set(
            &column.logical,
            base.map_or(Cell::Null, |base| Cell::Decimal(values::round(base, BASE_PRECISION))),
        );
    }
}
