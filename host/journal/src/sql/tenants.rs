//! Tenants, their sealed secrets, and how far things were read.

use sqlx::Row as _;

use super::{Conn, Row, audit, count, time};
use crate::{
    audit::What,
    error::Result,
    tenant::{Counts, Tenant},
};

/// Creates or replaces a tenant's document.
pub(crate) async fn apply(conn: &mut Conn, tenant: &Tenant) -> Result<()> {
    sqlx::query(
        "INSERT INTO tenants (name, document, applied, who) VALUES ($1, $2, $3, $4)
         ON CONFLICT (name) DO UPDATE SET document = excluded.document, applied = excluded.applied, who = excluded.who",
    )
    .bind(&tenant.name)
    .bind(&tenant.document)
    .bind(tenant.applied.as_millisecond())
    .bind(&tenant.who)
    .execute(&mut *conn)
    .await?;
    let what = What::Act { who: tenant.who.clone(), what: "applied the tenant".to_owned() };
    audit::append(conn, &audit::NewRecord::act(&tenant.name, tenant.applied, &[]), what).await
}

/// All tenants, by name.
pub(crate) async fn list(conn: &mut Conn) -> Result<Vec<Tenant>> {
    let rows =
        sqlx::query("SELECT name, document, applied, who FROM tenants ORDER BY name").fetch_all(conn).await?;
    rows.iter().map(read).collect()
}

/// One tenant.
pub(crate) async fn get(conn: &mut Conn, name: &str) -> Result<Option<Tenant>> {
    let row = sqlx::query("SELECT name, document, applied, who FROM tenants WHERE name = $1")
        .bind(name)
        .fetch_optional(conn)
        .await?;
    row.as_ref().map(read).transpose()
}

fn read(row: &Row) -> Result<Tenant> {
    Ok(Tenant {
        name: row.try_get("name")?,
        document: row.try_get("document")?,
        applied: time(row.try_get("applied")?)?,
        who: row.try_get("who")?,
    })
}

/// How much a tenant has.
pub(crate) async fn counts(conn: &mut Conn, tenant: &str) -> Result<Counts> {
    let (links, waiting, parked, entries): (i64, i64, i64, i64) = sqlx::query_as(
        "SELECT (SELECT COUNT(*) FROM links WHERE tenant = $1),
                (SELECT COUNT(*) FROM events WHERE tenant = $1 AND state = 'waiting'),
                (SELECT COUNT(*) FROM events WHERE tenant = $1 AND state = 'parked'),
                (SELECT COUNT(*) FROM entries WHERE tenant = $1 AND state = 'open')",
    )
    .bind(tenant)
    .fetch_one(conn)
    .await?;
    Ok(Counts {
        links: count(links),
        waiting: count(waiting),
        parked: count(parked),
        entries: count(entries),
    })
}

/// Stores a sealed secret.
pub(crate) async fn put_secret(conn: &mut Conn, tenant: &str, name: &str, sealed: &[u8]) -> Result<()> {
    sqlx::query(
        "INSERT INTO secrets (tenant, name, sealed) VALUES ($1, $2, $3)
         ON CONFLICT (tenant, name) DO UPDATE SET sealed = excluded.sealed",
    )
    .bind(tenant)
    .bind(name)
    .bind(sealed)
    .execute(conn)
    .await?;
    Ok(())
}

/// A sealed secret.
pub(crate) async fn secret(conn: &mut Conn, tenant: &str, name: &str) -> Result<Option<Vec<u8>>> {
    let sql = "SELECT sealed FROM secrets WHERE tenant = $1 AND name = $2";
    Ok(sqlx::query_scalar(sql).bind(tenant).bind(name).fetch_optional(conn).await?)
}

/// Remembers how far something was read.
pub(crate) async fn put_cursor(conn: &mut Conn, tenant: &str, name: &str, value: &str) -> Result<()> {
    sqlx::query(
        "INSERT INTO cursors (tenant, name, value) VALUES ($1, $2, $3)
         ON CONFLICT (tenant, name) DO UPDATE SET value = excluded.value",
    )
    .bind(tenant)
    .bind(name)
    .bind(value)
    .execute(conn)
    .await?;
    Ok(())
}

/// How far something was read.
pub(crate) async fn cursor(conn: &mut Conn, tenant: &str, name: &str) -> Result<Option<String>> {
    let sql = "SELECT value FROM cursors WHERE tenant = $1 AND name = $2";
    Ok(sqlx::query_scalar(sql).bind(tenant).bind(name).fetch_optional(conn).await?)
}
