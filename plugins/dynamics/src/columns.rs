//! The columns that are read and written. The manifest and the columns' settings are made from these structs.
//!
//! The names with `msft_` are those that `crosswalk crm provision` makes. An organisation that has Microsoft's connector
//! may have others: each is a setting, and an empty name means that there is no such column.

use crosswalk_sdk::{cosell, prelude::*, settings};

use crate::{
    help,
    lead::{self, LeadState, LeadStatusReason},
    status::{self, SalesStage, State, StatusReason},
};

/// How many characters the columns of Dynamics 365 Sales hold that no setting speaks of. What is longer is refused,
/// never cut.
pub mod lengths {
    /// The name of an account.
    pub const ACCOUNT: i32 = 160;
    /// The company of a lead.
    pub const COMPANY: i32 = 100;
    /// The first or the last name of a person.
    pub const PERSON: i32 = 50;
    /// A job title.
    pub const TITLE: i32 = 100;
    /// An e-mail address.
    pub const EMAIL: i32 = 100;
    /// A phone number.
    pub const PHONE: i32 = 50;
    /// A line of an address.
    pub const LINE: i32 = 250;
    /// The city of an address, and its country.
    pub const CITY: i32 = 80;
    /// The state or province of an address.
    pub const STATE: i32 = 50;
    /// The postal code of an address.
    pub const POSTAL_CODE: i32 = 20;
}

/// What is linked with a referral.
#[derive(Record, Clone, Debug, PartialEq)]
pub enum Deal {
    /// A deal that is the partner's, or that it shares.
    Opportunity(Opportunity),
    /// A deal that Microsoft or a marketplace sent, until it is accepted.
    Lead(Lead),
}

impl Deal {
    /// The opportunity, if it is one.
    pub fn opportunity(&self) -> Option<&Opportunity> {
        if let Self::Opportunity(opportunity) = self { Some(opportunity) } else { None }
    }

    /// The lead, if it is one.
    pub fn lead(&self) -> Option<&Lead> {
        if let Self::Lead(lead) = self { Some(lead) } else { None }
    }

    /// Whether a seller switched a linked record off.
    pub fn is_switched_off(&self) -> bool {
        match self {
            Self::Opportunity(linked) => cosell::is_switched_off(&linked.sync, &linked.referral_link),
            Self::Lead(linked) => cosell::is_switched_off(&linked.sync, &linked.referral_link),
        }
    }
}

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
    #[field("statuscode", choices = status::written)]
    pub status: Field<StatusReason>,
    /// Why the deal was lost, in words. Dynamics has no such column of its own.
    #[field("", setting = "lost_reason_field", length = 255, length_setting = "lost_reason_length")]
    pub lost_reason: Field<String>,
    /// The sales stage as a choice; `salesstage` in Dataverse. Not read unless a setting names it.
    #[field("", setting = "sales_stage_field", read)]
    pub sales_stage: Field<SalesStage>,
    /// The marketing campaign; `campaignid` in Dataverse. Not read unless a setting names it.
    #[field("", setting = "campaign_field", read)]
    pub campaign: Field<Ref<Campaign>>,
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
    #[field("msft_syncwithpartnercenter", setting = "column_sync", label = "Sync with Partner Center")]
    pub sync: Field<bool>,
    /// Referral Link.
    #[field(
        "msft_referrallink",
        setting = "column_referral_link",
        label = "Referral Link",
        length = 255,
        owned
    )]
    pub referral_link: Field<String>,
    /// How can Microsoft help?
    #[field(
        "msft_howcanmicrosofthelp",
        setting = "column_help",
        label = "How can Microsoft help?",
        choices = help::offered
    )]
    pub help: Field<i32>,
    /// Referral visible to Microsoft sellers?
    #[field(
        "msft_referralvisibletomicrosoft",
        setting = "column_visibility",
        label = "Referral visible to Microsoft sellers?"
    )]
    pub visible_to_microsoft: Field<bool>,
    /// Microsoft CRM Identifier.
    #[field(
        "msft_microsoftcrmidentifier",
        setting = "column_microsoft_crm_identifier",
        label = "Microsoft CRM Identifier",
        length = 100,
        owned
    )]
    pub microsoft_crm_identifier: Field<String>,
    /// Referral Program.
    #[field(
        "msft_referralprogram",
        setting = "column_referral_program",
        label = "Referral Program",
        length = 100,
        owned
    )]
    pub referral_program: Field<String>,
    /// Microsoft Solutions: a row for each solution, unless `solutions_as_rows` is off.
    #[field(
        when = solutions_are_rows,
        label = "Microsoft Solutions",
        rows(
            entity("msft_microsoftsolution", setting = "solution_entity"),
            parent("msft_opportunityid", setting = "solution_parent"),
            column("msft_solutionidentifier", setting = "solution_column")
        )
    )]
    pub solutions: Field<Vec<String>>,
    /// Products: solution ids, separated by commas, if `solutions_as_rows` is off.
    #[field(
        "msft_products",
        setting = "column_products",
        when = solutions_are_text,
        label = "Products",
        length = 255,
        length_setting = "products_length"
    )]
    pub products: Field<String>,
    /// Audit: what became of the last sync.
    #[field(
        "msft_audit",
        setting = "column_audit",
        label = "Audit",
        length = 2000,
        length_setting = "audit_length",
        owned
    )]
    pub audit: Field<String>,
}

