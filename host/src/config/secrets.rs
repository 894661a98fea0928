//! Secrets by reference: which environment variable or file holds one, never the secret itself.
//!
//! A tenant document comes over the admin API and names what the *host* shall read. So that whoever may apply a
//! tenant cannot have any file or variable of the machine sent somewhere, only files below `secrets.dir` and
//! variables that begin with `secrets.env_prefix` are read.

use std::{
    ffi::OsString,
    fmt, fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use secrecy::SecretString;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error as _, MapAccess, Unexpected, Visitor},
    ser::SerializeMap as _,
};

use super::Invalid;

/// The largest secret, in bytes; a refresh token has one or two thousand.
const SECRET_BYTES_MAX: usize = 16 * 1024;

/// Where a secret is.
///
/// In a file: `{ env = "CROSSWALK_SECRET_CONTOSO_CLIENT" }`, `{ file = "contoso/client" }`, or, in a document of the
/// sandbox, `{ sandbox = "sandbox" }`.
#[derive(Clone, PartialEq, Eq)]
pub enum SecretRef {
    /// An environment variable of the host.
    Env(String),
    /// A file on the host, below `secrets.dir`.
    File(PathBuf),
    /// The secret itself, which opens nothing but a sandbox.
    Sandbox(String),
}

/// Where secrets may be read from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Secrets {
    /// Files with secrets are below this directory.
    pub dir: PathBuf,
    /// Environment variables with secrets begin with this.
    pub env_prefix: String,
}

impl Default for Secrets {
    fn default() -> Self {
        Self { dir: "crosswalk-state/secrets".into(), env_prefix: "CROSSWALK_SECRET_".to_owned() }
    }
}

/// Why a secret could not be had. Never holds one.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The variable may not be read. Its name is not repeated: it may be a secret in the wrong place.
    #[error(
        "the environment variable that a secret names must begin with `{prefix}` (`secrets.env_prefix`) and go on in A-Z, 0-9 and _"
    )]
    VariableRefused {
        /// The configured prefix.
        prefix: String,
    },
    /// The variable is not set, or is no text.
    #[error(
        "the environment variable `{0}`, which a secret names, is not set to a text in the host's environment"
    )]
    VariableMissing(String),
    /// The file is not below the directory for secrets.
    #[error("the file `{}`, which a secret names, is not below `{}` (`secrets.dir`)", file.display(), dir.display())]
    FileRefused {
        /// The file.
        file: PathBuf,
        /// The configured directory.
        dir: PathBuf,
    },
    /// The file cannot be read.
    #[error("the file `{}`, which a secret names, cannot be read", file.display())]
    FileUnreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// The file is too large, or no text.
    #[error("the file `{}`, which a secret names, is not a text of at most {SECRET_BYTES_MAX} bytes", .0.display())]
    FileMalformed(PathBuf),
    /// There is nothing in it.
    #[error("{0}, which a secret names, is empty")]
    Empty(String),
    /// A webhook key that is easily guessed, or cannot stand in an address.
    #[error("the webhook key must have at least {min} characters of A-Z, a-z, 0-9, -, _, . and ~")]
    WeakKey {
        /// The least length, in characters.
        min: usize,
    },
}

impl Secrets {
    /// Reads a secret from where it is.
    ///
    /// # Errors
    ///
    /// [`SecretError`], which says where it was looked for.
    pub fn resolve(&self, secret: &SecretRef) -> Result<SecretString, SecretError> {
        self.resolve_in(secret, |name| std::env::var_os(name))
    }

    pub(super) fn resolve_in(
        &self,
        secret: &SecretRef,
        environment: impl Fn(&str) -> Option<OsString>,
    ) -> Result<SecretString, SecretError> {
        let (text, place) = match secret {
            SecretRef::Env(name) => (self.variable(name, environment)?, format!("the variable `{name}`")),
            SecretRef::File(file) => (self.file(file)?, format!("the file `{}`", file.display())),
            SecretRef::Sandbox(text) => (text.clone(), "the sandbox's secret".to_owned()),
        };
        // Editors and `echo` end a file with a line break that is not part of the secret.
        let text = text.trim_end_matches(['\r', '\n']);
        if text.is_empty() {
            return Err(SecretError::Empty(place));
        }
        Ok(text.into())
    }

