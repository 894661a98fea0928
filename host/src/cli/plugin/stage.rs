//! `crosswalk plugin deploy|promote|rollback|list|status`: which release decides what, and how it does.

use clap::Args;

use super::registry::{Candidate, ComponentArgs};
use crate::{
    admin::types::{PluginStatus, ReleaseSummary, Routed, Stage},
    cli::{
        Output,
        admin_client::{AdminClient, HostArgs},
        events::escape,
    },
    error::Complaint,
};

/// The tenant, and the host that has it.
#[derive(Debug, Args)]
pub(in crate::cli) struct Whose {
    /// The tenant.
    #[arg(long)]
    tenant: String,
    #[command(flatten)]
    host: HostArgs,
}

/// Only if nobody else has been at it.
#[derive(Debug, Args)]
pub(in crate::cli) struct Expected {
    /// Do it only if the tenant is still at this generation, as `plugin status` shows it.
    #[arg(long)]
    generation: Option<u64>,
}

/// A deploy.
#[derive(Debug, Args)]
pub(in crate::cli) struct Deploy {
    #[command(flatten)]
    component: ComponentArgs,
    /// What it does to begin with: only watches, decides a share of the lanes, or all.
    #[arg(long, value_enum, default_value_t = Stage::Live)]
    stage: Stage,
    /// The share of the lanes that it decides as a canary, in percent; a larger one later keeps these lanes.
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=100))]
    share: Option<u8>,
    /// Do not ask the laws first. The audit says so.
    #[arg(long)]
    unchecked: bool,
    #[command(flatten)]
    expected: Expected,
    #[command(flatten)]
    whose: Whose,
}

/// A promotion.
#[derive(Debug, Args)]
pub(in crate::cli) struct Promote {
    /// To which stage; without it, the next one: from shadow to canary, from canary to live.
    #[arg(long, value_enum)]
    to: Option<Stage>,
    /// The share of the lanes that it decides as a canary from now on, in percent.
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=100))]
    share: Option<u8>,
    #[command(flatten)]
    expected: Expected,
    #[command(flatten)]
    whose: Whose,
}

/// A rollback.
#[derive(Debug, Args)]
pub(in crate::cli) struct Rollback {
    #[command(flatten)]
    expected: Expected,
    #[command(flatten)]
    whose: Whose,
}

impl Whose {
    fn open(&self) -> Result<(AdminClient, String), Complaint> {
        let path = format!("/api/v1/tenants/{}/plugins", escape(&self.tenant));
        Ok((AdminClient::open(&self.host)?, path))
    }
}

pub(super) async fn deploy(args: Deploy, output: &Output) -> Result<(), Complaint> {
    let (client, path) = args.whose.open()?;
    let candidate = Candidate::get(args.component, output).await?;
    let unchecked = args.unchecked.then(|| "true".to_owned());
    let query = query(&[
        ("stage", Some(args.stage.to_string())),
        ("share", args.share.map(|share| share.to_string())),
        ("unchecked", unchecked),
        ("generation", args.expected.generation.map(|generation| generation.to_string())),
        ("source", Some(escape(&candidate.source))),
        ("signatures", Some(candidate.encoded_signatures())),
    ]);
    let routed: Routed = client.post_bytes(&format!("{path}{query}"), candidate.bytes).await?;
    output.say(&routed, || routed.to_string());
    Ok(())
}

pub(super) async fn promote(args: Promote, output: &Output) -> Result<(), Complaint> {
    let (client, path) = args.whose.open()?;
    let query = query(&[
        ("stage", args.to.map(|stage| stage.to_string())),
        ("share", args.share.map(|share| share.to_string())),
        ("generation", args.expected.generation.map(|generation| generation.to_string())),
    ]);
    let routed: Routed = client.post(&format!("{path}/promote{query}")).await?;
    output.say(&routed, || routed.to_string());
    Ok(())
}

pub(super) async fn rollback(args: Rollback, output: &Output) -> Result<(), Complaint> {
    let (client, path) = args.whose.open()?;
    let query = query(&[("generation", args.expected.generation.map(|generation| generation.to_string()))]);
    let routed: Routed = client.post(&format!("{path}/rollback{query}")).await?;
    output.say(&routed, || routed.to_string());
    Ok(())
}

pub(super) async fn list(whose: Whose, output: &Output) -> Result<(), Complaint> {
    let (client, path) = whose.open()?;
    let releases: Vec<ReleaseSummary> = client.get(&path).await?;
    if releases.is_empty() {
        output.tell("no releases; deploy one with `crosswalk plugin deploy`");
    }
    for release in &releases {
        output.say(release, || release.to_string());
    }
    Ok(())
}

pub(super) async fn status(whose: Whose, output: &Output) -> Result<(), Complaint> {
    let (client, path) = whose.open()?;
    let status: PluginStatus = client.get(&format!("{path}/status")).await?;
    output.say(&status, || status.to_string());
    Ok(())
}

/// What is given, as the query of an address.
fn query(given: &[(&str, Option<String>)]) -> String {
    let given = given.iter().filter_map(|(name, value)| Some(format!("{name}={}", value.as_ref()?)));
    let given: Vec<String> = given.collect();
    if given.is_empty() { String::new() } else { format!("?{}", given.join("&")) }
}
