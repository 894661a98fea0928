//! A partner developer's path: a new plugin, built, checked, deployed, and rolled back, with the commands of the guide.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use crosswalk_tests::Stage;

use crate::program;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_plugin_is_built_checked_deployed_and_rolled_back() {
    let stage = Stage::start(program()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let made = run(&["plugin", "new", "first-mapping"], folder.path());
    assert!(made.status.success(), "{made:?}");
    let plugin = folder.path().join("first-mapping");
    // The versions that are here already, so that no registry is asked.
    fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.lock"), plugin.join("Cargo.lock")).unwrap();

    let built = run(&["--json", "plugin", "build", "first-mapping", "--offline"], folder.path());
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let built: serde_json::Value = serde_json::from_slice(&built.stdout).unwrap();
    let component = built["component"].as_str().unwrap();
    let imports = built["imports"].as_array().unwrap();
    assert!(imports.iter().all(|import| import.as_str().unwrap().starts_with("crosswalk:mapping/")), "{imports:?}");

    let checked = run(&["plugin", "check", component], folder.path());
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    assert!(String::from_utf8_lossy(&checked.stdout).contains("is accepted"));

    let admin = |command: &[&str]| {
        let token = stage.folder().join("state/admin.token");
        let host = ["--tenant", "contoso", "--host", &stage.admin_url(), "--token-file", token.to_str().unwrap()]
            .map(str::to_owned);
        let words: Vec<String> = command.iter().map(|word| (*word).to_owned()).chain(host).collect();
        run(&words.iter().map(String::as_str).collect::<Vec<_>>(), folder.path())
    };
    let deployed = admin(&["--json", "plugin", "deploy", component]);
    assert!(deployed.status.success(), "{}", String::from_utf8_lossy(&deployed.stderr));
    let deployed: serde_json::Value = serde_json::from_slice(&deployed.stdout).unwrap();
    assert_eq!(deployed["generation"].to_string(), "2");
    let back = admin(&["--json", "plugin", "rollback"]);
    assert!(back.status.success(), "{}", String::from_utf8_lossy(&back.stderr));
    let back: serde_json::Value = serde_json::from_slice(&back.stdout).unwrap();
    assert_eq!(back["generation"].to_string(), "3");
    assert_ne!(back["digest"], deployed["digest"]);
    let listed = admin(&["plugin", "list"]);
    assert_eq!(String::from_utf8_lossy(&listed.stdout).lines().count(), 2);

    let again = run(&["plugin", "new", "first-mapping"], folder.path());
    assert_eq!(again.status.code(), Some(5), "an existing folder is left alone");
}

fn run(args: &[&str], folder: &Path) -> Output {
    Command::new(program()).args(args).current_dir(folder).output().unwrap()
}
