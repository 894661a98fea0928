//! Sets a tenant's systems up: who gets Partner Center's webhooks, and what the CRM must have.
//!
//! Partner Center has one registration for a whole partner, so taking it takes it from whoever has it. That is never
//! done unasked, and not at all for a tenant that is set to `sync.polling_only`.

use crosswalk_connectors::{
    crm::{Hook, Step},
    fault::Fault as CallFault,
    partner_center::{Registration, TestResult},
};
use url::Url;

use crate::{
    admin::types::WebhookSummary,
    app::App,
    error::{Complaint, Fault},
    jobs,
    tenant::Tenant,
};

/// The events that are registered: four about referrals, and the one that a test sends. docs: webhook events.
const EVENTS: &[&str] = &[
    "referral-created",
    "referral-updated",
    "related-referral-created",
    "related-referral-updated",
    "test-created",
];

/// Who gets Partner Center's webhooks now, and who should.
pub(crate) async fn show(app: &App, tenant: &Tenant) -> Result<WebhookSummary, Complaint> {
    let registered = registration(tenant).await?;
    Ok(summary(app, tenant, registered, None))
}

/// Registers the tenant's address, unless it would take the registration from another and that was not asked for.
pub(crate) async fn register(
    app: &App,
    tenant: &Tenant,
    overwrite: bool,
    who: &str,
) -> Result<WebhookSummary, Complaint> {
    let wanted = wanted(app, tenant)?;
    let before = registration(tenant).await?;
    let evicted = before.as_ref().filter(|registered| registered.url != wanted.url).map(shown);
    if let Some(evicted) = &evicted
        && !overwrite
    {
        let events = before.map(|registered| registered.events.join(", ")).unwrap_or_default();
        return Err(Complaint::new(
            Fault::Refused,
            format!(
                "Partner Center sends this partner's webhooks ({events}) to `{evicted}`, and there is one registration \
                 for a whole partner"
            ),
            "nothing was registered; this tenant's changes are found by polling",
            "find out who listens there. `--overwrite` takes the registration away from them, `sync.polling_only = true` \
             in the tenant document leaves it to them for good",
        ));
    }
    let registered = tenant.webhooks.register(&wanted).await.map_err(|fault| {
        unset(
            &fault,
            "the webhook could not be registered",
            "it is not known to be registered; look with `webhook show`",
        )
    })?;
    let act = match &evicted {
        Some(evicted) => format!("registered the webhook in place of `{evicted}`"),
        None => "registered the webhook".to_owned(),
    };
    app.journal.act(&tenant.name, who, &act, app.now()).await?;
    Ok(summary(app, tenant, Some(registered), evicted))
}

/// Asks Partner Center for a test notification; the answer names it.
pub(crate) async fn test(tenant: &Tenant) -> Result<String, Complaint> {
    tenant.webhooks.test().await.map_err(|fault| {
        unset(
            &fault,
            "Partner Center sent no test notification",
            "nothing was changed; two tests a minute are allowed",
        )
    })
}

/// How a test notification went so far.
pub(crate) async fn test_result(tenant: &Tenant, id: &str) -> Result<TestResult, Complaint> {
    tenant
        .webhooks
        .test_result(id)
        .await
        .map_err(|fault| unset(&fault, "Partner Center did not say how the test went", "nothing was changed"))
}

/// Makes, or in a dry run only names, what the CRM must have for the tenant's release.
pub(crate) async fn provision(
    app: &App,
    name: &str,
    dry_run: bool,
    who: &str,
) -> Result<Vec<Step>, Complaint> {
    let (tenant, release) = jobs::connected(app, name).map_err(|fault| {
        Complaint::new(
            Fault::NotFound,
            fault.reason,
            "nothing was made",
            "`crosswalk tenant list` shows the tenants and their releases",
        )
    })?;
    let crm = tenant
        .crm(&release)
        .map_err(|error| Complaint::internal("looking at the CRM through the release", &error))?;
    let hook = hook(app, &tenant);
    let steps = crm.provision(hook.as_ref(), dry_run).await.map_err(|fault| {
        unset(&fault, "the CRM's fields and rights could not be read", "nothing was made")
    })?;
    if !dry_run {
        app.journal.act(name, who, "provisioned the CRM", app.now()).await?;
    }
    Ok(steps)
}

