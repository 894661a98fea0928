//! Lists that are kept as child rows: the solutions of an opportunity, one row each.
//!
//! The rows come with the record, in the same answer. A row has its own version and does not change the record's, so a
//! record with such lists is read at a version of two words: its own eTag and a print of its rows. A write of a list
//! holds only if both still do; then rows whose text is gone are deleted, each at the version that was looked at, and
//! texts that are new become rows, all in one change set with the record itself. A row that stays is not touched, and
//! one without a text (somebody is still filling it in) is left alone.

use aws_lc_rs::digest;
use crosswalk_engine::{
    mapping::{EntityUse, FieldUse, Rows},
    value::{Fields, Value},
};
use http::HeaderValue;
use serde_json::{Value as Json, json};

use super::{Dynamics, batch::Part, guid, schema::EntitySet};
use crate::fault::Fault;

/// The most rows that one change set makes and deletes. docs: a batch has at most 1,000 requests.
pub(super) const CHANGES_MAX: usize = 900;

/// A list that is declared as child rows.
pub(super) struct List<'a> {
    /// The field that stands for the list.
    pub(super) field: &'a FieldUse,
    /// Where its rows are.
    pub(super) rows: &'a Rows,
    set: EntitySet,
    /// The lookup to the record, as a row binds it.
    parent: String,
    /// The rows, as the record expands them.
    pub(super) collection: String,
}

/// One row of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) id: String,
    etag: String,
    text: String,
    created: String,
}

/// What a write does to the rows of one list.
pub(super) struct Change<'a> {
    list: &'a List<'a>,
    gone: Vec<Row>,
    new: Vec<String>,
}

impl List<'_> {
    /// The list as a read of its record expands it.
    pub(super) fn expand(&self) -> String {
        format!("{}($select={},createdon;$orderby=createdon asc)", self.collection, self.rows.column)
    }

    /// What `wanted` changes of the rows that there are.
    pub(super) fn change(&self, wanted: &[String], rows: Vec<Row>) -> Change<'_> {
        let mut gone = rows;
        let mut new = Vec::new();
        for text in wanted.iter().filter(|text| !text.trim().is_empty()) {
            match gone.iter().position(|row| same(&row.text, text)) {
                Some(stays) => drop(gone.remove(stays)),
                None => new.push(text.clone()),
            }
        }
        Change { list: self, gone, new }
    }

    /// Where its rows are, as the Web API calls it.
    pub(super) fn set(&self) -> &EntitySet {
        &self.set
    }

    /// The column of a row's own id.
    pub(super) fn id_column(&self) -> &str {
        &self.set.id_column
    }

    pub(super) fn row(&self, row: &Json) -> Option<Row> {
        let text = |name: &str| row.get(name)?.as_str().map(str::to_owned);
        let id = text(&self.set.id_column).and_then(|id| guid(&id))?;
        let own = text(&self.rows.column).filter(|text| !text.trim().is_empty())?;
        let etag = text("@odata.etag").unwrap_or_default();
        Some(Row { id, etag, text: own, created: text("createdon").unwrap_or_default() })
    }

    /// The rows in the order of their creation.
    fn rows(&self, rows: &[Json]) -> Vec<Row> {
        let mut rows: Vec<Row> = rows.iter().filter_map(|row| self.row(row)).collect();
        // Rows of one change set are created in the same second; then the one that was written first has the lower eTag.
        let number = |row: &Row| row.etag.trim_start_matches("W/").trim_matches('"').parse::<u64>().ok();
        rows.sort_by(|a, b| a.created.cmp(&b.created).then(number(a).cmp(&number(b))));
        rows
    }
}

