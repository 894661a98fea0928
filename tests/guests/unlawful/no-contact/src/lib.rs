//! The default Dynamics mapping with one fault: it relies on a contact, and traps where the customer has none.

use crosswalk_dynamics::{Deal, Dynamics, mapping as default};
use crosswalk_sdk::prelude::*;

/// The mapping.
#[mapping(crm = "dynamics", settings(Dynamics))]
pub mod plugin {
    use super::*;

    /// The fault.
    pub fn to_crm(referral: &Referral, linked: Option<&Deal>, settings: &Dynamics) -> Result<Outcome<Deal>> {
        let contact = &referral.customer.team[0];
        log::debug(format!("the customer's contact is {}", contact.email.as_deref().unwrap_or("nameless")));
        default::to_crm(referral, linked, settings)
    }

    /// As the default.
    pub fn to_referral(
        linked: &Deal,
        referral: Option<&Referral>,
        cx: &Context,
        settings: &Dynamics,
    ) -> Result<Outcome<ReferralDraft>> {
        default::to_referral(linked, referral, cx, settings)
    }

    /// As the default.
    pub fn resolve(conflict: &Conflict, settings: &Dynamics) -> Result<Resolution> {
        default::resolve(conflict, settings)
    }

    /// As the default.
    pub fn report(linked: &Deal, report: &SyncReport, cx: &Context, settings: &Dynamics) -> Result<Deal> {
        default::report(linked, report, cx, settings)
    }
}
