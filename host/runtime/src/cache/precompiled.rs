//! The one place where compiled code is loaded from bytes.

use aws_lc_rs::hmac;
use wasmtime::{Engine, component::Component};

/// Code that this host compiled itself: there is no way to one but [`OurCode::compile`] and [`OurCode::verify`].
pub(crate) struct OurCode(Vec<u8>);

impl OurCode {
    /// Compiles a component, for every engine of this process.
    ///
    /// # Errors
    /// When it does not compile.
    pub(crate) fn compile(engine: &Engine, component: &[u8]) -> wasmtime::Result<Self> {
        engine.precompile_component(component).map(Self)
    }

    /// `code`, if `mac` is this host's own for `signed`. The comparison takes the same time wherever they differ.
    ///
    /// `signed` must contain `code`.
    pub(super) fn verify(key: &hmac::Key, signed: &[u8], mac: &[u8], code: &[u8]) -> Option<Self> {
        let covered = signed.ends_with(code);
        (covered && hmac::verify(key, signed, mac).is_ok()).then(|| Self(code.to_vec()))
    }

    /// What is to be kept of it.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Makes a component of it.
    ///
    /// # Errors
    /// When wasmtime sees that the code is for another version, processor or configuration, or that it needs more room
    /// than the engine has for one component.
    #[expect(
        unsafe_code,
        reason = "wasmtime cannot check compiled code; this host made it, or its own MAC does"
    )]
    pub(crate) fn load(&self, engine: &Engine) -> wasmtime::Result<Component> {
        // SAFETY: `deserialize` asks for bytes that wasmtime compiled and nobody changed. An `OurCode` is either what
        // `precompile_component` gave a moment ago, or exists only where HMAC-SHA256 verified under a key that only
        // this user can read; and only `Cache::store` signs with it, and only an `OurCode`. The bytes are in memory
        // since before they were verified. Wasmtime itself checks version and processor; the fingerprint, which the
        // MAC covers, the rest of the configuration, which is the same for all engines of a process.
        unsafe { Component::deserialize(engine, &self.0) }
    }
}
