//! Builds the plugins that ship inside the binary: the default mappings, and the partner's example that `demo` deploys.
//!
//! They come in as components, as bytes, exactly as a partner's plugin would: nothing here links them. The guests
//! share `target/guests`, because a target directory inside `OUT_DIR` would be built again for every profile.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// What the plugins are made of, relative to this crate.
const INPUTS: &[&str] = &[
    "../plugins/dynamics/src",
    "../plugins/dynamics/Cargo.toml",
    "../plugins/salesforce/src",
    "../plugins/salesforce/Cargo.toml",
    "../plugins/example/src",
    "../plugins/example/Cargo.toml",
    "../sdk/src",
    "../sdk/Cargo.toml",
    "../sdk/macros/src",
    "../sdk/macros/Cargo.toml",
    "../wit",
    "../Cargo.lock",
];

fn main() -> ExitCode {
    for input in INPUTS {
        println!("cargo::rerun-if-changed={input}");
    }
    for plugin in ["dynamics", "salesforce", "example"] {
        if let Err(error) = embed(plugin) {
            println!("cargo::error=the plugin `{plugin}` could not be built: {error:#}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn embed(plugin: &str) -> anyhow::Result<()> {
    let here = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let options = crosswalk_builder::Options { target_dir: guests(&out), offline: false, quiet: true };
    let built = crosswalk_builder::build(&here.join("../plugins").join(plugin), &options)?;
    fs::write(out.join(format!("{plugin}.wasm")), &built.bytes)?;
    Ok(())
}

/// `<target>/guests`, found by walking up from `<target>/<profile>/build/<crate>/out`.
fn guests(out: &Path) -> PathBuf {
    out.ancestors().nth(4).unwrap_or(out).join("guests")
}
