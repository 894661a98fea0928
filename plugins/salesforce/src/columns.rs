//! The fields that are read and written. The manifest and the fields' settings are made from these structs.
//!
//! The names that end in `__c` are those of Microsoft's connector package (misspelling included), or those that
//! `crosswalk crm provision` makes. Each is a setting, and an empty name means that there is no such field.

use crosswalk_sdk::{cosell, prelude::*, record::Offered, settings};

use crate::{Salesforce, help};

/// How many characters Salesforce's own fields hold. They are the same in every organisation, and what is longer is
/// refused, never cut.
pub mod lengths {
    /// Opportunity Name.
    pub const NAME: i32 = 120;
    /// Description, of opportunities and leads.
    pub const DESCRIPTION: i32 = 32_000;
    /// Account Name, and a lead's Company.
    pub const COMPANY: i32 = 255;
    /// A person's first name.
    pub const FIRST_NAME: i32 = 40;
    /// A person's last name.
    pub const LAST_NAME: i32 = 80;
    /// A person's title.
    pub const TITLE: i32 = 128;
    /// An e-mail address.
    pub const EMAIL: i32 = 80;
    /// The field of `lead_topic_field`: a text of the usual length.
    pub const TOPIC: i32 = 255;
    /// A phone number.
    pub const PHONE: i32 = 40;
    /// The street of an address, both its lines.
    pub const STREET: i32 = 255;
    /// The city of an address.
    pub const CITY: i32 = 40;
    /// The state or province of an address, and its country.
    pub const STATE: i32 = 80;
    /// The postal code of an address.
    pub const POSTAL_CODE: i32 = 20;
}

/// An opportunity that is linked with a referral.
#[derive(Record, Clone, Debug, Default, PartialEq)]
#[record(
    entity = "Opportunity",
    key("Referral_Identfier__c", setting = "column_referral_identifier"),
    stamp("Crosswalk_Stamp__c", setting = "column_stamp")
)]
pub struct Opportunity {
    /// Opportunity Name.
    #[field("Name")]
    pub name: Field<String>,
    /// Description; in Partner Center, the notes.
    #[field("Description")]
    pub description: Field<String>,
    /// The deal value.
    #[field("Amount", setting = "deal_value_field")]
    pub value: Field<Decimal>,
    /// Whether the opportunity has products: Salesforce then ignores what is written to the Amount.
    #[field("HasOpportunityLineItem", read)]
    pub has_products: Field<bool>,
    /// Opportunity Currency. Only organisations with several currencies have it; the others set `org_currency`.
    #[field("CurrencyIsoCode", setting = "currency_field")]
    pub currency: Field<String>,
    /// Close Date.
    #[field("CloseDate")]
    pub closes: Field<Date>,
    /// Stage.
    #[field("StageName", choices = stages)]
    pub stage: Field<String>,
    /// Whether Salesforce counts the stage as closed.
    #[field("IsClosed", read)]
    pub is_closed: Field<bool>,
    /// Whether Salesforce counts the stage as won.
    #[field("IsWon", read)]
    pub is_won: Field<bool>,
    /// Why the deal was lost, in words.
    #[field("", setting = "lost_reason_field", length = 255, length_setting = "lost_reason_length")]
    pub lost_reason: Field<String>,
    /// The marketing campaign; `CampaignId` in Salesforce. Not read unless a setting names it.
    #[field("", setting = "campaign_field", read)]
    pub campaign: Field<Ref<Campaign>>,
    /// Account.
    #[field("AccountId")]
    pub account: Field<Ref<Account>>,
    /// The primary contact. Salesforce takes it when an opportunity is created and makes a contact role of it; later it
    /// is the contact of the primary role, which sellers change.
    #[field("ContactId", setting = "contact_field")]
    pub contact: Field<Ref<Contact>>,
    /// Owner.
    #[field("OwnerId", setting = "owner_field", read)]
    pub owner: Field<Ref<User>>,
    /// Sync With Partner Center.
    #[field("Sync_With_Partner_Center__c", setting = "column_sync", label = "Sync With Partner Center")]
    pub sync: Field<bool>,
    /// Referral Link.
    #[field(
        "Referral_Link__c",
        setting = "column_referral_link",
        label = "Referral Link",
        length = 255,
        owned
    )]
    pub referral_link: Field<String>,
    /// How can Microsoft help?
    #[field(
        "How_can_Microsoft_help__c",
        setting = "column_help",
        label = "How can Microsoft help?",
        choices = help::offered
    )]
    pub help: Field<String>,
    /// Referral visible to Microsoft sellers?
    #[field(
        "Referral_Visible_To_Microsoft__c",
        setting = "column_visibility",
        label = "Referral visible to Microsoft sellers?"
    )]
    pub visible_to_microsoft: Field<bool>,
    /// Microsoft CRM Identifier.
    #[field(
        "Microsoft_CRM_Identifier__c",
        setting = "column_microsoft_crm_identifier",
        label = "Microsoft CRM Identifier",
        length = 100,
        owned
    )]
    pub microsoft_crm_identifier: Field<String>,
    /// Referral Program.
    #[field(
        "Referral_Program__c",
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
            entity("Microsoft_Solution__c", setting = "solution_entity"),
            parent("Opportunity__c", setting = "solution_parent"),
            column("Solution_Identifier__c", setting = "solution_column")
        )
    )]
    pub solutions: Field<Vec<String>>,
    /// Products: solution ids, separated by commas, if `solutions_as_rows` is off.
    #[field(
        "Products__c",
        setting = "column_products",
        when = solutions_are_text,
        label = "Products",
        length = 255,
        length_setting = "products_length"
    )]
    pub products: Field<String>,
    /// Audit: what became of the last sync.
    #[field(
        "Audit__c",
        setting = "column_audit",
        label = "Audit",
        length = 100_000,
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

