//! What is declared of an entity, and so what a query asks for.

use std::collections::BTreeSet;

use crosswalk_engine::{
    mapping::{EntityUse, Manifest, Rows},
    value::Kind,
};

use super::{Salesforce, soql};
use crate::fault::{ConfigError, Fault};

/// When the record was last modified, by a person or by the system: what the API's conditions go by, or later.
pub(super) const STAMP: &str = "SystemModstamp";

/// A record that a read follows a reference to.
pub(super) struct Follow<'a> {
    pub(super) via: &'a str,
    pub(super) use_: &'a EntityUse,
    /// `Account` for `AccountId`.
    pub(super) relationship: String,
}

/// A declared list that is kept as child rows.
#[derive(Clone, Copy)]
pub(super) struct List<'a> {
    pub(super) field: &'a str,
    pub(super) rows: &'a Rows,
}

/// All that is asked of one entity.
pub(super) struct Shape<'a> {
    pub(super) entity: &'a str,
    pub(super) columns: Vec<(&'a str, &'a Kind)>,
    pub(super) follow: Vec<Follow<'a>>,
    pub(super) lists: Vec<List<'a>>,
}

impl Salesforce {
    /// The declaration of a linked entity.
    pub(super) fn primary(&self, entity: &str) -> Result<&EntityUse, Fault> {
        self.manifest.primary(entity).ok_or_else(|| {
            Fault::reject(format!("the plugin does not declare `{entity}` as an entity to link"))
        })
    }

    /// What a read of a linked entity asks for.
    pub(super) fn shape(&self, entity: &str) -> Result<Shape<'_>, Fault> {
        let primary = self.primary(entity)?;
        let only_one = self.manifest.entities.iter().filter(|use_| use_.via.is_none()).count() == 1;
        let reached = self.manifest.entities.iter().filter_map(|use_| Some((use_.via.as_deref()?, use_)));
        let follow = reached
            // A plugin for opportunities and leads may follow a reference that only one of them has.
            .filter(|(via, _)| only_one || primary.field(via).is_some())
            .map(|(via, use_)| Follow { via, use_, relationship: self.relationship(entity, via) });
        Ok(Shape { follow: follow.collect(), ..Shape::of(primary) })
    }

    /// What a reference leads through.
    fn relationship(&self, entity: &str, field: &str) -> String {
        let configured = &self.shared.config.relationships;
        let names = [format!("{entity}.{field}"), field.to_owned()];
        if let Some(name) = names.iter().find_map(|name| configured.get(name)) {
            return name.clone();
        }
        match (field.strip_suffix("__c"), field.strip_suffix("Id")) {
            (Some(name), _) => format!("{name}__r"),
            (None, Some(name)) => name.to_owned(),
            (None, None) => field.to_owned(),
        }
    }
}

impl<'a> Shape<'a> {
    /// All that is declared of the entity itself, and the host's own two fields.
    pub(super) fn of(use_: &'a EntityUse) -> Self {
        let (lists, columns): (Vec<_>, Vec<_>) = use_.fields.iter().partition(|field| field.rows.is_some());
        let mut columns: Vec<_> =
            columns.into_iter().map(|field| (field.name.as_str(), &field.kind)).collect();
        for own in [&use_.referral_key, &use_.stamp].into_iter().flatten() {
            if use_.field(own).is_none() {
                columns.push((own, &Kind::Text));
            }
        }
        let lists = lists.into_iter();
        let lists = lists.filter_map(|field| Some(List { field: &field.name, rows: field.rows.as_ref()? }));
        Shape { entity: &use_.entity, columns, follow: Vec::new(), lists: lists.collect() }
    }

    /// `SELECT … FROM …` for a linked record, with its version and what tells that it lives on as another one.
    pub(super) fn select(&self) -> String {
        let mut names = self.names();
        names.extend(["IsDeleted", STAMP].map(str::to_owned));
        names.extend(succession(self.entity).iter().map(|name| (*name).to_owned()));
        for follow in &self.follow {
            let of = |name: &str| format!("{}.{name}", follow.relationship);
            names.insert(of("Id"));
            names.extend(columns_of_related(follow.use_).map(|(name, _)| of(name)));
        }
        select(names, self.entity)
    }

    /// `SELECT … FROM …` for a search. Not every object has a recycle bin, and some have no times.
    pub(super) fn select_to_search(&self) -> String {
        select(self.names(), self.entity)
    }

    fn names(&self) -> BTreeSet<String> {
        let columns = self.columns.iter().map(|(name, _)| *name);
        columns.chain(["Id"]).map(str::to_owned).collect()
    }
}

fn select(names: BTreeSet<String>, entity: &str) -> String {
    let names: Vec<String> = names.into_iter().collect();
    format!("SELECT {} FROM {entity}", names.join(","))
}

/// The fields of an entity that is reached through a reference: what the plugin reads.
pub(super) fn columns_of_related(use_: &EntityUse) -> impl Iterator<Item = (&str, &Kind)> {
    let read = use_.fields.iter().filter(|field| field.reads && field.rows.is_none());
    read.map(|field| (field.name.as_str(), &field.kind))
}

/// The fields that say that a record lives on as another one. No other standard objects can be merged or converted.
fn succession(entity: &str) -> &'static [&'static str] {
    match entity {
        "Lead" => &["MasterRecordId", "IsConverted", "ConvertedOpportunityId", "ConvertedAccountId"],
        "Account" | "Contact" => &["MasterRecordId"],
        _ => &[],
    }
}

/// Refuses a manifest with names that could change the meaning of a query or an address.
pub(super) fn check(manifest: &Manifest) -> Result<(), ConfigError> {
    for use_ in manifest.entities.iter().chain(&manifest.lookups) {
        let own = [&use_.via, &use_.referral_key, &use_.stamp].into_iter().flatten();
        let fields = use_.fields.iter().map(|field| &field.name);
        let rows = use_.fields.iter().filter_map(|field| field.rows.as_ref());
        let rows = rows.flat_map(|rows| [&rows.entity, &rows.parent, &rows.column]);
        for name in std::iter::once(&use_.entity).chain(own).chain(fields).chain(rows) {
            if !soql::is_name(name) {
                return Err(ConfigError::Invalid {
                    setting: "manifest",
                    problem: format!("names `{name}`, which cannot be a Salesforce name"),
                });
            }
        }
    }
    Ok(())
}
