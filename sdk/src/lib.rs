//! Write a Crosswalk mapping plugin as plain typed Rust functions.