fn solutions_are_rows() -> bool {
    settings::read("solutions_as_rows", || Some(true)).unwrap_or(true)
}

fn solutions_are_text() -> bool {
    !solutions_are_rows()
}

/// A lead that is linked with a referral: a deal that was not accepted yet. The columns that are not Dynamics' own have the
/// same names as those of an opportunity.
#[derive(Record, Clone, Debug, Default, PartialEq)]
#[record(
    entity = "lead",
    key("msft_referralidentifier", setting = "column_referral_identifier"),
    stamp("crosswalk_stamp", setting = "column_stamp")
)]
pub struct Lead {
    /// Topic.
    #[field("subject")]
    pub name: Field<String>,
    /// Description; in Partner Center, the notes.
    pub description: Field<String>,
    /// The deal value.
    #[field("budgetamount", setting = "lead_value_field")]
    pub value: Field<Decimal>,
    /// Currency.
    #[field("transactioncurrencyid")]
    pub currency: Field<Ref<Currency>>,
    /// Est. Close Date.
    #[field("estimatedclosedate")]
    pub closes: Field<Date>,
    /// Status: open, qualified or disqualified.
    #[field("statecode")]
    pub state: Field<LeadState>,
    /// Status Reason: new, contacted, …
    #[field("statuscode", choices = lead::written)]
    pub status: Field<LeadStatusReason>,
    /// First Name.
    #[field("firstname")]
    pub first_name: Field<String>,
    /// Last Name.
    #[field("lastname")]
    pub last_name: Field<String>,
    /// Job Title.
    #[field("jobtitle")]
    pub title: Field<String>,
    /// E-mail.
    #[field("emailaddress1")]
    pub email: Field<String>,
    /// Business Phone.
    #[field("telephone1")]
    pub phone: Field<String>,
    /// Company Name.
    #[field("companyname")]
    pub company: Field<String>,
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
    pub province: Field<String>,
    /// Postal code.
    #[field("address1_postalcode")]
    pub postal_code: Field<String>,
    /// The country's two-letter code.
    #[field("address1_country", setting = "lead_country_field")]
    pub country: Field<String>,
    /// No. of Employees.
    #[field("numberofemployees")]
    pub employees: Field<i32>,
    /// Sync with Partner Center.
    #[field("msft_syncwithpartnercenter", setting = "column_sync", label = "Sync with Partner Center")]
    pub sync: Field<bool>,
    /// Referral Link.
    #[field(
        "msft_referrallink",
        setting = "column_referral_link",
        label = "Referral Link",
        length = 255,
        owned
    )]
    pub referral_link: Field<String>,
    /// Referral Program.
    #[field(
        "msft_referralprogram",
        setting = "column_referral_program",
        label = "Referral Program",
        length = 100,
        owned
    )]
    pub referral_program: Field<String>,
    /// Audit: what became of the last sync.
    #[field(
        "msft_audit",
        setting = "column_audit",
        label = "Audit",
        length = 2000,
        length_setting = "audit_length",
        owned
    )]
    pub audit: Field<String>,
}

/// A marketing campaign.
#[derive(Record, Clone, Debug, Default, PartialEq)]
#[record(entity = "campaign")]
pub struct Campaign {
    /// Campaign Code.
    #[field("codename", read)]
    pub code: Field<String>,
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
    /// No. of Employees.
    #[field("numberofemployees")]
    pub employees: Field<i32>,
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
