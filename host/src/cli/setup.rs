//! `crosswalk webhook` and `crosswalk crm`: a tenant's systems, set up in one command each.

use std::time::Duration;

use clap::Subcommand;
use crosswalk_connectors::{
    crm::{Step, StepState},
    partner_center::{Delivery, TestResult},
};
use tokio::time::{self, Instant};

use super::{
    Output,
    admin_client::{AdminClient, HostArgs},
    events::escape,
};
use crate::{
    admin::types::{TestStarted, WebhookSummary},
    error::{Complaint, Fault},
};

/// How often it is asked how a test went.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

#[derive(Debug, clap::Args)]
pub(super) struct Tenant {
    /// The tenant.
    #[arg(long)]
    tenant: String,
    #[command(flatten)]
    host: HostArgs,
}

#[derive(Debug, Subcommand)]
pub(super) enum WebhookCommand {
    /// Have Partner Center send this partner's events here. It has one address for a whole partner.
    Register {
        /// Take the registration away from whoever has it.
        #[arg(long)]
        overwrite: bool,
        #[command(flatten)]
        of: Tenant,
    },
    /// Show where Partner Center sends this partner's events.
    Show {
        #[command(flatten)]
        of: Tenant,
    },
    /// Have Partner Center send a test event, and report each delivery. Exit code 1 if none arrived.
    Test {
        /// How long to wait for deliveries, in seconds.
        #[arg(long, default_value_t = 60)]
        wait: u64,
        #[command(flatten)]
        of: Tenant,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum CrmCommand {
    /// Make the fields, keys, rights and notifications that the tenant's plugin needs and the CRM does not have, and say
    /// what a person must click where an API cannot. Repeating it changes nothing.
    Provision {
        /// Make nothing, and show each step.
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        of: Tenant,
    },
}

pub(super) async fn webhook(command: WebhookCommand, output: &Output) -> Result<(), Complaint> {
    match command {
        WebhookCommand::Register { overwrite, of } => {
            let path = format!("{}/webhook?overwrite={overwrite}", path(&of));
            let summary: WebhookSummary = AdminClient::open(&of.host)?.put(&path).await?;
            output.say(&summary, || summary.to_string());
            Ok(())
        }
        WebhookCommand::Show { of } => {
            let summary: WebhookSummary =
                AdminClient::open(&of.host)?.get(&format!("{}/webhook", path(&of))).await?;
            output.say(&summary, || summary.to_string());
            Ok(())
        }
        WebhookCommand::Test { wait, of } => test(&of, Duration::from_secs(wait), output).await,
    }
}

pub(super) async fn crm(command: CrmCommand, output: &Output) -> Result<(), Complaint> {
    let CrmCommand::Provision { dry_run, of } = command;
    let path = format!("{}/crm/provision?dry_run={dry_run}", path(&of));
    let steps: Vec<Step> = AdminClient::open(&of.host)?.post(&path).await?;
    for step in &steps {
        output.say(step, || in_words(step));
    }
    let by_hand = steps.iter().filter(|step| matches!(step.state, StepState::ByHand(_))).count();
    if by_hand > 0 {
        output.tell(&format!("{by_hand} step(s) are for a person; repeat the command afterwards"));
    }
    let wrong = |step: &&Step| matches!(step.state, StepState::Failed(_) | StepState::Differs(_));
    match steps.iter().filter(wrong).count() {
        0 => Ok(()),
        count => Err(Complaint::new(
            Fault::Failed,
            format!(
                "{count} of {} steps for the CRM of tenant `{}` did not come true",
                steps.len(),
                of.tenant
            ),
            "the others are as they are shown; nothing that was there was changed",
            "do what each of them says, then repeat the command",
        )),
    }
}

async fn test(of: &Tenant, patience: Duration, output: &Output) -> Result<(), Complaint> {
    let client = AdminClient::open(&of.host)?;
    let tests = format!("{}/webhook/tests", path(of));
    let started: TestStarted = client.post(&tests).await?;
    let end = Instant::now() + patience;
    let mut shown = 0;
    loop {
        let result: TestResult = client.get(&format!("{tests}/{}", escape(&started.id))).await?;
        for delivery in result.deliveries.iter().skip(shown) {
            output.say(delivery, || delivered(delivery));
        }
        shown = result.deliveries.len();
        if result.deliveries.iter().any(arrived) {
            output.tell("the test event arrived");
            return Ok(());
        }
        if result.status.eq_ignore_ascii_case("completed") || Instant::now() >= end {
            return Err(Complaint::new(
                Fault::Failed,
                format!(
                    "Partner Center's test event did not arrive here in {shown} deliveries ({})",
                    result.status
                ),
                "the registration is as it was",
                "does your proxy pass `/hooks/` on with body, query and headers untouched? the host's log says which \
                 webhooks it refused, and why",
            ));
        }
        time::sleep(LOOK_AGAIN).await;
    }
}

fn arrived(delivery: &Delivery) -> bool {
    delivery.code.eq_ignore_ascii_case("OK") || delivery.code.starts_with('2')
}

fn delivered(delivery: &Delivery) -> String {
    let message = if delivery.message.is_empty() { String::new() } else { format!(": {}", delivery.message) };
    format!("{}  {}{message}", delivery.at, delivery.code)
}

fn in_words(step: &Step) -> String {
    match &step.state {
        StepState::Present => format!("present  {}", step.what),
        StepState::Missing => format!("missing  {}", step.what),
        StepState::Made => format!("made     {}", step.what),
        StepState::Differs(how) => format!("differs  {}: {how}", step.what),
        StepState::ByHand(how) => format!("by hand  {}: {how}", step.what),
        StepState::Failed(why) => format!("failed   {}: {why}", step.what),
    }
}

fn path(of: &Tenant) -> String {
    format!("/api/v1/tenants/{}", escape(&of.tenant))
}
