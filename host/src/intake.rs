//! Intake: who is calling, and what is the hint?
//!
//! A webhook reaches the host from the open internet. Before one row is stored, three questions are answered here,
//! and nothing else happens in the request:
//!
//! 1. Is the request of a size, encoding and speed that the host puts up with? [`request`]
//! 2. Does it come from whom it says? Partner Center signs with a certificate, which the request itself names by
//!    address ([`signature`]); a CRM signs nothing and sends a key ([`keys`]) and its organisation's id.
//! 3. What does it hint at? The bodies carry more than is read here: only which referral or record changed, and
//!    what makes a repeated delivery recognisable ([`partner_center`], [`dynamics`], [`salesforce`]). Nothing in a
//!    body is data that is trusted, and no address in a body is ever fetched.
//!
//! The address of the certificate is chosen by whoever sends the request, so it is the one dangerous input:
//! [`trust`] decides which addresses may be fetched at all, [`fetch`] fetches them without following anything
//! anywhere, [`cache`] keeps a flood of requests from becoming a flood of fetches, and [`certificate`] believes a
//! certificate only if it chains to a configured root *and* carries a configured name. A root alone would let any
//! certificate of that authority sign.
//!
//! What is signed is the body and nothing more: no address, no tenant, no time of sending. A recorded delivery can
//! therefore be replayed, to any tenant. That is harmless by design: it is a duplicate, or a hint at a referral that
//! the tenant does not have.
//!
//! Every refusal is a [`Refused`]: the log gets all of it, the sender only its class.

pub mod cache;
pub mod certificate;
pub mod dynamics;
pub mod fetch;
pub mod keys;
pub mod partner_center;
mod refused;
pub mod request;
pub mod salesforce;
pub mod signature;
pub mod trust;

pub use fetch::{CertificateFetcher, FetchError, HttpFetcher};
pub use keys::WebhookKeys;
pub use refused::{Class, Refused};
pub use signature::Verifier;
pub use trust::{HostPattern, Purpose, TrustConfig, TrustError};

#[cfg(test)]
mod testing;
