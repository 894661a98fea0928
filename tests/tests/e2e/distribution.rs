//! Components on their way from whoever builds them to a tenant: through a real registry, and signed with the real
//! minisign. Both are installed in CI; elsewhere a test whose tool is missing says that it was not run.

mod artefacts;
mod signed;
mod tools;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use crosswalk::demo::CrmKind;
use crosswalk_tests::Stage;
use serde_json::Value;
use sqlx::{Connection as _, SqliteConnection};
use tempfile::TempDir;

use crate::{author, program};

/// A component that is never built again, so that it is the same wherever this runs.
const COMPONENT: &[u8] = include_bytes!("../../guests/frozen/frozen-1.0.0.wasm");

/// Another component: the same with a section at its end that nobody reads.
fn another_component() -> Vec<u8> {
    [COMPONENT, b"\0\x04\x03odd"].concat()
}

/// The words of a command's two outputs.
fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes)).join("\n")
}

/// Where a person sits who has files and a shell, and no host yet.
struct Desk {
    folder: TempDir,
    environment: Vec<(&'static str, String)>,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("v1.wasm"), COMPONENT).unwrap();
        fs::write(folder.path().join("v2.wasm"), another_component()).unwrap();
        Desk { folder, environment: Vec::new() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    /// `crosswalk …`, without whatever credentials this machine has.
    fn crosswalk(&self, words: &[&str]) -> Output {
        let mut command = Command::new(program());
        command.args(words).current_dir(self.folder.path()).env("DOCKER_CONFIG", self.path("docker"));
        command.env_remove("CROSSWALK_REGISTRY_USERNAME").env_remove("CROSSWALK_REGISTRY_PASSWORD");
        command.envs(self.environment.iter().map(|(name, value)| (*name, value)));
        command.output().unwrap()
    }

    /// A command that must succeed; its words.
    fn does(&self, words: &[&str]) -> String {
        let output = self.crosswalk(words);
        assert!(output.status.success(), "{words:?}:\n{}", said(&output));
        said(&output)
    }

    /// A command that must fail with this exit code; its words.
    fn fails(&self, words: &[&str], code: i32) -> String {
        let output = self.crosswalk(words);
        assert_eq!(output.status.code(), Some(code), "{words:?}:\n{}", said(&output));
        said(&output)
    }
}

/// A desk with a host, and the tenant `fabrikam` on it, which begins with the mapping that is built in.
struct Office {
    desk: Desk,
    stage: Stage,
}

impl Office {
    /// `top` and `end` go into the tenant's document.
    async fn open(top: &str, end: &str) -> Self {
        let office = Self::without_tenant().await;
        office.applies(top, end);
        office
    }

    async fn without_tenant() -> Self {
        Office { desk: Desk::new(), stage: Stage::empty(program(), CrmKind::Dynamics).await.unwrap() }
    }

    /// Applies the tenant's document, and is told that this went well.
    fn applies(&self, top: &str, end: &str) {
        let applied = self.apply(top, end);
        assert!(applied.status.success(), "{}", said(&applied));
    }

    fn apply(&self, top: &str, end: &str) -> Output {
        let document = format!("{top}\n{}\n{end}", author::document(&self.stage));
        fs::write(self.desk.path("fabrikam.toml"), document).unwrap();
        self.admin(&["tenant", "apply", "-f", "fabrikam.toml"])
    }

    /// A command to the host.
    fn admin(&self, words: &[&str]) -> Output {
        let (host, token) = (self.stage.admin_url(), self.stage.folder().join("state/admin.token"));
        let at = ["--host", &host, "--token-file", token.to_str().unwrap()];
        self.desk.crosswalk(&[words, &at].concat())
    }

    /// Deploys at once and without the laws, which are not what is tried here.
    fn deploy(&self, component: &[&str]) -> Output {
        let deploy = ["plugin", "deploy", "--tenant", "fabrikam", "--unchecked"];
        self.admin(&[deploy.as_slice(), component].concat())
    }

    fn deploys(&self, component: &[&str]) -> Value {
        let output = self.deploy(&[["--json"].as_slice(), component].concat());
        assert!(output.status.success(), "{component:?}:\n{}", said(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// What `plugin list` shows, newest first.
    fn releases(&self) -> Vec<Value> {
        let output = self.admin(&["--json", "plugin", "list", "--tenant", "fabrikam"]);
        assert!(output.status.success(), "{}", said(&output));
        let lines = String::from_utf8(output.stdout).unwrap();
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The digest of the release that is live.
    fn live(&self) -> String {
        let live = self.releases().into_iter().find(|release| release["current"] == true).unwrap();
        live["digest"].as_str().unwrap().to_owned()
    }

    /// The acts in the tenant's audit, oldest first, as the journal has them.
    async fn audit(&self) -> String {
        let journal = self.stage.folder().join("state/journal.sqlite");
        let mut conn = open(&journal).await;
        let sql = "SELECT body FROM audit WHERE tenant = 'fabrikam' ORDER BY seq";
        let bodies: Vec<String> = sqlx::query_scalar(sql).fetch_all(&mut conn).await.unwrap();
        bodies.join("\n")
    }

    /// How many components the journal has, of whomever.
    async fn stored(&self) -> i64 {
        let mut conn = open(&self.stage.folder().join("state/journal.sqlite")).await;
        sqlx::query_scalar("SELECT COUNT(*) FROM components").fetch_one(&mut conn).await.unwrap()
    }
}

async fn open(journal: &Path) -> SqliteConnection {
    SqliteConnection::connect(&format!("sqlite://{}?mode=ro", journal.display())).await.unwrap()
}
