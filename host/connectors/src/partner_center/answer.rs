//! What Partner Center's answers mean. Codes decide, never messages; messages only help to name a field.

use crosswalk_engine::{
    pass::{Seen, SystemRefusal, Versioned},
    referral::Referral,
    value::Fields,
};
use http::{HeaderValue, header};

use super::json;
use crate::{fault::Fault, session::ApiError, text::cut, transport::Response};

/// A referral with its version.
pub(super) fn referral(response: &Response) -> Result<Versioned<Referral>, Fault> {
    let body = json(response)?;
    if body.get("id").and_then(|id| id.as_str()).is_none() {
        return Err(Fault::reject("Partner Center answered with something that is not a referral: no `id`"));
    }
    let version = version(response).ok_or_else(|| {
        Fault::reject("Partner Center gave a referral without an eTag, so it cannot be written")
    })?;
    Ok(Versioned { value: Referral(body), version })
}

/// The version that a body, or else the header, tells.
pub(super) fn version(response: &Response) -> Option<String> {
    let body: Option<serde_json::Value> = serde_json::from_slice(&response.body).ok();
    body.as_ref().and_then(etag).or_else(|| {
        response.headers.get(header::ETAG).and_then(|value| value.to_str().ok()).map(str::to_owned)
    })
}

/// The `eTag` of a referral; it carries its own quotes.
pub(super) fn etag(referral: &serde_json::Value) -> Option<String> {
    referral.get("eTag").and_then(|etag| etag.as_str()).filter(|etag| !etag.is_empty()).map(str::to_owned)
}

/// A version as If-Match wants it: in quotes, which the body's `eTag` has already.
pub(super) fn quoted(version: &str) -> Option<HeaderValue> {
    if version.is_empty() {
        return None;
    }
    let has_quotes = version.starts_with('"') || version.starts_with("W/\"");
    let text = if has_quotes { version.to_owned() } else { format!("\"{version}\"") };
    HeaderValue::from_str(&text).ok()
}

/// Whether a 404 is about the referral, and not a proxy's page or a wrong address.
pub(super) fn is_missing(response: &Response) -> bool {
    response.body.is_empty() || ApiError::of(response).understood
}

/// Whether a 403 asks for a stronger sign-in.
pub(super) fn wants_claims(response: &Response) -> bool {
    let error = ApiError::of(response);
    let header = response.headers.get(header::WWW_AUTHENTICATE).and_then(|value| value.to_str().ok());
    error.is("insufficient_claims") || header.is_some_and(|value| value.contains("insufficient_claims"))
}

/// A read that was refused.
pub(super) fn fault(response: &Response, subject: &str) -> Fault {
    let error = ApiError::of(response);
    let said = format!("Partner Center answered {error}, for {subject}");
    match error.status.as_u16() {
        403 if wants_claims(response) => {
            Fault::unauthorised(format!("sign in again with the second factor; {said}"))
        }
        403 => Fault::unauthorised(format!(
            "give the service account the role Referrals admin in Partner Center; {said}"
        )),
        423 => Fault::retry(said),
        404 if !error.understood => Fault::reject(format!("check `base_url`: {said}")),
        _ => Fault::reject(said),
    }
}

/// A write that was answered with an error.
pub(super) fn refused_write(response: &Response, written: &Fields) -> Result<Seen, Fault> {
    let error = ApiError::of(response);
    match error.status.as_u16() {
        412 => return Ok(Seen::Stale),
        409 if error.is_one_of(&["resourceModified", "preconditionFailed"]) => return Ok(Seen::Stale),
        // Gone, or not ours to see any more: the next read says which.
        404 if !written.is_empty() && is_missing(response) => return Ok(Seen::Stale),
        403 | 404 | 423 if error.status.as_u16() != 403 || wants_claims(response) => {
            return Err(fault(response, "a write"));
        }
        _ => {}
    }
    let mut reason = format!("Partner Center answered {error}");
    if error.status.as_u16() == 403 {
        reason = format!("the service account may not do this; it needs the role Referrals admin: {reason}");
    }
    Ok(Seen::Refused(SystemRefusal { fields: named(&error, written), reason: cut(&reason) }))
}

/// The written paths that an error names: as its target, or in its message.
fn named(error: &ApiError, written: &Fields) -> Vec<String> {
    let says = |text: &str, path: &str| {
        let dotted = path.trim_start_matches('/').replace('/', ".");
        let last = path.trim_end_matches("/-").rsplit('/').next().unwrap_or_default();
        text.contains(path)
            || text.to_ascii_lowercase().contains(&dotted.to_ascii_lowercase())
            || text.split(|c: char| !c.is_alphanumeric()).any(|word| word.eq_ignore_ascii_case(last))
    };
    let told =
        |path: &&String| error.targets.iter().any(|target| says(target, path)) || says(&error.message, path);
    written.keys().filter(told).cloned().collect()
}
