//! The organisation: objects, records, switches, and what one request knows about itself.

use super::{
    baseline, catalogue,
    changes::Changes,
    control::Switches,
    errors::{Outcome, Refusal, deleted, no_such_column, not_found, unreadable},
    limits::Usage,
    locators::Locators,
    metadata,
    outbound::{self, Message, Messages},
    package,
    record_id::RecordId,
    schema::{Field, Object, Origin},
    setup,
    store::{Row, Store},
    values::{Customs, whole_second},
};
use http::{HeaderMap, Method};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

/// The path under which the REST API lives.
pub(crate) const API_PATH: &str = "/services/data/";

/// The whole simulated organisation.
pub(crate) struct Org {
    /// Objects by API name.
    pub(crate) objects: BTreeMap<String, Object>,
    /// The records.
    pub(crate) store: Store,
    /// What was switched by hand.
    pub(crate) switches: Switches,
    /// What happened, and what became of it.
    pub(crate) changes: Changes,
    /// API calls of the last day.
    pub(crate) usage: Usage,
    /// Queries that have more pages.
    pub(crate) locators: Locators,
    /// Rules for outbound messages.
    pub(crate) messages: Messages,
    /// The last record number of each object, by prefix. Never taken back, so that no id comes twice.
    numbers: HashMap<[u8; 3], u64>,
}

/// One request, whether it came by itself or inside of another one.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// The method.
    pub(crate) method: Method,
    /// The segments of the path after the version, decoded.
    pub(crate) path: Vec<String>,
    /// The whole number of the API version.
    pub(crate) version: u16,
    /// Names and values of the query, decoded.
    pub(crate) query: Vec<(String, String)>,
    /// The headers.
    pub(crate) headers: HeaderMap,
    /// The body.
    pub(crate) body: bytes::Bytes,
    /// The user that the token stands for.
    pub(crate) user: RecordId,
    /// The time.
    pub(crate) now: Timestamp,
}

/// An answer, before it becomes HTTP.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: u16,
    /// Headers by their documented names.
    pub(crate) headers: Vec<(&'static str, String)>,
    /// The body; none for an empty answer.
    pub(crate) body: Option<Value>,
}

impl Answer {
    /// An answer without a body.
    pub(crate) fn empty(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    /// A JSON answer.
    pub(crate) fn json(status: u16, body: Value) -> Self {
        Self { status, headers: Vec::new(), body: Some(body) }
    }

    /// The answer to a refusal.
    pub(crate) fn refusal(refusal: &Refusal) -> Self {
        Self::json(refusal.status, refusal.body())
    }

    /// With one more header.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Whether the request was carried out.
    pub(crate) fn succeeded(&self) -> bool {
        self.status < 400 && self.status != 300
    }
}

impl Call {
    /// A header as text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// A value of the query, its name in any case.
    pub(crate) fn option(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Outcome<Value> {
        serde_json::from_slice(&self.body).map_err(|error| unreadable(error.to_string()))
    }

    /// The body as a JSON object.
    pub(crate) fn json_object(&self) -> Outcome<Map<String, Value>> {
        match self.json()? {
            Value::Object(body) => Ok(body),
            other => Err(unreadable(format!("Expected a JSON object, found {other}"))),
        }
    }

    /// The version as it stands in URLs, `v60.0`.
    pub(crate) fn version_text(&self) -> String {
        format!("v{}.0", self.version)
    }

    /// The URL of a record.
    pub(crate) fn record_url(&self, object: &str, id: impl std::fmt::Display) -> String {
        format!("{API_PATH}{}/sobjects/{object}/{id}", self.version_text())
    }

    /// The client that signs its writes with `Sforce-Call-Options: client=…`.
    pub(crate) fn client(&self) -> Option<&str> {
        let options = self.header("sforce-call-options")?;
        options.split([',', ';']).find_map(|option| option.trim().strip_prefix("client="))
    }
}

impl Org {
    /// A fresh organisation. `version` is the last record version of the one before, if there was one.
    pub(crate) fn new(switches: Switches, now: Timestamp, version: u64) -> Self {
        let objects = catalogue::objects().into_iter().chain(setup::objects());
        let mut org = Self {
            objects: objects.map(|object| (object.name.clone(), object)).collect(),
            store: Store::after(version),
            switches,
            changes: Changes::default(),
            usage: Usage::default(),
            locators: Locators::default(),
            messages: Messages::default(),
            numbers: HashMap::new(),
        };
        let names: Vec<String> = org.objects.keys().cloned().collect();
        for name in names {
            org.reindex(&name);
        }
        org.provision(now);
        baseline::fill(&mut org, now);
        org
    }

