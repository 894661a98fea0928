//! Partner Center, simulated: the referrals API, the webhook API, and the signed webhooks themselves.
//!
//! One partner organisation signs in; its own copies of referrals are writable, Microsoft's copies of the same
//! engagements are readable. Both APIs listen on one port and tell their two audiences apart by the token.

mod certificates;
mod control;
mod create;
mod filter;
mod list;
mod patch;
mod problem;
mod referrals;
mod samples;
mod settings;
mod status;
mod store;
mod webhooks;

use std::sync::{Arc, Mutex};

use axum::Router;

pub use certificates::{Authority, CertificateError, Flaw, SUBJECT};
pub use control::{Answer, ControlError};
pub use samples::NAMES as SAMPLE_NAMES;
pub use settings::{Case, NextLink, RelatedEventId, Role, Settings};

use crate::core::outbound::{Accepts, Policy, RetryOn};
use crate::core::{Core, CoreOptions, CoreParts, assemble, lock};
use store::{Organization, Store};
use webhooks::Webhooks;

/// What a token for the referrals API is issued for.
pub const REFERRALS_AUDIENCE: &str = "https://api.partner.microsoft.com";
/// What a token for the webhook API is issued for.
pub const WEBHOOKS_AUDIENCE: &str = "https://api.partnercenter.microsoft.com";

/// What the simulated Partner Center is told at its start.
#[derive(Clone, Debug)]
pub struct PartnerCenterConfig {
    /// The calling partner's organisation.
    pub organization_id: String,
    /// Its name.
    pub organization_name: String,
    /// What event URIs start with. Docs: `https://api.partnercenter.microsoft.com`, which is not the API's host.
    pub resource_base: String,
    /// How webhooks are tried. Docs: 10 attempts; pauses and time-out are not documented.
    pub delivery: Policy,
    /// The settings at the start and after a reset.
    pub settings: Settings,
}

impl Default for PartnerCenterConfig {
    fn default() -> Self {
        Self {
            organization_id: "7a2f5c1e-4a5e-4c0e-9d0b-5f1f0a8f3c21".to_owned(),
            organization_name: "Sandbox Partner".to_owned(),
            resource_base: WEBHOOKS_AUDIENCE.to_owned(),
            delivery: Policy {
                attempts_max: 10,
                attempt_timeout_ms: 10_000,
                retry_first_ms: 500,
                retry_max_ms: 30_000,
                retry_on: RetryOn::AnyFailure,
                accepts: Accepts::AnySuccess,
                give_up_after_ms: None,
            },
            settings: Settings::default(),
        }
    }
}

/// The simulated Partner Center.
pub struct PartnerCenter {
    core: Arc<Core>,
    config: PartnerCenterConfig,
    authority: &'static Authority,
    base_url: Mutex<String>,
    settings: Mutex<Settings>,
    store: Mutex<Store>,
    webhooks: Mutex<Webhooks>,
}

impl PartnerCenter {
    /// Makes an empty Partner Center. Keys are made on the first call in a process.
    ///
    /// # Errors
    /// When the signing certificate cannot be made.
    pub fn new(options: CoreOptions, config: PartnerCenterConfig) -> Result<Arc<Self>, CertificateError> {
        let authority = Authority::of_this_process()?;
        let core = Core::new(CoreParts {
            system: "partner-center",
            audiences: vec![REFERRALS_AUDIENCE.to_owned(), WEBHOOKS_AUDIENCE.to_owned()],
            dialect: Box::new(problem::PartnerCenterDialect),
            options,
        });
        Ok(Arc::new(Self {
            core,
            authority,
            base_url: Mutex::new("http://127.0.0.1:7101".to_owned()),
            settings: Mutex::new(config.settings.clone()),
            store: Mutex::default(),
            webhooks: Mutex::default(),
            config,
        }))
    }

    /// Where it can be reached; certificates are named below it.
    pub fn set_base_url(&self, base_url: &str) {
        base_url.trim_end_matches('/').clone_into(&mut lock(&self.base_url));
    }

    /// Where it can be reached, without a slash at the end.
    #[must_use]
    pub fn base_url(&self) -> String {
        lock(&self.base_url).clone()
    }

    /// All routes, ready to serve or to call as a tower service.
    pub fn router(self: &Arc<Self>) -> Router {
        let routes = referrals::router(self).merge(webhooks::router(self)).merge(control::router(self));
        let center = Arc::clone(self);
        assemble(&self.core, routes, move || center.reset())
    }

    /// Clock, tokens, trace, faults and notifications.
    #[must_use]
    pub fn core(&self) -> &Arc<Core> {
        &self.core
    }

    /// The settings as they stand.
    #[must_use]
    pub fn settings(&self) -> Settings {
        lock(&self.settings).clone()
    }

    /// Replaces the settings.
    pub fn set_settings(&self, settings: Settings) {
        *lock(&self.settings) = settings;
    }

    /// The root certificate that a webhook receiver must trust, as PEM.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        self.authority.root_pem()
    }

    /// The headers that a webhook with this body would carry, or, with a flaw, ones that a receiver must refuse.
    /// Empty if the cryptography library fails.
    #[must_use]
    pub fn sign(&self, body: &[u8], flaw: Flaw) -> Vec<(String, String)> {
        self.signed_headers(body, flaw, false).unwrap_or_default()
    }

    fn signed_headers(&self, body: &[u8], flaw: Flaw, in_ms_header: bool) -> Option<Vec<(String, String)>> {
        let signature = match flaw {
            Flaw::WrongSignature => self.authority.signature(&[body, b" "].concat()),
            _ => self.authority.signature(body),
        };
        let signature =
            signature.inspect_err(|error| tracing::error!(%error, "a webhook was not signed")).ok()?;
        let carrier = if in_ms_header { "x-ms-signature" } else { "Authorization" };
        let algorithm = if flaw == Flaw::Sha1 { "rsa-sha1" } else { "rsa-sha256" };
        let certificate = format!("{}/cert/{}", self.base_url(), certificates::file_name(flaw));
        Some(vec![
            ("Content-Type".to_owned(), "application/json; charset=utf-8".to_owned()),
            (carrier.to_owned(), format!("Signature {signature}")),
            ("X-MS-Certificate-Url".to_owned(), certificate),
            ("X-MS-Signature-Algorithm".to_owned(), algorithm.to_owned()),
        ])
    }

    fn organization(&self) -> Organization {
        Organization { id: self.config.organization_id.clone(), name: self.config.organization_name.clone() }
    }

    /// Closes what nobody answered in time, and says so.
    fn expire_due(&self) {
        let changes = lock(&self.store).expire_due(self.core.clock.now(), &self.core.ids);
        self.announce(&changes);
    }

    /// Back to the baseline: no referrals, no registration, the settings of the start.
    fn reset(&self) {
        *lock(&self.store) = Store::default();
        *lock(&self.webhooks) = Webhooks::default();
        self.set_settings(self.config.settings.clone());
    }
}
