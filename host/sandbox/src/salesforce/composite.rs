//! Several requests in one: `/composite` with references between them, and `/composite/batch`. One API call in all.

use super::{
    api, dispatch,
    errors::{Outcome, Refusal, unreadable},
    org::{API_PATH, Answer, Call, Org},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// Requests in one.
const REQUESTS_MAX: usize = 25;
/// Of these, queries and collections.
const HEAVY_MAX: usize = 5;
/// Headers that a request in another one may not bring.
const FORBIDDEN_HEADERS: &[&str] = &["accept", "authorization", "content-type"];

/// One request in another one.
struct Sub {
    method: Method,
    url: String,
    reference: String,
    body: Option<Value>,
    headers: HeaderMap,
}

/// `POST /composite`
pub(crate) fn run(org: &mut Org, call: &Call) -> Outcome<Answer> {
    let body = call.json_object()?;
    let all_or_none = body.get("allOrNone").and_then(Value::as_bool).unwrap_or(false);
    let subs = read(&body)?;
    let (start, changes) = (org.store.savepoint(), org.changes.pending());
    let mut answered: HashMap<String, Value> = HashMap::new();
    let mut responses = Vec::new();
    let mut failed = false;
    for sub in &subs {
        let answer = if all_or_none && failed { halted() } else { answer(org, call, sub, &answered) };
        failed |= !answer.succeeded();
        if answer.succeeded() {
            answered.insert(sub.reference.clone(), answer.body.clone().unwrap_or(Value::Null));
        }
        responses.push((sub.reference.clone(), answer));
    }
    if all_or_none && failed {
        org.store.roll_back(start);
        org.changes.roll_back(changes);
        for (_, answer) in responses.iter_mut().filter(|(_, answer)| answer.succeeded()) {
            *answer = halted();
        }
    }
    let responses: Vec<Value> =
        responses.into_iter().map(|(reference, answer)| shown(&reference, answer)).collect();
    Ok(Answer::json(200, json!({ "compositeResponse": responses })))
}

fn shown(reference: &str, answer: Answer) -> Value {
    let headers: Map<String, Value> =
        answer.headers.into_iter().map(|(name, value)| (name.to_owned(), Value::String(value))).collect();
    json!({
        "body": answer.body, "httpHeaders": headers, "httpStatusCode": answer.status, "referenceId": reference,
    })
}

fn halted() -> Answer {
    Answer::refusal(&Refusal::new(
        400,
        "PROCESSING_HALTED",
        "The transaction was rolled back since another operation in the same transaction failed.",
    ))
}

fn read(body: &Map<String, Value>) -> Outcome<Vec<Sub>> {
    let list = body.get("compositeRequest").and_then(Value::as_array);
    let list = list.ok_or_else(|| unreadable("compositeRequest is missing"))?;
    let subs: Vec<Sub> = list.iter().map(read_sub).collect::<Outcome<_>>()?;
    let heavy = |sub: &&Sub| sub.url.contains("/query") || sub.url.contains("/composite/sobjects");
    if subs.len() > REQUESTS_MAX || subs.iter().filter(heavy).count() > HEAVY_MAX {
        let message = format!(
            "A composite request can hold {REQUESTS_MAX} subrequests, {HEAVY_MAX} of them queries or collections"
        );
        return Err(Refusal::new(400, "LIMIT_EXCEEDED", message));
    }
    for (at, sub) in subs.iter().enumerate() {
        if subs.iter().take(at).any(|earlier| earlier.reference == sub.reference) {
            let message = format!("The referenceId {} is used twice", sub.reference);
            return Err(Refusal::new(400, "INVALID_INPUT", message));
        }
    }
    Ok(subs)
}

fn read_sub(value: &Value) -> Outcome<Sub> {
    let text = |name: &str| {
        let text = value.get(name).and_then(Value::as_str);
        text.map(str::to_owned).ok_or_else(|| unreadable(format!("{name} is missing in a subrequest")))
    };
    let reference = text("referenceId")?;
    if !reference.chars().all(|character| character.is_ascii_alphanumeric() || character == '_') {
        let message = format!("The referenceId {reference} may have letters, digits and underscores only");
        return Err(Refusal::new(400, "INVALID_INPUT", message));
    }
    Ok(Sub {
        method: method(&text("method")?)?,
        url: text("url")?,
        reference,
        body: value.get("body").cloned(),
        headers: headers(value.get("httpHeaders"))?,
    })
}

fn method(name: &str) -> Outcome<Method> {
    name.parse().map_err(|_| unreadable(format!("{name} is no HTTP method")))
}

fn headers(value: Option<&Value>) -> Outcome<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (name, value) in value.and_then(Value::as_object).into_iter().flatten() {
        if FORBIDDEN_HEADERS.iter().any(|forbidden| forbidden.eq_ignore_ascii_case(name)) {
            let message = format!("The header {name} cannot be set in a subrequest");
            return Err(Refusal::new(400, "INVALID_INPUT", message));
        }
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(&value)) {
            headers.insert(name, value);
        }
    }
    Ok(headers)
}

