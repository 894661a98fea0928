//! Writes: of an existing record at the version that was read, and of a new one that no other holds the key of.
//!
//! A write is one composite request: the record, the rows of its lists, and a look at the second that the server gave
//! it. All of it is carried out, or nothing.

use std::collections::BTreeMap;

use crosswalk_engine::{
    mapping::{Companion, EntityUse},
    pass::{Seen, SystemRefusal},
    value::{Fields, RecordKey, Reference, Value},
};
use http::Method;
use jiff::Timestamp;
use serde_json::{Map, Value as Json, json};

use super::{
    Salesforce,
    answer::{self, Attempt},
    canonical,
    composite::{Outcome, Part},
    id, json,
    shape::{STAMP, Shape},
    value::{encode, instant},
    version::{self, ListRows},
};
use crate::{
    companions::replaced,
    fault::Fault,
    session::{ApiError, Failure},
    text::{cut, encoded},
};

/// The part that writes the record itself.
const RECORD: &str = "record";
/// The part that reads the second of the write.
const AFTER: &str = "after";
/// docs: rows of one request for several records.
const ROWS_MAX: usize = 200;

/// What is to be done to one record.
struct Body {
    columns: Map<String, Json>,
    /// By list, the ids of rows to delete and the texts of rows to insert.
    lists: BTreeMap<String, (Vec<String>, Vec<String>)>,
}

impl Salesforce {
    pub(super) async fn update_record(
        &self,
        key: &RecordKey,
        fields: &Fields,
        companions: &[Companion],
        version: &str,
    ) -> Result<Seen, Fault> {
        let key = canonical(key)?;
        let use_ = self.primary(&key.entity)?;
        let Some(stamp) = version::stamp(version) else {
            let reason = format!("record `{}` was not written: its version is not known", key.id);
            return Ok(Seen::Refused(SystemRefusal { fields: Vec::new(), reason }));
        };
        let fields = match self.with_companions(use_, fields, companions).await? {
            Ok(fields) => fields,
            Err(refusal) => return Ok(Seen::Refused(refusal)),
        };
        let Some(known) = self.known(&key, version, stamp).await? else { return Ok(Seen::Stale) };
        let body = match body(use_, &fields, &known.rows) {
            Ok(body) => body,
            Err(refusal) => return Ok(Seen::Refused(refusal)),
        };
        let path = format!("sobjects/{}/{}", key.entity, key.id);
        let mut parts = Vec::new();
        if !body.columns.is_empty() {
            let mut part =
                Part::new(Method::PATCH, path.clone(), RECORD, Some(Json::Object(body.columns.clone())));
            part.headers.push(("If-Unmodified-Since", http_date(stamp)));
            parts.push(part);
        }
        parts.extend(row_parts(use_, &body, &key.id)?);
        parts.push(Part::new(Method::GET, format!("{path}?fields=Id,{STAMP}"), AFTER, None));
        let written = self.write_parts(&key.entity, &parts, &fields, None).await?;
        let Written { id: _, stamp: after } = match written {
            Ok(written) => written,
            Err(seen) => return Ok(seen),
        };
        // Without its time the version is one that no record has, so whoever writes next looks first.
        let mut now = known.fields;
        now.extend(fields);
        Ok(Seen::Written { version: version::version(after.unwrap_or(stamp), &now), key: Some(key) })
    }

