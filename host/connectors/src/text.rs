//! Small rules for the words that systems send us: cut them, and take secrets out of them.

use secrecy::{ExposeSecret, SecretString};

use crate::fault::REASON_BYTES_MAX;

/// The text with control characters as spaces, cut at [`REASON_BYTES_MAX`] on a character's border.
pub(crate) fn cut(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(REASON_BYTES_MAX));
    for character in text.chars() {
        let character = if character.is_control() { ' ' } else { character };
        if out.len() + character.len_utf8() > REASON_BYTES_MAX {
            break;
        }
        out.push(character);
    }
    out
}

/// The text without any of these secrets: a careless server may send back what it was sent.
pub(crate) fn without(text: &str, secrets: &[&SecretString]) -> String {
    let mut out = text.to_owned();
    for secret in secrets {
        let secret = secret.expose_secret();
        // A short one (the sandbox has a well-known token) would turn the message into noise, and protects nothing.
        if secret.len() >= 16 && out.contains(secret) {
            out = out.replace(secret, "[redacted]");
        }
    }
    out
}

/// An error and its causes in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// A query string: the names as they are (`$filter`), the values percent-encoded, a space as `%20`.
pub(crate) fn query(pairs: &[(&str, String)]) -> String {
    let pairs: Vec<String> =
        pairs.iter().map(|(name, value)| format!("{name}={}", encoded(value, "-._~,()'/:*$;=@!"))).collect();
    pairs.join("&")
}

/// The text with everything percent-encoded but ASCII letters, digits and `plain`.
pub(crate) fn encoded(text: &str, plain: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || plain.as_bytes().contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// An OData string literal.
pub(crate) fn odata(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
