//! Sign-in: grants, what a token stands for, and how it ends.

use crate::support::World;
use aws_lc_rs::{rand::SystemRandom, rsa::KeySize, signature};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

async fn token(world: &World, form: &[(&str, &str)]) -> (u16, Value) {
    let reply = world.http.post(world.url("/services/oauth2/token")).form(form).send().await.unwrap();
    (reply.status().as_u16(), reply.json().await.unwrap())
}

const CLIENT: [(&str, &str); 3] =
    [("grant_type", "client_credentials"), ("client_id", "app"), ("client_secret", "secret")];

#[tokio::test]
async fn client_credentials_give_a_session_of_the_integration_user() {
    let world = World::start().await;
    let (status, body) = token(&world, &CLIENT).await;
    assert_eq!(status, 200);
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["instance_url"], world.origin);
    assert_eq!(body["id"], format!("{}/id/00D5e0000000001EAA/0055e0000000001AAA", world.origin));
    assert!(body["issued_at"].as_str().unwrap().parse::<i64>().is_ok());
    assert!(body.get("expires_in").is_none() && body.get("refresh_token").is_none());
    let access = body["access_token"].as_str().unwrap();
    assert!(access.starts_with("00D5e0000000001!"), "{access}");
    world.ask_as(access, Method::GET, "limits").send().await.expect(200);

    let identity =
        world.ask_as(access, Method::GET, "/id/00D5e0000000001EAA/0055e0000000001AAA").send().await;
    assert_eq!(identity.json()["username"], "integration@sandbox.example");
    let info = world.ask_as(access, Method::GET, "/services/oauth2/userinfo").send().await.json();
    assert_eq!(info["organization_id"], "00D5e0000000001EAA");
}

