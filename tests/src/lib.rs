//! What the end-to-end tests share: a sandbox in this process, and the real program in one of its own, which can be
//! killed at any moment and started again.
#![forbid(unsafe_code)]

mod built;
mod unlawful;

use std::{
    fs,
    io::{BufRead, BufReader},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use crosswalk::demo::{CrmKind, Scene};
use crosswalk_sandbox::{Sandbox, SandboxConfig};
use secrecy::SecretString;

pub use built::built;
pub use unlawful::Unlawful;

/// How long a host may take to listen. Its first start compiles the plugin, unoptimised builds are slow.
const START_PATIENCE: Duration = Duration::from_secs(60);

/// A sandbox here, a host's folder, and the host's program while it runs.
pub struct Stage {
    /// The systems that the host talks to.
    pub sandbox: Sandbox,
    /// What people see and do.
    pub scene: Scene,
    program: PathBuf,
    folder: tempfile::TempDir,
    ports: Ports,
    child: Option<Child>,
}

#[derive(Clone, Copy)]
struct Ports {
    public: u16,
    admin: u16,
}

impl Stage {
    /// Starts everything and sets the scene for a partner with this CRM. `program` is the `crosswalk` binary.
    ///
    /// # Errors
    /// When something does not start in time.
    pub async fn start(program: &Path, crm: CrmKind) -> Result<Self> {
        Self::start_configured(program, crm, &[]).await
    }

    /// As [`Stage::start`], with other values for some keys of the configuration: `("poll_ms", "60000")`.
    ///
    /// # Errors
    /// Also when the configuration has no such key.
    pub async fn start_configured(program: &Path, crm: CrmKind, keys: &[(&str, &str)]) -> Result<Self> {
        let stage = Self::bare(program, crm, keys).await?;
        stage.scene.set_up(&stage.public_address()).await?;
        Ok(stage)
    }

    /// As [`Stage::start`], without a tenant yet.
    ///
    /// # Errors
    /// When something does not start in time.
    pub async fn empty(program: &Path, crm: CrmKind) -> Result<Self> {
        Self::bare(program, crm, &[]).await
    }

    async fn bare(program: &Path, crm: CrmKind, keys: &[(&str, &str)]) -> Result<Self> {
        let sandbox = Sandbox::start(SandboxConfig::on_free_ports()).await?;
        let folder = tempfile::tempdir()?;
        let ports = Ports { public: free_port()?, admin: free_port()? };
        fs::write(folder.path().join("root.pem"), sandbox.ca_pem())?;
        fs::write(folder.path().join("crosswalk.toml"), configuration(ports, keys)?)?;
        let nowhere = scene(crm, &sandbox, "http://127.0.0.1:9", "none".into());
        let mut stage =
            Stage { sandbox, scene: nowhere, program: program.to_owned(), folder, ports, child: None };
        stage.start_host().await?;
        let token: SecretString =
            fs::read_to_string(stage.folder.path().join("state/admin.token"))?.trim().into();
        stage.scene = scene(crm, &stage.sandbox, &stage.admin_url(), token);
        Ok(stage)
    }

    /// Starts the program; returns when it is ready.
    ///
    /// # Errors
    /// When it ends, or is not ready in time. Its log is in the error.
    pub async fn start_host(&mut self) -> Result<()> {
        let log = fs::OpenOptions::new().create(true).append(true).open(self.log_file())?;
        let mut child = Command::new(&self.program)
            .args(["serve", "--config", "crosswalk.toml"])
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .with_context(|| format!("starting {}", self.program.display()))?;
        let ready = format!("http://127.0.0.1:{}/readyz", self.ports.admin);
        let began = Instant::now();
        loop {
            if let Some(status) = child.try_wait()? {
                bail!("the host ended with {status}:\n{}", self.log_end());
            }
            if reqwest::get(&ready).await.is_ok_and(|answer| answer.status().is_success()) {
                break;
            }
            ensure!(began.elapsed() < START_PATIENCE, "the host is not ready in time:\n{}", self.log_end());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.child = Some(child);
        Ok(())
    }

    /// `kill -9`: the program gets no chance to do anything any more.
    ///
    /// # Errors
    /// When it is not running.
    pub fn kill(&mut self) -> Result<()> {
        let mut child = self.child.take().context("no host is running")?;
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    /// SIGTERM, and how the program ended.
    ///
    /// # Errors
    /// When it is not running, or does not end within `patience`.
    pub async fn terminate(&mut self, patience: Duration) -> Result<std::process::ExitStatus> {
        let mut child = self.child.take().context("no host is running")?;
        let sent = Command::new("kill").args(["-TERM", &child.id().to_string()]).status()?;
        ensure!(sent.success(), "SIGTERM could not be sent");
        let began = Instant::now();
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(status);
            }
            if began.elapsed() > patience {
                child.kill()?;
                bail!("the host did not stop in time:\n{}", self.log_end());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Everything that the host has logged, of all its lives.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    /// The last lines of the log.
    pub fn log_end(&self) -> String {
        let Ok(file) = fs::File::open(self.log_file()) else { return String::new() };
        let lines: Vec<String> = BufReader::new(file).lines().map_while(Result::ok).collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }

    /// Where the host's admin API is.
    pub fn admin_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.admin)
    }

    /// Where the host takes webhooks.
    pub fn public_address(&self) -> String {
        format!("127.0.0.1:{}", self.ports.public)
    }

    /// The host's folder: configuration, journal, keys, log.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("host.log")
    }
}

impl Drop for Stage {
    /// A test that failed leaves its journal and log behind, and says where.
    #[expect(clippy::print_stderr, reason = "it is for whoever reads the failed test")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.folder.disable_cleanup(true);
            eprintln!("journal and log of this run: {}", self.folder.path().display());
        }
        if let Some(mut child) = self.child.take() {
            child.kill().ok();
            child.wait().ok();
        }
    }
}

