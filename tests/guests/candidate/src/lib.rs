//! The default Dynamics mapping with one field otherwise: the description is cut after twelve characters. It refuses deals
//! that are called so, and panics over others.

use crosswalk_dynamics::{Deal, Dynamics, Opportunity, mapping as default};
use crosswalk_sdk::prelude::*;

/// The characters that are left of a description.
const DESCRIPTION_LENGTH: usize = 12;

/// The mapping.
#[mapping(crm = "dynamics", settings(Dynamics))]
pub mod plugin {
    use super::*;

    /// The default, otherwise in one field.
    pub fn to_crm(referral: &Referral, linked: Option<&Deal>, settings: &Dynamics) -> Result<Outcome<Deal>> {
        let name = referral.name.as_deref().unwrap_or_default();
        ensure!(!name.contains("Refused"), "name", "a deal may not be called `{name}`");
        assert!(!name.contains("Panics"), "nobody thought of a deal that is called `{name}`");
        let standard = default::to_crm(referral, linked, settings)?;
        Ok(standard.map(|deal| match deal {
            Deal::Opportunity(opportunity) => shorter(opportunity).into(),
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

fn shorter(opportunity: Opportunity) -> Opportunity {
    let description: String = opportunity.description.text().chars().take(DESCRIPTION_LENGTH).collect();
    if description.is_empty() {
        return opportunity;
    }
    Opportunity { description: description.into(), ..opportunity }
}
