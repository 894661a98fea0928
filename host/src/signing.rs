//! Who answers for a plugin: where its component came from, and the signature that a tenant may demand of it.
//!
//! A tenant document may name public keys of minisign (`[plugin_policy]`). Then the tenant is routed to a component only
//! with a signature by one of them over exactly its bytes, whichever way the component comes: deployed, named in the
//! document, taken again for other settings, or gone back to. The keys of that moment count, so what a key signed that is
//! named no longer is not taken again; what runs goes on running. The mappings that are built into the host are part of
//! it, and nobody is asked for their signature. Why minisign: decision 17.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use crosswalk_journal::{Origin, Release, Signature};
use minisign_verify::{Error as VerifyError, PublicKey, Signature as Minisig};
use tokio::task;

use crate::{
    config::tenant::{PluginPolicy, TenantDocument},
    error::{Complaint, Fault},
};

#[cfg(test)]
mod tests;

/// A signature's file has at most this many bytes; minisign writes about 300, and as many more as its comments have.
pub(crate) const SIGNATURE_BYTES_MAX: usize = 4_096;

/// How many signatures may come with a component: one by each key, while keys are being changed.
pub(crate) const SIGNATURES_MAX: usize = 8;

/// How much of where a component came from, and of what its signer says, is kept, in characters.
const WORDS_CHARACTERS_MAX: usize = 500;

/// Where the mappings come from that are part of the host.
const BUILT_IN: &str = "built-in";

/// A component that somebody wants a tenant to be routed to.
#[derive(Clone, Debug)]
pub(crate) struct Offered {
    /// The component.
    pub(crate) bytes: Vec<u8>,
    place: String,
    signatures: Vec<String>,
}

impl Offered {
    /// A mapping that is part of the host.
    pub(crate) fn built_in(bytes: &[u8]) -> Self {
        Offered { bytes: bytes.to_vec(), place: BUILT_IN.to_owned(), signatures: Vec::new() }
    }

    /// A file of the host, with the signature that was found beside it.
    pub(crate) fn file(path: &Path, bytes: Vec<u8>, signature: Option<String>) -> Self {
        let place = format!("file {}", plain(&path.display().to_string()));
        Offered { bytes, place, signatures: signature.into_iter().collect() }
    }

    /// A component that came over the admin API. `source` is what the caller says of where it has it from: an OCI
    /// reference, or else the name of a file.
    pub(crate) fn uploaded(bytes: Vec<u8>, source: &str, signatures: Vec<String>) -> Self {
        let source = plain(source);
        let place = if source.starts_with("oci://") { source } else { format!("file {source}") };
        Offered { bytes, place, signatures }
    }

    /// A component that the journal has already.
    pub(crate) fn stored(bytes: Vec<u8>, release: &Release) -> Self {
        match &release.origin {
            Some(Origin { place, signature }) => {
                let signatures = signature.iter().map(|signature| signature.text.clone()).collect();
                Offered { bytes, place: place.clone(), signatures }
            }
            None => Offered { bytes, place: "unknown".to_owned(), signatures: Vec::new() },
        }
    }
}

/// The signature in the file beside a component's, `contoso.wasm.minisig` beside `contoso.wasm`, if there is one.
pub(crate) fn beside(component: &Path) -> io::Result<Option<String>> {
    match read_signature(&path_beside(component)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        read => read.map(Some),
    }
}

/// Where minisign puts the signature of a file.
pub(crate) fn path_beside(component: &Path) -> PathBuf {
    let mut path = component.as_os_str().to_owned();
    path.push(".minisig");
    path.into()
}

/// Reads a signature's file, if it is as small as one.
pub(crate) fn read_signature(file: &Path) -> io::Result<String> {
    if fs::metadata(file)?.len() > SIGNATURE_BYTES_MAX as u64 {
        return Err(io::Error::other(format!(
            "it has more than the {SIGNATURE_BYTES_MAX} bytes of a signature"
        )));
    }
    fs::read_to_string(file)
}

/// Asks whether a tenant with this document takes a component, and returns where it came from and who signed it, for the
/// journal. Without a policy a signature is kept as it came, so that one may be demanded later.
pub(crate) async fn admit(document: &TenantDocument, offered: &Offered) -> Result<Origin, Complaint> {
    let (tenant, policy, offered) = (document.name.clone(), document.plugin_policy.clone(), offered.clone());
    // Hashing a large component takes longer than a thread that serves may be kept.
    task::spawn_blocking(move || examine(&tenant, policy.as_ref(), &offered))
        .await
        .map_err(|error| Complaint::internal("verifying the plugin's signature", &error))?
}

