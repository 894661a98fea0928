//! The records that a fresh organisation has: its people, permissions, stages and currencies.

use super::{cell::Cell, org::Org, record_id::RecordId, store::Row, values::whole_second};
use jiff::Timestamp;
use rust_decimal::Decimal;

/// The organisation.
pub(crate) const ORGANIZATION: RecordId = RecordId::new(b"00D", 1);
/// The integration user: the bearer token `sandbox`, and every client that signs in by itself.
pub(crate) const INTEGRATION_USER: RecordId = RecordId::new(b"005", 1);
/// The person who works in the CRM; the bearer token `seller` is theirs.
pub(crate) const SELLER: RecordId = RecordId::new(b"005", 2);

/// The currencies that can be chosen.
pub(crate) const CURRENCY_CODES: &[&str] = &["USD", "EUR", "GBP", "JPY"];

/// ISO code, digits after the point, units for one unit of the corporate currency in hundredths.
const CURRENCIES: &[(&str, i64, i64)] =
    &[("USD", 2, 100), ("EUR", 2, 92), ("GBP", 2, 80), ("JPY", 0, 15_000)];

/// One stage of the sales process.
pub(crate) struct Stage {
    /// Its name.
    pub(crate) name: &'static str,
    /// The probability that an opportunity gets with it.
    probability: i64,
    closed: bool,
    won: bool,
    forecast: (&'static str, &'static str),
}

/// One status of a lead.
pub(crate) struct LeadStatus {
    /// Its name.
    pub(crate) name: &'static str,
    /// Whether it is the one of converted leads.
    converted: bool,
}

const fn open(name: &'static str, probability: i64) -> Stage {
    let forecast = ("Pipeline", "Pipeline");
    Stage { name, probability, closed: false, won: false, forecast }
}

/// The stages that Salesforce ships with, in order.
pub(crate) const STAGES: &[Stage] = &[
    open("Prospecting", 10),
    open("Qualification", 10),
    open("Needs Analysis", 20),
    open("Value Proposition", 50),
    open("Id. Decision Makers", 60),
    open("Perception Analysis", 70),
    open("Proposal/Price Quote", 75),
    open("Negotiation/Review", 90),
    Stage { name: "Closed Won", probability: 100, closed: true, won: true, forecast: ("Closed", "Closed") },
    Stage { name: "Closed Lost", probability: 0, closed: true, won: false, forecast: ("Omitted", "Omitted") },
];

/// The lead statuses that Salesforce ships with, in order.
pub(crate) const LEAD_STATUSES: &[LeadStatus] = &[
    LeadStatus { name: "Open - Not Contacted", converted: false },
    LeadStatus { name: "Working - Contacted", converted: false },
    LeadStatus { name: "Closed - Converted", converted: true },
    LeadStatus { name: "Closed - Not Converted", converted: false },
];

/// Fills an empty organisation.
pub(crate) fn fill(org: &mut Org, now: Timestamp) {
    let now = whole_second(now);
    let organization = [
        ("Name", text("Crosswalk sandbox")),
        ("OrganizationType", text("Enterprise Edition")),
        ("InstanceName", text("SBX1")),
        ("IsSandbox", Cell::Flag(true)),
        ("LanguageLocaleKey", text("en_US")),
        ("TimeZoneSidKey", text("GMT")),
    ];
    add(org, "Organization", now, organization);
    let admin = add_profile(org, now, "System Administrator");
    let standard = add_profile(org, now, "Standard User");
    add_user(org, now, ("Integration", "User", "integration"), admin, true);
    add_user(org, now, ("Sam", "Seller", "seller"), standard, true);
    add_user(org, now, ("Fred", "Former", "former"), standard, false);
    for (user, profile) in [(INTEGRATION_USER, admin), (SELLER, standard)] {
        let sets = org.store.find("PermissionSet", "ProfileId", &Cell::Id(profile)).unwrap_or_default();
        for set in sets {
            let cells = [("AssigneeId", Cell::Id(user)), ("PermissionSetId", Cell::Id(set))];
            add(org, "PermissionSetAssignment", now, cells);
        }
    }
    fill_processes(org, now);
    org.store.commit();
}

