//! The default Dynamics mapping with one fault: it writes down when it was asked, so that two passes over a pair that
//! nobody touched ask for two things.

use crosswalk_dynamics::{Deal, Dynamics, Opportunity, mapping as default};
use crosswalk_sdk::prelude::*;

/// The mapping.
#[mapping(crm = "dynamics", settings(Dynamics))]
pub mod plugin {
    use super::*;

    /// The fault.
    pub fn to_crm(
        referral: &Referral,
        linked: Option<&Deal>,
        cx: &Context,
        settings: &Dynamics,
    ) -> Result<Outcome<Deal>> {
        let standard = default::to_crm(referral, linked, settings)?;
        Ok(standard.map(|deal| match deal {
            Deal::Opportunity(opportunity) => {
                let referral_program = format!("looked at {}", cx.now()).into();
                Opportunity { referral_program, ..opportunity }.into()
            }
            lead => lead,
        }))
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
