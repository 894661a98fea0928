//! A referral as Partner Center's JSON has it, and what the API lets anyone do to each of its fields.
//!
//! The whole document is kept as it was read; single fields are taken out and laid over by JSON pointer. The tables
//! come from the API's swagger (the complete list of patchable paths) and the create page of its docs.

use jiff::{Timestamp, civil::Date};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value as Json, json};

use crate::value::{Fields, Reference, Value};

/// A whole referral, as read or as sent. Fields are addressed by JSON pointer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Referral(pub serde_json::Value);

/// Where the deal's status is.
pub const STATUS: &str = "/status";
/// Where the deal's substatus is.
pub const SUBSTATUS: &str = "/substatus";
/// Where the partner's own id of the deal is: the record's id.
pub const EXTERNAL_REFERENCE: &str = "/externalReferenceId";
/// Where the help that is asked of Microsoft is named.
pub const HELP: &str = "/inviteContext/assistanceRequestCode";
/// Consent to show the deal to Microsoft's sellers; it is given once and never taken back.
pub const SHARE_CONSENT: &str = "/consent/consentToShareReferralWithMicrosoftSellers";
/// Microsoft, as an organisation and as a target. docs: referral resources.
pub const MICROSOFT: &str = "msft";

/// How a path's JSON is read as a [`Value`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A JSON string.
    Text,
    /// `true` or `false`.
    Flag,
    /// A JSON number, or a number in a string; both are seen.
    Decimal,
    /// An ISO 8601 string in UTC.
    Instant,
    /// A list of objects that have an `id` and nothing else: [`Value::Texts`] of the ids.
    Ids,
    /// A list or object that is one value.
    Json,
}

/// Paths whose shape is known; any other one is read as its JSON says.
const SHAPES: &[(&str, Shape)] = &[
    ("/acceptedDateTime", Shape::Instant),
    ("/closedDateTime", Shape::Instant),
    ("/consent/consentToContact", Shape::Flag),
    (SHARE_CONSENT, Shape::Flag),
    ("/consent/consentToToShareInfoWithOthers", Shape::Flag),
    ("/createdDateTime", Shape::Instant),
    ("/customerProfile/ids", Shape::Json),
    ("/customerProfile/team", Shape::Json),
    ("/details/closingDateTime", Shape::Instant),
    ("/details/currency", Shape::Text),
    ("/details/customerRequestedContact", Shape::Flag),
    ("/details/dealValue", Shape::Decimal),
    ("/details/notes", Shape::Text),
    ("/details/requirements/industries", Shape::Ids),
    ("/details/requirements/products", Shape::Ids),
    ("/details/requirements/services", Shape::Ids),
    ("/details/requirements/solutions", Shape::Json),
    ("/expirationDateTime", Shape::Instant),
    (EXTERNAL_REFERENCE, Shape::Text),
    ("/favorite", Shape::Flag),
    ("/isSpam", Shape::Flag),
    ("/name", Shape::Text),
    ("/registrations", Shape::Json),
    (STATUS, Shape::Text),
    ("/statusReason", Shape::Text),
    (SUBSTATUS, Shape::Text),
    ("/tags", Shape::Json),
    ("/target", Shape::Json),
    ("/team", Shape::Json),
    ("/updatedDateTime", Shape::Instant),
];

/// The complete list of paths that a PATCH may name (swagger of the certified connector; the three `/-` forms append).
const PATCHABLE: &[&str] = &[
    "/campaignId",
    SHARE_CONSENT,
    "/customerProfile/team",
    "/customerProfile/team/-",
    "/details/closingDateTime",
    "/details/currency",
    "/details/dealValue",
    "/details/notes",
    "/details/requirements/solutions",
    "/details/requirements/solutions/-",
    EXTERNAL_REFERENCE,
    "/referralProgram",
    "/salesStage",
    STATUS,
    SUBSTATUS,
    "/statusReason",
    "/team",
    "/team/-",
];

/// Paths, or the beginnings of paths, that the server alone sets; a create that names one of them leaves it out.
const SERVER_OWNED: &[&str] = &[
    "/acceptedDateTime",
    "/closedDateTime",
    "/createdDateTime",
    "/createdVia",
    "/customerProfile/isMatchingComplete",
    "/details/incentiveLevel",
    "/direction",
    "/eTag",
    "/engagementId",
    "/expirationDateTime",
    "/id",
    "/isSpam",
    "/lastModifiedVia",
    "/lastRunId",
    "/links",
    "/organizationId",
    "/organizationName",
    "/quality",
    "/registrationStatus",
    "/registrations",
    "/tags",
    "/trackingInfo",
    "/updatedDateTime",
];

