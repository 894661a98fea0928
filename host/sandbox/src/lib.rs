//! Partner Center and Dataverse on loopback, simulated faithfully enough for other people's clients.
#![forbid(unsafe_code)]

pub mod core;