    fn variable(
        &self,
        name: &str,
        environment: impl Fn(&str) -> Option<OsString>,
    ) -> Result<String, SecretError> {
        if !name.starts_with(&self.env_prefix) || !is_variable(name) {
            return Err(SecretError::VariableRefused { prefix: self.env_prefix.clone() });
        }
        environment(name)
            .and_then(|value| value.into_string().ok())
            .ok_or_else(|| SecretError::VariableMissing(name.to_owned()))
    }

    fn file(&self, file: &Path) -> Result<String, SecretError> {
        let unreadable = |file: &Path, error| SecretError::FileUnreadable { file: file.into(), error };
        // Links are followed first: a mounted secret is a link within its directory, a trick leads out of it.
        let dir = fs::canonicalize(&self.dir).map_err(|error| unreadable(&self.dir, error))?;
        let file = self.dir.join(file);
        let real = fs::canonicalize(&file).map_err(|error| unreadable(&file, error))?;
        if !real.starts_with(&dir) {
            return Err(SecretError::FileRefused { file, dir: self.dir.clone() });
        }
        let mut bytes = Vec::new();
        fs::File::open(&real)
            .and_then(|opened| opened.take(SECRET_BYTES_MAX as u64 + 1).read_to_end(&mut bytes))
            .map_err(|error| unreadable(&file, error))?;
        if bytes.len() > SECRET_BYTES_MAX {
            return Err(SecretError::FileMalformed(file));
        }
        String::from_utf8(bytes).map_err(|_| SecretError::FileMalformed(file))
    }

    pub(super) fn validate(&self) -> Result<(), Invalid> {
        if is_variable(&self.env_prefix) {
            return Ok(());
        }
        Err(Invalid::new("secrets.env_prefix", "must be at least one of A-Z, 0-9 and _"))
    }
}

fn is_variable(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

impl SecretRef {
    /// Whether the secret itself stands here.
    pub fn is_sandbox(&self) -> bool {
        matches!(self, SecretRef::Sandbox(_))
    }
}

impl fmt::Debug for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SecretRef::Env(name) => f.debug_tuple("Env").field(name).finish(),
            SecretRef::File(file) => f.debug_tuple("File").field(file).finish(),
            SecretRef::Sandbox(_) => f.write_str("Sandbox([REDACTED])"),
        }
    }
}

impl Serialize for SecretRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        match self {
            SecretRef::Env(name) => map.serialize_entry("env", name)?,
            SecretRef::File(file) => map.serialize_entry("file", file)?,
            SecretRef::Sandbox(text) => map.serialize_entry("sandbox", text)?,
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for SecretRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneReference)
    }
}

/// Reads a reference; a derived reader would repeat a secret that stands in its place in the error.
struct OneReference;

impl<'de> Visitor<'de> for OneReference {
    type Value = SecretRef;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a reference to a secret, `{ env = \"NAME\" }` or `{ file = \"path\" }`, never the secret itself",
        )
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<SecretRef, E> {
        Err(E::invalid_type(Unexpected::Other("a text"), &self))
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<SecretRef, E> {
        Err(E::invalid_type(Unexpected::Other("a number"), &self))
    }

    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<SecretRef, E> {
        Err(E::invalid_type(Unexpected::Other("a number"), &self))
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<SecretRef, E> {
        Err(E::invalid_type(Unexpected::Other("a number"), &self))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SecretRef, A::Error> {
        let expected = || A::Error::custom("expected one of `env`, `file` and `sandbox`, and nothing else");
        let reference = match map.next_key::<String>()?.as_deref() {
            Some("env") => SecretRef::Env(map.next_value()?),
            Some("file") => SecretRef::File(map.next_value()?),
            Some("sandbox") => SecretRef::Sandbox(map.next_value()?),
            _ => return Err(expected()),
        };
        match map.next_key::<String>()? {
            None => Ok(reference),
            Some(_) => Err(expected()),
        }
    }
}

#[cfg(test)]
mod tests;
