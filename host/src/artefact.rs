//! Components as artefacts in OCI registries: what `plugin push`, `plugin pull` and `plugin deploy oci://…` do there.
//!
//! The command line alone knows registries; a host has no need to reach one. A tag is asked for once, and from then on
//! everything goes by the digest that it had: what it names a moment later changes nothing. A component lies in the
//! layout that wasm tools share ([`layout`]), so what others pushed can be pulled here and the other way round. A
//! signature is an artefact of its own that refers to the component's: by the registry's referrers API, or, where it has
//! none, by the tag that stands in for it (OCI distribution specification 1.1, "Referrers Tag Schema").

use std::{error::Error as StdError, io, time::Duration};

use futures::StreamExt as _;
use http::HeaderValue;
use oci_client::{
    Client, Reference,
    client::{ClientConfig, ClientProtocol},
    errors::{DigestError, OciDistributionError, OciErrorCode},
    manifest::{
        IMAGE_MANIFEST_LIST_MEDIA_TYPE, IMAGE_MANIFEST_MEDIA_TYPE, OCI_IMAGE_INDEX_MEDIA_TYPE,
        OCI_IMAGE_MEDIA_TYPE, OciDescriptor,
    },
    secrets::RegistryAuth,
};

use crate::{
    error::{Complaint, Fault},
    signing::{self, SIGNATURE_BYTES_MAX, SIGNATURES_MAX},
};

mod address;
mod credentials;
mod layout;
#[cfg(test)]
mod tests;

pub(crate) use address::Address;
use layout::{Artefact, SIGNATURE_TYPE};

/// How long a registry may take to be connected to, and to send the next bytes.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// A manifest of ours has about 600 bytes; the specification has registries take 4 MiB.
const MANIFEST_BYTES_MAX: usize = 4 << 20;

/// What may answer for a name. All but the first are asked for only to say what was found instead.
const MANIFEST_TYPES: &[&str] = &[
    OCI_IMAGE_MEDIA_TYPE,
    OCI_IMAGE_INDEX_MEDIA_TYPE,
    IMAGE_MANIFEST_MEDIA_TYPE,
    IMAGE_MANIFEST_LIST_MEDIA_TYPE,
];

/// A component that came from a registry.
#[derive(Debug)]
pub(crate) struct Pulled {
    /// Where it is, with the digest of its manifest: it stays what it is.
    pub(crate) address: Address,
    /// The component.
    pub(crate) bytes: Vec<u8>,
    /// The minisign signatures that refer to it.
    pub(crate) signatures: Vec<String>,
}

/// One repository in a registry, for whoever the credentials at hand are of.
pub(crate) struct Repository {
    address: Address,
    client: Client,
    auth: RegistryAuth,
}

impl Repository {
    /// Looks for credentials. Nothing is called yet. Registries on this machine are spoken to in plain HTTP, others only
    /// if that is asked for.
    pub(crate) fn open(address: Address, plain_http: bool) -> Result<Self, Complaint> {
        let protocol = match plain_http || address.is_on_this_machine() {
            true => ClientProtocol::Http,
            false => ClientProtocol::Https,
        };
        let config = ClientConfig {
            protocol,
            use_monolithic_push: true,
            connect_timeout: Some(CONNECT_TIMEOUT),
            read_timeout: Some(READ_TIMEOUT),
            user_agent: concat!("crosswalk/", env!("CARGO_PKG_VERSION")),
            ..ClientConfig::default()
        };
        let client = Client::try_from(config)
            .map_err(|error| Complaint::internal("preparing to call the registry", &error))?;
        let auth = credentials::find(address.registry())?;
        Ok(Repository { address, client, auth })
    }

    /// Pulls the component and the signatures that refer to it.
    pub(crate) async fn pull(&self) -> Result<Pulled, Complaint> {
        let reference = self.address.reference();
        let manifest = self.manifest(reference).await?;
        let address = self.address.pinned(&layout::digest(&manifest));
        let layer = layout::component_layer(&manifest).map_err(|problem| no_component(&address, problem))?;
        let bytes = self.blob(&layer).await?;
        let signatures = self.signatures(address.reference()).await?;
        Ok(Pulled { address, bytes, signatures })
    }

