//! PATCH: RFC 6902 documents, narrowed to the two operations and eighteen paths that the API takes.
//!
//! Pure: takes the referral as it is and gives the referral as it would be. Source of the paths: the certified
//! connector's API definition. What exactly the server answers to a refused document is not documented; all are 400
//! `invalidRequest` here.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Number, Value};

use super::problem::Problem;
use super::settings::Settings;
use super::status;

/// Operations that one document may hold.
const OPERATIONS_MAX: usize = 100;
/// Most elements of a team or of a list of solutions (docs: bulk operations).
pub(super) const LIST_LEN_MAX: usize = 50;

const PATHS: [&str; 18] = [
    "/campaignId",
    "/consent/consentToShareReferralWithMicrosoftSellers",
    "/customerProfile/team",
    "/customerProfile/team/-",
    "/details/closingDateTime",
    "/details/currency",
    "/details/dealValue",
    "/details/notes",
    "/details/requirements/solutions",
    "/details/requirements/solutions/-",
    "/externalReferenceId",
    "/referralProgram",
    "/salesStage",
    "/status",
    "/substatus",
    "/statusReason",
    "/team",
    "/team/-",
];

/// One operation of the document.
#[derive(Debug, Deserialize)]
pub(super) struct Operation {
    op: String,
    path: String,
    #[serde(default)]
    value: Option<Value>,
}

/// Reads a PATCH document.
pub(super) fn parse(body: &[u8]) -> Result<Vec<Operation>, Problem> {
    let operations: Vec<Operation> = serde_json::from_slice(body).map_err(|error| {
        Problem::invalid(
            "patch",
            format!("The body is not a JSON Patch document (an array of operations): {error}"),
        )
    })?;
    if operations.is_empty() || operations.len() > OPERATIONS_MAX {
        let found = operations.len();
        return Err(Problem::invalid(
            "patch",
            format!("A document has 1 to {OPERATIONS_MAX} operations, not {found}."),
        ));
    }
    Ok(operations)
}

/// The referral after all operations, checked as a whole: the order of `status` and `substatus` does not matter.
pub(super) fn apply(before: &Value, operations: &[Operation], settings: &Settings) -> Result<Value, Problem> {
    let (old_status, old_substatus) = pair(before);
    if status::is_terminal(old_status, old_substatus) {
        let status = http::StatusCode::from_u16(settings.terminal_edit_status)
            .unwrap_or(http::StatusCode::BAD_REQUEST);
        let message = format!("The referral is {old_status}/{old_substatus} and can no longer be edited.");
        return Err(Problem::new(status, "invalidRequest", "status", message));
    }
    let mut after = before.clone();
    for operation in operations {
        apply_one(&mut after, operation)?;
    }
    let (new_status, new_substatus) = pair(&after);
    if !status::is_pair(new_status, new_substatus, settings.accept_error_substatus) {
        let message = format!("The substatus '{new_substatus}' is not allowed in the status '{new_status}'.");
        return Err(Problem::invalid("substatus", message));
    }
    if !status::may_become(old_status, new_status) {
        let message = format!("A referral cannot go from the status '{old_status}' to '{new_status}'.");
        return Err(Problem::invalid("status", message));
    }
    Ok(after)
}

fn pair(referral: &Value) -> (&str, &str) {
    let text = |name: &str| referral.get(name).and_then(Value::as_str).unwrap_or_default();
    (text("status"), text("substatus"))
}

fn apply_one(referral: &mut Value, operation: &Operation) -> Result<(), Problem> {
    let Operation { op, path, value } = operation;
    if path.starts_with("/registrations") {
        let message = "The sandbox does not simulate deal registrations; nothing was written.";
        return Err(Problem::new(http::StatusCode::NOT_IMPLEMENTED, "notSimulated", path, message));
    }
    if !PATHS.contains(&path.as_str()) {
        return Err(Problem::invalid(path, format!("The path '{path}' cannot be patched.")));
    }
    if op != "replace" && op != "add" {
        return Err(Problem::invalid(
            path,
            format!("The operation '{op}' is not supported; use replace or add."),
        ));
    }
    let Some(value) = value else {
        return Err(Problem::invalid(path, format!("The operation on '{path}' has no value.")));
    };
    match path.strip_suffix("/-") {
        Some(_) if op == "replace" => {
            Err(Problem::invalid(path, "Only add can append; '/-' names no element to replace."))
        }
        Some(list) => append(referral, list, value),
        None => {
            let value = checked(referral, path, value)?;
            put(referral, path, value)
        }
    }
}

/// Adds an element to the end of a list, making the list if there is none.
fn append(referral: &mut Value, list: &str, value: &Value) -> Result<(), Problem> {
    let mut elements = referral.pointer(list).and_then(Value::as_array).cloned().unwrap_or_default();
    elements.push(value.clone());
    let elements = Value::Array(elements);
    check_list(list, &elements)?;
    put(referral, list, elements)
}

