//! `crosswalk serve`: the service, until it is told to stop.

use std::path::PathBuf;

use tokio::signal::unix::{SignalKind, signal};
use tracing::info;

use super::Output;
use crate::{
    config::Config,
    error::{Complaint, Fault},
    logs,
    serve::Host,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The configuration; every key is described in `crosswalk.default.toml`.
    #[arg(short, long, env = "CROSSWALK_CONFIG")]
    config: Option<PathBuf>,
}

pub(super) async fn run(args: Args, output: &Output) -> Result<(), Complaint> {
    let config = match &args.config {
        Some(file) => Config::load(file).map_err(|error| {
            Complaint::new(
                Fault::Configuration,
                format!("the configuration `{}` cannot be used", file.display()),
                "nothing was started",
                "correct the file; `host/crosswalk.default.toml` describes every key",
            )
            .because(&error)
        })?,
        None => Config::default(),
    };
    logs::start(&config.log);
    let host = Host::start(config).await?;
    let addresses = host.addresses();
    output.say(&addresses, || {
        format!("webhooks at http://{}, admin at http://{}", addresses.public, addresses.admin)
    });
    stop_asked_for().await?;
    info!("stopping");
    host.stop().await;
    info!("stopped");
    Ok(())
}

async fn stop_asked_for() -> Result<(), Complaint> {
    let failed = |error: std::io::Error| Complaint::internal("listening for a stop signal", &error);
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
