//! Running cargo: in an environment of its own, with a profile of its own, and reading what it made.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{COMPONENT_CFG, Error, INITIAL_MEMORY_BYTES, Options, Result, STACK_BYTES, TARGET};

/// A core module that cargo made.
pub(crate) struct Module {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// The library's name, `crosswalk_dynamics`.
    pub(crate) name: String,
}

/// What an outer cargo, clippy or a developer's shell sets for its own purposes. Each of these would change what is
/// built here, or make two cargos wait for each other.
const SCRUBBED: [&str; 13] = [
    "CARGO_BUILD_RUSTC_WORKSPACE_WRAPPER",
    "CARGO_BUILD_RUSTC_WRAPPER",
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_INCREMENTAL",
    "CARGO_MAKEFLAGS",
    "CARGO_TARGET_DIR",
    "RUSTC",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_WRAPPER",
    "RUSTFLAGS",
    "__CARGO_DEFAULT_LIB_METADATA",
];

/// Small, without unwinding, and the same on every machine.
const PROFILE: [&str; 8] = [
    "profile.release.opt-level=\"s\"",
    "profile.release.lto=\"fat\"",
    "profile.release.codegen-units=1",
    "profile.release.strip=true",
    "profile.release.debug=false",
    "profile.release.panic=\"abort\"",
    "profile.release.incremental=false",
    "profile.release.overflow-checks=true",
];

/// Asks rustc, because cargo's own message for a missing target does not name the cure.
pub(crate) fn target_is_installed(crate_dir: &Path) -> Result<()> {
    if !crate_dir.join("Cargo.toml").is_file() {
        return Err(Error::NoCrate(crate_dir.to_owned()));
    }
    let mut rustc = command("rustc", crate_dir);
    let answer = rustc
        .args(["--print", "target-libdir", "--target", TARGET])
        .output()
        .map_err(|source| Error::NoProgram { program: "rustc".to_owned(), source })?;
    let libraries = PathBuf::from(String::from_utf8_lossy(&answer.stdout).trim());
    let installed = answer.status.success() && libraries.is_dir();
    if installed { Ok(()) } else { Err(Error::NoTarget(crate_dir.to_owned())) }
}

/// Compiles the library of `crate_dir` into a core module.
pub(crate) fn compile(crate_dir: &Path, options: &Options) -> Result<Module> {
    let manifest = crate_dir.join("Cargo.toml");
    let manifest = manifest.canonicalize().unwrap_or(manifest);
    let program = env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut cargo = command(&program, crate_dir);
    cargo.args(["rustc", "--lib", "--crate-type", "cdylib", "--release", "--target", TARGET]);
    cargo.arg("--message-format=json-render-diagnostics").arg("--manifest-path").arg(&manifest);
    cargo.arg("--target-dir").arg(absolute(&options.target_dir));
    for setting in PROFILE {
        cargo.args(["--config", setting]);
    }
    if options.offline {
        cargo.arg("--offline");
    }
    if options.quiet {
        cargo.arg("--quiet");
    }
    if let Ok(jobs) = env::var("NUM_JOBS") {
        cargo.args(["--jobs", &jobs]);
    }
    let stack = format!("link-arg=-zstack-size={STACK_BYTES}");
    let memory = format!("link-arg=--initial-memory={INITIAL_MEMORY_BYTES}");
    cargo.args(["--", "--cfg", COMPONENT_CFG, "-C", &stack, "-C", &memory]);
    cargo.env("CARGO_ENCODED_RUSTFLAGS", remapped_paths());
    cargo.stdout(Stdio::piped()).stderr(if options.quiet { Stdio::piped() } else { Stdio::inherit() });

    let done = cargo
        .spawn()
        .and_then(std::process::Child::wait_with_output)
        .map_err(|source| Error::NoProgram { program, source })?;
    let output = String::from_utf8_lossy(&done.stderr).into_owned();
    if !done.status.success() {
        let no_library = output.contains("no library targets found");
        let crate_dir = crate_dir.to_owned();
        return Err(if no_library {
            Error::NoLibrary(crate_dir)
        } else {
            Error::Compile { crate_dir, output }
        });
    }
    module_of(&manifest, &String::from_utf8_lossy(&done.stdout))
        .ok_or_else(|| Error::NoLibrary(crate_dir.to_owned()))
}

/// Finds the crate's own `.wasm` among the artefacts that cargo reports, one JSON object a line.
fn module_of(manifest: &Path, messages: &str) -> Option<Module> {
    let artefacts = messages.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    artefacts
        .filter(|message| message["reason"] == "compiler-artifact")
        .filter(|message| message["manifest_path"].as_str().is_some_and(|path| Path::new(path) == manifest))
        .filter_map(|message| {
            let name = message["target"]["name"].as_str()?.replace('-', "_");
            let files = message["filenames"].as_array()?.iter().filter_map(|file| file.as_str());
            let path =
                files.map(PathBuf::from).find(|file| file.extension().is_some_and(|ext| ext == "wasm"))?;
            Some(Module { path, name })
        })
        .next_back()
}

/// The files that cargo compiled, from the dependency file that it leaves beside the module.
pub(crate) fn sources(module: &Path) -> Vec<PathBuf> {
    let listing = std::fs::read_to_string(module.with_extension("d")).unwrap_or_default();
    let files = listing.lines().next().and_then(|line| line.split_once(": ")).map_or("", |(_, files)| files);
    // A space within a path is written `\ `.
    let files = files.replace("\\ ", "\0");
    files.split_whitespace().map(|file| PathBuf::from(file.replace('\0', " "))).collect()
}

/// A program in the crate's directory, so that its toolchain file counts, without the surrounding cargo's variables.
fn command(program: &str, crate_dir: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(crate_dir);
    for variable in SCRUBBED {
        command.env_remove(variable);
    }
    command
}

/// Panic messages name source files; without this they would name this machine's home directory, and the same source
/// would have another digest on every machine.
fn remapped_paths() -> OsString {
    let home = env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")));
    let mut flags = OsString::new();
    if let Some(home) = home {
        flags.push("--remap-path-prefix=");
        flags.push(home.join("registry").join("src"));
        flags.push("=registry");
    }
    flags
}

/// cargo runs in the crate's directory, and would take a relative path from there.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
