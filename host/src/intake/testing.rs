//! An authority, a sender and a fetcher for tests: everything that Partner Center does when it signs, made here.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex},
};

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    PKCS_RSA_SHA256, RsaKeySize, SigningKey as _, date_time_ymd,
};
use url::Url;

use super::{
    cache::CacheLimits,
    fetch::{CertificateFetcher, FetchError},
    trust::{Purpose, TrustConfig},
};

/// The documented sample delivery, compact as it is on the wire: its documented length is 195 bytes.
pub(crate) const SAMPLE: &str = concat!(
    r#"{"EventName":"test-created","#,
    r#""ResourceUri":"http://localhost:16722/v1/webhooks/registration/test","#,
    r#""ResourceName":"test","AuditUri":null,"#,
    r#""ResourceChangeUtcDate":"2017-11-16T16:19:06.3520276+00:00"}"#
);
pub(crate) const HOST: &str = "certificates.example.com";
pub(crate) const URL: &str = "https://certificates.example.com/cert/dispatch.cer";
pub(crate) const SUBJECT: &str = "dispatch.example.com";

// Making an RSA key takes a while, so there is one of each for all tests.
static ROOT_KEY: LazyLock<KeyPair> = LazyLock::new(rsa);
static ISSUING_KEY: LazyLock<KeyPair> = LazyLock::new(rsa);
static SENDER_KEY: LazyLock<KeyPair> = LazyLock::new(rsa);
static STRANGER_KEY: LazyLock<KeyPair> = LazyLock::new(rsa);

fn rsa() -> KeyPair {
    KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap()
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A moment at which every certificate here is valid.
pub(crate) fn now() -> Timestamp {
    at("2026-06-01T12:00:00Z")
}

fn authority(common_name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::OrganizationName, "Sandbox Corporation");
    params.distinguished_name.push(DnType::CommonName, common_name);
    params
}

/// What the sender's certificate is like; the default is in order.
pub(crate) struct Leaf {
    pub(crate) subject: &'static str,
    pub(crate) purpose: Option<ExtendedKeyUsagePurpose>,
    pub(crate) years: (i32, i32),
    pub(crate) key: &'static KeyPair,
    /// Signed by an authority that nobody trusts, under the trusted one's name.
    pub(crate) forged: bool,
    /// Signed by the issuing authority below the root.
    pub(crate) issued_below_root: bool,
}

impl Default for Leaf {
    fn default() -> Self {
        Self {
            subject: SUBJECT,
            purpose: Some(ExtendedKeyUsagePurpose::ServerAuth),
            years: (2026, 2027),
            key: &SENDER_KEY,
            forged: false,
            issued_below_root: false,
        }
    }
}

impl Leaf {
    pub(crate) fn certificate(&self) -> rcgen::Certificate {
        let mut params = CertificateParams::new([self.subject.to_owned()]).unwrap();
        params.distinguished_name.remove(DnType::CommonName);
        params.extended_key_usages.extend(self.purpose.clone());
        params.not_before = date_time_ymd(self.years.0, 1, 1);
        params.not_after = date_time_ymd(self.years.1, 1, 1);
        let (name, key) = match (self.issued_below_root, self.forged) {
            (true, _) => ("Issuing", &*ISSUING_KEY),
            (false, true) => ("Root", &*STRANGER_KEY),
            (false, false) => ("Root", &*ROOT_KEY),
        };
        params.signed_by(self.key, &Issuer::new(authority(name), key)).unwrap()
    }

    pub(crate) fn der(&self) -> Vec<u8> {
        self.certificate().der().to_vec()
    }
}

pub(crate) fn stranger_key() -> &'static KeyPair {
    &STRANGER_KEY
}

pub(crate) fn root() -> rcgen::Certificate {
    authority("Root").self_signed(&*ROOT_KEY).unwrap()
}

pub(crate) fn issuing() -> rcgen::Certificate {
    authority("Issuing").signed_by(&*ISSUING_KEY, &Issuer::new(authority("Root"), &*ROOT_KEY)).unwrap()
}

/// Trusts the root, the subject and the host above.
pub(crate) fn trust() -> TrustConfig {
    let mut trust = TrustConfig {
        certificate_hosts: vec![HOST.parse().unwrap()],
        certificate_subjects: vec![SUBJECT.to_owned()],
        issuer_organizations: vec!["Sandbox Corporation".to_owned()],
        roots: Vec::new(),
        intermediates: Vec::new(),
        purpose: Purpose::ServerAuth,
        allow_http_loopback: false,
        body_bytes_max: 65_536,
        cache: CacheLimits::default(),
    };
    trust.add_root(root().der()).unwrap();
    trust
}

/// The headers of a delivery of `body`, signed with `key`.
pub(crate) fn signed_with(key: &KeyPair, body: &[u8]) -> HeaderMap {
    let signature = STANDARD.encode(key.sign(body).unwrap());
    let mut headers = HeaderMap::new();
    headers.insert("authorization", HeaderValue::from_str(&format!("Signature {signature}")).unwrap());
    headers.insert("x-ms-certificate-url", HeaderValue::from_static(URL));
    headers.insert("x-ms-signature-algorithm", HeaderValue::from_static("rsa-sha256"));
    headers
}

/// The headers of a delivery of `body`, signed by the sender.
pub(crate) fn signed(body: &[u8]) -> HeaderMap {
    signed_with(&SENDER_KEY, body)
}

/// Serves what it was given, and counts.
#[derive(Default)]
pub(crate) struct Served {
    answers: Mutex<HashMap<String, Result<Bytes, FetchError>>>,
    fetches: Mutex<Vec<String>>,
}

impl Served {
    pub(crate) fn new(certificate: Vec<u8>) -> Arc<Self> {
        let served = Arc::new(Self::default());
        served.put(URL, Ok(certificate.into()));
        served
    }

    pub(crate) fn put(&self, url: &str, answer: Result<Bytes, FetchError>) {
        self.answers.lock().unwrap().insert(url.to_owned(), answer);
    }

    pub(crate) fn fetches(&self) -> usize {
        self.fetches.lock().unwrap().len()
    }
}

#[async_trait]
impl CertificateFetcher for Served {
    async fn fetch(&self, url: &Url) -> Result<Bytes, FetchError> {
        self.fetches.lock().unwrap().push(url.to_string());
        // A fetch takes a moment, in which others may come by.
        tokio::task::yield_now().await;
        self.answers.lock().unwrap().get(url.as_str()).cloned().unwrap_or(Err(FetchError::Status(404)))
    }
}