    /// Installs or removes the co-sell package, as the switch says. What it stores in standard records stays there;
    /// what a client has made under one of its names is left alone.
    pub(crate) fn provision(&mut self, now: Timestamp) {
        if !self.switches.provisioned {
            self.objects.retain(|_, object| object.origin != Origin::Package);
            for object in self.objects.values_mut() {
                object.fields.retain(|field| field.origin != Origin::Package);
            }
        } else if !self.objects.contains_key(package::SOLUTION) {
            self.objects.insert(package::SOLUTION.to_owned(), package::solution());
        }
        for name in ["Opportunity", "Lead", package::SOLUTION] {
            if self.switches.provisioned && name != package::SOLUTION {
                self.install_fields(now, name);
            }
            self.reindex(name);
        }
        self.forget_removed_fields();
    }

    fn install_fields(&mut self, now: Timestamp, name: &str) {
        for mut field in package::fields() {
            if self.objects.get(name).is_some_and(|object| object.field(&field.name).is_none()) {
                field.id = Some(metadata::record(self, now, name, &field.name));
                if let Some(object) = self.objects.get_mut(name) {
                    object.fields.push(field);
                }
            }
        }
    }

    /// Takes fields that are gone out of the Tooling API's list.
    fn forget_removed_fields(&mut self) {
        let is_there = |row: &Row| {
            let name = row.text("FullName").and_then(|name| name.split_once('.'));
            name.is_some_and(|(object, field)| {
                self.objects.get(object).is_some_and(|of| of.field(field).is_some())
            })
        };
        let gone: Vec<RecordId> =
            self.store.rows("CustomField").filter(|row| !is_there(row)).map(|row| row.id).collect();
        for id in gone {
            self.store.remove("CustomField", id);
        }
    }

    /// Makes the transaction final and returns the outbound messages that its changes became.
    pub(crate) fn commit(&mut self) -> Vec<Message> {
        self.store.commit();
        let changes = self.changes.commit();
        outbound::messages(self, &changes)
    }

    /// Brings the indexes of an object in step with its fields.
    pub(crate) fn reindex(&mut self, object: &str) {
        if let Some(object) = self.objects.get(object) {
            self.store.index(object);
        }
    }

    /// A new id for a record of an object.
    pub(crate) fn next_id(&mut self, prefix: [u8; 3]) -> RecordId {
        let number = self.numbers.entry(prefix).or_default();
        *number += 1;
        RecordId::new(&prefix, *number)
    }

    /// How many records of an object were given an id.
    pub(crate) fn records_numbered(&self, prefix: [u8; 3]) -> u64 {
        self.numbers.get(&prefix).copied().unwrap_or_default()
    }

    /// An object of the data API that this organisation has, by name in any case.
    pub(crate) fn object(&self, name: &str) -> Outcome<&Object> {
        self.find_object(name).ok_or_else(not_found)
    }

    /// An object of the data API, if this organisation has it.
    pub(crate) fn find_object(&self, name: &str) -> Option<&Object> {
        let known = self
            .objects
            .get(name)
            .or_else(|| self.objects.values().find(|object| object.name.eq_ignore_ascii_case(name)));
        known.filter(|object| !object.tooling && (self.switches.multi_currency || !object.multi_currency))
    }

    /// The object whose records have this id's prefix.
    pub(crate) fn object_of(&self, id: RecordId) -> Option<&Object> {
        self.objects.values().find(|object| object.prefix == *id.prefix().as_bytes())
    }

