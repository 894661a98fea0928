//! The Salesforce sandbox over real HTTP: what a client may rely on.

#[cfg(test)]
mod records;
#[cfg(test)]
mod sign_in;
#[cfg(test)]
mod soql;
#[cfg(test)]
mod support;
