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
    /// Listen over TLS too, 100 above each port; `/_sandbox/ca.pem` is the root to trust.
    #[arg(long)]
    tls: bool,
}

pub(super) async fn run(args: Args, output: &Output) -> Result<(), Complaint> {
    let config = SandboxConfig {
        partner_center_address: (Ipv4Addr::LOCALHOST, args.partner_center_port).into(),
        dynamics_address: (Ipv4Addr::LOCALHOST, args.dynamics_port).into(),
        salesforce_address: (Ipv4Addr::LOCALHOST, args.salesforce_port).into(),
        tls: args.tls,
        ..SandboxConfig::default()
    };
    let sandbox = start(config).await?;
    let systems = [
        ("Partner Center", "partner-center", sandbox.partner_center_url(), sandbox.partner_center_tls_url()),
        ("Dynamics", "dynamics", sandbox.dynamics_url(), sandbox.dynamics_tls_url()),
        ("Salesforce", "salesforce", sandbox.salesforce_url(), sandbox.salesforce_tls_url()),
    ];
    let mut addresses = serde_json::Map::new();
    let mut lines = String::new();
    for (name, key, url, tls_url) in systems {
        lines.push_str(&format!("{name:<16}{url}"));
        addresses.insert(key.to_owned(), json!(url));
        if let Some(tls_url) = tls_url {
            lines.push_str(&format!("  {tls_url}"));
            addresses.insert(format!("{key}-tls"), json!(tls_url));
        }
        lines.push('\n');
    }
    output.say(&json!(addresses), || {
        format!("{lines}The token `sandbox` is always accepted; switches and the trace are under /_sandbox.")
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
