//! A sandbox and a host in this process, set up as an operator would.

use std::{io, path::Path};

use crosswalk_sandbox::{Sandbox, SandboxConfig};

use super::scene::Scene;
use crate::{
    cli::start_sandbox,
    config::Config,
    error::{Complaint, Fault},
    serve::{Addresses, Host},
};

/// Everything that the story plays in.
pub(crate) struct World {
    /// What people see and do.
    pub(crate) scene: Scene,
    sandbox: Sandbox,
    host: Host,
    /// The host's journal and keys; gone with the world.
    _folder: tempfile::TempDir,
}

impl World {
    /// Starts sandbox and host, applies the tenant, registers the webhooks.
    pub(crate) async fn start(
        sandbox: SandboxConfig,
        config: impl FnOnce(&Path) -> Config,
    ) -> Result<Self, Complaint> {
        let folder = tempfile::tempdir().map_err(|error| no_folder(&error))?;
        let sandbox = start_sandbox(sandbox).await?;
        let root = folder.path().join("sandbox-root.pem");
        std::fs::write(&root, sandbox.ca_pem()).map_err(|error| no_folder(&error))?;
        let mut config = config(folder.path());
        config.webhooks.partner_center.root_files = vec![root];
        let host = Host::start(config).await?;
        let addresses = host.addresses();
        let scene = Scene::new(
            sandbox.partner_center_url(),
            sandbox.dynamics_url(),
            &format!("http://{}", addresses.admin),
            host.admin_token(),
        );
        scene.set_up(&addresses.public.to_string()).await?;
        Ok(World { scene, sandbox, host, _folder: folder })
    }

    /// Where the host listens.
    pub(crate) fn addresses(&self) -> Addresses {
        self.host.addresses()
    }

    /// Stops both.
    pub(crate) async fn stop(self) {
        self.host.stop().await;
        self.sandbox.stop().await;
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
