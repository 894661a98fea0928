//! What a host keeps beside its journal, in the state directory: keys and the admin token, readable by its user only.

use std::{
    fs::{self, File},
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

/// Length of the journal's key, and of a token that is made here, in bytes.
const KEY_BYTES: usize = 32;

/// What a token must have at the least, in characters: one that an operator chose must be hard to guess, and an empty
/// one would open the admin API to everybody.
const TOKEN_CHARACTERS_MIN: usize = 16;

/// What was in the state directory, or was made there at the first start.
pub(crate) struct State {
    /// Encrypts secrets and recordings in the journal.
    pub(crate) journal_key: [u8; KEY_BYTES],
    /// Opens the admin API.
    pub(crate) admin_token: SecretString,
    /// A short random name, made with the journal's key.
    pub(crate) journal_name: String,
    /// Held for as long as the host runs: the journal is its own.
    pub(crate) lock: File,
    /// What this machine is called, for the workers' names.
    pub(crate) host_name: String,
}

/// Reads the state directory, and makes what is missing.
pub(crate) fn open(config: &Config) -> Result<State, Complaint> {
    let dir = &config.state.dir;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|error| wrong(dir, &error))?;
    let lock = alone(&config.journal.path)?;
    let key_file = &config.journal.key_file;
    let key = kept(key_file).map_err(|error| wrong(key_file, &error))?;
    let token_file = &config.admin.token_file;
    let token = kept(token_file).map_err(|error| wrong(token_file, &error))?;
    if token.trim().chars().count() < TOKEN_CHARACTERS_MIN {
        let error = io::Error::other(format!(
            "the admin token must have {TOKEN_CHARACTERS_MIN} characters; remove the file, and a new one is made"
        ));
        return Err(wrong(token_file, &error));
    }
    let mut journal_key = [0; KEY_BYTES];
    hex::decode_to_slice(key.trim(), &mut journal_key).map_err(|_| {
        let error = io::Error::other(format!("the key must be {KEY_BYTES} bytes in hex"));
        wrong(key_file, &error)
    })?;
    let named =
        aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, format!("name {}", key.trim()).as_bytes());
    Ok(State {
        lock,
        journal_key,
        admin_token: token.trim().into(),
        journal_name: hex::encode(named.as_ref().get(..4).unwrap_or_default()),
        host_name: fs::read_to_string("/etc/hostname")
            .map(|name| name.trim().to_owned())
            .unwrap_or_else(|_| "host".into()),
    })
}

/// Two hosts on one SQLite journal would take each other's passes for dead.
fn alone(journal: &Path) -> Result<File, Complaint> {
    let path = journal.with_extension("lock");
    let file = File::create(&path).map_err(|error| wrong(&path, &error))?;
    file.try_lock().map_err(|error| {
        Complaint::new(
            Fault::Configuration,
            format!("another host has the journal `{}`", journal.display()),
            "nothing was started",
            "stop the other host first, or give this one a journal and a state directory of its own",
        )
        .because(&error)
    })?;
    Ok(file)
}

fn wrong(path: &Path, error: &io::Error) -> Complaint {
    Complaint::new(
        Fault::Configuration,
        format!("`{}` cannot be used for what the host keeps", path.display()),
        "nothing was started",
        "give the host's user a directory of its own (`state.dir`), with enough space and the right owner",
    )
    .because(error)
}

/// A file with a random secret in hex, made at first use.
fn kept(path: &Path) -> io::Result<String> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut secret = [0; KEY_BYTES];
            rand::fill(&mut secret)
                .map_err(|_| io::Error::other("the operating system gave no randomness"))?;
            make(path, &hex::encode(secret))?;
            // Read back, because another host may have been faster.
            fs::read_to_string(path)
        }
        read => read,
    }
}

/// Makes a file that is whole or not there at all, whenever the host is killed. One that is there already stays.
fn make(path: &Path, text: &str) -> io::Result<()> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}", std::process::id()));
    let draft = Path::new(&draft);
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    let linked = match fs::hard_link(draft, path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    };
    fs::remove_file(draft)?;
    linked
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use secrecy::ExposeSecret;

    use super::*;

    fn config() -> (tempfile::TempDir, Config) {
        let folder = tempfile::tempdir().unwrap();
        let config = Config::for_testing(folder.path());
        (folder, config)
    }

    #[test]
    fn what_was_made_at_the_first_start_is_found_at_the_next() {
        let (_folder, config) = config();
        let kept = || {
            let state = open(&config).unwrap();
            (state.journal_key, state.admin_token.expose_secret().to_owned(), state.journal_name)
        };
        let first = kept();
        assert_eq!(first, kept());
        assert_ne!(first.1, hex::encode(first.0));
    }

    #[test]
    fn two_journals_have_two_keys_and_two_names() {
        let ((_one, one), (_other, other)) = (config(), config());
        let (one, other) = (open(&one).unwrap(), open(&other).unwrap());
        assert_ne!(one.journal_key, other.journal_key);
        assert_ne!(one.journal_name, other.journal_name);
    }

    #[test]
    fn only_the_hosts_user_can_read_its_keys_and_nothing_else_is_left_behind() {
        let (_folder, config) = config();
        open(&config).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&config.state.dir), 0o700);
        assert_eq!(mode(&config.journal.key_file), 0o600);
        assert_eq!(mode(&config.admin.token_file), 0o600);
        let names = fs::read_dir(&config.state.dir).unwrap().map(|file| file.unwrap().file_name());
        let draft = format!(".{}", std::process::id());
        assert!(names.into_iter().all(|name| !name.to_string_lossy().ends_with(&draft)));
    }

    #[test]
    fn an_empty_token_does_not_open_the_admin_api_to_everybody() {
        let (_folder, config) = config();
        open(&config).unwrap();
        fs::write(&config.admin.token_file, "\n").unwrap();
        let Err(complaint) = open(&config) else { panic!("an empty token was taken") };
        assert_eq!(complaint.fault, Fault::Configuration);
        assert!(complaint.to_string().contains("16 characters"), "{complaint}");
    }

    #[test]
    fn a_key_that_is_no_key_is_named_and_not_replaced() {
        let (_folder, config) = config();
        open(&config).unwrap();
        fs::write(&config.journal.key_file, "short").unwrap();
        let Err(complaint) = open(&config) else { panic!("a short key was taken") };
        assert!(complaint.message.contains(&config.journal.key_file.display().to_string()), "{complaint}");
        assert_eq!(fs::read_to_string(&config.journal.key_file).unwrap(), "short");
    }
}
