//! What Salesforce's errors mean. Codes decide, never the status alone: a locked row is told with a 400 or a 500.
//!
//! Codes from Salesforce's documents and from public clients. Messages are HTML-escaped, which stored values are not;
//! they are shown to people, and only help to name a field.

use std::time::Duration;

use crosswalk_engine::pass::{Seen, SystemRefusal};

use crate::{fault::Fault, session::ApiError, text::cut};

/// Nothing was carried out, and later may help, whatever the status.
pub(super) const LATER: &[&str] =
    &["UNABLE_TO_LOCK_ROW", "REQUEST_LIMIT_EXCEEDED", "SERVER_UNAVAILABLE", "QUERY_TIMEOUT"];
/// The organisation's calls are used up, for the day or at this moment.
pub(super) const LIMIT_SPENT: &str = "REQUEST_LIMIT_EXCEEDED";
/// The record is not there.
const MISSING: &[&str] = &["ENTITY_IS_DELETED", "NOT_FOUND", "INVALID_CROSS_REFERENCE_KEY"];
/// Another record has the same unique value.
const DUPLICATE_VALUE: &str = "DUPLICATE_VALUE";
/// The record changed since, says a check of the organisation or of the API; or the lead was converted since.
const CHANGED: &[&str] = &["ENTITY_FAILED_IFLASTMODIFIED_ON_UPDATE", "CANNOT_UPDATE_CONVERTED_LEAD"];

/// Codes, and what a person has to do about each.
const HELP: &[(&str, &str)] = &[
    (DUPLICATE_VALUE, "another record holds this value already"),
    (
        "DUPLICATES_DETECTED",
        "a duplicate rule of this organisation objects; merge the duplicates, or let the rule alert only and set \
         `save_despite_duplicate_alerts`",
    ),
    (
        "FIELD_CUSTOM_VALIDATION_EXCEPTION",
        "a validation rule of this organisation objects; correct the value or the rule",
    ),
    (
        "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
        "a trigger or flow of this organisation failed; its owner has to look",
    ),
    ("CANNOT_EXECUTE_FLOW_TRIGGER", "a flow of this organisation failed; its owner has to look"),
    ("REQUIRED_FIELD_MISSING", "the organisation wants more fields filled; map them, or make them optional"),
    ("INVALID_FIELD", MISSING_OR_HIDDEN),
    (
        "INVALID_FIELD_FOR_INSERT_UPDATE",
        "the integration user may not write this field; give its permission set edit access",
    ),
    ("INVALID_TYPE", MISSING_OR_HIDDEN),
    ("STRING_TOO_LONG", "the value is longer than the field"),
    (
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
        "the field offers no such value, or not for this record type",
    ),
    ("NUMBER_OUTSIDE_VALID_RANGE", "the number does not fit into the field"),
    ("INACTIVE_OWNER_OR_USER", "the owner is an inactive user; give the record to another one"),
    ("ENTITY_IS_LOCKED", "an approval process holds the record; it can be written after that"),
    ("INSUFFICIENT_ACCESS_OR_READONLY", NO_ACCESS),
    ("INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY", NO_ACCESS),
    ("INSUFFICIENT_ACCESS", NO_ACCESS),
    ("INVALID_CROSS_REFERENCE_KEY", "a reference leads to a record that is not there, or of another kind"),
];
const MISSING_OR_HIDDEN: &str = "the organisation has no such field or object, or hides it from the integration user; see `crosswalk crm provision`";
const NO_ACCESS: &str =
    "the integration user may not do this; give its permission set access, and share the record with it";

/// What the operator has to do, where the error is about who we are.
const OPERATOR: &[(&str, &str)] = &[
    (
        "API_DISABLED_FOR_ORG",
        "this edition of Salesforce has no API, or the user's profile lacks `API Enabled`",
    ),
    ("API_CURRENTLY_DISABLED", "the API is switched off for this organisation"),
    (
        "INVALID_SESSION_ID",
        "the session is not accepted; check the external client app and its integration user",
    ),
    ("INVALID_LOGIN", "the integration user cannot sign in"),
    ("UNSUPPORTED_API_VERSION", "set `api_version` to one that Salesforce still serves"),
];

