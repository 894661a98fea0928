//! Components in a registry.

use std::fs;

use serde_json::{Value, json};

use super::{COMPONENT, Desk, Office, another_component, said, tools};
use tools::{PASSWORD, Registry, USER};

/// Pushes a file of the desk and returns where it is, pinned.
fn pushed(desk: &Desk, file: &str, to: &str) -> String {
    let said = desk.does(&["--json", "plugin", "push", file, to]);
    let said: Value = serde_json::from_str(&said).unwrap();
    said["component"].as_str().unwrap().to_owned()
}

/// The digest at the end of a pinned address.
fn digest(address: &str) -> &str {
    address.split_once('@').unwrap().1
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_goes_to_a_registry_in_the_layout_of_wasm_tools_and_comes_back_by_tag_and_by_digest() {
    let Some(registry) = Registry::open().await else { return };
    let desk = Desk::new();
    let tag = registry.address("fabrikam/mapping:1.0.0");
    let pinned = pushed(&desk, "v1.wasm", &tag);

    let manifest = registry.json("fabrikam/mapping/manifests/1.0.0").await;
    let layer = manifest["layers"][0]["digest"].as_str().unwrap().to_owned();
    assert_eq!(
        manifest,
        json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {
                "mediaType": "application/vnd.wasm.config.v0+json",
                "digest": manifest["config"]["digest"],
                "size": manifest["config"]["size"],
            },
            "layers": [{ "mediaType": "application/wasm", "digest": layer, "size": COMPONENT.len() }],
        })
    );
    let config = manifest["config"]["digest"].as_str().unwrap();
    let config = registry.json(&format!("fabrikam/mapping/blobs/{config}")).await;
    assert_eq!((&config["architecture"], &config["os"]), (&json!("wasm"), &json!("wasip2")));
    assert_eq!(config["layerDigests"], json!([layer]));
    assert_eq!(config["component"]["exports"], json!(["crosswalk:mapping/mapping@1.0.0"]));

    let said = desk.does(&["plugin", "pull", &tag, "-o", "by-tag.wasm"]);
    assert!(said.contains(&format!("the tag `1.0.0` is {} now", digest(&pinned))), "{said}");
    assert!(said.contains("nobody signed it"), "{said}");
    let by_digest = registry.address(&format!("fabrikam/mapping@{}", digest(&pinned)));
    desk.does(&["plugin", "pull", &by_digest, "-o", "by-digest.wasm"]);
    assert!(desk.read("by-tag.wasm") == COMPONENT && desk.read("by-digest.wasm") == COMPONENT);

    let again = desk.fails(&["plugin", "pull", &tag, "-o", "by-tag.wasm"], 3);
    assert!(again.contains("a file that does not exist yet"), "{again}");
    let elsewhere = pushed(&desk, "v1.wasm", &registry.address("fabrikam/mapping:latest"));
    assert_eq!(digest(&elsewhere), digest(&pinned), "the same component is the same artefact");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_that_is_moved_changes_nothing_that_was_deployed() {
    let Some(registry) = Registry::open().await else { return };
    let office = Office::open("", "").await;
    let tag = registry.address("mapping:stable");
    let first = pushed(&office.desk, "v1.wasm", &tag);
    let deployed = office.deploys(&[&tag]);
    assert_eq!(office.live(), deployed["digest"].as_str().unwrap());

    let second = pushed(&office.desk, "v2.wasm", &tag);
    assert_ne!(first, second);
    assert_eq!(office.live(), deployed["digest"].as_str().unwrap());
    let release = &office.releases()[0];
    assert_eq!(release["origin"], json!({ "place": first, "signed": false }));

    // Another host, or the same one later, gets by digest what was tried by tag.
    let by_digest = registry.address(&format!("mapping@{}", digest(&first)));
    assert_eq!(office.deploys(&[&by_digest])["digest"], deployed["digest"]);
    let moved = office.deploy(&[&tag]);
    assert!(
        said(&moved).contains(&format!("the tag `stable` is {} now", digest(&second))),
        "{}",
        said(&moved)
    );
    assert_ne!(office.live(), deployed["digest"].as_str().unwrap());
    let audit = office.audit().await;
    for place in [&first, &by_digest, &second] {
        assert!(audit.contains(&format!("from {place}, unsigned")), "{audit}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_that_was_changed_in_the_registry_reaches_no_file_and_no_host() {
    let Some(registry) = Registry::open().await else { return };
    let office = Office::open("", "").await;
    let tag = registry.address("mapping:1");
    pushed(&office.desk, "v1.wasm", &tag);
    let manifest = registry.json("mapping/manifests/1").await;
    let blob = registry.blob_file(manifest["layers"][0]["digest"].as_str().unwrap());
    let (before, live) = (office.stored().await, office.live());

    let mut bytes = fs::read(&blob).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    for changed in [bytes, another_component(), COMPONENT[..1_000].to_vec()] {
        fs::write(&blob, changed).unwrap();
        let said = office.desk.fails(&["plugin", "pull", &tag, "-o", "v.wasm"], 5);
        assert!(said.contains("MAP088") && said.contains("nothing was stored"), "{said}");
        assert!(!office.desk.path("v.wasm").exists());
        let deployed = office.deploy(&[&tag]);
        assert_eq!(deployed.status.code(), Some(5), "{}", super::said(&deployed));
    }
    assert_eq!((office.stored().await, office.live()), (before, live));

    let unpinned =
        registry.address("mapping@sha256:0000000000000000000000000000000000000000000000000000000000000000");
    assert!(office.desk.fails(&["plugin", "pull", &unpinned, "-o", "v.wasm"], 6).contains("has no"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_component_in_a_registry_is_refused_with_what_it_is_instead() {
    let Some(registry) = Registry::open().await else { return };
    let desk = Desk::new();
    pushed(&desk, "v1.wasm", &registry.address("mapping:1"));
    let good = registry.json("mapping/manifests/1").await;
    let layer = &good["layers"][0];
    for (tag, pointer, value, problem) in [
        (
            "image",
            "/config/mediaType",
            json!("application/vnd.oci.image.config.v1+json"),
            "its config is of type",
        ),
        ("layers", "/layers", json!([layer, layer]), "it has 2 layers"),
        (
            "tar",
            "/layers/0/mediaType",
            json!("application/vnd.oci.image.layer.v1.tar"),
            "its layer is of type",
        ),
    ] {
        let mut other = good.clone();
        *other.pointer_mut(pointer).unwrap() = value;
        registry.put_manifest(&format!("mapping/manifests/{tag}"), &other).await;
        let said =
            desk.fails(&["plugin", "pull", &registry.address(&format!("mapping:{tag}")), "-o", "x.wasm"], 5);
        assert!(said.contains("MAP087") && said.contains(problem), "{said}");
    }
    let missing = desk.fails(&["plugin", "pull", &registry.address("mapping:none"), "-o", "x.wasm"], 6);
    assert!(missing.contains("has no `oci://") && missing.contains("mapping:none"), "{missing}");
    fs::write(desk.path("core.wasm"), b"\0asm\x01\0\0\0").unwrap();
    let core = desk.fails(&["plugin", "push", "core.wasm", &registry.address("mapping:core")], 5);
    assert!(core.contains("no component") && core.contains("nothing was pushed"), "{core}");
    assert!(!desk.path("x.wasm").exists());
}

#[test]
fn a_registry_that_does_not_answer_is_named_with_what_to_check() {
    let desk = Desk::new();
    let said = desk.fails(&["plugin", "pull", "oci://127.0.0.1:9/mapping:1", "-o", "x.wasm"], 4);
    assert!(said.contains("`127.0.0.1:9` could not be spoken to") && said.contains("--plain-http"), "{said}");
    let said = desk.fails(&["plugin", "push", "v1.wasm", "oci://mapping"], 3);
    assert!(said.contains("the registry, the repository, and a tag or a digest"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_asks_who_is_calling_is_told_and_no_secret_shows() {
    let Some(registry) = Registry::guarded().await else { return };
    let mut desk = Desk::new();
    let tag = registry.address("mapping:1");
    let push = ["plugin", "push", "v1.wasm", tag.as_str()];
    let mut all_said = desk.fails(&push, 5);
    assert!(all_said.contains("MAP089") && all_said.contains("without credentials"), "{all_said}");
    assert!(all_said.contains("docker login 127.0.0.1:"), "{all_said}");

    let environment = |password: &str| {
        let user = ("CROSSWALK_REGISTRY_USERNAME", USER.to_owned());
        vec![user, ("CROSSWALK_REGISTRY_PASSWORD", password.to_owned())]
    };
    desk.environment = environment(&format!("not-{PASSWORD}"));
    let wrong = desk.fails(&push, 5);
    assert!(wrong.contains("MAP089") && wrong.contains("as `ada`"), "{wrong}");
    desk.environment = environment(PASSWORD);
    let right = desk.does(&push);
    desk.environment = Vec::new();
    let pull = ["plugin", "pull", tag.as_str(), "-o", "pulled.wasm"];
    let anonymous = desk.fails(&pull, 5);
    tools::logged_in(&desk.path("docker"), &registry);
    let known = desk.does(&pull);
    assert_eq!(desk.read("pulled.wasm"), COMPONENT);
    for said in [wrong, right, anonymous, known] {
        all_said.push_str(&said);
    }
    assert!(!all_said.contains(PASSWORD) && !all_said.contains("YWRhOmNhbmFye"), "{all_said}");
}
