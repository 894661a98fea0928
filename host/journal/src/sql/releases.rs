//! Releases, routes and recorded passes.

use aws_lc_rs::digest::{Context, SHA256};
use jiff::Timestamp;
use sqlx::Row as _;

use super::{Conn, Row, audit, count, int, next, rows, time};
use crate::{
    audit::What,
    error::{Error, Result},
    ids::ReleaseId,
    release::{NewRelease, Release, Route},
};

/// Installs a release, or finds the one that is the same.
pub(crate) async fn install(conn: &mut Conn, release: &NewRelease) -> Result<ReleaseId> {
    let fingerprint = fingerprint(&release.digest, &release.settings);
    let known: Option<i64> =
        sqlx::query_scalar("SELECT id FROM releases WHERE tenant = $1 AND fingerprint = $2")
            .bind(&release.tenant)
            .bind(&fingerprint)
            .fetch_optional(&mut *conn)
            .await?;
    if let Some(id) = known {
        return Ok(ReleaseId(id));
    }
    sqlx::query("INSERT INTO components (digest, bytes) VALUES ($1, $2) ON CONFLICT (digest) DO NOTHING")
        .bind(&release.digest)
        .bind(&release.bytes)
        .execute(&mut *conn)
        .await?;
    let id = ReleaseId(next(conn, "release").await?);
    sqlx::query(
        "INSERT INTO releases (id, tenant, fingerprint, digest, manifest, settings, installed)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(id.0)
    .bind(&release.tenant)
    .bind(fingerprint)
    .bind(&release.digest)
    .bind(&release.manifest)
    .bind(&release.settings)
    .bind(release.at.as_millisecond())
    .execute(&mut *conn)
    .await?;
    let what = What::Act { who: release.who.clone(), what: format!("installed {id}, {}", release.digest) };
    audit::append(conn, &audit::NewRecord::act(&release.tenant, release.at, &[]), what).await?;
    Ok(id)
}

fn fingerprint(digest: &str, settings: &str) -> String {
    let mut hash = Context::new(&SHA256);
    hash.update(digest.as_bytes());
    hash.update(b"\0");
    hash.update(settings.as_bytes());
    hex::encode(hash.finish())
}

/// Moves a tenant to a release by compare-and-swap.
pub(crate) async fn route(
    conn: &mut Conn,
    tenant: &str,
    expected: u64,
    release: ReleaseId,
    who: &str,
    at: Timestamp,
) -> Result<u64> {
    let owner: Option<String> = sqlx::query_scalar("SELECT tenant FROM releases WHERE id = $1")
        .bind(release.0)
        .fetch_optional(&mut *conn)
        .await?;
    if owner.as_deref() != Some(tenant) {
        return Err(Error::NoRelease { tenant: tenant.to_owned(), release });
    }
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
    let Some(generation) = moved else {
        let current: i64 = sqlx::query_scalar("SELECT generation FROM routed WHERE tenant = $1")
            .bind(tenant)
            .fetch_one(conn)
            .await?;
        return Err(Error::Moved { expected, current: count(current) });
    };
    sqlx::query(
        "INSERT INTO routes (tenant, generation, release_id, routed_at, who) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(tenant)
    .bind(generation)
    .bind(release.0)
    .bind(at.as_millisecond())
    .bind(who)
    .execute(&mut *conn)
    .await?;
    let what =
        What::Act { who: who.to_owned(), what: format!("routed to {release} as generation {generation}") };
    audit::append(conn, &audit::NewRecord::act(tenant, at, &[]), what).await?;
    Ok(count(generation))
}

/// Generations, newest first.
pub(crate) async fn routes(conn: &mut Conn, tenant: &str, limit: u32) -> Result<Vec<Route>> {
    let found: Vec<(i64, i64, i64, String)> = sqlx::query_as(
        "SELECT generation, release_id, routed_at, who FROM routes WHERE tenant = $1 ORDER BY generation DESC LIMIT $2",
    )
    .bind(tenant)
    .bind(rows(limit))
    .fetch_all(conn)
    .await?;
    found
        .into_iter()
        .map(|(generation, release, at, who)| {
            Ok(Route {
                tenant: tenant.to_owned(),
                generation: count(generation),
                release: ReleaseId(release),
                at: time(at)?,
                who,
            })
        })
        .collect()
}

/// A tenant's releases, newest first.
pub(crate) async fn list(conn: &mut Conn, tenant: &str) -> Result<Vec<Release>> {
    let found = sqlx::query(
        "SELECT id, tenant, digest, manifest, settings, installed FROM releases WHERE tenant = $1
         ORDER BY id DESC LIMIT $2",
    )
    .bind(tenant)
    .bind(rows(0))
    .fetch_all(conn)
    .await?;
    found.iter().map(read).collect()
}

/// One release.
pub(crate) async fn get(conn: &mut Conn, id: ReleaseId) -> Result<Option<Release>> {
    let row =
        sqlx::query("SELECT id, tenant, digest, manifest, settings, installed FROM releases WHERE id = $1")
            .bind(id.0)
            .fetch_optional(conn)
            .await?;
    row.as_ref().map(read).transpose()
}

fn read(row: &Row) -> Result<Release> {
    Ok(Release {
        id: ReleaseId(row.try_get("id")?),
        tenant: row.try_get("tenant")?,
        digest: row.try_get("digest")?,
        manifest: row.try_get("manifest")?,
        settings: row.try_get("settings")?,
        installed: time(row.try_get("installed")?)?,
    })
}

/// A component's bytes.
pub(crate) async fn component(conn: &mut Conn, digest: &str) -> Result<Option<Vec<u8>>> {
    let sql = "SELECT bytes FROM components WHERE digest = $1";
    Ok(sqlx::query_scalar(sql).bind(digest).fetch_optional(conn).await?)
}

/// Sealed recordings, newest first: pass, when it ended, the sealed bytes.
pub(crate) async fn recordings(
    conn: &mut Conn,
    tenant: &str,
    limit: u32,
) -> Result<Vec<(i64, i64, Vec<u8>)>> {
    let sql = "SELECT pass, ended, sealed FROM recordings WHERE tenant = $1 ORDER BY pass DESC LIMIT $2";
    Ok(sqlx::query_as(sql).bind(tenant).bind(rows(limit)).fetch_all(conn).await?)
}
