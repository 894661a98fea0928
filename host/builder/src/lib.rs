//! Turns a plugin crate into a component: cargo for wasm32-unknown-unknown, then wit-component.
//!
//! The result imports nothing but `crosswalk:mapping/*`: no WASI, so no clock, network, files or randomness, because
//! there is nothing to call. `plugin build`, the host's build script (for the default plugins) and tests all go
//! through [`build`].
//!
//! A plugin crate is an ordinary library. That it becomes a component is said on the command line alone: its crate
//! type, and the cfg [`COMPONENT_CFG`] behind which the SDK puts the exports. So a plugin can be a library of another
//! plugin without both of them exporting the contract.
#![forbid(unsafe_code)]

mod cargo;
mod component;
mod error;

use std::path::{Path, PathBuf};

pub use error::{Error, Result};

/// The target that plugins are compiled for. It has no operating system, and so no WASI imports.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// Set for the crate that becomes the component, and for none of its dependencies.
pub const COMPONENT_CFG: &str = "crosswalk_component";

/// The only package that a plugin may import from.
pub const PACKAGE: &str = "crosswalk:mapping/";

/// The plugin's own stack in bytes. Rust's default of 1 MiB would be zeroed and kept for every call.
pub const STACK_BYTES: u32 = 262_144;

/// The memory that a plugin begins with, in bytes. Growing it in steps would cost a system call each, at every call of
/// the plugin; pages that are never touched cost nothing.
pub const INITIAL_MEMORY_BYTES: u32 = 4 << 20;

/// How to build.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where cargo puts its artefacts, and where the component goes (in `components/`). Not the target directory of a
    /// cargo that waits for this build: both would wait for its lock for ever.
    pub target_dir: PathBuf,
    /// Never ask a registry.
    pub offline: bool,
    /// Keep cargo's progress and warnings to ourselves; a failure carries them.
    pub quiet: bool,
}

/// A component, ready to be checked and deployed.
#[derive(Clone, Debug)]
pub struct Built {
    /// Where it was written.
    pub path: PathBuf,
    /// What was written there.
    pub bytes: Vec<u8>,
    /// The interfaces that it imports, sorted, `crosswalk:mapping/values@1.0.0`.
    pub imports: Vec<String>,
    /// The source files that it was made of, as far as they are on this machine and not from a registry.
    pub sources: Vec<PathBuf>,
}

/// Builds the library of the crate in `crate_dir` as a component.
///
/// # Errors
/// When the target is not installed, the crate does not compile or has no library, or when it imports anything but
/// [`PACKAGE`]. Every error says what to do next.
pub fn build(crate_dir: &Path, options: &Options) -> Result<Built> {
    cargo::target_is_installed(crate_dir)?;
    let module = cargo::compile(crate_dir, options)?;
    let bytes = std::fs::read(&module.path).map_err(|source| Error::Io {
        doing: "read",
        path: module.path.clone(),
        source,
    })?;
    let bytes = component::from_module(&bytes)?;
    let imports = component::imports(&bytes)?;
    let path = component::store(&options.target_dir, &module.name, &bytes)?;
    Ok(Built { path, bytes, imports, sources: cargo::sources(&module.path) })
}
