//! `crosswalk demo`: sandbox and host in one process, and the story of two partners.

use std::path::Path;

use crosswalk_sandbox::SandboxConfig;

use super::Output;
use crate::{
    config::Config,
    demo::{World, tell},
    error::Complaint,
    logs,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// End after the story: exit code 0 if every step came true. Takes whatever ports are free.
    #[arg(long)]
    once: bool,
    /// What to log to standard error, for example `info` or `crosswalk=debug`.
    #[arg(long, default_value = "warn")]
    log: String,
}

pub(super) async fn run(args: Args, output: &Output) -> Result<(), Complaint> {
    let mut log = Config::default().log;
    log.filter = args.log;
    logs::start(&log);
    output.tell("starting Partner Center, Dynamics, Salesforce and a host on loopback …");
    let sandbox = if args.once { SandboxConfig::on_free_ports() } else { SandboxConfig::default() };
    let once = args.once;
    let world = World::start(sandbox, |folder| config(folder, once)).await?;
    let told = tell(&world.contoso, &world.fabrikam, output).await;
    if !once && told.is_ok() {
        let (contoso, fabrikam) = (&world.contoso, &world.fabrikam);
        output.tell(&format!(
            "\nStill running, until Ctrl-C:\n  contoso   Partner Center {}, Dynamics   {}\n  fabrikam  Partner Center {}, Salesforce {}\n  \
             the host's admin API http://{}\nPartner Center and the CRMs take the token `sandbox`. For `crosswalk` commands in another terminal:\n  \
             export CROSSWALK_ADMIN_TOKEN_FILE={:?}{}",
            contoso.center().url(),
            contoso.crm().url(),
            fabrikam.center().url(),
            fabrikam.crm().url(),
            world.addresses().admin,
            world.token_file(),
            path_of_this_program()
        ));
        tokio::signal::ctrl_c()
            .await
            .map_err(|error| Complaint::internal("waiting to be stopped", &error))?;
    }
    world.stop().await;
    told
}

/// What another terminal needs to find this program by its name.
fn path_of_this_program() -> String {
    let program = std::env::current_exe().ok();
    let folder = program.as_deref().and_then(Path::parent);
    folder.map(|folder| format!("\n  export PATH={folder:?}:\"$PATH\"")).unwrap_or_default()
}

/// The addresses that a host has by default, or free ones; everything else as in a rehearsal.
fn config(folder: &Path, once: bool) -> Config {
    let mut config = Config { limits: Config::default().limits, ..Config::for_testing(folder) };
    if !once {
        config.listen = Config::default().listen;
    }
    config
}
