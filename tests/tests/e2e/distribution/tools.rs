//! The real tools: Debian's docker-registry on loopback, and minisign.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

use super::Desk;
use crate::is_there;

const PATIENCE: Duration = Duration::from_secs(60);

/// Who may use a registry that asks. The hash is bcrypt's, the only one that it takes.
pub(super) const USER: &str = "ada";
pub(super) const PASSWORD: &str = "canary-8f2c41";
const HTPASSWD: &str = "ada:$2y$05$zB0hEz6lkymTUDcF7ikg5ulvmKoPTJC9JotmsiKVYP8VzOGjzmJrG\n";

/// A registry with a storage of its own, for as long as a test runs.
pub(super) struct Registry {
    folder: TempDir,
    port: u16,
    child: Child,
}

impl Registry {
    /// One that lets everybody do everything; nothing if the tool is not here.
    pub(super) async fn open() -> Option<Self> {
        Self::start("").await
    }

    /// One that knows [`USER`] only.
    pub(super) async fn guarded() -> Option<Self> {
        Self::start("auth:\n  htpasswd:\n    realm: crosswalk\n    path: HERE/htpasswd\n").await
    }

    async fn start(auth: &str) -> Option<Self> {
        if !is_there("docker-registry", "--version") {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let config = format!(
            "version: 0.1\nlog:\n  level: warn\nstorage:\n  filesystem:\n    rootdirectory: HERE/storage\n\
             http:\n  addr: 127.0.0.1:{port}\n{auth}"
        );
        let config = config.replace("HERE", folder.path().to_str().unwrap());
        fs::write(folder.path().join("config.yml"), config).unwrap();
        fs::write(folder.path().join("htpasswd"), HTPASSWD).unwrap();
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let child = Command::new("docker-registry")
            .args(["serve", "config.yml"])
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let registry = Registry { folder, port, child };
        registry.answers().await;
        Some(registry)
    }

    async fn answers(&self) {
        let began = Instant::now();
        while reqwest::get(self.url("")).await.is_err() {
            let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            assert!(began.elapsed() < PATIENCE, "the registry does not answer:\n{log}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// `oci://…` for something in it.
    pub(super) fn address(&self, rest: &str) -> String {
        format!("oci://127.0.0.1:{}/{rest}", self.port)
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/v2/{path}", self.port)
    }

    /// A manifest or a blob as the registry has it, without any client of ours.
    pub(super) async fn json(&self, path: &str) -> Value {
        let accepted = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json";
        let request = reqwest::Client::new().get(self.url(path)).header("accept", accepted);
        let answer = request.send().await.unwrap().error_for_status().unwrap();
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
    }

    /// Puts a manifest there, whatever it says.
    pub(super) async fn put_manifest(&self, path: &str, manifest: &Value) {
        let media_type = manifest["mediaType"].as_str().unwrap().to_owned();
        let request = reqwest::Client::new().put(self.url(path)).header("content-type", media_type);
        request.body(manifest.to_string()).send().await.unwrap().error_for_status().unwrap();
    }

    /// The file that a blob is in.
    pub(super) fn blob_file(&self, digest: &str) -> PathBuf {
        let hex = digest.strip_prefix("sha256:").unwrap();
        let blobs = "storage/docker/registry/v2/blobs/sha256";
        self.folder.path().join(blobs).join(&hex[..2]).join(hex).join("data")
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Somebody who signs with minisign. The key is at their desk, where no host ever is.
pub(super) struct Signer<'a> {
    desk: &'a Desk,
    name: &'static str,
}

impl<'a> Signer<'a> {
    /// Makes a key; nothing if the tool is not here.
    pub(super) fn new(desk: &'a Desk, name: &'static str) -> Option<Self> {
        if !is_there("minisign", "-v") {
            return None;
        }
        let signer = Signer { desk, name };
        let (public, secret) = (format!("{name}.pub"), format!("{name}.key"));
        signer.minisign(&["-G", "-W", "-p", &public, "-s", &secret]);
        Some(signer)
    }

    /// The public key, as the tenant's document has it.
    pub(super) fn public_key(&self) -> String {
        let file = fs::read_to_string(self.desk.path(&format!("{}.pub", self.name))).unwrap();
        file.lines().nth(1).unwrap().to_owned()
    }

    /// The policy of a tenant that takes what these have signed.
    pub(super) fn policy(signers: &[&Self]) -> String {
        let keys: Vec<String> =
            signers.iter().map(|signer| format!("{} = \"{}\"", signer.name, signer.public_key())).collect();
        format!("[plugin_policy.signed_by]\n{}\n", keys.join("\n"))
    }

    /// Signs a file, into a file of this name.
    pub(super) fn signs(&self, file: &str, signature: &str, comment: &str) {
        let secret = format!("{}.key", self.name);
        self.minisign(&["-S", "-s", &secret, "-m", file, "-x", signature, "-t", comment]);
    }

    /// Verifies as anybody would who has the public key.
    pub(super) fn verifies(&self, file: &str) -> String {
        self.minisign(&["-V", "-m", file, "-P", &self.public_key()])
    }

    fn minisign(&self, words: &[&str]) -> String {
        let mut command = Command::new("minisign");
        let output = command.args(words).current_dir(self.desk.folder.path()).stdin(Stdio::null()).output();
        let output = output.unwrap();
        assert!(output.status.success(), "minisign {words:?}:\n{}", super::said(&output));
        super::said(&output)
    }
}

/// What `docker login` would have left behind.
pub(super) fn logged_in(folder: &Path, registry: &Registry) {
    fs::create_dir_all(folder).unwrap();
    // `ada:canary-8f2c41` in base64.
    let config = format!(
        r#"{{ "auths": {{ "127.0.0.1:{}": {{ "auth": "YWRhOmNhbmFyeS04ZjJjNDE=" }} }} }}"#,
        registry.port
    );
    fs::write(folder.join("config.json"), config).unwrap();
}
