//! Other people's clients, unchanged, as their registries have them, against the sandbox.
//!
//! What they are asked to do is written in their own language, under `tests/clients`. They are installed below the
//! target directory; where the tool to do so is missing the test says so and is not run, except in CI, where that is a
//! failure.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crosswalk_sandbox::{Sandbox, SandboxConfig};

use crate::is_there;

/// The clients' own tests.
const CLIENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/clients");

/// The sandbox's root certificate, in a client's folder.
const ROOT: &str = "sandbox-root.pem";

#[tokio::test(flavor = "multi_thread")]
async fn dynamics_web_api_from_npm_drives_the_dataverse_sandbox() {
    if !is_there("npm", "--version") || !is_there("node", "--version") {
        return;
    }
    let folder = copied("dynamics-web-api");
    run(Command::new("npm").args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(&folder));
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
    let folder = copied("simple-salesforce");
    let python = folder.join("installed/bin/python");
    run(Command::new("python3").args(["-m", "venv", "installed"]).current_dir(&folder));
    run(Command::new(&python)
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", "requirements.txt"])
        .current_dir(&folder));
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

/// A copy of a client's folder below the target directory, so that installing it leaves no trace in the checkout. What
/// was installed there before is used again.
fn copied(client: &str) -> PathBuf {
    let to = Path::new(env!("CARGO_TARGET_TMPDIR")).join("clients").join(client);
    fs::create_dir_all(&to).unwrap();
    for entry in fs::read_dir(Path::new(CLIENTS).join(client)).unwrap() {
        let from = entry.unwrap().path();
        if from.is_file() {
            fs::copy(&from, to.join(from.file_name().unwrap())).unwrap();
        }
    }
    to
}

/// Runs a command to its end; what it printed is in the failure.
fn run(command: &mut Command) {
    let output = command.output().unwrap();
    let printed = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert!(output.status.success(), "{command:?} ended with {}:\n{}", output.status, printed.join("\n"));
}
