//! `$batch`: many requests in one, with change sets that happen completely or not at all.

use super::{
    dispatch,
    errors::{Outcome, Refusal, not_simulated, query},
    odata::prefer::Prefer,
    org::{API_PATH, Answer, Call, Org},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The most operations in one batch (docs: 1,000).
const OPERATIONS_MAX: usize = 1_000;

/// One part of a multipart body.
struct Part<'a> {
    headers: BTreeMap<String, String>,
    content: &'a str,
}

/// `POST $batch`.
pub(crate) fn run(org: &mut Org, call: &Call) -> Outcome<Answer> {
    let content_type = call.header("content-type").unwrap_or_default();
    let boundary = boundary(content_type)?;
    let text = std::str::from_utf8(&call.body).map_err(|_| query("The batch is not UTF-8."))?;
    let mut operations = 0;
    let mut answers = Vec::new();
    let mut failed = None;
    for part in parts(text, &boundary)? {
        let (rendered, status) = if is_multipart(&part) {
            change_set(org, call, &part, &mut operations)?
        } else {
            single(org, call, &part, &mut operations)?
        };
        answers.push(rendered);
        if status >= 400 && !call.prefer.continue_on_error {
            failed = Some(status);
            break;
        }
    }
    let id = org.ids.guid();
    let mut body = String::new();
    for answer in answers {
        let _ = write!(body, "--batchresponse_{id}\r\n{answer}\r\n");
    }
    let _ = write!(body, "--batchresponse_{id}--\r\n");
    let answer = Answer { status: failed.unwrap_or(200), headers: Vec::new(), body: body.into_bytes() };
    Ok(answer.with("content-type", format!("multipart/mixed; boundary=batchresponse_{id}")))
}

/// One request outside of a change set: a transaction of its own.
fn single(org: &mut Org, call: &Call, part: &Part<'_>, operations: &mut usize) -> Outcome<(String, u16)> {
    count(operations)?;
    let inner = inner_call(call, part)?;
    let answer = dispatch::answer(org, &inner);
    Ok((http_part(&answer, part.headers.get("content-id")), answer.status))
}

/// A change set: all of its requests, or the first refusal and nothing written.
fn change_set(org: &mut Org, call: &Call, part: &Part<'_>, operations: &mut usize) -> Outcome<(String, u16)> {
    let content_type = part.headers.get("content-type").map(String::as_str).unwrap_or_default();
    let boundary = boundary(content_type)?;
    let savepoint = org.store.savepoint();
    let events = org.events.len();
    let mut references = BTreeMap::new();
    let mut answers = Vec::new();
    for part in parts(part.content, &boundary)? {
        count(operations)?;
        let mut inner = inner_call(call, &part)?;
        inner.references = references.clone();
        let content_id = part.headers.get("content-id").cloned();
        match in_change_set(org, &inner) {
            Ok(answer) => {
                let url = answer.headers.iter().find(|(name, _)| *name == "odata-entityid");
                if let (Some(id), Some((_, url))) = (&content_id, url) {
                    references.insert(format!("${id}"), url.clone());
                }
                answers.push((answer, content_id));
            }
            Err(refusal) => {
                org.store.roll_back(savepoint);
                org.events.truncate(events);
                let answer = Answer::refusal(&refusal, &inner.prefer);
                return Ok((http_part(&answer, content_id.as_ref()), answer.status));
            }
        }
    }
    let id = org.ids.guid();
    let mut out = format!("Content-Type: multipart/mixed; boundary=changesetresponse_{id}\r\n\r\n");
    for (answer, content_id) in answers {
        let _ = write!(out, "--changesetresponse_{id}\r\n{}\r\n", http_part(&answer, content_id.as_ref()));
    }
    let _ = write!(out, "--changesetresponse_{id}--\r\n");
    Ok((out, 200))
}

fn in_change_set(org: &mut Org, call: &Call) -> Outcome<Answer> {
    if call.method == Method::GET {
        return Err(query("A change set must not contain GET requests."));
    }
    let first = call.path.split('/').next().unwrap_or_default();
    if first.starts_with('$') && !call.references.contains_key(first) {
        return Err(super::org::unknown_reference(first));
    }
    if first.starts_with("EntityDefinitions") {
        return Err(not_simulated("metadata operations inside of a change set"));
    }
    dispatch::route(org, call)
}

fn count(operations: &mut usize) -> Outcome<()> {
    *operations += 1;
    if *operations > OPERATIONS_MAX {
        return Err(query(format!("The batch has more than {OPERATIONS_MAX} operations.")));
    }
    Ok(())
}

