//! The default mapping between Partner Center referrals and Dynamics 365 opportunities.
