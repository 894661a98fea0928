//! Two partners' systems and one host in this process, set up as an operator would.

use std::{
    io,
    path::{Path, PathBuf},
};

use crosswalk_sandbox::{Sandbox, SandboxConfig};

use super::{scene::Scene, seller::CrmKind};
use crate::{
    cli::start_sandbox,
    config::Config,
    error::{Complaint, Fault},
    serve::{Addresses, Host},
};

/// Everything that the story plays in.
pub(crate) struct World {
    /// The partner with Dynamics.
    pub(crate) contoso: Scene,
    /// The partner with Salesforce.
    pub(crate) fabrikam: Scene,
    /// One Partner Center and both CRMs. A sandbox's Partner Center is the account of one partner …
    sandbox: Sandbox,
    /// … so that the second partner has one of its own, and only that is used of this sandbox.
    second: Sandbox,
    host: Host,
    /// The file with the host's admin token.
    token_file: PathBuf,
    /// The host's journal and keys; gone with the world.
    _folder: tempfile::TempDir,
}

impl World {
    /// Starts sandboxes and host, applies the tenants, registers the webhooks.
    pub(crate) async fn start(
        sandbox: SandboxConfig,
        config: impl FnOnce(&Path) -> Config,
    ) -> Result<Self, Complaint> {
        let folder = tempfile::tempdir().map_err(|error| no_folder(&error))?;
        let sandbox = start_sandbox(sandbox).await?;
        let second = start_sandbox(SandboxConfig::on_free_ports()).await?;
        let mut config = config(folder.path());
        for (name, sandbox) in [("root.pem", &sandbox), ("second-root.pem", &second)] {
            let root = folder.path().join(name);
            std::fs::write(&root, sandbox.ca_pem()).map_err(|error| no_folder(&error))?;
            config.webhooks.partner_center.root_files.push(root);
        }
        let token_file = config.admin.token_file.clone();
        let host = Host::start(config).await?;
        let addresses = host.addresses();
        let admin = format!("http://{}", addresses.admin);
        let scene = |crm, center: &Sandbox, crm_url| {
            Scene::new(crm, center.partner_center_url(), crm_url, &admin, host.admin_token())
        };
        let contoso = scene(CrmKind::Dynamics, &sandbox, sandbox.dynamics_url());
        let fabrikam = scene(CrmKind::Salesforce, &second, sandbox.salesforce_url());
        for scene in [&contoso, &fabrikam] {
            scene.set_up(&addresses.public.to_string()).await?;
        }
        Ok(World { contoso, fabrikam, sandbox, second, host, token_file, _folder: folder })
    }

    /// Where the host listens.
    pub(crate) fn addresses(&self) -> Addresses {
        self.host.addresses()
    }

    /// The file with the host's admin token.
    pub(crate) fn token_file(&self) -> &Path {
        &self.token_file
    }

    /// The host from within, for tests that look into its journal.
    #[cfg(test)]
    pub(crate) fn app(&self) -> &std::sync::Arc<crate::app::App> {
        self.host.app()
    }

    /// Stops all of them.
    pub(crate) async fn stop(self) {
        self.host.stop().await;
        self.sandbox.stop().await;
        self.second.stop().await;
    }
}

fn no_folder(error: &io::Error) -> Complaint {
    Complaint::new(
        Fault::Configuration,
        "no temporary folder could be used for the demo's journal",
        "nothing was started",
        "check the space and the rights of the temporary directory (`TMPDIR`)",
    )
    .because(error)
}
