//! A Dataverse webhook: a key instead of a signature, and what it hints at.
//!
//! Dataverse signs nothing. It sends a secret that was set when the webhook was registered, in the address
//! (`?code=`) or in a header. The body is a whole execution context of up to 256 KiB, or, above that, one from which
//! the larger parts were removed; what is read here is in both.

use aws_lc_rs::{constant_time::verify_slices_are_equal, digest};
use crosswalk_engine::{pass::Subject, value::RecordKey};
use http::{HeaderMap, HeaderName};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use url::form_urlencoded;
use uuid::Uuid;

use super::refused::{Refused, quoted};

mod lenient;

use lenient::Text;

/// The keys of one tenant's webhook. While a key is being changed, the one before is accepted as well.
#[derive(Clone, Debug)]
pub struct WebhookKeys {
    /// The key that new registrations use.
    pub current: SecretString,
    /// The key before, until every registration has been changed.
    pub previous: Option<SecretString>,
    /// The header that may carry the key instead of `?code=`.
    pub header: HeaderName,
}

impl WebhookKeys {
    /// Whether a request carries one of the keys, in the header or else as the one `code` of its query.
    ///
    /// # Errors
    ///
    /// [`Refused::MissingKey`] or [`Refused::WrongKey`].
    pub fn check(&self, headers: &HeaderMap, query: Option<&str>) -> Result<(), Refused> {
        let given = match headers.get(&self.header) {
            Some(value) => value.as_bytes().to_vec(),
            None => code(query)
                .ok_or_else(|| Refused::MissingKey { header: self.header.to_string() })?
                .into_bytes(),
        };
        let current = is_same(&given, &self.current);
        // Both are always compared, so that the time taken does not tell which one was meant.
        let previous = self.previous.as_ref().is_some_and(|previous| is_same(&given, previous));
        if current | previous { Ok(()) } else { Err(Refused::WrongKey) }
    }
}

/// The first `code` of a query.
fn code(query: Option<&str>) -> Option<String> {
    form_urlencoded::parse(query?.as_bytes())
        .find(|(name, _)| name == "code")
        .map(|(_, value)| value.into_owned())
}

/// Compares digests, so that not even the key's length shows in the time taken.
fn is_same(given: &[u8], key: &SecretString) -> bool {
    let digest = |bytes| digest::digest(&digest::SHA256, bytes);
    let expected = digest(key.expose_secret().as_bytes());
    verify_slices_are_equal(digest(given).as_ref(), expected.as_ref()).is_ok()
}

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
    /// What the event is about.
    pub fn subject(&self) -> Subject {
        Subject::Record(self.record.clone())
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
