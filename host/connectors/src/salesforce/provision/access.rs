//! Access: one permission set that shows the integration user all that is custom.

use std::collections::BTreeMap;

use http::Method;
use serde_json::{Map, Value as Json, json};

use super::{
    Run,
    fields::{Role, Wanted},
};
use crate::{
    crm::StepState,
    fault::Fault,
    salesforce::{id, query::Query, soql},
};

/// What the permission set must give.
#[derive(Default)]
pub(super) struct Access {
    /// By object, whether rows of it are deleted too.
    objects: BTreeMap<String, bool>,
    /// By object and field, whether it is written.
    fields: BTreeMap<(String, String), bool>,
}

impl Access {
    pub(super) fn object(&mut self, entity: &str, deletes: bool) {
        *self.objects.entry(entity.to_owned()).or_default() |= deletes;
    }

    pub(super) fn field(&mut self, entity: &str, wanted: &Wanted<'_>) {
        // docs: who may see the row may see what it belongs to, and no permission can say otherwise.
        if wanted.role != Role::Parent {
            *self.fields.entry((entity.to_owned(), wanted.name.to_owned())).or_default() |= wanted.writes;
        }
    }
}

/// A kind of rows that a permission set has.
struct RowKind {
    object: &'static str,
    /// The field that leads to the set.
    set: &'static str,
    columns: &'static [&'static str],
}

const OBJECT: RowKind = RowKind {
    object: "ObjectPermissions",
    set: "ParentId",
    columns: &[
        "Id",
        "SobjectType",
        "PermissionsRead",
        "PermissionsCreate",
        "PermissionsEdit",
        "PermissionsDelete",
    ],
};
const FIELD: RowKind = RowKind {
    object: "FieldPermissions",
    set: "ParentId",
    columns: &["Id", "SobjectType", "Field", "PermissionsRead", "PermissionsEdit"],
};
const ASSIGNMENT: RowKind =
    RowKind { object: "PermissionSetAssignment", set: "PermissionSetId", columns: &["Id", "AssigneeId"] };

/// One row that the permission set must have.
struct Grant {
    what: String,
    kind: &'static RowKind,
    key: Vec<(&'static str, String)>,
    /// What must be set in it.
    flags: Vec<&'static str>,
}

impl Run<'_> {
    pub(super) async fn give_access(&mut self, user: &str) -> Result<(), Fault> {
        let name = self.client.shared.config.permission_set.clone();
        let what = format!("permission set {name}");
        let mut set = self.permission_set(&name).await?;
        if set.is_some() {
            self.step(what, StepState::Present);
        } else {
            let body = json!({"Name": name, "Label": name, "Description": "What Crosswalk's integration user needs"});
            let path = self.client.path("sobjects/PermissionSet");
            let request = self.client.send(Method::POST, &path, &body)?;
            if self.make(what, request).await {
                set = self.permission_set(&name).await?;
            }
        }
        let assigned = Grant {
            what: format!("permission set {name} for the integration user"),
            kind: &ASSIGNMENT,
            key: vec![("AssigneeId", user.to_owned())],
            flags: Vec::new(),
        };
        let (objects, fields) = self.grants();
        for (kind, grants) in [(&OBJECT, objects), (&FIELD, fields), (&ASSIGNMENT, vec![assigned])] {
            let held = match &set {
                Some(set) => self.held(kind, set).await?,
                None => Vec::new(),
            };
            for grant in grants {
                self.grant(set.as_deref(), &held, grant).await?;
            }
        }
        Ok(())
    }

    async fn permission_set(&self, name: &str) -> Result<Option<String>, Fault> {
        let query = format!("SELECT Id FROM PermissionSet WHERE Name = {}", soql::text(name));
        let rows = self.client.query(Query::new(query)).await?;
        Ok(rows.first().and_then(|row| id::canonical(row.get("Id")?.as_str()?)))
    }

    async fn held(&self, kind: &RowKind, set: &str) -> Result<Vec<Json>, Fault> {
        let condition = format!("{} = {}", kind.set, soql::text(set));
        let query = format!("SELECT {} FROM {} WHERE {condition}", kind.columns.join(","), kind.object);
        self.client.query(Query::new(query)).await
    }

    /// What must be given on objects, and on fields.
    fn grants(&self) -> (Vec<Grant>, Vec<Grant>) {
        let objects = self.access.objects.iter().map(|(entity, deletes)| {
            let mut flags = vec!["PermissionsRead", "PermissionsCreate", "PermissionsEdit"];
            flags.extend(deletes.then_some("PermissionsDelete"));
            let key = vec![("SobjectType", entity.clone())];
            Grant { what: format!("access to {entity}"), kind: &OBJECT, key, flags }
        });
        let fields = self.access.fields.iter().map(|((entity, field), writes)| {
            let mut flags = vec!["PermissionsRead"];
            flags.extend(writes.then_some("PermissionsEdit"));
            let key = vec![("SobjectType", entity.clone()), ("Field", format!("{entity}.{field}"))];
            Grant { what: format!("access to {entity}.{field}"), kind: &FIELD, key, flags }
        });
        (objects.collect(), fields.collect())
    }

    async fn grant(&mut self, set: Option<&str>, held: &[Json], grant: Grant) -> Result<(), Fault> {
        let Some(set) = set else {
            let state = if self.dry_run {
                StepState::Missing
            } else {
                StepState::Failed("there is no permission set to put it into".to_owned())
            };
            self.step(grant.what, state);
            return Ok(());
        };
        let is = |row: &&Json| grant.key.iter().all(|(name, value)| row[*name] == **value);
        let held = held.iter().find(is);
        if held.is_some_and(|held| grant.flags.iter().all(|flag| held[*flag] == true)) {
            self.step(grant.what, StepState::Present);
            return Ok(());
        }
        let flags = grant.flags.iter().map(|flag| ((*flag).to_owned(), Json::Bool(true)));
        let mut body: Map<String, Json> = flags.collect();
        let object = grant.kind.object;
        let (method, path) = match held.and_then(|held| id::canonical(held.get("Id")?.as_str()?)) {
            Some(id) => (Method::PATCH, format!("sobjects/{object}/{id}")),
            None => {
                body.insert(grant.kind.set.to_owned(), set.into());
                body.extend(
                    grant.key.iter().map(|(name, value)| ((*name).to_owned(), value.as_str().into())),
                );
                (Method::POST, format!("sobjects/{object}"))
            }
        };
        let request = self.client.send(method, &self.client.path(&path), &Json::Object(body))?;
        self.make(grant.what, request).await;
        Ok(())
    }
}
