//! `crosswalk plugin undo|project`: what pairs hold that nobody edits is put right, as a job on the host.

use clap::Args;
use jiff::Timestamp;

use crate::{
    admin::{
        types::JobSummary,
        undo::{ProjectOrder, UndoOrder},
    },
    cli::{
        Output,
        admin_client::{AdminClient, HostArgs},
        events::escape,
        jobs,
    },
    error::Complaint,
};

/// What an undo leaves as it is.
const STAYS: &str = "records and referrals that the release made stay, and so do leads that it converted";

/// Whose pairs, and how.
#[derive(Debug, Args)]
struct How {
    /// The tenant.
    #[arg(long)]
    tenant: String,
    /// Write nothing: show record by record and field by field what would be written.
    #[arg(long)]
    dry_run: bool,
    /// Begin it, and do not wait for its end.
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    host: HostArgs,
}

/// An undo.
#[derive(Debug, Args)]
pub(in crate::cli) struct Undo {
    /// The release's digest, as `plugin list` shows it, or so much of its beginning that there is only one.
    #[arg(long)]
    release: String,
    /// Take back only what it wrote since then, `2026-01-31T10:00:00Z`.
    #[arg(long)]
    since: Option<Timestamp>,
    #[command(flatten)]
    how: How,
}

/// A projection.
#[derive(Debug, Args)]
pub(in crate::cli) struct Project {
    /// The CRM fields that are given Partner Center's view, and the JSON pointers that are given the CRM's:
    /// `name,estimatedvalue,/details/notes`.
    #[arg(long, value_delimiter = ',', required = true)]
    fields: Vec<String>,
    /// Only pairs of this entity.
    #[arg(long)]
    entity: Option<String>,
    #[command(flatten)]
    how: How,
}

pub(super) async fn undo(args: Undo, output: &Output) -> Result<(), Complaint> {
    let order = UndoOrder { release: args.release, since: args.since, dry_run: args.how.dry_run };
    begin(&args.how, "undo", &order, output).await?;
    output.tell(STAYS);
    Ok(())
}

pub(super) async fn project(args: Project, output: &Output) -> Result<(), Complaint> {
    let order = ProjectOrder { fields: args.fields, entity: args.entity, dry_run: args.how.dry_run };
    begin(&args.how, "project", &order, output).await
}

async fn begin(
    how: &How,
    what: &str,
    order: &impl serde::Serialize,
    output: &Output,
) -> Result<(), Complaint> {
    let client = AdminClient::open(&how.host)?;
    let path = format!("/api/v1/tenants/{}/plugins/{what}", escape(&how.tenant));
    let job: JobSummary = client.post_json(&path, order).await?;
    jobs::wait_for(&client, job, how.no_wait, output).await.map(drop)
}
