//! The journal in SQL, one noun a file.
//!
//! Everything here is written against [`Db`] and [`Conn`] alone, in SQL that SQLite and PostgreSQL both take: numbered
//! parameters, `ON CONFLICT`, `RETURNING`, partial indexes, and rows locked by updating them. What only one engine
//! knows (opening, how a write transaction begins, what its error codes mean, giving space back) is in the engine's
//! own file.

pub(crate) mod audit;
pub(crate) mod events;
pub(crate) mod jobs;
pub(crate) mod lanes;
pub(crate) mod links;
pub(crate) mod prune;
pub(crate) mod releases;
pub(crate) mod routes;
pub(crate) mod settle;
pub(crate) mod tenants;

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    LIST_ROWS_MAX,
    error::{Error, Result},
};

/// The engine that the statements run on.
pub(crate) type Db = sqlx::Sqlite;
/// One of its connections.
pub(crate) type Conn = sqlx::SqliteConnection;
/// One of its rows.
pub(crate) type Row = sqlx::sqlite::SqliteRow;

/// Gives out the next number of a sequence.
pub(crate) async fn next(conn: &mut Conn, counter: &'static str) -> Result<i64> {
    let sql = "INSERT INTO counters (name, value) VALUES ($1, 1)
               ON CONFLICT (name) DO UPDATE SET value = counters.value + 1 RETURNING value";
    Ok(sqlx::query_scalar(sql).bind(counter).fetch_one(conn).await?)
}

/// How many rows a listing may return.
pub(crate) fn rows(limit: u32) -> i64 {
    i64::from(if limit == 0 { LIST_ROWS_MAX } else { limit.min(LIST_ROWS_MAX) })
}

/// A duration or count as SQL has it; what does not fit is as long as can be.
pub(crate) fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A count as SQL gives it.
pub(crate) fn count(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

/// A time as it was stored.
pub(crate) fn time(ms: i64) -> Result<Timestamp> {
    Timestamp::from_millisecond(ms).map_err(|_| Error::Unreadable { what: "time", source: None })
}

/// The same for a time that may be missing.
pub(crate) fn time_if(ms: Option<i64>) -> Result<Option<Timestamp>> {
    ms.map(time).transpose()
}

/// JSON text to store.
pub(crate) fn to_json<T: Serialize>(what: &'static str, value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::Unreadable { what, source: Some(Arc::new(error)) })
}

/// A value from stored JSON text.
pub(crate) fn from_json<T: DeserializeOwned>(what: &'static str, text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| Error::Unreadable { what, source: Some(Arc::new(error)) })
}

/// The bare word of an enum without data, as it is stored and compared in SQL.
pub(crate) fn word<T: Serialize>(what: &'static str, value: &T) -> Result<String> {
    Ok(to_json(what, value)?.trim_matches('"').to_owned())
}

/// The enum of a stored word.
pub(crate) fn from_word<T: DeserializeOwned>(what: &'static str, word: &str) -> Result<T> {
    serde_json::from_value(serde_json::Value::String(word.to_owned()))
        .map_err(|error| Error::Unreadable { what, source: Some(Arc::new(error)) })
}