    /// Creates the record by POST, with the key among its fields. An upsert at the key's address would be repeatable,
    /// but would write into a record that holds the key already; the unique field refuses a second one just as well.
    pub(super) async fn create_record(
        &self,
        entity: &str,
        key_field: &str,
        key_value: &str,
        fields: &Fields,
        companions: &[Companion],
    ) -> Result<Seen, Fault> {
        let use_ = self.primary(entity)?;
        self.check_unique(entity, key_field).await?;
        let mut fields = match self.with_companions(use_, fields, companions).await? {
            Ok(fields) => fields,
            Err(refusal) => return Ok(Seen::Refused(refusal)),
        };
        fields.insert(key_field.to_owned(), Value::Text(key_value.to_owned()));
        let mut body = match body(use_, &fields, &ListRows::new()) {
            Ok(body) => body,
            Err(refusal) => return Ok(Seen::Refused(refusal)),
        };
        body.columns.retain(|_, value| !value.is_null());
        let columns = Json::Object(body.columns.clone());
        let mut parts = vec![Part::new(Method::POST, format!("sobjects/{entity}"), RECORD, Some(columns))];
        let made = format!("@{{{RECORD}.id}}");
        parts.extend(row_parts(use_, &body, &made)?);
        parts.push(Part::new(
            Method::GET,
            format!("sobjects/{entity}/{made}?fields=Id,{STAMP}"),
            AFTER,
            None,
        ));
        let written = match self.write_parts(entity, &parts, &fields, Some(key_field)).await? {
            Ok(written) => written,
            Err(seen) => return Ok(seen),
        };
        let (Some(id), Some(stamp)) = (written.id, written.stamp) else {
            return Ok(Seen::Unknown(format!(
                "Salesforce created a record of `{entity}`, but did not say which"
            )));
        };
        let shape = Shape::of(use_);
        let mut now: Fields =
            shape.columns.iter().map(|(name, _)| ((*name).to_owned(), Value::Empty)).collect();
        now.extend(fields);
        let key = RecordKey { entity: entity.to_owned(), id };
        Ok(Seen::Written { version: version::version(stamp, &now), key: Some(key) })
    }

    /// The fields with references to companions replaced, once the plugin's declaration allows them all.
    pub(super) async fn with_companions(
        &self,
        use_: &EntityUse,
        fields: &Fields,
        companions: &[Companion],
    ) -> Result<Result<Fields, SystemRefusal>, Fault> {
        if let Some(name) = fields.keys().find(|name| !may_write(use_, name)) {
            let reason = format!(
                "`{}.{name}` is not declared as written by the plugin; nothing was sent",
                use_.entity
            );
            return Ok(Err(SystemRefusal { fields: vec![name.clone()], reason }));
        }
        replaced(self, fields, companions).await
    }

    /// Carries the parts out, or says what came of it instead.
    async fn write_parts(
        &self,
        entity: &str,
        parts: &[Part],
        fields: &Fields,
        creates: Option<&str>,
    ) -> Result<Result<Written, Seen>, Fault> {
        let (part, error) = match self.tell_all(parts).await {
            Ok(Outcome::Done(answers)) => {
                let named = |name: &str| {
                    parts
                        .iter()
                        .zip(&answers)
                        .find(|(part, _)| part.name == name)
                        .map(|(_, answer)| &answer.body)
                };
                let text = |part: &str, name: &str| named(part)?.get(name)?.as_str().map(str::to_owned);
                let id = text(RECORD, "id").or_else(|| text(AFTER, "Id"));
                return Ok(Ok(Written {
                    id: id.and_then(|id| id::canonical(&id)),
                    stamp: text(AFTER, STAMP).and_then(|at| instant(&at)),
                }));
            }
            Ok(Outcome::Failed { part, error }) => (part, error),
            Ok(Outcome::Unclear(reason)) | Err(Failure::Unknown(reason)) => {
                return Ok(Err(Seen::Unknown(cut(&format!("`{entity}`: {reason}")))));
            }
            Err(Failure::Fault(fault)) => return Err(fault),
        };
        let sent: Vec<&str> = fields.keys().map(String::as_str).collect();
        let list =
            self.primary(entity)?.fields.iter().find(|field| {
                [row_part("insert", &field.name), row_part("delete", &field.name)].contains(&part)
            });
        let list = list.map(|field| field.name.as_str());
        let attempt = Attempt { creates, fields: &sent, list, limit_pause: self.limit_pause() };
        answer::refused_write(&error, &attempt).map(Err)
    }

    /// Refuses to create under a key that the organisation does not keep unique: a second record would be made.
    async fn check_unique(&self, entity: &str, field: &str) -> Result<(), Fault> {
        let name = format!("{entity}.{field}");
        // Held while asking, so that many passes ask once.
        let mut unique = self.shared.unique.lock().await;
        if unique.contains(&name) {
            return Ok(());
        }
        let described = self.describe(entity).await?;
        let is = |what: &str| {
            let field =
                described.as_ref()?.get("fields")?.as_array()?.iter().find(|one| one["name"] == *field)?;
            Some(field.get(what) == Some(&Json::Bool(true)))
        };
        match is("unique").zip(is("externalId")) {
            Some((true, true)) => {
                unique.push(name);
                Ok(())
            }
            Some(_) => Err(Fault::reject(format!(
                "`{name}` is not a unique external id, so a record could be created twice; nothing was written. Make it \
                 one (Setup, Object Manager, {entity}, Fields & Relationships), or see `crosswalk crm provision`"
            ))),
            None => Err(Fault::reject(format!(
                "the organisation has no field `{name}`, or hides it from the integration user; nothing was written. See \
                 `crosswalk crm provision`"
            ))),
        }
    }