fn scene(crm: CrmKind, sandbox: &Sandbox, admin: &str, token: SecretString) -> Scene {
    let url = match crm {
        CrmKind::Dynamics => sandbox.dynamics_url(),
        CrmKind::Salesforce => sandbox.salesforce_url(),
    };
    Scene::new(crm, sandbox.partner_center_url(), url, admin, token)
}

/// Short leases, because a killed host's lanes wait for them, and a poll that soon finds what a dead host missed.
fn configuration(ports: Ports, keys: &[(&str, &str)]) -> Result<String> {
    let (public, admin) = (ports.public, ports.admin);
    let mut text = format!(
        r#"
[listen]
public = "127.0.0.1:{public}"
admin = "127.0.0.1:{admin}"
public_url = "http://127.0.0.1:{public}"

[journal]
path = "state/journal.sqlite"
key_file = "state/journal.key"
recordings_ms = 604800000
prune_every_ms = 600000

[state]
dir = "state"

[admin]
token_file = "state/admin.token"

[limits]
large_concurrent_calls_max = 0
lease_ms = 4000
pass_deadline_ms = 3500
backoff_first_ms = 50
backoff_max_ms = 500
event_attempts_max = 200
create_patience_ms = 2000
create_look_again_ms = 300
create_after_patience = "post"

[catchup]
poll_ms = 1000

[sweep]
every_ms = 86400000
in_flight_max = 400
pairs_per_minute_max = 1000000

[webhooks.partner_center]
certificate_hosts = ["127.0.0.1:*"]
issuer_organizations = []
root_files = ["root.pem"]
allow_http_loopback = true

[log]
filter = "info"
"#
    );
    for (key, value) in keys {
        let line = text.lines().find(|line| line.starts_with(&format!("{key} = "))).map(str::to_owned);
        let line = line.with_context(|| format!("the configuration has no `{key}`"))?;
        text = text.replace(&line, &format!("{key} = {value}"));
    }
    Ok(text)
}

/// A port that was free a moment ago; the program wants to know it before it starts.
fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
