//! The command line: one enum of everything that a person can ask for, one match, one file a command.
//!
//! Commands that talk to a running host do so over the admin API, like anybody else. Results go to standard output
//! (`--json`: one JSON document a line), progress and errors to standard error, and the exit code says whose fault it
//! was (see [`Fault`]).

mod admin_client;
mod demo;
mod events;
mod jobs;
mod output;
mod plugin;
mod sandbox;
mod serve;
mod setup;
mod template;
mod tenant;

use std::{io, process::ExitCode};

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use crate::error::{Complaint, Fault};
pub(crate) use admin_client::AdminClient;
pub(crate) use output::Output;
pub(crate) use sandbox::start as start_sandbox;

/// Keeps Microsoft Partner Center co-sell referrals and a CRM in agreement.
#[derive(Debug, Parser)]
#[command(name = "crosswalk", version, propagate_version = true)]
struct Cli {
    /// Print results as JSON, one document a line.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run sandbox and host in one process and tell the story of two partners, verifying each step.
    Demo(demo::Args),
    /// Run Partner Center and Dynamics on loopback, for developing against.
    Sandbox(sandbox::Args),
    /// Run the service.
    Serve(serve::Args),
    /// Make, build, check, deploy and roll back plugins.
    #[command(subcommand)]
    Plugin(plugin::Command),
    /// Apply and look at tenants.
    #[command(subcommand)]
    Tenant(tenant::Command),
    /// Look at events and their stories, and try them again.
    #[command(subcommand)]
    Events(events::Command),
    /// Register, look at and test Partner Center's webhook.
    #[command(subcommand)]
    Webhook(setup::WebhookCommand),
    /// Make what the CRM must have.
    #[command(subcommand)]
    Crm(setup::CrmCommand),
    /// Compare everything on both sides of a tenant, and repair what no event announced.
    Sweep(jobs::SweepArgs),
    /// Look at an existing portfolio for the first time, behind live traffic.
    Backfill(jobs::Args),
    /// Compare every linked pair, field by field; nothing is written. Exit code 1 if any differ.
    Verify(jobs::Args),
    /// Follow sweeps, backfills and verifications.
    #[command(subcommand)]
    Jobs(jobs::Command),
    /// Print the completions for a shell.
    Completions {
        /// Which shell.
        shell: Shell,
    },
}

/// Runs what the command line asks for. This is all of `main`.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let output = Output::new(cli.json);
    match run(cli.command, &output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(complaint) => {
            output.complain(&complaint);
            complaint.fault.into()
        }
    }
}

fn run(command: Command, output: &Output) -> Result<(), Complaint> {
    match command {
        Command::Demo(args) => on_tokio(demo::run(args, output)),
        Command::Sandbox(args) => on_tokio(sandbox::run(args, output)),
        Command::Serve(args) => on_tokio(serve::run(args, output)),
        Command::Plugin(command) => on_tokio(plugin::run(command, output)),
        Command::Tenant(command) => on_tokio(tenant::run(command, output)),
        Command::Events(command) => on_tokio(events::run(command, output)),
        Command::Webhook(command) => on_tokio(setup::webhook(command, output)),
        Command::Crm(command) => on_tokio(setup::crm(command, output)),
        Command::Sweep(args) => on_tokio(jobs::sweep(args, output)),
        Command::Backfill(args) => on_tokio(jobs::backfill(args, output)),
        Command::Verify(args) => on_tokio(jobs::verify(args, output)),
        Command::Jobs(command) => on_tokio(jobs::run(command, output)),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "crosswalk", &mut io::stdout());
            Ok(())
        }
    }
}

fn on_tokio<T>(work: impl Future<Output = Result<T, Complaint>>) -> Result<T, Complaint> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            Complaint::new(
                Fault::Internal,
                "no threads could be started",
                "nothing was started",
                "check the limits of this user and machine (`ulimit -a`)",
            )
            .because(&error)
        })?
        .block_on(work)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
