//! The objects of the sales process that a fresh organisation has.
//!
//! Names, types and lengths follow the public object reference; where it is silent about a length the usual one is
//! taken. The set-up objects (users, permissions, currencies) are in [`super::setup`].

use super::{
    baseline::{LEAD_STATUSES, STAGES},
    builder::ObjectBuilder,
    schema::{Kind, Object},
};

/// The choices of `LeadSource`, on leads, contacts and opportunities.
const SOURCES: &[&str] = &["Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other"];
/// The choices of `Industry`.
const INDUSTRIES: &[&str] = &[
    "Agriculture",
    "Banking",
    "Education",
    "Energy",
    "Healthcare",
    "Manufacturing",
    "Retail",
    "Technology",
    "Other",
];
/// The choices of `Rating`.
const RATINGS: &[&str] = &["Hot", "Warm", "Cold"];
/// The choices of `Salutation`.
const SALUTATIONS: &[&str] = &["Mr.", "Ms.", "Mrs.", "Dr.", "Prof.", "Mx."];

/// Every object that people sell with.
pub(crate) fn objects() -> Vec<Object> {
    vec![account(), contact(), opportunity(), contact_role(), team_member(), lead(), note()]
}

fn account() -> Object {
    ObjectBuilder::new("Account", b"001")
        .business()
        .mergeable()
        .text("Name", 255)
        .required()
        .names()
        .picklist(
            "Type",
            &["Prospect", "Customer - Direct", "Customer - Channel", "Channel Partner / Reseller"],
        )
        .reference("ParentId", "Account", "Parent", Some("ChildAccounts"))
        .address("Billing")
        .address("Shipping")
        .field("Phone", Kind::Phone)
        .length(40)
        .field("Fax", Kind::Phone)
        .length(40)
        .text("AccountNumber", 40)
        .field("Website", Kind::Url)
        .length(255)
        .picklist("Industry", INDUSTRIES)
        .currency("AnnualRevenue", 0)
        .integer("NumberOfEmployees")
        .picklist("Rating", RATINGS)
        .area("Description", 32_000)
        .text("Site", 80)
        .picklist("AccountSource", SOURCES)
        .currency_code()
        .owned()
        .audit()
        .build()
}

fn person(builder: ObjectBuilder) -> ObjectBuilder {
    builder
        .text("LastName", 80)
        .required()
        .text("FirstName", 40)
        .picklist("Salutation", SALUTATIONS)
        .length(40)
        .text("Name", 121)
        .required()
        .names()
        .calculated()
        .text("Title", 128)
        .field("Phone", Kind::Phone)
        .length(40)
        .field("MobilePhone", Kind::Phone)
        .length(40)
        .field("Fax", Kind::Phone)
        .length(40)
        .field("Email", Kind::Email)
        .length(80)
        .area("Description", 32_000)
        .picklist("LeadSource", SOURCES)
}

fn contact() -> Object {
    person(ObjectBuilder::new("Contact", b"003").business().mergeable())
        .reference("AccountId", "Account", "Account", Some("Contacts"))
        .cascade()
        .address("Mailing")
        .text("Department", 80)
        .reference("ReportsToId", "Contact", "ReportsTo", None)
        .currency_code()
        .owned()
        .audit()
        .build()
}

fn lead() -> Object {
    let statuses: Vec<&str> = LEAD_STATUSES.iter().map(|status| status.name).collect();
    person(ObjectBuilder::new("Lead", b"00Q").business().mergeable())
        .text("Company", 255)
        .required()
        .address("")
        .field("Website", Kind::Url)
        .length(255)
        .picklist("Status", &statuses)
        .required()
        .default_choice("Open - Not Contacted")
        .picklist("Industry", INDUSTRIES)
        .picklist("Rating", RATINGS)
        .currency("AnnualRevenue", 0)
        .integer("NumberOfEmployees")
        .flag("IsConverted")
        .read_only()
        .date("ConvertedDate")
        .read_only()
        .reference("ConvertedAccountId", "Account", "ConvertedAccount", None)
        .read_only()
        .reference("ConvertedContactId", "Contact", "ConvertedContact", None)
        .read_only()
        .reference("ConvertedOpportunityId", "Opportunity", "ConvertedOpportunity", None)
        .read_only()
        .currency_code()
        .owned()
        .audit()
        .build()
}

fn opportunity() -> Object {
    let stages: Vec<&str> = STAGES.iter().map(|stage| stage.name).collect();
    ObjectBuilder::new("Opportunity", b"006")
        .business()
        .reference("AccountId", "Account", "Account", Some("Opportunities"))
        .cascade()
        // Becomes a contact role, and follows the primary one.
        .reference("ContactId", "Contact", "Contact", None)
        .create_only()
        .text("Name", 120)
        .required()
        .names()
        .area("Description", 32_000)
        .picklist("StageName", &stages)
        .required()
        .currency("Amount", 2)
        .field("Probability", Kind::Percent)
        .digits(3, 0)
        .currency("ExpectedRevenue", 2)
        .calculated()
        .field("TotalOpportunityQuantity", Kind::Double)
        .digits(18, 2)
        .date("CloseDate")
        .required()
        .picklist("Type", &["Existing Business", "New Business"])
        .text("NextStep", 255)
        .picklist("LeadSource", SOURCES)
        .flag("IsClosed")
        .calculated()
        .flag("IsWon")
        .calculated()
        .picklist("ForecastCategory", &["Omitted", "Pipeline", "BestCase", "Forecast", "Closed"])
        .length(40)
        .calculated()
        .picklist("ForecastCategoryName", &["Omitted", "Pipeline", "Best Case", "Commit", "Closed"])
        .defaulted()
        .flag("HasOpportunityLineItem")
        .read_only()
        .flag("IsPrivate")
        .instant("LastStageChangeDate")
        .read_only()
        .date("LastActivityDate")
        .read_only()
        .currency_code()
        .owned()
        .audit()
        .build()
}

fn contact_role() -> Object {
    ObjectBuilder::new("OpportunityContactRole", b"00K")
        .business()
        .reference("OpportunityId", "Opportunity", "Opportunity", Some("OpportunityContactRoles"))
        .required()
        .create_only()
        .cascade()
        .reference("ContactId", "Contact", "Contact", Some("OpportunityContactRoles"))
        .required()
        .cascade()
        .picklist(
            "Role",
            &["Business User", "Decision Maker", "Economic Buyer", "Evaluator", "Influencer", "Other"],
        )
        .flag("IsPrimary")
        .audit()
        .build()
}

fn team_member() -> Object {
    ObjectBuilder::new("OpportunityTeamMember", b"00q")
        .business()
        .reference("OpportunityId", "Opportunity", "Opportunity", Some("OpportunityTeamMembers"))
        .required()
        .create_only()
        .cascade()
        .reference("UserId", "User", "User", None)
        .required()
        .create_only()
        .picklist("TeamMemberRole", &["Account Manager", "Channel Manager", "Executive Sponsor", "Sales Rep"])
        .length(40)
        .picklist("OpportunityAccessLevel", &["Read", "Edit", "All"])
        .length(40)
        .default_choice("Read")
        .audit()
        .build()
}

fn note() -> Object {
    ObjectBuilder::new("Note", b"002")
        .business()
        .reference("ParentId", "Opportunity", "Parent", Some("Notes"))
        .also_to(&["Account", "Contact", "Lead"])
        .required()
        .create_only()
        .cascade()
        .text("Title", 80)
        .required()
        .names()
        .area("Body", 32_000)
        .flag("IsPrivate")
        .owned()
        .audit()
        .build()
}
