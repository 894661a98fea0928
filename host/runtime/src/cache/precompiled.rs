//! The one place where compiled code is loaded from bytes.

use aws_lc_rs::hmac;
use wasmtime::{Engine, component::Component};

/// Code that this host compiled itself: there is no way to one but [`OurCode::verify`].
pub(super) struct OurCode<'bytes>(&'bytes [u8]);

impl<'bytes> OurCode<'bytes> {
    /// `code`, if `mac` is this host's own for `signed`. The comparison takes the same time wherever they differ.
    ///
    /// `signed` must contain `code`.
    pub(super) fn verify(key: &hmac::Key, signed: &[u8], mac: &[u8], code: &'bytes [u8]) -> Option<Self> {
        let covered = signed.ends_with(code);
        (covered && hmac::verify(key, signed, mac).is_ok()).then_some(Self(code))
    }
}

/// Makes a component of compiled code.
///
/// # Errors
/// When wasmtime sees that the code is for another version, processor or configuration.
#[expect(unsafe_code, reason = "wasmtime cannot check compiled code; this host's own MAC does")]
pub(super) fn load(engine: &Engine, code: OurCode<'_>) -> wasmtime::Result<Component> {
    // SAFETY: `deserialize` asks for bytes that `Component::serialize` made and nobody changed. An `OurCode` exists
    // only where HMAC-SHA256 verified under a key that only this user can read, and only `Cache::store` signs with
    // it, directly after `serialize`. The bytes are in memory since before they were verified. Wasmtime itself
    // checks version and processor; the fingerprint, which the MAC covers, the rest of the configuration.
    unsafe { Component::deserialize(engine, code.0) }
}
