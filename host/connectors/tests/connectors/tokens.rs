//! Tokens: one request for many callers, renewal, rotation, and nothing that shows a secret.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use crosswalk_connectors::{
    Fault,
    dynamics::{Dynamics, DynamicsConfig},
    token::{
        ClientCredentials, ClientCredentialsConfig, RefreshForm, RefreshTokenConfig, RefreshTokenGrant,
        RefreshTokenStore, StaticToken, StoreError, TokenSource,
    },
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use crate::server::{Server, limits, manifest, reply, transport};

const SECRET: &str = "canary-client-secret";
const REFRESH: &str = "canary-refresh-token";

fn config(server: &Server) -> ClientCredentialsConfig {
    ClientCredentialsConfig::for_dataverse(
        server.url.join("token").unwrap(),
        &"https://contoso.crm4.dynamics.com/".parse().unwrap(),
        "app".into(),
        SECRET.into(),
    )
}

fn credentials(server: &Server) -> ClientCredentials {
    ClientCredentials::new(config(server), transport()).unwrap()
}

fn token(value: &str, expires_in: serde_json::Value) -> crate::server::Reply {
    reply(200, json!({"token_type": "Bearer", "access_token": value, "expires_in": expires_in}))
}

#[tokio::test]
async fn many_callers_that_wait_make_one_request() {
    let server = Server::answering(vec![token("t1", json!(3599))]).await;
    let source = Arc::new(credentials(&server));
    let callers: Vec<_> = (0..50)
        .map(|_| {
            let source = Arc::clone(&source);
            tokio::spawn(async move { source.token().await.unwrap().expose_secret().to_owned() })
        })
        .collect();
    for caller in callers {
        assert_eq!(caller.await.unwrap(), "t1");
    }
    let asked = server.asked();
    assert_eq!(asked.len(), 1);
    assert!(asked[0].body.contains("grant_type=client_credentials"));
    assert!(asked[0].body.contains("scope=https%3A%2F%2Fcontoso.crm4.dynamics.com%2F.default"));
}

#[tokio::test]
async fn many_callers_that_wait_share_a_failure_too() {
    let server = Server::answering(vec![reply(503, "{}").with("retry-after", 7)]).await;
    let source = Arc::new(credentials(&server));
    let ask = || {
        let source = Arc::clone(&source);
        async move { source.token().await.map(|_| ()) }
    };
    // Polled in turn: all wait before the first answer comes.
    let (a, b, c) = tokio::join!(ask(), ask(), ask());
    for answer in [a, b, c] {
        let Err(Fault::Retry { after, .. }) = answer else { panic!("not later") };
        assert_eq!(after.unwrap().as_secs(), 7);
    }
}

#[tokio::test]
async fn a_token_is_renewed_before_it_expires() {
    // With half a second to live, it is renewed after a quarter; the v1 endpoint writes seconds as text.
    let server = Server::answering(vec![token("t1", json!("1")), token("t2", json!(3599))]).await;
    let source = credentials(&server);
    assert_eq!(source.token().await.unwrap().expose_secret(), "t1");
    assert_eq!(source.token().await.unwrap().expose_secret(), "t1");
    tokio::time::sleep(std::time::Duration::from_millis(600)).await;
    assert_eq!(source.token().await.unwrap().expose_secret(), "t2");
}

#[tokio::test]
async fn a_token_that_is_refused_is_replaced_once_even_for_a_write() {
    let server = Server::answering(vec![
        token("t1", json!(3599)),
        reply(401, ""),
        token("t2", json!(3599)),
        reply(200, json!({"UserId": "u", "BusinessUnitId": "b", "OrganizationId": "o"})),
        reply(401, ""),
        token("t3", json!(3599)),
        reply(401, "").with("www-authenticate", "Bearer error=\"insufficient_claims\""),
    ])
    .await;
    let mut config = DynamicsConfig::new(server.url.clone());
    config.limits = limits();
    let tokens = Arc::new(credentials(&server));
    let client = Dynamics::new(config, transport(), tokens, Arc::new(manifest())).unwrap();
    assert_eq!(client.who_am_i().await.unwrap().user_id, "u");
    let Err(Fault::Unauthorised { reason }) = client.who_am_i().await else { panic!("not refused") };
    assert!(reason.contains("conditional access"), "{reason}");
    let sent: Vec<_> = server.asked().iter().map(|asked| asked.header("authorization").to_owned()).collect();
    assert_eq!(sent, ["", "Bearer t1", "", "Bearer t2", "Bearer t2", "", "Bearer t3"]);
}

