//! One change set: a PATCH at a version and all that goes with it (child rows, the closing of an opportunity), all or
//! none.

use std::fmt::Write as _;

use http::{StatusCode, header::HeaderValue};

use crate::{
    session::{ApiError, content_type},
    transport::Response,
};

/// One request of a change set.
pub(super) struct Part {
    pub(super) method: &'static str,
    /// From the host's root, `/api/data/v9.2/opportunities(…)`.
    pub(super) path: String,
    /// `If-Match` or `If-None-Match`, with its value.
    pub(super) condition: Option<(&'static str, HeaderValue)>,
    pub(super) body: Option<String>,
}

/// The body of a `$batch` with one change set, and its content type. docs: lines end in CRLF.
pub(super) fn change_set(parts: &[Part]) -> (String, String) {
    let id = uuid::Uuid::new_v4().simple().to_string();
    let mut body = format!("--batch_{id}\r\nContent-Type: multipart/mixed; boundary=changeset_{id}\r\n\r\n");
    for (index, part) in parts.iter().enumerate() {
        // Writing to a string does not fail.
        let _ = write!(
            body,
            "--changeset_{id}\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\
             Content-ID: {number}\r\n\r\n{method} {path} HTTP/1.1\r\n",
            number = index + 1,
            method = part.method,
            path = part.path,
        );
        if let Some((name, value)) = &part.condition
            && let Ok(value) = value.to_str()
        {
            let _ = write!(body, "{name}: {value}\r\n");
        }
        match &part.body {
            Some(json) => {
                let _ = write!(body, "Content-Type: application/json\r\n\r\n{json}\r\n");
            }
            None => body.push_str("\r\n"),
        }
    }
    let _ = write!(body, "--changeset_{id}--\r\n\r\n--batch_{id}--\r\n");
    (body, format!("multipart/mixed; boundary=batch_{id}"))
}

/// What came of a change set.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// All of it was written.
    Done,
    /// None of it was written, for this reason.
    Failed(ApiError),
    /// The answer does not say.
    Unclear,
}

/// Reads the answer to a change set of `parts` requests.
pub(super) fn outcome(response: &Response, parts: usize) -> Outcome {
    if !content_type(&response.headers).starts_with("multipart/") {
        return if response.status.is_success() {
            Outcome::Unclear
        } else {
            Outcome::Failed(ApiError::of(response))
        };
    }
    let answers = answers(&String::from_utf8_lossy(&response.body));
    if let Some((status, body)) = answers.iter().find(|(status, _)| !status.is_success()) {
        return Outcome::Failed(ApiError::parse(*status, body.as_bytes()));
    }
    if response.status.is_success() && answers.len() == parts {
        return Outcome::Done;
    }
    if response.status.is_success() { Outcome::Unclear } else { Outcome::Failed(ApiError::of(response)) }
}

/// The HTTP answers inside a multipart body. Boundaries are found by their dashes: no line of an answer's JSON can
/// begin with two.
fn answers(text: &str) -> Vec<(StatusCode, String)> {
    let mut answers = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(status) = line.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.split(' ').next()) else {
            continue;
        };
        let Ok(status) = status.parse::<StatusCode>() else { continue };
        let body: Vec<&str> = lines
            .by_ref()
            .take_while(|line| !line.starts_with("--"))
            .skip_while(|line| !line.is_empty())
            .collect();
        answers.push((status, body.join("\n").trim().to_owned()));
    }
    answers
}
