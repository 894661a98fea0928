//! Reads: one record by id or by key, searches, and listings.

use std::{collections::BTreeMap, time::Duration};

use crosswalk_engine::{
    mapping::{Record, Related},
    pass::Versioned,
    value::{Fields, Kind, RecordKey, Value},
};
use jiff::Timestamp;
use serde_json::Value as Json;

use super::{
    Salesforce, canonical, id,
    query::Query,
    shape::{List, STAMP, Shape, columns_of_related},
    soql,
    value::{decode, instant},
    version::{Known, ListRows, version},
};
use crate::{
    crm::{Listed, Reading},
    fault::Fault,
};

/// How long a second is, after which a later edit has a later time.
const SECOND: Duration = Duration::from_secs(1);
/// How long one wait for the end of a second may be.
const WAIT_MAX: Duration = Duration::from_secs(3);
/// How often a record is read again to see it after its second is over.
const LOOKS_MAX: u32 = 3;
/// How many records one query names by their ids: `'006…'` and what encodes it, 30 bytes each.
pub(super) const IDS_MAX: usize = 200;

/// A record as it was read.
pub(super) struct Look {
    pub(super) record: Record,
    stamp: Timestamp,
    rows: ListRows,
    /// A time that the server had reached when it was read.
    begun: Option<Timestamp>,
}

/// What a look at one record finds.
pub(super) enum Looked {
    Here(Look),
    Missing,
    Succeeded(RecordKey),
}

/// The child rows of several records, by the record's id.
#[derive(Default)]
struct Children(BTreeMap<String, ListRows>);

impl Look {
    pub(super) fn version(&self) -> String {
        version(self.stamp, &self.record.fields)
    }

    /// Whether the second of the last modification was over when the record was read.
    fn is_settled(&self) -> bool {
        let over = self.stamp.checked_add(SECOND).ok();
        matches!((over, self.begun), (Some(over), Some(begun)) if begun >= over)
    }

    fn known(&self) -> Known {
        Known { version: self.version(), fields: self.record.fields.clone(), rows: self.rows.clone() }
    }
}

impl Salesforce {
    pub(super) async fn read_record(&self, key: &RecordKey) -> Result<Reading, Fault> {
        Ok(match self.look(&canonical(key)?).await? {
            Looked::Here(look) => Reading::Found(self.remembered(look)),
            Looked::Missing => Reading::Missing,
            Looked::Succeeded(key) => Reading::Succeeded(key),
        })
    }

    /// The record whose key field holds this value; the field must be unique.
    pub(super) async fn record_by_key(
        &self,
        entity: &str,
        key_field: &str,
        value: &str,
    ) -> Result<Option<Versioned<Record>>, Fault> {
        let shape = self.shape(entity)?;
        if !soql::is_name(key_field) || value.is_empty() {
            return Err(Fault::reject(format!("`{value}` cannot be a key in `{entity}.{key_field}`")));
        }
        let condition = format!("{key_field} = {}", soql::text(value));
        // A search, not the address of an external id: it follows references, and takes any value.
        let query = Query::new(format!("{} WHERE {condition} LIMIT 2", shape.select()));
        let rows = self.queries(&[query]).await?;
        let begun = rows.begun;
        let mut found = rows.of.into_iter().next().unwrap_or_default();
        if found.len() > 1 {
            return Err(Fault::reject(format!(
                "several records of `{entity}` hold `{value}` in `{key_field}`; nothing was written. Leave it in one of \
                 them, and make the field unique (`crosswalk crm provision` says how)"
            )));
        }
        let Some(row) = found.pop() else { return Ok(None) };
        let ids = [row_id(entity, &row)?];
        let children = self.children(&shape.lists, &ids).await?;
        Ok(Some(self.remembered(look(&shape, &row, &children, begun)?)))
    }

    /// The look as the engine has it, once what it needs for a write is remembered.
    pub(super) fn remembered(&self, look: Look) -> Versioned<Record> {
        if look.is_settled() {
            self.shared.memory.keep(&look.record.key, look.known());
        }
        Versioned { version: look.version(), value: look.record }
    }

