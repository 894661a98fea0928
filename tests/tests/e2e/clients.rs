//! Other people's clients, unchanged, as their registries have them, against the sandbox.
//!
//! What they are asked to do is written in their own language, under `tests/clients`. They are installed below the
//! target directory; where the tool to do so is missing the test says so and is not run, except in CI, where that is a
//! failure.

use std::{fs, path::Path, process::Command};

use crosswalk_sandbox::{Sandbox, SandboxConfig};

use crate::{
    is_there,
    tools::{copied, npm_ci, pip_install, run},
};

/// The sandbox's root certificate, in a client's folder.
const ROOT: &str = "sandbox-root.pem";

#[tokio::test(flavor = "multi_thread")]
async fn dynamics_web_api_from_npm_drives_the_dataverse_sandbox() {
    if !is_there("npm", "--version") || !is_there("node", "--version") {
        return;
    }
    let folder = copied("clients/dynamics-web-api");
    npm_ci(&folder);
    let sandbox = with_tls(&folder).await;
    for url in [sandbox.dynamics_url(), sandbox.dynamics_tls_url().unwrap()] {
        run(Command::new("node")
            .args(["--test", "check.test.mjs"])
            .env("SANDBOX_DYNAMICS", url)
            .env("NODE_EXTRA_CA_CERTS", folder.join(ROOT))
            .current_dir(&folder));
    }
    sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn simple_salesforce_from_pypi_drives_the_salesforce_sandbox() {
    if !is_there("python3", "--version") {
        return;
    }
    let folder = copied("clients/simple-salesforce");
    let python = pip_install(&folder).join("python");
    let sandbox = with_tls(&folder).await;
    for url in [sandbox.salesforce_url(), sandbox.salesforce_tls_url().unwrap()] {
        run(Command::new(&python)
            .arg("check.py")
            .env("SANDBOX_SALESFORCE", url)
            .env("REQUESTS_CA_BUNDLE", folder.join(ROOT))
            .current_dir(&folder));
    }
    sandbox.stop().await;
}

/// A sandbox over HTTP and over TLS; its root certificate is put into `folder` for the client to trust.
async fn with_tls(folder: &Path) -> Sandbox {
    let config = SandboxConfig { tls: true, ..SandboxConfig::on_free_ports() };
    let sandbox = Sandbox::start(config).await.unwrap();
    fs::write(folder.join(ROOT), sandbox.ca_pem()).unwrap();
    sandbox
}