#[tokio::test]
async fn the_credentials_may_come_as_basic_and_the_body_in_chunks() {
    let world = World::start().await;
    let request = format!(
        "POST /services/oauth2/token HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Basic {}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n\
         b\r\ngrant_type=\r\n12\r\nclient_credentials\r\n0\r\n\r\n",
        STANDARD.encode("app:secret")
    );
    let mut stream = tokio::net::TcpStream::connect(world.sandbox.salesforce_address()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn refusals_are_worded_as_oauth_words_them() {
    let world = World::start().await;
    let error = |answer: (u16, Value)| (answer.0, answer.1["error"].as_str().unwrap().to_owned());
    let refused = |code: &str| (400, code.to_owned());
    let no_client = token(&world, &[("grant_type", "client_credentials")]).await;
    assert_eq!(error(no_client), refused("invalid_client_id"));
    assert_eq!(error(token(&world, &[("grant_type", "password")]).await), refused("unsupported_grant_type"));
    world.control("tokens", json!({ "refusedClients": ["app"] })).await;
    assert_eq!(error(token(&world, &CLIENT).await), refused("invalid_client"));
    let stale = [("grant_type", "refresh_token"), ("client_id", "other"), ("refresh_token", "gone")];
    let answer = token(&world, &stale).await;
    assert_eq!(answer.1["error_description"], "expired access/refresh token");
    assert_eq!(error(answer), refused("invalid_grant"));
}

#[tokio::test]
async fn a_refresh_token_gives_a_session_and_a_new_refresh_token_only_if_they_rotate() {
    let world = World::start().await;
    let form = [("grant_type", "refresh_token"), ("client_id", "app"), ("refresh_token", "sandbox")];
    assert!(token(&world, &form).await.1.get("refresh_token").is_none());
    world.control("tokens", json!({ "singleUseRefreshTokens": true })).await;
    let rotated = token(&world, &form).await.1["refresh_token"].as_str().unwrap().to_owned();
    let form = [("grant_type", "refresh_token"), ("client_id", "app"), ("refresh_token", &rotated)];
    assert_eq!(token(&world, &form).await.0, 200);
    assert_eq!(token(&world, &form).await.0, 400);
}

#[tokio::test]
async fn a_session_ends_and_a_401_says_so() {
    let world = World::start().await;
    let session = token(&world, &CLIENT).await.1["access_token"].as_str().unwrap().to_owned();
    let ask = |token: String| {
        let world = &world;
        async move { world.ask_as(&token, Method::GET, "limits").send().await }
    };
    ask(session.clone()).await.expect(200);
    let revoked =
        world.http.post(world.url("/services/oauth2/revoke")).form(&[("token", &session)]).send().await;
    assert_eq!(revoked.unwrap().status(), StatusCode::OK);
    assert_eq!(ask(session).await.refused(401, "INVALID_SESSION_ID"), "Session expired or invalid");

    let session = token(&world, &CLIENT).await.1["access_token"].as_str().unwrap().to_owned();
    world.control("clock", json!({ "advanceMs": 2 * 60 * 60 * 1000 })).await;
    ask(session).await.refused(401, "INVALID_SESSION_ID");
}

#[tokio::test]
async fn introspection_knows_a_good_token_from_a_bad_one() {
    let world = World::start().await;
    let session = token(&world, &CLIENT).await.1["access_token"].as_str().unwrap().to_owned();
    for (given, active) in [(session.as_str(), true), ("made-up", false)] {
        let url = world.url("/services/oauth2/introspect");
        let answer = world.http.post(url).form(&[("token", given)]).send().await.unwrap();
        assert_eq!(answer.json::<Value>().await.unwrap()["active"], active);
    }
}

#[tokio::test]
async fn a_client_that_insists_on_https_gets_it_and_is_led_back_over_it() {
    use crosswalk_sandbox::{Sandbox, SandboxConfig};
    let sandbox =
        Sandbox::start(SandboxConfig { tls: true, ..SandboxConfig::on_free_ports() }).await.unwrap();
    let secure = sandbox.salesforce_tls_url().unwrap();
    assert!(
        reqwest::get(format!("{secure}/services/data")).await.is_err(),
        "nobody trusts the root by default"
    );

    let pem = reqwest::get(format!("{}/_sandbox/ca.pem", sandbox.salesforce_url())).await.unwrap();
    let root = reqwest::Certificate::from_pem(&pem.bytes().await.unwrap()).unwrap();
    let http = reqwest::Client::builder().tls_certs_only([root]).build().unwrap();
    let reply = http.post(format!("{secure}/services/oauth2/token")).form(&CLIENT).send().await.unwrap();
    let body: Value = reply.json().await.unwrap();
    assert_eq!(body["instance_url"], secure);
    let session = body["access_token"].as_str().unwrap();
    let limits = http.get(format!("{secure}/services/data/v60.0/limits")).bearer_auth(session).send().await;
    assert_eq!(limits.unwrap().status(), StatusCode::OK);

    let dynamics = sandbox.dynamics_tls_url().unwrap();
    let scope = format!("{dynamics}/.default");
    let form = [CLIENT[0], CLIENT[1], CLIENT[2], ("scope", scope.as_str())];
    let url = format!("{dynamics}/tenant/oauth2/v2.0/token");
    let body: Value = http.post(url).form(&form).send().await.unwrap().json().await.unwrap();
    let token = body["access_token"].as_str().unwrap();
    let who = http.get(format!("{dynamics}/api/data/v9.2/WhoAmI")).bearer_auth(token).send().await.unwrap();
    assert_eq!(who.status(), StatusCode::OK);
    let center = format!("{}/v1.0/engagements/referrals", sandbox.partner_center_tls_url().unwrap());
    let list = http.get(center).bearer_auth("sandbox").send().await.unwrap();
    assert_eq!(list.status(), StatusCode::OK);
    sandbox.stop().await;
}

/// A key pair and its public half as PEM.
fn key() -> (signature::RsaKeyPair, String) {
    use aws_lc_rs::{encoding::AsDer, signature::KeyPair};
    let pair = signature::RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let public = pair.public_key().as_der().unwrap();
    let pem = format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
        STANDARD.encode(public.as_ref())
    );
    (pair, pem)
}

fn assertion(pair: &signature::RsaKeyPair, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&json!({ "alg": "RS256" })), part(claims));
    let mut made = vec![0; pair.public_modulus_len()];
    pair.sign(&signature::RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut made).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(made))
}

