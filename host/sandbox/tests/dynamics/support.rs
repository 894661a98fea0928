//! A sandbox on a free port and a client that says what it sends.

use crosswalk_sandbox::{Sandbox, SandboxConfig};
use reqwest::{Method, RequestBuilder, StatusCode, header::HeaderMap};
use serde_json::{Value, json};

/// The table that most tests use.
pub(crate) const SET: &str = "opportunities";

/// A running sandbox and a client of its Dataverse.
pub(crate) struct World {
    pub(crate) sandbox: Sandbox,
    pub(crate) http: reqwest::Client,
    pub(crate) origin: String,
}

/// What came back.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text)
            .unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.text))
    }

    pub(crate) fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap().to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self
    }

    /// Refused with this status and code.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, code: &str) {
        assert_eq!((self.status.as_u16(), self.code().as_str()), (status, code), "{}", self.text);
    }
}

/// One request in the making.
pub(crate) struct Ask(RequestBuilder);

impl Ask {
    pub(crate) fn header(self, name: &str, value: &str) -> Self {
        Self(self.0.header(name, value))
    }

    pub(crate) fn prefer(self, value: &str) -> Self {
        self.header("prefer", value)
    }

    pub(crate) fn body(self, value: &Value) -> Self {
        Self(self.0.json(value))
    }

    pub(crate) fn text(self, content_type: &str, text: String) -> Self {
        Self(self.0.header("content-type", content_type).body(text))
    }

    pub(crate) async fn send(self) -> Reply {
        let response = self.0.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        Reply { status, headers, text: response.text().await.unwrap() }
    }
}

impl World {
    pub(crate) async fn start() -> Self {
        let sandbox = Sandbox::start(SandboxConfig::on_free_ports()).await.unwrap();
        let origin = sandbox.dynamics_url();
        Self { sandbox, http: reqwest::Client::new(), origin }
    }

    /// The absolute URL of a path below the API, or a URL as it is.
    pub(crate) fn url(&self, path: &str) -> String {
        if path.starts_with("http") {
            path.to_owned()
        } else {
            format!("{}/api/data/v9.2/{path}", self.origin)
        }
    }

    pub(crate) fn ask_as(&self, token: &str, method: Method, path: &str) -> Ask {
        Ask(self
            .http
            .request(method, self.url(path))
            .bearer_auth(token)
            .header("accept", "application/json")
            .header("odata-version", "4.0")
            .header("odata-maxversion", "4.0"))
    }

    pub(crate) fn ask(&self, method: Method, path: &str) -> Ask {
        self.ask_as("sandbox", method, path)
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.ask(Method::GET, path).send().await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Reply {
        self.ask(Method::POST, path).body(&body).send().await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Reply {
        self.ask(Method::PATCH, path).body(&body).send().await
    }

    /// Creates a row and returns its GUID.
    pub(crate) async fn create(&self, set: &str, body: Value) -> String {
        let reply = self.post(set, body).await.expect(204);
        let url = reply.header("odata-entityid").unwrap();
        url[url.find('(').unwrap() + 1..url.len() - 1].to_owned()
    }

    pub(crate) async fn opportunity(&self, name: &str) -> String {
        self.create(SET, json!({ "name": name })).await
    }

    /// Sets switches of the organisation.
    pub(crate) async fn switch(&self, switches: Value) {
        let url = format!("{}/_sandbox/dynamics/switches", self.origin);
        let reply = self.http.post(url).json(&switches).send().await.unwrap();
        assert!(reply.status().is_success(), "{}", reply.text().await.unwrap());
    }
}
