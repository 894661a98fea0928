//! Looks for what no webhook announced.
//!
//! Partner Center gives up after ten deliveries and Dataverse after one, so a host that was down, or a webhook that
//! was lost, must cost nothing but time. At the start and then every `catchup.poll_ms`, both systems are asked for
//! what changed since the last time, and each change that is not known yet becomes an event like any other. The
//! cursor lies `catchup.overlap_ms` behind, because clocks differ and rows become visible later than their stamp; a
//! change that is seen twice is stored once, by its version.

use std::{sync::Arc, time::Duration};

use crosswalk_engine::{
    link::LinkState,
    pass::{Side, Subject, is_echo},
    value::Fields,
};
use crosswalk_journal::{NewEvent, Source};
use jiff::Timestamp;
use tokio::{sync::watch, time};
use tracing::{info, warn};

use crate::{app::App, dispatch::Chain, process::Fault, tenant::Tenant};

/// Rows of one request.
const PAGE_ROWS: u32 = 1_000;

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
        found += u64::from(announce(app, tenant, subject, Side::PartnerCenter, &changed.version).await?);
    }
    app.journal.put_cursor(&tenant.name, "partner-center", &began.to_string()).await?;
    Ok(found)
}

async fn records(app: &App, tenant: &Tenant) -> Result<u64, Fault> {
    let Some(release) = app.registry.current(&tenant.name) else { return Ok(0) };
    let crm = tenant.dynamics(&release).map_err(|error| Fault::new(error.to_string()))?;
    let Some(crm) = crm else { return Ok(0) };
    let mut found = 0;
    for used in release.plugin.manifest().entities.iter().filter(|used| used.via.is_none()) {
        let began = app.now();
        let since = since(app, tenant, &used.entity).await?;
        let mut from = since;
        loop {
            let page = crm.modified_since(&used.entity, from, &Fields::new(), PAGE_ROWS).await?;
            let Some(last) = page.last().map(|row| row.at) else { break };
            let whole = page.len() == PAGE_ROWS as usize;
            for row in page {
                found += u64::from(
                    announce(app, tenant, Subject::Record(row.key), Side::Crm, &row.version).await?,
                );
            }
            if !whole {
                break;
            }
            // A whole page of one second is not passed by asking from that second on.
            from = if last > from { last } else { last.checked_add(Duration::from_secs(1)).unwrap_or(last) };
        }
        app.journal.put_cursor(&tenant.name, &used.entity, &began.to_string()).await?;
    }
    Ok(found)
}

/// Stores an event for this version of a side, unless it is known already. Says whether it was stored.
async fn announce(
    app: &App,
    tenant: &Tenant,
    subject: Subject,
    side: Side,
    version: &str,
) -> Result<bool, Fault> {
    if let Some(link) = app.journal.link_of(&tenant.name, &subject).await?
        && is_known(&link.state, side, version)
    {
        return Ok(false);
    }
    let name = match &subject {
        Subject::Referral(id) => id,
        Subject::Record(key) => &key.id,
    };
    let event = NewEvent {
        tenant: tenant.name.clone(),
        dedupe: Some(format!("{name} {version}")),
        note: Some(format!("version {version}")),
        subject,
        source: Source::Poll,
        received: app.now(),
    };
    Ok(!app.journal.accept(event).await?.duplicate)
}

/// Our own write, or the very referral that the base holds: a look would find nothing new on this side.
fn is_known(state: &LinkState, side: Side, version: &str) -> bool {
    let agreed = state.base.referral.as_ref().and_then(|referral| referral.etag());
    is_echo(state, side, version)
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
    let overlap = Duration::from_millis(app.config.catchup.overlap_ms);
    Ok(from.checked_sub(overlap).unwrap_or(from))
}
