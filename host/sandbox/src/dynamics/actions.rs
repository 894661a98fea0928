//! Functions and actions that belong to no table: `WhoAmI`, closing an opportunity, publishing.

use super::{
    baseline::{BUSINESS_UNIT, ORGANIZATION},
    body::Submitted,
    cell::Cell,
    crud,
    errors::{Outcome, Refusal, argument, no_such_segment, not_simulated},
    events::Event,
    keys, merge,
    odata::url::{Key, Segment},
    org::{Answer, Call, Org},
    store::Row,
};
use http::Method;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use uuid::Uuid;

/// What closing an opportunity means, by action name.
struct Closing {
    action: &'static str,
    message: &'static str,
    state: i64,
}

const CLOSINGS: [Closing; 2] = [
    Closing { action: "WinOpportunity", message: "Win", state: 1 },
    Closing { action: "LoseOpportunity", message: "Lose", state: 2 },
];

/// Runs an unbound function or action.
pub(crate) fn run(org: &mut Org, call: &Call, segment: &Segment) -> Outcome<Answer> {
    let name = segment.name.strip_prefix("Microsoft.Dynamics.CRM.").unwrap_or(&segment.name);
    match (name, &call.method) {
        ("WhoAmI", &Method::GET) => Ok(who_am_i(call)),
        ("RetrieveVersion", &Method::GET) => Ok(Answer::json(
            200,
            &json!({
                "@odata.context": format!("{}/$metadata#Microsoft.Dynamics.CRM.RetrieveVersionResponse", call.base),
                "Version": "9.2.0.0",
            }),
        )),
        ("PublishXml" | "PublishAllXml", &Method::POST) => Ok(Answer::empty(204)),
        ("ReactivateEntityKey", &Method::POST) => reactivate_key(org, call),
        ("Merge", &Method::POST) => merge::run(org, call),
        _ if matches!(segment.key, Some(Key::Empty | Key::Named(_))) => {
            Err(not_simulated(format!("the function '{name}'")))
        }
        (_, &Method::POST) => match CLOSINGS.iter().find(|closing| closing.action == name) {
            Some(closing) => close(org, call, closing),
            None if name.starts_with(char::is_uppercase) => {
                Err(not_simulated(format!("the action '{name}'")))
            }
            None => Err(no_such_segment(name)),
        },
        _ => Err(no_such_segment(name)),
    }
}

fn who_am_i(call: &Call) -> Answer {
    Answer::json(
        200,
        &json!({
            "@odata.context": format!("{}/$metadata#Microsoft.Dynamics.CRM.WhoAmIResponse", call.base),
            "BusinessUnitId": BUSINESS_UNIT,
            "UserId": call.user,
            "OrganizationId": ORGANIZATION,
        }),
    )
}

fn reactivate_key(org: &mut Org, call: &Call) -> Outcome<Answer> {
    let body = call.json_body()?;
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_lowercase);
    let (Some(table), Some(key)) = (text("EntityLogicalName"), text("EntityKeyLogicalName")) else {
        return Err(argument("ReactivateEntityKey takes EntityLogicalName and EntityKeyLogicalName."));
    };
    let schema = org.table(&table)?.keys.iter().find(|known| known.schema.to_lowercase() == key);
    let schema =
        schema.map(|key| key.schema.clone()).ok_or_else(|| argument(format!("No entity key '{key}'.")))?;
    keys::build_index(org, &table, &schema);
    Ok(Answer::empty(204))
}

/// `WinOpportunity` and `LoseOpportunity`: an activity is written and the opportunity is closed.
fn close(org: &mut Org, call: &Call, closing: &Closing) -> Outcome<Answer> {
    let body = call.json_body()?;
    let mut activity = match body.get("OpportunityClose") {
        Some(Value::Object(activity)) => activity.clone(),
        _ => return Err(argument("Required parameter 'OpportunityClose' is missing or is no object.")),
    };
    let id = closed_opportunity(org, call, &mut activity)?;
    let table = org.table("opportunity")?.clone();
    let row = org.row("opportunity", id)?;
    if row.get("statecode") != Cell::Integer(0) {
        return Err(Refusal::new(400, "0x80040515", "The opportunity has already been closed."));
    }
    let status = status(&table, closing, &row, body.get("Status"))?;
    let activity = write_activity(org, call, &activity, id, &row)?;

    let mut closed = (*row).clone();
    let mut submitted = Submitted::default();
    let today = Cell::Date(call.now.to_zoned(TimeZone::UTC).date());
    let or = |cell: Cell, other: Cell| if cell.is_null() { other } else { cell };
    for (column, cell) in [
        ("statecode", Cell::Integer(closing.state)),
        ("statuscode", Cell::Integer(status)),
        ("actualvalue", or(activity.get("actualrevenue"), row.get("estimatedvalue"))),
        ("actualclosedate", or(activity.get("actualend"), today)),
    ] {
        closed.set(column, cell.clone());
        submitted.set(column, cell);
    }
    crud::finish_update(org, call, &table, closed, &submitted)?;
    let mut event = Event::new(call, closing.message, "opportunity", id);
    event.activity = Some(activity);
    org.events.push(event);
    Ok(Answer::empty(204))
}

/// The opportunity that the activity is about, bound or given as a nested reference; taken out of the activity.
fn closed_opportunity(org: &Org, call: &Call, activity: &mut Map<String, Value>) -> Outcome<Uuid> {
    if let Some(Value::String(text)) = activity.get("opportunityid@odata.bind") {
        let (table, id) = org.reference(call, text)?;
        return if table == "opportunity" {
            Ok(id)
        } else {
            Err(argument(format!("'opportunityid@odata.bind' leads to a '{table}', not to an opportunity.")))
        };
    }
    activity
        .remove("opportunityid")
        .and_then(|nested| Uuid::parse_str(nested.get("opportunityid")?.as_str()?).ok())
        .ok_or_else(|| argument("OpportunityClose needs 'opportunityid@odata.bind'."))
}

/// The status that the opportunity closes with: the one asked for, or the state's default for -1 and for none.
fn status(table: &super::tables::Table, closing: &Closing, row: &Row, asked: Option<&Value>) -> Outcome<i64> {
    let statuses = table.state(closing.state).map(|state| state.statuses.as_slice()).unwrap_or_default();
    let asked = asked.and_then(Value::as_i64).filter(|status| *status != -1);
    let status = asked.or_else(|| statuses.first().map(|(value, _)| *value)).unwrap_or(-1);
    if statuses.iter().any(|(value, _)| *value == status) {
        Ok(status)
    } else {
        Err(Refusal::new(
            400,
            "0x80048408",
            format!(
                "{status} is not a valid status code for state code {} on opportunity with Id {}.",
                closing.state, row.id
            ),
        ))
    }
}

fn write_activity(
    org: &mut Org,
    call: &Call,
    body: &Map<String, Value>,
    opportunity: Uuid,
    row: &Row,
) -> Outcome<Arc<Row>> {
    let mut given = vec![(
        "opportunityid".to_owned(),
        Cell::Reference { table: "opportunity".to_owned(), id: opportunity },
    )];
    let currency = row.get("transactioncurrencyid");
    if !currency.is_null() {
        given.push(("transactioncurrencyid".to_owned(), currency));
    }
    let written = crud::create(org, call, "opportunityclose", body, Some(&given), 1)?;
    let mut completed = (*written).clone();
    completed.set("statecode", Cell::Integer(1));
    completed.set("statuscode", Cell::Integer(2));
    Ok(org.store.put("opportunityclose", completed))
}
