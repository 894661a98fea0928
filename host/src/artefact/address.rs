//! Where a component is in a registry: `oci://registry/repository:tag`, or with `@sha256:…`.

use std::fmt;

use oci_client::Reference;
use url::Host;

use crate::{
    error::{Complaint, Fault},
    intake::trust::is_loopback,
};

/// What an address begins with.
const SCHEME: &str = "oci://";

/// An address in a registry, with a tag, a digest, or both; the digest counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address(Reference);

impl Address {
    /// Whether a text means a registry, and no file.
    pub(crate) fn is_meant_by(text: &str) -> bool {
        text.starts_with(SCHEME)
    }

    /// Reads an address. It names its registry and what is meant there: neither Docker Hub nor `latest` is made up.
    pub(crate) fn parse(text: &str) -> Result<Self, Complaint> {
        let named = text.strip_prefix(SCHEME).unwrap_or(text);
        let reference: Reference = named.parse().map_err(|error| unreadable(text, &error))?;
        // What the parser adds to a text is what the text left out.
        if reference.whole() == named { Ok(Address(reference)) } else { Err(unreadable(text, &Incomplete)) }
    }

    /// An address to push to: a tag, and no digest, because the digest is what comes of it.
    pub(crate) fn parse_tag(text: &str) -> Result<Self, Complaint> {
        let address = Self::parse(text)?;
        if address.0.digest().is_none() { Ok(address) } else { Err(unreadable(text, &Pinned)) }
    }

    /// The tag, if it stands for whatever it names at the moment.
    pub(crate) fn loose_tag(&self) -> Option<&str> {
        self.0.tag().filter(|_| self.0.digest().is_none())
    }

    /// The digest, if it has one.
    pub(crate) fn digest(&self) -> Option<&str> {
        self.0.digest()
    }

    pub(super) fn reference(&self) -> &Reference {
        &self.0
    }

    pub(super) fn registry(&self) -> &str {
        self.0.resolve_registry()
    }

    /// The same with a digest; one that it had already stays.
    pub(super) fn pinned(&self, digest: &str) -> Self {
        let (registry, repository) = (self.0.registry().to_owned(), self.0.repository().to_owned());
        match (self.0.tag(), self.0.digest()) {
            (Some(tag), None) => {
                let (tag, digest) = (tag.to_owned(), digest.to_owned());
                Address(Reference::with_tag_and_digest(registry, repository, tag, digest))
            }
            _ => self.clone(),
        }
    }

    /// Something else in the same repository.
    pub(super) fn tagged(&self, tag: String) -> Reference {
        Reference::with_tag(self.0.registry().to_owned(), self.0.repository().to_owned(), tag)
    }

    /// The tag under which a registry without the referrers API has the list of what refers to this.
    pub(super) fn referrers_tag(&self) -> String {
        self.0.digest().unwrap_or_default().replace(':', "-")
    }

    pub(super) fn is_on_this_machine(&self) -> bool {
        let host = self.registry().rsplit_once(':').map_or(self.registry(), |(host, _)| host);
        Host::parse(host).is_ok_and(|host| is_loopback(&host))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{SCHEME}{}", self.0)
    }
}

#[derive(Debug, thiserror::Error)]
#[error("it must name the registry, the repository, and a tag or a digest")]
struct Incomplete;

#[derive(Debug, thiserror::Error)]
#[error("one pushes to a tag; the digest is what comes of it")]
struct Pinned;

fn unreadable(text: &str, cause: &dyn std::error::Error) -> Complaint {
    Complaint::new(
        Fault::Configuration,
        format!("`{text}` is no address in a registry"),
        "nothing was called, stored or sent",
        "write it as `oci://registry.example/contoso/mapping:1.4.0`, or with `@sha256:…` in the place of the tag",
    )
    .because(cause)
}
