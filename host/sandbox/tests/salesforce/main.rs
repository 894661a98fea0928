//! The Salesforce sandbox over real HTTP: what a client may rely on.

#[cfg(test)]
mod leads;
#[cfg(test)]
mod messages;
#[cfg(test)]
mod provisioning;
#[cfg(test)]
mod records;
#[cfg(test)]
mod sign_in;
#[cfg(test)]
mod soql;
#[cfg(test)]
mod support;
#[cfg(test)]
mod switches;
#[cfg(test)]
mod tracking;
#[cfg(test)]
mod writes;
