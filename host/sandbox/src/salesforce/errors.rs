//! The errors of the REST API as a client meets them: an HTTP status and a list of `errorCode`, `message`, `fields`.
//!
//! Names follow the documented status codes. Messages are escaped for HTML when they are sent, as Salesforce does it,
//! although what is stored is not.

use serde_json::{Value, json};

/// One refusal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{status} {code}: {message}")]
pub(crate) struct Refusal {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The `errorCode`, such as `INVALID_FIELD`.
    pub(crate) code: &'static str,
    /// The sentence for people, not escaped.
    pub(crate) message: String,
    /// The fields that it is about; none where Salesforce leaves the member out.
    pub(crate) fields: Option<Vec<String>>,
    /// An answer of another shape, for example the list of records of a 300.
    pub(crate) instead: Option<Box<Value>>,
}

/// What every step of a request returns.
pub(crate) type Outcome<T> = Result<T, Refusal>;

impl Refusal {
    /// A refusal with a status, a code and a message.
    pub(crate) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), fields: None, instead: None }
    }

    /// About these fields.
    pub(crate) fn on<const N: usize>(mut self, fields: [&str; N]) -> Self {
        self.fields = Some(fields.map(str::to_owned).to_vec());
        self
    }

    /// The body of a request that failed: a list with one error.
    pub(crate) fn body(&self) -> Value {
        if let Some(instead) = &self.instead {
            return (**instead).clone();
        }
        let mut error = json!({ "message": escaped(&self.message), "errorCode": self.code });
        if let Some(fields) = &self.fields {
            error["fields"] = json!(fields);
        }
        json!([error])
    }

    /// The error of one row of a request for many: the code is called `statusCode` here.
    pub(crate) fn row(&self) -> Value {
        json!({
            "statusCode": self.code,
            "message": escaped(&self.message),
            "fields": self.fields.clone().unwrap_or_default(),
        })
    }
}

/// Text as Salesforce writes it into an error.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

/// `NOT_FOUND`: nothing is at this address.
pub(crate) fn not_found() -> Refusal {
    Refusal::new(404, "NOT_FOUND", "The requested resource does not exist")
}

/// `ENTITY_IS_DELETED`: the record is in the recycle bin.
pub(crate) fn deleted() -> Refusal {
    Refusal::new(404, "ENTITY_IS_DELETED", "entity is deleted").on([])
}

/// `INVALID_FIELD`: no such field, or none that this user may see.
pub(crate) fn no_such_column(object: &str, field: &str) -> Refusal {
    Refusal::new(400, "INVALID_FIELD", format!("No such column '{field}' on sobject of type {object}"))
}

/// `JSON_PARSER_ERROR`: the body does not read as what was expected.
pub(crate) fn unreadable(message: impl Into<String>) -> Refusal {
    Refusal::new(400, "JSON_PARSER_ERROR", message)
}

/// `MALFORMED_QUERY`: the SOQL cannot be read.
pub(crate) fn malformed_query(message: impl Into<String>) -> Refusal {
    Refusal::new(400, "MALFORMED_QUERY", message)
}

/// `METHOD_NOT_ALLOWED`.
pub(crate) fn method_not_allowed(method: &str, allowed: &str) -> Refusal {
    Refusal::new(
        405,
        "METHOD_NOT_ALLOWED",
        format!("HTTP Method '{method}' not allowed. Allowed are {allowed}"),
    )
}

/// 501: part of Salesforce, but not of the sandbox.
pub(crate) fn not_simulated(what: impl std::fmt::Display) -> Refusal {
    Refusal::new(
        501,
        "NOT_SIMULATED",
        format!("the salesforce sandbox does not simulate {what}; nothing was read or written"),
    )
}
