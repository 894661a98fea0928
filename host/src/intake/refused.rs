//! Why a webhook was refused: in full for the log, by class for the sender.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header::RETRY_AFTER};
use serde_json::json;

use super::fetch::FetchError;

/// Seconds after which a sender is asked to try again when the fault is on this side.
const RETRY_AFTER_S: u16 = 30;

/// A webhook that was refused. Nothing of it was stored.
///
/// `Display` is meant for the log: it may repeat names and addresses from the request (shortened and escaped), never
/// a signature or a key. What the sender may read is [`Refused::class`] alone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No signature header at all.
    #[error("the request has neither `Authorization: Signature …` nor `x-ms-signature: Signature …`")]
    MissingSignature,
    /// A header is missing that a signed request must have.
    #[error("the request is signed but has no `{name}` header")]
    MissingHeader {
        /// The header's name.
        name: &'static str,
    },
    /// A header is there but cannot be read.
    #[error("the header `{name}` {problem}")]
    MalformedHeader {
        /// The header's name.
        name: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The signature's algorithm is not one that is accepted.
    #[error("the signature algorithm is `{given}`; only rsa-sha256, rsa-sha384 and rsa-sha512 are accepted")]
    Algorithm {
        /// The algorithm as the request names it.
        given: String,
    },
    /// The certificate's address is not one that may be fetched.
    #[error("the certificate's address `{url}` {problem}; see `webhooks.partner_center.certificate_hosts`")]
    CertificateAddress {
        /// The address as the request names it.
        url: String,
        /// Which rule it breaks.
        problem: &'static str,
    },
    /// The certificate could not be had.
    #[error("the certificate at `{url}` could not be fetched")]
    Fetch {
        /// The address that was fetched.
        url: String,
        /// What went wrong.
        #[source]
        error: FetchError,
    },
    /// Too many different certificate addresses in a short time.
    #[error(
        "`{url}` was not fetched: more certificate addresses without a valid signature than \
         `unproved_fetches_per_minute_max`"
    )]
    TooManyFetches {
        /// The address that was not fetched.
        url: String,
    },
    /// What was fetched is not a certificate.
    #[error("what the certificate's address serves is not a certificate: {problem}")]
    CertificateMalformed {
        /// What is wrong with it.
        problem: String,
    },
    /// No root is configured, so nobody can be believed.
    #[error(
        "no root certificate is configured in `webhooks.partner_center.root_files`, so no signature can be checked"
    )]
    NoRoots,
    /// The certificate does not chain to a configured root.
    #[error("the certificate does not chain to a configured root: {problem}")]
    Chain {
        /// What webpki says.
        problem: String,
    },
    /// The certificate, or one above it, is not valid at this time.
    #[error("the certificate or one above it is not valid now: {problem}")]
    Expired {
        /// What webpki says.
        problem: String,
    },
    /// The certificate belongs to somebody else.
    #[error(
        "the certificate is for {names}, none of which is in `webhooks.partner_center.certificate_subjects`"
    )]
    Subject {
        /// The names that the certificate carries.
        names: String,
    },
    /// The certificate was issued by an organisation that is not accepted.
    #[error(
        "the certificate was issued by {organizations}, not by one of `webhooks.partner_center.issuer_organizations`"
    )]
    Issuer {
        /// The organisations that the issuer's name carries.
        organizations: String,
    },
    /// The certificate is in order, but did not sign this body.
    #[error("the signature does not belong to this body and this certificate")]
    SignatureMismatch,
    /// No webhook key, neither in the address nor in a header.
    #[error("the request has no webhook key, {places}")]
    MissingKey {
        /// Where it was looked for, in words.
        places: String,
    },
    /// The webhook key is wrong.
    #[error("the webhook key is not this tenant's")]
    WrongKey,
    /// The key is right, and the organisation is another one: a copy of it, whose webhooks were copied along.
    #[error(
        "it comes from the organisation `{given}`, and the tenant has `{expected}`; a copy of an organisation goes on \
         sending what the original was told to send"
    )]
    Organization {
        /// The organisation that it says it comes from.
        given: String,
        /// The tenant's.
        expected: String,
    },
    /// The body is larger than what is accepted.
    #[error("the body is larger than {max_bytes} bytes")]
    BodyTooLarge {
        /// The limit, in bytes.
        max_bytes: usize,
    },
    /// The body is compressed.
    #[error("the body has the content encoding `{given}`; only an uncompressed body is accepted")]
    BodyEncoding {
        /// The encoding as the request names it.
        given: String,
    },
    /// The body did not arrive in time.
    #[error("the body did not arrive within {max_ms} ms")]
    BodyTooSlow {
        /// The limit, in milliseconds.
        max_ms: u64,
    },
    /// The connection broke while the body was read.
    #[error("the body broke off")]
    BodyBroken,
    /// The body is not what this webhook sends.
    #[error("the body is not a notification: {problem}")]
    BodyMalformed {
        /// What is wrong with it.
        problem: String,
    },
}

/// All that the sender learns of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// It is not known, or not believed, who is calling. 401.
    Unauthenticated,
    /// The request cannot be read. 400.
    Malformed,
    /// The body is too large. 413.
    TooLarge,
    /// The body is compressed. 415.
    Encoding,
    /// The body took too long. 408.
    TooSlow,
    /// Nothing is wrong with the request, as far as can be said now. 503.
    TryAgain,
}

