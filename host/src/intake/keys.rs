//! The secret that a CRM's webhooks carry, because neither CRM signs them.

use aws_lc_rs::{constant_time::verify_slices_are_equal, digest};
use http::{HeaderMap, HeaderName};
use secrecy::{ExposeSecret as _, SecretString};
use url::form_urlencoded;

use super::refused::Refused;

/// The keys of one tenant's webhook. While a key is being changed, the one before is accepted as well.
#[derive(Clone, Debug)]
pub struct WebhookKeys {
    /// The key that new registrations use.
    pub current: SecretString,
    /// The key before, until every registration has been changed.
    pub previous: Option<SecretString>,
    /// The member of the address's query that carries the key: `code` as Dataverse has it.
    pub parameter: &'static str,
    /// The header that may carry the key instead, where the CRM can send one.
    pub header: Option<HeaderName>,
}

impl WebhookKeys {
    /// Whether a request carries one of the keys, in the header or else as the first such member of its query.
    ///
    /// # Errors
    ///
    /// [`Refused::MissingKey`] or [`Refused::WrongKey`].
    pub fn check(&self, headers: &HeaderMap, query: Option<&str>) -> Result<(), Refused> {
        let given = match self.header.as_ref().and_then(|header| headers.get(header)) {
            Some(value) => value.as_bytes().to_vec(),
            None => member(query, self.parameter).ok_or_else(|| self.missing())?.into_bytes(),
        };
        let current = is_same(&given, &self.current);
        // Both are always compared, so that the time taken does not tell which one was meant.
        let previous = self.previous.as_ref().is_some_and(|previous| is_same(&given, previous));
        if current | previous { Ok(()) } else { Err(Refused::WrongKey) }
    }

    fn missing(&self) -> Refused {
        let parameter = format!("`?{}=`", self.parameter);
        let places = match &self.header {
            Some(header) => format!("neither as {parameter} nor as `{header}`"),
            None => format!("which its address must carry as {parameter}"),
        };
        Refused::MissingKey { places }
    }
}

/// The first member of a query that is called so.
fn member(query: Option<&str>, name: &str) -> Option<String> {
    form_urlencoded::parse(query?.as_bytes())
        .find(|(member, _)| member == name)
        .map(|(_, value)| value.into_owned())
}

/// Compares digests, so that not even the key's length shows in the time taken.
fn is_same(given: &[u8], key: &SecretString) -> bool {
    let digest = |bytes| digest::digest(&digest::SHA256, bytes);
    let expected = digest(key.expose_secret().as_bytes());
    verify_slices_are_equal(digest(given).as_ref(), expected.as_ref()).is_ok()
}

#[cfg(test)]
mod tests;
