//! The default Dynamics mapping, with the customer's country in a column that the default neither reads nor writes.

use crosswalk_dynamics::{Deal as StandardDeal, Dynamics, Lead, mapping as default};
use crosswalk_sdk::prelude::*;

/// What is linked with a referral.
#[derive(Record, Clone, Debug, PartialEq)]
pub enum Deal {
    /// The default's opportunity, and one column.
    Opportunity(Opportunity),
    /// The default's lead.
    Lead(Lead),
}

impl Deal {
    fn standard(&self) -> StandardDeal {
        match self {
            Self::Opportunity(opportunity) => opportunity.standard.clone().into(),
            Self::Lead(lead) => lead.clone().into(),
        }
    }

    fn of(standard: StandardDeal, region: Field<String>) -> Self {
        match standard {
            StandardDeal::Opportunity(standard) => Opportunity { standard, region }.into(),
            StandardDeal::Lead(lead) => lead.into(),
        }
    }
}

/// The default's opportunity, and one column.
#[derive(Record, Clone, Debug, Default, PartialEq)]
pub struct Opportunity {
    #[field(flatten)]
    pub standard: crosswalk_dynamics::Opportunity,
    #[field("contoso_region", owned)]
    pub region: Field<String>,
}

/// The mapping.
#[mapping(crm = "dynamics", settings(Dynamics))]
pub mod plugin {
    use super::*;

    /// As the default; an opportunity has its country too.
    pub fn to_crm(referral: &Referral, linked: Option<&Deal>, settings: &Dynamics) -> Result<Outcome<Deal>> {
        let standard = default::to_crm(referral, linked.map(Deal::standard).as_ref(), settings)?;
        let region = referral.country().map(str::to_owned);
        Ok(standard.map(|standard| Deal::of(standard, region.into())))
    }

    /// As the default.
    pub fn to_referral(
        linked: &Deal,
        referral: Option<&Referral>,
        cx: &Context,
        settings: &Dynamics,
    ) -> Result<Outcome<ReferralDraft>> {
        default::to_referral(&linked.standard(), referral, cx, settings)
    }

    /// As the default.
    pub fn resolve(conflict: &Conflict, settings: &Dynamics) -> Result<Resolution> {
        default::resolve(conflict, settings)
    }

    /// As the default.
    pub fn report(linked: &Deal, report: &SyncReport, cx: &Context, settings: &Dynamics) -> Result<Deal> {
        Ok(Deal::of(default::report(&linked.standard(), report, cx, settings)?, Field::Unset))
    }
}
