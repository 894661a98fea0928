//! How the people of the story reach the systems: plain HTTP, a bearer token that says who it is, JSON both ways.

use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use serde_json::Value;

use crate::error::{Complaint, Fault};

/// One system, as somebody sees it.
#[derive(Clone)]
pub(crate) struct Http {
    client: reqwest::Client,
    /// Its address, without a slash at the end.
    pub(crate) base: String,
}

impl Http {
    pub(crate) fn new(base: String) -> Self {
        Self { client: reqwest::Client::new(), base }
    }

    /// Asks, or tells if there is a body; the answer's body, null where there is none.
    pub(crate) async fn call(
        &self,
        who: &str,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Value, Complaint> {
        let request = self.request(who, method, path);
        send(match body {
            Some(body) => request.json(&body),
            None => request,
        })
        .await
    }

    /// A request of somebody, to be sent with [`send`].
    pub(crate) fn request(&self, who: &str, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.base));
        request.bearer_auth(who).timeout(Duration::from_secs(10))
    }

    /// As [`Http::call`], of the sandbox's own control routes.
    pub(crate) async fn control(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Value, Complaint> {
        self.call("sandbox", method, &format!("/_sandbox{path}"), body).await
    }
}

/// Sends, and reads the answer.
pub(crate) async fn send(request: RequestBuilder) -> Result<Value, Complaint> {
    let body = send_text(request).await?;
    Ok(serde_json::from_str(&body).unwrap_or(Value::Null))
}

/// Sends, and gives the answer as it is.
pub(crate) async fn send_text(request: RequestBuilder) -> Result<String, Complaint> {
    let unreachable = |error: reqwest::Error| {
        Complaint::new(
            Fault::Unreachable,
            "the sandbox did not answer the people of the story",
            "the story stops here",
            "this is a defect, or a machine that is very slow",
        )
        .because(&error)
    };
    let response = request.send().await.map_err(unreachable)?;
    let (url, status) = (response.url().clone(), response.status());
    let body = response.text().await.map_err(unreachable)?;
    if status.is_success() {
        return Ok(body);
    }
    Err(Complaint::new(
        Fault::Failed,
        format!("the sandbox answered `{}` with {status}", url.path()),
        format!("the story stops here; the answer: {body}"),
        "this is a defect of the sandbox or of the story",
    ))
}