    /// The description of an object as this user sees it; `None` if there is none.
    pub(super) async fn describe(&self, entity: &str) -> Result<Option<Json>, Fault> {
        let path = self.path(&format!("sobjects/{entity}/describe"));
        let response = self.ask(self.get(&path)?).await?;
        if response.status.is_success() {
            return json(&response).map(Some);
        }
        let error = ApiError::of(&response);
        if error.status.as_u16() == 404 && error.understood {
            return Ok(None);
        }
        Err(self.fault(&error, &format!("the description of `{entity}`")))
    }
}

/// What a write that landed tells.
struct Written {
    id: Option<String>,
    stamp: Option<Timestamp>,
}

/// The fields as a body has them and the rows to change, or why they cannot be written.
fn body(use_: &EntityUse, fields: &Fields, rows: &ListRows) -> Result<Body, SystemRefusal> {
    let mut body = Body { columns: Map::new(), lists: BTreeMap::new() };
    for (name, value) in fields {
        let declared = use_.field(name);
        let refused = |reason: String| SystemRefusal { fields: vec![name.clone()], reason };
        if declared.is_some_and(|field| field.rows.is_some()) {
            let wanted = match value {
                Value::Empty => &[],
                Value::Texts(texts) => texts.as_slice(),
                _ => return Err(refused(format!("`{}.{name}` is a list; nothing was sent", use_.entity))),
            };
            let held = rows.get(name).map(Vec::as_slice).unwrap_or_default();
            let gone = held.iter().filter(|(_, text)| !wanted.contains(text)).map(|(id, _)| id.clone());
            let mut new: Vec<String> = Vec::new();
            for text in wanted.iter().filter(|text| !text.is_empty()) {
                if !held.iter().any(|(_, held)| held == text) && !new.contains(text) {
                    new.push(text.clone());
                }
            }
            body.lists.insert(name.clone(), (gone.collect(), new));
            continue;
        }
        let json = encode(declared.map(|field| &field.kind), value).ok_or_else(|| {
            let problem = match value {
                Value::Reference(Reference::Existing(to)) => format!("`{}` is not the id of a record", to.id),
                _ => "refers to a companion that is not there".to_owned(),
            };
            refused(format!("`{}.{name}`: {problem}; nothing was sent", use_.entity))
        })?;
        body.columns.insert(name.clone(), json);
    }
    Ok(body)
}

/// The parts that change the rows of lists; `parent` is the record's id, or where to find it.
fn row_parts(use_: &EntityUse, body: &Body, parent: &str) -> Result<Vec<Part>, Fault> {
    let mut parts = Vec::new();
    for (field, (gone, new)) in &body.lists {
        let Some(rows) = use_.field(field).and_then(|field| field.rows.as_ref()) else { continue };
        if gone.len().max(new.len()) > ROWS_MAX {
            return Err(Fault::reject(format!(
                "`{}.{field}` changes by more than {ROWS_MAX} rows at once; nothing was written",
                use_.entity
            )));
        }
        if !gone.is_empty() {
            let ids = encoded(&gone.join(","), ",");
            let path = format!("composite/sobjects?ids={ids}&allOrNone=true");
            parts.push(Part::new(Method::DELETE, path, &row_part("delete", field), None));
        }
        if !new.is_empty() {
            let row = |text: &String| json!({"attributes": {"type": rows.entity}, &rows.parent: parent, &rows.column: text});
            let records: Vec<Json> = new.iter().map(row).collect();
            let body = json!({"allOrNone": true, "records": records});
            parts.push(Part::new(
                Method::POST,
                "composite/sobjects".to_owned(),
                &row_part("insert", field),
                Some(body),
            ));
        }
    }
    Ok(parts)
}

fn row_part(what: &str, field: &str) -> String {
    format!("{what}_{field}")
}

/// A time as a header has it, always in GMT.
fn http_date(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// Whether a field is the plugin's to write, or the host's own.
fn may_write(use_: &EntityUse, name: &str) -> bool {
    let own = [&use_.referral_key, &use_.stamp].into_iter().flatten().any(|own| own == name);
    own || use_.field(name).is_some_and(|field| field.writes)
}
