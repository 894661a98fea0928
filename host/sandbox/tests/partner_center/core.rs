//! Sign-in, fault switches, trace, clock and reset.

use crosswalk_sandbox::{Sandbox, SandboxConfig};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::world::{REFERRALS, World, deal, id, json_of, replace};

const REFERRALS_AUDIENCE: &str = "https://api.partner.microsoft.com";
const WEBHOOKS_AUDIENCE: &str = "https://api.partnercenter.microsoft.com";

async fn token(world: &World, version: &str, form: &[(&str, &str)]) -> (StatusCode, Value) {
    let url = format!("{}/contoso/oauth2/{version}", world.url);
    let answer = world.http.post(url).form(form).send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

async fn refreshed(world: &World, refresh_token: &str, audience: &str) -> (StatusCode, Value) {
    let scope = format!("{audience}/.default offline_access");
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", "app"),
        ("refresh_token", refresh_token),
        ("scope", scope.as_str()),
    ];
    token(world, "v2.0/token", &form).await
}

async fn list_status(world: &World, token: &str) -> StatusCode {
    let url = format!("{}{REFERRALS}", world.url);
    world.http.get(url).bearer_auth(token).send().await.unwrap().status()
}

#[tokio::test]
async fn a_token_for_the_other_api_is_refused() {
    let world = World::start().await;
    let (_, good) = refreshed(&world, "sandbox", REFERRALS_AUDIENCE).await;
    let (_, other) = refreshed(&world, good["refresh_token"].as_str().unwrap(), WEBHOOKS_AUDIENCE).await;

    assert_eq!(list_status(&world, good["access_token"].as_str().unwrap()).await, 200);
    assert_eq!(list_status(&world, other["access_token"].as_str().unwrap()).await, 401);
    let events = format!("{}/webhooks/v1/registration/events", world.url);
    let answer =
        world.http.get(events).bearer_auth(other["access_token"].as_str().unwrap()).send().await.unwrap();
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn every_use_of_a_refresh_token_gives_a_new_one_and_strictly_ends_the_old() {
    let world = World::start().await;
    let (_, first) = refreshed(&world, "sandbox", REFERRALS_AUDIENCE).await;
    let first = first["refresh_token"].as_str().unwrap();
    world.control("tokens", &json!({ "singleUseRefreshTokens": true })).await;

    let (status, second) = refreshed(&world, first, REFERRALS_AUDIENCE).await;
    assert_eq!(status, 200);
    assert_ne!(second["refresh_token"], first);
    let (status, refusal) = refreshed(&world, first, REFERRALS_AUDIENCE).await;
    assert_eq!((status.as_u16(), &refusal["error"]), (400, &json!("invalid_grant")));
}

#[tokio::test]
async fn a_password_is_refused_with_the_words_that_ask_for_mfa() {
    let world = World::start().await;
    let form = [
        ("grant_type", "password"),
        ("client_id", "app"),
        ("username", "u"),
        ("password", "p"),
        ("resource", REFERRALS_AUDIENCE),
    ];
    let (status, refusal) = token(&world, "token", &form).await;
    assert_eq!(status, 400);
    let words = refusal["error_description"].as_str().unwrap();
    assert!(words.starts_with("AADSTS50076:") && words.contains("multi-factor authentication"), "{words}");
}

#[tokio::test]
async fn an_app_only_token_opens_webhooks_but_not_referrals() {
    let world = World::start().await;
    for (audience, path, wanted) in
        [(REFERRALS_AUDIENCE, REFERRALS, 403), (WEBHOOKS_AUDIENCE, "/webhooks/v1/registration/events", 200)]
    {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", "app"),
            ("client_secret", "s"),
            ("resource", audience),
        ];
        let (_, issued) = token(&world, "token", &form).await;
        assert_eq!(issued["expires_in"], "3599");
        let request = world.http.get(format!("{}{path}", world.url));
        let answer = request.bearer_auth(issued["access_token"].as_str().unwrap()).send().await.unwrap();
        assert_eq!(answer.status(), wanted, "{path}");
    }
}

