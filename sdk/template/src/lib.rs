//! What a deal in Partner Center and an opportunity in Dynamics 365 have in common, and who wins.

use crosswalk_sdk::prelude::*;

/// The columns that this plugin reads and writes. The manifest is made from it.
#[derive(Record, Clone, Debug, Default, PartialEq)]
#[record(entity = "opportunity", key = "msft_referralidentifier", stamp = "crosswalk_stamp")]
pub struct Opportunity {
    pub name: Field<String>,
    #[field("estimatedvalue")]
    pub value: Field<Decimal>,
    #[field("estimatedclosedate")]
    pub closes: Field<Date>,
    pub description: Field<String>,
    #[field("msft_syncwithpartnercenter")]
    pub sync: Field<bool>,
}

#[mapping(crm = "dynamics")]
pub mod plugin {
    use super::*;

    /// What should the CRM hold?
    pub fn to_crm(referral: &Referral, linked: Option<&Opportunity>) -> Result<Outcome<Opportunity>> {
        if linked.is_some_and(|linked| linked.sync != Field::Set(true)) {
            return Ok(Outcome::skip("the seller switched the sync off"));
        }
        Ok(Outcome::Hold(Opportunity {
            name: referral.name.clone().into(),
            value: referral.details.deal_value()?.into(),
            closes: referral.details.closing_date()?.into(),
            description: referral.details.notes.clone().into(),
            sync: true.into(),
        }))
    }

    /// What should Partner Center hold?
    pub fn to_referral(linked: &Opportunity, referral: Option<&Referral>) -> Result<Outcome<ReferralDraft>> {
        if referral.is_none() || linked.sync != Field::Set(true) {
            return Ok(Outcome::skip("only opportunities that came from Partner Center are sent back"));
        }
        Ok(Outcome::Hold(ReferralDraft {
            deal_value: linked.value,
            closing_date: linked.closes,
            notes: linked.description.clone(),
            ..Default::default()
        }))
    }

    /// Both sides changed one field: who wins?
    pub fn resolve(conflict: &Conflict) -> Result<Resolution> {
        Ok(match conflict.on::<Opportunity>() {
            Some(OpportunityField::Value) => Resolution::Crm,
            _ => Resolution::park("both sides changed it"),
        })
    }
}

#[cfg(test)]
mod tests {
    use crosswalk_sdk::testing::{self, json};

    use super::*;

    #[test]
    fn a_deal_becomes_an_opportunity() {
        let referral = testing::referral(json!({ "name": "Solar park", "details": { "dealValue": 50000 } }));
        let Ok(Outcome::Hold(opportunity)) = plugin::to_crm(&referral, None) else { panic!("skipped") };
        assert_eq!(opportunity.name, "Solar park".into());
        assert_eq!(opportunity.value, Decimal::from(50_000).into());
    }

    #[test]
    fn the_laws_hold() {
        testing::laws::hold(&plugin::plugin(), 0..200);
    }
}
