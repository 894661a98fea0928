//! Who wins where both sides changed one field. The value that loses is kept for a person.

use crosswalk_sdk::{
    cosell::conflicts::{beyond_the_record, closed_wins},
    prelude::*,
};

use crate::{
    Dynamics, Lead, LeadField, Opportunity, OpportunityField,
    status::{State, StatusReason},
};

pub(crate) fn resolve(conflict: &Conflict, settings: &Dynamics) -> Result<Resolution> {
    // A column that both have, by one name, has one rule: a conflict does not say whose it is.
    if let Some(field) = conflict.on::<Opportunity>() {
        return of_opportunity(field, conflict, settings);
    }
    if let Some(field) = conflict.on::<Lead>() {
        return Ok(of_lead(field, settings));
    }
    beyond_the_record(conflict, settings.conflict_winner)
}

fn of_opportunity(field: OpportunityField, conflict: &Conflict, settings: &Dynamics) -> Result<Resolution> {
    use OpportunityField as On;
    Ok(match field {
        On::Value | On::Currency | On::Closes | On::Description | On::Solutions | On::Products => {
            settings.conflict_winner.resolution()
        }
        On::State => closed_wins(conflict, |state: &State| *state != State::Open)?,
        On::Status => closed_wins(conflict, |reason: &StatusReason| closed(*reason))?,
        // A name cannot be changed in Partner Center, so that only this way round both sides agree.
        On::Name => Resolution::PartnerCenter,
        // Consent that was given stays given, and Partner Center only ever asks for `true`: as of the switch, where a
        // conversion made the record.
        On::VisibleToMicrosoft | On::Sync => Resolution::PartnerCenter,
        // Partner Center speaks of it only once it closed the deal.
        On::LostReason => Resolution::PartnerCenter,
        On::ValueIsCalculated
        | On::ReferralLink
        | On::MicrosoftCrmIdentifier
        | On::ReferralProgram
        | On::Audit => Resolution::PartnerCenter,
        // What a seller chose stays chosen.
        On::Help | On::Account | On::Contact | On::Owner | On::SalesStage | On::Campaign => Resolution::Crm,
    })
}

/// What only a lead has.
fn of_lead(field: LeadField, settings: &Dynamics) -> Resolution {
    use LeadField as On;
    match field {
        On::Value | On::Currency | On::Closes | On::Description => settings.conflict_winner.resolution(),
        On::Name | On::State | On::Status | On::Sync | On::ReferralLink | On::ReferralProgram | On::Audit => {
            Resolution::PartnerCenter
        }
        // Who the customer is, is known best by whoever talks to it.
        On::FirstName
        | On::LastName
        | On::Title
        | On::Email
        | On::Phone
        | On::Company
        | On::Line1
        | On::Line2
        | On::City
        | On::Province
        | On::PostalCode
        | On::Country
        | On::Employees => Resolution::Crm,
    }
}

/// Whether a Status Reason belongs to a closed opportunity, or to a closed lead, which has two more.
fn closed(reason: StatusReason) -> bool {
    const NO_LONGER_INTERESTED: i32 = 6;
    const CANCELED: i32 = 7;
    match reason {
        StatusReason::Won | StatusReason::Canceled | StatusReason::OutSold => true,
        StatusReason::Other(code) => code == NO_LONGER_INTERESTED || code == CANCELED,
        StatusReason::InProgress | StatusReason::OnHold => false,
    }
}
