//! What an operator may set, besides the fields' names.

use crosswalk_sdk::{cosell::conflicts::Winner, prelude::*};

use crate::help;

/// This mapping's settings.
#[derive(Settings, Clone, Debug, PartialEq)]
pub struct Salesforce {
    /// Who wins when both sides changed the deal value, the closing date, the currency, the description or the
    /// products: `crm`, `partner-center`, or `park` to ask a person.
    #[setting(default = Winner::Crm)]
    pub conflict_winner: Winner,
    /// Put ✔ before the name of an opportunity that is in sync, and ✖ before one that is not. Leads have no mark.
    #[setting(default = true)]
    pub display_check_mark: bool,
    /// Every customer has agreed to be contacted and to have its details shared. Without this, no opportunity is
    /// sent to Partner Center.
    #[setting(default = false)]
    pub customers_consent: bool,
    /// Referrals that begin as leads stay out of Salesforce.
    #[setting(default = false)]
    pub opportunities_only: bool,
    /// The solutions of a deal are rows of their own object; otherwise a list of ids in the field of `column_products`.
    #[setting(default = true)]
    pub solutions_as_rows: bool,
    /// The stage of a deal that was accepted.
    #[setting(default = "Qualification")]
    pub active_stage_name: String,
    /// The stage of a deal that waits to be accepted. Leaving it for an open one accepts the deal.
    #[setting(default = "Prospecting")]
    pub on_hold_stage_name: String,
    /// The stage of a deal that was won.
    #[setting(default = "Closed Won")]
    pub won_stage_name: String,
    /// The stage of a deal that was lost.
    #[setting(default = "Closed Lost")]
    pub lost_stage_name: String,
    /// Further stages that mean that a deal was won. A stage that no setting names is what Salesforce says that it is.
    #[setting(default = Vec::<String>::new())]
    pub closed_won_stages: Vec<String>,
    /// Further stages that mean that a deal was lost, likewise.
    #[setting(default = Vec::<String>::new())]
    pub closed_lost_stages: Vec<String>,
    /// The stages that Partner Center is told to be at `Qualify`; where no stage is in a list, none is told.
    #[setting(default = Vec::<String>::new())]
    pub qualify_stages: Vec<String>,
    /// The stages that are told to be at `Develop`, likewise.
    #[setting(default = Vec::<String>::new())]
    pub develop_stages: Vec<String>,
    /// The stages that are told to be at `Propose`, likewise.
    #[setting(default = Vec::<String>::new())]
    pub propose_stages: Vec<String>,
    /// The stages that are told to be at `Close`, likewise.
    #[setting(default = Vec::<String>::new())]
    pub close_stages: Vec<String>,
    /// The status of a new lead.
    #[setting(default = "Open - Not Contacted")]
    pub lead_open_status: String,
    /// The status of a lead that was declined.
    #[setting(default = "Closed - Not Converted")]
    pub lead_disqualified_status: String,
    /// Further statuses that mean that a lead was declined.
    #[setting(default = Vec::<String>::new())]
    pub lead_disqualified_statuses: Vec<String>,
    /// In how many days a new opportunity closes whose referral does not say when: Salesforce demands a date.
    #[setting(default = 30)]
    pub close_date_days: i32,
    /// The organisation's only currency (ISO 4217), where `currency_field` is empty.
    #[setting(default = "USD")]
    pub org_currency: String,
    /// The values of the picklist `How can Microsoft help?`, six, in the order of Partner Center's numbers.
    #[setting(default = help::values())]
    pub help_values: Vec<String>,
    /// Who is named to Partner Center as the deal's salesperson, where the owner (see `owner_field`) has no such name.
    #[setting(default = "")]
    pub sales_contact_first_name: String,
    /// The salesperson's last name, likewise.
    #[setting(default = "")]
    pub sales_contact_last_name: String,
    /// The salesperson's e-mail address, likewise.
    #[setting(default = "")]
    pub sales_contact_email: String,
    /// The salesperson's phone number, likewise.
    #[setting(default = "")]
    pub sales_contact_phone: String,
    /// How many characters the field of `lost_reason_field` holds.
    #[setting(default = 255)]
    pub lost_reason_length: i32,
    /// How many characters the products field holds.
    #[setting(default = 255)]
    pub products_length: i32,
    /// How many characters the audit field holds.
    #[setting(default = 100_000)]
    pub audit_length: i32,
}
