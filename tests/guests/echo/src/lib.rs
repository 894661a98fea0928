//! A plugin that writes down the whole referral that it was given, so that a test can compare it with what
//! `testing::referral` makes of the same JSON.

use crosswalk_sdk::prelude::*;

/// An opportunity with room for a whole referral.
#[derive(Record, Clone, Debug, Default, PartialEq)]
#[record(entity = "opportunity", key = "msft_referralidentifier")]
pub struct Opportunity {
    /// The referral, in Rust's own notation.
    pub description: Field<String>,
}

/// Only one direction has something to say.
#[mapping(crm = "dynamics")]
pub mod mapping {
    use super::*;

    /// The referral, written down.
    ///
    /// # Errors
    /// None.
    pub fn to_crm(referral: &Referral) -> Result<Opportunity> {
        Ok(Opportunity { description: format!("{referral:#?}").into() })
    }
}
