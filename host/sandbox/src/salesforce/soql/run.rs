//! Runs a query: binds it, finds the records, sorts them, renders them.

use super::{
    ast::{Item, Query},
    condition::{self, Source, Test},
    path::Path,
    select::{Selection, without_alias},
};
use crate::salesforce::{
    cell::Cell,
    errors::{Outcome, Refusal, malformed_query},
    org::Org,
    record_id::RecordId,
    schema::Object,
    store::Row,
};
use jiff::Timestamp;
use serde_json::Value;
use std::{cmp::Ordering, sync::Arc};

/// Who asks, and over what.
#[derive(Debug, Clone)]
pub(crate) struct Asker {
    /// The user, whose rights decide what is seen.
    pub(crate) user: RecordId,
    /// The time, for `TODAY` and its like.
    pub(crate) now: Timestamp,
    /// Records in the recycle bin too.
    pub(crate) all: bool,
    /// The objects of the Tooling API instead of those of the data API.
    pub(crate) tooling: bool,
    /// The API version as it stands in the URLs of records.
    pub(crate) version: String,
}

/// What a query found.
#[derive(Debug)]
pub(crate) enum Found {
    /// The number of records, for `COUNT()`.
    Count(usize),
    /// The records.
    Records(Vec<Value>),
}

/// A query that is ready to run.
#[derive(Debug)]
pub(crate) struct Plan {
    object: Object,
    selection: Option<Selection>,
    test: Option<Test>,
    order: Vec<(Path, bool, bool)>,
    limit: usize,
    offset: usize,
}

/// Runs a query.
pub(crate) fn run(org: &Org, asker: &Asker, query: &Query) -> Outcome<Found> {
    let plan = plan(org, asker, from(org, asker, query)?, query)?;
    if plan.selection.is_none() {
        return Ok(Found::Count(plan.rows(org, asker, None).len()));
    }
    Ok(Found::Records(plan.records(org, asker, None)))
}

/// The values of the one field that a query asks for, for `IN (SELECT …)`.
pub(crate) fn column(org: &Org, asker: &Asker, query: &Query) -> Outcome<Vec<Cell>> {
    let plan = plan(org, asker, from(org, asker, query)?, query)?;
    let fields: Vec<_> = plan.selection.iter().flat_map(Selection::own_fields).collect();
    let [field] = fields.as_slice() else {
        return Err(malformed_query("a sub-query in a condition must select one field"));
    };
    Ok(plan.rows(org, asker, None).iter().map(|row| row.get(&field.name)).collect())
}

fn from<'a>(org: &'a Org, asker: &Asker, query: &Query) -> Outcome<&'a Object> {
    let found = if asker.tooling {
        org.objects.values().find(|object| object.tooling && object.name.eq_ignore_ascii_case(&query.from))
    } else {
        org.find_object(&query.from)
    };
    found.ok_or_else(|| {
        let message = format!(
            "sObject type '{}' is not supported. If you are attempting to use a custom object, be sure to append the \
             '__c' after the entity name. Please reference your WSDL or the describe call for the appropriate names.",
            query.from
        );
        Refusal::new(400, "INVALID_TYPE", message)
    })
}

/// Binds a query to an object.
pub(crate) fn plan(org: &Org, asker: &Asker, object: &Object, query: &Query) -> Outcome<Plan> {
    let selection = match query.select.as_slice() {
        [Item::Count] => None,
        _ => Some(Selection::bind(org, asker, object, query)?),
    };
    let alias = query.alias.as_deref();
    let bind = |condition| condition::bind(org, asker, object, alias, condition);
    let test = query.condition.as_ref().map(bind).transpose()?;
    let mut order = Vec::new();
    for level in &query.order {
        let path = Path::bind(org, asker, object, without_alias(object, alias, &level.path))?;
        if !path.field.sortable() {
            let message = format!("field '{}' can not be sorted in a query call", path.field.name);
            return Err(Refusal::new(400, "INVALID_FIELD", message));
        }
        order.push((path, level.descending, level.nulls_last));
    }
    let limit = query.limit.unwrap_or(usize::MAX);
    Ok(Plan { object: object.clone(), selection, test, order, limit, offset: query.offset })
}

impl Plan {
    /// The rendered records; with `child_of` only those whose reference leads to that record.
    pub(crate) fn records(&self, org: &Org, asker: &Asker, child_of: Option<(&str, RecordId)>) -> Vec<Value> {
        let Some(selection) = &self.selection else { return Vec::new() };
        self.rows(org, asker, child_of).iter().map(|row| selection.render(org, asker, row)).collect()
    }

    fn rows(&self, org: &Org, asker: &Asker, child_of: Option<(&str, RecordId)>) -> Vec<Arc<Row>> {
        let mut rows = self.candidates(org, asker, child_of);
        rows.retain(|row| {
            (asker.all || !row.is_deleted())
                && child_of.is_none_or(|(field, id)| row.id_in(field) == Some(id))
                && self.test.as_ref().is_none_or(|test| test.holds(org, row))
        });
        self.sort(org, &mut rows);
        rows.into_iter().skip(self.offset).take(self.limit).collect()
    }

    /// The records to look at, by id: those that an index names, or all. Deleted ones are in no index.
    fn candidates(&self, org: &Org, asker: &Asker, child_of: Option<(&str, RecordId)>) -> Vec<Arc<Row>> {
        let object = &self.object.name;
        let children = child_of.and_then(|(field, id)| org.store.find(object, field, &Cell::Id(id)));
        let source = match (asker.all, children, &self.test) {
            (false, Some(children), _) => Source::Ids(children),
            (_, _, Some(test)) => test.source(org, &self.object, asker.all),
            _ => Source::Everywhere,
        };
        match source {
            Source::Everywhere => org.store.rows(object).cloned().collect(),
            Source::Since(since) => {
                let mut rows: Vec<Arc<Row>> = org.store.changed_since(object, since).cloned().collect();
                rows.sort_by_key(|row| row.id);
                rows
            }
            Source::Ids(mut ids) => {
                ids.sort_unstable();
                ids.dedup();
                ids.into_iter().filter_map(|id| org.store.row(object, id).cloned()).collect()
            }
        }
    }

    fn sort(&self, org: &Org, rows: &mut [Arc<Row>]) {
        if self.order.is_empty() {
            return;
        }
        rows.sort_by(|a, b| {
            let levels = self.order.iter().map(|(path, descending, nulls_last)| {
                sorted(&path.value(org, a), &path.value(org, b), *descending, *nulls_last)
            });
            levels.fold(Ordering::Equal, Ordering::then)
        });
    }
}

/// The order of two values; records without one come first unless the query says otherwise.
fn sorted(a: &Cell, b: &Cell, descending: bool, nulls_last: bool) -> Ordering {
    let nulls = |order: Ordering| if nulls_last { order.reverse() } else { order };
    match (a.is_null(), b.is_null()) {
        (true, true) => Ordering::Equal,
        (true, false) => nulls(Ordering::Less),
        (false, true) => nulls(Ordering::Greater),
        (false, false) => {
            let order = a.order(b).unwrap_or(Ordering::Equal);
            if descending { order.reverse() } else { order }
        }
    }
}
