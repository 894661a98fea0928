//! Assertions that an application signs with its RSA key (RFC 7523, RS256).

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rustls_pki_types::{PrivateKeyDer, pem::PemObject};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value as Json, json};

use crate::fault::{ConfigError, Fault};

/// How long an assertion is good, in seconds. Salesforce takes five minutes at most, and clocks differ.
const GOOD_FOR_SECONDS: u64 = 180;

/// An application's key.
pub(super) struct SigningKey(RsaKeyPair);

impl SigningKey {
    /// From PEM, PKCS #8 or PKCS #1.
    pub(super) fn from_pem(setting: &'static str, pem: &SecretString) -> Result<SigningKey, ConfigError> {
        // What the parser says may quote the key, so it stays out.
        let invalid = || ConfigError::Invalid {
            setting,
            problem: "is not an RSA private key in PEM (`-----BEGIN PRIVATE KEY-----`), without a password"
                .to_owned(),
        };
        let key = match PrivateKeyDer::from_pem_slice(pem.expose_secret().as_bytes()) {
            Ok(PrivateKeyDer::Pkcs8(key)) => RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()),
            Ok(PrivateKeyDer::Pkcs1(key)) => RsaKeyPair::from_der(key.secret_pkcs1_der()),
            _ => return Err(invalid()),
        };
        key.map(SigningKey).map_err(|_| invalid())
    }

    /// An assertion that `issuer` acts for `subject` towards `audience`, good for a few minutes from now.
    pub(super) fn assertion(
        &self,
        issuer: &str,
        subject: &str,
        audience: &str,
    ) -> Result<SecretString, Fault> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let claims = json!({"iss": issuer, "sub": subject, "aud": audience, "exp": now.saturating_add(GOOD_FOR_SECONDS)});
        let part = |json: &Json| URL_SAFE_NO_PAD.encode(json.to_string());
        let signed = format!("{}.{}", part(&json!({"alg": "RS256", "typ": "JWT"})), part(&claims));
        let mut signature = vec![0; self.0.public_modulus_len()];
        self.0
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
            .map_err(|_| Fault::unauthorised("the private key cannot sign; set another one"))?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)).into())
    }
}
