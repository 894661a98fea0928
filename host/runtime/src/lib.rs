//! The sandbox that mapping plugins run in: wasmtime narrowed to what Crosswalk uses.
//!
//! A plugin is a WebAssembly component that exports `crosswalk:mapping/mapping@1.0.0` and imports nothing but
//! `crosswalk:mapping/*`. It holds no authority, because there is nothing to call: no clock, network, files or
//! randomness. Every call gets a fresh instance, so no state leaks between events, a trap poisons nothing, and the
//! same input burns the same fuel and gives the same output.
//!
//! The way in: [`Runtime::load`] checks and compiles a component and reads its manifest; [`Plugin::mapper`] gives the
//! [`crosswalk_engine::mapping::Mapper`] of one pass; [`Registry`] says which release a tenant is on, and swaps it.
//! All calls are synchronous: call them where blocking is allowed.
//!
//! Invariants: nothing above this crate knows a wasmtime type; nothing above `contract/` knows a WIT type; a draft
//! that leaves this crate writes only what the manifest declares.
#![deny(unsafe_code)]

mod cache;
mod call;
mod codes;
mod contract;
mod engine;
mod gate;
mod limits;
mod load;
mod lookup;
mod manifest;
mod plugin;
mod registry;
mod settings;

pub use call::{Level, LogLine};
pub use codes::Code;
pub use contract::{EXPORT, PACKAGE, SERVED};
pub use engine::{Runtime, StartError};
pub use limits::Limits;
pub use load::LoadError;
pub use lookup::{Lookup, LookupAnswer, LookupFailure, RecordedLookups};
pub use plugin::{PassContext, PassMapper, PassUsage, Plugin};
pub use registry::{Candidate, Generation, Registry, Release, Routing};
