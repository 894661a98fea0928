//! `crosswalk plugin check`: all that a host asks before it takes a component, and what a partner should know besides.

use std::path::{Path, PathBuf};

use crosswalk_engine::{mapping::Record, referral::Referral};
use crosswalk_laws::{Finding, Report};
use crosswalk_runtime::{Limits, Plugin, Runtime};
use serde_json::{Value, json};

use super::{
    super::{
        Output,
        admin_client::{AdminClient, HostArgs},
        events::escape,
    },
    bytes,
};
use crate::{
    admin::types::Checked,
    check::{self, Given},
    error::{Complaint, Fault},
    release,
};

const CHECK_ONLY: &str = "nothing was stored; this was a check only";

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// The component, a `.wasm` file, or a plugin crate's folder, which is built first.
    #[arg(default_value = ".")]
    component: PathBuf,
    /// Settings to check it with, a TOML file with the tenant document's `[settings]`.
    #[arg(long, conflicts_with = "tenant")]
    settings: Option<PathBuf>,
    /// Referrals of your own to check the laws on: JSON as Partner Center shows it, in a list or one a line, or
    /// `{ "referral": …, "record": … }` as a finding shows them.
    #[arg(long, conflicts_with = "tenant")]
    referrals: Option<PathBuf>,
    /// How many seeds pairs are made of, besides the cases that are always asked about. More takes longer.
    #[arg(long, default_value_t = check::CASES)]
    cases: u64,
    /// Check it on the host: with this tenant's settings, and on what its last passes have read.
    #[arg(long)]
    tenant: Option<String>,
    #[command(flatten)]
    host: HostArgs,
}

pub(super) async fn run(args: Args, output: &Output) -> Result<(), Complaint> {
    let bytes = bytes(&args.component, output)?;
    let checked = match &args.tenant {
        Some(tenant) => on_the_host(&args, tenant, bytes).await?,
        None => here(&args, &bytes)?,
    };
    output.say(&checked, || in_words(&checked));
    match check::complaint(&checked.manifest.name, &checked.laws, CHECK_ONLY) {
        // Each of them was said in full above.
        Some(complaint) => Err(Complaint { causes: summary(&checked.laws), ..complaint }),
        None => Ok(()),
    }
}

async fn on_the_host(args: &Args, tenant: &str, bytes: Vec<u8>) -> Result<Checked, Complaint> {
    let client = AdminClient::open(&args.host)?;
    let path = format!("/api/v1/tenants/{}/plugins/check?cases={}", escape(tenant), args.cases);
    client.post_bytes(&path, bytes).await
}

fn here(args: &Args, bytes: &[u8]) -> Result<Checked, Complaint> {
    let settings = args.settings.as_deref().map(settings_file).transpose()?.unwrap_or_else(|| json!({}));
    let runtime = Runtime::new(Limits::default())
        .map_err(|error| Complaint::internal("starting the WebAssembly runtime", &error))?;
    let plugin = runtime.load(bytes, &settings).map_err(|error| {
        let mut complaint = release::refused(&error);
        CHECK_ONLY.clone_into(&mut complaint.state);
        complaint
    })?;
    let pairs = args.referrals.as_deref().map(|file| pairs(&plugin, file)).transpose()?.unwrap_or_default();
    let given = Given { cases: args.cases, pairs, ..Given::default() };
    let laws = check::check(&plugin, given);
    Ok(Checked { digest: plugin.digest().to_owned(), manifest: plugin.manifest().clone(), laws })
}

/// What a person reads: what the plugin is, what it was asked, and each law that it breaks.
fn in_words(checked: &Checked) -> String {
    let Checked { digest, manifest, laws } = checked;
    let uses = manifest.entities.iter().map(|used| {
        let reads = used.fields.iter().filter(|field| field.reads).count();
        let writes = used.fields.iter().filter(|field| field.writes).count();
        let via = used.via.as_ref().map(|via| format!(" via {via}")).unwrap_or_default();
        format!("  {}{via}: fields read {reads}, written {writes}", used.entity)
    });
    let lookups = manifest.lookups.iter().map(|used| format!("  looks up {}", used.entity));
    let verdict = if laws.broken.is_empty() { "is accepted" } else { "is not accepted" };
    let mut lines = vec![
        format!("{} {} for {} {verdict}", manifest.name, manifest.version, manifest.crm),
        format!("  component {digest}"),
    ];
    lines.extend(uses.chain(lookups));
    lines.push(laws.to_string());
    lines.extend(laws.broken.iter().map(|finding| format!("\n{finding}")));
    lines.join("\n")
}

/// A line for each law that is broken.
fn summary(laws: &Report) -> Vec<String> {
    let line = |finding: &Finding| {
        let field = finding.field.as_ref().map(|field| format!(", `{field}`")).unwrap_or_default();
        format!("{}: {}, by {}{field}", finding.code, finding.law, finding.function)
    };
    laws.broken.iter().map(line).collect()
}

fn pairs(plugin: &Plugin, file: &Path) -> Result<Vec<(String, Referral, Option<Record>)>, Complaint> {
    let wrong = |why: String| {
        Complaint::new(
            Fault::Configuration,
            format!("the referrals `{}` cannot be used: {why}", file.display()),
            "nothing was checked",
            "write referrals as Partner Center's API shows them, or `{ \"referral\": …, \"record\": … }` as a finding does",
        )
    };
    let text = std::fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
    check::pairs(plugin, &text).map_err(wrong)
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