    /// Pushes a component under the address's tag, and a signature that refers to it. Returns where it is now, pinned.
    pub(crate) async fn push(&self, component: &[u8], signature: Option<&str>) -> Result<Address, Complaint> {
        let artefact = layout::component(component)?;
        self.client.store_auth_if_needed(self.address.registry(), &self.auth).await;
        self.upload(self.address.reference(), &artefact).await.map_err(|error| self.failed(PUSH, error))?;
        let address = self.address.pinned(&artefact.digest());
        if let Some(text) = signature {
            let by = signing::signature_key_id(text).unwrap_or_default();
            let signature = layout::signature(text, artefact.descriptor())?;
            self.attach(&address, &signature, &by).await.map_err(|error| self.failed(ATTACH, error))?;
        }
        Ok(address)
    }

    async fn manifest(&self, reference: &Reference) -> Result<Vec<u8>, Complaint> {
        let pulled = self.client.pull_manifest_raw(reference, &self.auth, MANIFEST_TYPES).await;
        let (manifest, _) = pulled.map_err(|error| self.failed(PULL, error))?;
        if manifest.len() > MANIFEST_BYTES_MAX {
            let problem = format!("its manifest has {} bytes", manifest.len());
            return Err(no_component(&self.address, problem));
        }
        Ok(manifest.to_vec())
    }

    /// What a descriptor describes: of its size, and of its digest, which the client verifies at the end.
    async fn blob(&self, layer: &OciDescriptor) -> Result<Vec<u8>, Complaint> {
        let size = usize::try_from(layer.size).unwrap_or(0);
        let wrong = |cause: &dyn StdError| not_as_described(&self.address, &layer.digest, cause);
        // By the digest alone: a descriptor may name other addresses to fetch from, and those are nobody's business.
        let opened = self.client.pull_blob_stream(self.address.reference(), layer.digest.as_str()).await;
        let mut stream = opened.map_err(|error| self.failed(PULL, error))?;
        let mut bytes = Vec::with_capacity(size);
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|error| match is_about_a_digest(&error) {
                true => wrong(&error),
                false => self.failed(PULL, OciDistributionError::IoError(error)),
            })?;
            if bytes.len() + chunk.len() > size {
                return Err(wrong(&io::Error::other(format!(
                    "more than the {size} bytes that are described"
                ))));
            }
            bytes.extend_from_slice(&chunk);
        }
        if bytes.len() < size {
            let problem = format!("{} bytes, and {size} are described", bytes.len());
            return Err(wrong(&io::Error::other(problem)));
        }
        Ok(bytes)
    }

    /// The signatures that refer to a component. Whoever may push can add one, so what is none is passed over.
    async fn signatures(&self, component: &Reference) -> Result<Vec<String>, Complaint> {
        let listed = self.client.pull_referrers(component, Some(SIGNATURE_TYPE)).await;
        let listed = listed.map_err(|error| self.failed(PULL, error))?.manifests;
        let of_ours =
            listed.into_iter().filter(|entry| entry.artifact_type.as_deref() == Some(SIGNATURE_TYPE));
        let mut signatures = Vec::new();
        for entry in of_ours.take(SIGNATURES_MAX) {
            let manifest = self.manifest(&component.clone_with_digest(entry.digest)).await?;
            let Some(layer) = layout::signature_layer(&manifest, SIGNATURE_BYTES_MAX) else { continue };
            let text = String::from_utf8(self.blob(&layer).await?).unwrap_or_default();
            if signing::is_signature(&text) {
                signatures.push(text);
            }
        }
        Ok(signatures)
    }

    async fn upload(&self, to: &Reference, artefact: &Artefact) -> Result<(), OciDistributionError> {
        for blob in [&artefact.layer, &artefact.config] {
            self.client.push_blob(to, blob.clone(), &layout::digest(blob)).await?;
        }
        let media_type = HeaderValue::from_static(OCI_IMAGE_MEDIA_TYPE);
        self.client.push_manifest_raw(to, artefact.manifest.clone(), media_type).await?;
        Ok(())
    }

    /// Pushes a signature by this key, and makes it known as one of this component's.
    async fn attach(
        &self,
        component: &Address,
        signature: &Artefact,
        by: &str,
    ) -> Result<(), OciDistributionError> {
        // A tag of its own keeps it from being cleared away with what is tagged by nothing.
        let tag = format!("{}.{by}.minisig", component.referrers_tag());
        self.upload(&component.tagged(tag), signature).await?;
        let mut index = self.client.pull_referrers(component.reference(), None).await?;
        if index.manifests.iter().any(|entry| entry.digest == signature.digest()) {
            return Ok(());
        }
        // The registry has no referrers API: the list is a tag, and whoever adds to it writes it.
        index.media_type = Some(OCI_IMAGE_INDEX_MEDIA_TYPE.to_owned());
        index.manifests.push(signature.index_entry());
        let list = component.tagged(component.referrers_tag());
        let media_type = HeaderValue::from_static(OCI_IMAGE_INDEX_MEDIA_TYPE);
        self.client.push_manifest_raw(&list, serde_json::to_vec(&index)?, media_type).await?;
        Ok(())
    }

    /// What a registry's refusal means to whoever asked. Its own words are shown, but for those about credentials.
    fn failed(&self, doing: Doing, error: OciDistributionError) -> Complaint {
        let (registry, address) = (self.address.registry(), &self.address);
        match kind(&error) {
            Kind::Denied => {
                let who = match &self.auth {
                    RegistryAuth::Basic(user, _) => format!("as `{user}`"),
                    _ => "without credentials".to_owned(),
                };
                Complaint::new(
                    Fault::Refused,
                    format!("the registry `{registry}` does not let `{address}` {} {who}", doing.what),
                    doing.state,
                    format!(
                        "`docker login {registry}` keeps credentials where they are looked for; or set {} and {}",
                        credentials::USERNAME,
                        credentials::PASSWORD
                    ),
                )
                .code("MAP089")
            }
            Kind::Missing => Complaint::new(
                Fault::NotFound,
                format!("the registry `{registry}` has no `{address}`"),
                doing.state,
                "look at the repository's name and the tag; some registries say this, too, of what one may not see",
            )
            .because(&error),
            Kind::Digest => not_as_described(address, "the manifest", &error),
            Kind::Unreachable => Complaint::new(
                Fault::Unreachable,
                format!("the registry `{registry}` could not be spoken to"),
                doing.state,
                "is the address right? A registry elsewhere that has no TLS is only called with `--plain-http`",
            )
            .because(&error),
            Kind::Other => Complaint::new(
                Fault::Refused,
                format!("the registry `{registry}` did not let `{address}` {}", doing.what),
                doing.state,
                "the cause is the registry's own answer",
            )
            .because(&error),
        }
    }
}

