//! The default Dynamics mapping with one fault: it adds the deal's value to the description, and sends the description
//! back as the deal's notes. Each push makes a longer description, each longer description another push.

use crosswalk_dynamics::{Deal, Dynamics, Opportunity, mapping as default};
use crosswalk_sdk::prelude::*;

/// The mapping.
#[mapping(crm = "dynamics", settings(Dynamics))]
pub mod plugin {
    use super::*;

    /// The fault.
    pub fn to_crm(referral: &Referral, linked: Option<&Deal>, settings: &Dynamics) -> Result<Outcome<Deal>> {
        let standard = default::to_crm(referral, linked, settings)?;
        Ok(standard.map(|deal| match deal {
            Deal::Opportunity(opportunity) => with_value(opportunity, referral).into(),
            lead => lead,
        }))
    }

    /// As the default, which sends the description back.
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

fn with_value(opportunity: Opportunity, referral: &Referral) -> Opportunity {
    let Some(value) = referral.details.deal_value.as_deref() else { return opportunity };
    let notes = opportunity.description.text();
    let description = format!("{notes}\nDeal value: {value}").into();
    Opportunity { description, ..opportunity }
}
