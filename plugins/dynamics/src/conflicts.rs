//! Who wins where both sides changed one field. The value that loses is kept for a person.

use crosswalk_sdk::prelude::*;

use crate::{
    Dynamics, Opportunity, OpportunityField, Winner,
    status::{State, StatusReason},
};

pub(crate) fn resolve(conflict: &Conflict, settings: &Dynamics) -> Result<Resolution> {
    use OpportunityField as On;
    let Some(field) = conflict.on::<Opportunity>() else {
        return beyond_the_record(conflict, settings);
    };
    match field {
        On::Value | On::Currency | On::Closes | On::Description | On::Products => {
            Ok(by_setting(settings.conflict_winner))
        }
        On::State => closed_wins(
            conflict.partner_center_as::<State>()?.is_some_and(|state| state != State::Open),
            conflict.crm_as::<State>()?.is_some_and(|state| state != State::Open),
        ),
        On::Status => closed_wins(
            conflict.partner_center_as::<StatusReason>()?.is_some_and(closed),
            conflict.crm_as::<StatusReason>()?.is_some_and(closed),
        ),
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

fn by_setting(winner: Winner) -> Resolution {
    match winner {
        Winner::Crm => Resolution::Crm,
        Winner::PartnerCenter => Resolution::PartnerCenter,
        Winner::Park => {
            Resolution::park("both sides changed it, and `conflict_winner` says that a person decides")
        }
    }
}

/// A closed deal stays closed. Where both sides closed it, Partner Center wins: it lets nobody change what is closed.
fn closed_wins(partner_center: bool, crm: bool) -> Result<Resolution> {
    Ok(match (partner_center, crm) {
        (true, _) => Resolution::PartnerCenter,
        (false, true) => Resolution::Crm,
        (false, false) => Resolution::park("both sides moved the deal, and neither closed it"),
    })
}

fn closed(reason: StatusReason) -> bool {
    matches!(reason, StatusReason::Won | StatusReason::Canceled | StatusReason::OutSold)
}

/// A path of the referral that no single column stands for.
fn beyond_the_record(conflict: &Conflict, settings: &Dynamics) -> Result<Resolution> {
    let closed = Status::Closed.word();
    match conflict.field.as_str() {
        "/externalReferenceId" => Ok(Resolution::Crm),
        "/details/dealValue"
        | "/details/currency"
        | "/details/closingDateTime"
        | "/details/notes"
        | "/details/requirements/solutions" => Ok(by_setting(settings.conflict_winner)),
        "/status" => closed_wins(
            conflict.partner_center_as::<String>()?.is_some_and(|status| status == closed),
            conflict.crm_as::<String>()?.is_some_and(|status| status == closed),
        ),
        "/substatus" => closed_wins(
            conflict.partner_center_as::<String>()?.is_some_and(|word| is_final(&word)),
            conflict.crm_as::<String>()?.is_some_and(|word| is_final(&word)),
        ),
        _ => Ok(Resolution::park("both sides changed it, and this mapping has no rule for it")),
    }
}

/// Whether a substatus belongs to a closed deal.
fn is_final(word: &str) -> bool {
    !matches!(Substatus::from_word(word), Substatus::Pending | Substatus::Received | Substatus::Accepted)
}
