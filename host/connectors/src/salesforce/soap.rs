//! The little SOAP that is needed, for what has no REST resource: the conversion of leads, and new objects.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use secrecy::{ExposeSecret, SecretString};

use super::{Salesforce, answer::unescaped};
use crate::{
    session::{ApiError, Failure},
    transport::Response,
};

/// The fault of a session that is not accepted.
const SESSION_REFUSED: &str = "INVALID_SESSION_ID";

/// One call.
pub(super) struct Call {
    pub(super) path: String,
    /// That of the elements, whose prefix is `p`.
    pub(super) namespace: &'static str,
    /// Elements of the header beside those of every call.
    pub(super) headers: &'static str,
    pub(super) body: String,
}

impl Salesforce {
    /// Makes the call once, with the session in its header; a fault is an answer like any other.
    pub(super) async fn soap(&self, call: &Call) -> Result<Response, Failure> {
        self.shared.budget.allow().map_err(Failure::Fault)?;
        let mut request = self.request(Method::POST, self.at(&call.path).map_err(Failure::Fault)?);
        request.headers.insert(header::ACCEPT, HeaderValue::from_static("text/xml"));
        request.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/xml; charset=utf-8"));
        request.headers.insert(HeaderName::from_static("soapaction"), HeaderValue::from_static("\"\""));
        let send = |token: &SecretString| {
            let mut request = request.clone();
            request.body = Bytes::from(self.envelope(call, token));
            request
        };
        let is_refused = |response: &Response| {
            let fault = fault(response.status, &String::from_utf8_lossy(&response.body));
            fault.is_some_and(|fault| fault.is(SESSION_REFUSED))
        };
        self.shared.session.soap(send, is_refused).await
    }

    fn envelope(&self, call: &Call, token: &SecretString) -> String {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
             <s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" \
             xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xmlns:p=\"{}\">\
             <s:Header><p:CallOptions><p:client>{}</p:client></p:CallOptions>\
             <p:SessionHeader><p:sessionId>{}</p:sessionId></p:SessionHeader>{}</s:Header>\
             <s:Body>{}</s:Body></s:Envelope>",
            call.namespace,
            escaped(&self.shared.config.client_name),
            escaped(token.expose_secret()),
            call.headers,
            call.body,
        )
    }
}

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