#[tokio::test]
async fn a_refusal_says_what_the_operator_must_do_and_no_secret() {
    let echo = format!("AADSTS7000215: you sent client_secret={SECRET}");
    let server =
        Server::answering(vec![reply(401, json!({"error": "invalid_client", "error_description": echo}))])
            .await;
    let source = credentials(&server);
    let Err(fault) = source.token().await else { panic!("not refused") };
    let shown = format!("{fault} {fault:?} {source:?} {:?}", config(&server));
    assert!(!shown.contains("canary"), "{shown}");
    assert!(shown.contains("client secret is wrong or has expired"), "{shown}");
    assert!(shown.contains("AADSTS7000215"), "{shown}");
}

#[tokio::test]
async fn a_body_that_is_not_a_token_shows_nothing_of_itself() {
    let server = Server::answering(vec![reply(200, r#"{"access_token": "canary", "expires_in": "#)]).await;
    let Err(fault) = credentials(&server).token().await else { panic!("not refused") };
    assert!(!format!("{fault} {fault:?}").contains("canary"));
}

#[tokio::test]
async fn a_token_that_a_server_sends_back_does_not_show_in_the_error() {
    const TOKEN: &str = "canary-access-token-0123456789";
    let echo = json!({"error": {"code": "0x80040203", "message": format!("bad header Bearer {TOKEN}")}});
    let server = Server::answering(vec![reply(400, &echo), reply(401, &echo)]).await;
    let tokens = Arc::new(StaticToken::new(TOKEN.into()));
    let config = DynamicsConfig::new(server.url.clone());
    let client = Dynamics::new(config, transport(), tokens, Arc::new(manifest())).unwrap();
    for _ in 0..2 {
        let Err(fault) = client.who_am_i().await else { panic!("not refused") };
        assert!(!format!("{fault} {fault:?}").contains("canary"), "{fault}");
    }
}

#[derive(Default)]
struct Store {
    token: Mutex<Option<String>>,
    broken: Mutex<bool>,
    loads: Mutex<Vec<String>>,
}

#[async_trait]
impl RefreshTokenStore for Store {
    async fn load(&self) -> Result<Option<SecretString>, StoreError> {
        if let Some(next) = self.loads.lock().unwrap().pop() {
            return Ok(Some(next.into()));
        }
        Ok(self.token.lock().unwrap().clone().map(Into::into))
    }

    async fn save(&self, token: &SecretString) -> Result<(), StoreError> {
        if *self.broken.lock().unwrap() {
            return Err(StoreError("disk full".into()));
        }
        *self.token.lock().unwrap() = Some(token.expose_secret().to_owned());
        Ok(())
    }
}

fn refresh(server: &Server, form: RefreshForm, store: &Arc<Store>) -> Arc<RefreshTokenGrant> {
    let config = RefreshTokenConfig {
        token_url: server.url.join("token").unwrap(),
        client_id: "app".into(),
        client_secret: Some(SECRET.into()),
        form,
        renew_margin_ms: 1000,
    };
    assert!(!format!("{config:?}").contains("canary"));
    Arc::new(RefreshTokenGrant::new(config, transport(), Arc::clone(store) as _).unwrap())
}

fn signed_in() -> Arc<Store> {
    let store = Arc::new(Store::default());
    *store.token.lock().unwrap() = Some(REFRESH.into());
    store
}

#[tokio::test]
async fn one_refresh_token_serves_two_audiences_and_a_rotated_one_is_stored_first() {
    let rotated = json!({"access_token": "a1", "expires_in": 3599, "refresh_token": "rotated"});
    let server = Server::answering(vec![reply(200, rotated), token("b1", json!(3599))]).await;
    let store = signed_in();
    let grant = refresh(&server, RefreshForm::V2Scope, &store);
    let (first, second) = (grant.audience("https://one"), grant.audience("https://two"));
    assert_eq!(first.token().await.unwrap().expose_secret(), "a1");
    assert_eq!(store.token.lock().unwrap().as_deref(), Some("rotated"));
    assert_eq!(second.token().await.unwrap().expose_secret(), "b1");
    assert_eq!(first.token().await.unwrap().expose_secret(), "a1");
    let asked = server.asked();
    assert!(asked[0].body.contains(&format!("refresh_token={REFRESH}")));
    assert!(asked[0].body.contains("scope=https%3A%2F%2Fone%2F.default+offline_access"));
    assert!(asked[1].body.contains("refresh_token=rotated"));
    assert!(asked[1].body.contains("https%3A%2F%2Ftwo"));
}

#[tokio::test]
async fn a_rotated_refresh_token_that_cannot_be_stored_is_kept_and_no_token_is_given_out() {
    let rotated = json!({"access_token": "a1", "expires_in": 3599, "refresh_token": "rotated"});
    let server = Server::answering(vec![reply(200, rotated), token("a2", json!(3599))]).await;
    let store = signed_in();
    let source = refresh(&server, RefreshForm::V1Resource, &store).audience("https://one");
    *store.broken.lock().unwrap() = true;
    assert!(matches!(source.token().await, Err(Fault::Retry { .. })));
    assert!(matches!(source.token().await, Err(Fault::Retry { .. })));
    assert_eq!(server.asked().len(), 1, "the old refresh token must not be used again");
    *store.broken.lock().unwrap() = false;
    assert_eq!(source.token().await.unwrap().expose_secret(), "a2");
    assert_eq!(store.token.lock().unwrap().as_deref(), Some("rotated"));
    assert!(server.asked()[1].body.contains("refresh_token=rotated"));
    assert!(server.asked()[1].body.contains("resource=https%3A%2F%2Fone"));
}

#[tokio::test]
async fn a_refresh_token_that_another_host_rotated_is_loaded_again() {
    let dead = json!({"error": "invalid_grant", "error_description": "AADSTS70008"});
    let server =
        Server::answering(vec![reply(400, &dead), token("a1", json!(3599)), reply(400, &dead)]).await;
    let store = signed_in();
    store.loads.lock().unwrap().push("older".into());
    let grant = refresh(&server, RefreshForm::V2Scope, &store);
    assert_eq!(grant.audience("https://one").token().await.unwrap().expose_secret(), "a1");
    let Err(fault) = grant.audience("https://two").token().await else { panic!("not refused") };
    assert!(matches!(fault, Fault::Unauthorised { .. }));
    assert!(fault.reason().contains("sign in again"), "{fault}");
    assert!(!format!("{fault:?}{grant:?}").contains("canary"));
}

#[tokio::test]
async fn a_caller_that_gives_up_does_not_lose_a_rotated_refresh_token() {
    let rotated = json!({"access_token": "a1", "expires_in": 3599, "refresh_token": "rotated"});
    let server = Server::answering(vec![reply(200, rotated).after_ms(200)]).await;
    let store = signed_in();
    let source = refresh(&server, RefreshForm::V2Scope, &store).audience("https://one");
    let patience = std::time::Duration::from_millis(50);
    assert!(tokio::time::timeout(patience, source.token()).await.is_err());
    assert_eq!(server.asked().len(), 1, "the caller gave up while the answer was on its way");
    assert_eq!(source.token().await.unwrap().expose_secret(), "a1");
    assert_eq!(store.token.lock().unwrap().as_deref(), Some("rotated"));
}

mod salesforce {
    use aws_lc_rs::{
        encoding::AsDer,
        rsa::{KeyPair, KeySize},
        signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey},
    };
    use base64::{
        Engine as _,
        engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
    };
    use crosswalk_connectors::{
        crm::Crm,
        salesforce::{Salesforce, SalesforceConfig},
        token::{SalesforceGrant, SalesforceSignIn, SalesforceSignInConfig},
    };

    use super::*;

    fn sign_in(server: &Server, grant: SalesforceGrant) -> SalesforceSignIn {
        let token_url = server.url.join("services/oauth2/token").unwrap();
        let config = SalesforceSignInConfig::new(server.url.clone(), token_url, "app".into(), grant);
        SalesforceSignIn::new(config, transport()).unwrap()
    }

    fn secret(basic: bool) -> SalesforceGrant {
        SalesforceGrant::ClientCredentials { client_secret: SECRET.into(), basic }
    }

    /// A session as Salesforce gives it: without a lifetime.
    fn session(token: &str, instance: &str) -> crate::server::Reply {
        reply(200, json!({"access_token": token, "instance_url": instance, "token_type": "Bearer"}))
    }

    #[tokio::test]
    async fn an_app_names_itself_in_the_form_or_by_basic() {
        let org = "https://contoso.my.salesforce.com";
        let server = Server::answering(vec![session("00D!1", org), session("00D!2", org)]).await;
        let source = sign_in(&server, secret(false));
        assert_eq!(source.token().await.unwrap().expose_secret(), "00D!1");
        assert_eq!(source.instance().unwrap().as_str(), "https://contoso.my.salesforce.com/");
        sign_in(&server, secret(true)).token().await.unwrap();
        let asked = server.asked();
        assert_eq!(
            asked[0].body,
            format!("grant_type=client_credentials&client_id=app&client_secret={SECRET}")
        );
        assert_eq!(asked[1].body, "grant_type=client_credentials");
        let basic = STANDARD.encode(format!("app:{SECRET}"));
        assert_eq!(asked[1].header("authorization"), format!("Basic {basic}"));
    }

    #[tokio::test]
    async fn a_session_without_a_lifetime_is_used_until_it_is_refused_and_renewed_once() {
        let root =
            json!({"identity": "https://login.salesforce.com/id/00D5g000000OrgAEAS/0055g000000UserAAA"});
        let server = Server::answering(vec![
            reply(200, json!({"access_token": "00D!1"})),
            reply(200, root.clone()),
            reply(401, json!([{"errorCode": "INVALID_SESSION_ID", "message": "Session expired or invalid"}])),
            reply(200, json!({"access_token": "00D!2"})),
            reply(200, root.clone()),
            reply(200, root),
        ])
        .await;
        let tokens = Arc::new(sign_in(&server, secret(false)));
        let mut config = SalesforceConfig::new(server.url.clone());
        config.limits = limits();
        let client = Salesforce::new(config, transport(), tokens, Arc::new(manifest())).unwrap();
        for _ in 0..3 {
            assert_eq!(client.check().await.unwrap().user, "0055g000000UserAAA");
        }
        let sent: Vec<_> =
            server.asked().iter().map(|asked| asked.header("authorization").to_owned()).collect();
        assert_eq!(sent, ["", "Bearer 00D!1", "Bearer 00D!1", "", "Bearer 00D!2", "Bearer 00D!2"]);
    }

    #[tokio::test]
    async fn a_session_is_never_sent_to_a_host_outside_the_organisations_domain() {
        for elsewhere in [
            "https://contoso.my.salesforce.com.evil.example",
            "https://evilmy.salesforce.com",
            "http://contoso.my.salesforce.com",
            "https://user@contoso.my.salesforce.com",
            "https://contoso.my.salesforce.com:8443",
            "nonsense",
        ] {
            let server = Server::answering(vec![session("00D!1", elsewhere)]).await;
            let source = sign_in(&server, secret(false));
            assert!(matches!(source.token().await, Err(Fault::Unauthorised { .. })), "{elsewhere}");
            assert_eq!(source.instance(), None);
        }
    }

    #[tokio::test]
    async fn an_assertion_is_signed_with_the_apps_key() {
        let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let der = AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&key).unwrap();
        let pem = format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            STANDARD.encode(der.as_ref())
        );
        let refusal =
            json!({"error": "invalid_grant", "error_description": "user hasn't approved this consumer"});
        let server = Server::answering(vec![
            session("00D!1", "https://contoso.my.salesforce.com"),
            reply(400, refusal),
        ])
        .await;
        let grant = SalesforceGrant::JwtBearer {
            private_key: pem.into(),
            username: "sync@contoso.com".into(),
            audience: "https://login.salesforce.com".into(),
        };
        let source = sign_in(&server, grant);
        let token = source.token().await.unwrap();
        let asked = server.asked();
        let form: Vec<(String, String)> =
            url::form_urlencoded::parse(asked[0].body.as_bytes()).into_owned().collect();
        assert_eq!(form[0].1, "urn:ietf:params:oauth:grant-type:jwt-bearer");
        let (signed, signature) = form[1].1.rsplit_once('.').unwrap();
        let (head, claims) = signed.split_once('.').unwrap();
        let json = |part: &str| -> serde_json::Value {
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
        };
        assert_eq!(json(head)["alg"], "RS256");
        let claims = json(claims);
        assert_eq!((claims["iss"].as_str(), claims["sub"].as_str()), (Some("app"), Some("sync@contoso.com")));
        assert_eq!(claims["aud"], "https://login.salesforce.com");
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key().as_ref())
            .verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap())
            .unwrap();

        let Err(Fault::Unauthorised { reason }) = source.instead_of(&token).await else { panic!("renewed") };
        assert!(reason.starts_with("the app is not allowed for this user"), "{reason}");
        let key = SalesforceGrant::JwtBearer {
            private_key: SECRET.into(),
            username: String::new(),
            audience: String::new(),
        };
        let config = SalesforceSignInConfig::new(server.url.clone(), server.url.clone(), "app".into(), key);
        let refused = SalesforceSignIn::new(config, transport()).unwrap_err().to_string();
        assert!(refused.contains("RSA private key") && !refused.contains(SECRET), "{refused}");
    }
}
