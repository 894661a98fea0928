//! What the builder refuses, and what it says then.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests, outside of a test function")]

use std::{fs, path::Path};

use crosswalk_builder::{Error, Options, build};

/// A crate without dependencies, so that nothing is fetched.
fn crate_with(folder: &Path, file: &str, source: &str) {
    fs::create_dir_all(folder.join("src")).unwrap();
    let manifest = "[package]\nname = \"tiny\"\nversion = \"1.0.0\"\nedition = \"2024\"\n\n[workspace]\n";
    fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    fs::write(folder.join("src").join(file), source).unwrap();
}

fn refusal_of(file: &str, source: &str) -> Error {
    let folder = tempfile::tempdir().unwrap();
    crate_with(folder.path(), file, source);
    let options = Options { target_dir: folder.path().join("target"), offline: true, quiet: true };
    build(folder.path(), &options).expect_err("must not build")
}

#[test]
fn a_directory_without_a_crate_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { target_dir: folder.path().join("target"), offline: true, quiet: true };
    let error = build(folder.path(), &options).unwrap_err();
    assert!(matches!(&error, Error::NoCrate(_)), "{error}");
    assert!(error.to_string().contains("plugin new"), "{error}");
}

#[test]
fn a_program_is_not_a_plugin() {
    let error = refusal_of("main.rs", "fn main() {}\n");
    assert!(matches!(&error, Error::NoLibrary(_)), "{error}");
    assert!(error.to_string().contains("src/lib.rs"), "{error}");
}

#[test]
fn a_compile_error_is_passed_on_in_the_compilers_words() {
    let error = refusal_of("lib.rs", "pub fn broken() -> u8 { \"text\" }\n");
    assert!(matches!(&error, Error::Compile { .. }), "{error}");
    assert!(error.to_string().contains("mismatched types"), "{error}");
    assert!(error.to_string().contains("src/lib.rs:1"), "{error}");
}

#[test]
fn a_foreign_import_is_named() {
    let source = "#[link(wasm_import_module = \"wasi_snapshot_preview1\")]
        unsafe extern \"C\" { fn random_get(at: i32, length: i32) -> i32; }
        #[unsafe(no_mangle)] pub extern \"C\" fn roll() -> i32 { unsafe { random_get(0, 4) } }\n";
    let error = refusal_of("lib.rs", source);
    assert!(matches!(&error, Error::ForeignImports { .. }), "{error}");
    assert!(error.to_string().contains("`wasi_snapshot_preview1::random_get`"), "{error}");
    assert!(error.to_string().contains("cargo tree"), "{error}");
}

#[test]
fn a_library_without_a_mapping_is_not_a_plugin() {
    let error = refusal_of("lib.rs", "pub fn add(a: u8, b: u8) -> u8 { a.wrapping_add(b) }\n");
    assert!(matches!(&error, Error::Component { .. }), "{error}");
    assert!(error.to_string().contains("#[mapping]"), "{error}");
}
