//! The default mapping between Partner Center referrals and Salesforce opportunities and leads.
//!
//! | Partner Center | | Salesforce | where |
//! |---|---|---|---|
//! | type, qualification, inviting organisation | → | opportunity or lead | [`crosswalk_sdk::cosell::Becomes`], [`lead`] |
//! | id | → | Referral Identifier (the key), Referral Link | [`columns`], [`inbound`] |
//! | externalReferenceId | ← | the record's id | [`outbound`] |
//! | name | → (← at create) | Opportunity Name, without its check mark | [`crosswalk_sdk::cosell::text`] |
//! | details.dealValue, details.currency | ↔ | Amount, or the field of `deal_value_field`; Opportunity Currency | [`money`] |
//! | details.closingDateTime | ↔ | Close Date | [`inbound`], [`outbound`] |
//! | details.notes | ↔ | Description | |
//! | status, substatus | ↔ | Stage | [`status`] |
//! | statusReason | ↔ | the field of `lost_reason_field` | [`status`] |
//! | consent to show the deal to Microsoft's sellers | ↔, once true always true | Referral visible to Microsoft sellers? | |
//! | help that is asked for | → (← at create) | How can Microsoft help? | [`help`] |
//! | solutions | ↔ | Products | [`crosswalk_sdk::cosell::solutions`] |
//! | customer | → and ← at create | Account and primary Contact | [`customer`] |
//! | customer's team | ← | primary Contact | [`customer`] |
//! | team | ← | Owner, or the settings `sales_contact_…` | [`salesperson`] |
//! | Microsoft's id of the deal, referral program | → | Microsoft CRM Identifier, Referral Program | [`inbound`] |
//! | sales stage, campaign | ← | Stage, the field of `campaign_field`; both only if settings say so | [`outbound`] |
//! | result of the sync | | Audit, check mark in the name | [`report`] |
//!
//! The table is an opportunity's; what a lead has of it is in [`lead`]. The name of every field that does not come with Salesforce is a
//! setting ([`columns`]). `README.md` beside this crate lists fields, settings and permissions for the operator.
//!
//! Another plugin calls [`mapping::to_crm`] and the others as a library, and changes what it wants.

pub mod columns;
pub mod conflicts;
pub mod customer;
pub mod help;
pub mod inbound;
pub mod lead;
pub mod money;
pub mod outbound;
pub mod report;
pub mod salesperson;
pub mod settings;
pub mod status;

pub use columns::{
    Account, Campaign, Contact, Deal, KnownLeadStatus, KnownStage, Lead, LeadField, Opportunity,
    OpportunityField, User,
};
pub use settings::Salesforce;

use crosswalk_sdk::prelude::*;

/// The mapping's functions, to be called by the host or by another plugin.
#[mapping(crm = "salesforce", settings(Salesforce), lookups(KnownStage, KnownLeadStatus))]
pub mod mapping {
    use super::*;

    /// What should the CRM hold? Without a `linked` record: what should a new one hold? An opportunity for a
    /// linked lead means that the lead is to be converted.
    ///
    /// # Errors
    /// When the referral holds an amount or a time that is none, or asks for a stage that the organisation lacks.
    pub fn to_crm(
        referral: &Referral,
        linked: Option<&Deal>,
        cx: &Context,
        settings: &Salesforce,
    ) -> Result<Outcome<Deal>> {
        inbound::to_crm(referral, linked, cx, settings)
    }

    /// What should Partner Center hold? Without a `referral`: what should a new one hold?
    ///
    /// # Errors
    /// When a new referral lacks what Partner Center demands; the refusal names the field and the fix.
    pub fn to_referral(
        linked: &Deal,
        referral: Option<&Referral>,
        cx: &Context,
        settings: &Salesforce,
    ) -> Result<Outcome<ReferralDraft>> {
        outbound::to_referral(linked, referral, cx, settings)
    }

    /// Who wins where both sides changed one field?
    ///
    /// # Errors
    /// When a stage is no text.
    pub fn resolve(conflict: &Conflict, settings: &Salesforce) -> Result<Resolution> {
        conflicts::resolve(conflict, settings)
    }

    /// The Audit text and the check mark.
    ///
    /// # Errors
    /// None of its own.
    pub fn report(linked: &Deal, report: &SyncReport, cx: &Context, settings: &Salesforce) -> Result<Deal> {
        Ok(super::report::shown(linked, report, cx, settings))
    }
}