/// The stages that this mapping writes: the organisation must have them.
fn stages() -> Vec<Offered> {
    offered(|settings| {
        vec![
            settings.on_hold_stage_name,
            settings.active_stage_name,
            settings.won_stage_name,
            settings.lost_stage_name,
        ]
    })
}

/// The statuses of leads that this mapping writes, likewise.
fn lead_statuses() -> Vec<Offered> {
    offered(|settings| vec![settings.lead_open_status, settings.lead_disqualified_status])
}

fn offered(names: fn(Salesforce) -> Vec<String>) -> Vec<Offered> {
    let names = Salesforce::read().map(names).unwrap_or_default();
    names.into_iter().map(|name| Offered::text(name.as_str(), name.as_str())).collect()
}

/// A lead that is linked with a referral: a deal that was not accepted yet. The fields that are not Salesforce's own have
/// the same names as those of an opportunity.
#[derive(Record, Clone, Debug, Default, PartialEq)]
#[record(
    entity = "Lead",
    key("Referral_Identfier__c", setting = "column_referral_identifier"),
    stamp("Crosswalk_Stamp__c", setting = "column_stamp")
)]
pub struct Lead {
    /// Lead Status.
    #[field("Status", choices = lead_statuses)]
    pub status: Field<String>,
    /// First Name.
    #[field("FirstName")]
    pub first_name: Field<String>,
    /// Last Name.
    #[field("LastName")]
    pub last_name: Field<String>,
    /// Company.
    #[field("Company")]
    pub company: Field<String>,
    /// Title.
    #[field("Title")]
    pub title: Field<String>,
    /// Email.
    #[field("Email")]
    pub email: Field<String>,
    /// Phone.
    #[field("Phone")]
    pub phone: Field<String>,
    /// Street: the address's lines, one below the other.
    #[field("Street")]
    pub street: Field<String>,
    /// City.
    #[field("City")]
    pub city: Field<String>,
    /// State/Province.
    #[field("State", setting = "lead_state_field")]
    pub state: Field<String>,
    /// Zip/Postal Code.
    #[field("PostalCode")]
    pub postal_code: Field<String>,
    /// The country's two-letter code.
    #[field("Country", setting = "lead_country_field")]
    pub country: Field<String>,
    /// No. of Employees.
    #[field("NumberOfEmployees")]
    pub employees: Field<i32>,
    /// Description; in Partner Center, the notes.
    #[field("Description")]
    pub description: Field<String>,
    /// The deal's name. Salesforce has no field for it on a lead.
    #[field("", setting = "lead_topic_field", length = 255)]
    pub topic: Field<String>,
    /// Sync With Partner Center.
    #[field("Sync_With_Partner_Center__c", setting = "column_sync", label = "Sync With Partner Center")]
    pub sync: Field<bool>,
    /// Referral Link.
    #[field(
        "Referral_Link__c",
        setting = "column_referral_link",
        label = "Referral Link",
        length = 255,
        owned
    )]
    pub referral_link: Field<String>,
    /// Referral Program.
    #[field(
        "Referral_Program__c",
        setting = "column_referral_program",
        label = "Referral Program",
        length = 100,
        owned
    )]
    pub referral_program: Field<String>,
    /// Audit: what became of the last sync.
    #[field(
        "Audit__c",
        setting = "column_audit",
        label = "Audit",
        length = 100_000,
        length_setting = "audit_length",
        owned
    )]
    pub audit: Field<String>,
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

