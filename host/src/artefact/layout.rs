//! The layout of a component in a registry, which `wkg` and other wasm tools read and write, and of its signature.
//!
//! A component is one layer of type `application/wasm` under a config of type `application/vnd.wasm.config.v0+json`
//! ("Wasm OCI Artifact layout", CNCF TAG Runtime). The config says nothing that is not in the component, and no time:
//! the same component is the same artefact, whoever pushes it and when.

use aws_lc_rs::digest::{SHA256, digest as hash};
use oci_client::manifest::{
    ImageIndexEntry, OCI_IMAGE_INDEX_MEDIA_TYPE, OCI_IMAGE_MEDIA_TYPE, OciDescriptor, OciImageManifest,
    Versioned,
};
use serde::Serialize;
use wit_component::DecodedWasm;

use crate::{
    admin::COMPONENT_BYTES_MAX,
    error::{Complaint, Fault},
};

const CONFIG_TYPE: &str = "application/vnd.wasm.config.v0+json";
const LAYER_TYPE: &str = "application/wasm";

/// The type of a signature, as artefact and as layer. The layer is minisign's file as it is.
pub(super) const SIGNATURE_TYPE: &str = "application/vnd.crosswalk.minisign.v1";

/// The config of an artefact that has none, and its type (OCI image specification 1.1).
const EMPTY: &[u8] = b"{}";
const EMPTY_TYPE: &str = "application/vnd.oci.empty.v1+json";

/// What tools that pull files by name call the signature's.
const TITLE: &str = "org.opencontainers.image.title";
const SIGNATURE_NAME: &str = "plugin.wasm.minisig";

/// How a component begins; a core module has a 1 where the version is (component model, "Binary Format").
const COMPONENT_PREAMBLE: &[u8] = b"\0asm\x0d\0\x01\0";

/// What is uploaded for one artefact: three pieces of content, the last of which names the others by digest.
#[derive(Clone, Debug)]
pub(super) struct Artefact {
    pub(super) layer: Vec<u8>,
    pub(super) config: Vec<u8>,
    pub(super) manifest: Vec<u8>,
}

/// What a reader may want to know without pulling the component.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WasmConfig {
    created: &'static str,
    architecture: &'static str,
    os: &'static str,
    layer_digests: [String; 1],
    component: World,
}

#[derive(Serialize)]
struct World {
    exports: Vec<String>,
    imports: Vec<String>,
}

/// The artefact that a component is.
pub(super) fn component(bytes: &[u8]) -> Result<Artefact, Complaint> {
    let config = WasmConfig {
        // The layout demands one. The time of a push would make another artefact of the same component.
        created: "1970-01-01T00:00:00Z",
        architecture: "wasm",
        // What the layout calls components, also those that import no WASI.
        os: "wasip2",
        layer_digests: [digest(bytes)],
        component: world(bytes)?,
    };
    let config = json(&config)?;
    let manifest = OciImageManifest {
        media_type: Some(OCI_IMAGE_MEDIA_TYPE.to_owned()),
        config: descriptor(CONFIG_TYPE, &config),
        layers: vec![descriptor(LAYER_TYPE, bytes)],
        ..OciImageManifest::default()
    };
    Ok(Artefact { layer: bytes.to_vec(), config, manifest: json(&manifest)? })
}

/// The artefact that a signature is, which refers to the component's.
pub(super) fn signature(text: &str, subject: OciDescriptor) -> Result<Artefact, Complaint> {
    let named = [(TITLE.to_owned(), SIGNATURE_NAME.to_owned())].into();
    let layer = OciDescriptor { annotations: Some(named), ..descriptor(SIGNATURE_TYPE, text.as_bytes()) };
    let manifest = OciImageManifest {
        media_type: Some(OCI_IMAGE_MEDIA_TYPE.to_owned()),
        artifact_type: Some(SIGNATURE_TYPE.to_owned()),
        config: descriptor(EMPTY_TYPE, EMPTY),
        layers: vec![layer],
        subject: Some(subject),
        ..OciImageManifest::default()
    };
    Ok(Artefact { layer: text.as_bytes().to_vec(), config: EMPTY.to_vec(), manifest: json(&manifest)? })
}

impl Artefact {
    pub(super) fn digest(&self) -> String {
        digest(&self.manifest)
    }

