//! What Dataverse's errors mean. Codes decide, never messages; messages only help to name a field or a record.
//!
//! Codes from Microsoft's documents and from public clients; the HTTP status alone does not do: a 412 means four
//! different things.

use crosswalk_engine::pass::{Seen, SystemRefusal};

use crate::{fault::Fault, session::ApiError, text::cut, transport::Response};

/// The version that a write was made against is not the record's any more.
const CONCURRENCY_VERSION_MISMATCH: &str = "0x80060882";
/// Another record holds the same value under an alternate key.
const DUPLICATE_ENTITY_KEY: &str = "0x80060892";
/// Another record has the same id, or a unique value.
pub(super) const DUPLICATE_RECORD: &str = "0x80040237";
/// A duplicate detection rule of the customer objects.
const DUPLICATE_DETECTED: &str = "0x80040333";
/// There is no record with this id.
const OBJECT_DOES_NOT_EXIST: &str = "0x80040217";
/// There is no record with this key.
const NOT_FOUND_BY_KEY: &str = "0x80060891";
/// The opportunity is Won or Lost already.
pub(super) const ALREADY_CLOSED: &str = "0x80040515";
/// The lead is qualified or disqualified already.
pub(super) const LEAD_ALREADY_CLOSED: &str = "0x80040519";
/// What a record's state does not allow: a pair of state and status that does not go together, a PATCH where an action
/// is wanted, an opportunity that is closed, one that is open, a lead that is closed.
const STATE_REFUSED: [&str; 5] =
    ["0x80048408", "0x80100005", ALREADY_CLOSED, "0x8004051a", LEAD_ALREADY_CLOSED];
/// The application is no user of the organisation.
const USER_NOT_MEMBER: &str = "0x80072560";
/// The application user has no security role.
const USER_WITHOUT_ROLES: &str = "0x80042f09";
/// A role lacks a privilege.
const PRIVILEGE_DENIED: &str = "0x80040220";
/// The alternate key is not there, or its index is still being built.
const KEY_NOT_READY: [&str; 2] = ["0x8006088f", "0x80060890"];
/// Too many requests, however it is answered.
const THROTTLED: [&str; 5] = ["0x80072321", "0x80072322", "0x80072326", "0x80072324", "0x8005f103"];

/// Whether a 404 is about the record, and not about a wrong address.
pub(super) fn is_missing(response: &Response) -> bool {
    let error = ApiError::of(response);
    error.status.as_u16() == 404 && missing(&error)
}

fn missing(error: &ApiError) -> bool {
    // The documents show errors with an empty code; a proxy's page is no error at all.
    error.is_one_of(&[OBJECT_DOES_NOT_EXIST, NOT_FOUND_BY_KEY])
        || (error.understood && error.codes.is_empty())
}

/// A read that was refused.
pub(super) fn fault(response: &Response, subject: &str) -> Fault {
    fault_of(&ApiError::of(response), subject)
}

fn fault_of(error: &ApiError, subject: &str) -> Fault {
    let said = format!("Dataverse answered {error}, for {subject}");
    if let Some(help) = operator(error) {
        return Fault::unauthorised(format!("{help}; {said}"));
    }
    if error.is_one_of(&THROTTLED) {
        return Fault::retry(said);
    }
    if error.is_one_of(&KEY_NOT_READY) {
        return Fault::reject(format!(
            "the key for referral ids is missing or not active yet; see `crosswalk crm provision`; {said}"
        ));
    }
    match error.status.as_u16() {
        403 => Fault::unauthorised(format!("give the application user a role that allows this; {said}")),
        404 if !error.understood => Fault::reject(format!("check `org_url`; {said}")),
        _ => Fault::reject(said),
    }
}

/// What the operator has to do, where the error is about who we are.
fn operator(error: &ApiError) -> Option<&'static str> {
    if error.is(USER_NOT_MEMBER) {
        return Some(
            "add the application as an application user of this environment (Power Platform admin center, Settings, \
             Users + permissions, Application users)",
        );
    }
    error.is(USER_WITHOUT_ROLES).then_some(
        "give the application user a security role (Power Platform admin center, Application users)",
    )
}

