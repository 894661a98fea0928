//! Contoso's leads: a deal is one as long as nobody has accepted it.
use crosswalk_sdk::prelude::*;

#[derive(Record, Clone, Debug, Default, PartialEq)]
#[record(entity = "opportunity", key = "msft_referralidentifier")]
struct Opportunity {
    name: Field<String>,
}

#[derive(Record, Clone, Debug, Default, PartialEq)]
#[record(entity = "lead", key = "msft_referralidentifier")]
struct Lead {
    subject: Field<String>,
}

#[derive(Record, Clone, Debug, PartialEq)]
enum Deal {
    Opportunity(Opportunity),
    Lead(Lead),
}

#[mapping(crm = "dynamics")]
mod contoso {
    use super::*;

    pub(crate) fn to_crm(referral: &Referral, linked: Option<&Deal>) -> Result<Outcome<Deal>> {
        let name: Field<String> = referral.name.clone().into();
        let waits = referral.status == Status::New;
        Ok(Outcome::Hold(match linked {
            None | Some(Deal::Lead(_)) if waits => Lead { subject: name }.into(),
            // For a lead that is linked, this has it converted into an opportunity.
            _ => Opportunity { name }.into(),
        }))
    }
}

#[test]
fn a_deal_that_nobody_has_accepted_is_a_lead() {
    use crosswalk_sdk::testing;
    let referral = testing::referral(testing::json!({ "name": "Solar park", "status": "New" }));
    let lead = Lead { subject: "Solar park".into() };
    assert_eq!(contoso::to_crm(&referral, None).unwrap(), Outcome::Hold(lead.into()));
}
