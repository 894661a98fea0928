//! Contoso's rule: a deal is graded by its value.
use crosswalk_sdk::prelude::*;

#[derive(Record, Default)]
#[record(entity = "opportunity", key = "msft_referralidentifier", stamp = "crosswalk_stamp")]
struct Opportunity {
    name: Field<String>,
    estimatedvalue: Field<Decimal>,
    #[field("new_tier")]
    tier: Field<String>,
}

#[mapping(crm = "dynamics")]
mod contoso {
    use super::*;

    pub(crate) fn to_crm(referral: &Referral) -> Result<Opportunity> {
        let value = referral.details.deal_value()?.unwrap_or_default();
        ensure!(value >= Decimal::ZERO, "estimatedvalue", "a deal cannot be worth {}", value);
        Ok(Opportunity {
            name: referral.name.clone().into(),
            estimatedvalue: value.into(),
            tier: if value >= Decimal::from(10_000) { "gold" } else { "silver" }.into(),
        })
    }

    pub(crate) fn to_referral(linked: &Opportunity) -> Result<ReferralDraft> {
        Ok(ReferralDraft { deal_value: linked.estimatedvalue, ..Default::default() })
    }
}

#[test]
fn a_large_deal_is_gold() {
    use crosswalk_sdk::testing;
    let referral = testing::referral(testing::json!({ "details": { "dealValue": 50000 } }));
    assert_eq!(contoso::to_crm(&referral).unwrap().tier, "gold".into());
}