/// The value as it is stored, or why this path does not take it.
fn checked(referral: &Value, path: &str, value: &Value) -> Result<Value, Problem> {
    let refuse = |what: &str| Err(Problem::invalid(path, format!("The value of '{path}' must be {what}.")));
    match path {
        "/team" | "/customerProfile/team" | "/details/requirements/solutions" => {
            check_list(path, value)?;
            let is_shared = referral.get("type").and_then(Value::as_str) == Some("Shared");
            if path.ends_with("/solutions") && is_shared && value.as_array().is_some_and(Vec::is_empty) {
                return refuse("a list with at least one solution");
            }
            Ok(value.clone())
        }
        "/details/dealValue" => deal_value(value).map(Value::Number).map_or_else(|| refuse("an amount"), Ok),
        "/details/closingDateTime" if !is_time(value) => refuse("a time in ISO 8601"),
        "/details/currency" if !is_currency(value) => refuse("an ISO 4217 code"),
        "/consent/consentToShareReferralWithMicrosoftSellers" => {
            match (value.as_bool(), referral.pointer(path)) {
                (None, _) => refuse("true or false"),
                (Some(false), Some(Value::Bool(true))) => Err(Problem::invalid(
                    path,
                    "Consent to share with Microsoft sellers cannot be withdrawn.",
                )),
                _ => Ok(value.clone()),
            }
        }
        "/status" | "/substatus" if !value.is_string() => refuse("text"),
        _ if value.is_string() || value.is_null() || !is_text_path(path) => Ok(value.clone()),
        _ => refuse("text or null"),
    }
}

fn is_text_path(path: &str) -> bool {
    !matches!(path, "/details/closingDateTime" | "/details/currency")
}

/// An amount as the digits that were written: a JSON number, or the text that Microsoft's own samples send.
pub(super) fn deal_value(value: &Value) -> Option<Number> {
    let number = match value {
        Value::Number(number) => number.clone(),
        Value::String(text) => serde_json::from_str(text.trim()).ok()?,
        _ => return None,
    };
    (!number.to_string().starts_with('-')).then_some(number)
}

/// Whether the value is a time with an offset, such as `2018-11-14T00:00:00Z`.
pub(super) fn is_time(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.parse::<Timestamp>().is_ok())
}

/// Whether the value has the form of an ISO 4217 code.
pub(super) fn is_currency(value: &Value) -> bool {
    value.as_str().is_some_and(|code| code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase()))
}

fn check_list(path: &str, value: &Value) -> Result<(), Problem> {
    let elements = match value.as_array() {
        Some(elements) if elements.iter().all(Value::is_object) => elements,
        _ => return Err(Problem::invalid(path, format!("The value of '{path}' must be a list of objects."))),
    };
    if elements.len() > LIST_LEN_MAX {
        return Err(Problem::invalid(path, format!("'{path}' takes at most {LIST_LEN_MAX} elements.")));
    }
    let needs_id = path.ends_with("/solutions");
    let has_id = |element: &Value| element.get("id").and_then(Value::as_str).is_some_and(|id| !id.is_empty());
    if needs_id && !elements.iter().all(has_id) {
        return Err(Problem::invalid(path, "Solution ID is required."));
    }
    Ok(())
}

/// Sets the member at a path of objects, making those that are missing.
fn put(referral: &mut Value, path: &str, value: Value) -> Result<(), Problem> {
    let mut place = referral;
    for name in path.split('/').skip(1) {
        if place.is_null() {
            *place = Value::Object(serde_json::Map::new());
        }
        let Some(members) = place.as_object_mut() else {
            return Err(Problem::invalid(
                path,
                format!("'{path}' is inside of something that has no members."),
            ));
        };
        place = members.entry(name).or_insert(Value::Null);
    }
    *place = value;
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn patched(before: &Value, document: Value) -> Result<Value, Problem> {
        apply(before, &parse(document.to_string().as_bytes())?, &Settings::default())
    }

    #[test]
    fn status_and_substatus_are_judged_together_whatever_their_order() {
        let new = json!({ "status": "New", "substatus": "Pending" });
        let accept = json!([{ "op": "replace", "path": "/substatus", "value": "Accepted" },
                            { "op": "replace", "path": "/status", "value": "Active" }]);
        assert_eq!(patched(&new, accept).unwrap()["status"], "Active");
        assert!(patched(&new, json!([{ "op": "replace", "path": "/status", "value": "Active" }])).is_err());
    }

    #[test]
    fn exactly_the_digits_of_a_deal_value_are_kept() {
        let active = json!({ "status": "Active", "substatus": "Accepted" });
        for (sent, kept) in [
            ("\"10000.10\"", "10000.10"),
            ("12345678901234567890.123456789", "12345678901234567890.123456789"),
        ] {
            let document = format!(r#"[{{"op":"replace","path":"/details/dealValue","value":{sent}}}]"#);
            let after = apply(&active, &parse(document.as_bytes()).unwrap(), &Settings::default()).unwrap();
            assert_eq!(after["details"]["dealValue"].to_string(), kept);
        }
        for refused in [json!("much"), json!(-1), json!("1e"), json!(null)] {
            assert!(
                patched(&active, json!([{ "op": "add", "path": "/details/dealValue", "value": refused }]))
                    .is_err()
            );
        }
    }

    #[test]
    fn consent_is_given_once_and_for_all() {
        let path = "/consent/consentToShareReferralWithMicrosoftSellers";
        let active = json!({ "status": "Active", "substatus": "Accepted" });
        let given = patched(&active, json!([{ "op": "replace", "path": path, "value": true }])).unwrap();
        assert!(patched(&given, json!([{ "op": "replace", "path": path, "value": false }])).is_err());
    }

    #[test]
    fn other_paths_and_operations_are_refused() {
        let active = json!({ "status": "Active", "substatus": "Accepted", "team": [] });
        for (op, path) in [
            ("replace", "/name"),
            ("remove", "/team"),
            ("replace", "/team/-"),
            ("test", "/status"),
            ("add", "/team/0"),
        ] {
            assert!(
                patched(&active, json!([{ "op": op, "path": path, "value": {} }])).is_err(),
                "{op} {path}"
            );
        }
    }
}
