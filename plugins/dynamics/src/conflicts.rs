//! Who wins where both sides changed one field. The value that loses is kept for a person.

use crosswalk_sdk::{
    cosell::conflicts::{beyond_the_record, closed_wins},
    prelude::*,
};

use crate::{
    Dynamics, Opportunity, OpportunityField,
    status::{State, StatusReason},
};

pub(crate) fn resolve(conflict: &Conflict, settings: &Dynamics) -> Result<Resolution> {
    use OpportunityField as On;
    let Some(field) = conflict.on::<Opportunity>() else {
        return beyond_the_record(conflict, settings.conflict_winner);
    };
    match field {
        On::Value | On::Currency | On::Closes | On::Description | On::Products => {
            Ok(settings.conflict_winner.resolution())
        }
        On::State => Ok(closed_wins(
            conflict.partner_center_as::<State>()?.is_some_and(|state| state != State::Open),
            conflict.crm_as::<State>()?.is_some_and(|state| state != State::Open),
        )),
        On::Status => Ok(closed_wins(
            conflict.partner_center_as::<StatusReason>()?.is_some_and(closed),
            conflict.crm_as::<StatusReason>()?.is_some_and(closed),
        )),
        // A name cannot be changed in Partner Center, so that only this way round both sides agree.
        On::Name => Ok(Resolution::PartnerCenter),
        // Consent that was given stays given, and Partner Center only ever asks for `true`.
        On::VisibleToMicrosoft => Ok(Resolution::PartnerCenter),
        On::ValueIsCalculated
        | On::ReferralLink
        | On::MicrosoftCrmIdentifier
        | On::ReferralProgram
        | On::Audit => Ok(Resolution::PartnerCenter),
        // What a seller chose stays chosen.
        On::Sync | On::Help | On::Account | On::Contact | On::Owner => Ok(Resolution::Crm),
    }
}

fn closed(reason: StatusReason) -> bool {
    matches!(reason, StatusReason::Won | StatusReason::Canceled | StatusReason::OutSold)
}