/// How the value at a path is read, if the path is known.
pub fn shape(path: &str) -> Option<Shape> {
    SHAPES.binary_search_by(|(known, _)| known.cmp(&path)).ok().map(|at| SHAPES[at].1)
}

/// Whether a PATCH may name this path at all.
pub fn is_patchable(path: &str) -> bool {
    PATCHABLE.contains(&path)
}

/// Whether a POST may set this path.
pub fn is_settable_at_create(path: &str) -> bool {
    let under =
        |owned: &str| path.strip_prefix(owned).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    !SERVER_OWNED.iter().any(|owned| under(owned)) && !path.ends_with("/-")
}

/// Whether the flag at this path may go from no to yes and never back.
pub fn is_one_way(path: &str) -> bool {
    path == SHARE_CONSENT
}

/// Whether a referral may go from one status to another, and the substatus goes with it (docs: status machine).
///
/// A present status that the docs do not name (or none) is not judged, a wanted one must be named.
pub fn is_transition(from: &str, status: &str, substatus: &str) -> bool {
    let targets: &[&str] = match from {
        "New" => &["New", "Active", "Closed"],
        "Active" => &["Active", "Closed"],
        "Closed" => &["Closed"],
        _ => &["New", "Active", "Closed"],
    };
    let substatuses: &[&str] = match status {
        "New" => &["Pending", "Received"],
        "Active" => &["Accepted"],
        "Closed" => &["Won", "Lost", "Declined", "Expired", "Error"],
        _ => &[],
    };
    targets.contains(&status) && substatuses.contains(&substatus)
}

impl Referral {
    /// The referral's id; `None` in a document that was never posted.
    pub fn id(&self) -> Option<&str> {
        self.text("/id")
    }

    /// The engagement that it shares with other organisations' copies.
    pub fn engagement(&self) -> Option<&str> {
        self.text("/engagementId")
    }

    /// The eTag as the document has it, quotes included.
    pub fn etag(&self) -> Option<&str> {
        self.text("/eTag")
    }

    /// The organisation whose copy this is.
    pub fn organization(&self) -> Option<&str> {
        self.text("/organizationId")
    }

    /// `New`, `Active`, `Closed`, or whatever else the API says.
    pub fn status(&self) -> Option<&str> {
        self.text(STATUS)
    }

    /// The substatus, as the API says it.
    pub fn substatus(&self) -> Option<&str> {
        self.text(SUBSTATUS)
    }

    /// Closed referrals are immutable (docs: nothing may be edited after won, lost, declined or expired).
    pub fn is_closed(&self) -> bool {
        self.status() == Some("Closed")
    }

    /// The partner's own id of the deal: the id of the record.
    pub fn external_reference(&self) -> Option<&str> {
        self.text(EXTERNAL_REFERENCE)
    }

    /// When it last changed, as the document says it.
    pub fn updated(&self) -> Option<&str> {
        self.text("/updatedDateTime")
    }

    /// The deal's ISO 4217 currency.
    pub fn currency(&self) -> Option<&str> {
        self.text("/details/currency")
    }

    /// Whether it was sent to `id` (`msft`: Microsoft).
    pub fn is_sent_to(&self, id: &str) -> bool {
        let targets = self.0.pointer("/target").and_then(Json::as_array);
        targets.is_some_and(|all| all.iter().any(|one| one.get("id").and_then(Json::as_str) == Some(id)))
    }

    /// The value at a JSON pointer, [`Value::Empty`] where there is none.
    pub fn get(&self, path: &str) -> Value {
        self.0.pointer(path).map_or(Value::Empty, |json| from_json(path, json))
    }

    /// This referral with the fields laid over it; everything else stays as it is, digit by digit.
    pub fn overlay(&self, fields: &Fields) -> Referral {
        let mut document = self.0.clone();
        for (path, value) in fields {
            set(&mut document, path, to_json(path, value));
        }
        Referral(document)
    }

    /// What of it a POST may say: everything that the server does not set by itself.
    pub fn as_created(&self) -> Referral {
        self.without(SERVER_OWNED)
    }

    /// This referral without what is at these pointers.
    pub fn without(&self, paths: &[&str]) -> Referral {
        let mut document = self.0.clone();
        for path in paths {
            remove(&mut document, path);
        }
        Referral(document)
    }

    fn text(&self, path: &str) -> Option<&str> {
        self.0.pointer(path).and_then(Json::as_str).filter(|text| !text.is_empty())
    }
}

