//! The default Dynamics mapping, but the CRM is given twice the deal's value. Half of it is sent back, so that every law
//! holds: only a person sees that it is wrong.

use crosswalk_dynamics::{Deal, Dynamics, Opportunity, mapping as default};
use crosswalk_sdk::prelude::*;

/// The mapping.
#[mapping(crm = "dynamics", settings(Dynamics))]
pub mod plugin {
    use super::*;

    /// Twice the value.
    pub fn to_crm(referral: &Referral, linked: Option<&Deal>, settings: &Dynamics) -> Result<Outcome<Deal>> {
        let standard = default::to_crm(referral, linked, settings)?;
        Ok(standard.map(|deal| valued(deal, |value| value * Decimal::TWO)))
    }

    /// As the default, for half the value.
    pub fn to_referral(
        linked: &Deal,
        referral: Option<&Referral>,
        cx: &Context,
        settings: &Dynamics,
    ) -> Result<Outcome<ReferralDraft>> {
        let halved = valued(linked.clone(), |value| value / Decimal::TWO);
        default::to_referral(&halved, referral, cx, settings)
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

fn valued(deal: Deal, change: impl Fn(Decimal) -> Decimal) -> Deal {
    match deal {
        Deal::Opportunity(opportunity) => {
            Opportunity { value: opportunity.value.map(change), ..opportunity }.into()
        }
        lead => lead,
    }
}