/// What was written, for the words about why it was not.
pub(super) struct Attempt<'a> {
    /// The ids of the record and of its rows, as far as they exist already; none for a create.
    pub(super) ids: &'a [&'a str],
    /// Logical names that were written, each with the name that the body used for it; that of a lookup once more with
    /// the id that it was to lead to.
    pub(super) names: &'a [(String, String)],
}

/// A write that was answered with an error. Nothing was written.
pub(super) fn refused_write(error: &ApiError, attempt: &Attempt<'_>) -> Result<Seen, Fault> {
    if error.is(CONCURRENCY_VERSION_MISMATCH) {
        return Ok(Seen::Stale);
    }
    let creates = attempt.ids.is_empty();
    if creates && error.is_one_of(&[DUPLICATE_ENTITY_KEY, DUPLICATE_RECORD]) && !error.is(DUPLICATE_DETECTED)
    {
        return Ok(Seen::Stale);
    }
    if error.status.as_u16() == 412 && error.codes.is_empty() {
        // The documents' own samples of both kinds of failed precondition have no code.
        return Ok(Seen::Stale);
    }
    if error.status.as_u16() == 404 && missing(error) && !names_another(error, attempt.ids) {
        // Gone: the next read says so.
        return Ok(Seen::Stale);
    }
    if operator(error).is_some() || error.is_one_of(&THROTTLED) || error.is_one_of(&KEY_NOT_READY) {
        return Err(fault_of(error, "a write; nothing was written"));
    }
    if error.status.as_u16() == 404 && !error.understood {
        return Err(fault_of(error, "a write; nothing was written"));
    }
    let help = if error.is_one_of(&[DUPLICATE_ENTITY_KEY, DUPLICATE_RECORD]) {
        "another record holds this value already: "
    } else if error.is(DUPLICATE_DETECTED) {
        "a duplicate detection rule of this organisation objects: "
    } else if error.is(PRIVILEGE_DENIED) || error.status.as_u16() == 403 {
        "give the application user a role that allows this: "
    } else {
        ""
    };
    let reason = cut(&format!("{help}Dataverse answered {error}"));
    Ok(Seen::Refused(SystemRefusal { fields: named(error, attempt.names), reason }))
}

/// Whether a *does not exist* is about another record than those written: one that a lookup was to lead to.
fn names_another(error: &ApiError, own: &[&str]) -> bool {
    let is_id = |word: &&str| word.len() >= 32 && uuid::Uuid::try_parse(word).is_ok();
    let message = error.message.to_ascii_lowercase();
    let words = message.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
    let ids: Vec<&str> = words.filter(is_id).collect();
    !ids.is_empty() && !ids.iter().any(|id| own.contains(id))
}

/// The written fields that an error is about: those of the state by its code, others by their own or their body's name
/// in the message, a lookup also by where it was to lead.
fn named(error: &ApiError, names: &[(String, String)]) -> Vec<String> {
    let message = error.message.to_ascii_lowercase();
    let words: Vec<&str> = message.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).collect();
    // `name` and `description` are words of their own in a sentence, so an ordinary word counts only in quotes.
    let says = |name: &str| {
        let name = name.to_ascii_lowercase();
        let quoted = ["'", "\"", "`"].iter().any(|quote| message.contains(&format!("{quote}{name}{quote}")));
        let is_id = uuid::Uuid::try_parse(&name).is_ok();
        quoted || (name.contains('_') && words.contains(&name.as_str())) || (is_id && message.contains(&name))
    };
    let of_state = |name: &str| matches!(name, "statecode" | "statuscode") && error.is_one_of(&STATE_REFUSED);
    let mut fields: Vec<String> = names
        .iter()
        .filter(|(own, in_body)| of_state(own) || says(own) || says(in_body.trim_end_matches("@odata.bind")))
        .map(|(own, _)| own.clone())
        .collect();
    fields.dedup();
    fields
}
