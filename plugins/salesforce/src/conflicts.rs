//! Who wins where both sides changed one field. The value that loses is kept for a person.

use crosswalk_sdk::{
    cosell::conflicts::{beyond_the_record, closed_wins},
    prelude::*,
};

use crate::{Lead, LeadField, Opportunity, OpportunityField, Salesforce, status::Stage};

pub(crate) fn resolve(conflict: &Conflict, settings: &Salesforce) -> Result<Resolution> {
    // A field that both have, by one name, has one rule: a conflict does not say whose it is.
    if let Some(field) = conflict.on::<Opportunity>() {
        return of_opportunity(field, conflict, settings);
    }
    if let Some(field) = conflict.on::<Lead>() {
        return of_lead(field, conflict, settings);
    }
    beyond_the_record(conflict, settings.conflict_winner)
}

fn of_opportunity(field: OpportunityField, conflict: &Conflict, settings: &Salesforce) -> Result<Resolution> {
    use OpportunityField as On;
    Ok(match field {
        On::Value | On::Currency | On::Closes | On::Description | On::Solutions | On::Products => {
            settings.conflict_winner.resolution()
        }
        On::Stage => closed_wins(conflict, |name: &String| {
            matches!(settings.stage_named(name), Some(Stage::Won | Stage::Lost))
        })?,
        // A name cannot be changed in Partner Center, so that only this way round both sides agree.
        On::Name => Resolution::PartnerCenter,
        // Consent that was given stays given, and Partner Center only ever asks for `true`: as of the switch, where a
        // conversion made the record.
        On::VisibleToMicrosoft | On::Sync => Resolution::PartnerCenter,
        // Partner Center speaks of it only once it closed the deal.
        On::LostReason => Resolution::PartnerCenter,
        On::HasProducts
        | On::IsClosed
        | On::IsWon
        | On::ReferralLink
        | On::MicrosoftCrmIdentifier
        | On::ReferralProgram
        | On::Audit => Resolution::PartnerCenter,
        // What a seller chose stays chosen.
        On::Help | On::Account | On::Contact | On::Owner | On::Campaign => Resolution::Crm,
    })
}

/// What only a lead has.
fn of_lead(field: LeadField, conflict: &Conflict, settings: &Salesforce) -> Result<Resolution> {
    use LeadField as On;
    Ok(match field {
        On::Status => closed_wins(conflict, |status: &String| settings.is_disqualified(status))?,
        On::Description => settings.conflict_winner.resolution(),
        On::Sync | On::ReferralLink | On::ReferralProgram | On::Audit => Resolution::PartnerCenter,
        // Who the customer is, is known best by whoever talks to it.
        On::FirstName
        | On::LastName
        | On::Company
        | On::Title
        | On::Email
        | On::Phone
        | On::Street
        | On::City
        | On::State
        | On::PostalCode
        | On::Country
        | On::Employees
        | On::Topic => Resolution::Crm,
    })
}
