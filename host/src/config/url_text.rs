//! A URL as a text in a file, for `#[serde(with = "url_text")]`.

use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};
use url::Url;

/// Writes it as it would be requested.
pub(super) fn serialize<S: Serializer>(url: &Url, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(url.as_str())
}

/// Reads it. The error does not repeat the text, which might carry a password.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Url, D::Error> {
    let text = String::deserialize(deserializer)?;
    Url::parse(&text)
        .map_err(|error| D::Error::custom(format!("expected a URL, `https://host/path`: {error}")))
}
