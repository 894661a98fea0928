//! The body of an error answer. Microsoft's systems nest a code and a message, Salesforce lists them; callers branch on
//! the code.

use std::fmt;

use http::StatusCode;
use serde_json::Value as Json;

use crate::transport::Response;

/// What an answer says went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    /// The codes, the outermost first, in the system's own spelling. Empty ones are left out.
    pub(crate) codes: Vec<String>,
    /// The messages, joined.
    pub(crate) message: String,
    /// What the error is about, where it says so; Partner Center and Salesforce do.
    pub(crate) targets: Vec<String>,
    /// Whether the body is an error in the system's own form, and not a proxy's page.
    pub(crate) understood: bool,
}

/// How many nested errors are looked at.
const DEPTH_MAX: usize = 8;

impl ApiError {
    pub(crate) fn of(response: &Response) -> ApiError {
        ApiError::parse(response.status, &response.body)
    }

    pub(crate) fn parse(status: StatusCode, body: &[u8]) -> ApiError {
        let mut error = ApiError {
            status,
            codes: Vec::new(),
            message: String::new(),
            targets: Vec::new(),
            understood: false,
        };
        let Ok(json) = serde_json::from_slice::<Json>(body) else {
            // Perhaps a page of a proxy; its words may help, its markup does not.
            let text = String::from_utf8_lossy(body);
            if !text.trim_start().starts_with('<') {
                error.message = text.trim().chars().take(300).collect();
            }
            return error;
        };
        if let Json::Array(listed) = &json {
            // Salesforce: several errors side by side.
            listed.iter().for_each(|listed| error.take(listed));
            return error;
        }
        let mut level = json.get("error").filter(|error| error.is_object()).unwrap_or(&json);
        for _ in 0..DEPTH_MAX {
            error.take(level);
            // Partner Center writes `innerError`, Dataverse `innererror`.
            match level.get("innerError").or_else(|| level.get("innererror")) {
                Some(inner) if inner.is_object() => level = inner,
                _ => break,
            }
        }
        error
    }

    fn take(&mut self, level: &Json) {
        let text = |name: &str| match level.get(name) {
            Some(Json::String(text)) => Some(text.clone()),
            Some(Json::Number(number)) => Some(number.to_string()),
            _ => None,
        };
        // Salesforce: `errorCode` in the answer to one call, `statusCode` for a row of many.
        if let Some(code) = text("code").or_else(|| text("errorCode")).or_else(|| text("statusCode")) {
            self.understood = true;
            if !code.is_empty() {
                self.codes.push(code);
            }
        }
        self.targets.extend(text("target"));
        let fields = level.get("fields").and_then(Json::as_array).into_iter().flatten();
        self.targets.extend(fields.filter_map(Json::as_str).map(str::to_owned));
        if let Some(message) = text("message").or_else(|| text("description")) {
            self.understood = true;
            if !message.is_empty() && !self.message.contains(&message) {
                if !self.message.is_empty() {
                    self.message.push_str("; ");
                }
                self.message.push_str(&message);
            }
        }
    }

    /// Whether any level carries this code.
    pub(crate) fn is(&self, code: &str) -> bool {
        self.codes.iter().any(|own| own.eq_ignore_ascii_case(code))
    }

    /// Whether any level carries one of these codes.
    pub(crate) fn is_one_of(&self, codes: &[&str]) -> bool {
        codes.iter().any(|code| self.is(code))
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.status.as_u16())?;
        if !self.codes.is_empty() {
            write!(formatter, " {}", self.codes.join("/"))?;
        }
        if !self.message.is_empty() {
            write!(formatter, ": {}", self.message)?;
        }
        Ok(())
    }
}
