//! Who may send webhooks.

use std::{net::Ipv4Addr, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::Invalid;
use crate::intake::{HostPattern, Purpose, cache::CacheLimits, fetch::FetchLimits};

/// Who may send webhooks. Dataverse's key belongs to the tenant, so it is not here.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Webhooks {
    /// Partner Center, which signs.
    pub partner_center: PartnerCenterWebhooks,
}

/// Which signatures are taken for Partner Center's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PartnerCenterWebhooks {
    /// Hosts that a certificate may be fetched from.
    pub certificate_hosts: Vec<HostPattern>,
    /// Names of which the certificate must carry one.
    pub certificate_subjects: Vec<String>,
    /// Organisations of which the certificate's issuer must be one; empty for any below the roots.
    pub issuer_organizations: Vec<String>,
    /// PEM files with the authorities that chains must end at.
    pub root_files: Vec<PathBuf>,
    /// PEM files with the authorities in between.
    pub intermediate_files: Vec<PathBuf>,
    /// What the certificate must be made for.
    pub certificate_purpose: Purpose,
    /// Whether certificates may come over plain HTTP from this machine. For the sandbox only.
    pub allow_http_loopback: bool,
    /// Size of a signed body, in bytes.
    pub body_bytes_max: usize,
    /// Size of a fetched certificate, in bytes.
    pub fetch_bytes_max: usize,
    /// Time for fetching a certificate, in milliseconds.
    pub fetch_timeout_ms: u64,
    /// How many certificates are remembered.
    pub certificates_max: usize,
    /// After how many milliseconds a certificate is fetched again.
    pub certificate_fresh_ms: u64,
    /// For how many milliseconds a failure to fetch is remembered.
    pub fetch_failure_ms: u64,
    /// The least time between two fetches of one address because a signature failed, in milliseconds.
    pub certificate_refresh_ms: u64,
    /// Fetches a minute for addresses that never yet proved a signature.
    pub unproved_fetches_per_minute_max: u32,
}

impl Default for PartnerCenterWebhooks {
    fn default() -> Self {
        let cache = CacheLimits::default();
        Self {
            certificate_hosts: vec![HostPattern::exactly("3psostorageacct.blob.core.windows.net")],
            certificate_subjects: vec!["pcnotifications-dispatch.microsoft.com".to_owned()],
            issuer_organizations: vec!["Microsoft Corporation".to_owned()],
            root_files: Vec::new(),
            intermediate_files: Vec::new(),
            certificate_purpose: Purpose::ServerAuth,
            allow_http_loopback: false,
            body_bytes_max: 65_536,
            fetch_bytes_max: 65_536,
            fetch_timeout_ms: 5_000,
            certificates_max: cache.certificates_max,
            certificate_fresh_ms: cache.fresh_ms,
            fetch_failure_ms: cache.failure_ms,
            certificate_refresh_ms: cache.refresh_ms,
            unproved_fetches_per_minute_max: cache.unproved_fetches_per_minute_max,
        }
    }
}

impl Webhooks {
    pub(super) fn for_testing() -> Self {
        Self {
            partner_center: PartnerCenterWebhooks {
                certificate_hosts: vec![HostPattern::on_any_port(Ipv4Addr::LOCALHOST.into())],
                issuer_organizations: Vec::new(),
                allow_http_loopback: true,
                ..PartnerCenterWebhooks::default()
            },
        }
    }
}

impl PartnerCenterWebhooks {
    /// How fetched certificates are kept.
    pub fn cache_limits(&self) -> CacheLimits {
        CacheLimits {
            certificates_max: self.certificates_max,
            fresh_ms: self.certificate_fresh_ms,
            failure_ms: self.fetch_failure_ms,
            refresh_ms: self.certificate_refresh_ms,
            unproved_fetches_per_minute_max: self.unproved_fetches_per_minute_max,
        }
    }

    /// What fetching a certificate may cost.
    pub fn fetch_limits(&self) -> FetchLimits {
        FetchLimits {
            bytes_max: self.fetch_bytes_max,
            timeout_ms: self.fetch_timeout_ms,
            allow_loopback: self.allow_http_loopback,
        }
    }

    pub(super) fn validate(&self) -> Result<(), Invalid> {
        let key = |name| format!("webhooks.partner_center.{name}");
        // Without a name, every certificate of the root's authority could sign.
        if self.certificate_subjects.is_empty() {
            return Err(Invalid::new(
                key("certificate_subjects"),
                "is empty, and must name at least one subject",
            ));
        }
        if self.certificate_hosts.is_empty() {
            return Err(Invalid::new(key("certificate_hosts"), "is empty, and must name at least one host"));
        }
        let at_least_one = [
            ("body_bytes_max", self.body_bytes_max as u64),
            ("fetch_bytes_max", self.fetch_bytes_max as u64),
            ("fetch_timeout_ms", self.fetch_timeout_ms),
            ("certificates_max", self.certificates_max as u64),
            ("unproved_fetches_per_minute_max", self.unproved_fetches_per_minute_max.into()),
        ];
        for (name, value) in at_least_one {
            if value == 0 {
                return Err(Invalid::new(key(name), "is 0, and must be at least 1"));
            }
        }
        Ok(())
    }
}
