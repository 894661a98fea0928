//! Looks for what no webhook announced.
//!
//! Partner Center gives up after ten deliveries and Dataverse after one, so a host that was down, or a webhook that
//! was lost, must cost nothing but time. At the start and then every `catchup.poll_ms`, both systems are asked for
//! what changed since the last time, and each change that is not known yet becomes an event like any other; so does a
//! deletion of what is linked. Partner Center is asked from `catchup.overlap_ms` before the last look on, because clocks
//! differ and rows become visible later than their stamp; a CRM's feed has a cursor of its own, which takes care of that.
//! A change that is seen twice is stored once, by its version. A feed that has lapsed begins again from now, and a sweep
//! compares everything.

use std::{sync::Arc, time::Duration};

use aws_lc_rs::digest::{SHA256, digest};
use crosswalk_connectors::crm::{Changed, Changes, Crm, From};
use crosswalk_engine::{
    link::LinkState,
    pass::{Side, Subject, is_echo},
};
use crosswalk_journal::{NewEvent, Source};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::{sync::watch, time};
use tracing::{info, warn};

use crate::{app::App, dispatch::Chain, process::Fault, sweep, tenant::Tenant};

/// Polls every tenant until `stop` turns true.
pub(crate) async fn run(app: Arc<App>, mut stop: watch::Receiver<bool>) {
    let every = Duration::from_millis(app.config.catchup.poll_ms);
    while !*stop.borrow() {
        for name in app.tenants.names() {
            let Some(tenant) = app.tenants.get(&name) else { continue };
            // A look that a stop interrupts has not moved its cursor, so that the next start begins where it did.
            let looked = tokio::select! {
                looked = catch_up(&app, &tenant) => looked,
                _ = stop.wait_for(|stopping| *stopping) => return,
            };
            if let Err(fault) = looked {
                warn!(tenant = %name, reason = %fault.reason, "the poll for unannounced changes is tried again later");
            }
        }
        tokio::select! {
            () = time::sleep(every) => {}
            _ = stop.wait_for(|stopping| *stopping) => {}
        }
    }
}

/// One look at both systems of a tenant.
pub(crate) async fn catch_up(app: &App, tenant: &Tenant) -> Result<(), Fault> {
    tenant.identify().await?;
    let mut found = referrals(app, tenant).await?;
    found += records(app, tenant).await?;
    if found > 0 {
        info!(tenant = %tenant.name, events = found, "changes that no webhook had announced");
    }
    Ok(())
}

async fn referrals(app: &App, tenant: &Tenant) -> Result<u64, Fault> {
    let began = app.now();
    let since = since(app, tenant, "partner-center").await?;
    let mut found = 0;
    for changed in tenant.partner_center.updated_since(since).await? {
        let Some(id) = changed.value.id() else { continue };
        let subject = Subject::Referral(id.to_owned());
        found +=
            u64::from(announce(app, tenant, subject, Side::PartnerCenter, Some(&changed.version)).await?);
    }
    app.journal.put_cursor(&tenant.name, "partner-center", &began.to_string()).await?;
    Ok(found)
}

async fn records(app: &App, tenant: &Tenant) -> Result<u64, Fault> {
    let Some(release) = app.registry.current(&tenant.name) else { return Ok(0) };
    let crm = tenant.crm(&release).map_err(|error| Fault::new(error.to_string()))?;
    let mut found = 0;
    for used in release.plugin.manifest().entities.iter().filter(|used| used.via.is_none()) {
        found += changes(app, tenant, crm.as_ref(), &used.entity).await?;
    }
    Ok(found)
}

/// Follows an entity's feed of changes to its end. The place is stored once its events are.
async fn changes(app: &App, tenant: &Tenant, crm: &dyn Crm, entity: &str) -> Result<u64, Fault> {
    let cursor = format!("changes {entity}");
    let mut found = 0;
    loop {
        let began = app.now();
        let from = match app.journal.cursor(&tenant.name, &cursor).await? {
            Some(text) => Place::read(&cursor, &text)?.into(),
            None => From::Time(overlapped(app, tenant.since)),
        };
        match crm.changes(entity, &from).await? {
            Changes::Page { rows, next, more } => {
                for row in rows {
                    found += u64::from(record_changed(app, tenant, row, &from).await?);
                }
                app.journal.put_cursor(&tenant.name, &cursor, &Place::Cursor(next).write()).await?;
                if !more {
                    return Ok(found);
                }
            }
            Changes::Lapsed => {
                let why = format!("the CRM no longer knows what changed of `{entity}` since the last look");
                sweep::want(app, &tenant.name, &why).await?;
                let again = Place::Time(overlapped(app, began));
                app.journal.put_cursor(&tenant.name, &cursor, &again.write()).await?;
                return Ok(found);
            }
        }
    }
}

