//! The Dataverse sandbox over real HTTP: what a client may rely on.

mod batch;
mod conditions;
mod metadata;
mod queries;
mod rows;
mod states;
mod support;
mod tracking;
mod webhooks;
