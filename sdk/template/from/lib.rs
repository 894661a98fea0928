//! What a deal in Partner Center and a record in {{Crm}} have in common: the default mapping, but for what is ours.

use crosswalk_{{crm}}::{Deal, {{imports}}mapping as default};
use crosswalk_sdk::prelude::*;

/// The mapping.
#[mapping(crm = "{{crm}}", settings({{Crm}}){{lookups}})]
pub mod plugin {
    use super::*;

    /// What should the CRM hold? As the default, but for what is ours.
    pub fn to_crm(
        referral: &Referral,
        linked: Option<&Deal>,
        {{context}}settings: &{{Crm}},
    ) -> Result<Outcome<Deal>> {
        let standard = default::to_crm(referral, linked, {{cx}}settings)?;
        Ok(standard.map(ours))
    }

    /// What should Partner Center hold? As the default.
    pub fn to_referral(
        linked: &Deal,
        referral: Option<&Referral>,
        cx: &Context,
        settings: &{{Crm}},
    ) -> Result<Outcome<ReferralDraft>> {
        default::to_referral(linked, referral, cx, settings)
    }

    /// Both sides changed one field: who wins? As the default.
    pub fn resolve(conflict: &Conflict, settings: &{{Crm}}) -> Result<Resolution> {
        default::resolve(conflict, settings)
    }

    /// What should the record show of a pass? As the default.
    pub fn report(linked: &Deal, report: &SyncReport, cx: &Context, settings: &{{Crm}}) -> Result<Deal> {
        default::report(linked, report, cx, settings)
    }
}

/// Our rule: an opportunity that is in no referral program says so.
fn ours(mut deal: Deal) -> Deal {
    if let Deal::Opportunity(opportunity) = &mut deal
        && opportunity.referral_program.text().is_empty()
    {
        opportunity.referral_program = "No program".into();
    }
    deal
}

#[cfg(test)]
mod tests {
    use crosswalk_sdk::testing::{self, json};

    use super::*;

    #[test]
    fn an_opportunity_in_no_program_says_so() {
        let referral =
            testing::referral(json!({ "name": "Solar park", "status": "Active", "substatus": "Accepted" }));
        let settings = {{Crm}}::read().unwrap();
        let Ok(Outcome::Hold(Deal::Opportunity(held))) = plugin::to_crm(&referral, None, {{now}}&settings) else {
            panic!("no opportunity")
        };
        assert_eq!(held.referral_program, "No program".into());
    }

    #[test]
    fn the_laws_hold() {
        testing::laws::hold(&plugin::plugin(), 0..200);
    }
}