/// Where a feed of changes goes on, as it is stored.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Place {
    Time(Timestamp),
    Cursor(String),
}

impl Place {
    fn read(cursor: &str, text: &str) -> Result<Self, Fault> {
        serde_json::from_str(text)
            .map_err(|error| Fault::new(format!("the cursor `{cursor}` is unreadable: {}", Chain(&error))))
    }

    fn write(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl std::convert::From<Place> for From {
    fn from(place: Place) -> Self {
        match place {
            Place::Time(time) => From::Time(time),
            Place::Cursor(cursor) => From::Cursor(cursor),
        }
    }
}

async fn record_changed(app: &App, tenant: &Tenant, row: Changed, from: &From) -> Result<bool, Fault> {
    let subject = Subject::Record(row.key);
    if !row.deleted {
        return announce(app, tenant, subject, Side::Crm, row.version.as_deref()).await;
    }
    // What was never linked leaves nothing to look at.
    if app.journal.link_of(&tenant.name, &subject).await?.is_none() {
        return Ok(false);
    }
    // The same page that is read again tells of the same deletion, another page of one after a restore.
    let page = hex::encode(digest(&SHA256, format!("{from:?}").as_bytes()));
    store(app, tenant, subject, &format!("deleted {page}"), "deleted".to_owned()).await
}

/// Stores an event for this version of a side, unless it is known already. Says whether it was stored.
async fn announce(
    app: &App,
    tenant: &Tenant,
    subject: Subject,
    side: Side,
    version: Option<&str>,
) -> Result<bool, Fault> {
    let Some(version) = version else {
        // Told without a version, it may be new each time.
        let at = app.now();
        return store(app, tenant, subject, &at.to_string(), "changed".to_owned()).await;
    };
    if let Some(link) = app.journal.link_of(&tenant.name, &subject).await?
        && is_known(&link.state, side, version)
    {
        return Ok(false);
    }
    store(app, tenant, subject, version, format!("version {version}")).await
}

async fn store(
    app: &App,
    tenant: &Tenant,
    subject: Subject,
    version: &str,
    note: String,
) -> Result<bool, Fault> {
    let name = match &subject {
        Subject::Referral(id) => id,
        Subject::Record(key) => &key.id,
    };
    let event = NewEvent {
        tenant: tenant.name.clone(),
        dedupe: Some(format!("{name} {version}")),
        note: Some(note),
        subject,
        source: Source::Poll,
        received: app.now(),
    };
    Ok(!app.journal.accept(event).await?.duplicate)
}

/// Our own write, or what the last pass left: a look would find nothing new on this side.
fn is_known(state: &LinkState, side: Side, version: &str) -> bool {
    let agreed = state.base.referral.as_ref().and_then(|referral| referral.etag());
    is_echo(state, side, version)
        || sweep::is_settled(state, side, version)
        || (side == Side::PartnerCenter && agreed == Some(version) && state.owed.is_empty())
}

/// Where to look from: the cursor less the overlap, or the time at which the tenant was applied.
async fn since(app: &App, tenant: &Tenant, cursor: &str) -> Result<Timestamp, Fault> {
    let stored = app.journal.cursor(&tenant.name, cursor).await?;
    let from = match stored {
        Some(text) => text
            .parse()
            .map_err(|error| Fault::new(format!("the cursor `{cursor}` is unreadable: {}", Chain(&error))))?,
        None => tenant.since,
    };
    Ok(overlapped(app, from))
}

/// Clocks differ, and rows become visible later than their stamp.
fn overlapped(app: &App, from: Timestamp) -> Timestamp {
    let overlap = Duration::from_millis(app.config.catchup.overlap_ms);
    from.checked_sub(overlap).unwrap_or(from)
}
