//! What a host keeps beside its journal, in the state directory: keys and the admin token, readable by its user only.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};

use aws_lc_rs::rand;
use secrecy::SecretString;

use crate::{
    config::Config,
    error::{Complaint, Fault},
};

/// Length of the journal's key, in bytes.
const KEY_BYTES: usize = 32;

/// What was in the state directory, or was made there at the first start.
pub(crate) struct State {
    /// Encrypts secrets and recordings in the journal.
    pub(crate) journal_key: [u8; KEY_BYTES],
    /// Opens the admin API.
    pub(crate) admin_token: SecretString,
    /// A short random name, made with the journal's key.
    pub(crate) journal_name: String,
    /// What this machine is called, for the workers' names.
    pub(crate) host_name: String,
}

/// Reads the state directory, and makes what is missing.
pub(crate) fn open(config: &Config) -> Result<State, Complaint> {
    let wrong = |path: &Path, error: &io::Error| {
        Complaint::new(
            Fault::Configuration,
            format!("`{}` cannot be used for the host's keys", path.display()),
            "nothing was started",
            "give the host's user a directory of its own (`state.dir`), with enough space and the right owner",
        )
        .because(error)
    };
    let dir = &config.state.dir;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|error| wrong(dir, &error))?;
    let key_file = &config.journal.key_file;
    let key = kept(key_file).map_err(|error| wrong(key_file, &error))?;
    let token_file = &config.admin.token_file;
    let token = kept(token_file).map_err(|error| wrong(token_file, &error))?;
    let mut journal_key = [0; KEY_BYTES];
    hex::decode_to_slice(key.trim(), &mut journal_key).map_err(|_| {
        let error = io::Error::other(format!("the key must be {KEY_BYTES} bytes in hex"));
        wrong(key_file, &error)
    })?;
    let named = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, format!("name {}", key.trim()).as_bytes());
    Ok(State {
        journal_key,
        admin_token: token.trim().into(),
        journal_name: hex::encode(named.as_ref().get(..4).unwrap_or_default()),
        host_name: fs::read_to_string("/etc/hostname").map(|name| name.trim().to_owned()).unwrap_or_else(|_| "host".into()),
    })
}

/// A file with a random secret in hex, made at first use.
fn kept(path: &Path) -> io::Result<String> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut secret = [0; KEY_BYTES];
            rand::fill(&mut secret).map_err(|_| io::Error::other("the operating system gave no randomness"))?;
            let text = hex::encode(secret);
            let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            Ok(text)
        }
        read => read,
    }
}
