//! Writes: at the version that was read, or under a key that nothing holds yet.
//!
//! What one PATCH can do is one PATCH. Child rows and the closing of an opportunity make it a change set ([`changeset`]).

mod changeset;

use bytes::Bytes;
use crosswalk_engine::{
    mapping::{Companion, EntityUse},
    pass::{Seen, SystemRefusal},
    value::{Fields, Kind, RecordKey, Reference, Value},
};
use http::{HeaderName, HeaderValue, Method, header};
use serde_json::{Map, Value as Json};

pub(super) use self::changeset::UNCLEAR;
use super::{
    Dynamics,
    answer::{self, Attempt},
    canonical, guid,
    read::key_path,
    rows::{parts_of, print, split_lists, whole_version},
    state::{Close, Later, split_close, split_later},
    value::encode,
    version,
};
use crate::{
    companions::replaced,
    crm::Reading,
    fault::Fault,
    session::{ApiError, Failure},
    text::cut,
    transport::Response,
};

/// What is to be written to one record.
#[derive(Clone)]
struct Write {
    fields: Fields,
    /// By field name, the texts that a list of child rows shall hold.
    lists: Vec<(String, Vec<String>)>,
    close: Option<Close>,
}

/// The body of a write.
pub(super) struct Body {
    pub(super) json: Map<String, Json>,
    /// Logical names, each with the name that the body uses for it; for [`Attempt::names`].
    pub(super) names: Vec<(String, String)>,
}

impl Dynamics {
    /// Writes these fields if the record still has this version. Companions are found, or created, first; a field's
    /// reference to one becomes a reference to its record.
    ///
    /// `statecode` and `statuscode` are written as the API wants them: Won and Lost go through their actions, in one
    /// change set with all other fields; anything else goes with the PATCH. The rows of a list that changes are made and
    /// deleted in that change set too; rows that are not those of the version read make it [`Seen::Stale`].
    ///
    /// Answers with [`Seen::Written`] (its version empty if the API does not tell the new one), [`Seen::Stale`] (also
    /// if the record is gone), [`Seen::Refused`] or [`Seen::Unknown`].
    ///
    /// # Errors
    /// A [`Fault`] means that nothing of the record was written; companions may have been created.
    pub async fn update(
        &self,
        key: &RecordKey,
        fields: &Fields,
        companions: &[Companion],
        version: &str,
    ) -> Result<Seen, Fault> {
        let key = canonical(key)?;
        if let Err(refusal) = if_match(&key, version) {
            return Ok(Seen::Refused(refusal));
        }
        let mut fields = match self.with_companions(&key.entity, fields, companions).await? {
            Ok(fields) => fields,
            Err(refusal) => return Ok(Seen::Refused(refusal)),
        };
        let use_ = self.linked(&key.entity)?;
        let lists = split_lists(use_, &mut fields);
        let close = split_close(&key.entity, &mut fields);
        let write = Write { fields, lists, close };
        let written = self.write_at(&key, write.clone(), version).await?;
        if let (Seen::Refused(refusal), Some(column)) = (&written, &use_.referral_key)
            && refusal.fields.contains(column)
            && let Some(Value::Text(referral)) = write.fields.get(column)
            && self.gives_up_key(&key, column, referral).await?
        {
            return self.write_at(&key, write, version).await;
        }
        Ok(written)
    }

    /// Creates a record under this key, unless one holds it already, which is [`Seen::Stale`]. Companions as for
    /// [`Dynamics::update`].
    ///
    /// Its child rows are made with it, in one change set. A record cannot be created closed. One that shall be is
    /// created open, without the stamp, and then closed with it. If that stops between the two, the answer is [`Seen::Unknown`] (or [`Seen::Refused`]): the record exists,
    /// is open and carries the key but not the stamp, so the next pass finds it by the key and goes on from there.
    ///
    /// # Errors
    /// A [`Fault`] means that no record was created; companions may have been.
    pub async fn create(
        &self,
        entity: &str,
        key_column: &str,
        key_value: &str,
        fields: &Fields,
        companions: &[Companion],
    ) -> Result<Seen, Fault> {
        let mut fields = match self.with_companions(entity, fields, companions).await? {
            Ok(fields) => fields,
            Err(refusal) => return Ok(Seen::Refused(refusal)),
        };
        // docs: a key column in the body wins over the address, so it must not be there.
        fields.remove(key_column);
        let use_ = self.linked(entity)?;
        let mut lists = split_lists(use_, &mut fields);
        lists.retain(|(_, texts)| !texts.is_empty());
        let later = split_later(entity, use_.stamp.as_deref(), &mut fields);
        let created = match lists.is_empty() {
            true => self.create_open(entity, key_column, key_value, &fields).await?,
            false => self.create_with_rows(entity, (key_column, key_value), &fields, &lists).await?,
        };
        match (created, later) {
            (Seen::Written { version, key: Some(key) }, Some(later)) => {
                Ok(self.finish_create(key, version, later).await)
            }
            (created, _) => Ok(created),
        }
    }

