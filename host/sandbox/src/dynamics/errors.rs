//! The errors of the Web API as a client meets them: an HTTP status, a hexadecimal code and a message.
//!
//! Codes and messages follow the public error table ("Web service error codes"); where that table is silent about
//! the HTTP status, the status is an assumption and is said so beside it.

use serde_json::{Value, json};

/// One refusal: what the client gets as `{"error":{"code","message"}}`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{status} {code}: {message}")]
pub(crate) struct Refusal {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The code, such as `0x80040217`; empty where the documentation shows an empty one.
    pub(crate) code: &'static str,
    /// The sentence for people.
    pub(crate) message: String,
    /// Seconds for the `Retry-After` header, on throttling only.
    pub(crate) retry_after_s: Option<u64>,
}

/// What every step of a request returns.
pub(crate) type Outcome<T> = Result<T, Refusal>;

impl Refusal {
    /// A refusal with a status, a code and a message.
    pub(crate) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), retry_after_s: None }
    }

    /// The error body. With error annotations asked for (`Prefer: odata.include-annotations`), the documented
    /// detail members are added.
    pub(crate) fn body(&self, annotated: bool) -> Value {
        let mut error = json!({ "code": self.code, "message": self.message });
        if annotated {
            error["@Microsoft.PowerApps.CDS.ErrorDetails.OperationStatus"] = json!("0");
            error["@Microsoft.PowerApps.CDS.ErrorDetails.SubErrorCode"] = json!("0");
            error["@Microsoft.PowerApps.CDS.HelpLink"] = json!(format!(
                "http://go.microsoft.com/fwlink/?LinkID=398563&error=Microsoft.Crm.CrmException%3a{}",
                self.code.trim_start_matches("0x")
            ));
            error["@Microsoft.PowerApps.CDS.TraceText"] = json!("");
            error["@Microsoft.PowerApps.CDS.InnerError.Message"] = json!(self.message);
        }
        json!({ "error": error })
    }
}

/// `0x80040217`: no row with that id.
pub(crate) fn missing(table: &str, id: impl std::fmt::Display) -> Refusal {
    Refusal::new(404, "0x80040217", format!("{table} With Id = {id} Does Not Exist"))
}

/// `0x80060891`: no row with those key values.
pub(crate) fn missing_by_key(table: &str) -> Refusal {
    Refusal::new(
        404,
        "0x80060891",
        format!("A record with the specified key values does not exist in {table} entity"),
    )
}

/// `0x80060882`: the row has moved on since the client read it.
pub(crate) fn stale() -> Refusal {
    Refusal::new(
        412,
        "0x80060882",
        "The version of the existing record doesn't match the RowVersion property provided.",
    )
}

/// `If-None-Match: *` on a row that is there.
pub(crate) fn exists() -> Refusal {
    Refusal::new(412, "0x80060892", "A record with matching key values already exists.")
}

/// `0x80040237`: the primary key is taken.
pub(crate) fn duplicate_id() -> Refusal {
    Refusal::new(412, "0x80040237", "Cannot insert duplicate key.")
}

/// `0x80060892`: a unique key is taken by another row.
pub(crate) fn duplicate_key(key: &str, columns: &str) -> Refusal {
    Refusal::new(
        412,
        "0x80060892",
        format!(
            "Entity Key {key} violated. A record with the same value for {columns} already exists. A duplicate record \
             cannot be created. Select one or more unique values and try again."
        ),
    )
}

/// `0x80048d19`: the body does not fit the table.
pub(crate) fn payload(message: impl std::fmt::Display) -> Refusal {
    Refusal::new(400, "0x80048d19", format!("Error identified in Payload provided by the user: {message}"))
}

/// `0x80060888`: the URL does not fit the model.
pub(crate) fn query(message: impl Into<String>) -> Refusal {
    Refusal::new(400, "0x80060888", message)
}

/// A name in a query that the table does not have.
pub(crate) fn no_such_property(name: &str, table: &str) -> Refusal {
    query(format!("Could not find a property named '{name}' on type 'Microsoft.Dynamics.CRM.{table}'."))
}

/// `0x80060888` with 404: a path segment that names nothing.
pub(crate) fn no_such_segment(name: &str) -> Refusal {
    Refusal::new(404, "0x80060888", format!("Resource not found for the segment '{name}'."))
}

/// `0x80040203`: an argument makes no sense.
pub(crate) fn argument(message: impl Into<String>) -> Refusal {
    Refusal::new(400, "0x80040203", message)
}

/// 405: the method is not allowed on this resource.
pub(crate) fn method_not_allowed(method: &str, what: &str) -> Refusal {
    Refusal::new(
        405,
        "0x80060888",
        format!("The requested resource does not support http method '{method}' ({what})."),
    )
}

/// 501: part of the real API that this sandbox does not play. The message says so, so that nobody takes it for a
/// fault of theirs.
pub(crate) fn not_simulated(what: impl std::fmt::Display) -> Refusal {
    Refusal::new(
        501,
        "0x80040800",
        format!("The sandbox does not simulate {what}; nothing was read or written."),
    )
}