impl Change<'_> {
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn len(&self) -> usize {
        self.gone.len() + self.new.len()
    }

    /// The ids of rows that are taken to be there.
    pub(super) fn ids(&self) -> impl Iterator<Item = &str> {
        self.gone.iter().map(|row| row.id.as_str())
    }

    /// What an error may call the list by, for [`super::answer::Attempt::names`].
    pub(super) fn names(&self) -> [(String, String); 2] {
        let name = &self.list.field.name;
        [(name.clone(), self.list.rows.column.clone()), (name.clone(), self.list.rows.entity.clone())]
    }

    /// The requests of it; `record` is the record's address as a body binds it, `root` the Web API's path.
    pub(super) fn parts(&self, root: &str, record: &str) -> Vec<Part> {
        let List { set, rows, parent, .. } = self.list;
        let deletes = self.gone.iter().map(|row| {
            let at_version = HeaderValue::from_str(&row.etag).ok().filter(|etag| !etag.is_empty());
            Part {
                method: "DELETE",
                path: format!("{root}{}({})", set.name, row.id),
                condition: at_version.map(|etag| ("If-Match", etag)),
                body: None,
            }
        });
        let creates = self.new.iter().map(|text| {
            let body = json!({ &rows.column: text, format!("{parent}@odata.bind"): record });
            Part {
                method: "POST",
                path: format!("{root}{}", set.name),
                condition: None,
                body: Some(body.to_string()),
            }
        });
        deletes.chain(creates).collect()
    }
}

impl Dynamics {
    /// The declared lists of an entity, with their names in the organisation.
    pub(super) async fn lists<'a>(&self, use_: &'a EntityUse) -> Result<Vec<List<'a>>, Fault> {
        let mut lists = Vec::new();
        for field in &use_.fields {
            let Some(rows) = &field.rows else { continue };
            let relation = self.relation(&rows.entity, &rows.parent, &use_.entity).await?;
            let set = self.entity_set(&rows.entity).await?;
            lists.push(List {
                field,
                rows,
                set,
                parent: relation.navigation,
                collection: relation.collection,
            });
        }
        Ok(lists)
    }

    /// The rows of a list, from the record that expanded it. An answer that did not bring all of them is followed up.
    pub(super) async fn rows_of(&self, list: &List<'_>, record: &Json, id: &str) -> Result<Vec<Row>, Fault> {
        let inline = record.get(&list.collection).and_then(Json::as_array);
        let whole = record.get(format!("{}@odata.nextLink", list.collection)).is_none();
        if let Some(rows) = inline.filter(|_| whole) {
            return Ok(list.rows(rows));
        }
        let options = [
            ("$select", format!("{},createdon", list.rows.column)),
            ("$filter", format!("_{}_value eq {id}", list.rows.parent)),
            ("$orderby", "createdon asc".to_owned()),
        ];
        let rows = self.rows(&list.set, &options).await?;
        Ok(list.rows(&rows))
    }
}

/// A list's rows as the field's value.
pub(super) fn texts(rows: &[Row]) -> Value {
    Value::Texts(rows.iter().map(|row| row.text.clone()).collect())
}

/// Takes what is wanted of lists out of the fields.
pub(super) fn split_lists(use_: &EntityUse, fields: &mut Fields) -> Vec<(String, Vec<String>)> {
    let mut lists = Vec::new();
    for field in use_.fields.iter().filter(|field| field.rows.is_some()) {
        match fields.remove(&field.name) {
            Some(Value::Texts(texts)) => lists.push((field.name.clone(), texts)),
            Some(Value::Text(text)) => lists.push((field.name.clone(), vec![text])),
            Some(_) => lists.push((field.name.clone(), Vec::new())),
            None => {}
        }
    }
    lists
}

/// A print of all lists of a record: the same for the same rows with the same texts.
pub(super) fn print<'a>(lists: impl Iterator<Item = &'a [Row]>) -> String {
    let mut rows: Vec<(&str, &str)> =
        lists.flatten().map(|row| (row.id.as_str(), row.text.as_str())).collect();
    rows.sort_unstable();
    let digest = digest::digest(&digest::SHA256, json!(rows).to_string().as_bytes());
    digest.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// A record's version from its eTag and the print of its rows, where it has any lists.
pub(super) fn whole_version(etag: &str, print: Option<&str>) -> String {
    match print {
        Some(print) => format!("{etag} {print}"),
        None => etag.to_owned(),
    }
}

/// The eTag of a version, and the print of the record's rows.
pub(super) fn parts_of(version: &str) -> (&str, Option<&str>) {
    version.split_once(' ').map_or((version, None), |(etag, print)| (etag, Some(print)))
}

/// Whether a row with this text is the wanted one: its identifier may be written in capitals or with braces.
fn same(held: &str, wanted: &str) -> bool {
    let (held, wanted) = (held.trim(), wanted.trim());
    held == wanted || guid(held).is_some_and(|held| guid(wanted) == Some(held))
}
