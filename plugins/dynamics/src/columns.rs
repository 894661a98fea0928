//! The columns that are read and written. The manifest and the columns' settings are made from these structs.
//!
//! The names with `msft_` are those that `crosswalk crm provision` makes. An organisation that has Microsoft's connector
//! may have others: each is a setting, and an empty name means that there is no such column.

use crosswalk_sdk::prelude::*;

use crate::status::{State, StatusReason};

/// An opportunity that is linked with a referral.
#[derive(Record, Clone, Debug, Default, PartialEq)]
#[record(
    entity = "opportunity",
    key("msft_referralidentifier", setting = "column_referral_identifier"),
    stamp("crosswalk_stamp", setting = "column_stamp")
)]
pub struct Opportunity {
    /// Topic.
    pub name: Field<String>,
    /// Description; in Partner Center, the notes.
    pub description: Field<String>,
    /// The deal value.
    #[field("estimatedvalue", setting = "deal_value_field")]
    pub value: Field<Decimal>,
    /// Whether Dynamics overwrites the deal value with the sum of the products.
    #[field("isrevenuesystemcalculated", setting = "column_revenue_calculated", owned)]
    pub value_is_calculated: Field<bool>,
    /// Currency.
    #[field("transactioncurrencyid")]
    pub currency: Field<Ref<Currency>>,
    /// Est. Close Date.
    #[field("estimatedclosedate")]
    pub closes: Field<Date>,
    /// Status: open, won or lost.
    #[field("statecode")]
    pub state: Field<State>,
    /// Status Reason: in progress, on hold, …
    #[field("statuscode")]
    pub status: Field<StatusReason>,
    /// Account.
    #[field("parentaccountid")]
    pub account: Field<Ref<Account>>,
    /// Contact.
    #[field("parentcontactid")]
    pub contact: Field<Ref<Contact>>,
    /// The owner, as a reference to a user. `owninguser` in Dataverse; not read unless a setting names it.
    #[field("", setting = "owner_field", read)]
    pub owner: Field<Ref<User>>,
    /// Sync with Partner Center.
    #[field("msft_syncwithpartnercenter", setting = "column_sync")]
    pub sync: Field<bool>,
    /// Referral Link.
    #[field("msft_referrallink", setting = "column_referral_link", owned)]
    pub referral_link: Field<String>,
    /// How can Microsoft help?
    #[field("msft_howcanmicrosofthelp", setting = "column_help")]
    pub help: Field<i32>,
    /// Referral visible to Microsoft sellers?
    #[field("msft_referralvisibletomicrosoft", setting = "column_visibility")]
    pub visible_to_microsoft: Field<bool>,
    /// Microsoft CRM Identifier.
    #[field("msft_microsoftcrmidentifier", setting = "column_microsoft_crm_identifier", owned)]
    pub microsoft_crm_identifier: Field<String>,
    /// Referral Program.
    #[field("msft_referralprogram", setting = "column_referral_program", owned)]
    pub referral_program: Field<String>,
    /// Products: solution ids, separated by commas.
    #[field("msft_products", setting = "column_products")]
    pub products: Field<String>,
    /// Audit: what became of the last sync.
    #[field("msft_audit", setting = "column_audit", owned)]
    pub audit: Field<String>,
}

/// A currency of the organisation.
#[derive(Record, Clone, Debug, Default, PartialEq)]
#[record(entity = "transactioncurrency")]
pub struct Currency {
    /// ISO 4217.
    #[field("isocurrencycode")]
    pub code: Field<String>,
}

/// The owner of an opportunity.
#[derive(Record, Clone, Debug, Default, PartialEq)]
#[record(entity = "systemuser")]
pub struct User {
    /// First Name.
    #[field("firstname", read)]
    pub first_name: Field<String>,
    /// Last Name.
    #[field("lastname", read)]
    pub last_name: Field<String>,
    /// Primary Email.
    #[field("internalemailaddress", read)]
    pub email: Field<String>,
    /// Main Phone.
    #[field("address1_telephone1", setting = "owner_phone_field", read)]
    pub phone: Field<String>,
}

/// The customer.
#[derive(Record, Clone, Debug, Default, PartialEq)]
#[record(entity = "account")]
pub struct Account {
    /// Account Name.
    pub name: Field<String>,
    /// First line of the address.
    #[field("address1_line1")]
    pub line1: Field<String>,
    /// Second line of the address.
    #[field("address1_line2")]
    pub line2: Field<String>,
    /// City.
    #[field("address1_city")]
    pub city: Field<String>,
    /// State or province.
    #[field("address1_stateorprovince")]
    pub state: Field<String>,
    /// Postal code.
    #[field("address1_postalcode")]
    pub postal_code: Field<String>,
    /// The country's two-letter code.
    #[field("address1_country", setting = "customer_country_field")]
    pub country: Field<String>,
}

/// The customer's primary contact.
#[derive(Record, Clone, Debug, Default, PartialEq)]
#[record(entity = "contact")]
pub struct Contact {
    /// First Name.
    #[field("firstname")]
    pub first_name: Field<String>,
    /// Last Name.
    #[field("lastname")]
    pub last_name: Field<String>,
    /// E-mail.
    #[field("emailaddress1")]
    pub email: Field<String>,
    /// Business Phone.
    #[field("telephone1")]
    pub phone: Field<String>,
    /// Job Title.
    #[field("jobtitle")]
    pub title: Field<String>,
    /// The account that the contact works for.
    #[field("parentcustomerid", write)]
    pub works_for: Field<Ref<Account>>,
}
