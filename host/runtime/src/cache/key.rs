//! The key of the compile cache: made at the first start, readable by this user alone.

use std::{
    fs,
    io::{self, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::Path,
};

use aws_lc_rs::{hmac, rand};

const KEY_BYTES: usize = 32;

/// Reads the key, or makes one. A key that others could have read or written is no secret, and one of another length
/// is not ours: both are replaced, which only means that everything is compiled again.
pub(super) fn open(path: &Path) -> io::Result<hmac::Key> {
    if let Some(key) = read(path)? {
        return Ok(hmac::Key::new(hmac::HMAC_SHA256, &key));
    }
    let mut key = [0; KEY_BYTES];
    rand::fill(&mut key).map_err(|_| io::Error::other("the system gives no random numbers"))?;
    // Two hosts on one folder may start at once: the first link stands, and both read it.
    let beside = path.with_extension(format!("{}.tmp", std::process::id()));
    let mut file =
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(&key)?;
    file.sync_all()?;
    let linked = fs::hard_link(&beside, path);
    fs::remove_file(&beside)?;
    match linked {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    match read(path)? {
        Some(key) => Ok(hmac::Key::new(hmac::HMAC_SHA256, &key)),
        None => Err(io::Error::other("the key was exchanged while it was being made")),
    }
}

/// The key that is there, if it can be trusted; one that cannot is deleted.
fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let mut file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let private = file.metadata()?.mode() & 0o077 == 0;
    let mut key = Vec::new();
    (&mut file).take(KEY_BYTES as u64 + 1).read_to_end(&mut key)?;
    if private && key.len() == KEY_BYTES {
        return Ok(Some(key));
    }
    tracing::warn!(key = %path.display(), "the key of the compile cache is not ours alone and was replaced");
    fs::remove_file(path)?;
    Ok(None)
}