    /// The declaration of an entity that records are linked of.
    pub(super) fn linked(&self, entity: &str) -> Result<&EntityUse, Fault> {
        let declared = self.manifest.primary(entity);
        declared.ok_or_else(|| {
            Fault::reject(format!("the plugin does not declare `{entity}` as an entity to link"))
        })
    }

    /// The fields with references to companions replaced, once the plugin's declaration allows them all.
    pub(super) async fn with_companions(
        &self,
        entity: &str,
        fields: &Fields,
        companions: &[Companion],
    ) -> Result<Result<Fields, SystemRefusal>, Fault> {
        let use_ = self.linked(entity)?;
        if let Some(name) = fields.keys().find(|name| !may_write(use_, name)) {
            let reason =
                format!("`{entity}.{name}` is not declared as written by the plugin; nothing was sent");
            return Ok(Err(SystemRefusal { fields: vec![name.clone()], reason }));
        }
        replaced(self, fields, companions).await
    }

    async fn create_open(
        &self,
        entity: &str,
        key_column: &str,
        key_value: &str,
        fields: &Fields,
    ) -> Result<Seen, Fault> {
        let set = self.entity_set(entity).await?;
        let Some(path) = key_path(&set, key_column, key_value) else {
            let reason = format!("`{key_value}` cannot be a key in `{key_column}`; nothing was sent");
            return Ok(Seen::Refused(SystemRefusal { fields: vec![key_column.to_owned()], reason }));
        };
        let body = match self.body(entity, fields).await? {
            Ok(body) => body,
            Err(refusal) => return Ok(Seen::Refused(refusal)),
        };
        let mut request = self.request(Method::PATCH, self.at(&path, &[("$select", set.id_column.clone())])?);
        request.headers.insert(header::IF_NONE_MATCH, HeaderValue::from_static("*"));
        request.headers.insert(PREFER, RETURN_REPRESENTATION);
        request.body = Bytes::from(Json::Object(body.json).to_string());
        let response = match self.session.write(request).await {
            Ok(response) => response,
            Err(failure) => return unknown(failure),
        };
        if !response.status.is_success() {
            let attempt = Attempt { ids: &[], names: &body.names };
            return answer::refused_write(&ApiError::of(&response), &attempt);
        }
        let written = self.written(entity, &set.id_column, &response);
        if !matches!(written, Seen::Written { key: None, .. }) {
            return Ok(written);
        }
        // Nothing came back, although it was asked for.
        Ok(self.look_up_created(entity, key_column, key_value).await)
    }

    /// Reads what was just created.
    async fn look_up_created(&self, entity: &str, key_column: &str, key_value: &str) -> Seen {
        match self.find_by_key(entity, key_column, key_value).await {
            Ok(Some(found)) => Seen::Written { version: found.version, key: Some(found.value.key) },
            Ok(None) => {
                Seen::Unknown(format!("Dataverse created a record of `{entity}`, but does not find it"))
            }
            Err(fault) => Seen::Unknown(cut(&format!(
                "Dataverse created a record of `{entity}`, but did not say which: {}",
                fault.reason()
            ))),
        }
    }

    /// Closes a record that was just created.
    async fn finish_create(&self, key: RecordKey, version: String, later: Later) -> Seen {
        let write = || Write { fields: later.fields.clone(), lists: Vec::new(), close: later.close };
        let mut closed = self.write_at(&key, write(), &version).await;
        if matches!(closed, Ok(Seen::Stale)) {
            // The organisation's own automation touches a new record at once; nobody has decided anything yet.
            if let Ok(Reading::Found(now)) = self.read(&key).await {
                closed = self.write_at(&key, write(), &now.version).await;
            }
        }
        let reason = match closed {
            Ok(written @ Seen::Written { .. }) => return written,
            Ok(Seen::Refused(refusal)) => {
                let reason =
                    cut(&format!("record `{}` was created open; closing it: {}", key.id, refusal.reason));
                return Seen::Refused(SystemRefusal { fields: refusal.fields, reason });
            }
            Ok(Seen::Unknown(reason)) => reason,
            Ok(_) => "it changed meanwhile".to_owned(),
            Err(fault) => fault.reason().to_owned(),
        };
        Seen::Unknown(cut(&format!("record `{}` was created open, but perhaps not closed: {reason}", key.id)))
    }

    /// Writes to an existing record, by a PATCH or, with rows or to close it, by a change set.
    async fn write_at(&self, key: &RecordKey, write: Write, version: &str) -> Result<Seen, Fault> {
        let (_, print) = parts_of(version);
        let if_match = match if_match(key, version) {
            Ok(if_match) => if_match,
            Err(refusal) => return Ok(Seen::Refused(refusal)),
        };
        let body = match self.body(&key.entity, &write.fields).await? {
            Ok(body) => body,
            Err(refusal) => return Ok(Seen::Refused(refusal)),
        };
        match (write.lists.as_slice(), write.close) {
            ([], None) => self.patch(key, body, if_match, print).await,
            ([], Some(close)) => self.change_set(key, body, if_match, &[], Some(close)).await,
            (lists, close) => self.write_rows(key, body, (if_match, print), lists, close).await,
        }
    }

