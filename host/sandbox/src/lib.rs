//! Partner Center, Dataverse and Salesforce on loopback, simulated faithfully enough for other people's clients.
//!
//! ```
//! # tokio_test(async {
//! use crosswalk_sandbox::{Sandbox, SandboxConfig};
//!
//! let sandbox = Sandbox::start(SandboxConfig::on_free_ports()).await.unwrap();
//! let list = format!("{}/v1.0/engagements/referrals", sandbox.partner_center_url());
//! let answer = reqwest::Client::new().get(list).bearer_auth("sandbox").send().await.unwrap();
//! assert!(answer.status().is_success());
//! sandbox.stop().await;
//! # });
//! # fn tokio_test(test: impl Future<Output = ()>) {
//! #     tokio::runtime::Runtime::new().unwrap().block_on(test);
//! # }
//! ```
//!
//! What is simulated, what is assumed and what is left out is in the README beside this crate.
#![forbid(unsafe_code)]

pub mod core;
pub mod dynamics;
pub mod partner_center;
pub mod salesforce;
mod sandbox;

pub use sandbox::{
    DYNAMICS_PORT, PARTNER_CENTER_PORT, SALESFORCE_PORT, Sandbox, SandboxConfig, StartError, TLS_PORT_OFFSET,
};
