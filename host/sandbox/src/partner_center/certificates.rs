//! Keys and certificates that sign the sandbox's webhooks, and flawed ones that a receiver must refuse.
//!
//! The chain is short: the leaf is issued directly by the root, so a receiver that trusts the root
//! (`GET /_sandbox/ca.pem`) needs no intermediate. The leaf is served at `X-MS-Certificate-Url` as DER, as Microsoft's
//! `.cer` is. Keys are made once a process; certificates are valid from 2020 to 2049, so that a moved clock does not
//! invalidate them.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    IsCa, KeyPair, KeyUsagePurpose, PKCS_RSA_SHA256, RsaKeySize, SigningKey, date_time_ymd,
};

/// The subject of Microsoft's certificate, as the documented file name has it.
pub const SUBJECT: &str = "pcnotifications-dispatch.microsoft.com";

/// Where the sandbox can be called over TLS.
const LOOPBACK: &[&str] = &["localhost", "127.0.0.1", "::1"];

/// What is wrong with a signature or the certificate behind it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flaw {
    /// Nothing: what Microsoft would send.
    #[default]
    None,
    /// The signature is over other bytes than the body.
    WrongSignature,
    /// The certificate says the same, but another root issued it.
    OtherRoot,
    /// The right root issued it, for another host.
    OtherSubject,
    /// The right root issued it, for the year 2020 only.
    Expired,
    /// The algorithm header says `rsa-sha1`.
    Sha1,
}

/// The keys and certificates of this process.
pub struct Authority {
    leaf_key: KeyPair,
    root_pem: String,
    good: Vec<u8>,
    other_root: Vec<u8>,
    other_subject: Vec<u8>,
    expired: Vec<u8>,
    loopback: Identity,
}

/// A certificate and its key, for a server.
#[derive(Clone)]
pub struct Identity {
    /// The certificate, as DER.
    pub certificate: Vec<u8>,
    /// The private key, as PKCS#8 DER.
    pub key: Vec<u8>,
}

/// Keys could not be made; names the step.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the sandbox could not make its signing certificate: {0}")]
pub struct CertificateError(String);

impl From<rcgen::Error> for CertificateError {
    fn from(error: rcgen::Error) -> Self {
        Self(error.to_string())
    }
}

static AUTHORITY: LazyLock<Result<Authority, CertificateError>> = LazyLock::new(Authority::generate);

impl Authority {
    /// The authority of this process, made on first use.
    ///
    /// # Errors
    /// When the cryptography library cannot make a key.
    pub fn of_this_process() -> Result<&'static Self, CertificateError> {
        AUTHORITY.as_ref().map_err(Clone::clone)
    }

    fn generate() -> Result<Self, CertificateError> {
        let rsa = || KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048);
        let leaf_key = rsa()?;
        let issuer = root(rsa()?)?;
        // The impostor's key may be of the quicker kind: its own certificate is what makes it wrong.
        let impostor = root(KeyPair::generate()?)?;
        let loopback_key = KeyPair::generate()?;
        Ok(Self {
            good: leaf(&[SUBJECT], 2049, &leaf_key, &issuer)?,
            other_root: leaf(&[SUBJECT], 2049, &leaf_key, &impostor)?,
            other_subject: leaf(&["another-service.microsoft.com"], 2049, &leaf_key, &issuer)?,
            expired: leaf(&[SUBJECT], 2020, &leaf_key, &issuer)?,
            loopback: Identity {
                certificate: leaf(LOOPBACK, 2049, &loopback_key, &issuer)?,
                key: loopback_key.serialize_der(),
            },
            root_pem: issuer.pem(),
            leaf_key,
        })
    }

    /// The root certificate to trust, as PEM.
    #[must_use]
    pub fn root_pem(&self) -> &str {
        &self.root_pem
    }

    /// What the sandbox shows when it is called over TLS, issued by the same root.
    #[must_use]
    pub fn loopback(&self) -> &Identity {
        &self.loopback
    }

    /// The certificate file with this name below `/cert/`, as DER.
    #[must_use]
    pub fn certificate(&self, file: &str) -> Option<&[u8]> {
        [Flaw::None, Flaw::OtherRoot, Flaw::OtherSubject, Flaw::Expired]
            .into_iter()
            .find(|flaw| file_name(*flaw) == file)
            .map(|flaw| match flaw {
                Flaw::OtherRoot => self.other_root.as_slice(),
                Flaw::OtherSubject => &self.other_subject,
                Flaw::Expired => &self.expired,
                _ => &self.good,
            })
    }

    /// The base64 of the RSA PKCS#1 v1.5 SHA-256 signature over `body`.
    ///
    /// # Errors
    /// When the cryptography library cannot sign.
    pub fn signature(&self, body: &[u8]) -> Result<String, CertificateError> {
        Ok(STANDARD.encode(self.leaf_key.sign(body)?))
    }
}

/// The name of the certificate file for a flaw.
#[must_use]
pub(super) fn file_name(flaw: Flaw) -> String {
    match flaw {
        Flaw::None | Flaw::WrongSignature | Flaw::Sha1 => format!("{SUBJECT}.cer"),
        Flaw::OtherRoot => "other-root.cer".to_owned(),
        Flaw::OtherSubject => "other-subject.cer".to_owned(),
        Flaw::Expired => "expired.cer".to_owned(),
    }
}

fn root(key: KeyPair) -> Result<CertifiedIssuer<'static, KeyPair>, rcgen::Error> {
    let mut params = CertificateParams::default();
    params.distinguished_name = name("Sandbox Root Certificate Authority");
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2049, 12, 31);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    CertifiedIssuer::self_signed(params, key)
}

/// The leaf for these hosts, valid to the end of `last_year`, as DER.
fn leaf(
    hosts: &[&str],
    last_year: i32,
    key: &KeyPair,
    issuer: &CertifiedIssuer<'static, KeyPair>,
) -> Result<Vec<u8>, rcgen::Error> {
    let mut params = CertificateParams::new(hosts.iter().map(|host| (*host).to_owned()).collect::<Vec<_>>())?;
    params.distinguished_name = name(hosts.first().copied().unwrap_or_default());
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(last_year, 12, 31);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params.use_authority_key_identifier_extension = true;
    Ok(params.signed_by(key, issuer)?.der().to_vec())
}

/// Microsoft's sample verifier looks for `O=Microsoft Corporation` in the issuer, so the sandbox's root says that too.
fn name(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CountryName, "US");
    name.push(DnType::OrganizationName, "Microsoft Corporation");
    name.push(DnType::CommonName, common_name);
    name
}