#[tokio::test]
async fn a_token_expires_by_the_sandbox_clock_and_can_be_revoked() {
    let world = World::start().await;
    let (_, issued) = refreshed(&world, "sandbox", REFERRALS_AUDIENCE).await;
    let access = issued["access_token"].as_str().unwrap();
    assert_eq!(list_status(&world, access).await, 200);
    world.control("clock", &json!({ "advanceMs": 4_000_000 })).await;
    assert_eq!(list_status(&world, access).await, 401);

    let (_, issued) = refreshed(&world, "sandbox", REFERRALS_AUDIENCE).await;
    let access = issued["access_token"].as_str().unwrap();
    assert_eq!(list_status(&world, access).await, 200);
    world.control("faults", &json!({ "kind": "revoke-tokens" })).await;
    assert_eq!(list_status(&world, access).await, 401);
    assert_eq!(list_status(&world, "sandbox").await, 200);
}

#[tokio::test]
async fn a_commit_with_a_dropped_connection_is_written_and_not_answered() {
    let world = World::start().await;
    let fault =
        json!({ "match": { "method": "post", "path": "/referrals" }, "kind": "commit-then-drop-connection" });
    world.control("faults", &fault).await;

    let request = world.request(Method::POST, REFERRALS).json(&deal("Lost answer"));
    let error = request.send().await.unwrap_err();
    assert!(error.status().is_none() && !error.is_timeout() && !error.is_connect(), "{error:?}");

    let list = world.get(REFERRALS).await;
    assert_eq!((&list["@odata.count"], &list["value"][0]["name"]), (&json!(1), &json!("Lost answer")));
    let calls = world.sandbox.partner_center().core().trace.calls();
    assert!(calls[0].dropped && calls[0].status == 200);
    assert_eq!(calls[0].fault.as_deref(), Some("commit-then-drop-connection"));
}

#[tokio::test]
async fn a_failure_before_the_commit_writes_nothing() {
    let world = World::start().await;
    for kind in ["fail-before-commit", "drop-connection"] {
        world.control("faults", &json!({ "kind": kind, "status": 500 })).await;
    }
    let answer = world.post(REFERRALS, &deal("Never")).await;
    assert_eq!(json_of(answer, StatusCode::INTERNAL_SERVER_ERROR).await["error"]["code"], "generalException");
    assert!(world.request(Method::POST, REFERRALS).json(&deal("Never")).send().await.is_err());
    assert_eq!(world.get(REFERRALS).await["@odata.count"], 0);
}

#[tokio::test]
async fn a_burst_of_429_says_when_to_come_back_and_ends() {
    let world = World::start().await;
    world.control("faults", &json!({ "kind": "status", "retryAfterSeconds": 57, "count": 2 })).await;
    for _ in 0..2 {
        let answer = world.request(Method::GET, REFERRALS).send().await.unwrap();
        assert_eq!(answer.headers()["retry-after"], "57");
        let body = json_of(answer, StatusCode::TOO_MANY_REQUESTS).await;
        assert_eq!(
            body,
            json!({ "statusCode": 429, "message": "Rate limit is exceeded. Try again in 57 seconds." })
        );
    }
    world.get(REFERRALS).await;
    assert!(world.sandbox.partner_center().core().faults.armed().is_empty());
}

#[tokio::test]
async fn a_switch_waits_for_its_request_and_latency_adds_to_others() {
    let world = World::start().await;
    world.control("faults", &json!({ "kind": "latency", "latencyMs": 60 })).await;
    world
        .control(
            "faults",
            &json!({ "kind": "status", "status": 503, "skip": 1, "match": { "method": "GET" } }),
        )
        .await;
    let begin = std::time::Instant::now();
    world.get(REFERRALS).await;
    assert!(begin.elapsed().as_millis() >= 60);
    let answer = world.request(Method::GET, REFERRALS).send().await.unwrap();
    assert_eq!(
        json_of(answer, StatusCode::SERVICE_UNAVAILABLE).await["error"]["code"],
        "serviceNotAvailable"
    );
}