    /// What is known of a record that still has this version after the second of its last modification; `None` if it
    /// has another one, or is not there.
    ///
    /// # Errors
    /// Any [`Fault`]; [`Fault::Retry`] where the second does not end.
    pub(super) async fn known(
        &self,
        key: &RecordKey,
        version: &str,
        stamp: Timestamp,
    ) -> Result<Option<Known>, Fault> {
        if let Some(known) = self.shared.memory.take(key, version) {
            return Ok(Some(known));
        }
        for _ in 0..LOOKS_MAX {
            self.wait_out(stamp).await;
            let Looked::Here(look) = self.look(key).await? else { return Ok(None) };
            if look.version() != version {
                return Ok(None);
            }
            if look.is_settled() {
                return Ok(Some(look.known()));
            }
        }
        Err(Fault::retry(format!(
            "`{}` `{}` was modified at {stamp}, and by its own clock Salesforce has not left that second; nothing was \
             written",
            key.entity, key.id
        )))
    }

    async fn wait_out(&self, stamp: Timestamp) {
        let (Ok(over), Some(now)) = (stamp.checked_add(SECOND), self.shared.clock.now()) else { return };
        let left = Duration::try_from(over.duration_since(now)).unwrap_or_default();
        if !left.is_zero() {
            tokio::time::sleep(left.min(WAIT_MAX)).await;
        }
    }

    pub(super) async fn look(&self, key: &RecordKey) -> Result<Looked, Fault> {
        let shape = self.shape(&key.entity)?;
        let record = format!("{} WHERE Id = {}", shape.select(), soql::text(&key.id));
        let mut queries = vec![Query::with_deleted(record)];
        queries.extend(shape.lists.iter().map(|list| list.query(std::slice::from_ref(&key.id))));
        let mut rows = self.queries(&queries).await?;
        let Some(row) = rows.of.first_mut().and_then(Vec::pop) else { return Ok(Looked::Missing) };
        let is = |name: &str| row.get(name) == Some(&Json::Bool(true));
        let of = |entity: &str, name: &str| {
            let id = id::canonical(row.get(name)?.as_str()?)?;
            Some(RecordKey { entity: entity.to_owned(), id })
        };
        if is("IsDeleted") {
            // The loser of a merge is in the recycle bin, and names the winner.
            return Ok(of(&key.entity, "MasterRecordId").map_or(Looked::Missing, Looked::Succeeded));
        }
        if is("IsConverted") {
            let successor =
                of("Opportunity", "ConvertedOpportunityId").or_else(|| of("Account", "ConvertedAccountId"));
            if let Some(successor) = successor {
                return Ok(Looked::Succeeded(successor));
            }
        }
        let mut children = Children::default();
        for (list, rows) in shape.lists.iter().zip(rows.of.iter().skip(1)) {
            children.take(list, rows)?;
        }
        Ok(Looked::Here(look(&shape, &row, &children, rows.begun)?))
    }

    /// The lead that this opportunity was made of. (docs: a converted lead says what it became, and stays.)
    pub(super) async fn predecessor(&self, key: &RecordKey) -> Result<Option<RecordKey>, Fault> {
        if key.entity != "Opportunity" {
            return Ok(None);
        }
        let id = soql::text(&key.id);
        let query = format!(
            "SELECT Id FROM Lead WHERE IsConverted = true AND ConvertedOpportunityId = {id} ORDER BY Id LIMIT 1"
        );
        let rows = self.query(Query::new(query)).await?;
        let id = rows.first().and_then(|row| id::canonical(row.get("Id")?.as_str()?));
        Ok(id.map(|id| RecordKey { entity: "Lead".to_owned(), id }))
    }

