//! The Dataverse sandbox over real HTTP: what a client may rely on.

#[cfg(test)]
mod batch;
#[cfg(test)]
mod children;
#[cfg(test)]
mod conditions;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod leads;
#[cfg(test)]
mod metadata;
#[cfg(test)]
mod provisioning;
#[cfg(test)]
mod queries;
#[cfg(test)]
mod rows;
#[cfg(test)]
mod states;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tracking;
#[cfg(test)]
mod webhooks;
