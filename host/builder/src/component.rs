//! From a core module to a component, and what a component imports.

use std::path::{Path, PathBuf};

use wasmparser::{Parser, Payload};
use wit_component::{ComponentEncoder, DecodedWasm, decode};

use crate::{Error, PACKAGE, Result};

/// Wraps a core module, after it has been seen to need nothing that the host does not have.
pub(crate) fn from_module(module: &[u8]) -> Result<Vec<u8>> {
    let foreign = foreign_imports(module)?;
    if !foreign.is_empty() {
        return Err(Error::ForeignImports { imports: foreign });
    }
    let mut encoder = ComponentEncoder::default();
    let encoded = encoder.validate(true).module(module).and_then(ComponentEncoder::encode);
    encoded.map_err(|error| unusable(&format!("{error:#}")))
}

/// What a core module imports from anywhere but the contract, `wasi:clocks/wall-clock@0.2.0::now`.
fn foreign_imports(module: &[u8]) -> Result<Vec<String>> {
    let mut foreign = Vec::new();
    for payload in Parser::new(0).parse_all(module) {
        let Payload::ImportSection(section) = payload.map_err(|error| unusable(&error.to_string()))? else {
            continue;
        };
        for import in section.into_imports() {
            let import = import.map_err(|error| unusable(&error.to_string()))?;
            if !import.module.starts_with(PACKAGE) {
                foreign.push(format!("{}::{}", import.module, import.name));
            }
        }
    }
    Ok(foreign)
}

/// The interfaces that a component imports, sorted. Refuses one that exports no mapping.
pub(crate) fn imports(component: &[u8]) -> Result<Vec<String>> {
    let decoded = decode(component).map_err(|error| unusable(&format!("{error:#}")))?;
    let DecodedWasm::Component(resolve, world) = decoded else {
        return Err(unusable("it is a package of interfaces"));
    };
    let world = &resolve.worlds[world];
    if !world.exports.keys().any(|key| resolve.name_world_key(key).starts_with(PACKAGE)) {
        return Err(unusable("it exports no `crosswalk:mapping/mapping`"));
    }
    let mut names: Vec<String> = world.imports.keys().map(|key| resolve.name_world_key(key)).collect();
    names.sort();
    let foreign: Vec<String> = names.iter().filter(|name| !name.starts_with(PACKAGE)).cloned().collect();
    if foreign.is_empty() { Ok(names) } else { Err(Error::ForeignImports { imports: foreign }) }
}

/// Writes the component beside others of its kind, whole or not at all.
pub(crate) fn store(target_dir: &Path, name: &str, bytes: &[u8]) -> Result<PathBuf> {
    let folder = target_dir.join("components");
    let path = folder.join(format!("{name}.wasm"));
    let half = folder.join(format!("{name}.{}.part", std::process::id()));
    let written = std::fs::create_dir_all(&folder)
        .and_then(|()| std::fs::write(&half, bytes))
        .and_then(|()| std::fs::rename(&half, &path));
    written.map_err(|source| Error::Io { doing: "write", path: path.clone(), source })?;
    Ok(path)
}

fn unusable(reason: &str) -> Error {
    Error::Component { reason: reason.to_owned() }
}
