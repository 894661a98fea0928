//! A sandbox on free ports with a client beside it, and bodies to send.

use crosswalk_sandbox::{Sandbox, SandboxConfig};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

/// A running sandbox and a client of it.
pub(crate) struct World {
    pub(crate) sandbox: Sandbox,
    pub(crate) http: reqwest::Client,
    pub(crate) url: String,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::with(SandboxConfig::on_free_ports()).await
    }

    pub(crate) async fn with(config: SandboxConfig) -> Self {
        let sandbox = Sandbox::start(config).await.unwrap();
        let url = sandbox.partner_center_url();
        Self { sandbox, http: reqwest::Client::builder().no_proxy().build().unwrap(), url }
    }

    /// A request with the token that is always accepted.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url)).bearer_auth("sandbox")
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        json_of(self.request(Method::GET, path).send().await.unwrap(), StatusCode::OK).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Response {
        self.request(Method::POST, path).json(body).send().await.unwrap()
    }

    /// Creates an own deal and returns it.
    pub(crate) async fn create(&self, body: &Value) -> Value {
        json_of(self.post(REFERRALS, body).await, StatusCode::OK).await
    }

    pub(crate) async fn patch(&self, id: &str, document: &Value) -> Response {
        let request = self.request(Method::PATCH, &format!("{REFERRALS}/{id}"));
        request.header("Prefer", "return=representation").json(document).send().await.unwrap()
    }

    /// A control call that must succeed.
    pub(crate) async fn control(&self, path: &str, body: &Value) -> Value {
        let answer = self.http.post(format!("{}/_sandbox/{path}", self.url)).json(body).send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{status} {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }
}

pub(crate) const REFERRALS: &str = "/v1.0/engagements/referrals";

/// The body of an answer that must have this status.
pub(crate) async fn json_of(answer: Response, wanted: StatusCode) -> Value {
    let status = answer.status();
    let text = answer.text().await.unwrap();
    assert_eq!(status, wanted, "{text}");
    serde_json::from_str(&text).unwrap()
}

/// A complete co-sell deal as a partner posts it.
pub(crate) fn deal(name: &str) -> Value {
    json!({
        "name": name, "type": "Shared", "qualification": "SalesQualified", "status": "New", "substatus": "Pending",
        "target": [{ "type": "SolutionProfile", "id": "SOL-34104-EBB" }],
        "customerProfile": {
            "name": "Contoso Customer Inc", "size": "10to50employees",
            "address": { "addressLine1": "One Microsoft Way", "city": "Redmond", "postalCode": "98052", "country": "US" },
            "team": [{ "firstName": "Jane", "lastName": "Roe", "phoneNumber": "1", "email": "jane@contoso.example" }],
        },
        "consent": { "consentToToShareInfoWithOthers": true, "consentToContact": true },
        "details": {
            "dealValue": 50000, "currency": "USD", "closingDateTime": "2027-11-14T00:00:00Z",
            "requirements": { "solutions": [{ "id": "SOL-34104-EBB", "type": "Name" }] },
        },
        "team": [{ "firstName": "John", "lastName": "Doe", "phoneNumber": "2", "email": "john@partner.example" }],
        "inviteContext": { "assistanceRequestCode": "GeneralOrOther" },
    })
}

/// `document` with one member changed.
pub(crate) fn with(mut document: Value, pointer: &str, value: Value) -> Value {
    *document.pointer_mut(pointer).unwrap() = value;
    document
}

/// A PATCH document of one replacement.
pub(crate) fn replace(path: &str, value: Value) -> Value {
    json!([{ "op": "replace", "path": path, "value": value }])
}

pub(crate) fn id(referral: &Value) -> &str {
    referral["id"].as_str().unwrap()
}
