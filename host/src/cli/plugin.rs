//! `crosswalk plugin`: from an empty folder to a release that a tenant is routed to.

mod diff;
mod registry;
mod stage;
mod undo;

use std::path::{Path, PathBuf};

use clap::Subcommand;
use crosswalk_runtime::{Limits, Runtime};
use serde::Serialize;
use serde_json::{Value, json};

use super::{Output, template};
use crate::{
    error::{Complaint, Fault},
    release,
};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Start a plugin: a crate with a mapping and a native test.
    New {
        /// The folder to make; its last part is the plugin's name.
        folder: PathBuf,
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
    /// Check a component as a host would before it takes it: imports, contract, limits, manifest, settings.
    Check {
        /// The component, a `.wasm` file, or a plugin crate's folder, which is built first.
        component: PathBuf,
        /// Settings to check it with, a TOML file with the tenant document's `[settings]`.
        #[arg(long)]
        settings: Option<PathBuf>,
    },
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
        Command::New { folder, sdk } => template::new(&folder, sdk.as_deref(), output),
        Command::Build { folder, offline } => build(&folder, offline, output),
        Command::Check { component, settings } => check(&component, settings.as_deref(), output),
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

fn check(component: &Path, settings: Option<&Path>, output: &Output) -> Result<(), Complaint> {
    let bytes = bytes(component, output)?;
    let settings = settings.map(settings_file).transpose()?.unwrap_or_else(|| json!({}));
    let runtime = Runtime::new(Limits::default())
        .map_err(|error| Complaint::internal("starting the WebAssembly runtime", &error))?;
    let plugin = runtime.load(&bytes, &settings).map_err(|error| {
        let mut complaint = release::refused(&error);
        "nothing was stored; this was a check only".clone_into(&mut complaint.state);
        complaint
    })?;
    let manifest = plugin.manifest();
    output.say(manifest, || {
        let entities: Vec<String> = manifest
            .entities
            .iter()
            .map(|used| {
                let reads = used.fields.iter().filter(|field| field.reads).count();
                let writes = used.fields.iter().filter(|field| field.writes).count();
                let via = used.via.as_ref().map(|via| format!(" via {via}")).unwrap_or_default();
                format!("  {}{via}: reads {reads} fields, writes {writes}", used.entity)
            })
            .collect();
        format!(
            "{} {} for {} is accepted\n  {}\n{}",
            manifest.name,
            manifest.version,
            manifest.crm,
            plugin.digest(),
            entities.join("\n")
        )
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

fn settings_file(file: &Path) -> Result<Value, Complaint> {
    let wrong = |cause: &dyn std::error::Error| {
        Complaint::new(
            Fault::Configuration,
            format!("the settings `{}` cannot be used", file.display()),
            "nothing was checked",
            "write them as TOML, as in the tenant document's `[settings]`",
        )
        .because(cause)
    };
    let text = std::fs::read_to_string(file).map_err(|error| wrong(&error))?;
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| wrong(&error))?;
    let table = table.get("settings").and_then(toml::Value::as_table).cloned().unwrap_or(table);
    serde_json::to_value(table).map_err(|error| wrong(&error))
}
