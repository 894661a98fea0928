//! What `plugin new` copies builds, offline and without a word of WebAssembly in it, into a component that imports
//! nothing but the contract.
#![expect(clippy::unwrap_used, reason = "helpers of tests, outside of a test function")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use crosswalk_builder::{Options, PACKAGE, build};

fn copy(from: &Path, to: &Path, sdk: &Path) {
    fs::create_dir_all(to.join("src")).unwrap();
    for file in ["Cargo.toml", "src/lib.rs"] {
        let text = fs::read_to_string(from.join(file)).unwrap();
        let dependency = format!("crosswalk-sdk = {{ path = {:?} }}", sdk.to_str().unwrap());
        let text = text.replace("{{name}}", "fresh-plugin").replace("{{dependencies}}", &dependency);
        fs::write(to.join(file), text).unwrap();
    }
    // The same versions as here, so that nothing is fetched.
    fs::copy(sdk.join("../Cargo.lock"), to.join("Cargo.lock")).unwrap();
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Kept from run to run, so that only the first one is slow.
fn options() -> Options {
    let target_dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("guests");
    Options { target_dir, offline: true, quiet: true }
}

#[test]
fn a_plugin_may_be_a_library_of_another_one() {
    let built = build(&root().join("plugins/example"), &options()).unwrap();
    assert!(built.imports.iter().all(|import| import.starts_with(PACKAGE)), "{:?}", built.imports);
    let of_the_library = Path::new("plugins/dynamics/src/lib.rs");
    assert!(built.sources.iter().any(|file| file.ends_with(of_the_library)), "{:?}", built.sources);
}

#[test]
fn a_new_plugin_imports_nothing_but_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    copy(&root().join("sdk/template"), folder.path(), &root().join("sdk"));
    let options = options();

    let built = build(folder.path(), &options).unwrap();
    assert!(built.imports.iter().all(|import| import.starts_with(PACKAGE)), "{:?}", built.imports);
    assert!(built.imports.contains(&"crosswalk:mapping/log@1.0.0".to_owned()), "{:?}", built.imports);
    assert_eq!(built.path, options.target_dir.join("components/fresh_plugin.wasm"));
    assert_eq!(fs::read(&built.path).unwrap(), built.bytes);
    assert!(built.sources.iter().any(|file| file.ends_with("src/lib.rs")), "{:?}", built.sources);

    // No path of this machine's registry is in it.
    let home = std::env::var("HOME").unwrap();
    let registry = format!("{home}/.cargo/registry");
    assert!(!built.bytes.windows(registry.len()).any(|bytes| bytes == registry.as_bytes()));
}
