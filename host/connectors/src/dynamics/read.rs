//! Reads: one record by id or by key, with its child rows, and searches.

use crosswalk_engine::{
    mapping::{EntityUse, Record, Related},
    pass::Versioned,
    value::{Fields, Kind, RecordKey, Value},
};
use jiff::Timestamp;
use serde_json::Value as Json;

use super::{
    Dynamics, answer, canonical, guid, json,
    rows::{self, List, Row},
    schema::{EntitySet, columns_of_primary, columns_of_related, is_name, selected},
    successor,
    value::{condition, decode},
};
use crate::{
    crm::Reading,
    fault::Fault,
    text::{encoded, odata},
};

/// Characters that Dataverse does not take in the value of a key in an address. docs: alternate keys.
const NOT_IN_KEYS: &[char] = &['/', '<', '>', '*', '%', '&', ':', '\\', '?', '+'];

/// A record that was modified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Modified {
    /// Which record.
    pub key: RecordKey,
    /// When it last was, to the second.
    pub at: Timestamp,
    /// The version that it has now.
    pub version: String,
}

/// A record that a read follows a lookup to.
struct Follow<'a> {
    use_: &'a EntityUse,
    via: &'a str,
    navigation: String,
    id_column: String,
}

/// All that one read asks for.
pub(super) struct Shape<'a> {
    pub(super) set: EntitySet,
    columns: Vec<(String, Kind)>,
    follow: Vec<Follow<'a>>,
    pub(super) lists: Vec<List<'a>>,
    /// Columns that tell whether the record lives on as another.
    marks: Vec<(String, Kind)>,
}

impl Dynamics {
    /// Reads a record with all declared fields, its child rows, and the records that declared references lead to; or
    /// says that it is gone, or as what it lives on: a merged record's master, a qualified lead's opportunity.
    ///
    /// # Errors
    /// Any [`Fault`]; [`Fault::Reject`] also where a column is not of the declared kind, naming it.
    pub async fn read(&self, key: &RecordKey) -> Result<Reading, Fault> {
        let key = canonical(key)?;
        let shape = self.shape(&key.entity).await?;
        let path = format!("{}({})", shape.set.name, key.id);
        let Some(row) = self.row(&path, &shape).await? else { return Ok(Reading::Missing) };
        if let Some(successor) = self.successor(&key, &row).await? {
            return Ok(Reading::Succeeded(successor));
        }
        self.record(&key.entity, &shape, &row).await.map(Reading::Found)
    }

    /// Reads the record whose `key_column` holds this value; the column must be an alternate key. `None` if there is
    /// none.
    ///
    /// # Errors
    /// As [`Dynamics::read`]; [`Fault::Reject`] also where several records hold the value.
    pub async fn find_by_key(
        &self,
        entity: &str,
        key_column: &str,
        value: &str,
    ) -> Result<Option<Versioned<Record>>, Fault> {
        let shape = self.shape(entity).await?;
        if let Some(path) = key_path(&shape.set, key_column, value) {
            let Some(row) = self.row(&path, &shape).await? else { return Ok(None) };
            return self.record(entity, &shape, &row).await.map(Some);
        }
        // Such a value cannot stand in an address, but can be searched for.
        // Many records do not bring their child rows along; they are asked for one by one.
        let mut options = shape.options(false);
        options.push(("$filter", format!("{key_column} eq {}", odata(value))));
        options.push(("$top", "2".to_owned()));
        let mut found = self.rows(&shape.set, &options).await?;
        if found.len() > 1 {
            return Err(Fault::reject(format!(
                "several records of `{entity}` hold `{value}` in `{key_column}`; make it a key, or remove all but one"
            )));
        }
        let Some(row) = found.pop() else { return Ok(None) };
        self.record(entity, &shape, &row).await.map(Some)
    }

    /// Searches for records whose fields hold exactly these values, the oldest first, at most `limit`. Only declared
    /// fields can be selected.
    ///
    /// # Errors
    /// Any [`Fault`].
    pub async fn find(
        &self,
        entity: &str,
        matching: &Fields,
        select: &[String],
        limit: u32,
    ) -> Result<Vec<Versioned<Record>>, Fault> {
        let mut columns = Vec::with_capacity(select.len());
        for name in select {
            if self.is_list(entity, name) {
                return Err(Fault::reject(format!(
                    "`{entity}.{name}` is kept as child rows, which a search does not read"
                )));
            }
            let kind = self.kind(entity, name).ok_or_else(|| {
                Fault::reject(format!("`{entity}.{name}` is not declared by the plugin, so it is not read"))
            })?;
            columns.push((name.clone(), kind.clone()));
        }
        let set = self.entity_set(entity).await?;
        let shape = Shape { set, columns, follow: Vec::new(), lists: Vec::new(), marks: Vec::new() };
        let mut options = shape.options(false);
        if let Some(filter) = self.filter(entity, &shape.set, matching)? {
            options.push(("$filter", filter));
        }
        // The id breaks ties, so that the same search finds the same record.
        options.push(("$orderby", format!("createdon asc,{} asc", shape.set.id_column)));
        options.push(("$top", limit.clamp(1, 5000).to_string()));
        let rows = self.rows(&shape.set, &options).await?;
        let mut found = Vec::with_capacity(rows.len());
        for row in &rows {
            found.push(self.record(entity, &shape, row).await?);
        }
        Ok(found)
    }