fn answer(org: &mut Org, call: &Call, sub: &Sub, answered: &HashMap<String, Value>) -> Answer {
    let url = match resolved(&Value::String(sub.url.clone()), answered) {
        Ok(url) => url.as_str().unwrap_or_default().to_owned(),
        Err(refusal) => return Answer::refusal(&refusal),
    };
    let body = match sub.body.as_ref().map(|body| resolved(body, answered)).transpose() {
        Ok(body) => body,
        Err(refusal) => return Answer::refusal(&refusal),
    };
    inner(org, call, sub.method.clone(), &url, body.as_ref(), sub.headers.clone())
}

/// Answers a request as if it had come by itself. Requests do not nest.
fn inner(
    org: &mut Org,
    call: &Call,
    method: Method,
    url: &str,
    body: Option<&Value>,
    headers: HeaderMap,
) -> Answer {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let (path, version) = match api::address(path) {
        Ok(address) => address,
        Err(refusal) => return Answer::refusal(&refusal),
    };
    let nests = |path: &[String]| {
        let first = path.first().is_some_and(|segment| segment == "composite");
        first && path.get(1).is_none_or(|segment| segment != "sobjects" && segment != "tree")
    };
    if nests(&path) {
        return Answer::refusal(&Refusal::new(400, "INVALID_INPUT", "Composite requests cannot be nested"));
    }
    let call = Call {
        method,
        path,
        version,
        query: api::pairs(query),
        headers,
        body: body.map_or_else(bytes::Bytes::new, |body| body.to_string().into()),
        user: call.user,
        now: call.now,
    };
    dispatch::answer(org, &call)
}

/// A value with every `@{reference.path}` replaced by what that request was answered.
fn resolved(value: &Value, answered: &HashMap<String, Value>) -> Outcome<Value> {
    match value {
        Value::String(text) => resolved_text(text, answered),
        Value::Array(list) => list.iter().map(|item| resolved(item, answered)).collect(),
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| Ok((name.clone(), resolved(value, answered)?)));
            members.collect::<Outcome<Map<String, Value>>>().map(Value::Object)
        }
        other => Ok(other.clone()),
    }
}

fn resolved_text(text: &str, answered: &HashMap<String, Value>) -> Outcome<Value> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("@{") {
        let (path, after) = after.split_once('}').ok_or_else(|| no_value(text))?;
        let value = looked_up(path, answered).ok_or_else(|| no_value(path))?;
        if before.is_empty() && after.is_empty() && out.is_empty() {
            return Ok(value.clone());
        }
        out.push_str(before);
        out.push_str(&value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        rest = after;
    }
    out.push_str(rest);
    Ok(Value::String(out))
}

/// `reference.records[0].Id`
fn looked_up<'a>(path: &str, answered: &'a HashMap<String, Value>) -> Option<&'a Value> {
    let mut steps = path.split(['.', '[', ']']).filter(|step| !step.is_empty());
    let first = answered.get(steps.next()?)?;
    steps.try_fold(first, |value, step| match value {
        Value::Array(list) => list.get(step.parse::<usize>().ok()?),
        value => value.get(step),
    })
}

fn no_value(path: &str) -> Refusal {
    let message = format!("Invalid reference specified. No value for {path} found");
    Refusal::new(400, "PROCESSING_HALTED", message)
}

/// `POST /composite/batch`: requests that know nothing of each other.
pub(crate) fn batch(org: &mut Org, call: &Call) -> Outcome<Answer> {
    let body = call.json_object()?;
    let halt = body.get("haltOnError").and_then(Value::as_bool).unwrap_or(false);
    let requests = body.get("batchRequests").and_then(Value::as_array);
    let requests = requests.ok_or_else(|| unreadable("batchRequests is missing"))?;
    if requests.len() > REQUESTS_MAX {
        let message = format!("A batch can hold {REQUESTS_MAX} subrequests");
        return Err(Refusal::new(400, "LIMIT_EXCEEDED", message));
    }
    let mut results = Vec::new();
    let mut failed = false;
    for request in requests {
        let answer = if halt && failed {
            let message = "Batch processing halted per request";
            Answer::refusal(&Refusal::new(412, "BATCH_PROCESSING_HALTED", message))
        } else {
            batched(org, call, request)
        };
        failed |= !answer.succeeded();
        results.push(json!({ "statusCode": answer.status, "result": answer.body }));
    }
    Ok(Answer::json(200, json!({ "hasErrors": failed, "results": results })))
}

fn batched(org: &mut Org, call: &Call, request: &Value) -> Answer {
    let text = |name: &str| request.get(name).and_then(Value::as_str).unwrap_or_default();
    let url = text("url");
    let url = if url.starts_with('/') { url.to_owned() } else { format!("{API_PATH}{url}") };
    match method(text("method")) {
        Ok(method) => inner(org, call, method, &url, request.get("richInput"), HeaderMap::new()),
        Err(refusal) => Answer::refusal(&refusal),
    }
}
