//! The way from a record to a value: relationships to follow, and a field at the end.

use super::run::Asker;
use crate::salesforce::{
    cell::Cell,
    errors::{Outcome, Refusal},
    org::Org,
    schema::{Field, Object},
    store::Row,
};
use std::sync::Arc;

/// Relationships that a path may follow.
const HOPS_MAX: usize = 5;

/// A path that leads somewhere.
#[derive(Debug, Clone)]
pub(crate) struct Path {
    /// Reference fields to follow.
    hops: Vec<String>,
    /// The field at the end.
    pub(crate) field: Field,
}

impl Path {
    /// Binds a path to an object and the objects that it refers to.
    pub(crate) fn bind(org: &Org, asker: &Asker, object: &Object, names: &[String]) -> Outcome<Self> {
        let Some((last, relationships)) = names.split_last() else {
            return Err(no_such_column(object, ""));
        };
        if relationships.len() > HOPS_MAX {
            let message = "more than 5 relationships cannot be followed";
            return Err(Refusal::new(400, "INVALID_FIELD", message));
        }
        let (mut hops, mut at) = (Vec::new(), object);
        for name in relationships {
            let (field, target) = parent(org, asker, at, name)?;
            hops.push(field.name.clone());
            at = target;
        }
        let field = at.field(last).filter(|field| org.can_see(asker.user, at, field));
        Ok(Self { hops, field: field.ok_or_else(|| no_such_column(at, last))?.clone() })
    }

    /// The value at the end of the path, null where it breaks off.
    pub(crate) fn value(&self, org: &Org, row: &Row) -> Cell {
        let Some((first, rest)) = self.hops.split_first() else { return row.get(&self.field.name) };
        let mut at = follow(org, row, first);
        for hop in rest {
            at = at.and_then(|row| follow(org, &row, hop));
        }
        at.map_or(Cell::Null, |row| row.get(&self.field.name))
    }

    /// Whether the field is one of the record itself.
    pub(crate) fn is_own(&self) -> bool {
        self.hops.is_empty()
    }
}

/// The record that a reference field leads to.
pub(crate) fn follow(org: &Org, row: &Row, field: &str) -> Option<Arc<Row>> {
    let id = row.id_in(field)?;
    org.store.row(&org.object_of(id)?.name, id).cloned()
}

/// The field and the object behind a relationship's name.
pub(crate) fn parent<'a>(
    org: &'a Org,
    asker: &Asker,
    object: &'a Object,
    name: &str,
) -> Outcome<(&'a Field, &'a Object)> {
    object
        .relationship(name)
        .filter(|(field, _)| org.can_see(asker.user, object, field))
        .and_then(|(field, reference)| Some((field, org.find_object(reference.to.first()?)?)))
        .ok_or_else(|| {
            let message = format!(
                "Didn't understand relationship '{name}' in field path. If you are attempting to use a custom \
                 relationship, be sure to append the '__r' after the custom relationship name. Please reference your \
                 WSDL or the describe call for the appropriate names."
            );
            Refusal::new(400, "INVALID_FIELD", message)
        })
}

/// `INVALID_FIELD` as a query words it.
pub(crate) fn no_such_column(object: &Object, name: &str) -> Refusal {
    let message = format!(
        "No such column '{name}' on entity '{}'. If you are attempting to use a custom field, be sure to append the \
         '__c' after the custom field name. Please reference your WSDL or the describe call for the appropriate names.",
        object.name
    );
    Refusal::new(400, "INVALID_FIELD", message)
}
