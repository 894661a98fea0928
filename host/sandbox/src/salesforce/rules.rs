//! What happens to a record by itself: defaults, stages, names put together, and what the organisation's own rules
//! and automation say.

use super::{
    baseline::INTEGRATION_USER,
    cell::Cell,
    control::DuplicateAction,
    errors::{Outcome, Refusal, malformed_query},
    org::Org,
    record_id::RecordId,
    schema::{Kind, Object},
    soql,
    store::Row,
    values,
    write::{Author, Submitted},
};
use rust_decimal::Decimal;

/// Gives a new record the values that the client left out.
pub(crate) fn fill_in(org: &Org, author: &Author, object: &Object, submitted: &mut Submitted) {
    for field in &object.fields {
        if submitted.contains_key(&field.name) {
            continue;
        }
        let cell = match (&field.kind, field.name.as_str()) {
            (Kind::Flag, _) => Cell::Flag(false),
            (_, "OwnerId") => Cell::Id(owner(org, author, object)),
            (_, "CurrencyIsoCode") if org.switches.multi_currency => own_currency(org, author.user),
            (Kind::Picklist(picklist), _) => picklist
                .values
                .iter()
                .find(|choice| choice.default && choice.active)
                .map_or(Cell::Null, |choice| Cell::text(&choice.value)),
            _ => Cell::Null,
        };
        if !cell.is_null() {
            submitted.insert(field.name.clone(), cell);
        }
    }
}

/// Who gets a new record: its author, or for a lead the one whom the assignment rule names.
fn owner(org: &Org, author: &Author, object: &Object) -> RecordId {
    let assignee = org.switches.lead_assignee.as_deref().and_then(RecordId::parse);
    match assignee {
        Some(assignee) if object.name == "Lead" && author.auto_assign => assignee,
        _ => author.user,
    }
}

fn own_currency(org: &Org, user: RecordId) -> Cell {
    org.store.row("User", user).map_or(Cell::Null, |user| user.get("DefaultCurrencyIsoCode"))
}

/// Numbers a record whose name counts up by itself.
pub(crate) fn number(org: &Org, object: &Object, row: &mut Row) {
    for field in object.fields.iter().filter(|field| field.kind == Kind::AutoNumber) {
        let number = org.records_numbered(object.prefix);
        row.set(&field.name, Cell::Text(format!("{}-{number:05}", initials(&object.label))));
    }
}

fn initials(label: &str) -> String {
    label.split_whitespace().filter_map(|word| word.chars().next()).collect()
}

/// Runs the organisation's automation on what was submitted, as a trigger before the save would: it runs as the
/// caller, and what it sets is saved with the rest.
pub(crate) fn automate(
    org: &Org,
    object: &Object,
    before: Option<&Row>,
    submitted: &mut Submitted,
) -> Outcome<()> {
    for rule in org.switches.automation.iter().filter(|rule| rule.object.eq_ignore_ascii_case(&object.name)) {
        if !submitted.keys().any(|name| name.eq_ignore_ascii_case(&rule.when)) {
            continue;
        }
        for (name, value) in &rule.set {
            let field = org.field(INTEGRATION_USER, object, name)?;
            submitted.insert(field.name.clone(), values::read(field, value, org.customs(object, field))?);
        }
        for (name, transform) in &rule.normalise {
            let field = org.field(INTEGRATION_USER, object, name)?;
            let stored = || before.map_or(Cell::Null, |row| row.get(&field.name));
            let current = submitted.get(&field.name).cloned().unwrap_or_else(stored);
            if let Cell::Text(text) = current {
                submitted.insert(field.name.clone(), Cell::text(transform.of(&text)));
            }
        }
    }
    Ok(())
}

/// Refuses changes of records that take none: converted leads, and what waits for an approval.
pub(crate) fn check_open(org: &Org, object: &Object, row: &Row) -> Outcome<()> {
    if object.name == "Lead" && row.get("IsConverted").is_true() {
        return Err(
            Refusal::new(400, "CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead").on([])
        );
    }
    if org.switches.approval_locks.iter().any(|id| RecordId::parse(id) == Some(row.id)) {
        let message = "the entity is locked for editing";
        return Err(Refusal::new(400, "ENTITY_IS_LOCKED", message).on([]));
    }
    Ok(())
}

/// Refuses a record without a value that it needs, naming all that are missing.
pub(crate) fn check_required(object: &Object, row: &Row) -> Outcome<()> {
    let missing: Vec<&str> = object
        .fields
        .iter()
        .filter(|field| field.required() && row.get(&field.name).is_null())
        .map(|field| field.name.as_str())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let message = format!("Required fields are missing: [{}]", missing.join(", "));
    let fields = missing.iter().map(|name| (*name).to_owned()).collect();
    Err(Refusal { fields: Some(fields), ..Refusal::new(400, "REQUIRED_FIELD_MISSING", message) })
}

/// Computes what follows from other fields.
pub(crate) fn derive(
    org: &Org,
    author: &Author,
    object: &Object,
    before: Option<&Row>,
    row: &mut Row,
    submitted: &Submitted,
) {
    match object.name.as_str() {
        "Contact" | "Lead" | "User" => derive_name(row),
        "Opportunity" => {
            if before.is_none_or(|before| before.get("StageName") != row.get("StageName")) {
                derive_stage(org, row, submitted);
                row.set("LastStageChangeDate", Cell::Instant(org.stamp(author.now)));
            }
            derive_revenue(row);
        }
        "FieldPermissions" if row.get("PermissionsEdit").is_true() => {
            row.set("PermissionsRead", Cell::Flag(true));
        }
        _ => {}
    }
}