fn examine(tenant: &str, policy: Option<&PluginPolicy>, offered: &Offered) -> Result<Origin, Complaint> {
    let signatures = decoded(&offered.signatures)?;
    let place = offered.place.clone();
    let Some(policy) = policy.filter(|_| place != BUILT_IN) else {
        let signature = signatures.first().map(|(text, minisig)| kept(text, minisig, None));
        return Ok(Origin { place, signature });
    };
    let mut refusals = Vec::new();
    for (text, minisig) in &signatures {
        match signer(policy, &offered.bytes, text, minisig) {
            Ok(signer) => return Ok(Origin { place, signature: Some(kept(text, minisig, Some(signer))) }),
            Err(refusal) => refusals.push(refusal),
        }
    }
    if refusals.is_empty() {
        refusals.push("no signature came with it".to_owned());
    }
    Err(untrusted(tenant, policy, &place, refusals))
}

/// The name and key of whom a signature is by, or why it does not count.
fn signer(policy: &PluginPolicy, bytes: &[u8], text: &str, minisig: &Minisig) -> Result<String, String> {
    let by = signature_key_id(text);
    let named = policy.signed_by.iter().find(|(_, key)| key_id(key) == by);
    let Some((name, key)) = named else {
        return Err(format!(
            "it is signed by key {}, which the tenant does not name",
            by.unwrap_or_default()
        ));
    };
    let verified = PublicKey::from_base64(key).and_then(|key| key.verify(bytes, minisig, false));
    match verified {
        Ok(()) => Ok(format!("{name} ({key})")),
        Err(VerifyError::UnexpectedAlgorithm) => Err(format!(
            "the signature by `{name}` is of minisign's legacy kind, which is made by versions before 0.10 and by `-l`"
        )),
        Err(_) => Err(format!("the signature by `{name}` is not over these bytes, or was changed")),
    }
}

fn decoded(texts: &[String]) -> Result<Vec<(&str, Minisig)>, Complaint> {
    let read = |text: &String| Minisig::decode(text).map_err(|error| unreadable(&error));
    texts.iter().map(|text| Ok((text.as_str(), read(text)?))).collect()
}

fn kept(text: &str, minisig: &Minisig, signer: Option<String>) -> Signature {
    Signature { text: text.to_owned(), comment: plain(minisig.trusted_comment()), signer }
}

/// What a stranger wrote, fit to be shown on one line.
fn plain(words: &str) -> String {
    let printable = |character: char| if character.is_control() { ' ' } else { character };
    words.chars().take(WORDS_CHARACTERS_MAX).map(printable).collect()
}

/// The id of a public key, as minisign shows it.
fn key_id(public_key: &str) -> Option<String> {
    let bytes = STANDARD.decode(public_key).ok()?;
    Some(bytes.get(2..10)?.iter().rev().map(|byte| format!("{byte:02X}")).collect())
}

/// Whether a text is a minisign signature, over whatever and by whomever.
pub(crate) fn is_signature(text: &str) -> bool {
    Minisig::decode(text).is_ok()
}

/// The id of the key that a signature says it is by: its second line begins as a public key does.
pub(crate) fn signature_key_id(text: &str) -> Option<String> {
    key_id(text.lines().nth(1)?)
}

/// The code of the complaint about a component that is not signed as the tenant demands.
pub(crate) const UNTRUSTED: &str = "MAP085";

/// What is refused comes to nothing, whichever way it came.
const UNCHANGED: &str = "this call stored nothing, and the tenant stays on the release that it is on";

fn untrusted(tenant: &str, policy: &PluginPolicy, place: &str, causes: Vec<String>) -> Complaint {
    let keys: Vec<String> = policy.signed_by.iter().map(|(name, key)| format!("`{name}` ({key})")).collect();
    let mut complaint = Complaint::new(
        Fault::Refused,
        format!("tenant `{tenant}` takes signed plugins only, and this one ({place}) is not signed as it demands"),
        UNCHANGED,
        format!(
            "sign the component with the secret key of {}: `minisign -Sm plugin.wasm`; then deploy it again, with the \
             signature beside the file, in the registry, or named with `--signature`",
            keys.join(" or ")
        ),
    )
    .code(UNTRUSTED);
    complaint.causes = causes;
    complaint
}

/// What came as a signature is none.
pub(crate) fn unreadable(cause: &dyn std::error::Error) -> Complaint {
    Complaint::new(
        Fault::Refused,
        "what came as the plugin's signature is no signature of minisign",
        UNCHANGED,
        "`minisign -Sm plugin.wasm` writes one into `plugin.wasm.minisig`; that file is meant",
    )
    .code("MAP086")
    .because(cause)
}
