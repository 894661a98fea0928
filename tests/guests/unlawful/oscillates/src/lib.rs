//! The default Dynamics mapping with one fault: it adds the deal's value to the notes that it sends, and the notes come
//! back as the description. Each push makes a longer description, each longer description another push.

use crosswalk_dynamics::{Deal, Dynamics, mapping as default};
use crosswalk_sdk::prelude::*;

/// The mapping.
#[mapping(crm = "dynamics", settings(Dynamics))]
pub mod plugin {
    use super::*;

    /// As the default.
    pub fn to_crm(referral: &Referral, linked: Option<&Deal>, settings: &Dynamics) -> Result<Outcome<Deal>> {
        default::to_crm(referral, linked, settings)
    }

    /// The fault.
    pub fn to_referral(
        linked: &Deal,
        referral: Option<&Referral>,
        cx: &Context,
        settings: &Dynamics,
    ) -> Result<Outcome<ReferralDraft>> {
        let standard = default::to_referral(linked, referral, cx, settings)?;
        Ok(standard.map(with_value))
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

fn with_value(draft: ReferralDraft) -> ReferralDraft {
    let Some(value) = draft.deal_value.get() else { return draft };
    let notes = format!("{}\nDeal value: {value}", draft.notes.text());
    ReferralDraft { notes: notes.into(), ..draft }
}