fn derive_name(row: &mut Row) {
    let parts: Vec<String> =
        ["FirstName", "LastName"].iter().filter_map(|part| row.text(part).map(str::to_owned)).collect();
    row.set("Name", Cell::text(parts.join(" ")));
}

/// A stage decides whether a deal is closed and won, and proposes a probability and a forecast category. An unknown
/// stage is an open one.
fn derive_stage(org: &Org, row: &mut Row, submitted: &Submitted) {
    let name = row.text("StageName").unwrap_or_default().to_lowercase();
    let stage = org.store.rows("OpportunityStage").find(|stage| {
        ["MasterLabel", "ApiName"]
            .iter()
            .any(|field| stage.text(field).is_some_and(|text| text.to_lowercase() == name))
    });
    let value = |field: &str| stage.map(|stage| stage.get(field));
    for flag in ["IsClosed", "IsWon"] {
        row.set(flag, value(flag).unwrap_or(Cell::Flag(false)));
    }
    let pipeline = || Cell::text("Pipeline");
    row.set("ForecastCategory", value("ForecastCategory").unwrap_or_else(pipeline));
    if !submitted.contains_key("Probability") {
        row.set("Probability", value("DefaultProbability").unwrap_or(Cell::Number(Decimal::ZERO)));
    }
    if !submitted.contains_key("ForecastCategoryName") {
        row.set("ForecastCategoryName", value("ForecastCategoryName").unwrap_or_else(pipeline));
    }
}

fn derive_revenue(row: &mut Row) {
    let amount = row.get("Amount").as_number();
    let probability = row.get("Probability").as_number();
    let revenue = amount.zip(probability).and_then(|(amount, probability)| amount.checked_mul(probability));
    let revenue = revenue.map(|product| (product / Decimal::ONE_HUNDRED).round_dp(2));
    row.set("ExpectedRevenue", revenue.map_or(Cell::Null, Cell::Number));
}

/// Refuses a permission on a field that does not exist.
pub(crate) fn check_permissions_exist(org: &Org, object: &Object, row: &Row) -> Outcome<()> {
    if object.name != "FieldPermissions" {
        return Ok(());
    }
    let full_name = row.text("Field").unwrap_or_default();
    let known = full_name.split_once('.').and_then(|(object, field)| org.find_object(object)?.field(field));
    match known {
        Some(field) if field.nillable || field.defaulted => Ok(()),
        Some(field) => {
            let message = format!("Field {} is required: its permissions cannot be set", field.name);
            Err(Refusal::new(400, "INVALID_CROSS_REFERENCE_KEY", message).on([]))
        }
        None => {
            let message = format!("Field Name: bad value for restricted picklist field: {full_name}");
            Err(Refusal::new(400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message).on(["Field"]))
        }
    }
}

/// Asks the organisation's validation rules.
pub(crate) fn validate(org: &Org, author: &Author, object: &Object, row: &Row) -> Outcome<()> {
    for rule in &org.switches.validation_rules {
        if !rule.object.eq_ignore_ascii_case(&object.name) {
            continue;
        }
        let condition =
            soql::condition(org, INTEGRATION_USER, object, &rule.when, author.now).map_err(|error| {
                malformed_query(format!("in the validation rule `{}`: {}", rule.when, error.message))
            })?;
        if condition.holds(org, row) {
            let refusal = Refusal::new(400, "FIELD_CUSTOM_VALIDATION_EXCEPTION", rule.message.clone());
            return Err(match &rule.field {
                Some(field) => refusal.on([field]),
                None => refusal.on([]),
            });
        }
    }
    Ok(())
}

/// Asks the organisation's duplicate rules.
pub(crate) fn check_duplicates(org: &Org, author: &Author, object: &Object, row: &Row) -> Outcome<()> {
    for rule in &org.switches.duplicate_rules {
        let is_saved = rule.action == DuplicateAction::Alert && author.allow_duplicates;
        if is_saved || !rule.object.eq_ignore_ascii_case(&object.name) {
            continue;
        }
        let forms = |row: &Row| -> Option<Vec<String>> {
            rule.fields.iter().map(|field| row.get(&object.field(field)?.name).key_form(false)).collect()
        };
        let Some(own) = forms(row) else { continue };
        let same =
            |other: &Row| other.id != row.id && !other.is_deleted() && forms(other).as_ref() == Some(&own);
        if org.store.rows(&object.name).any(|other| same(other)) {
            return Err(Refusal::new(400, "DUPLICATES_DETECTED", "Use one of these records?").on([]));
        }
    }
    Ok(())
}

/// Runs into a lock that another transaction holds on the record or on one that it refers to.
pub(crate) fn check_locks(org: &mut Org, row: &Row) -> Outcome<()> {
    let touches = |id: RecordId| id == row.id || row.cells.values().any(|cell| cell.as_id() == Some(id));
    let locks = &mut org.switches.record_locks;
    let held = locks.iter().position(|lock| match &lock.record {
        None => true,
        Some(record) => RecordId::parse(record).is_some_and(touches),
    });
    let Some(lock) = held.and_then(|at| locks.get_mut(at)) else { return Ok(()) };
    let (status, record) = (lock.status, lock.record.clone().unwrap_or_else(|| row.id.to_string()));
    lock.count = lock.count.saturating_sub(1);
    locks.retain(|lock| lock.count > 0);
    let message = format!("unable to obtain exclusive access to this record or 1 records: {record}");
    Err(Refusal::new(status, "UNABLE_TO_LOCK_ROW", message).on([]))
}
