//! The primary contact of an opportunity.
//!
//! `ContactId` is given with a new opportunity, and Salesforce makes the primary contact role of it. From then on nobody
//! writes it: it is the contact of the primary role, and follows that without the opportunity being modified.

use super::{
    cell::Cell,
    errors::Outcome,
    org::Org,
    record_id::RecordId,
    schema::Object,
    store::Row,
    write::{self, Author, Submitted},
};

const ROLE: &str = "OpportunityContactRole";

/// Keeps role and field alike after a record was saved.
pub(crate) fn follow(
    org: &mut Org,
    author: &Author,
    object: &Object,
    before: Option<&Row>,
    row: &Row,
) -> Outcome<()> {
    match (object.name.as_str(), row.id_in("OpportunityId"), row.id_in("ContactId")) {
        ("Opportunity", _, Some(contact)) if before.is_none() => first_role(org, author, row.id, contact),
        (ROLE, Some(opportunity), _) => {
            if row.get("IsPrimary").is_true() {
                demote_others(org, author, opportunity, row.id)?;
            }
            show_primary(org, opportunity);
            Ok(())
        }
        _ => Ok(()),
    }
}

/// The contact that a new opportunity came with.
fn first_role(org: &mut Org, author: &Author, opportunity: RecordId, contact: RecordId) -> Outcome<()> {
    let role = org.object(ROLE)?.clone();
    let cells = [
        ("OpportunityId", Cell::Id(opportunity)),
        ("ContactId", Cell::Id(contact)),
        ("IsPrimary", Cell::Flag(true)),
    ];
    let cells = cells.map(|(name, cell)| (name.to_owned(), cell));
    write::create_from(org, author, &role, Submitted::from(cells)).map(drop)
}

/// There is one primary contact at most.
fn demote_others(org: &mut Org, author: &Author, opportunity: RecordId, but: RecordId) -> Outcome<()> {
    let others: Vec<RecordId> =
        primary_roles(org, opportunity).map(|role| role.id).filter(|id| *id != but).collect();
    for other in others {
        let cells = Submitted::from([("IsPrimary".to_owned(), Cell::Flag(false))]);
        write::set(org, author, ROLE, other, cells)?;
    }
    Ok(())
}

fn show_primary(org: &mut Org, opportunity: RecordId) {
    let contact = primary_roles(org, opportunity).next().map_or(Cell::Null, |role| role.get("ContactId"));
    let Some(row) = org.store.row("Opportunity", opportunity) else { return };
    let mut row = (**row).clone();
    row.set("ContactId", contact);
    org.store.put("Opportunity", row);
}

fn primary_roles(org: &Org, opportunity: RecordId) -> impl Iterator<Item = &Row> {
    let roles = org.store.find(ROLE, "OpportunityId", &Cell::Id(opportunity)).unwrap_or_default();
    let roles = roles.into_iter().filter_map(|id| org.store.row(ROLE, id));
    roles.map(AsRef::as_ref).filter(|role| role.get("IsPrimary").is_true())
}