    /// Writes the fields alone; `print` is that of the rows, which stay as they are.
    async fn patch(
        &self,
        key: &RecordKey,
        body: Body,
        if_match: HeaderValue,
        print: Option<&str>,
    ) -> Result<Seen, Fault> {
        let set = self.entity_set(&key.entity).await?;
        let path = format!("{}({})", set.name, key.id);
        let mut request = self.request(Method::PATCH, self.at(&path, &[("$select", set.id_column.clone())])?);
        request.headers.insert(header::IF_MATCH, if_match);
        request.headers.insert(PREFER, RETURN_REPRESENTATION);
        request.body = Bytes::from(Json::Object(body.json).to_string());
        let response = match self.session.write(request).await {
            Ok(response) => response,
            Err(failure) => return unknown(failure),
        };
        if !response.status.is_success() {
            let attempt = Attempt { ids: &[&key.id], names: &body.names };
            return answer::refused_write(&ApiError::of(&response), &attempt);
        }
        let body = serde_json::from_slice(&response.body).ok();
        let version = version(&response, body.as_ref()).map(|etag| whole_version(&etag, print));
        let version = version.unwrap_or_default();
        Ok(Seen::Written { version, key: Some(key.clone()) })
    }

    /// The fields as a body has them, or why they cannot be in one.
    pub(super) async fn body(
        &self,
        entity: &str,
        fields: &Fields,
    ) -> Result<Result<Body, SystemRefusal>, Fault> {
        let mut body = Body { json: Map::new(), names: Vec::with_capacity(fields.len()) };
        for (field, value) in fields {
            let declared = self.kind(entity, field);
            let (name, value) = match (value, declared) {
                (Value::Reference(Reference::Existing(to)), _) => {
                    let Some(id) = guid(&to.id) else {
                        let reason = format!("`{entity}.{field}`: `{}` is not the id of a record", to.id);
                        return Ok(Err(SystemRefusal { fields: vec![field.clone()], reason }));
                    };
                    let set = self.entity_set(&to.entity).await?;
                    body.names.push((field.clone(), id.clone()));
                    let navigation = self.navigation(entity, field, &to.entity).await?;
                    (format!("{navigation}@odata.bind"), Json::String(format!("/{}({id})", set.name)))
                }
                (Value::Empty, Some(Kind::Reference(target))) => {
                    let navigation = self.navigation(entity, field, target).await?;
                    (format!("{navigation}@odata.bind"), Json::Null)
                }
                (value, _) => match encode(value) {
                    Some(value) => (field.clone(), value),
                    None => {
                        let reason = format!("`{entity}.{field}` refers to a companion that is not there");
                        return Ok(Err(SystemRefusal { fields: vec![field.clone()], reason }));
                    }
                },
            };
            body.names.push((field.clone(), name.clone()));
            body.json.insert(name, value);
        }
        Ok(Ok(body))
    }

    /// What the successful creation of a record without rows tells: version and id.
    fn written(&self, entity: &str, id_column: &str, response: &Response) -> Seen {
        let body: Option<Json> = serde_json::from_slice(&response.body).ok();
        let id = body.as_ref().and_then(|body| body.get(id_column)).and_then(Json::as_str).and_then(guid);
        let key = id.map(|id| RecordKey { entity: entity.to_owned(), id });
        let version = version(response, body.as_ref()).map(|etag| self.version_without_rows(entity, &etag));
        Seen::Written { version: version.unwrap_or_default(), key }
    }

    /// The version of a record that was just made and has no child rows.
    pub(super) fn version_without_rows(&self, entity: &str, etag: &str) -> String {
        let use_ = self.manifest.primary(entity);
        let has_lists = use_.is_some_and(|use_| use_.fields.iter().any(|field| field.rows.is_some()));
        let print = has_lists.then(|| print(std::iter::empty()));
        whole_version(etag, print.as_deref())
    }
}

const PREFER: HeaderName = HeaderName::from_static("prefer");
const RETURN_REPRESENTATION: HeaderValue = HeaderValue::from_static("return=representation");

/// The record's own version as a header. Without one nothing is written: it would be written blindly.
pub(super) fn if_match(key: &RecordKey, version: &str) -> Result<HeaderValue, SystemRefusal> {
    let (etag, _) = parts_of(version);
    HeaderValue::from_str(etag).ok().filter(|value| !value.is_empty()).ok_or_else(|| {
        let reason = format!("record `{}` was not written: its version is not known", key.id);
        SystemRefusal { fields: Vec::new(), reason }
    })
}

/// Whether a field is the plugin's to write, or the host's own.
fn may_write(use_: &EntityUse, name: &str) -> bool {
    let own = [&use_.referral_key, &use_.stamp].into_iter().flatten().any(|own| own == name);
    own || use_.field(name).is_some_and(|field| field.writes)
}

/// A write without an answer to look at.
pub(super) fn unknown(failure: Failure) -> Result<Seen, Fault> {
    match failure {
        Failure::Fault(fault) => Err(fault),
        Failure::Unknown(reason) => Ok(Seen::Unknown(reason)),
    }
}