impl Refused {
    /// All that the sender may know.
    pub fn class(&self) -> Class {
        match self {
            Refused::MissingSignature
            | Refused::CertificateAddress { .. }
            | Refused::CertificateMalformed { .. }
            | Refused::Chain { .. }
            | Refused::Expired { .. }
            | Refused::Subject { .. }
            | Refused::Issuer { .. }
            | Refused::SignatureMismatch
            | Refused::MissingKey { .. }
            | Refused::WrongKey
            | Refused::Organization { .. } => Class::Unauthenticated,
            Refused::Fetch { error, .. } if error.is_permanent() => Class::Unauthenticated,
            Refused::Fetch { .. } | Refused::TooManyFetches { .. } | Refused::NoRoots => Class::TryAgain,
            Refused::MissingHeader { .. }
            | Refused::MalformedHeader { .. }
            | Refused::Algorithm { .. }
            | Refused::BodyBroken
            | Refused::BodyMalformed { .. } => Class::Malformed,
            Refused::BodyTooLarge { .. } => Class::TooLarge,
            Refused::BodyEncoding { .. } => Class::Encoding,
            Refused::BodyTooSlow { .. } => Class::TooSlow,
        }
    }

    /// The status to answer with.
    pub fn status(&self) -> StatusCode {
        self.class().status()
    }

    /// One word for metrics and log fields; there are as many as there are reasons.
    pub fn reason(&self) -> &'static str {
        match self {
            Refused::MissingSignature => "missing-signature",
            Refused::MissingHeader { .. } => "missing-header",
            Refused::MalformedHeader { .. } => "malformed-header",
            Refused::Algorithm { .. } => "algorithm",
            Refused::CertificateAddress { .. } => "certificate-address",
            Refused::Fetch { .. } => "fetch",
            Refused::TooManyFetches { .. } => "too-many-fetches",
            Refused::CertificateMalformed { .. } => "certificate-malformed",
            Refused::NoRoots => "no-roots",
            Refused::Chain { .. } => "chain",
            Refused::Expired { .. } => "expired",
            Refused::Subject { .. } => "subject",
            Refused::Issuer { .. } => "issuer",
            Refused::SignatureMismatch => "signature-mismatch",
            Refused::MissingKey { .. } => "missing-key",
            Refused::WrongKey => "wrong-key",
            Refused::Organization { .. } => "organization",
            Refused::BodyTooLarge { .. } => "body-too-large",
            Refused::BodyEncoding { .. } => "body-encoding",
            Refused::BodyTooSlow { .. } => "body-too-slow",
            Refused::BodyBroken => "body-broken",
            Refused::BodyMalformed { .. } => "body-malformed",
        }
    }
}

impl Class {
    /// The status to answer with.
    pub fn status(self) -> StatusCode {
        match self {
            Class::Unauthenticated => StatusCode::UNAUTHORIZED,
            Class::Malformed => StatusCode::BAD_REQUEST,
            Class::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Class::Encoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Class::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Class::TryAgain => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn code(self) -> &'static str {
        match self {
            Class::Unauthenticated => "unauthenticated",
            Class::Malformed => "malformed",
            Class::TooLarge => "too-large",
            Class::Encoding => "encoding",
            Class::TooSlow => "too-slow",
            Class::TryAgain => "try-again",
        }
    }

    /// What the sender is told, in words.
    pub(super) fn message(self) -> &'static str {
        match self {
            Class::Unauthenticated => "the sender could not be verified",
            Class::Malformed => "the request could not be read",
            Class::TooLarge => "the body is too large",
            Class::Encoding => "the body must not be compressed",
            Class::TooSlow => "the body took too long",
            Class::TryAgain => "not now; try again",
        }
    }
}

/// Answers with the class alone. The reason is for whoever calls this to log, once.
impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        self.class().into_response()
    }
}

impl IntoResponse for Class {
    fn into_response(self) -> Response {
        let body = Json(json!({ "code": self.code(), "message": self.message() }));
        let mut response = (self.status(), body).into_response();
        if self == Class::TryAgain {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(RETRY_AFTER_S));
        }
        response
    }
}

/// Text of a stranger as it may stand in a log line: at most 200 characters, on one line.
pub(crate) fn quoted(text: &str) -> String {
    const CHARACTERS_MAX: usize = 200;
    let mut short: String = text.chars().take(CHARACTERS_MAX).flat_map(char::escape_debug).collect();
    if text.chars().nth(CHARACTERS_MAX).is_some() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_sender_learns_no_more_than_the_class() {
        let refused = Refused::Subject { names: "`evil.example`".into() };
        let response = refused.into_response();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        let body = axum::body::to_bytes(response.into_body(), 1024).await.unwrap();
        assert_eq!(
            String::from_utf8(body.to_vec()).unwrap(),
            r#"{"code":"unauthenticated","message":"the sender could not be verified"}"#
        );
    }

    #[test]
    fn a_refusal_for_now_says_when_to_try_again() {
        let response = Refused::NoRoots.into_response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[RETRY_AFTER], "30");
    }

    #[test]
    fn a_strangers_text_is_shortened_and_kept_on_one_line() {
        assert_eq!(quoted("a\nb"), "a\\nb");
        assert_eq!(quoted(&"x".repeat(300)).chars().count(), 201);
    }
}