/// The boundary in a content type, quoted or not.
fn boundary(content_type: &str) -> Outcome<String> {
    let is_multipart = content_type.trim_start().to_ascii_lowercase().starts_with("multipart/mixed");
    content_type
        .split(';')
        .filter_map(|part| part.trim().split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("boundary"))
        .map(|(_, value)| value.trim().trim_matches('"').to_owned())
        .filter(|boundary| is_multipart && !boundary.is_empty())
        .ok_or_else(|| {
            Refusal::new(
                400,
                "0x80060888",
                format!(
                    "The content type '{content_type}' of a batch must be multipart/mixed with a boundary."
                ),
            )
        })
}

fn is_multipart(part: &Part<'_>) -> bool {
    part.headers.get("content-type").is_some_and(|value| value.to_ascii_lowercase().starts_with("multipart/"))
}

/// The parts of a multipart body. Lines may end in CRLF or in LF.
fn parts<'a>(text: &'a str, boundary: &str) -> Outcome<Vec<Part<'a>>> {
    let delimiter = format!("--{boundary}");
    let mut starts = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let bare = line.trim_end();
        if bare == delimiter || bare.strip_suffix("--") == Some(&delimiter) {
            starts.push((at, at + line.len()));
        }
        at += line.len();
    }
    let ranges = starts.windows(2).filter_map(|pair| match pair {
        [(_, start), (end, _)] => Some(*start..*end),
        _ => None,
    });
    let parts: Vec<Part<'a>> = ranges
        .filter_map(|range| {
            let (headers, content) = headers(text.get(range)?);
            Some(Part { headers, content })
        })
        .collect();
    if parts.is_empty() {
        return Err(query(format!("No part of the batch is delimited by '--{boundary}'.")));
    }
    Ok(parts)
}

/// The header lines of a part by lower-case name, and what follows the empty line.
fn headers(text: &str) -> (BTreeMap<String, String>, &str) {
    let mut headers = BTreeMap::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        at += line.len();
        let bare = line.trim();
        if bare.is_empty() {
            break;
        }
        if let Some((name, value)) = bare.split_once(':') {
            headers.insert(name.trim().to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    (headers, text.get(at..).unwrap_or_default())
}

/// The request inside of a part.
fn inner_call(outer: &Call, part: &Part<'_>) -> Outcome<Call> {
    let content = part.content.trim_start_matches(['\r', '\n']);
    let (line, rest) = content.split_once('\n').unwrap_or((content, ""));
    let mut words = line.split_whitespace();
    let method = words.next().and_then(|word| Method::from_bytes(word.as_bytes()).ok());
    let (Some(method), Some(target)) = (method, words.next()) else {
        return Err(query(format!("'{}' is no request line.", line.trim())));
    };
    let (named, body) = headers(rest);
    let mut headers = HeaderMap::new();
    for (name, value) in named {
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(&value))
        {
            headers.insert(name, value);
        }
    }
    let relative = target.split_once(API_PATH).map_or(target, |(_, path)| path).trim_start_matches('/');
    let (path, query_text) = relative.split_once('?').unwrap_or((relative, ""));
    if path == "$batch" {
        return Err(query("A batch must not contain another batch."));
    }
    Ok(Call {
        method,
        path: path.to_owned(),
        query: query_text.to_owned(),
        prefer: Prefer::read(&headers),
        headers,
        body: bytes::Bytes::copy_from_slice(body.trim_end_matches(['\r', '\n']).as_bytes()),
        ..outer.clone()
    })
}

/// An answer as a part of the batch's answer.
fn http_part(answer: &Answer, content_id: Option<&String>) -> String {
    let mut out = String::from("Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n");
    if let Some(id) = content_id {
        let _ = write!(out, "Content-ID: {id}\r\n");
    }
    let reason = http::StatusCode::from_u16(answer.status).ok().and_then(|status| status.canonical_reason());
    let _ = write!(out, "\r\nHTTP/1.1 {} {}\r\n", answer.status, reason.unwrap_or("Unknown"));
    for (name, value) in &answer.headers {
        let _ = write!(out, "{}: {value}\r\n", documented_name(name));
    }
    let _ = write!(out, "OData-Version: 4.0\r\n\r\n{}", String::from_utf8_lossy(&answer.body));
    out
}

/// Inside of a batch header names are text, and clients may compare them with the documented capitals.
fn documented_name(name: &str) -> &str {
    match name {
        "odata-entityid" => "OData-EntityId",
        "location" => "Location",
        "etag" => "ETag",
        "content-type" => "Content-Type",
        "preference-applied" => "Preference-Applied",
        "retry-after" => "Retry-After",
        other => other,
    }
}