    /// Searches for records whose fields hold exactly these values, the oldest first.
    pub(super) async fn search(
        &self,
        entity: &str,
        matching: &Fields,
        select: &[String],
        limit: u32,
    ) -> Result<Vec<Versioned<Record>>, Fault> {
        let mut columns: Vec<(&str, &Kind)> = Vec::with_capacity(select.len());
        for name in select {
            let kind = self.kind(entity, name).ok_or_else(|| {
                Fault::reject(format!("`{entity}.{name}` is not declared by the plugin, so it is not read"))
            })?;
            columns.push((name, kind));
        }
        let shape = Shape { entity, columns, follow: Vec::new(), lists: Vec::new() };
        // The id breaks ties, so that the same search finds the same record.
        let query = format!(
            "{}{} ORDER BY CreatedDate, Id LIMIT {}",
            shape.select_to_search(),
            filter(entity, matching, None)?,
            limit.clamp(1, 2_000)
        );
        let rows = self.query(Query::new(query)).await?;
        // What is searched for is not written to, so it needs no version.
        let found = rows.iter().map(|row| {
            let value = record(&shape, row, &ListRows::new())?;
            Ok(Versioned { version: String::new(), value })
        });
        found.collect()
    }

    /// A page of all records, in the order of their ids.
    pub(super) async fn listed(
        &self,
        entity: &str,
        matching: &Fields,
        after: Option<&str>,
        rows: u32,
    ) -> Result<Vec<Listed>, Fault> {
        let shape = Shape::of(self.primary(entity)?);
        let after = match after {
            Some(after) => Some(id::canonical(after).ok_or_else(|| {
                Fault::reject(format!("`{after}` is not where a listing of `{entity}` can go on"))
            })?),
            None => None,
        };
        let query = format!(
            "{}{} ORDER BY Id LIMIT {}",
            shape.select(),
            filter(entity, matching, after.as_deref())?,
            rows.clamp(1, 2_000)
        );
        let found = self.query(Query::new(query)).await?;
        self.with_versions(&shape, &found).await
    }

    /// These rows of a linked entity, each with its version and the referral that it carries.
    pub(super) async fn with_versions(&self, shape: &Shape<'_>, rows: &[Json]) -> Result<Vec<Listed>, Fault> {
        let ids = rows.iter().map(|row| row_id(shape.entity, row)).collect::<Result<Vec<_>, _>>()?;
        let children = self.children(&shape.lists, &ids).await?;
        let key_field = self.primary(shape.entity)?.referral_key.as_deref();
        let listed = rows.iter().map(|row| {
            let look = look(shape, row, &children, None)?;
            let referral = match key_field.and_then(|field| look.record.fields.get(field)) {
                Some(Value::Text(referral)) => Some(referral.clone()),
                _ => None,
            };
            Ok(Listed { version: look.version(), key: look.record.key, referral })
        });
        listed.collect()
    }

    /// The child rows of these records.
    async fn children(&self, lists: &[List<'_>], ids: &[String]) -> Result<Children, Fault> {
        let mut children = Children::default();
        if ids.is_empty() || lists.is_empty() {
            return Ok(children);
        }
        let asked: Vec<_> =
            lists.iter().flat_map(|list| ids.chunks(IDS_MAX).map(move |ids| (list, ids))).collect();
        let queries: Vec<Query> = asked.iter().map(|(list, ids)| list.query(ids)).collect();
        for ((list, _), rows) in asked.iter().zip(self.queries(&queries).await?.of) {
            children.take(list, &rows)?;
        }
        Ok(children)
    }
}

impl List<'_> {
    fn query(&self, parents: &[String]) -> Query {
        let rows = self.rows;
        let parents = soql::one_of(&rows.parent, parents.iter().map(String::as_str));
        Query::new(format!(
            "SELECT Id,{},{} FROM {} WHERE {parents} ORDER BY CreatedDate,Id",
            rows.parent, rows.column, rows.entity
        ))
    }
}

