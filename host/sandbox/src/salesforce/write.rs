//! Creates, updates and deletes: everything that a save goes through, whoever asks for it.
//!
//! In Salesforce's order: the client's values are read, the organisation's automation sets fields of its own, required
//! fields and references are checked, Salesforce derives fields, validation rules and duplicate rules have their say,
//! unique fields are compared, and the record is stored with its stamps.

use super::{
    cell::Cell,
    changes::{Change, ChangeKind},
    errors::{Outcome, Refusal},
    org::{Call, Org},
    record_id::RecordId,
    roles, rules,
    schema::{Field, Kind, Object, Reference},
    store::{IS_DELETED, Row, SYSTEM_STAMP},
    values,
};
use jiff::Timestamp;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The values that a save sets, by API name.
pub(crate) type Submitted = BTreeMap<String, Cell>;

/// Who writes, and how.
#[derive(Debug, Clone)]
pub(crate) struct Author {
    /// The user.
    pub(crate) user: RecordId,
    /// What the client calls itself.
    pub(crate) client: Option<String>,
    /// Assignment rules give new leads to somebody.
    pub(crate) auto_assign: bool,
    /// The client wants to save in spite of an alert about duplicates.
    pub(crate) allow_duplicates: bool,
    /// The time.
    pub(crate) now: Timestamp,
}

impl Author {
    /// The author of a request.
    pub(crate) fn of(call: &Call) -> Self {
        let duplicates = call.header("sforce-duplicate-rule-header").unwrap_or_default();
        let is_allowed = |option: &str| option.replace(' ', "").eq_ignore_ascii_case("allowSave=true");
        Self {
            user: call.user,
            client: call.client().map(str::to_owned),
            auto_assign: !call
                .header("sforce-auto-assign")
                .is_some_and(|value| value.trim().eq_ignore_ascii_case("false")),
            allow_duplicates: duplicates.split([';', ',']).any(is_allowed),
            now: call.now,
        }
    }
}