    /// Records of a linked entity that were modified at or after `since` and hold these values, the longest ago first,
    /// at most `limit`: the sweep's question. To go on, ask again from the last one's time; more than `limit` records
    /// within one second (an import) need a larger limit.
    ///
    /// # Errors
    /// Any [`Fault`].
    pub async fn modified_since(
        &self,
        entity: &str,
        since: Timestamp,
        matching: &Fields,
        limit: u32,
    ) -> Result<Vec<Modified>, Fault> {
        let set = self.entity_set(entity).await?;
        let mut filter = format!("modifiedon ge {since}");
        if let Some(matching) = self.filter(entity, &set, matching)? {
            filter = format!("{filter} and {matching}");
        }
        let options = [
            ("$select", "modifiedon".to_owned()),
            ("$filter", filter),
            ("$orderby", format!("modifiedon asc,{} asc", set.id_column)),
            ("$top", limit.clamp(1, 5000).to_string()),
        ];
        let rows = self.rows(&set, &options).await?;
        let modified = rows.iter().map(|row| {
            let text = |name: &str| row.get(name).and_then(Json::as_str);
            let (Some(id), Some(at)) =
                (text(&set.id_column).and_then(guid), text("modifiedon").and_then(|at| at.parse().ok()))
            else {
                return Err(Fault::reject(format!(
                    "Dataverse gave a record of `{entity}` without `{}` or `modifiedon`",
                    set.id_column
                )));
            };
            let key = RecordKey { entity: entity.to_owned(), id };
            Ok(Modified { key, at, version: text("@odata.etag").unwrap_or_default().to_owned() })
        });
        modified.collect()
    }

    pub(super) fn filter(
        &self,
        entity: &str,
        set: &EntitySet,
        matching: &Fields,
    ) -> Result<Option<String>, Fault> {
        let mut conditions = Vec::with_capacity(matching.len());
        for (field, value) in matching {
            let is_id = field == &set.id_column;
            let condition = condition(field, self.kind(entity, field), is_id, value);
            match condition.filter(|_| is_name(field)) {
                Some(condition) => conditions.push(condition),
                None => {
                    return Err(Fault::reject(format!(
                        "`{entity}.{field}` cannot be searched for a value of this kind; nothing was sent"
                    )));
                }
            }
        }
        Ok((!conditions.is_empty()).then(|| conditions.join(" and ")))
    }

