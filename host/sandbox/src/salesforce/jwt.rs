//! Signed assertions: who signs, for whom, and whether the signature is good.

use super::{
    Salesforce,
    oauth::{self, Refused, refused},
    record_id::RecordId,
};
use crate::core::lock;
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::Value;
use x509_parser::prelude::{FromDer, X509Certificate};

/// The audiences that every organisation takes, beside its own address.
const AUDIENCES: &[&str] = &["https://login.salesforce.com", "https://test.salesforce.com"];

/// What an assertion says that was found good.
#[derive(Debug)]
pub(crate) struct Signed {
    /// The client.
    pub(crate) issuer: String,
    /// The user that it acts for.
    pub(crate) user: RecordId,
    /// The user's name.
    pub(crate) username: String,
}

/// Checks an assertion: form, audience, time, signature, user.
pub(crate) fn verified(salesforce: &Salesforce, assertion: &str, origin: &str) -> Result<Signed, Refused> {
    let invalid = refused("invalid_grant", "invalid assertion");
    let (signed, signature) = assertion.rsplit_once('.').ok_or(invalid.clone())?;
    let (head, claims) = signed.split_once('.').ok_or(invalid.clone())?;
    let (head, claims) = (part(head).ok_or(invalid.clone())?, part(claims).ok_or(invalid.clone())?);
    if head.get("alg").and_then(Value::as_str) != Some("RS256") {
        return Err(refused("invalid_grant", "algorithm type not accepted"));
    }
    let claim = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (issuer, username, audience) = (claim("iss"), claim("sub"), claim("aud"));
    if issuer.is_empty() {
        return Err(refused("invalid_client_id", "client identifier invalid"));
    }
    let audience = audience.trim_end_matches('/');
    if !AUDIENCES.contains(&audience) && audience != origin && audience != salesforce.base_url() {
        return Err(refused("invalid_grant", "audience is invalid"));
    }
    // Some clients write the time as a text.
    let expires = claims.get("exp").and_then(|exp| exp.as_i64().or_else(|| exp.as_str()?.parse().ok()));
    if expires.is_none_or(|expires| expires <= salesforce.core.clock.now().as_second()) {
        return Err(refused("invalid_grant", "assertion is expired"));
    }
    let org = lock(&salesforce.org);
    match org.switches.jwt_keys.get(&issuer) {
        Some(pem) if !is_signed_by(pem, signed, signature) => {
            return Err(refused("invalid_grant", "invalid assertion"));
        }
        None if !org.switches.accept_any_jwt => {
            return Err(refused("invalid_client_id", "client identifier invalid"));
        }
        _ => {}
    }
    let user = oauth::user_named(&org, &username)
        .ok_or(refused("invalid_grant", "user hasn't approved this consumer"))?;
    if !user.get("IsActive").is_true() {
        return Err(refused("inactive_user", "user is inactive"));
    }
    Ok(Signed { issuer, user: user.id, username })
}

fn part(text: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()?).ok()
}

/// Whether the key, given as a certificate or as a public key in PEM, made the signature.
fn is_signed_by(pem: &str, signed: &str, signature: &str) -> bool {
    let Ok(signature) = URL_SAFE_NO_PAD.decode(signature.trim_end_matches('=')) else { return false };
    let body: String = pem.lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect();
    let Ok(der) = STANDARD.decode(body) else { return false };
    let key = match X509Certificate::from_der(&der) {
        Ok((_, certificate)) => certificate.public_key().raw.to_vec(),
        Err(_) => der,
    };
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key).verify(signed.as_bytes(), &signature).is_ok()
}
