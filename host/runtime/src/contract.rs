//! The rim: the only place that knows the contract's wire types.
//!
//! One module a major version, each of which implements the engine's vocabulary over its own bindings. Nothing
//! inside the host knows more than one shape.

pub(crate) mod v1;

/// The package of the contract.
pub const PACKAGE: &str = "crosswalk:mapping";

/// The interface that a plugin exports, without its version.
pub const EXPORT: &str = "crosswalk:mapping/mapping";

/// The versions of the contract that this host serves. A plugin built for a later minor version is served too, as
/// long as it needs nothing new.
pub const SERVED: &[&str] = &["1.0.0"];
