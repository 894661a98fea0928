//! The sandbox that mapping plugins run in: wasmtime narrowed to what Crosswalk uses.
