//! Webhooks: registered steps, and the notification that each event becomes.
//!
//! A notification is a serialised `RemoteExecutionContext` (docs: "Use webhooks"). It is not signed; what protects it
//! is the static key, header or query value of the service endpoint. It is sent once, and once more after 502, 503 or
//! 504; every other failure is final and leaves a failed system job (`asyncoperations`).

use super::{
    baseline::{BUSINESS_UNIT, ORGANIZATION, ORGANIZATION_NAME},
    body::Submitted,
    cell::Cell,
    errors::{Outcome, argument, not_simulated},
    events::Event,
    org::Org,
    store::Row,
    tables::{Kind, Table},
    values,
};
use crate::core::outbound::{Accepts, Delivery, Policy, RetryOn};
use bytes::Bytes;
use serde_json::{Value, json};
use uuid::Uuid;

/// Largest payload, in bytes (docs: 256 KB); a larger one loses its big members.
pub(crate) const PAYLOAD_BYTES_MAX: usize = 256 * 1024;
/// Time that a receiver has, in milliseconds (docs: 60 s).
pub(crate) const RECEIVER_TIMEOUT_MS: u64 = 60_000;
/// Attempts in all (docs: one retry).
const ATTEMPTS_MAX: u32 = 2;
/// Pause before the retry, in milliseconds. The documentation says that it is immediate.
const RETRY_PAUSE_MS: u64 = 0;

/// `contract` of a service endpoint that is a webhook.
const CONTRACT_WEBHOOK: i64 = 8;
/// The three kinds of secret: key in the query, headers, query values.
const AUTH_KEY: i64 = 4;
const AUTH_HEADERS: i64 = 5;
const AUTH_QUERY: i64 = 6;
/// `stage` of a step after the operation.
const STAGE_POST_OPERATION: i64 = 40;
/// `mode` of an asynchronous step.
const MODE_ASYNCHRONOUS: i64 = 1;
/// `imagetype`: the row before the operation, after it, or both.
const IMAGE_BEFORE: i64 = 0;
const IMAGE_AFTER: i64 = 1;
const IMAGE_BOTH: i64 = 2;

/// One notification to send, and the step that it is for.
#[derive(Debug)]
pub(crate) struct Notification {
    /// What the core sends.
    pub(crate) delivery: Delivery,
    /// The step.
    pub(crate) step: Uuid,
    /// The row that it is about.
    pub(crate) regarding: Uuid,
}