/// A read that was refused.
pub(super) fn fault(error: &ApiError, subject: &str, limit_pause: Duration) -> Fault {
    let said = format!("Salesforce answered {}, for {subject}", shown(error));
    if error.is(LIMIT_SPENT) {
        return match Fault::retry(said) {
            Fault::Retry { reason, .. } => Fault::Retry { after: Some(limit_pause), reason },
            other => other,
        };
    }
    if error.is_one_of(LATER) {
        return Fault::retry(said);
    }
    if let Some(help) = help(OPERATOR, error) {
        return Fault::unauthorised(format!("{help}; {said}"));
    }
    match help(HELP, error) {
        Some(help) => Fault::reject(format!("{help}; {said}")),
        None if error.status.is_server_error() => Fault::retry(said),
        // docs: 420 is Salesforce's edge, which knows no such organisation.
        None if !error.understood => Fault::reject(format!("check `org_url`; {said}")),
        None => Fault::reject(said),
    }
}

/// What was written, for the words about why it was not.
pub(super) struct Attempt<'a> {
    /// The field that holds the key of a record that was to be created; `None` where it exists already.
    pub(super) creates: Option<&'a str>,
    /// The fields that were sent.
    pub(super) fields: &'a [&'a str],
    /// The list whose rows the failed part wrote.
    pub(super) list: Option<&'a str>,
    pub(super) limit_pause: Duration,
}

/// A write that was answered with an error. Nothing was written.
pub(super) fn refused_write(error: &ApiError, attempt: &Attempt<'_>) -> Result<Seen, Fault> {
    let is_missing = error.status.as_u16() == 404 || error.is("ENTITY_IS_DELETED");
    if error.status.as_u16() == 412 || error.is_one_of(CHANGED) {
        return Ok(Seen::Stale);
    }
    if attempt.creates.is_none() && is_missing && error.is_one_of(MISSING) {
        // The record, or a row of it, is gone: the next read says so.
        return Ok(Seen::Stale);
    }
    let fields = named(error, attempt);
    if let Some(key) = attempt.creates
        && error.is(DUPLICATE_VALUE)
        && (fields.is_empty() || fields.iter().any(|field| field == key))
    {
        return Ok(Seen::Stale);
    }
    let is_ours = help(OPERATOR, error).is_some() || error.is_one_of(LATER);
    if is_ours || !error.understood || (error.status.is_server_error() && help(HELP, error).is_none()) {
        return Err(fault(error, "a write; nothing was written", attempt.limit_pause));
    }
    let help = help(HELP, error).map(|help| format!("{help}: ")).unwrap_or_default();
    let reason = cut(&format!("{help}Salesforce answered {}", shown(error)));
    Ok(Seen::Refused(SystemRefusal { fields, reason }))
}

fn help(table: &[(&str, &'static str)], error: &ApiError) -> Option<&'static str> {
    table.iter().find(|(code, _)| error.is(code)).map(|(_, help)| *help)
}

/// The sent fields that the error is about: as it says, or else those that its message names.
fn named(error: &ApiError, attempt: &Attempt<'_>) -> Vec<String> {
    if let Some(list) = attempt.list {
        return vec![list.to_owned()];
    }
    let sent = attempt.fields.iter().chain(attempt.creates.iter());
    let of = |is_named: &dyn Fn(&str) -> bool| -> Vec<String> {
        sent.clone().filter(|field| is_named(field)).map(|field| (*field).to_owned()).collect()
    };
    let told = of(&|field| error.targets.iter().any(|target| target.eq_ignore_ascii_case(field)));
    if !told.is_empty() {
        return told;
    }
    let words = error.message.split(|character: char| !(character.is_alphanumeric() || character == '_'));
    let words: Vec<&str> = words.collect();
    of(&|field| words.contains(&field))
}

/// The error in words, with the escapes of its messages undone.
fn shown(error: &ApiError) -> String {
    unescaped(&error.to_string())
}

/// The text without HTML's escapes, undone once.
pub(super) fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let end = from.find(';').filter(|end| *end <= 10);
        match end.and_then(|end| Some((entity(from.get(1..end)?)?, from.get(end + 1..)?))) {
            Some((character, after)) => {
                out.push(character);
                rest = after;
            }
            None => {
                out.push('&');
                rest = from.get(1..).unwrap_or_default();
            }
        }
    }
    out.push_str(rest);
    out
}

fn entity(name: &str) -> Option<char> {
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)?
        }
    })
}

#[cfg(test)]
mod tests {
    use super::unescaped;

    #[test]
    fn escapes_are_undone_once() {
        assert_eq!(
            unescaped("Bachelor&#39;s &amp;lt; &#x41;&quot; &nope; & &"),
            "Bachelor's &lt; A\" &nope; & &"
        );
    }
}
