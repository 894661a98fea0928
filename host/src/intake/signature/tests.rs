//! The documented webhook is accepted, and refused for each reason by itself.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderValue, StatusCode};
use rcgen::{ExtendedKeyUsagePurpose, KeyPair, PKCS_RSA_SHA384, SigningKey as _};

use super::*;
use crate::intake::{
    FetchError,
    testing::{
        Leaf, SAMPLE, SUBJECT, Served, URL, at, issuing, now, root, signed, signed_with, stranger_key, trust,
    },
};

async fn verified(
    trust: TrustConfig,
    certificate: Vec<u8>,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<(), Refused> {
    Verifier::new(trust, Served::new(certificate)).verify(headers, body, now()).await
}

/// A delivery of the sample with a certificate that may be out of order.
async fn with_leaf(leaf: Leaf) -> Refused {
    let headers = signed_with(leaf.key, SAMPLE.as_bytes());
    verified(trust(), leaf.der(), &headers, SAMPLE.as_bytes()).await.unwrap_err()
}

/// A delivery of the sample with one header replaced, or removed.
async fn with_header(name: &'static str, value: Option<&str>) -> Refused {
    let mut headers = signed(SAMPLE.as_bytes());
    headers.remove(name);
    if let Some(value) = value {
        headers.insert(name, HeaderValue::from_str(value).unwrap());
    }
    verified(trust(), Leaf::default().der(), &headers, SAMPLE.as_bytes()).await.unwrap_err()
}

#[tokio::test]
async fn the_documented_sample_is_195_bytes_and_accepted() {
    assert_eq!(SAMPLE.len(), 195);
    let headers = signed(SAMPLE.as_bytes());
    verified(trust(), Leaf::default().der(), &headers, SAMPLE.as_bytes()).await.unwrap();
}

#[tokio::test]
async fn a_signature_in_its_own_header_is_accepted_beside_another_authorization() {
    let mut headers = signed(SAMPLE.as_bytes());
    let signature = headers.insert("authorization", HeaderValue::from_static("Bearer gateway")).unwrap();
    headers.insert("x-ms-signature", signature);
    verified(trust(), Leaf::default().der(), &headers, SAMPLE.as_bytes()).await.unwrap();
}

#[tokio::test]
async fn a_pem_certificate_followed_by_its_issuer_is_accepted() {
    let leaf = Leaf { issued_below_root: true, ..Leaf::default() };
    let chain = leaf.certificate().pem() + &issuing().pem();
    verified(trust(), chain.into_bytes(), &signed(SAMPLE.as_bytes()), SAMPLE.as_bytes()).await.unwrap();
}

#[tokio::test]
async fn a_der_certificate_followed_by_its_issuer_is_accepted() {
    let leaf = Leaf { issued_below_root: true, ..Leaf::default() };
    let chain = [leaf.der(), issuing().der().to_vec()].concat();
    verified(trust(), chain, &signed(SAMPLE.as_bytes()), SAMPLE.as_bytes()).await.unwrap();
}

#[tokio::test]
async fn a_lone_certificate_is_accepted_if_its_issuer_is_configured_between() {
    let leaf = Leaf { issued_below_root: true, ..Leaf::default() };
    let mut trust = trust();
    trust.intermediates.push(issuing().der().clone());
    verified(trust, leaf.der(), &signed(SAMPLE.as_bytes()), SAMPLE.as_bytes()).await.unwrap();
}

#[tokio::test]
async fn a_lone_certificate_without_its_issuer_is_refused() {
    let refused = with_leaf(Leaf { issued_below_root: true, ..Leaf::default() }).await;
    assert!(matches!(refused, Refused::Chain { .. }), "{refused:?}");
}

#[tokio::test]
async fn a_signature_over_sha384_is_accepted() {
    let pkcs8 = Leaf::default().key.serialize_der();
    let key = KeyPair::from_pkcs8_der_and_sign_algo(&pkcs8.as_slice().into(), &PKCS_RSA_SHA384).unwrap();
    let mut headers = signed_with(&key, SAMPLE.as_bytes());
    headers.insert("x-ms-signature-algorithm", HeaderValue::from_static("RSA-SHA384"));
    verified(trust(), Leaf::default().der(), &headers, SAMPLE.as_bytes()).await.unwrap();
}

#[tokio::test]
async fn a_certificate_without_any_extended_usage_is_accepted() {
    let leaf = Leaf { purpose: None, ..Leaf::default() };
    verified(trust(), leaf.der(), &signed(SAMPLE.as_bytes()), SAMPLE.as_bytes()).await.unwrap();
}

#[tokio::test]
async fn one_changed_byte_of_the_body_is_refused() {
    for position in 0..SAMPLE.len() {
        let mut body = SAMPLE.as_bytes().to_vec();
        body[position] ^= 1;
        // One verifier each time: within a minute, the certificate is not fetched again for a bad signature.
        let refused = verified(trust(), Leaf::default().der(), &signed(SAMPLE.as_bytes()), &body).await;
        assert_eq!(refused, Err(Refused::SignatureMismatch), "byte {position}");
    }
}

#[tokio::test]
async fn a_body_with_only_other_white_space_is_refused() {
    let body = SAMPLE.replace(',', ", ");
    let refused = verified(trust(), Leaf::default().der(), &signed(SAMPLE.as_bytes()), body.as_bytes())
        .await
        .unwrap_err();
    assert_eq!(refused, Refused::SignatureMismatch);
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn one_changed_byte_of_the_signature_is_refused() {
    let mut signature = Leaf::default().key.sign(SAMPLE.as_bytes()).unwrap();
    signature[100] ^= 1;
    let changed = format!("Signature {}", STANDARD.encode(signature));
    assert_eq!(with_header("authorization", Some(&changed)).await, Refused::SignatureMismatch);
}

#[tokio::test]
async fn a_signature_of_another_key_is_refused() {
    let headers = signed_with(stranger_key(), SAMPLE.as_bytes());
    let refused = verified(trust(), Leaf::default().der(), &headers, SAMPLE.as_bytes()).await;
    assert_eq!(refused, Err(Refused::SignatureMismatch));
}

#[tokio::test]
async fn a_missing_signature_is_refused_as_unauthenticated() {
    let refused = with_header("authorization", None).await;
    assert_eq!(refused, Refused::MissingSignature);
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn another_authorization_scheme_is_no_signature() {
    assert_eq!(with_header("authorization", Some("Bearer abc")).await, Refused::MissingSignature);
}

#[tokio::test]
async fn a_signature_that_is_not_base64_is_malformed() {
    let refused = with_header("authorization", Some("Signature ä?")).await;
    assert!(matches!(refused, Refused::MalformedHeader { name: "authorization", .. }), "{refused:?}");
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_signature_of_an_impossible_length_is_malformed() {
    let refused = with_header("authorization", Some("Signature AAAA")).await;
    assert!(matches!(refused, Refused::MalformedHeader { name: "authorization", .. }), "{refused:?}");
}

#[tokio::test]
async fn a_header_that_is_there_twice_is_malformed() {
    let mut headers = signed(SAMPLE.as_bytes());
    headers.append("x-ms-certificate-url", HeaderValue::from_static(URL));
    let refused = verified(trust(), Leaf::default().der(), &headers, SAMPLE.as_bytes()).await.unwrap_err();
    assert!(matches!(refused, Refused::MalformedHeader { name: "x-ms-certificate-url", .. }), "{refused:?}");
}

#[tokio::test]
async fn a_missing_certificate_address_is_malformed() {
    let refused = with_header("x-ms-certificate-url", None).await;
    assert_eq!(refused, Refused::MissingHeader { name: "x-ms-certificate-url" });
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_missing_algorithm_is_malformed() {
    let refused = with_header("x-ms-signature-algorithm", None).await;
    assert_eq!(refused, Refused::MissingHeader { name: "x-ms-signature-algorithm" });
}

#[tokio::test]
async fn sha1_and_unknown_algorithms_are_refused() {
    for given in ["rsa-sha1", "rsa-md5", "rsa-none", "ecdsa-sha256", "sha256", ""] {
        let refused = with_header("x-ms-signature-algorithm", Some(given)).await;
        assert_eq!(refused, Refused::Algorithm { given: given.to_owned() });
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn the_wrong_algorithm_of_the_accepted_ones_is_a_mismatch() {
    assert_eq!(with_header("x-ms-signature-algorithm", Some("rsa-sha512")).await, Refused::SignatureMismatch);
}

#[tokio::test]
async fn a_certificate_on_another_host_is_refused_and_never_fetched() {
    let mut headers = signed(SAMPLE.as_bytes());
    headers.insert("x-ms-certificate-url", HeaderValue::from_static("https://evil.example/dispatch.cer"));
    let served = Served::new(Leaf::default().der());
    let refused = Verifier::new(trust(), served.clone()).verify(&headers, SAMPLE.as_bytes(), now()).await;
    let refused = refused.unwrap_err();
    assert!(matches!(refused, Refused::CertificateAddress { .. }), "{refused:?}");
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(served.fetches(), 0);
}

#[tokio::test]
async fn a_certificate_for_somebody_else_is_refused_though_its_chain_is_in_order() {
    let refused = with_leaf(Leaf { subject: "other.example.com", ..Leaf::default() }).await;
    assert_eq!(refused, Refused::Subject { names: "`other.example.com`".into() });
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_wildcard_certificate_stands_for_itself_only() {
    let refused = with_leaf(Leaf { subject: "*.example.com", ..Leaf::default() }).await;
    assert!(matches!(refused, Refused::Subject { .. }), "{refused:?}");
}

#[tokio::test]
async fn a_certificate_of_another_organisations_authority_is_refused() {
    let mut trust = trust();
    trust.issuer_organizations = vec!["Microsoft Corporation".into()];
    let refused = verified(trust, Leaf::default().der(), &signed(SAMPLE.as_bytes()), SAMPLE.as_bytes())
        .await
        .unwrap_err();
    assert_eq!(refused, Refused::Issuer { organizations: "`Sandbox Corporation`".into() });
}

#[tokio::test]
async fn a_certificate_of_an_authority_that_only_bears_the_name_is_refused() {
    let refused = with_leaf(Leaf { forged: true, ..Leaf::default() }).await;
    assert!(matches!(refused, Refused::Chain { .. }), "{refused:?}");
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_root_itself_cannot_sign_webhooks() {
    let refused = verified(trust(), root().der().to_vec(), &signed(SAMPLE.as_bytes()), SAMPLE.as_bytes())
        .await
        .unwrap_err();
    assert!(matches!(refused, Refused::Chain { .. }), "{refused:?}");
}

#[tokio::test]
async fn a_certificate_made_for_something_else_is_refused_unless_configured() {
    let leaf = || Leaf { purpose: Some(ExtendedKeyUsagePurpose::CodeSigning), ..Leaf::default() };
    let refused = with_leaf(leaf()).await;
    assert!(matches!(refused, Refused::Chain { .. }), "{refused:?}");
    let trust = TrustConfig { purpose: crate::intake::Purpose::CodeSigning, ..trust() };
    verified(trust, leaf().der(), &signed(SAMPLE.as_bytes()), SAMPLE.as_bytes()).await.unwrap();
}

#[tokio::test]
async fn an_expired_certificate_is_refused() {
    let refused = with_leaf(Leaf { years: (2024, 2025), ..Leaf::default() }).await;
    assert!(matches!(refused, Refused::Expired { .. }), "{refused:?}");
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_certificate_that_is_not_valid_yet_is_refused() {
    let refused = with_leaf(Leaf { years: (2027, 2028), ..Leaf::default() }).await;
    assert!(matches!(refused, Refused::Expired { .. }), "{refused:?}");
}

#[tokio::test]
async fn a_cached_certificate_is_refused_once_it_has_expired() {
    let verifier = Verifier::new(trust(), Served::new(Leaf::default().der()));
    let headers = signed(SAMPLE.as_bytes());
    verifier.verify(&headers, SAMPLE.as_bytes(), at("2026-12-31T23:59:50Z")).await.unwrap();
    let refused = verifier.verify(&headers, SAMPLE.as_bytes(), at("2027-01-01T00:00:05Z")).await.unwrap_err();
    assert!(matches!(refused, Refused::Expired { .. }), "{refused:?}");
}

#[tokio::test]
async fn what_is_not_a_certificate_is_refused() {
    for junk in
        [&b""[..], b"<html>not found</html>", b"-----BEGIN CERTIFICATE-----\nAAAA\n", &[0x30, 0x82, 1, 0]]
    {
        let refused = verified(trust(), junk.to_vec(), &signed(SAMPLE.as_bytes()), SAMPLE.as_bytes())
            .await
            .unwrap_err();
        assert!(matches!(refused, Refused::CertificateMalformed { .. }), "{refused:?}");
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn a_certificate_cut_short_is_refused() {
    let mut der = Leaf::default().der();
    der.pop();
    let refused = verified(trust(), der, &signed(SAMPLE.as_bytes()), SAMPLE.as_bytes()).await.unwrap_err();
    assert!(matches!(refused, Refused::CertificateMalformed { .. }), "{refused:?}");
}

#[tokio::test]
async fn one_changed_byte_of_the_certificate_is_refused() {
    let der = Leaf::default().der();
    let headers = signed(SAMPLE.as_bytes());
    for position in 0..der.len() {
        let mut changed = der.clone();
        changed[position] ^= 1;
        let refused = verified(trust(), changed, &headers, SAMPLE.as_bytes()).await;
        let refused = refused.expect_err(&format!("byte {position} was changed"));
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED, "byte {position}: {refused:?}");
    }
}

#[tokio::test]
async fn an_endless_chain_is_refused() {
    let many = Leaf::default().der().repeat(12);
    let refused = verified(trust(), many, &signed(SAMPLE.as_bytes()), SAMPLE.as_bytes()).await.unwrap_err();
    assert!(matches!(refused, Refused::CertificateMalformed { .. }), "{refused:?}");
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_before_anything_is_fetched() {
    let body = vec![b'x'; 65_537];
    let served = Served::new(Leaf::default().der());
    let refused = Verifier::new(trust(), served.clone()).verify(&signed(&body), &body, now()).await;
    assert_eq!(refused, Err(Refused::BodyTooLarge { max_bytes: 65_536 }));
    assert_eq!(refused.unwrap_err().status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(served.fetches(), 0);
}

#[tokio::test]
async fn a_host_without_roots_refuses_for_now() {
    let mut trust = trust();
    trust.roots.clear();
    let refused = verified(trust, Leaf::default().der(), &signed(SAMPLE.as_bytes()), SAMPLE.as_bytes()).await;
    assert_eq!(refused, Err(Refused::NoRoots));
    assert_eq!(refused.unwrap_err().status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn a_certificate_that_cannot_be_fetched_now_lets_the_sender_try_again() {
    let served = Arc::new(Served::default());
    for error in [FetchError::Status(500), FetchError::TimedOut { max_ms: 5 }] {
        served.put(URL, Err(error.clone()));
        let refused =
            Verifier::new(trust(), served.clone()).verify(&signed(b"x"), b"x", now()).await.unwrap_err();
        assert_eq!(refused, Refused::Fetch { url: URL.into(), error });
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    }
}

#[tokio::test]
async fn a_certificate_behind_a_redirect_is_refused_for_good() {
    let served = Arc::new(Served::default());
    served.put(URL, Err(FetchError::Redirect(302)));
    let refused = Verifier::new(trust(), served).verify(&signed(b"x"), b"x", now()).await.unwrap_err();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_rotated_certificate_is_fetched_again_and_accepted() {
    let old = Leaf { key: stranger_key(), ..Leaf::default() };
    let served = Served::new(old.der());
    let verifier = Verifier::new(trust(), served.clone());
    let old_headers = signed_with(stranger_key(), SAMPLE.as_bytes());
    verifier.verify(&old_headers, SAMPLE.as_bytes(), at("2026-06-01T12:00:00Z")).await.unwrap();

    served.put(URL, Ok(Leaf::default().der().into()));
    let new_headers = signed(SAMPLE.as_bytes());
    verifier.verify(&new_headers, SAMPLE.as_bytes(), at("2026-06-01T12:01:00Z")).await.unwrap();
    assert_eq!(served.fetches(), 2);
}

#[tokio::test]
async fn forged_signatures_cause_at_most_one_fetch_a_minute() {
    let served = Served::new(Leaf::default().der());
    let verifier = Verifier::new(trust(), served.clone());
    let forged = signed_with(stranger_key(), SAMPLE.as_bytes());
    for second in 0..180 {
        let now = now() + jiff::SignedDuration::from_secs(second);
        let refused = verifier.verify(&forged, SAMPLE.as_bytes(), now).await;
        assert_eq!(refused, Err(Refused::SignatureMismatch));
    }
    assert_eq!(served.fetches(), 3);
}

/// A configuration of the sandbox, whose certificate is served at the address that is returned.
async fn sandbox(dir: &std::path::Path) -> (PartnerCenterWebhooks, String) {
    let leaf = Leaf::default().der();
    let router = axum::Router::new().route("/cert", axum::routing::get(move || async move { leaf }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/cert", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    std::fs::write(dir.join("root.pem"), root().pem()).unwrap();
    let mut config = crate::config::Config::for_testing(dir).webhooks.partner_center;
    config.certificate_subjects = vec![SUBJECT.to_owned()];
    config.root_files = vec![dir.join("root.pem")];
    (config, url)
}

#[tokio::test]
async fn a_configured_verifier_fetches_from_this_machine_only_if_that_is_allowed() {
    let dir = tempfile::tempdir().unwrap();
    let (mut config, url) = sandbox(dir.path()).await;
    let mut headers = signed(SAMPLE.as_bytes());
    headers.insert("x-ms-certificate-url", HeaderValue::from_str(&url).unwrap());
    let verifier = Verifier::from_config(&config).unwrap();
    verifier.verify(&headers, SAMPLE.as_bytes(), now()).await.unwrap();

    config.allow_http_loopback = false;
    let refused = Verifier::from_config(&config).unwrap().verify(&headers, SAMPLE.as_bytes(), now()).await;
    assert!(
        matches!(refused, Err(Refused::CertificateAddress { problem: "is not https", .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_root_file_that_cannot_be_used_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let (mut config, _) = sandbox(dir.path()).await;
    std::fs::write(dir.path().join("root.pem"), "nothing").unwrap();
    let unusable = Verifier::from_config(&config).err().unwrap().to_string();
    assert!(unusable.contains("root.pem`, named in `webhooks.partner_center.root_files`"), "{unusable}");
    config.root_files.clear();
    config.intermediate_files = vec![dir.path().join("missing.pem")];
    let unreadable = Verifier::from_config(&config).err().unwrap().to_string();
    assert!(
        unreadable.contains("missing.pem`, named in `webhooks.partner_center.intermediate_files`"),
        "{unreadable}"
    );
}
