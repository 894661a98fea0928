//! The signature of a Partner Center webhook.
//!
//! From the documentation: the body's raw bytes are signed with RSA PKCS#1 v1.5. The request carries
//! `Authorization: Signature <base64>` (or `x-ms-signature`, if the registration asked for it),
//! `X-MS-Certificate-Url` and `X-MS-Signature-Algorithm: rsa-sha256`.

use std::{ops::RangeInclusive, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::HeaderMap;
use jiff::Timestamp;

use super::{
    cache::CertificateCache,
    certificate::{Algorithm, Signed},
    fetch::{CertificateFetcher, HttpFetcher},
    refused::Refused,
    trust::{TrustConfig, TrustError},
};
use crate::config::PartnerCenterWebhooks;

const AUTHORIZATION: &str = "authorization";
const SIGNATURE: &str = "x-ms-signature";
const CERTIFICATE_URL: &str = "x-ms-certificate-url";
const ALGORITHM: &str = "x-ms-signature-algorithm";

/// RSA signatures are as long as their key: 2048 to 8192 bits.
const SIGNATURE_BYTES: RangeInclusive<usize> = 256..=1024;

/// Decides whether a webhook comes from Partner Center. One for the whole host; cheap to share in an `Arc`.
pub struct Verifier {
    trust: TrustConfig,
    certificates: CertificateCache,
}

impl Verifier {
    /// A verifier that believes what `trust` says, and fetches certificates with `fetcher`.
    pub fn new(trust: TrustConfig, fetcher: Arc<dyn CertificateFetcher>) -> Self {
        let certificates = CertificateCache::new(fetcher, trust.cache);
        Self { trust, certificates }
    }

    /// A verifier that believes what the configuration says, and fetches certificates over HTTP.
    ///
    /// # Errors
    ///
    /// [`TrustError`], naming the file that cannot be used.
    pub fn from_config(config: &PartnerCenterWebhooks) -> Result<Self, TrustError> {
        let fetcher = HttpFetcher::new(config.fetch_limits()).map_err(TrustError::Tls)?;
        Ok(Self::new(TrustConfig::load(config)?, Arc::new(fetcher)))
    }

    /// Whether a body was signed by Partner Center, at `now`.
    ///
    /// What needs no fetch is decided first. If a certificate that was fetched earlier does not fit, it is fetched
    /// once more (at most once in `refresh_ms`), because the sender may have changed its key since.
    ///
    /// # Errors
    ///
    /// The first rule that the request breaks.
    pub async fn verify(&self, headers: &HeaderMap, raw_body: &[u8], now: Timestamp) -> Result<(), Refused> {
        if raw_body.len() > self.trust.body_bytes_max {
            return Err(Refused::BodyTooLarge { max_bytes: self.trust.body_bytes_max });
        }
        let signature = signature(headers)?;
        let given_url = required(headers, CERTIFICATE_URL)?;
        let algorithm = Algorithm::parse(required(headers, ALGORITHM)?)?;
        let url = self.trust.certificate_url(given_url)?;
        if self.trust.roots.is_empty() {
            return Err(Refused::NoRoots);
        }
        let signed = Signed { algorithm, signature: &signature, body: raw_body };
        let certificate = self.certificates.get(&url, now).await?;
        if let Err(refused) = certificate.check(&self.trust, &signed, now) {
            match self.certificates.refresh(&url, &certificate, now).await? {
                Some(newer) => newer.check(&self.trust, &signed, now)?,
                None => return Err(refused),
            }
        }
        self.certificates.prove(&url);
        Ok(())
    }
}

/// The decoded signature. `x-ms-signature` is looked at first: who asked for it may use `Authorization` for a
/// gateway of their own.
fn signature(headers: &HeaderMap) -> Result<Vec<u8>, Refused> {
    let own = single(headers, SIGNATURE)?.map(|value| (SIGNATURE, value));
    let (name, value) = match own {
        Some(own) => own,
        None => (AUTHORIZATION, single(headers, AUTHORIZATION)?.ok_or(Refused::MissingSignature)?),
    };
    let (scheme, encoded) = value.trim().split_once(' ').unwrap_or((value, ""));
    if !scheme.eq_ignore_ascii_case("signature") {
        return Err(Refused::MissingSignature);
    }
    let malformed = |problem| Refused::MalformedHeader { name, problem };
    let signature = STANDARD.decode(encoded.trim()).map_err(|_| malformed("is not base64"))?;
    if !SIGNATURE_BYTES.contains(&signature.len()) {
        return Err(malformed("is not as long as an RSA signature of 2048 to 8192 bits"));
    }
    Ok(signature)
}

fn required<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<&'a str, Refused> {
    single(headers, name)?.ok_or(Refused::MissingHeader { name })
}

/// A header that may be there once. Twice is refused: a proxy before us may have looked at the other one.
pub(super) fn single<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<Option<&'a str>, Refused> {
    let malformed = |problem| Refused::MalformedHeader { name, problem };
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(malformed("is there more than once"));
    }
    value.to_str().map(Some).map_err(|_| malformed("is not ASCII"))
}

#[cfg(test)]
mod tests;