    /// What others refer to it by.
    pub(super) fn descriptor(&self) -> OciDescriptor {
        descriptor(OCI_IMAGE_MEDIA_TYPE, &self.manifest)
    }

    /// Itself in a list of what refers to a component.
    pub(super) fn index_entry(&self) -> ImageIndexEntry {
        let OciDescriptor { media_type, digest, size, .. } = self.descriptor();
        let artifact_type = Some(SIGNATURE_TYPE.to_owned());
        ImageIndexEntry { media_type, digest, size, platform: None, annotations: None, artifact_type }
    }
}

/// The one layer of a component's manifest, or what it is instead.
pub(super) fn component_layer(manifest: &[u8]) -> Result<OciDescriptor, String> {
    let versioned: Versioned = parsed(manifest)?;
    match versioned.media_type.as_deref() {
        None | Some(OCI_IMAGE_MEDIA_TYPE) => {}
        Some(OCI_IMAGE_INDEX_MEDIA_TYPE) => return Err("it is a list of several artefacts".to_owned()),
        Some(other) => {
            return Err(format!("its manifest is of type `{other}`, and not `{OCI_IMAGE_MEDIA_TYPE}`"));
        }
    }
    let manifest: OciImageManifest = parsed(manifest)?;
    if manifest.config.media_type != CONFIG_TYPE {
        return Err(format!(
            "its config is of type `{}`, and not `{CONFIG_TYPE}`",
            manifest.config.media_type
        ));
    }
    let count = manifest.layers.len();
    let [layer] = <[OciDescriptor; 1]>::try_from(manifest.layers)
        .map_err(|_| format!("it has {count} layers, and a component is one"))?;
    if layer.media_type != LAYER_TYPE {
        return Err(format!("its layer is of type `{}`, and not `{LAYER_TYPE}`", layer.media_type));
    }
    if !fits(&layer, COMPONENT_BYTES_MAX) {
        return Err(format!(
            "its layer has {} bytes, and a host takes {COMPONENT_BYTES_MAX} at most",
            layer.size
        ));
    }
    Ok(layer)
}

/// The one layer of a signature's manifest, if it is one.
pub(super) fn signature_layer(manifest: &[u8], bytes_max: usize) -> Option<OciDescriptor> {
    let manifest: OciImageManifest = parsed(manifest).ok()?;
    let [layer] = <[OciDescriptor; 1]>::try_from(manifest.layers).ok()?;
    (layer.media_type == SIGNATURE_TYPE && fits(&layer, bytes_max)).then_some(layer)
}

/// A digest as registries write it.
pub(super) fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(hash(&SHA256, bytes)))
}

fn fits(layer: &OciDescriptor, bytes_max: usize) -> bool {
    usize::try_from(layer.size).is_ok_and(|size| size <= bytes_max)
}

fn descriptor(media_type: &str, bytes: &[u8]) -> OciDescriptor {
    OciDescriptor {
        media_type: media_type.to_owned(),
        digest: digest(bytes),
        size: i64::try_from(bytes.len()).unwrap_or(i64::MAX),
        ..OciDescriptor::default()
    }
}

fn world(bytes: &[u8]) -> Result<World, Complaint> {
    let refused = || {
        Complaint::new(
            Fault::Refused,
            "what is to be pushed is no component",
            "nothing was pushed",
            "build it with `crosswalk plugin build`",
        )
    };
    if !bytes.starts_with(COMPONENT_PREAMBLE) {
        return Err(refused());
    }
    let decoded = wit_component::decode(bytes).map_err(|error| refused().because(error.as_ref()))?;
    let DecodedWasm::Component(resolve, world) = decoded else { return Err(refused()) };
    let world = resolve.worlds.get(world).ok_or_else(refused)?;
    let exports = world.exports.keys().map(|key| resolve.name_world_key(key)).collect();
    let imports = world.imports.keys().map(|key| resolve.name_world_key(key)).collect();
    Ok(World { exports, imports })
}

fn json(value: &impl Serialize) -> Result<Vec<u8>, Complaint> {
    serde_json::to_vec(value).map_err(|error| Complaint::internal("writing down an artefact", &error))
}

fn parsed<T: serde::de::DeserializeOwned>(manifest: &[u8]) -> Result<T, String> {
    serde_json::from_slice(manifest).map_err(|error| format!("its manifest cannot be read: {error}"))
}
