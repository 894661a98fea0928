//! Dropping what is older than its retention, a bounded number of rows at a time.

use jiff::Timestamp;

use super::{Conn, int};
use crate::{
    error::Result,
    tenant::{Pruned, Retention},
};

/// Drops old dedupe keys, settled events, their passes, recordings, and jobs that ended.
pub(crate) async fn prune(conn: &mut Conn, now: Timestamp, retention: &Retention) -> Result<Pruned> {
    let before = |keep_ms: u64| now.as_millisecond().saturating_sub(int(keep_ms));
    let rows = retention.rows_max;
    let dedupe_keys = drop_rows(
        conn,
        "DELETE FROM dedupe_keys WHERE (tenant, source, dedupe) IN
         (SELECT tenant, source, dedupe FROM dedupe_keys WHERE received < $1 ORDER BY received LIMIT $2)",
        before(retention.dedupe_ms),
        rows,
    )
    .await?;
    let recordings = drop_rows(
        conn,
        "DELETE FROM recordings WHERE pass IN
         (SELECT pass FROM recordings WHERE ended < $1 ORDER BY ended LIMIT $2)",
        before(retention.recordings_ms),
        rows,
    )
    .await?;
    let mut events = 0;
    for state in ["settled", "superseded"] {
        events += drop_events(conn, state, before(retention.events_ms), rows).await?;
    }
    let passes = drop_rows(
        conn,
        "DELETE FROM passes WHERE id IN
         (SELECT p.id FROM passes p WHERE p.started < $1
            AND NOT EXISTS (SELECT 1 FROM pass_events e WHERE e.pass = p.id)
            AND NOT EXISTS (SELECT 1 FROM lanes l WHERE l.pass = p.id)
          ORDER BY p.started LIMIT $2)",
        before(retention.events_ms),
        rows,
    )
    .await?;
    let jobs = drop_jobs(conn, before(retention.events_ms), rows).await?;
    let full = u64::from(rows);
    let more = [dedupe_keys, recordings, events, passes, jobs].into_iter().any(|dropped| dropped >= full);
    Ok(Pruned { dedupe_keys, events, passes, recordings, jobs, more })
}

async fn drop_rows(conn: &mut Conn, sql: &'static str, before: i64, rows: u32) -> Result<u64> {
    let dropped = sqlx::query(sql).bind(before).bind(i64::from(rows)).execute(conn).await?;
    Ok(dropped.rows_affected())
}

/// Events go with their places in passes; what the passes wrote into the audit stays.
async fn drop_events(conn: &mut Conn, state: &str, before: i64, rows: u32) -> Result<u64> {
    let old: Vec<i64> = sqlx::query_scalar(
        "SELECT id FROM events WHERE state = $1 AND received < $2 ORDER BY received LIMIT $3",
    )
    .bind(state)
    .bind(before)
    .bind(i64::from(rows))
    .fetch_all(&mut *conn)
    .await?;
    for id in &old {
        sqlx::query("DELETE FROM pass_events WHERE event = $1").bind(id).execute(&mut *conn).await?;
        sqlx::query("DELETE FROM events WHERE id = $1").bind(id).execute(&mut *conn).await?;
    }
    Ok(old.len() as u64)
}

/// Jobs that ended go with what they found.
async fn drop_jobs(conn: &mut Conn, before: i64, rows: u32) -> Result<u64> {
    let old: Vec<i64> = sqlx::query_scalar(
        "SELECT id FROM jobs WHERE ended IS NOT NULL AND ended < $1 ORDER BY ended LIMIT $2",
    )
    .bind(before)
    .bind(i64::from(rows))
    .fetch_all(&mut *conn)
    .await?;
    for id in &old {
        sqlx::query("DELETE FROM findings WHERE job = $1").bind(id).execute(&mut *conn).await?;
        sqlx::query("DELETE FROM jobs WHERE id = $1").bind(id).execute(&mut *conn).await?;
    }
    Ok(old.len() as u64)
}