    /// What a read of a linked entity asks for.
    pub(super) async fn shape(&self, entity: &str) -> Result<Shape<'_>, Fault> {
        let Some(primary) = self.manifest.primary(entity) else {
            return Err(Fault::reject(format!(
                "the plugin does not declare `{entity}` as an entity to link"
            )));
        };
        let only_one = self.manifest.entities.iter().filter(|use_| use_.via.is_none()).count() == 1;
        let mut follow = Vec::new();
        for use_ in &self.manifest.entities {
            let Some(via) = use_.via.as_deref() else { continue };
            // A plugin for opportunities and leads may follow a lookup that only one of them has.
            if primary.field(via).is_none() && !only_one {
                continue;
            }
            let navigation = self.navigation(entity, via, &use_.entity).await?;
            let id_column = self.entity_set(&use_.entity).await?.id_column;
            follow.push(Follow { use_, via, navigation, id_column });
        }
        let set = self.entity_set(entity).await?;
        let lists = self.lists(primary).await?;
        Ok(Shape {
            set,
            columns: columns_of_primary(primary),
            follow,
            lists,
            marks: successor::marks(entity),
        })
    }

    /// One record as the API answers with it, or `None` if there is none.
    pub(super) async fn row(&self, path: &str, shape: &Shape<'_>) -> Result<Option<Json>, Fault> {
        let response = self.session.read(self.get(&self.at(path, &shape.options(true))?)).await?;
        if response.status.is_success() {
            return json(&response).map(Some);
        }
        if answer::is_missing(&response) {
            return Ok(None);
        }
        Err(answer::fault(&response, &format!("`{path}`")))
    }

    pub(super) async fn rows(&self, set: &EntitySet, options: &[(&str, String)]) -> Result<Vec<Json>, Fault> {
        let response = self.session.read(self.get(&self.at(&set.name, options)?)).await?;
        if !response.status.is_success() {
            return Err(answer::fault(&response, &format!("a search in `{}`", set.name)));
        }
        match json(&response)?.get_mut("value").map(Json::take) {
            Some(Json::Array(rows)) => Ok(rows),
            _ => Err(Fault::reject("Dataverse answered a search with something that is not a list")),
        }
    }

    /// The record in an answer.
    async fn record(&self, entity: &str, shape: &Shape<'_>, row: &Json) -> Result<Versioned<Record>, Fault> {
        let text = |name: &str| row.get(name).and_then(Json::as_str);
        let id = text(&shape.set.id_column).and_then(guid).ok_or_else(|| without_id(entity, &shape.set))?;
        let etag = text("@odata.etag").unwrap_or_default();
        let mut fields = fields(entity, &shape.columns, row)?;
        let lists = self.all_rows(shape, row, &id).await?;
        for (list, rows) in shape.lists.iter().zip(&lists) {
            fields.insert(list.field.name.clone(), rows::texts(rows));
        }
        let print = (!lists.is_empty()).then(|| rows::print(lists.iter().map(Vec::as_slice)));
        let version = rows::whole_version(etag, print.as_deref());
        let mut related = Vec::new();
        for follow in &shape.follow {
            let Some(inner) = row.get(&follow.navigation).filter(|inner| inner.is_object()) else { continue };
            let own = &follow.use_.entity;
            let Some(id) = inner.get(&follow.id_column).and_then(Json::as_str).and_then(guid) else {
                return Err(Fault::reject(format!(
                    "Dataverse followed `{entity}.{}`, but to a record without `{}`",
                    follow.via, follow.id_column
                )));
            };
            related.push(Related {
                via: follow.via.to_owned(),
                key: RecordKey { entity: own.clone(), id },
                fields: self::fields(own, &columns_of_related(follow.use_), inner)?,
            });
        }
        let key = RecordKey { entity: entity.to_owned(), id };
        Ok(Versioned { value: Record { key, fields, related }, version })
    }

    /// The rows of each list of a record.
    pub(super) async fn all_rows(
        &self,
        shape: &Shape<'_>,
        row: &Json,
        id: &str,
    ) -> Result<Vec<Vec<Row>>, Fault> {
        let mut lists = Vec::with_capacity(shape.lists.len());
        for list in &shape.lists {
            lists.push(self.rows_of(list, row, id).await?);
        }
        Ok(lists)
    }
}

pub(super) fn without_id(entity: &str, set: &EntitySet) -> Fault {
    Fault::reject(format!("Dataverse gave a record of `{entity}` without `{}`", set.id_column))
}

impl Shape<'_> {
    fn options(&self, with_rows: bool) -> Vec<(&'static str, String)> {
        let columns = [self.columns.as_slice(), &self.marks].concat();
        let mut options = vec![("$select", select(&columns, &self.set.id_column))];
        let followed = self.follow.iter().map(|follow| {
            let select = select(&columns_of_related(follow.use_), &follow.id_column);
            format!("{}($select={select})", follow.navigation)
        });
        let lists = self.lists.iter().filter(|_| with_rows).map(List::expand);
        let expand: Vec<String> = followed.chain(lists).collect();
        if !expand.is_empty() {
            options.push(("$expand", expand.join(",")));
        }
        options
    }
}

/// The columns to select; the id comes along in any case, so it stands in for none.
fn select(columns: &[(String, Kind)], id_column: &str) -> String {
    let mut names: Vec<String> = columns.iter().map(|(name, kind)| selected(name, kind)).collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() { id_column.to_owned() } else { names.join(",") }
}

fn fields(entity: &str, columns: &[(String, Kind)], row: &Json) -> Result<Fields, Fault> {
    let mut fields = Fields::new();
    for (name, kind) in columns {
        let column = selected(name, kind);
        let target = format!("{column}@Microsoft.Dynamics.CRM.lookuplogicalname");
        let target = row.get(&target).and_then(Json::as_str);
        let value: Value = decode(kind, row.get(&column), target).map_err(|problem| {
            Fault::reject(format!("`{entity}.{name}` {problem}; correct the plugin's declaration"))
        })?;
        fields.insert(name.clone(), value);
    }
    Ok(fields)
}

/// The address of the record whose key column holds this value, below the Web API's; `None` if the value cannot
/// stand in one.
pub(super) fn key_path(set: &EntitySet, key_column: &str, value: &str) -> Option<String> {
    if value.is_empty() || !is_name(key_column) || value.contains(NOT_IN_KEYS) {
        return None;
    }
    let literal = encoded(&odata(value), "-._~'");
    Some(format!("{}({key_column}={literal})", set.name))
}
