//! The admin API over HTTP: who gets in, and that every refusal is a complaint.

use reqwest::{Method, RequestBuilder, StatusCode};

use super::{types::ReleaseSummary, *};
use crate::{config::Config, serve::Host};

struct Served {
    host: Host,
    http: reqwest::Client,
    _folder: tempfile::TempDir,
}

impl Served {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let host = Host::start(Config::for_testing(folder.path())).await.unwrap();
        Served { host, http: reqwest::Client::new(), _folder: folder }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("http://{}{path}", self.host.addresses().admin))
    }

    fn authorised(&self, method: Method, path: &str) -> RequestBuilder {
        self.request(method, path).bearer_auth(self.host.admin_token().expose_secret())
    }
}

/// The status of an answer, and what it complains of.
async fn refused(request: RequestBuilder) -> (StatusCode, Complaint) {
    let answer = request.send().await.unwrap();
    (answer.status(), serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap())
}

#[tokio::test]
async fn nobody_gets_in_without_the_token() {
    let served = Served::start().await;
    let token = served.host.admin_token();
    let token = token.expose_secret();
    let wrong = ["", "Bearer", "Bearer ", "Bearer 0", "Basic YTpi", token, &format!("Bearer {token}0")];
    for shown in wrong {
        for path in ["/api/v1/tenants", "/api/v1/events", "/api/v1/tenants/contoso/plugins"] {
            let request = served.request(Method::GET, path).header(AUTHORIZATION, shown);
            let (status, complaint) = refused(request).await;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{path} with `{shown}`");
            assert!(!complaint.to_string().contains(token));
        }
    }
    let (status, _) = refused(served.request(Method::GET, "/api/v1/tenants")).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    let answer = served.authorised(Method::GET, "/api/v1/tenants").send().await.unwrap();
    assert_eq!((answer.status(), answer.text().await.unwrap().as_str()), (StatusCode::OK, "[]"));
    served.host.stop().await;
}

#[tokio::test]
async fn health_and_readiness_need_no_token() {
    let served = Served::start().await;
    for path in ["/healthz", "/readyz"] {
        let answer = served.request(Method::GET, path).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
    }
    served.host.stop().await;
}

#[tokio::test]
async fn every_refusal_is_a_complaint() {
    let served = Served::start().await;
    let unreadable = [
        served.authorised(Method::GET, "/api/v1/events?limit=many"),
        served.authorised(Method::GET, "/api/v1/events?tennant=contoso"),
        served.authorised(Method::GET, "/api/v1/events?state=odd"),
        served.authorised(Method::PUT, "/api/v1/tenants/contoso").body("{"),
        served.authorised(Method::PUT, "/api/v1/tenants/contoso").json(&json!({ "name": 7 })),
    ];
    for request in unreadable {
        let (status, complaint) = refused(request).await;
        assert_eq!(
            (status, complaint.fault),
            (StatusCode::UNPROCESSABLE_ENTITY, Fault::Refused),
            "{complaint}"
        );
    }
    for path in ["/api/v1/nothing", "/nothing", "/api/v1/events/odd", "/api/v1/tenants/contoso"] {
        let (status, complaint) = refused(served.authorised(Method::GET, path)).await;
        assert_eq!(
            (status, complaint.fault),
            (StatusCode::NOT_FOUND, Fault::NotFound),
            "{path}: {complaint}"
        );
    }
    served.host.stop().await;
}

/// A rehearsal whose systems are nowhere: nothing is asked of them to apply it.
fn document(settings: serde_json::Value) -> serde_json::Value {
    let (nowhere, secret) = ("http://127.0.0.1:9/", json!({ "sandbox": "sandbox-sandbox-sandbox" }));
    json!({
        "name": "contoso",
        "sandbox": true,
        "partner_center": {
            "api_base": nowhere, "webhook_base": nowhere, "token_url": nowhere, "client_id": "crosswalk",
            "refresh_token": secret,
        },
        "dynamics": {
            "org_url": nowhere, "token_url": nowhere, "client_id": "crosswalk", "client_secret": secret,
            "webhook_key": secret,
        },
        "settings": settings,
    })
}

#[tokio::test]
async fn settings_that_are_applied_again_reach_the_plugin_and_wrong_ones_change_nothing() {
    let served = Served::start().await;
    let put = |settings| served.authorised(Method::PUT, "/api/v1/tenants/contoso").json(&document(settings));
    let generation = async |request: RequestBuilder| {
        let summary: serde_json::Value = request.send().await.unwrap().json().await.unwrap();
        summary["generation"].as_i64().unwrap_or_else(|| panic!("{summary}"))
    };
    let wrong = || put(json!({ "display_check_marc": true }));

    let (status, complaint) = refused(wrong()).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(complaint.code.is_some() && complaint.to_string().contains("display_check_marc"), "{complaint}");
    let (status, _) = refused(served.authorised(Method::GET, "/api/v1/tenants/contoso")).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "a tenant whose plugin was refused was stored");

    assert_eq!(generation(put(json!({}))).await, 1);
    assert_eq!(generation(put(json!({}))).await, 1, "the same document again is no new release");
    assert_eq!(generation(put(json!({ "display_check_mark": false }))).await, 2);
    assert_eq!(refused(wrong()).await.0, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(generation(served.authorised(Method::GET, "/api/v1/tenants/contoso")).await, 2);
    let releases = served.authorised(Method::GET, "/api/v1/tenants/contoso/plugins").send().await.unwrap();
    let releases: Vec<ReleaseSummary> = releases.json().await.unwrap();
    assert_eq!(releases.iter().map(|release| release.current).collect::<Vec<_>>(), [true, false]);
    served.host.stop().await;
}
