//! `crosswalk sweep`, `backfill` and `verify`, and the jobs that they and others are: begun on the host, and followed from here.
//!
//! Whoever follows may go away: the job goes on. The same command joins it again.

use std::time::Duration;

use clap::Subcommand;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;
use tokio::time;

use super::{
    Output,
    admin_client::{AdminClient, HostArgs},
    events::escape,
};
use crate::{
    admin::types::{Finding, JobSummary},
    diff::{Difference, Summary},
    error::{Complaint, Fault},
};

/// How often the host is asked how far it is.
const LOOK_AGAIN: Duration = Duration::from_millis(300);

/// The kind of job that says more than how many differ.
const DIFF: &str = "diff";

/// Findings of one request.
const FINDINGS_MAX: usize = 200;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The tenant.
    #[arg(long)]
    tenant: String,
    /// Begin it, and do not wait for its end.
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    host: HostArgs,
}

#[derive(Debug, clap::Args)]
pub(super) struct SweepArgs {
    /// Write nothing: show which pairs differ, field by field, and what would be written or created where.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    common: Args,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List a tenant's jobs, newest first.
    List {
        /// The tenant.
        #[arg(long)]
        tenant: String,
        #[command(flatten)]
        host: HostArgs,
    },
    /// Follow a job to its end, and show what it found.
    Show {
        /// The job's id.
        id: String,
        #[command(flatten)]
        host: HostArgs,
    },
}

pub(super) async fn run(command: Command, output: &Output) -> Result<(), Complaint> {
    match command {
        Command::List { tenant, host } => {
            let path = format!("/api/v1/tenants/{}/jobs", escape(&tenant));
            let jobs: Vec<JobSummary> = AdminClient::open(&host)?.get(&path).await?;
            if jobs.is_empty() {
                output.tell("no jobs");
            }
            for job in &jobs {
                output.say(job, || in_words(job));
            }
            Ok(())
        }
        Command::Show { id, host } => {
            let client = AdminClient::open(&host)?;
            let job: JobSummary = client.get(&format!("/api/v1/jobs/{}", escape(&id))).await?;
            follow(&client, job, output, usize::MAX).await.map(drop)
        }
    }
}

pub(super) async fn sweep(args: SweepArgs, output: &Output) -> Result<(), Complaint> {
    let query = if args.dry_run { "?dry_run=true" } else { "" };
    begin(args.common, &format!("sweep{query}"), output).await.map(drop)
}

pub(super) async fn backfill(args: Args, output: &Output) -> Result<(), Complaint> {
    begin(args, "backfill", output).await.map(drop)
}

/// Ends well only if all pairs agree.
pub(super) async fn verify(args: Args, output: &Output) -> Result<(), Complaint> {
    let tenant = args.tenant.clone();
    match begin(args, "verify", output).await? {
        Some(job) if job.found > 0 => Err(Complaint::new(
            Fault::Failed,
            format!("{} of {} pairs of tenant `{tenant}` differ", job.found, job.compared),
            "nothing was written",
            "`crosswalk sweep` repairs what no person has to decide; `crosswalk tenant show` lists what does",
        )),
        _ => Ok(()),
    }
}

/// Begins a job and follows it; `None` if nobody wants to wait.
async fn begin(args: Args, what: &str, output: &Output) -> Result<Option<JobSummary>, Complaint> {
    let client = AdminClient::open(&args.host)?;
    let job: JobSummary = client.post(&format!("/api/v1/tenants/{}/{what}", escape(&args.tenant))).await?;
    wait_for(&client, job, args.no_wait, output).await
}

/// Follows a job that was begun; `None` if nobody wants to wait.
pub(super) async fn wait_for(
    client: &AdminClient,
    job: JobSummary,
    no_wait: bool,
    output: &Output,
) -> Result<Option<JobSummary>, Complaint> {
    if no_wait {
        output.say(&job, || format!("began {}; follow it with `crosswalk jobs show {}`", job.kind, job.id));
        return Ok(None);
    }
    follow(client, job, output, usize::MAX).await.map(Some)
}

/// Shows findings as they come, at most so many, and how far the job is, until it ends.
pub(super) async fn follow(
    client: &AdminClient,
    mut job: JobSummary,
    output: &Output,
    most: usize,
) -> Result<JobSummary, Complaint> {
    let bar = bar(output);
    let path = format!("/api/v1/jobs/{}", escape(&job.id));
    let (mut after, mut shown) = (0, 0);
    loop {
        let ended = job.state != "running";
        while shown < most {
            let limit = FINDINGS_MAX.min(most - shown);
            let path = format!("{path}/findings?after={after}&limit={limit}");
            let found: Vec<(u64, Value)> = client.get(&path).await?;
            for (seq, finding) in &found {
                bar.suspend(|| output.say(finding, || finding_in_words(&job.kind, finding)));
                after = *seq;
            }
            shown += found.len();
            if found.len() < limit {
                break;
            }
        }
        draw(&bar, &job);
        if ended {
            break;
        }
        time::sleep(LOOK_AGAIN).await;
        job = client.get(&path).await?;
    }
    bar.finish_and_clear();
    output.say(&job, || in_words(&job));
    match &job.reason {
        Some(reason) => Err(Complaint::new(
            Fault::Failed,
            format!("{} `{}` of tenant `{}` failed: {reason}", job.kind, job.id, job.tenant),
            "what was stored before stays stored; events that it made are still looked at",
            "begin it again when the cause is gone; nothing is done twice",
        )),
        None => Ok(job),
    }
}

/// On standard error, and only where a person watches.
fn bar(output: &Output) -> ProgressBar {
    if output.is_json() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::no_length();
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {elapsed} {msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

/// What was compared and does not wait any more, of what there is.
fn draw(bar: &ProgressBar, job: &JobSummary) {
    let done = job.compared.saturating_sub(job.waiting);
    bar.set_length(job.total.unwrap_or(0).max(job.compared).max(1));
    bar.set_position(done);
    bar.set_message(format!("{}; {} found, {} wait", job.phase, job.found, job.waiting));
}

fn finding_in_words(kind: &str, finding: &Value) -> String {
    let shown = match kind {
        DIFF => serde_json::from_value(finding.clone()).map(|it: Difference| it.to_string()),
        _ => serde_json::from_value(finding.clone()).map(|it: Finding| it.to_string()),
    };
    // A newer host may say it in another form.
    shown.unwrap_or_else(|_| finding.to_string())
}

fn in_words(job: &JobSummary) -> String {
    let differ = match job.kind.as_str() {
        "verify" | "sweep-dry-run" | DIFF => "differ",
        "project" | "project-dry-run" | "undo" | "undo-dry-run" => "concerned",
        _ => "were looked at",
    };
    let state = match job.state.as_str() {
        "done" => String::new(),
        state => format!(", {state} ({})", job.phase),
    };
    let line = format!("{} {}: {} compared, {} {differ}{state}", job.kind, job.id, job.compared, job.found);
    let summary = job.summary.clone().and_then(|summary| serde_json::from_value::<Summary>(summary).ok());
    match summary.filter(|_| job.kind == DIFF) {
        Some(summary) => format!("{line}\n{summary}"),
        None => line,
    }
}
