//! `crosswalk plugin diff`: what a component would have done otherwise, before anybody is routed to it.

use std::path::PathBuf;

use super::registry::{Candidate, ComponentArgs};
use crate::{
    admin::types::JobSummary,
    cli::{
        Output,
        admin_client::{AdminClient, HostArgs},
        events::escape,
        jobs,
    },
    diff::Summary,
    error::{Complaint, Fault},
};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// The component: a `.wasm` file, a plugin crate's folder, which is built first, or `oci://registry/repository:tag`
    /// (or `@sha256:…`).
    #[arg(required_unless_present = "candidate")]
    component: Option<String>,
    /// The component's minisign signature. Left out: the file beside it, `x.wasm.minisig`, or those in the registry.
    #[arg(long, conflicts_with = "candidate")]
    signature: Option<PathBuf>,
    /// Speak plain HTTP to the registry. It is done by itself with one on this machine.
    #[arg(long)]
    plain_http: bool,
    /// Compare with the tenant's present candidate instead.
    #[arg(long, conflicts_with = "component")]
    candidate: bool,
    /// The tenant.
    #[arg(long)]
    tenant: String,
    /// How many of the last recorded passes are replayed.
    #[arg(long, default_value_t = 1_000)]
    passes: u32,
    /// How many of the passes that differ are shown, newest first; `--json` prints all of them.
    #[arg(long, default_value_t = 20)]
    show: usize,
    /// Begin it, and do not wait for its end.
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    host: HostArgs,
}

/// Ends well only if nothing would be done otherwise.
pub(super) async fn run(args: Args, output: &Output) -> Result<(), Complaint> {
    let component = match args.component {
        Some(component) => {
            let (signature, plain_http) = (args.signature, args.plain_http);
            Some(Candidate::get(ComponentArgs { component, signature, plain_http }, output).await?)
        }
        None => None,
    };
    let client = AdminClient::open(&args.host)?;
    let mut path = format!("/api/v1/tenants/{}/plugins/diff?passes={}", escape(&args.tenant), args.passes);
    match &component {
        Some(component) => {
            let (source, signatures) = (escape(&component.source), component.encoded_signatures());
            path.push_str(&format!("&source={source}&signatures={signatures}"));
        }
        None => path.push_str("&candidate=true"),
    }
    let bytes = component.map(|component| component.bytes).unwrap_or_default();
    let job: JobSummary = client.post_bytes(&path, bytes).await?;
    if args.no_wait {
        output.say(&job, || format!("began {}; follow it with `crosswalk jobs show {}`", job.kind, job.id));
        return Ok(());
    }
    let most = if output.is_json() { usize::MAX } else { args.show };
    let job = jobs::follow(&client, job, output, most).await?;
    let summary = job.summary.clone().and_then(|summary| serde_json::from_value::<Summary>(summary).ok());
    let summary = summary.unwrap_or_default();
    if !summary.differs() {
        return Ok(());
    }
    let hidden = summary.differ.saturating_sub(most as u64);
    if hidden > 0 {
        output.tell(&format!("{hidden} more passes differ; `--show` shows more, `--json` all of them"));
    }
    Err(Complaint::new(
        Fault::Failed,
        format!(
            "tenant `{}`: {} of {} recorded passes would have gone otherwise, and {} of {} links would stop agreeing",
            args.tenant, summary.differ, summary.passes, summary.links.stop_agreeing, summary.links.compared
        ),
        "nothing was written, and the tenant stays on the release that it is on",
        "if this is what you want, deploy it; else correct the mapping and compare again",
    ))
}