    /// The object behind a way to the children, and its field that leads back.
    pub(crate) fn child_of(&self, object: &Object, relationship: &str) -> Option<(&Object, String)> {
        self.objects.values().filter(|child| self.find_object(&child.name).is_some()).find_map(|child| {
            let (field, _) = child.references().find(|(_, reference)| {
                let name = reference.children.as_deref().unwrap_or_default();
                name.eq_ignore_ascii_case(relationship) && reference.to.contains(&object.name)
            })?;
            Some((child, field.name.clone()))
        })
    }

    /// The fields of an object that a user may see, in order.
    pub(crate) fn visible<'a>(&'a self, user: RecordId, object: &'a Object) -> Vec<&'a Field> {
        object.fields.iter().filter(|field| self.can_see(user, object, field)).collect()
    }

    /// A field that a user may see, by name in any case.
    pub(crate) fn field<'a>(&self, user: RecordId, object: &'a Object, name: &str) -> Outcome<&'a Field> {
        object
            .field(name)
            .filter(|field| self.can_see(user, object, field))
            .ok_or_else(|| no_such_column(&object.name, name))
    }

    /// Whether a user may see a field: it is there in this organisation, no switch hides it, and, if it was made
    /// through an API, a permission set of the user grants it. Required fields need no grant.
    pub(crate) fn can_see(&self, user: RecordId, object: &Object, field: &Field) -> bool {
        if field.multi_currency && !self.switches.multi_currency {
            return false;
        }
        if self.names(&self.switches.hidden_fields, object, field) {
            return false;
        }
        field.origin != Origin::Added
            || object.tooling
            || !field.nillable && !field.defaulted
            || self.granted(user, object, field, "PermissionsRead")
    }

    /// Whether a user who sees a field may write it too.
    pub(crate) fn can_edit(&self, user: RecordId, object: &Object, field: &Field) -> bool {
        field.origin != Origin::Added
            || !field.nillable && !field.defaulted
            || self.granted(user, object, field, "PermissionsEdit")
    }

    /// How values of a field are read here.
    pub(crate) fn customs(&self, object: &Object, field: &Field) -> Customs {
        Customs {
            trim: self.switches.trim_text,
            restricted: self.names(&self.switches.restricted_picklists, object, field),
        }
    }

    /// A record that is there: not missing, not in the recycle bin.
    pub(crate) fn row(&self, object: &str, id: RecordId) -> Outcome<Arc<Row>> {
        match self.store.row(object, id) {
            Some(row) if row.is_deleted() => Err(deleted()),
            Some(row) => Ok(Arc::clone(row)),
            None => Err(not_found()),
        }
    }

    /// The stamp of a transaction that commits now: when it began.
    pub(crate) fn stamp(&self, now: Timestamp) -> Timestamp {
        let lag = i64::try_from(self.switches.commit_lag_ms).unwrap_or(i64::MAX);
        whole_second(now.saturating_sub(SignedDuration::from_millis(lag)).unwrap_or(now))
    }

    /// Whether a switch names a field as `Object.Field`.
    fn names(&self, list: &[String], object: &Object, field: &Field) -> bool {
        list.iter()
            .filter_map(|entry| entry.split_once('.'))
            .any(|(of, name)| of.eq_ignore_ascii_case(&object.name) && name.eq_ignore_ascii_case(&field.name))
    }

    /// Whether a permission set that is assigned to the user grants a permission on a field.
    fn granted(&self, user: RecordId, object: &Object, field: &Field, permission: &str) -> bool {
        let by = |object: &str, field: &str, id: RecordId| {
            self.store.find(object, field, &super::cell::Cell::Id(id)).unwrap_or_default()
        };
        let full_name = format!("{}.{}", object.name, field.name);
        by("PermissionSetAssignment", "AssigneeId", user)
            .into_iter()
            .filter_map(|id| self.store.row("PermissionSetAssignment", id)?.id_in("PermissionSetId"))
            .flat_map(|set| by("FieldPermissions", "ParentId", set))
            .filter_map(|id| self.store.row("FieldPermissions", id))
            .any(|row| {
                row.get(permission).is_true()
                    && row.text("Field").is_some_and(|name| name.eq_ignore_ascii_case(&full_name))
            })
    }
}
