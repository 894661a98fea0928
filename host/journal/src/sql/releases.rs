//! Releases and recorded passes.

use aws_lc_rs::digest::{Context, SHA256};
use sqlx::Row as _;

use super::{Conn, Row, audit, next, rows, time};
use crate::{
    audit::What,
    error::Result,
    ids::ReleaseId,
    release::{NewRelease, Release},
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
