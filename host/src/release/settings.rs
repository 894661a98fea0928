//! Other settings make other releases of the same components: the live one, and the candidate if there is one.

use std::sync::Arc;

use crosswalk_journal::{NewRoute, ReleaseId, Route};
use crosswalk_runtime::Release;
use serde_json::Value;

use super::{Order, check, in_memory, install, load, lost, routes, trust::admitted};
use crate::{app::App, config::tenant::TenantDocument, error::Complaint, signing::Offered};

/// What a tenant document brings about besides itself.
pub(crate) enum Renewal {
    /// The tenant has no release yet.
    First(Offered),
    /// Its releases were made with other settings.
    Settings {
        /// How it is routed.
        route: Box<Route>,
        /// The live release's component, if that is one of them.
        live: Option<Offered>,
        /// The candidate's.
        candidate: Option<Offered>,
    },
}

/// The components that have to be made into other releases under these settings.
pub(crate) async fn renewal(app: &App, route: Route, settings: &Value) -> Result<Option<Renewal>, Complaint> {
    let live = under_other_settings(app, &route, route.live, settings).await?;
    let candidate = match &route.candidate {
        Some(candidate) => under_other_settings(app, &route, candidate.release, settings).await?,
        None => None,
    };
    let is_one = live.is_some() || candidate.is_some();
    Ok(is_one.then(|| Renewal::Settings { route: Box::new(route), live, candidate }))
}

/// The component of a release, if it was made with other settings than these.
async fn under_other_settings(
    app: &App,
    route: &Route,
    id: ReleaseId,
    settings: &Value,
) -> Result<Option<Offered>, Complaint> {
    let release = app.journal.release(id).await?.ok_or_else(|| lost(&route.tenant, id, "the description"))?;
    if serde_json::from_str::<Value>(&release.settings).is_ok_and(|used| used == *settings) {
        return Ok(None);
    }
    let component = app.journal.component(&release.digest).await?;
    let component = component.ok_or_else(|| lost(&route.tenant, id, "the component"))?;
    Ok(Some(Offered::stored(component, &release)))
}

impl Renewal {
    /// Whether all of them would be taken by a tenant with this document, for this CRM. Nothing is stored.
    pub(crate) async fn check(
        &self,
        app: &Arc<App>,
        document: &TenantDocument,
        crm: &str,
    ) -> Result<(), Complaint> {
        let (first, second) = match self {
            Renewal::First(component) => (Some(component), None),
            Renewal::Settings { live, candidate, .. } => (live.as_ref(), candidate.as_ref()),
        };
        if let Some(component) = first {
            check(app, component, document, crm).await?;
        }
        if let Some(component) = second {
            check(app, component, document, crm).await.map_err(|complaint| Complaint {
                message: format!("the candidate does not take these settings: {}", complaint.message),
                help: format!("{}; or drop the candidate with `crosswalk plugin rollback`", complaint.help),
                ..complaint
            })?;
        }
        Ok(())
    }

    /// Makes them into releases and routes the tenant to these, at the same stage as before.
    pub(crate) async fn carry_out(
        self,
        app: &Arc<App>,
        tenant: &str,
        settings: &Value,
        who: &str,
    ) -> Result<(), Complaint> {
        let (route, live, candidate) = match self {
            Renewal::First(component) => {
                let order = Order { who: who.to_owned(), ..Order::default() };
                return routes::deploy(app, tenant, component, &order).await.map(drop);
            }
            Renewal::Settings { route, live, candidate } => (route, live, candidate),
        };
        let now = app.now();
        let mut change = route.change("its settings were changed", who, now);
        let mut fresh = Vec::new();
        if let Some(component) = live {
            let release = renewed(app, tenant, component, settings, who).await?;
            change = NewRoute { live: release.0, live_since: now, before: Some(route.generation), ..change };
            fresh.push(release.1);
        }
        if let Some(component) = candidate {
            let release = renewed(app, tenant, component, settings, who).await?;
            if let Some(candidate) = &mut change.candidate {
                (candidate.release, candidate.since) = (release.0, now);
            }
            fresh.push(release.1);
        }
        // A candidate that differed from the live release in its settings alone is the same now.
        let live = change.live;
        change.candidate = change.candidate.filter(|candidate| candidate.release != live);
        routes::change_route(app, &change, &fresh).await.map(drop)
    }
}

async fn renewed(
    app: &Arc<App>,
    tenant: &str,
    component: Offered,
    settings: &Value,
    who: &str,
) -> Result<(ReleaseId, Arc<Release>), Complaint> {
    let origin = admitted(app, tenant, &component).await?;
    let plugin = load(app, component.bytes.clone(), settings.clone()).await?;
    let id = install(app, tenant, &plugin, (component.bytes, origin), settings, who).await?;
    Ok((id, Arc::new(in_memory(id, plugin))))
}
