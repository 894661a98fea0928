//! Webhooks: registration, signed delivery, and everything that makes delivery unreliable.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode as AxumStatus};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crosswalk_sandbox::SandboxConfig;
use crosswalk_sandbox::partner_center::{Flaw, SUBJECT};
use reqwest::{Method, StatusCode};
use rustls_pki_types::{CertificateDer, UnixTime, pem::PemObject};
use serde_json::{Value, json};
use x509_parser::prelude::FromDer;

use crate::world::{REFERRALS, World, deal, id, json_of, replace};

const REGISTRATION: &str = "/webhooks/v1/registration";
const ALL: [&str; 5] = [
    "test-created",
    "referral-created",
    "referral-updated",
    "related-referral-created",
    "related-referral-updated",
];

/// What a receiver got.
#[derive(Clone)]
struct Received {
    headers: HeaderMap,
    body: Bytes,
}

impl Received {
    fn event(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// A receiver that answers what it is told, then 200.
#[derive(Clone, Default)]
struct Receiver {
    received: Arc<Mutex<Vec<Received>>>,
    answers: Arc<Mutex<Vec<u16>>>,
}

impl Receiver {
    async fn start(&self) -> String {
        async fn take(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> AxumStatus {
            receiver.received.lock().unwrap().push(Received { headers, body });
            let answer = receiver.answers.lock().unwrap().pop();
            AxumStatus::from_u16(answer.unwrap_or(200)).unwrap()
        }
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let router = Router::new().fallback(take).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        url
    }

    fn events(&self) -> Vec<(String, String)> {
        let member = |event: &Value, name: &str| event[name].as_str().unwrap().to_owned();
        let received = self.received.lock().unwrap();
        let events = received.iter().map(Received::event);
        events
            .map(|event| {
                let uri = member(&event, "ResourceUri");
                (member(&event, "EventName"), uri.rsplit('/').next().unwrap().to_owned())
            })
            .collect()
    }
}

/// A sandbox with short pauses between attempts, and a registered receiver.
async fn listening() -> (World, Receiver) {
    let mut config = SandboxConfig::on_free_ports();
    config.partner_center.delivery.retry_first_ms = 5;
    config.partner_center.delivery.retry_max_ms = 10;
    let world = World::with(config).await;
    let receiver = Receiver::default();
    let url = receiver.start().await;
    let answer = world.post(REGISTRATION, &json!({ "WebhookUrl": url, "WebhookEvents": ALL })).await;
    assert!(json_of(answer, StatusCode::OK).await["SubscriberId"].is_string());
    (world, receiver)
}

async fn settled(world: &World) {
    let outbound = world.sandbox.partner_center().core().outbound.clone();
    tokio::time::timeout(Duration::from_secs(20), outbound.idle()).await.unwrap();
}

/// Verifies as a receiver must: chain to the sandbox's root, subject, time, algorithm, signature over the raw body.
async fn verify(world: &World, headers: &[(String, String)], body: &[u8]) -> Result<(), String> {
    let header = |wanted: &str| {
        let found = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.map(|(_, value)| value.clone()).ok_or_else(|| format!("no {wanted}"))
    };
    if header("x-ms-signature-algorithm")? != "rsa-sha256" {
        return Err("algorithm".into());
    }
    let der = world.http.get(header("x-ms-certificate-url")?).send().await.unwrap().bytes().await.unwrap();
    let leaf = CertificateDer::from(der.to_vec());
    let roots = CertificateDer::from_pem_slice(world.sandbox.ca_pem().as_bytes()).unwrap();
    let anchors = [webpki::anchor_from_trusted_cert(&roots).unwrap()];
    let entity = webpki::EndEntityCert::try_from(&leaf).map_err(|error| error.to_string())?;
    let usage = webpki::KeyUsage::server_auth();
    entity
        .verify_for_usage(webpki::ALL_VERIFICATION_ALGS, &anchors, &[], UnixTime::now(), usage, None, None)
        .map_err(|error| format!("chain: {error:?}"))?;
    let name = rustls_pki_types::ServerName::try_from(SUBJECT).unwrap();
    entity.verify_is_valid_for_subject_name(&name).map_err(|_| "subject".to_owned())?;

    let (_, certificate) = x509_parser::certificate::X509Certificate::from_der(&leaf).unwrap();
    assert!(certificate.issuer().to_string().contains("O=Microsoft Corporation"), "{}", certificate.issuer());
    let key = certificate.public_key().subject_public_key.data.to_vec();
    let token = header("authorization").or_else(|_| header("x-ms-signature"))?;
    let signature = STANDARD.decode(token.strip_prefix("Signature ").ok_or("scheme")?).unwrap();
    assert_eq!(signature.len(), 256);
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key);
    key.verify(body, &signature).map_err(|_| "signature".to_owned())
}

fn pairs(headers: &HeaderMap) -> Vec<(String, String)> {
    headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect()
}

#[tokio::test]
async fn a_change_is_announced_in_the_documented_bytes_and_verifies() {
    let (world, receiver) = listening().await;
    let created = world.create(&deal("Announced")).await;
    settled(&world).await;

    let received = receiver.received.lock().unwrap()[0].clone();
    let text = String::from_utf8(received.body.to_vec()).unwrap();
    let stamp = created["updatedDateTime"].as_str().unwrap().replace('Z', "+00:00");
    let uri = format!("https://api.partnercenter.microsoft.com/engagements/v1/referrals/{}", id(&created));
    let documented = format!(
        "{{\"EventName\":\"referral-created\",\"ResourceUri\":\"{uri}\",\"ResourceName\":\"referral\",\
         \"AuditUri\":null,\"ResourceChangeUtcDate\":\"{stamp}\"}}"
    );
    assert_eq!(text, documented);
    verify(&world, &pairs(&received.headers), &received.body).await.unwrap();
    assert_eq!(verify(&world, &pairs(&received.headers), b"{}").await, Err("signature".to_owned()));
}

#[tokio::test]
async fn every_flaw_is_one_that_a_receiver_notices() {
    let world = World::start().await;
    let center = world.sandbox.partner_center();
    let headers = center.sign(b"body", Flaw::None);
    verify(&world, &headers, b"body").await.unwrap();
    for (flaw, wanted) in [
        (Flaw::WrongSignature, "signature"),
        (Flaw::OtherRoot, "chain"),
        (Flaw::OtherSubject, "subject"),
        (Flaw::Expired, "chain: CertExpired"),
        (Flaw::Sha1, "algorithm"),
    ] {
        let refusal = verify(&world, &center.sign(b"body", flaw), b"body").await.unwrap_err();
        assert!(refusal.starts_with(wanted), "{flaw:?}: {refusal}");
    }
    let served = world.http.get(format!("{}/_sandbox/ca.pem", world.url)).send().await.unwrap();
    assert_eq!(served.text().await.unwrap(), world.sandbox.ca_pem());
}

#[tokio::test]
async fn own_and_related_changes_have_their_own_events() {
    let (world, receiver) = listening().await;
    let inbound = world.control("partner-center/referrals", &json!({ "sample": "co-sell" })).await;
    let theirs = world.sandbox.partner_center().referrals();
    let theirs = theirs.iter().find(|referral| referral["organizationId"] == "msft").unwrap();
    settled(&world).await;
    world.control(&format!("partner-center/referrals/{}/decline", id(theirs)), &json!({})).await;
    settled(&world).await;
    let accept = json!([{ "op": "replace", "path": "/status", "value": "Active" },
                        { "op": "replace", "path": "/substatus", "value": "Accepted" }]);
    assert_eq!(world.patch(id(&inbound), &accept).await.status(), StatusCode::OK);
    settled(&world).await;

    let mut events = receiver.events();
    events[..2].sort();
    let event = |name: &str, referral: &Value| (name.to_owned(), id(referral).to_owned());
    assert_eq!(
        events,
        [
            event("referral-created", &inbound),
            event("related-referral-created", theirs),
            event("related-referral-updated", theirs),
            event("referral-updated", &inbound),
        ]
    );
}

#[tokio::test]
async fn a_receiver_that_fails_is_tried_ten_times_and_no_more() {
    let (world, receiver) = listening().await;
    *receiver.answers.lock().unwrap() = vec![500; 20];
    world.create(&deal("x")).await;
    settled(&world).await;
    assert_eq!(receiver.received.lock().unwrap().len(), 10);

    *receiver.answers.lock().unwrap() = vec![503; 2];
    world.create(&deal("y")).await;
    settled(&world).await;
    assert_eq!(receiver.received.lock().unwrap().len(), 13);
}

#[tokio::test]
async fn notifications_are_duplicated_dropped_reordered_and_falsified_on_demand() {
    let (world, receiver) = listening().await;
    let deals = [world.create(&deal("a")).await, world.create(&deal("b")).await];
    settled(&world).await;
    let count = || receiver.received.lock().unwrap().len();
    assert_eq!(count(), 2);

    world.control("notifications", &json!({ "duplicate": 1 })).await;
    world.patch(id(&deals[0]), &replace("/details/notes", json!("1"))).await;
    settled(&world).await;
    assert_eq!(count(), 4);

    world.control("notifications", &json!({ "drop": 1 })).await;
    world.patch(id(&deals[0]), &replace("/details/notes", json!("2"))).await;
    settled(&world).await;
    assert_eq!(count(), 4);

    world.control("notifications", &json!({ "reorder": 2 })).await;
    for deal in &deals {
        world.patch(id(deal), &replace("/details/notes", json!("3"))).await;
    }
    settled(&world).await;
    let order: Vec<String> = receiver.events()[4..].iter().map(|(_, id)| id.clone()).collect();
    assert_eq!(order, [id(&deals[1]), id(&deals[0])]);

    world.control("notifications", &json!({ "wrongSignature": 1 })).await;
    world.patch(id(&deals[0]), &replace("/details/notes", json!("4"))).await;
    settled(&world).await;
    let last = receiver.received.lock().unwrap().last().unwrap().clone();
    assert_eq!(verify(&world, &pairs(&last.headers), &last.body).await, Err("signature".to_owned()));
}

#[tokio::test]
async fn a_silent_edit_and_a_muted_own_write_announce_nothing() {
    let (world, receiver) = listening().await;
    let created = world.create(&deal("x")).await;
    settled(&world).await;
    let path = format!("{}/_sandbox/partner-center/referrals/{}?silent=true", world.url, id(&created));
    world.http.patch(path).json(&json!({ "name": "quiet" })).send().await.unwrap();
    world.control("partner-center/settings", &json!({ "ownWritesRaiseEvents": false })).await;
    world.patch(id(&created), &replace("/details/notes", json!("quiet"))).await;
    settled(&world).await;
    assert_eq!(receiver.events().len(), 1);
}

#[tokio::test]
async fn there_is_one_registration_which_put_replaces() {
    let (world, _) = listening().await;
    let again = json!({ "WebhookUrl": "https://other.example/hook", "WebhookEvents": ["referral-updated"] });
    assert_eq!(world.post(REGISTRATION, &again).await.status(), StatusCode::CONFLICT);
    let put = world.request(Method::PUT, REGISTRATION).json(&again).send().await.unwrap();
    assert!(put.headers().contains_key("ms-requestid") && put.headers().contains_key("x-locale"));
    json_of(put, StatusCode::OK).await;
    assert_eq!(world.get(REGISTRATION).await, again);

    world.control("partner-center/settings", &json!({ "registrationCase": "camel" })).await;
    let live = world.get(REGISTRATION).await;
    assert_eq!(live["webhookUrl"], "https://other.example/hook");
    assert!(live["lastModifiedTimestamp"].is_string());

    for wrong in [
        json!({ "WebhookUrl": "nowhere", "WebhookEvents": [] }),
        json!({ "WebhookUrl": "https://x.example", "WebhookEvents": ["no-such-event"] }),
    ] {
        let answer = world.request(Method::PUT, REGISTRATION).json(&wrong).send().await.unwrap();
        assert!(json_of(answer, StatusCode::BAD_REQUEST).await["description"].is_string());
    }
}

#[tokio::test]
async fn a_validation_event_reports_each_attempt_and_is_limited_to_two_a_minute() {
    let (world, receiver) = listening().await;
    *receiver.answers.lock().unwrap() = vec![400];
    let validations = format!("{REGISTRATION}/validationEvents");
    let started = json_of(world.post(&validations, &json!(null)).await, StatusCode::OK).await;
    settled(&world).await;
    let correlation = started["correlationId"].as_str().unwrap();
    let result = world.get(&format!("{validations}/{correlation}")).await;
    assert_eq!(result["status"], "completed");
    let codes: Vec<&str> = result["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["responseCode"].as_str().unwrap())
        .collect();
    assert_eq!(codes, ["BadRequest", "OK"]);
    assert_eq!(receiver.events()[0].0, "test-created");

    assert_eq!(world.post(&validations, &json!(null)).await.status(), StatusCode::OK);
    assert_eq!(world.post(&validations, &json!(null)).await.status(), StatusCode::TOO_MANY_REQUESTS);
    world.control("clock", &json!({ "advanceMs": 61_000 })).await;
    assert_eq!(world.post(&validations, &json!(null)).await.status(), StatusCode::OK);
    world.control("clock", &json!({ "advanceMs": 8 * 86_400_000_u64 })).await;
    let gone = world.request(Method::GET, &format!("{validations}/{correlation}")).send().await.unwrap();
    assert_eq!(gone.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_signature_moves_header_and_events_change_spelling_when_told() {
    let (world, receiver) = listening().await;
    let url = world.get(REGISTRATION).await["WebhookUrl"].clone();
    let moved = json!({ "webhookUrl": url, "webhookEvents": ALL, "signatureTokenToMsSignatureHeader": true });
    let put = world.request(Method::PUT, REGISTRATION).json(&moved).send().await.unwrap();
    assert_eq!(put.status(), StatusCode::OK);
    world.control("partner-center/settings", &json!({ "eventCase": "camel" })).await;
    world.create(&deal("x")).await;
    let foreign =
        json!({ "eventName": "subscription-updated", "resourceUri": "https://x.example/subscriptions/1" });
    world.control("partner-center/events", &foreign).await;
    settled(&world).await;

    let received = receiver.received.lock().unwrap().clone();
    let names: std::collections::BTreeSet<String> =
        received.iter().map(|one| one.event()["eventName"].as_str().unwrap().to_owned()).collect();
    assert_eq!(names.into_iter().collect::<Vec<_>>(), ["referral-created", "subscription-updated"]);
    for one in &received {
        assert!(!one.headers.contains_key("authorization"));
        verify(&world, &pairs(&one.headers), &one.body).await.unwrap();
    }
    assert_eq!(world.get(REFERRALS).await["@odata.count"], 1);
}

#[tokio::test]
async fn a_reset_gives_up_on_what_is_queued() {
    let (world, receiver) = listening().await;
    world.control("notifications", &json!({ "reorder": 5 })).await;
    world.create(&deal("held")).await;
    world.control("notifications", &json!({ "delayMs": 300 })).await;
    world.create(&deal("delayed")).await;
    assert_eq!(world.sandbox.partner_center().core().outbound.pending(), 2);
    world.control("reset", &json!({})).await;
    settled(&world).await;
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(receiver.received.lock().unwrap().len(), 0);
}
