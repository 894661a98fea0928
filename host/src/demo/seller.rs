//! What a seller sees and does in a CRM, in the words of neither: so that a story is told once, for both.

use async_trait::async_trait;
use serde::Serialize;
use serde_json::Value;

use crate::error::Complaint;

mod dynamics;
mod salesforce;

pub(crate) use dynamics::DynamicsSeller;
pub(crate) use salesforce::SalesforceSeller;

/// The customer of every opportunity that a seller makes.
pub const CUSTOMER: &str = "Tailspin Toys";

/// Which CRM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrmKind {
    /// Dynamics 365.
    Dynamics,
    /// Salesforce.
    Salesforce,
}

/// An opportunity or a lead of a CRM.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Record {
    /// Whether it is a lead.
    pub is_lead: bool,
    /// Its id in the CRM.
    pub id: String,
}

/// How Microsoft can help, by its place in the list: the first of six.
const HELP: &[&str] = &[
    "WorkloadSpecificValueProposition",
    "CustomerTechnicalArchitecture",
    "ProofOfConceptOrDemo",
    "QuotesOrLicensing",
    "PostSalesCustomerSuccess",
    "GeneralOrOther",
];

/// Where an opportunity or a lead stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum Stage {
    /// Worked on, or a lead that nobody has decided about.
    #[default]
    Open,
    /// Waiting to be accepted.
    OnHold,
    /// Closed, successfully.
    Won,
    /// Closed otherwise, or a lead that was disqualified.
    Lost,
    /// A lead that has become an opportunity.
    Qualified,
}

/// An opportunity or a lead as its card shows it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Card {
    /// Its id.
    pub id: String,
    /// Whether it is a lead.
    pub is_lead: bool,
    /// Topic or name, with its check mark.
    pub name: String,
    /// Description.
    pub notes: String,
    /// The deal value, as a decimal number; empty for none.
    pub value: String,
    /// The currency's ISO code.
    pub currency: String,
    /// The day on which it closes, `2027-02-28`.
    pub closes: String,
    /// Where it stands.
    pub stage: Stage,
    /// Why it was lost, where the tenant keeps that in a field.
    pub lost_reason: String,
    /// The customer's name.
    pub account: String,
    /// The contact's e-mail address.
    pub contact: String,
    /// Sync with Partner Center.
    pub sync: bool,
    /// Referral Identifier.
    pub referral: String,
    /// Referral Link.
    pub link: String,
    /// How can Microsoft help?, as Partner Center calls it.
    pub help: String,
    /// Solutions.
    pub solutions: Vec<String>,
    /// Referral visible to Microsoft sellers?
    pub visible: bool,
    /// Microsoft CRM Identifier.
    pub microsoft_id: String,
    /// Audit.
    pub audit: String,
    /// The sales region, which the story's partner plugin fills.
    pub region: String,
}

impl Card {
    /// Which record it is of.
    pub fn record(&self) -> Record {
        Record { is_lead: self.is_lead, id: self.id.clone() }
    }

    /// Whether it carries the check mark of what is in sync.
    pub fn is_checked(&self) -> bool {
        self.name.starts_with('✔')
    }

    /// Whether it carries the cross of what could not be synchronised.
    pub fn is_crossed(&self) -> bool {
        self.name.starts_with('✖')
    }
}

/// A new opportunity, with a customer and a contact.
#[derive(Clone, Debug)]
pub struct NewDeal<'a> {
    /// Topic or name.
    pub name: &'a str,
    /// Sync with Partner Center.
    pub sync: bool,
    /// How can Microsoft help?; empty for a deal that Microsoft is only to know of.
    pub help: &'a str,
    /// Solutions.
    pub solutions: &'a [&'a str],
    /// The customer's country.
    pub country: &'a str,
}

impl<'a> NewDeal<'a> {
    /// Marked for synchronisation, with help asked for and one solution: what the connector's guide describes.
    pub fn shared(name: &'a str) -> Self {
        NewDeal {
            name,
            sync: true,
            help: "WorkloadSpecificValueProposition",
            solutions: &["SOL-15974-MQF"],
            country: "US",
        }
    }

    /// Marked for synchronisation without asking for help: Microsoft is told nothing but what the partner shows.
    pub fn private(name: &'a str) -> Self {
        NewDeal { help: "", ..Self::shared(name) }
    }
}

/// One thing that a seller types, chooses or clicks.
#[derive(Clone, Debug, PartialEq)]
pub enum Edit<'a> {
    /// Another topic or name.
    Name(&'a str),
    /// Another description.
    Notes(&'a str),
    /// Another deal value.
    Value(&'a str),
    /// Another close date, `2027-02-28`.
    Closes(&'a str),
    /// Takes the opportunity off hold.
    LeaveHold,
    /// Closes the opportunity as won.
    Win,
    /// Closes the opportunity as lost, or disqualifies the lead, and says why.
    Lose(&'a str),
    /// Sync with Partner Center.
    Sync(bool),
    /// How can Microsoft help?
    Help(&'a str),
    /// Referral visible to Microsoft sellers?
    Visible(bool),
    /// Referral Identifier, as Microsoft's connector would have left it.
    Referral(&'a str),
}

/// A person who works in a CRM, and what an administrator sets up there once.
#[async_trait]
pub trait Seller: Send + Sync {
    /// Which CRM it is.
    fn kind(&self) -> CrmKind;

    /// The section of a tenant document by which the host reaches this CRM, and its name.
    fn document(&self) -> (&'static str, Value);

    /// Settings that the default mapping needs in this organisation.
    fn settings(&self) -> Value;

    /// An administrator has the CRM tell the host of changes, at `hooks` + `/dynamics` or the like.
    async fn register(&self, hooks: &str) -> Result<(), Complaint>;

    /// Makes an opportunity with customer and contact, then its solutions, and marks it last.
    async fn creates(&self, deal: NewDeal<'_>) -> Result<Record, Complaint>;

    /// Makes a lead of one's own, marked for synchronisation.
    async fn creates_lead(&self, company: &str) -> Result<Record, Complaint>;

    /// Makes all edits in one save where the CRM can.
    async fn edits(&self, record: &Record, edits: &[Edit<'_>]) -> Result<(), Complaint>;

    /// Adds a solution to an opportunity.
    async fn adds_solution(&self, record: &Record, solution: &str) -> Result<(), Complaint>;

    /// Removes a solution of an opportunity.
    async fn removes_solution(&self, record: &Record, solution: &str) -> Result<(), Complaint>;

    /// Qualifies a lead: it becomes an opportunity.
    async fn qualifies(&self, lead: &Record) -> Result<Record, Complaint>;

    /// Merges a lead into another one, which lives on.
    async fn merges(&self, lead: &Record, into: &Record) -> Result<(), Complaint>;

    /// Deletes a record.
    async fn deletes(&self, record: &Record) -> Result<(), Complaint>;

    /// Looks at a record; `None` if it is not there.
    async fn opens(&self, record: &Record) -> Result<Option<Card>, Complaint>;

    /// Looks for the opportunity, or the lead that nobody has decided about, which carries a referral's id.
    async fn finds(&self, referral: &str) -> Result<Option<Card>, Complaint>;

    /// All opportunities, by id: name and referral.
    async fn opportunities(&self) -> Result<Vec<Card>, Complaint>;
}
