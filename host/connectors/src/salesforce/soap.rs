//! The little SOAP that is needed: what has no REST resource, the conversion of leads.

use http::StatusCode;

use super::answer::unescaped;
use crate::session::ApiError;

/// A text as XML has it.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // XML 1.0 has no way to write these.
            other if other.is_control() && !matches!(other, '\t' | '\n' | '\r') => out.push(' '),
            other => out.push(other),
        }
    }
    out
}

/// What is inside the first element of this name, whatever its prefix and attributes; `None` if there is none, or it
/// is empty. An answer's own elements are few and flat, so this is all that reading it takes.
pub(super) fn inside<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = xml;
    loop {
        let (_, from) = rest.split_once('<')?;
        let (tag, after) = from.split_once('>')?;
        rest = after;
        if tag.ends_with('/') {
            continue;
        }
        let own = tag.split_whitespace().next().unwrap_or_default();
        if own.rsplit(':').next() == Some(name) && !own.starts_with('/') {
            return after.split_once(&format!("</{own}>")).map(|(inside, _)| inside);
        }
    }
}

/// The text of the first element of this name.
pub(super) fn text(xml: &str, name: &str) -> Option<String> {
    inside(xml, name).map(|inside| unescaped(inside.trim())).filter(|text| !text.is_empty())
}

/// What a fault says, as the error that REST would have answered with.
pub(super) fn fault(status: StatusCode, xml: &str) -> Option<ApiError> {
    let fault = inside(xml, "Fault")?;
    let code = text(fault, "faultcode")?;
    let code = code.rsplit(':').next().unwrap_or_default().to_owned();
    let message = text(fault, "faultstring").unwrap_or_default();
    Some(ApiError { status, codes: vec![code], message, targets: Vec::new(), understood: true })
}

/// What a row of an answer says that failed.
pub(super) fn row_error(row: &str) -> ApiError {
    let error = inside(row, "errors").unwrap_or_default();
    ApiError {
        status: StatusCode::BAD_REQUEST,
        codes: text(error, "statusCode").into_iter().collect(),
        message: text(error, "message").unwrap_or_default(),
        targets: text(error, "fields").into_iter().collect(),
        understood: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_found_by_their_local_name() {
        let xml = r#"<?xml version="1.0"?><s:a xmlns:s="x"><b xsi:nil="true"/><s:b i="1"> R&amp;D &lt;x&gt; </s:b><c></c></s:a>"#;
        assert_eq!(text(xml, "b").as_deref(), Some("R&D <x>"));
        assert_eq!(text(xml, "c"), None);
        assert_eq!(text(xml, "d"), None);
        assert_eq!(escaped("R&D <\"x\">\u{1}"), "R&amp;D &lt;&quot;x&quot;&gt; ");
    }
}