/// Where the CRM is to send its notifications; `None` if it is not to send any.
fn hook(app: &App, tenant: &Tenant) -> Option<Hook> {
    if tenant.document.sync.polling_only {
        return None;
    }
    let url = address(app, tenant, tenant.crm_name())?;
    Some(Hook { url, key: Some(tenant.webhook_keys.current.clone()) })
}

/// The tenant's public address for one of its systems, if the host has one.
fn address(app: &App, tenant: &Tenant, system: &str) -> Option<String> {
    let base = app.config.listen.public_url.trim_end_matches('/');
    (!base.is_empty()).then(|| format!("{base}/hooks/{}/{system}", tenant.name))
}

fn wanted(app: &App, tenant: &Tenant) -> Result<Registration, Complaint> {
    if tenant.document.sync.polling_only {
        return Err(Complaint::new(
            Fault::Refused,
            format!("tenant `{}` is set to polling only, so no webhook is registered for it", tenant.name),
            "nothing was registered; its changes are found by polling",
            "take `sync.polling_only` out of its document and apply it, if it is to have webhooks after all",
        ));
    }
    let url = address(app, tenant, "partner-center").ok_or_else(|| {
        Complaint::new(
            Fault::Configuration,
            "the host does not know how the world reaches it",
            "nothing was registered",
            "set `listen.public_url` in the host's configuration to the https address of your proxy, and start it again",
        )
    })?;
    Ok(Registration { url, events: EVENTS.iter().map(|&event| event.to_owned()).collect() })
}

async fn registration(tenant: &Tenant) -> Result<Option<Registration>, Complaint> {
    tenant.webhooks.registration().await.map_err(|fault| {
        unset(&fault, "Partner Center did not say which webhook is registered", "nothing was changed")
    })
}

fn summary(
    app: &App,
    tenant: &Tenant,
    registered: Option<Registration>,
    evicted: Option<String>,
) -> WebhookSummary {
    let wanted = wanted(app, tenant).ok();
    let ours = match (&registered, &wanted) {
        (Some(registered), Some(wanted)) => {
            registered.url == wanted.url
                && wanted.events.iter().all(|event| registered.events.contains(event))
        }
        _ => false,
    };
    WebhookSummary {
        tenant: tenant.name.clone(),
        polling_only: tenant.document.sync.polling_only,
        wanted: wanted.map(|wanted| wanted.url),
        events: registered.as_ref().map(|registered| registered.events.clone()).unwrap_or_default(),
        registered: registered.as_ref().map(shown),
        ours,
        evicted,
    }
}

/// The address without its query, which may be somebody's secret.
fn shown(registration: &Registration) -> String {
    let Ok(mut url) = Url::parse(&registration.url) else { return "an address that is none".to_owned() };
    let has_query = url.query().is_some();
    url.set_query(None);
    url.set_fragment(None);
    url.set_password(None).ok();
    url.set_username("").ok();
    if has_query { format!("{url}?…") } else { url.to_string() }
}

fn unset(fault: &CallFault, what: &str, state: &str) -> Complaint {
    let (whose, help) = match fault {
        CallFault::Retry { .. } => (Fault::Unreachable, "try again in a while"),
        CallFault::Unauthorised { .. } => {
            (Fault::Configuration, "correct the account in the tenant document, apply it, then try again")
        }
        CallFault::Reject { .. } => (Fault::Failed, "correct what it names, then try again"),
    };
    Complaint::new(whose, format!("{what}: {}", fault.reason()), state, help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_that_would_be_evicted_is_shown_without_its_secrets() {
        let at = |url: &str| shown(&Registration { url: url.to_owned(), events: Vec::new() });
        assert_eq!(at("https://flows.example/trigger?code=s3cret#x"), "https://flows.example/trigger?…");
        assert_eq!(at("https://ada:pw@flows.example/a"), "https://flows.example/a");
        assert_eq!(at("s3cret"), "an address that is none");
    }
}
