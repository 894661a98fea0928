//! `crosswalk sandbox`: Partner Center, Dynamics and Salesforce on loopback, until told to stop.

use std::net::Ipv4Addr;

use crosswalk_sandbox::{DYNAMICS_PORT, PARTNER_CENTER_PORT, SALESFORCE_PORT, Sandbox, SandboxConfig};
use serde_json::json;

use super::Output;
use crate::error::{Complaint, Fault};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Partner Center's port; 0 takes any that is free.
    #[arg(long, default_value_t = PARTNER_CENTER_PORT)]
    partner_center_port: u16,
    /// Dynamics' port; 0 takes any that is free.
    #[arg(long, default_value_t = DYNAMICS_PORT)]
    dynamics_port: u16,
    /// Salesforce's port; 0 takes any that is free.
    #[arg(long, default_value_t = SALESFORCE_PORT)]
    salesforce_port: u16,
}

pub(super) async fn run(args: Args, output: &Output) -> Result<(), Complaint> {
    let config = SandboxConfig {
        partner_center_address: (Ipv4Addr::LOCALHOST, args.partner_center_port).into(),
        dynamics_address: (Ipv4Addr::LOCALHOST, args.dynamics_port).into(),
        salesforce_address: (Ipv4Addr::LOCALHOST, args.salesforce_port).into(),
        ..SandboxConfig::default()
    };
    let sandbox = start(config).await?;
    let (partner_center, dynamics) = (sandbox.partner_center_url(), sandbox.dynamics_url());
    let salesforce = sandbox.salesforce_url();
    let addresses =
        json!({ "partner-center": partner_center, "dynamics": dynamics, "salesforce": salesforce });
    output.say(&addresses, || {
        format!(
            "Partner Center  {partner_center}\nDynamics        {dynamics}\nSalesforce      {salesforce}\nThe token `sandbox` is always accepted; switches and the trace are under /_sandbox."
        )
    });
    tokio::signal::ctrl_c().await.map_err(|error| Complaint::internal("waiting to be stopped", &error))?;
    sandbox.stop().await;
    Ok(())
}

/// Starts the sandbox, or says why it cannot be.
pub(crate) async fn start(config: SandboxConfig) -> Result<Sandbox, Complaint> {
    Sandbox::start(config).await.map_err(|error| {
        Complaint::new(
            Fault::Unreachable,
            "the sandbox could not be started",
            "nothing is running",
            "is another sandbox running? choose other ports",
        )
        .because(&error)
    })
}