/// Reads JSON as the value that this path holds.
pub fn from_json(path: &str, json: &Json) -> Value {
    match (shape(path), json) {
        (_, Json::Null) => Value::Empty,
        (Some(Shape::Decimal), Json::String(text)) => {
            text.trim().parse::<Decimal>().map_or_else(|_| Value::Text(text.clone()), Value::Decimal)
        }
        (Some(Shape::Instant), Json::String(text)) => instant(text),
        (Some(Shape::Ids), Json::Array(items)) => {
            ids(items).map_or_else(|| Value::Json(json.clone()), Value::Texts)
        }
        (Some(Shape::Json), _) => Value::Json(json.clone()),
        (Some(Shape::Decimal), Json::Number(number)) => {
            decimal(number).map_or_else(|| Value::Json(json.clone()), Value::Decimal)
        }
        (_, Json::String(text)) => Value::Text(text.clone()),
        (_, Json::Bool(flag)) => Value::Flag(*flag),
        (_, Json::Number(number)) => match number.to_string().parse::<i32>() {
            Ok(whole) => Value::Integer(whole),
            Err(_) => decimal(number).map_or_else(|| Value::Json(json.clone()), Value::Decimal),
        },
        (_, Json::Array(items)) => texts(items).map_or_else(|| Value::Json(json.clone()), Value::Texts),
        (_, Json::Object(_)) => Value::Json(json.clone()),
    }
}

/// Writes a value as the JSON that this path holds. Numbers keep the digits that they were given.
pub fn to_json(path: &str, value: &Value) -> Json {
    match value {
        Value::Empty => Json::Null,
        Value::Text(text) => match shape(path) {
            Some(Shape::Decimal) => {
                text.trim().parse::<Decimal>().map_or_else(|_| json!(text), |it| number(&it))
            }
            _ => json!(text),
        },
        Value::Flag(flag) => json!(flag),
        Value::Integer(whole) => json!(whole),
        Value::Decimal(decimal) => number(decimal),
        Value::Date(date) if shape(path) == Some(Shape::Instant) => json!(format!("{date}T00:00:00Z")),
        Value::Date(date) => json!(date.to_string()),
        Value::Instant(instant) => json!(instant.to_string()),
        Value::Texts(texts) if shape(path) == Some(Shape::Ids) => {
            texts.iter().map(|id| json!({ "id": id })).collect()
        }
        Value::Texts(texts) => json!(texts),
        Value::Reference(Reference::Existing(key)) => json!(key.id),
        Value::Reference(Reference::Companion(alias)) => json!(alias),
        Value::Json(json) => json.clone(),
    }
}

/// A value as it would be read back from this path, so that what is asked for compares with what is there.
pub fn as_held(path: &str, value: &Value) -> Value {
    from_json(path, &to_json(path, value))
}

fn instant(text: &str) -> Value {
    match (text.parse::<Timestamp>(), text.parse::<Date>()) {
        (Ok(instant), _) => Value::Instant(instant),
        (_, Ok(date)) => Value::Date(date),
        _ => Value::Text(text.to_owned()),
    }
}

fn decimal(number: &Number) -> Option<Decimal> {
    let digits = number.to_string();
    digits.parse().ok().or_else(|| Decimal::from_scientific(&digits).ok())
}

fn number(decimal: &Decimal) -> Json {
    decimal.to_string().parse::<Number>().map_or_else(|_| json!(decimal.to_string()), Json::Number)
}

fn texts(items: &[Json]) -> Option<Vec<String>> {
    items.iter().map(|item| item.as_str().map(str::to_owned)).collect()
}

fn ids(items: &[Json]) -> Option<Vec<String>> {
    let id = |item: &Json| {
        let object = item.as_object().filter(|object| object.len() == 1)?;
        object.get("id")?.as_str().map(str::to_owned)
    };
    items.iter().map(id).collect()
}

/// Takes out the JSON at a pointer of plain names, if it is there.
fn remove(document: &mut Json, path: &str) {
    let Some((parent, name)) = path.rsplit_once('/') else { return };
    if let Some(Json::Object(object)) = document.pointer_mut(parent) {
        object.remove(name);
    }
}

/// Sets the JSON at a pointer. Objects on the way are made; a list is only entered at an index that it has.
fn set(document: &mut Json, path: &str, value: Json) {
    let mut place = document;
    for part in path.split('/').skip(1) {
        let part = part.replace("~1", "/").replace("~0", "~");
        place = match place {
            Json::Array(items) => match part.parse::<usize>().ok().and_then(|at| items.get_mut(at)) {
                Some(item) => item,
                None => return,
            },
            other => {
                if !other.is_object() {
                    *other = Json::Object(Map::new());
                }
                match other.as_object_mut() {
                    Some(object) => object.entry(part).or_insert(Json::Null),
                    None => return,
                }
            }
        };
    }
    *place = value;
}

#[cfg(test)]
mod tests;
