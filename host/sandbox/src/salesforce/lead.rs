//! Lead conversion: a lead becomes an account, a contact and, unless told otherwise, an opportunity. The lead stays,
//! read-only, and says what it became.

use super::{
    cell::Cell,
    errors::{Outcome, Refusal},
    org::Org,
    record_id::RecordId,
    rules,
    schema::Object,
    store::Row,
    write::{self, Author, Submitted},
};
use jiff::{civil::Date, tz::TimeZone};

/// What a client asks for.
#[derive(Debug, Default)]
pub(crate) struct Conversion {
    /// The lead.
    pub(crate) lead: Option<RecordId>,
    /// An account to use instead of a new one.
    pub(crate) account: Option<RecordId>,
    /// A contact to use instead of a new one.
    pub(crate) contact: Option<RecordId>,
    /// The status that the lead ends in.
    pub(crate) status: String,
    /// Account and contact only.
    pub(crate) without_opportunity: bool,
    /// The opportunity's name, if it is not to be the company's.
    pub(crate) opportunity_name: Option<String>,
    /// The contact takes over the lead's source although it has one.
    pub(crate) overwrite_source: bool,
    /// Who owns what comes of it.
    pub(crate) owner: Option<RecordId>,
}

/// What a lead became.
#[derive(Debug)]
pub(crate) struct Converted {
    /// The lead.
    pub(crate) lead: RecordId,
    /// Its account.
    pub(crate) account: RecordId,
    /// Its contact.
    pub(crate) contact: RecordId,
    /// Its opportunity, if there is one.
    pub(crate) opportunity: Option<RecordId>,
}

/// Converts a lead.
pub(crate) fn convert(org: &mut Org, author: &Author, wanted: &Conversion) -> Outcome<Converted> {
    let id = wanted.lead.ok_or_else(|| invalid("leadId is missing"))?;
    let object = org.object("Lead")?.clone();
    if *id.prefix().as_bytes() != object.prefix {
        return Err(invalid("leadId is no id of a lead"));
    }
    let lead = org.row("Lead", id)?;
    rules::check_open(org, &object, &lead)?;
    check_status(org, &wanted.status)?;
    if wanted.contact.is_some() && wanted.account.is_none() {
        return Err(invalid("accountId is needed where contactId is given"));
    }
    let owner = wanted.owner.or_else(|| lead.id_in("OwnerId")).unwrap_or(author.user);
    let account = match wanted.account {
        Some(account) => org.row("Account", account)?.id,
        None => new_account(org, author, &lead, owner)?,
    };
    let contact = match wanted.contact {
        Some(contact) => existing_contact(org, author, &lead, contact, wanted.overwrite_source)?,
        None => new_contact(org, author, &lead, account, owner)?,
    };
    let opportunity = if wanted.without_opportunity {
        None
    } else {
        let name = wanted.opportunity_name.as_deref();
        Some(new_opportunity(org, author, &lead, name, (account, contact, owner))?)
    };
    let today = author.now.to_zoned(TimeZone::UTC).date();
    let cells = [
        ("Status", Cell::text(&wanted.status)),
        ("IsConverted", Cell::Flag(true)),
        ("ConvertedDate", Cell::Date(today)),
        ("ConvertedAccountId", Cell::Id(account)),
        ("ConvertedContactId", Cell::Id(contact)),
        ("ConvertedOpportunityId", opportunity.map_or(Cell::Null, Cell::Id)),
    ];
    write::set(org, author, "Lead", id, submitted(cells))?;
    Ok(Converted { lead: id, account, contact, opportunity })
}

/// Refuses a status that is not one of converted leads.
fn check_status(org: &Org, status: &str) -> Outcome<()> {
    let known = org.store.rows("LeadStatus").find(|row| row.text("MasterLabel") == Some(status));
    if known.is_some_and(|row| row.get("IsConverted").is_true()) {
        return Ok(());
    }
    let message = format!("invalid convertedStatus: {status}");
    Err(Refusal::new(400, "INVALID_STATUS", message).on([]))
}

fn new_account(org: &mut Org, author: &Author, lead: &Row, owner: RecordId) -> Outcome<RecordId> {
    let mut cells = submitted([("Name", lead.get("Company")), ("OwnerId", Cell::Id(owner))]);
    for field in ["Phone", "Fax", "Website", "Industry", "Rating", "AnnualRevenue", "NumberOfEmployees"] {
        carry(&mut cells, field, lead, field);
    }
    carry(&mut cells, "AccountSource", lead, "LeadSource");
    carry_address(&mut cells, "Billing", lead);
    create(org, author, "Account", lead, cells)
}

