//! What an operator may set, besides the columns' names.

use crosswalk_sdk::{cosell::conflicts::Winner, prelude::*};

/// This mapping's settings.
#[derive(Settings, Clone, Debug, PartialEq)]
pub struct Dynamics {
    /// Who wins when both sides changed the deal value, the closing date, the currency, the description or the
    /// products: `crm`, `partner-center`, or `park` to ask a person.
    #[setting(default = Winner::Crm)]
    pub conflict_winner: Winner,
    /// Put ✔ before the topic of an opportunity that is in sync, and ✖ before one that is not.
    #[setting(default = true)]
    pub display_check_mark: bool,
    /// Every customer has agreed to be contacted and to have its details shared. Without this, no opportunity is
    /// sent to Partner Center.
    #[setting(default = false)]
    pub customers_consent: bool,
    /// Referrals that begin as leads stay out of Dynamics.
    #[setting(default = false)]
    pub opportunities_only: bool,
    /// The solutions of a deal are rows of their own table; otherwise a list of ids in the column of `column_products`.
    #[setting(default = true)]
    pub solutions_as_rows: bool,
    /// Dynamics computes the deal value from the products: it is sent to Partner Center, and never written.
    #[setting(default = false)]
    pub revenue_from_products: bool,
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
    /// The option code of the first way in which Microsoft can help; the others follow it.
    #[setting(default = 100_000_000)]
    pub help_code_base: i32,
    /// How many characters the topic holds.
    #[setting(default = 300)]
    pub name_length: i32,
    /// How many characters the description holds.
    #[setting(default = 2000)]
    pub description_length: i32,
    /// How many characters the column of `lost_reason_field` holds.
    #[setting(default = 255)]
    pub lost_reason_length: i32,
    /// How many characters the products column holds.
    #[setting(default = 255)]
    pub products_length: i32,
    /// How many characters the audit column holds.
    #[setting(default = 2000)]
    pub audit_length: i32,
}