fn fill_processes(org: &mut Org, now: Timestamp) {
    for (at, stage) in (1_i64..).zip(STAGES) {
        let cells = [
            ("MasterLabel", text(stage.name)),
            ("ApiName", text(stage.name)),
            ("IsActive", Cell::Flag(true)),
            ("SortOrder", number(at)),
            ("IsClosed", Cell::Flag(stage.closed)),
            ("IsWon", Cell::Flag(stage.won)),
            ("ForecastCategory", text(stage.forecast.0)),
            ("ForecastCategoryName", text(stage.forecast.1)),
            ("DefaultProbability", number(stage.probability)),
        ];
        add(org, "OpportunityStage", now, cells);
    }
    for (at, status) in (1_i64..).zip(LEAD_STATUSES) {
        let cells = [
            ("MasterLabel", text(status.name)),
            ("ApiName", text(status.name)),
            ("SortOrder", number(at)),
            ("IsDefault", Cell::Flag(at == 1)),
            ("IsConverted", Cell::Flag(status.converted)),
        ];
        add(org, "LeadStatus", now, cells);
    }
    for (code, places, rate) in CURRENCIES {
        let cells = [
            ("IsoCode", text(code)),
            ("ConversionRate", Cell::Number(Decimal::new(*rate, 2))),
            ("DecimalPlaces", number(*places)),
            ("IsActive", Cell::Flag(true)),
            ("IsCorporate", Cell::Flag(*code == "USD")),
        ];
        add(org, "CurrencyType", now, cells);
    }
}

/// A profile and the permission set behind it.
fn add_profile(org: &mut Org, now: Timestamp, name: &str) -> RecordId {
    let profile = add(org, "Profile", now, [("Name", text(name))]);
    let cells = [
        ("Name", text(&format!("X{profile}"))),
        ("Label", text(name)),
        ("ProfileId", Cell::Id(profile)),
        ("IsOwnedByProfile", Cell::Flag(true)),
    ];
    add(org, "PermissionSet", now, cells);
    profile
}

fn add_user(
    org: &mut Org,
    now: Timestamp,
    (first, last, name): (&str, &str, &str),
    profile: RecordId,
    active: bool,
) {
    let address = format!("{name}@sandbox.example");
    let cells = [
        ("FirstName", text(first)),
        ("LastName", text(last)),
        ("Name", text(&format!("{first} {last}"))),
        ("Alias", text(name.get(..8).unwrap_or(name))),
        ("Username", text(&address)),
        ("Email", text(&address)),
        ("UserType", text("Standard")),
        ("IsActive", Cell::Flag(active)),
        ("TimeZoneSidKey", text("GMT")),
        ("LocaleSidKey", text("en_US")),
        ("LanguageLocaleKey", text("en_US")),
        ("ProfileId", Cell::Id(profile)),
        ("DefaultCurrencyIsoCode", text("USD")),
    ];
    add(org, "User", now, cells);
}

fn add<const N: usize>(org: &mut Org, object: &str, now: Timestamp, cells: [(&str, Cell); N]) -> RecordId {
    let prefix = org.objects.get(object).map_or(*b"000", |object| object.prefix);
    let mut row = Row::new(org.next_id(prefix));
    for field in ["CreatedDate", "LastModifiedDate", "SystemModstamp"] {
        row.set(field, Cell::Instant(now));
    }
    for field in ["CreatedById", "LastModifiedById"] {
        row.set(field, Cell::Id(INTEGRATION_USER));
    }
    for (field, cell) in cells {
        row.set(field, cell);
    }
    org.store.put(object, row).id
}

fn text(value: &str) -> Cell {
    Cell::text(value)
}

fn number(value: i64) -> Cell {
    Cell::Number(Decimal::from(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_ids_are_those_of_the_seeded_records() {
        let org = Org::new(super::super::Switches::default(), Timestamp::UNIX_EPOCH, 0);
        let name = |object: &str, id: RecordId| org.row(object, id).unwrap().text("Name").unwrap().to_owned();
        assert_eq!(name("Organization", ORGANIZATION), "Crosswalk sandbox");
        assert_eq!(name("User", INTEGRATION_USER), "Integration User");
        assert_eq!(name("User", SELLER), "Sam Seller");
        let former = RecordId::parse(super::super::FORMER_USER_ID).unwrap();
        assert_eq!(name("User", former), "Fred Former");
        assert_eq!(ORGANIZATION.to_string(), super::super::ORGANIZATION_ID);
        assert_eq!(INTEGRATION_USER.to_string(), super::super::INTEGRATION_USER_ID);
        assert_eq!(SELLER.to_string(), super::super::SELLER_ID);
    }
}
