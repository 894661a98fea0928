//! `QualifyLead`: a lead becomes an opportunity, an account and a contact, as far as it is told to.

use super::{
    body::Submitted,
    cell::Cell,
    crud,
    errors::{Outcome, Refusal, argument},
    events::Event,
    org::{Answer, Call, Org},
    store::Row,
    tables::Table,
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// `statecode` of a qualified lead.
const QUALIFIED: i64 = 1;

/// The attribute maps of an organisation as it comes: from which column of the lead, into which of the new row.
const TO_OPPORTUNITY: &[(&str, &str)] = &[
    ("subject", "name"),
    ("description", "description"),
    ("estimatedamount", "estimatedvalue"),
    ("estimatedclosedate", "estimatedclosedate"),
    ("budgetamount", "budgetamount"),
    ("emailaddress1", "emailaddress"),
];
const TO_ACCOUNT: &[(&str, &str)] = &[
    ("companyname", "name"),
    ("telephone1", "telephone1"),
    ("websiteurl", "websiteurl"),
    ("emailaddress1", "emailaddress1"),
    ("revenue", "revenue"),
    ("numberofemployees", "numberofemployees"),
    ("address1_line1", "address1_line1"),
    ("address1_line2", "address1_line2"),
    ("address1_line3", "address1_line3"),
    ("address1_city", "address1_city"),
    ("address1_stateorprovince", "address1_stateorprovince"),
    ("address1_postalcode", "address1_postalcode"),
    ("address1_country", "address1_country"),
];
const TO_CONTACT: &[(&str, &str)] = &[
    ("firstname", "firstname"),
    ("middlename", "middlename"),
    ("lastname", "lastname"),
    ("jobtitle", "jobtitle"),
    ("emailaddress1", "emailaddress1"),
    ("telephone1", "telephone1"),
    ("mobilephone", "mobilephone"),
    ("address1_line1", "address1_line1"),
    ("address1_line2", "address1_line2"),
    ("address1_line3", "address1_line3"),
    ("address1_city", "address1_city"),
    ("address1_stateorprovince", "address1_stateorprovince"),
    ("address1_postalcode", "address1_postalcode"),
    ("address1_country", "address1_country"),
];

/// What the action was told.
struct Told {
    account: bool,
    contact: bool,
    opportunity: bool,
    status: i64,
    currency: Option<Cell>,
    customer: Option<Cell>,
}

/// `POST leads(…)/Microsoft.Dynamics.CRM.QualifyLead`.
pub(crate) fn run(org: &mut Org, call: &Call, lead: &Row) -> Outcome<Answer> {
    let told = told(org, &call.json_body()?)?;
    if lead.get("statecode") != Cell::Integer(0) {
        return Err(Refusal::new(400, "0x80040519", "The lead is already closed."));
    }
    let mut made = Vec::new();
    let account = told.account.then(|| create(org, call, lead, "account", TO_ACCOUNT, &[])).transpose()?;
    let works_for = account.clone().or_else(|| told.customer.clone().filter(|to| leads_to(to, "account")));
    let works_for: Vec<_> = works_for.into_iter().map(|account| ("parentcustomerid", account)).collect();
    let contact =
        told.contact.then(|| create(org, call, lead, "contact", TO_CONTACT, &works_for)).transpose()?;
    let opportunity = told
        .opportunity
        .then(|| make_opportunity(org, call, lead, &told, (account.clone(), contact.clone())))
        .transpose()?;
    made.extend([account, contact.clone(), opportunity.clone()].into_iter().flatten());
    close(org, call, lead, &told, opportunity)?;
    org.events.push(Event::new(call, "QualifyLead", "lead", lead.id));
    answer(org, call, &made)
}

fn told(org: &Org, body: &Map<String, Value>) -> Outcome<Told> {
    let flag = |name: &str| {
        let value = body.get(name).and_then(Value::as_bool);
        value.ok_or_else(|| argument(format!("Required parameter '{name}' is missing or is no boolean.")))
    };
    let status = body.get("Status").and_then(Value::as_i64);
    Ok(Told {
        account: flag("CreateAccount")?,
        contact: flag("CreateContact")?,
        opportunity: flag("CreateOpportunity")?,
        status: status.ok_or_else(|| argument("Required parameter 'Status' is missing or is no integer."))?,
        currency: reference(org, body.get("OpportunityCurrencyId"), &["transactioncurrency"])?,
        customer: reference(org, body.get("OpportunityCustomerId"), &["account", "contact"])?,
    })
}

/// The row that a parameter with a type and an id names.
pub(crate) fn reference(org: &Org, parameter: Option<&Value>, tables: &[&str]) -> Outcome<Option<Cell>> {
    let Some(parameter) = parameter.filter(|value| !value.is_null()) else { return Ok(None) };
    let named = parameter.get("@odata.type").and_then(Value::as_str).unwrap_or_default();
    let named = named.trim_start_matches('#').trim_start_matches("Microsoft.Dynamics.CRM.");
    let table = tables.iter().find(|table| **table == named);
    let table =
        table.ok_or_else(|| argument(format!("'@odata.type' must be one of {}.", tables.join(", "))))?;
    let primary_id = &org.table(table)?.primary_id;
    let id = parameter.get(primary_id).and_then(Value::as_str).and_then(|id| Uuid::parse_str(id).ok());
    let id = id.ok_or_else(|| argument(format!("A reference to '{table}' needs '{primary_id}'.")))?;
    Ok(Some(Cell::Reference { table: (*table).to_owned(), id: org.row(table, id)?.id }))
}

fn make_opportunity(
    org: &mut Org,
    call: &Call,
    lead: &Row,
    told: &Told,
    (account, contact): (Option<Cell>, Option<Cell>),
) -> Outcome<Cell> {
    let own = |name: &str| Some(lead.get(name)).filter(|cell| !cell.is_null());
    let customer = told.customer.clone();
    let of = |table: &str| customer.clone().filter(|to| leads_to(to, table));
    let account = account.or_else(|| of("account")).or_else(|| own("parentaccountid"));
    let contact = contact.or_else(|| of("contact")).or_else(|| own("parentcontactid"));
    let customer = customer.or_else(|| account.clone()).or_else(|| contact.clone());
    let currency = told.currency.clone().or_else(|| own("transactioncurrencyid"));
    let mut more = vec![("originatingleadid", Cell::Reference { table: "lead".to_owned(), id: lead.id })];
    for (column, cell) in [
        ("customerid", customer),
        ("parentaccountid", account),
        ("parentcontactid", contact),
        ("transactioncurrencyid", currency),
    ] {
        more.extend(cell.map(|cell| (column, cell)));
    }
    if !lead.get("estimatedamount").is_null() {
        more.push(("isrevenuesystemcalculated", Cell::Flag(false)));
    }
    create(org, call, lead, "opportunity", TO_OPPORTUNITY, &more)
}

/// Creates a row from the mapped columns of the lead and returns a reference to it.
fn create(
    org: &mut Org,
    call: &Call,
    lead: &Row,
    table: &str,
    map: &[(&str, &str)],
    more: &[(&str, Cell)],
) -> Outcome<Cell> {
    let mapped = map.iter().map(|(from, to)| ((*to).to_owned(), lead.get(from)));
    let more = more.iter().map(|(name, cell)| ((*name).to_owned(), cell.clone()));
    let cells: Vec<(String, Cell)> = mapped.filter(|(_, cell)| !cell.is_null()).chain(more).collect();
    let row = crud::create(org, call, table, &Map::new(), Some(&cells), 1)?;
    Ok(Cell::Reference { table: table.to_owned(), id: row.id })
}

fn leads_to(cell: &Cell, table: &str) -> bool {
    matches!(cell, Cell::Reference { table: to, .. } if to == table)
}

/// The lead is qualified, and says into what.
fn close(org: &mut Org, call: &Call, lead: &Row, told: &Told, opportunity: Option<Cell>) -> Outcome<()> {
    let table: Table = org.table("lead")?.clone();
    let statuses = table.state(QUALIFIED).map(|state| state.statuses.clone()).unwrap_or_default();
    let default = statuses.first().map_or(-1, |(value, _)| *value);
    let status = if told.status == -1 { default } else { told.status };
    if !statuses.iter().any(|(value, _)| *value == status) {
        return Err(Refusal::new(
            400,
            "0x80048408",
            format!(
                "{status} is not a valid status code for state code {QUALIFIED} on lead with Id {}.",
                lead.id
            ),
        ));
    }
    let now = org.row("lead", lead.id)?;
    let mut closed = (*now).clone();
    let mut submitted = Submitted::default();
    let cells = [
        ("statecode", Some(Cell::Integer(QUALIFIED))),
        ("statuscode", Some(Cell::Integer(status))),
        ("qualifyingopportunityid", opportunity),
    ];
    for (column, cell) in cells.into_iter().filter_map(|(column, cell)| Some((column, cell?))) {
        closed.set(column, cell.clone());
        submitted.set(column, cell);
    }
    crud::finish_update(org, call, &table, closed, &submitted)?;
    Ok(())
}

/// The created rows, each with its type and id. The exact form is an assumption.
fn answer(org: &Org, call: &Call, made: &[Cell]) -> Outcome<Answer> {
    let mut value = Vec::with_capacity(made.len());
    for cell in made {
        let Cell::Reference { table, id } = cell else { continue };
        let table = org.table(table)?;
        let mut row = Map::new();
        row.insert("@odata.type".to_owned(), json!(format!("#Microsoft.Dynamics.CRM.{}", table.logical)));
        row.insert(table.primary_id.clone(), json!(id));
        value.push(Value::Object(row));
    }
    let context = format!("{}/$metadata#Collection(Microsoft.Dynamics.CRM.crmbaseentity)", call.base);
    Ok(Answer::json(200, &json!({ "@odata.context": context, "value": value })))
}
