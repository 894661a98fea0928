//! A Dataverse webhook: a key instead of a signature, and what it hints at.
//!
//! Dataverse signs nothing. It sends a secret that was set when the webhook was registered, in the address
//! (`?code=`) or in a header ([`super::WebhookKeys`]). The body is a whole execution context of up to 256 KiB, or, above that, one from which
//! the larger parts were removed; what is read here is in both.

use crosswalk_engine::value::RecordKey;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::refused::{Refused, quoted};

mod lenient;

use lenient::Text;

/// What an authenticated body says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A record changed: store it.
    Hint(Hint),
    /// It names no record: answer 200, there is nothing to look at.
    Ignored {
        /// The message's name, shortened and escaped.
        message: String,
    },
}

/// A record to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// The record.
    pub record: RecordKey,
    /// The message that was processed: `Create`, `Update`, `Delete`, …
    pub message: String,
    /// The Dataverse organisation that it says it comes from: a GUID in lower case.
    pub organization_id: Option<String>,
    /// The same for every delivery of the same asynchronous job; `None` for a synchronous step, whose request may
    /// touch a record more than once, and which must not be taken for a duplicate.
    pub dedupe_key: Option<String>,
}

impl Hint {
    /// Whether it comes from this organisation, where the one is known and the other said.
    ///
    /// # Errors
    ///
    /// [`Refused::Organization`].
    pub fn check_organization(&self, expected: Option<&str>) -> Result<(), Refused> {
        match (&self.organization_id, expected) {
            (Some(given), Some(expected)) if !given.eq_ignore_ascii_case(expected) => {
                Err(Refused::Organization { given: given.clone(), expected: expected.to_owned() })
            }
            _ => Ok(()),
        }
    }
}

/// The members of a RemoteExecutionContext that are read. All else is skipped without being kept.
#[derive(Deserialize)]
struct Context {
    #[serde(rename = "MessageName", default)]
    message_name: Text,
    #[serde(rename = "PrimaryEntityName", default)]
    primary_entity_name: Text,
    #[serde(rename = "PrimaryEntityId", default)]
    primary_entity_id: Text,
    #[serde(rename = "OperationId", default)]
    operation_id: Text,
    #[serde(rename = "OrganizationId", default)]
    organization_id: Text,
}

/// Reads an authenticated body.
///
/// # Errors
///
/// [`Refused::BodyMalformed`] if it is not a JSON object, or is not about a message at all.
pub fn parse(raw_body: &[u8]) -> Result<Notice, Refused> {
    let malformed = |problem: String| Refused::BodyMalformed { problem };
    let context: Context = serde_json::from_slice(raw_body)
        .map_err(|error| malformed(format!("it is no execution context: {error}")))?;
    let message = context.message_name.0.ok_or_else(|| malformed("it has no MessageName".to_owned()))?;
    let message = quoted(&message);
    let entity = context.primary_entity_name.0.and_then(|name| logical_name(&name));
    let (Some(entity), Some(id)) = (entity, guid(&context.primary_entity_id)) else {
        return Ok(Notice::Ignored { message });
    };
    let dedupe_key =
        guid(&context.operation_id).map(|operation| format!("{message}/{entity}/{id}/{operation}"));
    let organization_id = guid(&context.organization_id);
    let record = RecordKey { entity, id };
    Ok(Notice::Hint(Hint { record, message, organization_id, dedupe_key }))
}

/// The members in which a row shows whom it refers to: what was written, and how the row was and is, if the step has
/// images.
#[derive(Deserialize)]
struct Rows {
    #[serde(rename = "InputParameters", default)]
    input: Value,
    #[serde(rename = "PreEntityImages", default)]
    before: Value,
    #[serde(rename = "PostEntityImages", default)]
    after: Value,
}

/// The records that the column `lookup` of the row refers to, and referred to before: GUIDs in lower case, each once.
/// A deleted row shows none unless its step has an image of it.
///
/// # Errors
///
/// [`Refused::BodyMalformed`] if it is not a JSON object.
pub fn references(raw_body: &[u8], lookup: &str) -> Result<Vec<String>, Refused> {
    let rows: Rows = serde_json::from_slice(raw_body).map_err(|error| Refused::BodyMalformed {
        problem: format!("it is no execution context: {error}"),
    })?;
    let mut found = Vec::new();
    let rows = [&rows.input, &rows.before, &rows.after].into_iter().flat_map(pairs);
    for (_, row) in rows {
        let columns = row.get("Attributes").into_iter().flat_map(pairs);
        for (_, column) in columns.filter(|(name, _)| *name == lookup) {
            let id = guid(&Text(column.get("Id").and_then(Value::as_str).map(str::to_owned)));
            found.extend(id.filter(|id| !found.contains(id)));
        }
    }
    Ok(found)
}

/// Dataverse's way to write a map: a list of `key` and `value`.
fn pairs(list: &Value) -> impl Iterator<Item = (&str, &Value)> {
    list.as_array()
        .into_iter()
        .flatten()
        .filter_map(|pair| Some((pair.get("key")?.as_str()?, pair.get("value")?)))
}

/// A GUID in lower case; `None` for anything else and for the GUID of zeros, which stands for nothing.
fn guid(text: &Text) -> Option<String> {
    let id = Uuid::try_parse(text.0.as_deref()?).ok().filter(|id| !id.is_nil())?;
    Some(id.hyphenated().to_string())
}

/// A table's logical name; `none` stands for nothing.
fn logical_name(name: &str) -> Option<String> {
    const NAME_BYTES_MAX: usize = 128;
    let name = name.to_ascii_lowercase();
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    (plain && (1..=NAME_BYTES_MAX).contains(&name.len()) && name != "none").then_some(name)
}

#[cfg(test)]
mod tests;
