//! `crosswalk plugin`: from an empty folder to a release that a tenant is routed to.

mod check;
mod diff;
mod registry;
mod stage;
mod undo;

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde::Serialize;

use super::{Output, template};
use crate::error::{Complaint, Fault};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Start a plugin: a crate with a mapping and a native test.
    New {
        /// The folder to make; its last part is the plugin's name.
        folder: PathBuf,
        /// Start from the default mapping for this CRM, and change what you want otherwise.
        #[arg(long)]
        from: Option<template::From>,
        /// Where crosswalk-sdk is; the checkout that this program was built from, if that is still there.
        #[arg(long)]
        sdk: Option<PathBuf>,
    },
    /// Build a plugin crate into a component.
    Build {
        /// The crate's folder.
        #[arg(default_value = ".")]
        folder: PathBuf,
        /// Ask no registry.
        #[arg(long)]
        offline: bool,
    },
    /// Check a component as a host does before it takes it: imports, contract, limits, manifest, settings, laws.
    Check(check::Args),
    /// Replay a tenant's recorded passes through its live release and through another one, and show what would be written
    /// otherwise. Nothing is written. Exit code 1 if anything would be.
    Diff(diff::Args),
    /// Check a component, store it on the host and route a tenant to it, beside what is live or in its place.
    Deploy(stage::Deploy),
    /// Push a component, and its signature if there is one, into an OCI registry.
    Push(registry::PushArgs),
    /// Pull a component and its signatures from an OCI registry into files.
    Pull(registry::PullArgs),
    /// Move a candidate on: from shadow to canary, from canary to live, or to another share of the lanes.
    Promote(stage::Promote),
    /// Take the last step back: drop the candidate, or make the release live again that was so before.
    Rollback(stage::Rollback),
    /// Take back what a release wrote, where nobody has edited since.
    Undo(undo::Undo),
    /// Write the present mapping's view of chosen fields to pairs that exist; a release by itself changes new edits only.
    Project(undo::Project),
    /// List a tenant's releases, newest first.
    List(stage::Whose),
    /// Show how a tenant is routed, and what its candidate and its live release have done while on watch.
    Status(stage::Whose),
}

pub(super) async fn run(command: Command, output: &Output) -> Result<(), Complaint> {
    match command {
        Command::New { folder, from, sdk } => template::new(&folder, from, sdk.as_deref(), output),
        Command::Build { folder, offline } => build(&folder, offline, output),
        Command::Check(args) => check::run(args, output).await,
        Command::Diff(args) => diff::run(args, output).await,
        Command::Deploy(args) => stage::deploy(args, output).await,
        Command::Push(args) => registry::push(args, output).await,
        Command::Pull(args) => registry::pull(args, output).await,
        Command::Promote(args) => stage::promote(args, output).await,
        Command::Rollback(args) => stage::rollback(args, output).await,
        Command::Undo(args) => undo::undo(args, output).await,
        Command::Project(args) => undo::project(args, output).await,
        Command::List(whose) => stage::list(whose, output).await,
        Command::Status(whose) => stage::status(whose, output).await,
    }
}

#[derive(Serialize)]
struct Built<'a> {
    component: &'a Path,
    bytes: usize,
    imports: &'a [String],
}

fn build(folder: &Path, offline: bool, output: &Output) -> Result<(), Complaint> {
    let built = built(folder, offline, output)?;
    let result = Built { component: &built.path, bytes: built.bytes.len(), imports: &built.imports };
    output.say(&result, || {
        format!("{}  {} bytes, imports {}", built.path.display(), built.bytes.len(), built.imports.join(", "))
    });
    Ok(())
}

fn built(folder: &Path, offline: bool, output: &Output) -> Result<crosswalk_builder::Built, Complaint> {
    let options = crosswalk_builder::Options {
        target_dir: folder.join("target/plugin"),
        offline,
        quiet: output.is_json(),
    };
    crosswalk_builder::build(folder, &options).map_err(|error| {
        Complaint::new(
            Fault::Failed,
            format!("`{}` was not built into a component", folder.display()),
            "no component was written, and nothing was sent",
            "the cause says what to change",
        )
        .because(&error)
    })
}

/// A component's bytes, from its file or from the crate that it is made of.
fn bytes(component: &Path, output: &Output) -> Result<Vec<u8>, Complaint> {
    if component.is_dir() {
        return Ok(built(component, false, output)?.bytes);
    }
    read(component)
}

fn read(component: &Path) -> Result<Vec<u8>, Complaint> {
    std::fs::read(component).map_err(|error| {
        Complaint::new(
            Fault::Configuration,
            format!("the component `{}` could not be read", component.display()),
            "nothing was sent or stored",
            "name the `.wasm` file that `crosswalk plugin build` printed",
        )
        .because(&error)
    })
}
