//! Releases and recorded passes.

use aws_lc_rs::digest::{Context, SHA256};
use sqlx::{QueryBuilder, Row as _};

use super::{Conn, Db, Row, audit, next, rows, time};
use crate::{
    audit::What,
    error::Result,
    ids::{PassId, ReleaseId},
    release::{NewRelease, Origin, Release, Signature},
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
    let moved = keep_origin(conn, release).await?;
    if let Some(id) = known.map(ReleaseId) {
        if moved {
            let what = format!("took {id} again, {}, {}", release.digest, in_words(&release.origin));
            let what = What::Act { who: release.who.clone(), what };
            audit::append(conn, &audit::NewRecord::act(&release.tenant, release.at, &[]), what).await?;
        }
        return Ok(id);
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
    let what = format!("installed {id}, {}, {}", release.digest, in_words(&release.origin));
    let what = What::Act { who: release.who.clone(), what };
    audit::append(conn, &audit::NewRecord::act(&release.tenant, release.at, &[]), what).await?;
    Ok(id)
}

/// Remembers where a component came from this time. Says whether that is new.
async fn keep_origin(conn: &mut Conn, release: &NewRelease) -> Result<bool> {
    let signature = release.origin.signature.as_ref();
    let kept = sqlx::query(
        "INSERT INTO origins (tenant, digest, place, signature, comment, signer) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (tenant, digest) DO UPDATE SET
           place = excluded.place,
           signature = COALESCE(excluded.signature, origins.signature),
           comment = COALESCE(excluded.comment, origins.comment),
           signer = CASE WHEN excluded.signature IS NULL THEN origins.signer ELSE excluded.signer END
         WHERE origins.place <> excluded.place
           OR (excluded.signature IS NOT NULL AND (
             COALESCE(origins.signature, '') <> excluded.signature
             OR COALESCE(origins.signer, '') <> COALESCE(excluded.signer, '')))",
    )
    .bind(&release.tenant)
    .bind(&release.digest)
    .bind(&release.origin.place)
    .bind(signature.map(|signature| &signature.text))
    .bind(signature.map(|signature| &signature.comment))
    .bind(signature.and_then(|signature| signature.signer.as_ref()))
    .execute(conn)
    .await?;
    Ok(kept.rows_affected() > 0)
}

fn in_words(Origin { place, signature }: &Origin) -> String {
    match signature {
        Some(Signature { comment, signer: Some(signer), .. }) => {
            format!("from {place}, signed by {signer}: {comment}")
        }
        Some(Signature { comment, .. }) => {
            format!("from {place}, with a signature that was not demanded: {comment}")
        }
        None => format!("from {place}, unsigned"),
    }
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
    let mut query = QueryBuilder::<Db>::new(RELEASES);
    query.push(" WHERE releases.tenant = ").push_bind(tenant);
    query.push(" ORDER BY id DESC LIMIT ").push_bind(rows(0));
    query.build().fetch_all(conn).await?.iter().map(read).collect()
}

/// One release.
pub(crate) async fn get(conn: &mut Conn, id: ReleaseId) -> Result<Option<Release>> {
    let mut query = QueryBuilder::<Db>::new(RELEASES);
    query.push(" WHERE id = ").push_bind(id.0);
    query.build().fetch_optional(conn).await?.as_ref().map(read).transpose()
}

/// Releases, each with where its component came from.
const RELEASES: &str = "SELECT id, releases.tenant, releases.digest, manifest, settings, installed,
    place, signature, comment, signer
  FROM releases LEFT JOIN origins ON origins.tenant = releases.tenant AND origins.digest = releases.digest";

fn read(row: &Row) -> Result<Release> {
    Ok(Release {
        id: ReleaseId(row.try_get("id")?),
        tenant: row.try_get("tenant")?,
        digest: row.try_get("digest")?,
        manifest: row.try_get("manifest")?,
        settings: row.try_get("settings")?,
        installed: time(row.try_get("installed")?)?,
        origin: read_origin(row)?,
    })
}

fn read_origin(row: &Row) -> Result<Option<Origin>> {
    let Some(place) = row.try_get("place")? else { return Ok(None) };
    let (text, comment): (Option<String>, Option<String>) =
        (row.try_get("signature")?, row.try_get("comment")?);
    let signature = match text {
        Some(text) => {
            Some(Signature { text, comment: comment.unwrap_or_default(), signer: row.try_get("signer")? })
        }
        None => None,
    };
    Ok(Some(Origin { place, signature }))
}

/// A component's bytes.
pub(crate) async fn component(conn: &mut Conn, digest: &str) -> Result<Option<Vec<u8>>> {
    let sql = "SELECT bytes FROM components WHERE digest = $1";
    Ok(sqlx::query_scalar(sql).bind(digest).fetch_optional(conn).await?)
}

/// Sealed recordings before a pass, newest first: pass, when it ended, the sealed bytes.
pub(crate) async fn recordings(
    conn: &mut Conn,
    tenant: &str,
    before: Option<PassId>,
    limit: u32,
) -> Result<Vec<(i64, i64, Vec<u8>)>> {
    let sql = "SELECT pass, ended, sealed FROM recordings WHERE tenant = $1 AND pass < $2 ORDER BY pass DESC LIMIT $3";
    let before = before.map_or(i64::MAX, |pass| pass.0);
    Ok(sqlx::query_as(sql).bind(tenant).bind(before).bind(rows(limit)).fetch_all(conn).await?)
}

/// One sealed recording, as [`recordings`] has it.
pub(crate) async fn recording(
    conn: &mut Conn,
    tenant: &str,
    pass: PassId,
) -> Result<Option<(i64, i64, Vec<u8>)>> {
    let sql = "SELECT pass, ended, sealed FROM recordings WHERE tenant = $1 AND pass = $2";
    Ok(sqlx::query_as(sql).bind(tenant).bind(pass.0).fetch_optional(conn).await?)
}
