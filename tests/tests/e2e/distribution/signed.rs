//! Plugins that a tenant takes only if they are signed, with signatures by the real minisign.

use std::fs;

use crosswalk_tests::built;
use serde_json::json;

use super::{COMPONENT, Desk, Office, said, tools};
use tools::{Registry, Signer};

#[tokio::test(flavor = "multi_thread")]
async fn only_what_a_trusted_key_signed_is_deployed_and_the_audit_says_who() {
    let office = Office::without_tenant().await;
    let desk = &office.desk;
    let Some(build) = Signer::new(desk, "build-2026") else { return };
    let stranger = Signer::new(desk, "stranger").unwrap();
    // The mapping that the tenant begins with is part of the host, and nobody has signed it.
    office.applies("", &Signer::policy(&[&build]));
    let (built_in, before) = (office.live(), office.stored().await);

    let refused = |component: &[&str], why: &str| {
        for stage in ["live", "shadow", "canary"] {
            let output = office.deploy(&[component, ["--stage", stage].as_slice()].concat());
            assert_eq!(output.status.code(), Some(5), "{}", said(&output));
            let said = said(&output);
            let key = format!("`build-2026` ({})", build.public_key());
            for words in ["MAP085", why, &key, "minisign -Sm", "stored nothing"] {
                assert!(said.contains(words), "`{words}` is missing in:\n{said}");
            }
        }
    };
    refused(&["v1.wasm"], "no signature came with it");
    stranger.signs("v1.wasm", "stranger.minisig", "trust me");
    refused(&["v1.wasm", "--signature", "stranger.minisig"], "which the tenant does not name");
    build.signs("v2.wasm", "other.minisig", "of another component");
    refused(&["v1.wasm", "--signature", "other.minisig"], "is not over these bytes");
    let garbage = office.deploy(&["v1.wasm", "--signature", "v1.wasm"]);
    assert_eq!(garbage.status.code(), Some(3), "{}", said(&garbage));
    assert_eq!((office.live(), office.stored().await), (built_in.clone(), before));
    assert_eq!(office.releases().len(), 1);

    build.signs("v1.wasm", "v1.wasm.minisig", "fabrikam 1.0.0, built by ada");
    let deployed = office.deploys(&["v1.wasm"]);
    assert_eq!(office.live(), deployed["digest"].as_str().unwrap());
    let listed = said(&office.admin(&["plugin", "list", "--tenant", "fabrikam"]));
    let signed = format!("signed by build-2026 ({}): fabrikam 1.0.0, built by ada", build.public_key());
    assert!(listed.contains(&format!("from file v1.wasm, {signed}")), "{listed}");
    assert!(office.audit().await.contains(&signed));

    let back = office.admin(&["plugin", "rollback", "--tenant", "fabrikam"]);
    assert!(back.status.success() && office.live() == built_in, "{}", said(&back));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_the_document_names_needs_its_signature_beside_it() {
    let office = Office::without_tenant().await;
    let Some(build) = Signer::new(&office.desk, "build-2026") else { return };
    let policy = Signer::policy(&[&build]);
    // What a document names is asked the laws, so this one keeps them.
    fs::write(office.desk.path("named.wasm"), built("tests/guests/region").unwrap()).unwrap();
    let plugin = format!("plugin = {{ path = {:?} }}", office.desk.path("named.wasm"));
    let refused = office.apply(&plugin, &policy);
    assert!(refused.status.code() == Some(5) && said(&refused).contains("MAP085"), "{}", said(&refused));
    let shown = office.admin(&["tenant", "show", "fabrikam"]);
    assert_eq!(shown.status.code(), Some(6), "the tenant was not applied");
    build.signs("named.wasm", "named.wasm.minisig", "named in the document");
    office.applies(&plugin, &policy);
    assert_eq!(office.releases()[0]["origin"]["comment"], "named in the document");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_key_signed_that_is_named_no_longer_runs_on_but_does_not_come_back() {
    let office = Office::without_tenant().await;
    let desk = &office.desk;
    let Some(earlier) = Signer::new(desk, "build-2026") else { return };
    let later = Signer::new(desk, "build-2027").unwrap();
    earlier.signs("v1.wasm", "v1.wasm.minisig", "by the earlier key");
    later.signs("v2.wasm", "v2.wasm.minisig", "by the later key");

    office.applies("", &Signer::policy(&[&earlier]));
    let first = office.deploys(&["v1.wasm"]);
    assert_eq!(office.deploy(&["v2.wasm"]).status.code(), Some(5), "the later key is not named yet");
    office.applies("", &Signer::policy(&[&earlier, &later]));
    let second = office.deploys(&["v2.wasm"]);
    // While both are named, both ways are open.
    let rollback = ["plugin", "rollback", "--tenant", "fabrikam"];
    assert!(office.admin(&rollback).status.success());
    assert_eq!(office.live(), first["digest"].as_str().unwrap());

    // Nobody is stopped by a key that is taken off, but other settings make another release of what is not trusted.
    office.applies("", &Signer::policy(&[&later]));
    assert_eq!(office.live(), first["digest"].as_str().unwrap());
    let other = format!("[settings]\nprefix = \"Other: \"\n{}", Signer::policy(&[&later]));
    let refused = office.apply("", &other);
    assert!(refused.status.code() == Some(5) && said(&refused).contains("MAP085"), "{}", said(&refused));

    office.deploys(&["v2.wasm"]);
    let refused = office.admin(&rollback);
    assert_eq!(refused.status.code(), Some(5), "{}", said(&refused));
    assert!(
        said(&refused).contains("MAP085") && said(&refused).contains("does not name"),
        "{}",
        said(&refused)
    );
    assert_eq!(office.live(), second["digest"].as_str().unwrap());

    // It comes back once the present key answers for it, too: the newer signature stays with the release.
    later.signs("v1.wasm", "again.minisig", "looked at again");
    office.deploys(&["v1.wasm", "--signature", "again.minisig"]);
    office.deploys(&["v2.wasm"]);
    assert!(office.admin(&rollback).status.success());
    assert_eq!(office.live(), first["digest"].as_str().unwrap());
    let audit = office.audit().await;
    for words in ["which demands no signature", "by the earlier key", "looked at again"] {
        assert!(
            words == "which demands no signature" || audit.contains(words),
            "`{words}` is missing in:\n{audit}"
        );
    }
    assert!(
        audit.contains("which takes plugins signed by build-2026") && audit.contains("signed by build-2027")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_candidate_whose_key_was_taken_off_is_not_promoted_and_can_be_dropped() {
    let office = Office::without_tenant().await;
    let desk = &office.desk;
    let Some(earlier) = Signer::new(desk, "build-2026") else { return };
    let later = Signer::new(desk, "build-2027").unwrap();
    earlier.signs("v1.wasm", "v1.wasm.minisig", "by the earlier key");
    office.applies("", &Signer::policy(&[&earlier]));
    let built_in = office.live();
    office.deploys(&["v1.wasm", "--stage", "shadow"]);
    office.applies("", &Signer::policy(&[&later]));

    for to in ["canary", "live"] {
        let refused = office.admin(&["plugin", "promote", "--tenant", "fabrikam", "--to", to]);
        assert!(refused.status.code() == Some(5) && said(&refused).contains("MAP085"), "{}", said(&refused));
    }
    assert_eq!(office.releases()[0]["stage"], "shadow", "it stays what it is");
    let dropped = office.admin(&["plugin", "rollback", "--tenant", "fabrikam"]);
    assert!(dropped.status.success() && office.live() == built_in, "{}", said(&dropped));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_travels_with_its_component_and_anybody_can_verify_it() {
    let Some(registry) = Registry::open().await else { return };
    let office = Office::without_tenant().await;
    let desk: &Desk = &office.desk;
    let Some(earlier) = Signer::new(desk, "build-2026") else { return };
    let later = Signer::new(desk, "build-2027").unwrap();
    let tag = registry.address("fabrikam/mapping:1");
    earlier.signs("v1.wasm", "v1.wasm.minisig", "released");
    let pushed = desk.does(&["plugin", "push", "v1.wasm", &tag]);
    assert!(pushed.contains("signed by key"), "{pushed}");

    // As the specification has it: an index of what refers to the component, under a tag made of its digest.
    let pinned = pushed.split_whitespace().find(|word| word.contains('@')).unwrap().trim_end_matches(',');
    let (_, digest) = pinned.split_once('@').unwrap();
    let list = registry.json(&format!("fabrikam/mapping/manifests/{}", digest.replace(':', "-"))).await;
    let entry = &list["manifests"][0];
    assert_eq!(entry["artifactType"], "application/vnd.crosswalk.minisign.v1");
    let signature = entry["digest"].as_str().unwrap();
    let signature = registry.json(&format!("fabrikam/mapping/manifests/{signature}")).await;
    assert_eq!(signature["subject"]["digest"], json!(digest));

    desk.does(&["plugin", "pull", &tag, "-o", "pulled.wasm"]);
    assert_eq!(desk.read("pulled.wasm.minisig"), desk.read("v1.wasm.minisig"));
    assert!(earlier.verifies("pulled.wasm").contains("Trusted comment: released"));
    office.applies("", &Signer::policy(&[&earlier]));
    office.deploys(&[&tag]);
    let origin = &office.releases()[0]["origin"];
    assert_eq!((&origin["place"], &origin["comment"]), (&json!(pinned), &json!("released")));

    // A second signature, by another key, changes neither the component nor its digest.
    later.signs("v1.wasm", "later.minisig", "released, too");
    let again = desk.does(&["plugin", "push", "v1.wasm", &tag, "--signature", "later.minisig"]);
    assert!(again.contains(digest), "{again}");
    office.applies("", &Signer::policy(&[&later]));
    office.deploys(&[&tag]);
    assert_eq!(office.releases()[0]["origin"]["comment"], "released, too");
    desk.does(&["plugin", "pull", &tag, "-o", "twice.wasm"]);
    assert!(desk.path("twice.wasm.2.minisig").exists());
    // Whoever can push can add what is no signature, and stops nobody by it.
    let garbage = desk.path("v2.wasm.minisig");
    fs::write(&garbage, "hunter2").unwrap();
    assert!(desk.fails(&["plugin", "push", "v2.wasm", &tag], 3).contains("MAP086"));
    assert_eq!(desk.read("pulled.wasm"), COMPONENT);
}