fn new_contact(
    org: &mut Org,
    author: &Author,
    lead: &Row,
    account: RecordId,
    owner: RecordId,
) -> Outcome<RecordId> {
    let mut cells = submitted([("AccountId", Cell::Id(account)), ("OwnerId", Cell::Id(owner))]);
    let fields = [
        "LastName",
        "FirstName",
        "Salutation",
        "Title",
        "Phone",
        "MobilePhone",
        "Fax",
        "Email",
        "LeadSource",
    ];
    for field in fields {
        carry(&mut cells, field, lead, field);
    }
    carry_address(&mut cells, "Mailing", lead);
    create(org, author, "Contact", lead, cells)
}

fn existing_contact(
    org: &mut Org,
    author: &Author,
    lead: &Row,
    contact: RecordId,
    overwrite_source: bool,
) -> Outcome<RecordId> {
    let row = org.row("Contact", contact)?;
    if overwrite_source || row.get("LeadSource").is_null() {
        let cells = submitted([("LeadSource", lead.get("LeadSource"))]);
        write::set(org, author, "Contact", contact, cells)?;
    }
    Ok(contact)
}

/// A deal in the first stage that closes with the quarter, and the contact's role in it.
fn new_opportunity(
    org: &mut Org,
    author: &Author,
    lead: &Row,
    name: Option<&str>,
    (account, contact, owner): (RecordId, RecordId, RecordId),
) -> Outcome<RecordId> {
    let stages = org.store.rows("OpportunityStage").filter(|row| row.get("IsActive").is_true());
    let first = stages.min_by_key(|row| row.get("SortOrder").as_number());
    let stage = first.map_or(Cell::Null, |row| row.get("MasterLabel"));
    let name = name.or_else(|| lead.text("Company")).unwrap_or_default();
    let length = org.object("Opportunity")?.field("Name").map_or(usize::MAX, |field| field.length);
    let name: String = name.chars().take(length).collect();
    let mut cells = submitted([
        ("Name", Cell::text(name)),
        ("StageName", stage),
        ("CloseDate", Cell::Date(end_of_quarter(author.now.to_zoned(TimeZone::UTC).date()))),
        ("AccountId", Cell::Id(account)),
        ("OwnerId", Cell::Id(owner)),
    ]);
    carry(&mut cells, "LeadSource", lead, "LeadSource");
    for (from, to) in org.switches.lead_field_mapping.clone() {
        carry(&mut cells, &to, lead, &from);
    }
    let opportunity = create(org, author, "Opportunity", lead, cells)?;
    let role = submitted([
        ("OpportunityId", Cell::Id(opportunity)),
        ("ContactId", Cell::Id(contact)),
        ("IsPrimary", Cell::Flag(true)),
    ]);
    create(org, author, "OpportunityContactRole", lead, role)?;
    Ok(opportunity)
}

fn end_of_quarter(today: Date) -> Date {
    let month = (today.month() - 1) / 3 * 3 + 3;
    Date::new(today.year(), month, 1).map_or(today, Date::last_of_month)
}

/// Creates a record of what the lead holds, in the lead's currency.
fn create(
    org: &mut Org,
    author: &Author,
    object: &str,
    lead: &Row,
    mut cells: Submitted,
) -> Outcome<RecordId> {
    let object: Object = org.object(object)?.clone();
    if object.field("CurrencyIsoCode").is_some() {
        carry(&mut cells, "CurrencyIsoCode", lead, "CurrencyIsoCode");
    }
    cells.retain(|name, _| object.field(name).is_some());
    write::create_from(org, author, &object, cells)
}

fn carry(cells: &mut Submitted, to: &str, lead: &Row, from: &str) {
    let cell = lead.get(from);
    if !cell.is_null() {
        cells.insert(to.to_owned(), cell);
    }
}

fn carry_address(cells: &mut Submitted, prefix: &str, lead: &Row) {
    for part in ["Street", "City", "State", "PostalCode", "Country"] {
        carry(cells, &format!("{prefix}{part}"), lead, part);
    }
}

fn submitted<const N: usize>(cells: [(&str, Cell); N]) -> Submitted {
    cells.into_iter().map(|(name, cell)| (name.to_owned(), cell)).collect()
}

fn invalid(message: &str) -> Refusal {
    Refusal::new(400, "INVALID_CROSS_REFERENCE_KEY", message).on([])
}
