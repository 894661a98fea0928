//! A plugin that spends all its fuel on every question but the first: what other tenants must not notice.

use crosswalk_sdk::prelude::*;

/// As little of an opportunity as a mapping may have.
#[derive(Record, Clone, Debug, Default, PartialEq)]
#[record(entity = "opportunity", key = "msft_referralidentifier")]
pub struct Opportunity {
    /// Topic.
    pub name: Field<String>,
}

/// Every answer takes for ever.
#[mapping(crm = "dynamics")]
pub mod mapping {
    use super::*;

    /// What the CRM should hold is never known.
    ///
    /// # Errors
    /// None: the host ends it.
    pub fn to_crm(referral: &Referral) -> Result<Opportunity> {
        compute(referral.name.as_ref().map_or(0, String::len))
    }

    /// Nor what Partner Center should.
    ///
    /// # Errors
    /// None: the host ends it.
    pub fn to_referral(linked: &Opportunity) -> Result<ReferralDraft> {
        compute(linked.name.text().len())
    }
}

fn compute<Answer>(seed: usize) -> Answer {
    let mut number = seed as u64;
    loop {
        number = std::hint::black_box(number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
    }
}