#[tokio::test]
async fn a_jwt_signs_in_the_user_that_it_names_if_the_key_fits() {
    let world = World::start().await;
    let ((pair, pem), (other, _)) = (key(), key());
    world.switch(json!({ "jwtKeys": { "app": pem }, "acceptAnyJwt": false })).await;
    let expires = jiff::Timestamp::now().as_second() + 180;
    let claims = |issuer: &str, user: &str, audience: &str, expires: i64| json!({ "iss": issuer, "sub": user, "aud": audience, "exp": expires });
    let good = claims("app", "seller@sandbox.example", "https://login.salesforce.com", expires);
    let form = |assertion: String| {
        [("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer".to_owned()), ("assertion", assertion)]
    };
    let ask = |assertion: String| {
        let world = &world;
        async move {
            let form = form(assertion);
            let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
            token(world, &form).await
        }
    };
    let (status, body) = ask(assertion(&pair, &good)).await;
    assert_eq!(status, 200, "{body}");
    assert!(body["id"].as_str().unwrap().ends_with("/0055e0000000002AAA"));
    let session = body["access_token"].as_str().unwrap();
    let made = json!({ "Name": "x" });
    let reply = world.ask_as(session, Method::POST, "sobjects/Account").body(&made).send().await.expect(201);
    let id = reply.json()["id"].as_str().unwrap().to_owned();
    let owner = world.get(&format!("sobjects/Account/{id}?fields=CreatedById,OwnerId")).await.json();
    assert_eq!(owner["CreatedById"], "0055e0000000002AAA");

    let bad = [
        (assertion(&other, &good), "invalid_grant"),
        (
            assertion(&pair, &claims("app", "nobody@x", "https://login.salesforce.com", expires)),
            "invalid_grant",
        ),
        (assertion(&pair, &claims("app", "seller@sandbox.example", "https://x", expires)), "invalid_grant"),
        (
            assertion(&pair, &claims("app", "seller@sandbox.example", "https://test.salesforce.com", 5)),
            "invalid_grant",
        ),
        (
            assertion(&pair, &claims("unknown", "seller@sandbox.example", &world.origin, expires)),
            "invalid_client_id",
        ),
        (assertion(&pair, &claims("app", "former@sandbox.example", &world.origin, expires)), "inactive_user"),
    ];
    for (assertion, code) in bad {
        let (status, body) = ask(assertion).await;
        assert_eq!((status, body["error"].as_str().unwrap()), (400, code), "{body}");
    }
}

#[tokio::test]
async fn versions_are_told_to_anybody_and_retired_ones_are_gone() {
    let world = World::start().await;
    let versions = world.http.get(world.url("/services/data/")).send().await.unwrap();
    let versions: Value = versions.json().await.unwrap();
    assert_eq!(versions[0]["label"], "Summer '14");
    let v66 = versions.as_array().unwrap().iter().find(|version| version["version"] == "66.0").unwrap();
    assert_eq!(
        (v66["label"].as_str(), v66["url"].as_str()),
        (Some("Spring '26"), Some("/services/data/v66.0"))
    );
    world.get("/services/data/v30.0/limits").await.refused(410, "UNSUPPORTED_API_VERSION");
    world.get("/services/data/v99.0/limits").await.refused(404, "NOT_FOUND");
    assert!(world.get("").await.expect(200).json()["sobjects"].is_string());
}

#[tokio::test]
async fn every_answer_is_dated_by_the_clock_of_the_records() {
    let world = World::start().await;
    world.control("clock", json!({ "offsetMs": 86_400_000 })).await;
    let id = world.opportunity("Deal").await;
    let reply = world.get(&format!("sobjects/Opportunity/{id}")).await;
    let day = |name: &str| reply.header(name).unwrap().split(' ').take(4).collect::<Vec<_>>().join(" ");
    assert_eq!(day("date"), day("last-modified"));
}
