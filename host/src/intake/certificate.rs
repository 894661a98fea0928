//! A fetched certificate, and whether it may speak for Partner Center.

use std::time::Duration;

use jiff::Timestamp;
use rustls_pki_types::{CertificateDer, UnixTime};
use webpki::EndEntityCert;
use x509_parser::{
    certificate::X509Certificate, extensions::GeneralName, prelude::FromDer as _, x509::AttributeTypeAndValue,
};

use super::{
    refused::{Refused, quoted},
    trust::{TrustConfig, certificates_from_pem},
};

/// A chain may have this many certificates; a real one has three.
const CERTIFICATES_MAX: usize = 8;

/// What was served at a certificate's address: the sender's own certificate, and perhaps some above it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presented {
    leaf: CertificateDer<'static>,
    above: Vec<CertificateDer<'static>>,
}

impl Presented {
    /// Reads DER or PEM, the sender's own certificate first.
    ///
    /// # Errors
    ///
    /// [`Refused::CertificateMalformed`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Refused> {
        let malformed = |problem| Refused::CertificateMalformed { problem };
        let is_pem = bytes.windows(5).any(|window| window == b"-----") && bytes.first() != Some(&0x30);
        let certificates = if is_pem { certificates_from_pem(bytes) } else { certificates_from_der(bytes) };
        let mut certificates = certificates.map_err(malformed)?.into_iter();
        let leaf = certificates.next().ok_or_else(|| malformed("it is empty".to_owned()))?;
        let above: Vec<_> = certificates.collect();
        if above.len() >= CERTIFICATES_MAX {
            return Err(malformed(format!("it holds more than {CERTIFICATES_MAX} certificates")));
        }
        Ok(Self { leaf, above })
    }

    /// Whether this certificate is one to believe at `now`, and signed `body`.
    ///
    /// # Errors
    ///
    /// [`Refused::Chain`], [`Refused::Expired`], [`Refused::Subject`], [`Refused::Issuer`] or
    /// [`Refused::SignatureMismatch`].
    pub fn check(&self, trust: &TrustConfig, signed: &Signed<'_>, now: Timestamp) -> Result<(), Refused> {
        let leaf = EndEntityCert::try_from(&self.leaf).map_err(|error| chain(&error))?;
        self.check_chain(&leaf, trust, now)?;
        self.check_names(trust)?;
        leaf.verify_signature(signed.algorithm.webpki(), signed.body, signed.signature)
            .map_err(|_| Refused::SignatureMismatch)
    }

    fn check_chain(
        &self,
        leaf: &EndEntityCert<'_>,
        trust: &TrustConfig,
        now: Timestamp,
    ) -> Result<(), Refused> {
        let above: Vec<CertificateDer<'_>> = self.above.iter().chain(&trust.intermediates).cloned().collect();
        let seconds = u64::try_from(now.as_second()).unwrap_or(0);
        leaf.verify_for_usage(
            webpki::ALL_VERIFICATION_ALGS,
            &trust.roots,
            &above,
            UnixTime::since_unix_epoch(Duration::from_secs(seconds)),
            trust.purpose.key_usage(),
            None,
            None,
        )
        .map(drop)
        .map_err(|error| chain(&error))
    }

    fn check_names(&self, trust: &TrustConfig) -> Result<(), Refused> {
        let (_, parsed) = X509Certificate::from_der(&self.leaf)
            .map_err(|error| Refused::CertificateMalformed { problem: error.to_string() })?;
        let names = names_of(&parsed);
        if !any_of(&names, &trust.certificate_subjects) {
            return Err(Refused::Subject { names: list(&names) });
        }
        let organizations: Vec<String> = texts(parsed.issuer().iter_organization());
        if !trust.issuer_organizations.is_empty() && !any_of(&organizations, &trust.issuer_organizations) {
            return Err(Refused::Issuer { organizations: list(&organizations) });
        }
        Ok(())
    }
}

/// A body and the signature that it came with.
#[derive(Clone, Copy)]
pub struct Signed<'a> {
    /// How it was signed.
    pub algorithm: Algorithm,
    /// The signature, decoded.
    pub signature: &'a [u8],
    /// The raw bytes that it is over.
    pub body: &'a [u8],
}

/// A signature algorithm that is accepted: RSA PKCS#1 v1.5 with a key of 2048 to 8192 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// With SHA-256, as Partner Center documents it.
    RsaSha256,
    /// With SHA-384.
    RsaSha384,
    /// With SHA-512.
    RsaSha512,
}

impl Algorithm {
    /// Reads `X-MS-Signature-Algorithm`, without case.
    ///
    /// # Errors
    ///
    /// [`Refused::Algorithm`] for everything else, above all for the SHA-1 that Microsoft's sample still speaks of.
    pub fn parse(given: &str) -> Result<Self, Refused> {
        match given.trim().to_ascii_lowercase().as_str() {
            "rsa-sha256" => Ok(Self::RsaSha256),
            "rsa-sha384" => Ok(Self::RsaSha384),
            "rsa-sha512" => Ok(Self::RsaSha512),
            _ => Err(Refused::Algorithm { given: quoted(given) }),
        }
    }

    fn webpki(self) -> &'static dyn rustls_pki_types::SignatureVerificationAlgorithm {
        match self {
            Self::RsaSha256 => webpki::aws_lc_rs::RSA_PKCS1_2048_8192_SHA256,
            Self::RsaSha384 => webpki::aws_lc_rs::RSA_PKCS1_2048_8192_SHA384,
            Self::RsaSha512 => webpki::aws_lc_rs::RSA_PKCS1_2048_8192_SHA512,
        }
    }
}

fn certificates_from_der(mut bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let mut certificates = Vec::new();
    while !bytes.is_empty() {
        if certificates.len() > CERTIFICATES_MAX {
            return Err(format!("it holds more than {CERTIFICATES_MAX} certificates"));
        }
        let (rest, _) = X509Certificate::from_der(bytes)
            .map_err(|error| format!("it is neither PEM nor DER: {error}"))?;
        let (certificate, _) = bytes.split_at(bytes.len() - rest.len());
        certificates.push(CertificateDer::from(certificate.to_vec()));
        bytes = rest;
    }
    Ok(certificates)
}

/// Tells what is a matter of time from what is a matter of trust.
fn chain(error: &webpki::Error) -> Refused {
    let problem = error.to_string();
    match error {
        webpki::Error::CertExpired { .. } | webpki::Error::CertNotValidYet { .. } => {
            Refused::Expired { problem }
        }
        webpki::Error::BadDer | webpki::Error::BadDerTime => Refused::CertificateMalformed { problem },
        _ => Refused::Chain { problem },
    }
}

fn names_of(certificate: &X509Certificate<'_>) -> Vec<String> {
    let mut names = texts(certificate.subject().iter_common_name());
    if let Ok(Some(alternative)) = certificate.subject_alternative_name() {
        names.extend(alternative.value.general_names.iter().filter_map(|name| match name {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            _ => None,
        }));
    }
    names
}

fn texts<'a>(attributes: impl Iterator<Item = &'a AttributeTypeAndValue<'a>>) -> Vec<String> {
    attributes.filter_map(|attribute| attribute.as_str().ok()).map(str::to_owned).collect()
}

fn any_of(given: &[String], accepted: &[String]) -> bool {
    given.iter().any(|given| accepted.iter().any(|accepted| accepted.eq_ignore_ascii_case(given)))
}

fn list(names: &[String]) -> String {
    if names.is_empty() {
        return "nobody by name".to_owned();
    }
    quoted(&names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "))
}