/// Refuses registrations that this sandbox could not honour, before they are stored.
pub(crate) fn check_registration(table: &Table, submitted: &Submitted) -> Outcome<()> {
    let number = |name: &str| submitted.get(name).and_then(Cell::as_integer);
    match table.logical.as_str() {
        "serviceendpoint" => {
            if number("contract").is_some_and(|contract| contract != CONTRACT_WEBHOOK) {
                return Err(not_simulated("service endpoints other than webhooks (contract 8)"));
            }
            if number("authtype").is_some_and(|kind| !(AUTH_KEY..=AUTH_QUERY).contains(&kind)) {
                return Err(argument(
                    "A webhook has authtype 4 (key), 5 (HTTP header) or 6 (HTTP query string).",
                ));
            }
            Ok(())
        }
        "sdkmessageprocessingstep" => {
            if number("mode") == Some(0) {
                return Err(not_simulated(
                    "synchronous webhook steps (mode 0); register the step with mode 1",
                ));
            }
            if number("stage").is_some_and(|stage| stage != STAGE_POST_OPERATION) {
                return Err(argument(
                    "An asynchronous step must be registered in stage 40 (post-operation).",
                ));
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// The notifications that events become, one for each enabled step that listens.
pub(crate) fn notifications(org: &Org, events: &[Event]) -> Vec<Notification> {
    let mut out = Vec::new();
    for event in events.iter().filter(|event| !event.bypassed) {
        for step in org.store.rows("sdkmessageprocessingstep").filter(|step| listens(org, step, event)) {
            let endpoint =
                step.get("eventhandler").as_id().and_then(|id| org.store.row("serviceendpoint", id));
            if let Some(endpoint) = endpoint {
                out.push(Notification {
                    delivery: delivery(org, step, &endpoint, event),
                    step: step.id,
                    regarding: event.id,
                });
            }
        }
    }
    out
}

/// Whether a step is enabled and registered for this message, table and columns.
fn listens(org: &Org, step: &Row, event: &Event) -> bool {
    let text = |table: &str, id: Option<Uuid>, column: &str| {
        id.and_then(|id| org.store.row(table, id))
            .and_then(|row| row.get(column).as_text().map(str::to_owned))
    };
    let message = text("sdkmessage", step.get("sdkmessageid").as_id(), "name");
    let filter = step.get("sdkmessagefilterid").as_id();
    let table = text("sdkmessagefilter", filter, "primaryobjecttypecode");
    let is_business = org.tables.get(&event.table).is_some_and(|table| table.columns.contains_key("ownerid"));
    let columns = step.get("filteringattributes");
    let columns: Vec<&str> = columns
        .as_text()
        .unwrap_or_default()
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .collect();
    step.get("statecode") != Cell::Integer(1)
        && message.as_deref() == Some(event.message)
        && if filter.is_some() { table.as_deref() == Some(event.table.as_str()) } else { is_business }
        && (event.message != "Update"
            || columns.is_empty()
            || event.submitted.iter().any(|name| columns.contains(&name.as_str())))
}

fn delivery(org: &Org, step: &Row, endpoint: &Row, event: &Event) -> Delivery {
    let mut headers = vec![
        ("content-type".to_owned(), "application/json".to_owned()),
        ("x-ms-dynamics-organization".to_owned(), ORGANIZATION_NAME.to_owned()),
        ("x-ms-dynamics-entity-name".to_owned(), event.table.clone()),
        ("x-ms-dynamics-request-name".to_owned(), event.message.to_owned()),
        ("x-ms-correlation-request-id".to_owned(), event.correlation.to_string()),
    ];
    let mut payload = payload(org, step, event);
    let mut body = serialise(&payload);
    if body.len() > PAYLOAD_BYTES_MAX {
        if let Value::Object(members) = &mut payload {
            for name in ["ParentContext", "InputParameters", "PreEntityImages", "PostEntityImages"] {
                members.remove(name);
            }
        }
        body = serialise(&payload);
        headers.push(("x-ms-dynamics-msg-size-exceeded".to_owned(), "true".to_owned()));
    }
    let mut target = endpoint.get("url").as_text().unwrap_or_default().to_owned();
    let secret = endpoint.get("authvalue").as_text().unwrap_or_default().to_owned();
    let mut falsified = None;
    match endpoint.get("authtype").as_integer() {
        Some(AUTH_KEY) => target = with_query(&target, &[("code".to_owned(), secret)]),
        Some(AUTH_QUERY) => target = with_query(&target, &settings(&secret)),
        Some(AUTH_HEADERS) => {
            let wrong = settings(&secret).into_iter().map(|(name, _)| (name, "wrong".to_owned()));
            falsified = Some(headers.iter().cloned().chain(wrong).collect());
            headers.extend(settings(&secret));
        }
        _ => {}
    }
    Delivery {
        label: format!("{} {}", event.message, event.table),
        target,
        headers,
        falsified_headers: falsified,
        body: body.into(),
        falsified_body: None,
        policy: Policy {
            attempts_max: ATTEMPTS_MAX,
            attempt_timeout_ms: RECEIVER_TIMEOUT_MS,
            retry_first_ms: RETRY_PAUSE_MS,
            retry_max_ms: RETRY_PAUSE_MS,
            retry_on: RetryOn::Statuses(vec![502, 503, 504]),
            accepts: Accepts::AnySuccess,
            give_up_after_ms: None,
        },
    }
}

/// Serialises as .NET's contract serialiser does, which escapes every slash.
fn serialise(payload: &Value) -> Bytes {
    Bytes::from(payload.to_string().replace('/', "\\/"))
}

fn with_query(target: &str, pairs: &[(String, String)]) -> String {
    match url::Url::parse(target) {
        Ok(mut url) => {
            url.query_pairs_mut().extend_pairs(pairs);
            url.into()
        }
        Err(_) => target.to_owned(),
    }
}

/// The names and values in `<settings><setting name="k" value="v"/></settings>`. The encoding is an assumption: it is
/// what the plug-in registration tool writes.
fn settings(xml: &str) -> Vec<(String, String)> {
    let attribute = |element: &str, name: &str| {
        let start = element.find(&format!("{name}=\""))? + name.len() + 2;
        let end = element[start..].find('"')?;
        Some(unescape(&element[start..start + end]))
    };
    xml.split("<setting ")
        .skip(1)
        .filter_map(|element| Some((attribute(element, "name")?, attribute(element, "value")?)))
        .collect()
}

fn unescape(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&apos;", "'")
        .replace("&amp;", "&")
}

/// The execution context.
fn payload(org: &Org, step: &Row, event: &Event) -> Value {
    let outputs = if event.message == "Create" { json!([pair("id", json!(event.id))]) } else { json!([]) };
    let shared = event.tag.as_ref().map(|tag| pair("tag", json!(tag)));
    json!({
        "BusinessUnitId": BUSINESS_UNIT,
        "CorrelationId": event.correlation,
        "Depth": 1,
        "InitiatingUserId": event.initiator,
        "InputParameters": inputs(org, event),
        "IsExecutingOffline": false,
        "IsInTransaction": false,
        "IsOfflinePlayback": false,
        "IsolationMode": 1,
        "MessageName": event.message,
        "Mode": MODE_ASYNCHRONOUS,
        "OperationCreatedOn": format!("/Date({}+0000)/", event.at.as_millisecond()),
        "OperationId": event.correlation,
        "OrganizationId": ORGANIZATION,
        "OrganizationName": ORGANIZATION_NAME,
        "OutputParameters": outputs,
        "OwningExtension": {
            "Id": step.id,
            "KeyAttributes": [],
            "LogicalName": "sdkmessageprocessingstep",
            "Name": values::show(&step.get("name")),
            "RowVersion": null,
        },
        "ParentContext": null,
        "PostEntityImages": images(org, step, event, IMAGE_AFTER),
        "PreEntityImages": images(org, step, event, IMAGE_BEFORE),
        "PrimaryEntityId": event.id,
        "PrimaryEntityName": event.table,
        "RequestId": event.correlation,
        "SecondaryEntityName": "none",
        "SharedVariables": shared.into_iter().collect::<Vec<_>>(),
        "Stage": STAGE_POST_OPERATION,
        "UserId": event.user,
    })
}

/// The images of a step: the row as it was, or as it is, with the columns that each asks for.
fn images(org: &Org, step: &Row, event: &Event, kind: i64) -> Vec<Value> {
    let row = if kind == IMAGE_BEFORE { &event.before } else { &event.row };
    let Some(row) = row else { return Vec::new() };
    let is_wanted = |image: &&std::sync::Arc<Row>| {
        let of_step = image.get("sdkmessageprocessingstepid").as_id() == Some(step.id);
        of_step && matches!(image.get("imagetype"), Cell::Integer(own) if own == kind || own == IMAGE_BOTH)
    };
    let images = org.store.rows("sdkmessageprocessingstepimage").filter(is_wanted);
    let shown = images.map(|image| {
        let columns = image.get("attributes");
        let columns: Vec<&str> = columns
            .as_text()
            .unwrap_or_default()
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .collect();
        let cells =
            row.cells.iter().filter(|(name, _)| columns.is_empty() || columns.contains(&name.as_str()));
        let cells: Vec<(String, Cell)> = cells.map(|(name, cell)| (name.clone(), cell.clone())).collect();
        let alias = image.get("entityalias");
        pair(alias.as_text().unwrap_or_default(), entity(org, &event.table, event.id, &cells))
    });
    shown.collect()
}

fn pair(key: &str, value: Value) -> Value {
    json!({ "key": key, "value": value })
}

/// The input parameters: the entity with the submitted columns, the reference of what was deleted, or the activity
/// that closed an opportunity.
fn inputs(org: &Org, event: &Event) -> Value {
    if let Some(activity) = &event.activity {
        let cells: Vec<(String, Cell)> =
            activity.cells.iter().map(|(name, cell)| (name.clone(), cell.clone())).collect();
        let status = event.row.as_ref().and_then(|row| row.get("statuscode").as_integer()).unwrap_or(-1);
        return json!([
            pair("OpportunityClose", entity(org, "opportunityclose", activity.id, &cells)),
            pair("Status", contract("OptionSetValue", json!({ "Value": status }))),
        ]);
    }
    let target = if event.message == "Delete" {
        entity_reference(&event.table, event.id)
    } else {
        entity(org, &event.table, event.id, &event.target)
    };
    json!([pair("Target", target)])
}

fn entity(org: &Org, table: &str, id: Uuid, cells: &[(String, Cell)]) -> Value {
    let columns = org.tables.get(table);
    let attributes = cells.iter().map(|(name, cell)| {
        let kind = columns.and_then(|table| table.columns.get(name)).map(|column| &column.kind);
        pair(name, attribute(kind, cell))
    });
    contract(
        "Entity",
        json!({
            "Attributes": attributes.collect::<Vec<_>>(),
            "EntityState": null,
            "FormattedValues": [],
            "Id": id,
            "KeyAttributes": [],
            "LogicalName": table,
            "RelatedEntities": [],
            "RowVersion": null,
        }),
    )
}

fn entity_reference(table: &str, id: Uuid) -> Value {
    contract(
        "EntityReference",
        json!({ "Id": id, "KeyAttributes": [], "LogicalName": table, "Name": null, "RowVersion": null }),
    )
}

/// A value with the type name that the contract serialiser writes before its members.
fn contract(name: &str, mut members: Value) -> Value {
    members["__type"] = json!(format!("{name}:http://schemas.microsoft.com/xrm/2011/Contracts"));
    members
}

/// A column's value as the contract serialiser writes it. The forms of choices and money are assumptions.
fn attribute(kind: Option<&Kind>, cell: &Cell) -> Value {
    match (kind, cell) {
        (_, Cell::Null) => Value::Null,
        (_, Cell::Reference { table, id }) => entity_reference(table, *id),
        (_, Cell::Instant(at)) => json!(format!("/Date({})/", at.as_millisecond())),
        (_, Cell::Date(date)) => {
            let midnight = date.to_zoned(jiff::tz::TimeZone::UTC).map(|at| at.timestamp().as_millisecond());
            json!(format!("/Date({})/", midnight.unwrap_or_default()))
        }
        (Some(Kind::Choice(_) | Kind::State | Kind::Status), cell) => {
            contract("OptionSetValue", json!({ "Value": values::show(cell) }))
        }
        (Some(Kind::Money | Kind::MoneyBase { .. }), cell) => {
            contract("Money", json!({ "Value": values::show(cell) }))
        }
        (_, cell) => values::show(cell),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_an_endpoint_are_read_and_unescaped() {
        let xml =
            r#"<settings><setting name="x-key" value="a&amp;b"/><setting name="y" value="2" /></settings>"#;
        let expected =
            [("x-key", "a&b"), ("y", "2")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(settings(xml), expected);
    }
}