/// A stage of the organisation. It is looked up before it is written, because Salesforce takes any text for a stage.
#[derive(Record, Clone, Debug, Default, PartialEq)]
#[record(entity = "OpportunityStage")]
pub struct KnownStage {
    /// API Name.
    #[field("ApiName")]
    pub name: Field<String>,
    /// Active.
    #[field("IsActive")]
    pub is_active: Field<bool>,
    /// Closed.
    #[field("IsClosed")]
    pub is_closed: Field<bool>,
    /// Won.
    #[field("IsWon")]
    pub is_won: Field<bool>,
}

/// A lead's status in the organisation, looked up likewise.
#[derive(Record, Clone, Debug, Default, PartialEq)]
#[record(entity = "LeadStatus")]
pub struct KnownLeadStatus {
    /// API Name.
    #[field("ApiName")]
    pub name: Field<String>,
    /// Converted: only a lead that was converted has such a status.
    #[field("IsConverted")]
    pub is_converted: Field<bool>,
}

/// The owner of an opportunity.
#[derive(Record, Clone, Debug, Default, PartialEq)]
#[record(entity = "User")]
pub struct User {
    /// First Name.
    #[field("FirstName", read)]
    pub first_name: Field<String>,
    /// Last Name.
    #[field("LastName", read)]
    pub last_name: Field<String>,
    /// Email.
    #[field("Email", read)]
    pub email: Field<String>,
    /// Phone.
    #[field("Phone", setting = "owner_phone_field", read)]
    pub phone: Field<String>,
}

/// A marketing campaign.
#[derive(Record, Clone, Debug, Default, PartialEq)]
#[record(entity = "Campaign")]
pub struct Campaign {
    /// What Partner Center is told of it.
    #[field("Name", setting = "campaign_code_field", read)]
    pub code: Field<String>,
}

/// The customer.
#[derive(Record, Clone, Debug, Default, PartialEq)]
#[record(entity = "Account")]
pub struct Account {
    /// Account Name.
    #[field("Name")]
    pub name: Field<String>,
    /// Billing Street: the address's lines, one below the other.
    #[field("BillingStreet")]
    pub street: Field<String>,
    /// Billing City.
    #[field("BillingCity")]
    pub city: Field<String>,
    /// Billing State/Province.
    #[field("BillingState", setting = "customer_state_field")]
    pub state: Field<String>,
    /// Billing Zip/Postal Code.
    #[field("BillingPostalCode")]
    pub postal_code: Field<String>,
    /// The country's two-letter code.
    #[field("BillingCountry", setting = "customer_country_field")]
    pub country: Field<String>,
    /// Employees.
    #[field("NumberOfEmployees")]
    pub employees: Field<i32>,
}

/// The customer's primary contact.
#[derive(Record, Clone, Debug, Default, PartialEq)]
#[record(entity = "Contact")]
pub struct Contact {
    /// First Name.
    #[field("FirstName")]
    pub first_name: Field<String>,
    /// Last Name.
    #[field("LastName")]
    pub last_name: Field<String>,
    /// Email.
    #[field("Email")]
    pub email: Field<String>,
    /// Business Phone.
    #[field("Phone")]
    pub phone: Field<String>,
    /// Title.
    #[field("Title")]
    pub title: Field<String>,
    /// The account that the contact works for.
    #[field("AccountId", write)]
    pub works_for: Field<Ref<Account>>,
}
