//! Compiled code on disk, so that a restart compiles nothing.
//!
//! Loading compiled code is running it: wasmtime checks neither its integrity (a flipped byte is loaded without a
//! word) nor all of the configuration that it was compiled under. So a file is `magic | fingerprint | HMAC-SHA256 |
//! code`: the fingerprint is wasmtime's compatibility hash with our configuration, the MAC covers that, the
//! component's digest and the code, and its key is made at the first start and readable by this user alone. What does
//! not verify is compiled again from the component, never loaded. What is verified are the bytes in memory, not the
//! file: nobody can exchange it in between.

mod key;
mod precompiled;

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::SystemTime,
};

pub(crate) use self::precompiled::OurCode;
use aws_lc_rs::hmac;

const MAGIC: &[u8; 16] = b"crosswalk cwasm1";
const FINGERPRINT_BYTES: usize = 32;
const MAC_BYTES: usize = 32;

/// A folder of compiled code.
pub(crate) struct Cache {
    folder: PathBuf,
    fingerprint: [u8; FINGERPRINT_BYTES],
    key: hmac::Key,
    bytes_max: u64,
}

impl Cache {
    /// Opens the folder; makes it and its key where they are missing.
    ///
    /// # Errors
    /// When the folder or the key cannot be made or read.
    pub(crate) fn open(
        folder: &Path,
        fingerprint: [u8; FINGERPRINT_BYTES],
        bytes_max: u64,
    ) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let key = key::open(&folder.join("key"))?;
        Ok(Self { folder: folder.to_owned(), fingerprint, key, bytes_max })
    }

    /// A component's code: from disk if what lies there is ours and whole, else compiled and put there.
    ///
    /// # Errors
    /// When it does not compile. A cache that cannot be read or written only costs time, and is logged.
    pub(crate) fn get_or_compile(
        &self,
        digest: &str,
        compile: impl FnOnce() -> wasmtime::Result<OurCode>,
    ) -> wasmtime::Result<OurCode> {
        if let Some(code) = self.load(digest) {
            return Ok(code);
        }
        let code = compile()?;
        if let Err(error) = self.store(digest, &code).and_then(|()| self.prune()) {
            tracing::warn!(
                plugin.digest = digest, error = %error, folder = %self.folder.display(),
                "compiled code could not be kept; it will be compiled again at the next start"
            );
        }
        Ok(code)
    }

    fn load(&self, digest: &str) -> Option<OurCode> {
        let file = fs::read(self.path(digest)).ok()?;
        let code = self.verified(digest, &file);
        if code.is_none() {
            tracing::warn!(
                plugin.digest = digest,
                "compiled code on disk is damaged or not this host's; it is compiled again"
            );
        }
        code
    }

    /// The code in a file, if this host wrote it for this component under this configuration.
    fn verified(&self, digest: &str, file: &[u8]) -> Option<OurCode> {
        let (magic, rest) = file.split_at_checked(MAGIC.len())?;
        let (fingerprint, rest) = rest.split_at_checked(FINGERPRINT_BYTES)?;
        let (mac, code) = rest.split_at_checked(MAC_BYTES)?;
        if magic != MAGIC || fingerprint != self.fingerprint {
            return None;
        }
        OurCode::verify(&self.key, &self.signed(digest, code), mac, code)
    }

    fn store(&self, digest: &str, code: &OurCode) -> io::Result<()> {
        let code = code.bytes();
        let mac = hmac::sign(&self.key, &self.signed(digest, code));
        // Written beside and renamed: nobody sees half a file, and two hosts that write the same do no harm.
        static WRITTEN: AtomicU64 = AtomicU64::new(0);
        let number = WRITTEN.fetch_add(1, Ordering::Relaxed);
        let beside = self.folder.join(format!("{digest}.{}.{number}.tmp", std::process::id()));
        let mut file =
            fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        for part in [&MAGIC[..], &self.fingerprint, mac.as_ref(), code] {
            file.write_all(part)?;
        }
        file.sync_all()?;
        fs::rename(&beside, self.path(digest))
    }

    /// Deletes the oldest files until the rest is within the limit.
    fn prune(&self) -> io::Result<()> {
        let mut files: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            if entry.path().extension().is_some_and(|extension| extension == "cwasm") {
                let data = entry.metadata()?;
                files.push((data.modified()?, data.len(), entry.path()));
            }
        }
        files.sort();
        let mut bytes: u64 = files.iter().map(|(_, bytes, _)| bytes).sum();
        for (_, size, path) in files {
            if bytes <= self.bytes_max {
                break;
            }
            fs::remove_file(path)?;
            bytes -= size;
        }
        Ok(())
    }

    /// What the MAC covers.
    fn signed(&self, digest: &str, code: &[u8]) -> Vec<u8> {
        [&MAGIC[..], &self.fingerprint, digest.as_bytes(), code].concat()
    }

    fn path(&self, digest: &str) -> PathBuf {
        let configuration = hex::encode(&self.fingerprint[..8]);
        self.folder.join(format!("{digest}-{configuration}.cwasm"))
    }
}

#[cfg(test)]
mod tests;
