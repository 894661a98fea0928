//! A self-hosted service that keeps Partner Center co-sell referrals and a CRM in agreement.

pub mod intake;
