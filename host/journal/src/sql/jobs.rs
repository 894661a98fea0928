//! Jobs and what they found.

use jiff::Timestamp;
use sqlx::{QueryBuilder, Row as _};

use super::{Conn, Db, Row, count, from_word, int, next, rows, time, time_if, word};
use crate::{
    error::{Error, Result},
    ids::JobId,
    job::{Finding, Job, JobFilter, JobState, NewJob},
};

const COLUMNS: &str = "id, tenant, kind, state, who, progress, started, updated, ended, reason";

/// Begins a job, unless the tenant has one under way.
pub(crate) async fn begin(conn: &mut Conn, job: &NewJob) -> Result<JobId> {
    let id = next(conn, "job").await?;
    // The index on running jobs decides, also between hosts.
    let begun = sqlx::query(
        "INSERT INTO jobs (id, tenant, kind, state, who, progress, started, updated)
         VALUES ($1, $2, $3, 'running', $4, $5, $6, $6)
         ON CONFLICT (tenant) WHERE state = 'running' DO NOTHING",
    )
    .bind(id)
    .bind(&job.tenant)
    .bind(&job.kind)
    .bind(&job.who)
    .bind(&job.progress)
    .bind(job.at.as_millisecond())
    .execute(&mut *conn)
    .await?;
    if begun.rows_affected() > 0 {
        return Ok(JobId(id));
    }
    let running: i64 = sqlx::query_scalar("SELECT id FROM jobs WHERE tenant = $1 AND state = 'running'")
        .bind(&job.tenant)
        .fetch_one(conn)
        .await?;
    Err(Error::JobRunning { tenant: job.tenant.clone(), job: JobId(running) })
}

/// Remembers how far a job is, and what it found since.
pub(crate) async fn save(
    conn: &mut Conn,
    id: JobId,
    progress: &str,
    found: &[String],
    at: Timestamp,
) -> Result<()> {
    let saved =
        sqlx::query("UPDATE jobs SET progress = $2, updated = $3 WHERE id = $1 AND state = 'running'")
            .bind(id.0)
            .bind(progress)
            .bind(at.as_millisecond())
            .execute(&mut *conn)
            .await?;
    if saved.rows_affected() == 0 {
        return Err(Error::NotRunning(id));
    }
    if found.is_empty() {
        return Ok(());
    }
    let last: Option<i64> = sqlx::query_scalar("SELECT MAX(seq) FROM findings WHERE job = $1")
        .bind(id.0)
        .fetch_one(&mut *conn)
        .await?;
    for (seq, body) in (last.unwrap_or(0) + 1..).zip(found) {
        sqlx::query("INSERT INTO findings (job, seq, body) VALUES ($1, $2, $3)")
            .bind(id.0)
            .bind(seq)
            .bind(body)
            .execute(&mut *conn)
            .await?;
    }
    Ok(())
}

/// Ends a job: well without a reason, else as failed.
pub(crate) async fn end(conn: &mut Conn, id: JobId, reason: Option<&str>, at: Timestamp) -> Result<()> {
    let state = if reason.is_some() { JobState::Failed } else { JobState::Done };
    let ended = sqlx::query(
        "UPDATE jobs SET state = $2, reason = $3, updated = $4, ended = $4 WHERE id = $1 AND state = 'running'",
    )
    .bind(id.0)
    .bind(word("job state", &state)?)
    .bind(reason)
    .bind(at.as_millisecond())
    .execute(conn)
    .await?;
    if ended.rows_affected() == 0 { Err(Error::NotRunning(id)) } else { Ok(()) }
}

/// One job.
pub(crate) async fn get(conn: &mut Conn, id: JobId) -> Result<Option<Job>> {
    let mut query = QueryBuilder::<Db>::new("SELECT ");
    query.push(COLUMNS).push(" FROM jobs WHERE id = ").push_bind(id.0);
    query.build().fetch_optional(conn).await?.as_ref().map(read).transpose()
}

/// Jobs that match, newest first.
pub(crate) async fn list(conn: &mut Conn, filter: &JobFilter) -> Result<Vec<Job>> {
    let mut query = QueryBuilder::<Db>::new("SELECT ");
    query.push(COLUMNS).push(" FROM jobs WHERE 1 = 1");
    if let Some(tenant) = &filter.tenant {
        query.push(" AND tenant = ").push_bind(tenant);
    }
    if filter.running {
        query.push(" AND state = 'running'");
    }
    query.push(" ORDER BY id DESC LIMIT ").push_bind(rows(filter.limit));
    query.build().fetch_all(conn).await?.iter().map(read).collect()
}

fn read(row: &Row) -> Result<Job> {
    Ok(Job {
        id: JobId(row.try_get("id")?),
        tenant: row.try_get("tenant")?,
        kind: row.try_get("kind")?,
        state: from_word("job state", row.try_get::<&str, _>("state")?)?,
        who: row.try_get("who")?,
        progress: row.try_get("progress")?,
        started: time(row.try_get("started")?)?,
        updated: time(row.try_get("updated")?)?,
        ended: time_if(row.try_get("ended")?)?,
        reason: row.try_get("reason")?,
    })
}

/// What a job found, in order, from after `after` on.
pub(crate) async fn findings(conn: &mut Conn, id: JobId, after: u64, limit: u32) -> Result<Vec<Finding>> {
    let found: Vec<(i64, String)> =
        sqlx::query_as("SELECT seq, body FROM findings WHERE job = $1 AND seq > $2 ORDER BY seq LIMIT $3")
            .bind(id.0)
            .bind(int(after))
            .bind(rows(limit))
            .fetch_all(conn)
            .await?;
    Ok(found.into_iter().map(|(seq, body)| Finding { seq: count(seq), body }).collect())
}
