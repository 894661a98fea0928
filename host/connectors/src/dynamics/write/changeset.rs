//! A record, its child rows and its closing in one change set: all or nothing.

use bytes::Bytes;
use crosswalk_engine::{
    pass::{Seen, SystemRefusal},
    value::{Fields, RecordKey},
};
use http::{HeaderValue, Method, header};
use serde_json::{Value as Json, json};

use super::{Body, unknown};
use crate::{
    crm::Reading,
    dynamics::{
        Dynamics,
        answer::{self, Attempt},
        batch::{self, Outcome, Part},
        read::key_path,
        rows::{CHANGES_MAX, Change, print},
        state::Close,
    },
    fault::Fault,
    session::Failure,
    transport::Response,
};

impl Dynamics {
    /// Writes a record whose lists may change: looks at the rows again, and goes on only if they, and the record, are
    /// those of the version that was read.
    pub(super) async fn write_rows(
        &self,
        key: &RecordKey,
        body: Body,
        (if_match, seen): (HeaderValue, Option<&str>),
        lists: &[(String, Vec<String>)],
        close: Option<Close>,
    ) -> Result<Seen, Fault> {
        let shape = self.shape(&key.entity).await?;
        let Some(row) = self.row(&format!("{}({})", shape.set.name, key.id), &shape).await? else {
            return Ok(Seen::Stale);
        };
        let held = self.all_rows(&shape, &row, &key.id).await?;
        let now = print(held.iter().map(Vec::as_slice));
        let etag = row.get("@odata.etag").and_then(Json::as_str).unwrap_or_default();
        if seen.is_some_and(|seen| seen != now) || etag.as_bytes() != if_match.as_bytes() {
            return Ok(Seen::Stale);
        }
        let changes: Vec<Change<'_>> = shape
            .lists
            .iter()
            .zip(held)
            .filter_map(|(list, rows)| {
                let (_, wanted) = lists.iter().find(|(name, _)| *name == list.field.name)?;
                Some(list.change(wanted, rows)).filter(|change| !change.is_empty())
            })
            .collect();
        if changes.is_empty() && close.is_none() {
            return self.patch(key, body, if_match, Some(&now)).await;
        }
        self.change_set(key, body, if_match, &changes, close).await
    }

