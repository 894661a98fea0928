//! The admin API over HTTP: who gets in, and that every refusal is a complaint.

use reqwest::{Method, RequestBuilder, StatusCode};

use super::*;
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
