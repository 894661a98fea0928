//! A sandbox on a free port and a client that says what it sends.

use crosswalk_sandbox::{Sandbox, SandboxConfig};
use reqwest::{Method, RequestBuilder, StatusCode, header::HeaderMap};
use serde_json::{Value, json};

/// The version that most tests call.
pub(crate) const API: &str = "/services/data/v60.0";

/// A running sandbox and a client of its Salesforce.
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
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text)
            .unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.text))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self
    }

    /// Refused with this status and error code.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, code: &str) -> String {
        let error = self.json()[0].clone();
        let found = (self.status.as_u16(), error["errorCode"].as_str().unwrap_or_default());
        assert_eq!(found, (status, code), "{}", self.text);
        error["message"].as_str().unwrap().to_owned()
    }
}

/// One request in the making.
pub(crate) struct Ask(RequestBuilder);

impl Ask {
    pub(crate) fn header(self, name: &str, value: &str) -> Self {
        Self(self.0.header(name, value))
    }

    pub(crate) fn body(self, value: &Value) -> Self {
        Self(self.0.json(value))
    }

    pub(crate) async fn send(self) -> Reply {
        let response = self.0.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        Reply { status, headers, text: response.text().await.unwrap() }
    }
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::over(Sandbox::start(SandboxConfig::on_free_ports()).await.unwrap())
    }

    pub(crate) fn over(sandbox: Sandbox) -> Self {
        let origin = sandbox.salesforce_url();
        Self { sandbox, http: reqwest::Client::new(), origin }
    }

    /// The absolute URL of a path below the version, or of a path from the root.
    pub(crate) fn url(&self, path: &str) -> String {
        if path.starts_with('/') {
            format!("{}{path}", self.origin)
        } else {
            format!("{}{API}/{path}", self.origin)
        }
    }

    pub(crate) fn ask_as(&self, token: &str, method: Method, path: &str) -> Ask {
        Ask(self.http.request(method, self.url(path)).bearer_auth(token))
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

    pub(crate) async fn delete(&self, path: &str) -> Reply {
        self.ask(Method::DELETE, path).send().await
    }

    /// Creates a record and returns its id.
    pub(crate) async fn create(&self, object: &str, body: Value) -> String {
        let reply = self.post(&format!("sobjects/{object}"), body).await.expect(201);
        reply.json()["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn opportunity(&self, name: &str) -> String {
        let body = json!({ "Name": name, "StageName": "Qualification", "CloseDate": "2027-01-31" });
        self.create("Opportunity", body).await
    }

    /// Asks a query.
    pub(crate) async fn soql(&self, query: &str) -> Reply {
        let encoded: String = url_encoded(query);
        self.get(&format!("query?q={encoded}")).await
    }

    /// The records that a query finds.
    pub(crate) async fn records(&self, query: &str) -> Vec<Value> {
        self.soql(query).await.expect(200).json()["records"].as_array().unwrap().clone()
    }

    /// One field of the records that a query finds.
    pub(crate) async fn column(&self, field: &str, query: &str) -> Vec<String> {
        let records = self.records(query).await;
        records.iter().map(|record| record[field].as_str().unwrap_or("-").to_owned()).collect()
    }

    /// Grants the integration user a field, through a permission set of its own.
    pub(crate) async fn grant(&self, field: &str) {
        let name = field.replace(['.', '_'], "");
        let set = self.create("PermissionSet", json!({ "Name": name, "Label": name })).await;
        let user = crosswalk_sandbox::salesforce::INTEGRATION_USER_ID;
        self.create("PermissionSetAssignment", json!({ "PermissionSetId": set, "AssigneeId": user })).await;
        let object = field.split('.').next().unwrap();
        let permissions = json!({
            "ParentId": set, "SobjectType": object, "Field": field, "PermissionsRead": true, "PermissionsEdit": true,
        });
        self.create("FieldPermissions", permissions).await;
    }

    /// Calls the SOAP API `u`, `c` or `m` in version 60.0; what is in the body, and its header if it needs one.
    pub(crate) async fn soap(&self, api: &str, inside: &str) -> (u16, String) {
        let envelope = format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><soapenv:Envelope \
             xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" \
             xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xmlns:urn=\"urn:any\"><soapenv:Header>\
             <urn:SessionHeader><urn:sessionId>sandbox</urn:sessionId></urn:SessionHeader></soapenv:Header>\
             <soapenv:Body>{inside}</soapenv:Body></soapenv:Envelope>"
        );
        let url = self.url(&format!("/services/Soap/{api}/60.0"));
        let request = self.http.post(url).header("content-type", "text/xml").header("soapaction", "\"\"");
        let reply = request.body(envelope).send().await.unwrap();
        (reply.status().as_u16(), reply.text().await.unwrap())
    }

    /// Posts to a control route.
    pub(crate) async fn control(&self, path: &str, body: Value) -> Value {
        let url = format!("{}/_sandbox/{path}", self.origin);
        let reply = self.http.post(url).json(&body).send().await.unwrap();
        let (status, text) = (reply.status(), reply.text().await.unwrap());
        assert!(status.is_success(), "{text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    /// Sets switches of the organisation.
    pub(crate) async fn switch(&self, switches: Value) {
        self.control("salesforce/switches", switches).await;
    }
}

/// A value for a query string.
pub(crate) fn url_encoded(text: &str) -> String {
    let mut url = reqwest::Url::parse("http://x/").unwrap();
    url.query_pairs_mut().append_pair("q", text);
    url.query().unwrap().trim_start_matches("q=").to_owned()
}

/// The text of the first element with this name.
pub(crate) fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, after) = xml.split_once(&format!("<{name}>"))?;
    after.split_once(&format!("</{name}>")).map(|(text, _)| text)
}