#[tokio::test]
async fn a_switch_that_cannot_fire_is_refused() {
    let world = World::start().await;
    for fault in [
        json!({ "kind": "latency" }),
        json!({ "kind": "status", "status": 200 }),
        json!({ "kind": "explode" }),
        json!({ "kind": "status", "count": 0 }),
        json!({ "kind": "status", "delay": 3 }),
    ] {
        let url = format!("{}/_sandbox/faults", world.url);
        let answer = world.http.post(url).json(&fault).send().await.unwrap();
        let body = json_of(answer, StatusCode::BAD_REQUEST).await;
        assert_eq!(body["error"]["code"], "badControlRequest", "{fault}");
    }
}

#[tokio::test]
async fn the_trace_tells_who_called_what_and_the_reset_clears_everything() {
    let world = World::start().await;
    let created = world.create(&deal("Traced")).await;
    world.patch(id(&created), &replace("/details/notes", json!("x"))).await;
    world.http.get(format!("{}{REFERRALS}?$top=1", world.url)).send().await.unwrap();

    let trace = world.get("/_sandbox/trace").await;
    assert_eq!(trace[0]["method"], "POST");
    assert_eq!(trace[0]["who"], "sandbox");
    assert!(
        trace[0]["requestBytes"].as_u64().unwrap() > 500 && trace[0]["responseBytes"].as_u64().unwrap() > 500
    );
    assert_eq!((&trace[2]["who"], &trace[2]["status"]), (&json!("anonymous"), &json!(401)));
    assert_eq!(trace[2]["query"], "$top=1");

    world.control("faults", &json!({ "kind": "status", "count": 99 })).await;
    world.control("reset", &json!({})).await;
    assert_eq!(world.get(REFERRALS).await["@odata.count"], 0);
    assert_eq!(world.get("/_sandbox/trace").await.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_not_simulated_is_named() {
    let world = World::start().await;
    for (method, path) in [
        (Method::GET, "/v1.0/engagements/registrations"),
        (Method::DELETE, "/webhooks/v1/registration"),
        (Method::PUT, "/v1.0/engagements/referrals/7a2f5c1e-4a5e-4c0e-9d0b-5f1f0a8f3c21"),
        (Method::DELETE, "/v1.0/engagements/referrals/7a2f5c1e-4a5e-4c0e-9d0b-5f1f0a8f3c21"),
    ] {
        let answer = world.request(method.clone(), path).send().await.unwrap();
        let body = json_of(answer, StatusCode::NOT_IMPLEMENTED).await;
        assert_eq!(body["error"]["target"], format!("{method} {path}"));
    }
}

#[tokio::test]
async fn stopping_lets_a_request_finish_and_frees_the_port() {
    let world = World::start().await;
    let address = world.sandbox.partner_center_address();
    world.control("faults", &json!({ "kind": "latency", "latencyMs": 200 })).await;
    let slow = tokio::spawn(world.request(Method::GET, REFERRALS).send());
    while world.sandbox.partner_center().core().faults.armed().len() == 1 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    world.sandbox.stop().await;
    assert_eq!(slow.await.unwrap().unwrap().status(), 200);
    tokio::net::TcpListener::bind(address).await.unwrap();
}

#[tokio::test]
async fn a_taken_port_is_named_and_leaves_nothing_listening() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let config = SandboxConfig {
        partner_center_address: free,
        dynamics_address: taken.local_addr().unwrap(),
        ..SandboxConfig::default()
    };
    let Err(error) = Sandbox::start(config).await else { panic!("it started on a taken port") };
    let port = taken.local_addr().unwrap().port().to_string();
    assert!(error.to_string().contains("Dynamics") && error.to_string().contains(&port), "{error}");
    tokio::net::TcpListener::bind(free).await.unwrap();
}

/// A router called without any network, on a clock that tokio moves, with ids from a seed.
mod in_process {
    use std::future::Future;
    use std::pin::Pin;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use axum::Router;
    use axum::body::{Body, Bytes, to_bytes};
    use axum::http::Request;
    use crosswalk_sandbox::core::CoreOptions;
    use crosswalk_sandbox::core::clock::Clock;
    use crosswalk_sandbox::core::faults::{Fault, FaultKind};
    use crosswalk_sandbox::core::layer::ConnectionDropped;
    use crosswalk_sandbox::core::outbound::{Answer, Reply, Transport};
    use crosswalk_sandbox::partner_center::{PartnerCenter, PartnerCenterConfig};
    use serde_json::{Value, json};
    use tower::ServiceExt;

    use crate::world::{REFERRALS, deal};

    /// Keeps what would have left.
    #[derive(Default)]
    struct Outbox(Mutex<Vec<Bytes>>);

    impl Transport for Outbox {
        fn post<'a>(
            &'a self,
            _target: &'a str,
            _headers: &'a [(String, String)],
            body: Bytes,
        ) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>> {
            self.0.lock().unwrap().push(body);
            Box::pin(async { Ok(Reply { status: 204, ..Reply::default() }) })
        }
    }

    fn simulated(seed: u64) -> (Arc<PartnerCenter>, Router, Arc<Outbox>) {
        let outbox = Arc::new(Outbox::default());
        let options = CoreOptions {
            clock: Clock::starting_at("2026-11-21T00:00:00Z".parse().unwrap()),
            seed: Some(seed),
            transport: Arc::clone(&outbox) as Arc<dyn Transport>,
        };
        let center = PartnerCenter::new(options, PartnerCenterConfig::default()).unwrap();
        let router = center.router();
        (center, router, outbox)
    }

    async fn post(router: &Router, path: &str, body: &Value) -> (bool, Value) {
        let request =
            Request::post(path).header("authorization", "Bearer sandbox").body(Body::from(body.to_string()));
        let answer = router.clone().oneshot(request.unwrap()).await.unwrap();
        let dropped = answer.extensions().get::<ConnectionDropped>().is_some();
        let body = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        (dropped, serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn the_same_seed_gives_the_same_answers_and_notifications() {
        let mut runs = Vec::new();
        for seed in [7, 7, 8] {
            let (center, router, outbox) = simulated(seed);
            let hook = json!({ "WebhookUrl": "http://hook.example/", "WebhookEvents": ["referral-created"] });
            post(&router, "/webhooks/v1/registration", &hook).await;
            let (_, created) = post(&router, REFERRALS, &deal("Seeded")).await;
            tokio::time::sleep(Duration::from_secs(5)).await;
            center.core().outbound.idle().await;
            runs.push((created, outbox.0.lock().unwrap().clone(), center.core().clock.now()));
        }
        assert_eq!(runs[0], runs[1]);
        assert_ne!(runs[0].0["id"], runs[2].0["id"]);
        assert_eq!(runs[0].2.to_string(), "2026-11-21T00:00:05Z");
    }

    #[tokio::test(start_paused = true)]
    async fn a_dropped_connection_is_marked_for_who_calls_without_a_network() {
        let (center, router, _) = simulated(1);
        let fault = Fault::new(FaultKind::CommitThenDropConnection).on("POST", "/referrals");
        center.core().faults.arm(fault).unwrap();
        assert!(post(&router, REFERRALS, &deal("x")).await.0);
        assert!(!post(&router, REFERRALS, &deal("y")).await.0);
        assert_eq!(center.referrals().len(), 2);
    }
}