impl Children {
    fn take(&mut self, list: &List<'_>, rows: &[Json]) -> Result<(), Fault> {
        for row in rows {
            let id = row_id(&list.rows.entity, row)?;
            let text = |name: &str| row.get(name).and_then(Json::as_str);
            let Some(parent) = text(&list.rows.parent).and_then(id::canonical) else { continue };
            // A row without a text says nothing, and is left alone.
            let Some(value) = text(&list.rows.column).filter(|text| !text.is_empty()) else { continue };
            let of_parent = self.0.entry(parent).or_default();
            of_parent.entry(list.field.to_owned()).or_default().push((id, value.to_owned()));
        }
        Ok(())
    }
}

/// ` WHERE …`, or nothing.
fn filter(entity: &str, matching: &Fields, after: Option<&str>) -> Result<String, Fault> {
    let mut conditions = Vec::with_capacity(matching.len() + 1);
    for (field, value) in matching {
        let condition = Some(field).filter(|field| soql::is_name(field));
        conditions.push(condition.and_then(|field| soql::condition(field, value)).ok_or_else(|| {
            Fault::reject(format!(
                "`{entity}.{field}` cannot be searched for a value of this kind; nothing was sent"
            ))
        })?);
    }
    conditions.extend(after.map(|after| format!("Id > {}", soql::text(after))));
    let all = conditions.join(" AND ");
    Ok(if all.is_empty() { all } else { format!(" WHERE {all}") })
}

fn look(shape: &Shape<'_>, row: &Json, children: &Children, begun: Option<Timestamp>) -> Result<Look, Fault> {
    let entity = shape.entity;
    let id = row_id(entity, row)?;
    let stamp = row.get(STAMP).and_then(Json::as_str).and_then(instant).ok_or_else(|| {
        Fault::reject(format!("Salesforce gave record `{id}` of `{entity}` without `{STAMP}`"))
    })?;
    let rows = children.0.get(&id).cloned().unwrap_or_default();
    Ok(Look { record: record(shape, row, &rows)?, stamp, rows, begun })
}

fn record(shape: &Shape<'_>, row: &Json, rows: &ListRows) -> Result<Record, Fault> {
    let entity = shape.entity;
    let mut fields = fields(entity, shape.columns.iter().copied(), row)?;
    for list in &shape.lists {
        let mut texts: Vec<String> = Vec::new();
        for (_, text) in rows.get(list.field).into_iter().flatten() {
            if !texts.contains(text) {
                texts.push(text.clone());
            }
        }
        let value = if texts.is_empty() { Value::Empty } else { Value::Texts(texts) };
        fields.insert(list.field.to_owned(), value);
    }
    let mut related = Vec::new();
    for follow in &shape.follow {
        let Some(inner) = row.get(&follow.relationship).filter(|inner| inner.is_object()) else { continue };
        let own = &follow.use_.entity;
        related.push(Related {
            via: follow.via.to_owned(),
            key: RecordKey { entity: own.clone(), id: row_id(own, inner)? },
            fields: self::fields(own, columns_of_related(follow.use_), inner)?,
        });
    }
    Ok(Record { key: RecordKey { entity: entity.to_owned(), id: row_id(entity, row)? }, fields, related })
}

fn row_id(entity: &str, row: &Json) -> Result<String, Fault> {
    row.get("Id")
        .and_then(Json::as_str)
        .and_then(id::canonical)
        .ok_or_else(|| Fault::reject(format!("Salesforce gave a record of `{entity}` without `Id`")))
}

fn fields<'a>(
    entity: &str,
    columns: impl Iterator<Item = (&'a str, &'a Kind)>,
    row: &Json,
) -> Result<Fields, Fault> {
    let mut fields = Fields::new();
    for (name, kind) in columns {
        // Salesforce answers with its own spelling; another one in the declaration would look like an empty field.
        let json = row.get(name).ok_or_else(|| {
            Fault::reject(format!(
                "Salesforce does not call it `{entity}.{name}`; correct the spelling in the plugin's declaration"
            ))
        })?;
        let value = decode(kind, json).map_err(|problem| {
            Fault::reject(format!("`{entity}.{name}` {problem}; correct the plugin's declaration"))
        })?;
        fields.insert(name.to_owned(), value);
    }
    Ok(fields)
}
