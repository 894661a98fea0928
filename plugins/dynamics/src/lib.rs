//! The default mapping between Partner Center referrals and the opportunities and leads of Dynamics 365.
//!
//! | Partner Center | | Dynamics 365 | where |
//! |---|---|---|---|
//! | id | → | Referral Identifier (the key), Referral Link | [`columns`], [`inbound`] |
//! | externalReferenceId | ← | the record's id | [`outbound`] |
//! | name | → (← at create) | Topic, without its check mark | [`crosswalk_sdk::cosell::text`] |
//! | details.dealValue | ↔ | Est. Revenue, or the column of `deal_value_field` | [`inbound`], [`outbound`] |
//! | details.currency | ↔ | Currency | |
//! | details.closingDateTime | ↔ | Est. Close Date | |
//! | details.notes | ↔ | Description | |
//! | type, qualification, who invited | → | lead or opportunity | [`crosswalk_sdk::cosell::Becomes`], [`lead`] |
//! | status, substatus | ↔ | Status, Status Reason | [`status`], [`lead`] |
//! | statusReason | ↔ | the column of `lost_reason_field` | [`status`] |
//! | consent to show the deal to Microsoft's sellers | ↔, once true always true | Referral visible to Microsoft sellers? | |
//! | help that is asked for | ↔, once asked never changed | How can Microsoft help? | [`help`] |
//! | solutions | ↔ | Microsoft Solutions, or Products | [`crosswalk_sdk::cosell::solutions`] |
//! | customer | → and ← at create | Account and Contact | [`customer`] |
//! | customer's team | ← | Contact | [`customer`] |
//! | team | ← | Owner, or the settings `sales_contact_…` | [`salesperson`] |
//! | salesStage, campaignId | ← | the columns of `sales_stage_field` and `campaign_field` | [`outbound`] |
//! | Microsoft's id of the deal, referral program | → | Microsoft CRM Identifier, Referral Program | [`inbound`] |
//! | result of the sync | | Audit, check mark in the Topic | [`report`] |
//!
//! The name of every column that does not come with Dynamics is a
//! setting ([`columns`]). `README.md` beside this crate lists columns, settings and privileges for the operator.
//!
//! Another plugin calls [`mapping::to_crm`] and the others as a library, and changes what it wants.

pub mod columns;
pub mod conflicts;
pub mod customer;
pub mod help;
pub mod inbound;
pub mod lead;
pub mod outbound;
pub mod report;
pub mod salesperson;
pub mod settings;
pub mod status;

pub use columns::{
    Account, Campaign, Contact, Currency, Deal, Lead, LeadField, Opportunity, OpportunityField, User,
};
pub use settings::Dynamics;

use crosswalk_sdk::prelude::*;

/// The mapping's functions, to be called by the host or by another plugin.
#[mapping(crm = "dynamics", settings(Dynamics))]
pub mod mapping {
    use super::*;

    /// What should the CRM hold? Without a `linked` record: what should a new one hold?
    ///
    /// # Errors
    /// When the referral holds an amount or a time that is none.
    pub fn to_crm(referral: &Referral, linked: Option<&Deal>, settings: &Dynamics) -> Result<Outcome<Deal>> {
        inbound::to_crm(referral, linked, settings)
    }

    /// What should Partner Center hold? Without a `referral`: what should a new one hold?
    ///
    /// # Errors
    /// When a new referral lacks what Partner Center demands; the refusal names the field and the fix.
    pub fn to_referral(
        linked: &Deal,
        referral: Option<&Referral>,
        cx: &Context,
        settings: &Dynamics,
    ) -> Result<Outcome<ReferralDraft>> {
        outbound::to_referral(linked, referral, cx, settings)
    }

    /// Who wins where both sides changed one field?
    ///
    /// # Errors
    /// When a state is no state.
    pub fn resolve(conflict: &Conflict, settings: &Dynamics) -> Result<Resolution> {
        conflicts::resolve(conflict, settings)
    }

    /// The Audit text and the check mark.
    ///
    /// # Errors
    /// None of its own.
    pub fn report(linked: &Deal, report: &SyncReport, cx: &Context, settings: &Dynamics) -> Result<Deal> {
        Ok(super::report::shown(linked, report, cx, settings))
    }
}
