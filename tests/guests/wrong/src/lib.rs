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
        Ok(match default::to_crm(referral, linked, settings)? {
            Outcome::Hold(deal) => Outcome::Hold(valued(deal, |value| value * Decimal::TWO)?),
            skip => skip,
        })
    }

    /// As the default, for half the value.
    pub fn to_referral(
        linked: &Deal,
        referral: Option<&Referral>,
        cx: &Context,
        settings: &Dynamics,
    ) -> Result<Outcome<ReferralDraft>> {
        let halved = valued(linked.clone(), |value| value / Decimal::TWO)?;
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

/// Twice or half an amount must still have no more digits than the contract allows.
const DIGITS_MAX: usize = 20;

fn valued(deal: Deal, change: impl Fn(Decimal) -> Decimal) -> Result<Deal> {
    let Deal::Opportunity(opportunity) = deal else { return Ok(deal) };
    if let Some(value) = opportunity.value.get() {
        let digits = value.to_string().bytes().filter(u8::is_ascii_digit).count();
        ensure!(digits <= DIGITS_MAX, "estimatedvalue", "a deal cannot be worth {}", value);
    }
    Ok(Opportunity { value: opportunity.value.map(change), ..opportunity }.into())
}
