#![doc = include_str!("../README.md")]
//!
//! ```no_run
//! # use std::sync::Arc;
//! # use crosswalk_connectors::{crm::*, dynamics::*, partner_center::*, salesforce::*, token::*, transport::*};
//! # async fn start(
//! #     token_url: url::Url, org_url: url::Url, id: String, secret: secrecy::SecretString,
//! #     manifest: crosswalk_engine::mapping::Manifest, refresh: RefreshTokenConfig, store: Arc<dyn RefreshTokenStore>,
//! #     salesforce: (url::Url, url::Url, String, secrecy::SecretString, crosswalk_engine::mapping::Manifest),
//! # ) -> Result<(), Box<dyn std::error::Error>> {
//! let transport: Arc<dyn Transport> = Arc::new(HttpTransport::new(HttpConfig::default())?);
//!
//! // Dataverse: client credentials, one application user for each tenant. The sandbox takes `StaticToken` instead.
//! let sign_in = ClientCredentialsConfig::for_dataverse(token_url, &org_url, id, secret);
//! let tokens = Arc::new(ClientCredentials::new(sign_in, transport.clone())?);
//! let crm = Dynamics::new(DynamicsConfig::new(org_url), transport.clone(), tokens, Arc::new(manifest))?;
//! crm.who_am_i().await?;
//!
//! // Salesforce: an external client app, and the integration user that it runs as.
//! # let (org_url, token_url, id, secret, manifest) = salesforce;
//! let grant = SalesforceGrant::ClientCredentials { client_secret: secret, basic: false };
//! let sign_in = SalesforceSignInConfig::new(org_url.clone(), token_url, id, grant);
//! let tokens = Arc::new(SalesforceSignIn::new(sign_in, transport.clone())?);
//! let crm = Salesforce::new(SalesforceConfig::new(org_url), transport.clone(), tokens, Arc::new(manifest))?;
//! crm.check().await?;
//!
//! // Partner Center: one refresh token, two audiences.
//! let grant = Arc::new(RefreshTokenGrant::new(refresh, transport.clone(), store)?);
//! let config = PartnerCenterConfig::new(REFERRALS_URL.parse()?);
//! let referrals = PartnerCenter::new(config, transport.clone(), grant.audience(REFERRALS_AUDIENCE))?;
//! let config = WebhooksConfig::new(WEBHOOKS_URL.parse()?);
//! let webhooks = Webhooks::new(config, transport, grant.audience(WEBHOOKS_AUDIENCE))?;
//!
//! let referral = referrals.in_pass("a pass").get("3a5f4f34-2d40-4b84-a7c9-8b3a8a3c7d11").await?;
//! # let _ = (referral, webhooks);
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod companions;
pub mod crm;
pub mod dynamics;
pub mod fault;
pub mod partner_center;
pub mod salesforce;
mod session;
mod text;
pub mod token;
pub mod transport;

pub use fault::{ConfigError, Fault, Found};
pub use session::Limits;