/// Creates a record.
pub(crate) fn create(
    org: &mut Org,
    author: &Author,
    object: &str,
    body: &Map<String, Value>,
) -> Outcome<RecordId> {
    let object = org.object(object)?.clone();
    if !object.writable {
        let message = format!("entity type cannot be inserted: {}", object.label);
        return Err(Refusal::new(400, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", message).on([]));
    }
    let submitted = read_body(org, author, &object, body, true)?;
    create_from(org, author, &object, submitted)
}

/// Creates a record from values that are read already.
pub(crate) fn create_from(
    org: &mut Org,
    author: &Author,
    object: &Object,
    mut submitted: Submitted,
) -> Outcome<RecordId> {
    rules::fill_in(org, author, object, &mut submitted);
    rules::automate(org, object, None, &mut submitted)?;
    let id = org.next_id(object.prefix);
    let mut row = Row::new(id);
    rules::number(org, object, &mut row);
    save(org, author, object, None, &mut row, &submitted)?;
    Ok(id)
}

/// Updates a record.
pub(crate) fn update(
    org: &mut Org,
    author: &Author,
    object: &str,
    id: RecordId,
    body: &Map<String, Value>,
) -> Outcome<()> {
    let object = org.object(object)?.clone();
    let before = org.row(&object.name, id)?;
    if !object.writable {
        let message = format!("entity type cannot be updated: {}", object.label);
        return Err(Refusal::new(400, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", message).on([]));
    }
    rules::check_open(org, &object, &before)?;
    let mut submitted = read_body(org, author, &object, body, false)?;
    rules::automate(org, &object, Some(&before), &mut submitted)?;
    let mut row = (*before).clone();
    save(org, author, &object, Some(&before), &mut row, &submitted)
}

/// Sets fields past the client's rights: what Salesforce itself does in a conversion or a merge.
pub(crate) fn set(
    org: &mut Org,
    author: &Author,
    object: &str,
    id: RecordId,
    cells: Submitted,
) -> Outcome<()> {
    let before = org.row(object, id)?;
    let object = org.object(object)?.clone();
    let mut row = (*before).clone();
    for (name, cell) in cells {
        row.set(&name, cell);
    }
    store(org, author, &object, Some(&before), row, ChangeKind::Updated);
    Ok(())
}

/// Puts a record into the recycle bin, with the records that belong to it; other references to it are emptied.
pub(crate) fn delete(org: &mut Org, author: &Author, object: &str, id: RecordId) -> Outcome<()> {
    let before = org.row(object, id)?;
    let object = org.object(object)?.clone();
    if !object.writable {
        let message = format!("entity type cannot be deleted: {}", object.label);
        return Err(Refusal::new(400, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", message).on([]));
    }
    rules::check_locks(org, &before)?;
    for (child, field, cascade) in references_to(org, &object.name) {
        for row in org.store.find(&child, &field, &Cell::Id(id)).unwrap_or_default() {
            if cascade {
                delete(org, author, &child, row)?;
            } else if org.store.row(&child, row).is_some() {
                set(org, author, &child, row, Submitted::from([(field.clone(), Cell::Null)]))?;
            }
        }
    }
    bury(org, author, &object.name, id, Submitted::new())
}

/// Puts one record into the recycle bin, with these values on it; objects without a bin lose it for good.
pub(crate) fn bury(
    org: &mut Org,
    author: &Author,
    object: &str,
    id: RecordId,
    cells: Submitted,
) -> Outcome<()> {
    let before = org.row(object, id)?;
    let object = org.object(object)?.clone();
    if object.field(IS_DELETED).is_none() {
        org.store.remove(&object.name, id);
        return Ok(());
    }
    let mut row = (*before).clone();
    for (name, cell) in cells {
        row.set(&name, cell);
    }
    row.set(IS_DELETED, Cell::Flag(true));
    store(org, author, &object, Some(&before), row.clone(), ChangeKind::Deleted);
    roles::follow(org, author, &object, Some(&before), &row)
}

/// Takes a record out of the recycle bin again.
pub(crate) fn undelete(org: &mut Org, author: &Author, object: &str, id: RecordId) -> Outcome<()> {
    let object = org.object(object)?.clone();
    let before = org.store.row(&object.name, id).filter(|row| row.is_deleted()).cloned();
    let before = before
        .ok_or_else(|| Refusal::new(400, "UNDELETE_FAILED", "Entity is not in the recycle bin").on([]))?;
    let mut row = (*before).clone();
    row.set(IS_DELETED, Cell::Flag(false));
    check_unique(org, &object, &row)?;
    store(org, author, &object, Some(&before), row, ChangeKind::Undeleted);
    Ok(())
}

/// Object, field and cascade of every reference that can lead to an object.
pub(crate) fn references_to(org: &Org, object: &str) -> Vec<(String, String, bool)> {
    let leads_here = |reference: &Reference| reference.to.iter().any(|to| to == object);
    org.objects
        .values()
        .flat_map(|child| child.references().map(move |(field, reference)| (child, field, reference)))
        .filter(|(_, _, reference)| leads_here(reference))
        .map(|(child, field, reference)| (child.name.clone(), field.name.clone(), reference.cascade))
        .collect()
}

/// Checks and stores a record whose values are settled.
fn save(
    org: &mut Org,
    author: &Author,
    object: &Object,
    before: Option<&Row>,
    row: &mut Row,
    submitted: &Submitted,
) -> Outcome<()> {
    for (name, cell) in submitted {
        row.set(name, cell.clone());
    }
    rules::check_required(object, row)?;
    check_references(org, object, submitted)?;
    rules::derive(org, author, object, before, row, submitted);
    rules::check_permissions_exist(org, object, row)?;
    rules::validate(org, author, object, row)?;
    rules::check_duplicates(org, author, object, row)?;
    rules::check_locks(org, row)?;
    check_unique(org, object, row)?;
    let kind = if before.is_some() { ChangeKind::Updated } else { ChangeKind::Created };
    store(org, author, object, before, row.clone(), kind);
    roles::follow(org, author, object, before, row)
}

/// Stores a record with its stamps and notes the change.
fn store(
    org: &mut Org,
    author: &Author,
    object: &Object,
    before: Option<&Row>,
    mut row: Row,
    kind: ChangeKind,
) {
    let at = org.stamp(author.now).max(before.map(Row::stamp).unwrap_or_default());
    let (when, who) = (Cell::Instant(at), Cell::Id(author.user));
    if before.is_none() {
        row.set("CreatedDate", when.clone());
        row.set("CreatedById", who.clone());
    }
    row.set("LastModifiedDate", when.clone());
    row.set("LastModifiedById", who);
    row.set(SYSTEM_STAMP, when);
    let differs =
        |field: &&Field| before.is_none_or(|before| before.get(&field.name) != row.get(&field.name));
    let is_there = |field: &&Field| before.is_some() || !row.get(&field.name).is_null();
    let fields = object.fields.iter().filter(differs).filter(is_there);
    let fields = fields.map(|field| field.name.clone()).collect();
    let (id, user, client) = (row.id, author.user, author.client.clone());
    org.store.put(&object.name, row);
    org.changes.note(Change { object: object.name.clone(), id, kind, fields, user, client, at });
}

/// Reads what a client wrote, and refuses fields that it may not write.
fn read_body(
    org: &Org,
    author: &Author,
    object: &Object,
    body: &Map<String, Value>,
    creating: bool,
) -> Outcome<Submitted> {
    let mut submitted = Submitted::new();
    for (name, value) in body {
        if name == "attributes" {
            continue;
        }
        if let (Value::Object(key), Some((field, reference))) = (value, object.relationship(name)) {
            submitted.insert(field.name.clone(), by_foreign_key(org, author, field, reference, key)?);
            continue;
        }
        if name.eq_ignore_ascii_case("id") {
            let message = if creating {
                "cannot specify Id in an insert call"
            } else {
                "The Id field should not be specified in the sobject data."
            };
            return Err(Refusal::new(400, "INVALID_FIELD_FOR_INSERT_UPDATE", message).on(["Id"]));
        }
        let field = org.field(author.user, object, name)?;
        let allowed = if creating { field.createable } else { field.updateable };
        if !allowed || !org.can_edit(author.user, object, field) {
            let message = format!(
                "Unable to create/update fields: {}. Please check the security settings of this field and verify that \
                 it is read/write for your profile or permission set.",
                field.name
            );
            return Err(Refusal::new(400, "INVALID_FIELD_FOR_INSERT_UPDATE", message).on([&field.name]));
        }
        submitted.insert(field.name.clone(), values::read(field, value, org.customs(object, field))?);
    }
    Ok(submitted)
}

/// A reference given as `{"External_Id__c": "x"}` under the name of the relationship.
fn by_foreign_key(
    org: &Org,
    author: &Author,
    field: &Field,
    reference: &Reference,
    key: &Map<String, Value>,
) -> Outcome<Cell> {
    let wanted = key.iter().find(|(name, _)| *name != "attributes");
    let target = reference.to.iter().find_map(|to| org.find_object(to));
    let (Some((name, value)), Some(target)) = (wanted, target) else {
        return Err(Refusal::new(400, "INVALID_FIELD", format!("{} needs one external id", field.name)));
    };
    let by = org.field(author.user, target, name)?;
    let cell = values::read(by, value, org.customs(target, by))?;
    let found = match (&by.kind, cell.as_id()) {
        (Kind::Id, Some(id)) => vec![id],
        _ if by.external_id => org.store.find(&target.name, &by.name, &cell).unwrap_or_default(),
        _ => Vec::new(),
    };
    match found.as_slice() {
        [id] => Ok(Cell::Id(*id)),
        _ => {
            let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let message = format!(
                "Foreign key external ID: {shown} not found for field {} in entity {}",
                by.name, target.name
            );
            Err(Refusal::new(400, "INVALID_FIELD", message).on([]))
        }
    }
}

/// Refuses references that lead nowhere, to another object, or to an owner who has left.
fn check_references(org: &Org, object: &Object, submitted: &Submitted) -> Outcome<()> {
    for (field, reference) in object.references() {
        let Some(id) = submitted.get(&field.name).and_then(Cell::as_id) else { continue };
        let target = org.object_of(id).filter(|target| reference.to.contains(&target.name));
        let Some(target) = target else {
            let message = format!("{}: id value of incorrect type: {id}", field.label);
            return Err(Refusal::new(400, "MALFORMED_ID", message).on([&field.name]));
        };
        let Some(row) = org.store.row(&target.name, id) else {
            return Err(Refusal::new(400, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id").on([]));
        };
        if row.is_deleted() {
            return Err(Refusal::new(400, "ENTITY_IS_DELETED", "entity is deleted").on([]));
        }
        if field.name == "OwnerId" && !row.get("IsActive").is_true() {
            let message = format!(
                "operation performed with inactive user [{id}] as owner of {}",
                object.name.to_lowercase()
            );
            return Err(Refusal::new(400, "INACTIVE_OWNER_OR_USER", message).on([&field.name]));
        }
    }
    Ok(())
}

/// Refuses a value that another record holds in a unique field.
fn check_unique(org: &Org, object: &Object, row: &Row) -> Outcome<()> {
    for field in object.fields.iter().filter(|field| field.unique) {
        let holders = org.store.find(&object.name, &field.name, &row.get(&field.name)).unwrap_or_default();
        if let Some(other) = holders.into_iter().find(|id| *id != row.id) {
            let message =
                format!("duplicate value found: {} duplicates value on record with id: {other}", field.name);
            return Err(Refusal::new(400, "DUPLICATE_VALUE", message).on([]));
        }
    }
    Ok(())
}
