//! The audit's chain.

use aws_lc_rs::digest::{Context, SHA256};
use jiff::Timestamp;
use sqlx::{QueryBuilder, Row as _};

use super::{Conn, Db, Row, count, from_json, int, rows, time, to_json};
use crate::{
    audit::{Alarm, AuditFilter, AuditRecord, Chain, What},
    error::{Error, Result},
    ids::{EventId, LinkId, PassId},
};

/// The hash before the first record.
const START: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// How many records are verified at a time.
const VERIFY_ROWS: i64 = 500;

/// What a record says besides its place in the chain.
pub(crate) struct NewRecord<'a> {
    pub(crate) tenant: &'a str,
    pub(crate) at: Timestamp,
    pub(crate) link: Option<LinkId>,
    pub(crate) pass: Option<PassId>,
    pub(crate) events: &'a [EventId],
    pub(crate) release: Option<&'a str>,
}

impl<'a> NewRecord<'a> {
    /// A person's act, about events if there are any.
    pub(crate) fn act(tenant: &'a str, at: Timestamp, events: &'a [EventId]) -> Self {
        NewRecord { tenant, at, link: None, pass: None, events, release: None }
    }
}

/// Adds one record to the end of its tenant's chain.
pub(crate) async fn append(conn: &mut Conn, record: &NewRecord<'_>, what: What) -> Result<()> {
    // Moving the end first locks the chain against another writer until this transaction is over.
    let (seq, before): (i64, String) = sqlx::query_as(
        "INSERT INTO chains (tenant, seq, hash) VALUES ($1, 1, $2)
         ON CONFLICT (tenant) DO UPDATE SET seq = chains.seq + 1 RETURNING seq, hash",
    )
    .bind(record.tenant)
    .bind(START)
    .fetch_one(&mut *conn)
    .await?;
    let body = to_json(
        "audit record",
        &AuditRecord {
            tenant: record.tenant.to_owned(),
            seq: count(seq),
            at: record.at,
            link: record.link,
            pass: record.pass,
            events: record.events.to_vec(),
            release: record.release.map(str::to_owned),
            what,
        },
    )?;
    let hash = chained(&before, &body);
    sqlx::query("INSERT INTO audit (tenant, seq, link, pass, body, hash) VALUES ($1, $2, $3, $4, $5, $6)")
        .bind(record.tenant)
        .bind(seq)
        .bind(record.link.map(|id| id.0))
        .bind(record.pass.map(|id| id.0))
        .bind(&body)
        .bind(&hash)
        .execute(&mut *conn)
        .await?;
    sqlx::query("UPDATE chains SET hash = $2 WHERE tenant = $1")
        .bind(record.tenant)
        .bind(&hash)
        .execute(conn)
        .await?;
    Ok(())
}

fn chained(before: &str, body: &str) -> String {
    let mut hash = Context::new(&SHA256);
    hash.update(before.as_bytes());
    hash.update(body.as_bytes());
    hex::encode(hash.finish())
}

/// Records that match, newest first.
pub(crate) async fn list(conn: &mut Conn, filter: &AuditFilter) -> Result<Vec<AuditRecord>> {
    let mut query = QueryBuilder::<Db>::new("SELECT body FROM audit WHERE tenant = ");
    query.push_bind(&filter.tenant);
    if let Some(link) = filter.link {
        query.push(" AND link = ").push_bind(link.0);
    }
    if let Some(event) = filter.event {
        query.push(" AND pass IN (SELECT pass FROM pass_events WHERE event = ").push_bind(event.0).push(")");
    }
    if let Some(before) = filter.before {
        query.push(" AND seq < ").push_bind(int(before));
    }
    query.push(" ORDER BY seq DESC LIMIT ").push_bind(rows(filter.limit));
    let bodies: Vec<String> = query.build_query_scalar().fetch_all(conn).await?;
    bodies.iter().map(|body| from_json("audit record", body)).collect()
}

/// Recomputes a chain from its first record.
pub(crate) async fn verify(conn: &mut Conn, tenant: &str) -> Result<Chain> {
    let end: Option<(i64, String)> = sqlx::query_as("SELECT seq, hash FROM chains WHERE tenant = $1")
        .bind(tenant)
        .fetch_optional(&mut *conn)
        .await?;
    let (mut last, mut head) = (0, START.to_owned());
    loop {
        let page: Vec<Row> = sqlx::query(
            "SELECT seq, link, pass, body, hash FROM audit WHERE tenant = $1 AND seq > $2 ORDER BY seq LIMIT $3",
        )
        .bind(tenant)
        .bind(last)
        .bind(VERIFY_ROWS)
        .fetch_all(&mut *conn)
        .await?;
        if page.is_empty() {
            break;
        }
        for row in &page {
            head = verified(tenant, last + 1, &head, row)?;
            last += 1;
        }
    }
    match end.unwrap_or((0, START.to_owned())) {
        (seq, hash) if seq == last && hash == head => Ok(Chain { records: count(last), head }),
        _ => Err(tampered(tenant, last + 1, "is missing, or the end of the chain was changed")),
    }
}

/// Checks one record, and returns its hash.
fn verified(tenant: &str, expected: i64, before: &str, row: &Row) -> Result<String> {
    let (seq, body, hash): (i64, String, String) =
        (row.try_get("seq")?, row.try_get("body")?, row.try_get("hash")?);
    if seq != expected {
        return Err(tampered(tenant, expected, "is missing"));
    }
    if chained(before, &body) != hash {
        return Err(tampered(tenant, seq, "was changed"));
    }
    let said: AuditRecord = from_json("audit record", &body)?;
    let (link, pass): (Option<i64>, Option<i64>) = (row.try_get("link")?, row.try_get("pass")?);
    let filed_right = said.link.map(|id| id.0) == link
        && said.pass.map(|id| id.0) == pass
        && said.tenant == tenant
        && int(said.seq) == seq;
    if filed_right {
        Ok(hash)
    } else {
        Err(tampered(tenant, seq, "is filed under something else than it says"))
    }
}

fn tampered(tenant: &str, seq: i64, problem: &'static str) -> Error {
    Error::Tampered { tenant: tenant.to_owned(), seq: count(seq), problem }
}

/// Raises an alarm.
pub(crate) async fn alarm(
    conn: &mut Conn,
    tenant: &str,
    link: Option<LinkId>,
    pass: Option<PassId>,
    at: Timestamp,
    text: &str,
) -> Result<()> {
    let id = super::next(conn, "alarm").await?;
    sqlx::query("INSERT INTO alarms (id, tenant, link, pass, raised, text) VALUES ($1, $2, $3, $4, $5, $6)")
        .bind(id)
        .bind(tenant)
        .bind(link.map(|id| id.0))
        .bind(pass.map(|id| id.0))
        .bind(at.as_millisecond())
        .bind(text)
        .execute(conn)
        .await?;
    Ok(())
}

/// Alarms, newest first.
pub(crate) async fn alarms(conn: &mut Conn, tenant: &str, limit: u32) -> Result<Vec<Alarm>> {
    let found: Vec<(Option<i64>, Option<i64>, i64, String)> = sqlx::query_as(
        "SELECT link, pass, raised, text FROM alarms WHERE tenant = $1 ORDER BY id DESC LIMIT $2",
    )
    .bind(tenant)
    .bind(rows(limit))
    .fetch_all(conn)
    .await?;
    found
        .into_iter()
        .map(|(link, pass, raised, text)| {
            Ok(Alarm {
                tenant: tenant.to_owned(),
                link: link.map(LinkId),
                pass: pass.map(PassId),
                at: time(raised)?,
                text,
            })
        })
        .collect()
}
