//! The simulated Partner Center over real HTTP, as other people's clients meet it.

#[cfg(test)]
mod core;
#[cfg(test)]
mod referrals;
#[cfg(test)]
mod webhooks;
#[cfg(test)]
mod world;
