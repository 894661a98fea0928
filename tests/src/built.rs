//! Plugins as components, for tests that deploy or compare them.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Mutex, PoisonError},
};

use anyhow::Result;

/// Those that were built in this process, by folder.
static BUILT: Mutex<BTreeMap<String, Vec<u8>>> = Mutex::new(BTreeMap::new());

/// The component of a plugin's crate in a folder of this checkout (`plugins/example`), built once a process.
///
/// # Errors
/// When it does not build.
pub fn built(folder: &str) -> Result<Vec<u8>> {
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(bytes) = built.get(folder) {
        return Ok(bytes.clone());
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let options = crosswalk_builder::Options {
        // Where the host's build script builds its plugins: what these are made of is compiled there already.
        target_dir: root.join("target/guests"),
        offline: false,
        quiet: true,
    };
    let bytes = crosswalk_builder::build(&root.join(folder), &options)?.bytes;
    built.insert(folder.to_owned(), bytes.clone());
    Ok(bytes)
}
