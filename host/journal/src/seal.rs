//! Encryption at rest: AES-256-GCM under one key that the host keeps, each value bound to where it belongs.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};

use crate::error::{Error, Result};

/// How many bytes a key has.
pub const KEY_BYTES: usize = 32;

const KEY_CHECK: &[u8] = b"crosswalk journal";
const KEY_CHECK_PLACE: &str = "key-check";

/// Seals and opens values. Never printed.
pub(crate) struct Sealer(RandomizedNonceKey);

impl Sealer {
    pub(crate) fn new(key: &[u8; KEY_BYTES]) -> Result<Self> {
        RandomizedNonceKey::new(&AES_256_GCM, key).map(Sealer).map_err(|_| Error::Cipher)
    }

    /// The nonce and the sealed value. `place` must be the same when it is opened.
    pub(crate) fn seal(&self, place: &str, value: &[u8]) -> Result<Vec<u8>> {
        let mut sealed = value.to_vec();
        let nonce = self
            .0
            .seal_in_place_append_tag(Aad::from(place.as_bytes()), &mut sealed)
            .map_err(|_| Error::Cipher)?;
        let mut out = nonce.as_ref().to_vec();
        out.append(&mut sealed);
        Ok(out)
    }

    /// The value in the clear, or [`Error::Sealed`] if it was changed, or sealed for another place.
    pub(crate) fn open(&self, place: &str, sealed: &[u8]) -> Result<Vec<u8>> {
        let damaged = || Error::Sealed(place.to_owned());
        let (nonce, value) = sealed.split_at_checked(NONCE_LEN).ok_or_else(damaged)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| damaged())?;
        let mut value = value.to_vec();
        let length = self
            .0
            .open_in_place(nonce, Aad::from(place.as_bytes()), &mut value)
            .map_err(|_| damaged())?
            .len();
        value.truncate(length);
        Ok(value)
    }

    /// What a new journal keeps in order to know its key again.
    pub(crate) fn key_check(&self) -> Result<Vec<u8>> {
        self.seal(KEY_CHECK_PLACE, KEY_CHECK)
    }

    /// [`Error::WrongKey`] unless `sealed` was made by [`Sealer::key_check`] under this key.
    pub(crate) fn check_key(&self, sealed: &[u8]) -> Result<()> {
        match self.open(KEY_CHECK_PLACE, sealed) {
            Ok(text) if text == KEY_CHECK => Ok(()),
            _ => Err(Error::WrongKey),
        }
    }
}

/// Where a secret belongs. The tenant's length comes first, so that no two pairs of names make the same place.
pub(crate) fn secret_place(tenant: &str, name: &str) -> String {
    format!("secret/{}/{tenant}/{name}", tenant.len())
}

/// Where a recording belongs.
pub(crate) fn recording_place(tenant: &str, pass: i64) -> String {
    format!("recording/{tenant}/{pass}")
}

#[cfg(test)]
mod tests;
