//! Addresses, and the layout as others read it. What happens in a real registry is in the end-to-end tests.

use serde_json::{Value, json};

use super::{layout::*, *};

/// A component of ours.
const COMPONENT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/dynamics.wasm"));

const DIGEST: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000001";

#[test]
fn an_address_names_its_registry_and_a_tag_or_a_digest() {
    for text in [
        "oci://ghcr.example/contoso/mapping:1.4.0".to_owned(),
        format!("oci://127.0.0.1:5000/mapping@{DIGEST}"),
        format!("oci://localhost:5000/mapping:1@{DIGEST}"),
    ] {
        assert_eq!(Address::parse(&text).unwrap().to_string(), text);
    }
    for text in [
        "oci://",
        "oci://mapping",
        "oci://mapping:1.4.0",
        "oci://contoso/mapping:1.4.0",
        "oci://ghcr.example/contoso/mapping",
        "oci://ghcr.example/Contoso/mapping:1",
        "oci://user:secret@ghcr.example/contoso/mapping:1",
        "oci://ghcr.example/contoso/mapping@sha256:12",
    ] {
        let complaint = Address::parse(text).expect_err(text);
        assert!(complaint.help.contains("oci://registry.example/contoso/mapping:1.4.0"), "{complaint}");
    }
}

#[test]
fn a_tag_is_pinned_once_and_a_digest_stays_what_it_is() {
    let loose = Address::parse("oci://ghcr.example/contoso/mapping:1.4.0").unwrap();
    assert_eq!((loose.loose_tag(), loose.digest()), (Some("1.4.0"), None));
    let pinned = loose.pinned(DIGEST);
    assert_eq!(pinned.to_string(), format!("oci://ghcr.example/contoso/mapping:1.4.0@{DIGEST}"));
    assert_eq!((pinned.loose_tag(), pinned.digest()), (None, Some(DIGEST)));
    assert_eq!(pinned.pinned("sha256:2"), pinned);
    assert_eq!(pinned.referrers_tag(), DIGEST.replace(':', "-"));
    assert!(Address::parse_tag(&pinned.to_string()).is_err(), "one pushes to a tag");
}

#[test]
fn only_a_registry_on_this_machine_is_spoken_to_in_plain_http() {
    for (registry, here) in [
        ("127.0.0.1:5000", true),
        ("localhost:5000", true),
        ("localhost.example", false),
        ("127.0.0.1.example:5000", false),
        ("192.168.0.7:5000", false),
        ("ghcr.example", false),
    ] {
        let address = Address::parse(&format!("oci://{registry}/mapping:1")).unwrap();
        assert_eq!(address.is_on_this_machine(), here, "{registry}");
    }
}

#[test]
fn a_component_has_the_layout_of_wasm_tools_and_is_the_same_artefact_each_time() {
    let artefact = component(COMPONENT).unwrap();
    let manifest: Value = serde_json::from_slice(&artefact.manifest).unwrap();
    assert_eq!(
        manifest,
        json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {
                "mediaType": "application/vnd.wasm.config.v0+json",
                "digest": digest(&artefact.config),
                "size": artefact.config.len(),
            },
            "layers": [{ "mediaType": "application/wasm", "digest": digest(COMPONENT), "size": COMPONENT.len() }],
        })
    );
    let config: Value = serde_json::from_slice(&artefact.config).unwrap();
    assert_eq!((&config["architecture"], &config["os"]), (&json!("wasm"), &json!("wasip2")));
    assert_eq!(config["layerDigests"], json!([digest(COMPONENT)]));
    assert_eq!(config["component"]["exports"], json!(["crosswalk:mapping/mapping@1.0.0"]));
    let imports = config["component"]["imports"].as_array().unwrap();
    assert!(imports.iter().any(|import| import == "crosswalk:mapping/log@1.0.0"), "{imports:?}");
    assert_eq!(component(COMPONENT).unwrap().digest(), artefact.digest());
}

#[test]
fn what_is_no_component_is_not_pushed() {
    for bytes in [b"\0asm\x01\0\0\0".as_slice(), b"\0asm\x0d\0\x01\0\x07", b"PK", b""] {
        let complaint = component(bytes).unwrap_err();
        assert!(
            complaint.help.contains("plugin build") && complaint.state == "nothing was pushed",
            "{complaint}"
        );
    }
}

#[test]
fn an_artefact_in_another_layout_is_refused_with_what_it_is_instead() {
    let good: Value = serde_json::from_slice(&component(COMPONENT).unwrap().manifest).unwrap();
    let read = |manifest: &Value| component_layer(manifest.to_string().as_bytes());
    assert_eq!(read(&good).unwrap().digest, digest(COMPONENT));
    let two = json!([good["layers"][0], good["layers"][0]]);
    for (pointer, value, problem) in [
        ("/mediaType", json!("application/vnd.oci.image.index.v1+json"), "a list of several artefacts"),
        ("/mediaType", json!("application/vnd.docker.distribution.manifest.v2+json"), "docker.distribution"),
        ("/config/mediaType", json!("application/vnd.oci.image.config.v1+json"), "its config is of type"),
        ("/layers", two, "it has 2 layers"),
        ("/layers", json!([]), "it has 0 layers"),
        ("/layers/0/mediaType", json!("application/vnd.oci.image.layer.v1.tar+gzip"), "its layer is of type"),
        ("/layers/0/size", json!(64 * 1024 * 1024 + 1), "67108865 bytes"),
        ("/layers/0/size", json!(-1), "-1 bytes"),
    ] {
        let mut other = good.clone();
        *other.pointer_mut(pointer).unwrap() = value;
        let said = read(&other).unwrap_err();
        assert!(said.contains(problem), "{said}");
    }
    assert!(component_layer(b"{").unwrap_err().contains("cannot be read"));
}

#[test]
fn a_signature_is_minisigns_own_file_and_refers_to_its_component() {
    let text = include_str!("../signing/made/good.minisig");
    let subject = component(COMPONENT).unwrap().descriptor();
    let artefact = signature(text, subject.clone()).unwrap();
    assert_eq!(artefact.layer, text.as_bytes());
    let manifest: Value = serde_json::from_slice(&artefact.manifest).unwrap();
    assert_eq!(manifest["artifactType"], SIGNATURE_TYPE);
    assert_eq!(manifest["subject"]["digest"], json!(subject.digest));
    assert_eq!(manifest["layers"][0]["annotations"]["org.opencontainers.image.title"], "plugin.wasm.minisig");
    assert_eq!(signature_layer(&artefact.manifest, 4_096).unwrap().digest, digest(text.as_bytes()));
    assert!(signature_layer(&artefact.manifest, 100).is_none(), "too large for a signature");
    assert!(signature_layer(&component(COMPONENT).unwrap().manifest, 1 << 30).is_none());
}
