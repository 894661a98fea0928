//! Composite requests: several calls in one, counted as one, in order, and all or none of them carried out.

use http::{Method, StatusCode};
use serde_json::{Value as Json, json};

use super::Salesforce;
use crate::{
    fault::Fault,
    session::{ApiError, Failure},
    transport::Response,
};

/// One call of a composite request.
pub(super) struct Part {
    pub(super) method: Method,
    /// Below the version, `sobjects/Opportunity/006…`; later parts may say `@{name.id}`.
    pub(super) path: String,
    /// The name by which later parts refer to the answer, and the answer to this part.
    pub(super) name: String,
    pub(super) body: Option<Json>,
    /// Besides those of all writes.
    pub(super) headers: Vec<(&'static str, String)>,
}

/// What came of one part.
pub(super) struct Answered {
    pub(super) status: StatusCode,
    pub(super) body: Json,
}

/// What came of a composite request that writes.
pub(super) enum Outcome {
    /// All parts were carried out.
    Done(Vec<Answered>),
    /// None was: this part failed. `row` counts in the list that the part wrote.
    Failed { part: String, error: ApiError },
    /// It cannot be told.
    Unclear(String),
}

/// A part that was undone, or not begun, because another one failed.
const HALTED: &[&str] = &["PROCESSING_HALTED", "ALL_OR_NONE_OPERATION_ROLLED_BACK"];

impl Part {
    pub(super) fn new(method: Method, path: String, name: &str, body: Option<Json>) -> Part {
        Part { method, path, name: name.to_owned(), body, headers: Vec::new() }
    }
}

impl Answered {
    pub(super) fn error(&self) -> ApiError {
        ApiError::parse(self.status, self.body.to_string().as_bytes())
    }

    /// The first error of a part, or of a row of it; rows fail inside an answer with a 200.
    fn failure(&self) -> Option<ApiError> {
        if !self.status.is_success() {
            return Some(self.error());
        }
        let failed = |row: &&Json| row.get("success") == Some(&Json::Bool(false));
        let errors = self.body.as_array().into_iter().flatten().filter(failed).map(|row| {
            let errors = row.get("errors").cloned().unwrap_or_default();
            ApiError::parse(StatusCode::BAD_REQUEST, errors.to_string().as_bytes())
        });
        let (halted, own): (Vec<_>, Vec<_>) = errors.partition(|error| error.is_one_of(HALTED));
        own.into_iter().chain(halted).next()
    }
}

impl Salesforce {
    /// Reads in one call; each answer is to be looked at by itself.
    pub(super) fn composite(
        &self,
        parts: &[Part],
        all_or_none: bool,
    ) -> Result<crate::transport::Request, Fault> {
        let requests: Vec<Json> = parts
            .iter()
            .map(|part| {
                let mut request = json!({
                    "method": part.method.as_str(),
                    "url": self.path(&part.path),
                    "referenceId": part.name,
                });
                if let Some(body) = &part.body {
                    request["body"] = body.clone();
                }
                let own =
                    part.headers.iter().map(|(name, value)| ((*name).to_owned(), Json::from(value.as_str())));
                let of_writes = self.shared.headers.write.iter().filter(|_| part.body.is_some());
                let of_writes = of_writes
                    .filter_map(|(name, value)| Some(((*name).to_owned(), Json::from(value.to_str().ok()?))));
                let headers: serde_json::Map<_, _> = own.chain(of_writes).collect();
                if !headers.is_empty() {
                    request["httpHeaders"] = Json::Object(headers);
                }
                request
            })
            .collect();
        // docs: collated parts may be carried out in another order.
        let body =
            json!({"allOrNone": all_or_none, "collateSubrequests": false, "compositeRequest": requests});
        self.send(Method::POST, &self.path("composite"), &body)
    }

    /// Writes in one call, all or none.
    pub(super) async fn tell_all(&self, parts: &[Part]) -> Result<Outcome, Failure> {
        let response = self.tell(self.composite(parts, true).map_err(Failure::Fault)?).await?;
        if !response.status.is_success() {
            // The request as a whole was refused.
            let error = ApiError::of(&response);
            return Ok(Outcome::Failed { part: String::new(), error });
        }
        Ok(outcome(parts, &response))
    }
}

/// The answers to all parts, in their order.
pub(super) fn answers(parts: &[Part], response: &Response) -> Option<Vec<Answered>> {
    let body: Json = serde_json::from_slice(&response.body).ok()?;
    let listed = body.get("compositeResponse")?.as_array()?;
    let answer = |part: &Part| {
        let named = |answer: &&Json| answer.get("referenceId").and_then(Json::as_str) == Some(&part.name);
        let answer = listed.iter().find(named)?;
        let status = u16::try_from(answer.get("httpStatusCode")?.as_u64()?).ok()?;
        let body = answer.get("body").cloned().unwrap_or_default();
        Some(Answered { status: StatusCode::from_u16(status).ok()?, body })
    };
    parts.iter().map(answer).collect()
}

fn outcome(parts: &[Part], response: &Response) -> Outcome {
    let Some(answers) = answers(parts, response) else {
        return Outcome::Unclear(
            "Salesforce's answer to a composite request does not say what was done".into(),
        );
    };
    let failures: Vec<_> =
        parts.iter().zip(&answers).filter_map(|(part, answer)| Some((part, answer.failure()?))).collect();
    let cause = failures.iter().find(|(_, error)| !error.is_one_of(HALTED)).or(failures.first());
    let Some((part, error)) = cause else { return Outcome::Done(answers) };
    let landed = |(part, answer): (&Part, &Answered)| {
        part.method != Method::GET && answer.status.is_success() && answer.failure().is_none()
    };
    if parts.iter().zip(&answers).any(landed) {
        // It was asked for all or none, and this is neither.
        return Outcome::Unclear(format!("Salesforce carried out a part of a write only: {error}"));
    }
    Outcome::Failed { part: part.name.clone(), error: error.clone() }
}