/// What is being done, and what it leaves behind if it fails.
#[derive(Clone, Copy)]
struct Doing {
    what: &'static str,
    state: &'static str,
}

const PULL: Doing = Doing { what: "be pulled", state: "nothing was stored, and nothing was sent to a host" };
const PUSH: Doing = Doing { what: "be pushed", state: "the tag is what it was before" };
const ATTACH: Doing =
    Doing { what: "be signed", state: "the component was pushed; its signature is not known to be there" };

enum Kind {
    Denied,
    Missing,
    Digest,
    Unreachable,
    Other,
}

fn kind(error: &OciDistributionError) -> Kind {
    use OciDistributionError as E;
    match error {
        E::UnauthorizedError { .. }
        | E::AuthenticationFailure(_)
        | E::ServerError { code: 401 | 403, .. } => Kind::Denied,
        E::RegistryError { envelope, .. } => match envelope.errors.first().map(|error| &error.code) {
            Some(OciErrorCode::Unauthorized | OciErrorCode::Denied) => Kind::Denied,
            Some(OciErrorCode::ManifestUnknown | OciErrorCode::NameUnknown | OciErrorCode::NotFound) => {
                Kind::Missing
            }
            _ => Kind::Other,
        },
        E::ServerError { code: 404, .. } | E::ImageManifestNotFoundError(_) => Kind::Missing,
        E::DigestError(_) => Kind::Digest,
        E::RequestError(_) | E::IoError(_) => Kind::Unreachable,
        _ => Kind::Other,
    }
}

fn is_about_a_digest(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<DigestError>())
}

fn no_component(address: &Address, problem: String) -> Complaint {
    Complaint::new(
        Fault::Refused,
        format!("`{address}` is not a component in the layout that wasm tools share"),
        PULL.state,
        "push it with `crosswalk plugin push`, or with another tool that writes this layout",
    )
    .code("MAP087")
    .because(&io::Error::other(problem))
}

fn not_as_described(address: &Address, what: &str, cause: &dyn StdError) -> Complaint {
    Complaint::new(
        Fault::Refused,
        format!("what the registry sent for `{address}` is not what it said it would be: {what}"),
        PULL.state,
        "somebody or something changed it in the registry or on the way: do not use it, and have it looked at there",
    )
    .code("MAP088")
    .because(cause)
}