    /// Writes the fields and rows and closes the opportunity, all or nothing. If it is closed already in another way, it
    /// is reopened in the same change set.
    pub(super) async fn change_set(
        &self,
        key: &RecordKey,
        mut body: Body,
        if_match: HeaderValue,
        changes: &[Change<'_>],
        close: Option<Close>,
    ) -> Result<Seen, Fault> {
        if let Some(refusal) = too_many(changes) {
            return Ok(Seen::Refused(refusal));
        }
        for reopen in [false, true] {
            if reopen {
                body.json.insert("statecode".to_owned(), json!(0));
            }
            let parts = self.parts(key, &body, &if_match, changes, close).await?;
            let response = match self.send(&parts).await {
                Ok(response) => response,
                Err(failure) => return unknown(failure),
            };
            match batch::outcome(&response, parts.len()) {
                Outcome::Done => break,
                Outcome::Unclear => return Ok(Seen::Unknown(UNCLEAR.to_owned())),
                // Nothing was written, so the same at the same version may be tried with a reopening.
                Outcome::Failed(error) if !reopen && close.is_some() && error.is(answer::ALREADY_CLOSED) => {}
                Outcome::Failed(error) => {
                    let mut names = body.names;
                    names.extend(changes.iter().flat_map(Change::names));
                    names.extend(["statecode", "statuscode"].map(|name| (name.to_owned(), name.to_owned())));
                    let rows = changes.iter().flat_map(Change::ids);
                    let ids: Vec<&str> = std::iter::once(key.id.as_str()).chain(rows).collect();
                    return answer::refused_write(&error, &Attempt { ids: &ids, names: &names });
                }
            }
        }
        // A change set answers without versions. If this read fails the write has landed all the same.
        let now = self.read(key).await.ok().and_then(Reading::found);
        let version = now.map(|now| now.version).unwrap_or_default();
        Ok(Seen::Written { version, key: Some(key.clone()) })
    }

    /// Creates a record under its key together with its first rows.
    pub(super) async fn create_with_rows(
        &self,
        entity: &str,
        (key_column, key_value): (&str, &str),
        fields: &Fields,
        lists: &[(String, Vec<String>)],
    ) -> Result<Seen, Fault> {
        let shape = self.shape(entity).await?;
        let Some(path) = key_path(&shape.set, key_column, key_value) else {
            let reason = format!("`{key_value}` cannot be a key in `{key_column}`; nothing was sent");
            return Ok(Seen::Refused(SystemRefusal { fields: vec![key_column.to_owned()], reason }));
        };
        let body = match self.body(entity, fields).await? {
            Ok(body) => body,
            Err(refusal) => return Ok(Seen::Refused(refusal)),
        };
        let changes: Vec<Change<'_>> = shape
            .lists
            .iter()
            .filter_map(|list| {
                let (_, wanted) = lists.iter().find(|(name, _)| *name == list.field.name)?;
                Some(list.change(wanted, Vec::new()))
            })
            .collect();
        if let Some(refusal) = too_many(&changes) {
            return Ok(Seen::Refused(refusal));
        }
        let root = self.base.path();
        let mut parts = vec![Part {
            method: "PATCH",
            path: format!("{root}{path}"),
            condition: Some(("If-None-Match", HeaderValue::from_static("*"))),
            body: Some(Json::Object(body.json).to_string()),
        }];
        // The rows find the record by the key that it is created under, inside of the same transaction.
        parts.extend(changes.iter().flat_map(|change| change.parts(root, &format!("/{path}"))));
        let response = match self.send(&parts).await {
            Ok(response) => response,
            Err(failure) => return unknown(failure),
        };
        match batch::outcome(&response, parts.len()) {
            Outcome::Done => Ok(self.look_up_created(entity, key_column, key_value).await),
            Outcome::Unclear => Ok(Seen::Unknown(UNCLEAR.to_owned())),
            Outcome::Failed(error) => {
                let mut names = body.names;
                names.extend(changes.iter().flat_map(Change::names));
                answer::refused_write(&error, &Attempt { ids: &[], names: &names })
            }
        }
    }

    /// The requests: the record first, so that its version is looked at before anything else; its closing last.
    async fn parts(
        &self,
        key: &RecordKey,
        body: &Body,
        if_match: &HeaderValue,
        changes: &[Change<'_>],
        close: Option<Close>,
    ) -> Result<Vec<Part>, Fault> {
        let set = self.entity_set(&key.entity).await?;
        let (root, record) = (self.base.path(), format!("{}({})", set.name, key.id));
        let mut parts = vec![Part {
            method: "PATCH",
            path: format!("{root}{record}"),
            condition: Some(("If-Match", if_match.clone())),
            body: Some(Json::Object(body.json.clone()).to_string()),
        }];
        parts.extend(changes.iter().flat_map(|change| change.parts(root, &format!("/{record}"))));
        if let Some(close) = close {
            let closing = json!({
                "Status": close.status(),
                "OpportunityClose": {
                    "subject": &*self.close_subject,
                    format!("{}@odata.bind", set.id_column): format!("/{record}"),
                },
            });
            let path = format!("{root}{}", close.action());
            parts.push(Part { method: "POST", path, condition: None, body: Some(closing.to_string()) });
        }
        Ok(parts)
    }

    /// Sends one change set.
    pub(in crate::dynamics) async fn send(&self, parts: &[Part]) -> Result<Response, Failure> {
        let (text, content_type) = batch::change_set(parts);
        let mut request = self.request(Method::POST, self.at("$batch", &[]).map_err(Failure::Fault)?);
        let content_type = HeaderValue::from_str(&content_type)
            .map_err(|_| Failure::Fault(Fault::reject("a change set has no legal content type")))?;
        request.headers.insert(header::CONTENT_TYPE, content_type);
        request.body = Bytes::from(text);
        self.session.write(request).await
    }
}

pub(in crate::dynamics) const UNCLEAR: &str = "Dataverse's answer to a change set does not say";

/// Refuses what no change set holds.
fn too_many(changes: &[Change<'_>]) -> Option<SystemRefusal> {
    let rows: usize = changes.iter().map(Change::len).sum();
    (rows > CHANGES_MAX).then(|| SystemRefusal {
        fields: changes.iter().flat_map(Change::names).map(|(name, _)| name).collect(),
        reason: format!(
            "{rows} child rows would change, and one change set holds {CHANGES_MAX}; nothing was sent"
        ),
    })
}
