//! Where tenants are routed: every change is one compare-and-swap on the tenant's generation, and every generation stays.

use sqlx::{QueryBuilder, Row as _};

use super::{Conn, Db, Row, audit, count, from_word, int, rows, time, time_if, word};
use crate::{
    audit::What,
    error::{Error, Result},
    ids::ReleaseId,
    release::{Candidate, NewRoute, Route, Stage, Undone},
};

const ROUTE: &str = "SELECT tenant, generation, release_id, live_since, back_to, candidate_id, stage, share,
     candidate_since, undone_id, undone_since, routed_at, who, why FROM routes WHERE tenant = ";

/// Makes a change, if the tenant is where it is expected to be.
pub(crate) async fn change(conn: &mut Conn, change: &NewRoute) -> Result<Route> {
    let candidate = change.candidate.as_ref();
    for release in [Some(change.live), candidate.map(|candidate| candidate.release)].into_iter().flatten() {
        belongs(conn, &change.tenant, release).await?;
    }
    let generation = swap(conn, &change.tenant, change.expected).await?;
    sqlx::query(
        "INSERT INTO routes (tenant, generation, release_id, live_since, back_to, candidate_id, stage, share,
           candidate_since, undone_id, undone_since, routed_at, who, why)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
    )
    .bind(&change.tenant)
    .bind(int(generation))
    .bind(change.live.0)
    .bind(change.live_since.as_millisecond())
    .bind(change.before.map(int))
    .bind(candidate.map(|candidate| candidate.release.0))
    .bind(candidate.map(|candidate| word("stage", &candidate.stage)).transpose()?)
    .bind(candidate.map(|candidate| i64::from(candidate.share)))
    .bind(candidate.map(|candidate| candidate.since.as_millisecond()))
    .bind(change.undone.as_ref().map(|undone| undone.release.0))
    .bind(change.undone.as_ref().map(|undone| undone.since.as_millisecond()))
    .bind(change.at.as_millisecond())
    .bind(&change.who)
    .bind(&change.why)
    .execute(&mut *conn)
    .await?;
    let what = What::Act { who: change.who.clone(), what: in_words(change, generation) };
    audit::append(conn, &audit::NewRecord::act(&change.tenant, change.at, &[]), what).await?;
    // As it is read from now on: times are kept to the millisecond.
    get(conn, &change.tenant, generation).await?.ok_or(Error::Unreadable { what: "route", source: None })
}

/// Moves the generation by one if it is the expected one.
async fn swap(conn: &mut Conn, tenant: &str, expected: u64) -> Result<u64> {
    sqlx::query("INSERT INTO routed (tenant, generation) VALUES ($1, 0) ON CONFLICT (tenant) DO NOTHING")
        .bind(tenant)
        .execute(&mut *conn)
        .await?;
    let moved: Option<i64> = sqlx::query_scalar(
        "UPDATE routed SET generation = generation + 1 WHERE tenant = $1 AND generation = $2 RETURNING generation",
    )
    .bind(tenant)
    .bind(int(expected))
    .fetch_optional(&mut *conn)
    .await?;
    if let Some(generation) = moved {
        return Ok(count(generation));
    }
    let current: i64 = sqlx::query_scalar("SELECT generation FROM routed WHERE tenant = $1")
        .bind(tenant)
        .fetch_one(conn)
        .await?;
    Err(Error::Moved { expected, current: count(current) })
}

async fn belongs(conn: &mut Conn, tenant: &str, release: ReleaseId) -> Result<()> {
    let owner: Option<String> = sqlx::query_scalar("SELECT tenant FROM releases WHERE id = $1")
        .bind(release.0)
        .fetch_optional(conn)
        .await?;
    if owner.as_deref() == Some(tenant) {
        return Ok(());
    }
    Err(Error::NoRelease { tenant: tenant.to_owned(), release })
}

fn in_words(change: &NewRoute, generation: u64) -> String {
    let candidate = match &change.candidate {
        None => String::new(),
        Some(Candidate { release, stage: Stage::Shadow, .. }) => format!(", {release} in shadow"),
        Some(Candidate { release, share, .. }) => {
            format!(", {release} as a canary for {share} % of the lanes")
        }
    };
    let NewRoute { live, why, .. } = change;
    format!("routed as generation {generation}: {live} live{candidate}; {why}")
}

/// Generations, newest first.
pub(crate) async fn list(conn: &mut Conn, tenant: &str, limit: u32) -> Result<Vec<Route>> {
    let mut query = QueryBuilder::<Db>::new(ROUTE);
    query.push_bind(tenant).push(" ORDER BY generation DESC LIMIT ").push_bind(rows(limit));
    query.build().fetch_all(conn).await?.iter().map(read).collect()
}

/// One generation.
pub(crate) async fn get(conn: &mut Conn, tenant: &str, generation: u64) -> Result<Option<Route>> {
    let mut query = QueryBuilder::<Db>::new(ROUTE);
    query.push_bind(tenant).push(" AND generation = ").push_bind(int(generation));
    query.build().fetch_optional(conn).await?.as_ref().map(read).transpose()
}

fn read(row: &Row) -> Result<Route> {
    let at = time(row.try_get("routed_at")?)?;
    Ok(Route {
        tenant: row.try_get("tenant")?,
        generation: count(row.try_get("generation")?),
        live: ReleaseId(row.try_get("release_id")?),
        // Routes that are older than candidates say neither.
        live_since: time_if(row.try_get("live_since")?)?.unwrap_or(at),
        before: row.try_get::<Option<i64>, _>("back_to")?.map(count),
        candidate: candidate(row)?,
        undone: undone(row)?,
        at,
        who: row.try_get("who")?,
        why: row.try_get("why")?,
    })
}

fn undone(row: &Row) -> Result<Option<Undone>> {
    let (release, since): (Option<i64>, Option<i64>) =
        (row.try_get("undone_id")?, row.try_get("undone_since")?);
    let undone = release.zip(time_if(since)?);
    Ok(undone.map(|(release, since)| Undone { release: ReleaseId(release), since }))
}

fn candidate(row: &Row) -> Result<Option<Candidate>> {
    let Some(release) = row.try_get::<Option<i64>, _>("candidate_id")? else { return Ok(None) };
    Ok(Some(Candidate {
        release: ReleaseId(release),
        stage: from_word("stage", row.try_get::<&str, _>("stage")?)?,
        share: u8::try_from(row.try_get::<i64, _>("share")?).unwrap_or(100),
        since: time(row.try_get("candidate_since")?)?,
    }))
}
