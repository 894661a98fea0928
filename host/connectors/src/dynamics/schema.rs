//! Names: which entity set an entity is in, how a lookup's navigation property is called, what is declared.
//!
//! What a configuration or Microsoft's documents tell is not asked for. The rest is asked of the organisation's metadata,
//! once for each table.

use std::{collections::BTreeMap, sync::Arc};

use crosswalk_engine::{
    mapping::{EntityUse, FieldUse, Manifest},
    value::Kind,
};
use tokio::sync::Mutex;

use super::{Dynamics, answer, json};
use crate::{
    fault::{ConfigError, Fault},
    text::odata,
};

/// Where an entity's records are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct EntitySet {
    /// The set's name, `opportunities`.
    pub(super) name: String,
    /// The column that holds the id, `opportunityid`.
    pub(super) id_column: String,
}

/// One lookup of a table into one other, as the metadata names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Relation {
    /// The lookup's column, `msft_opportunityid`.
    pub(super) column: String,
    /// The table that it leads to, `opportunity`.
    pub(super) target: String,
    /// What a row binds and expands, `msft_OpportunityId`.
    pub(super) navigation: String,
    /// What the other table calls the rows that lead to it; a collection.
    pub(super) collection: String,
}

/// What is known of the organisation's names.
pub(super) struct Schema {
    configured: BTreeMap<String, String>,
    navigation: BTreeMap<String, String>,
    learnt: Mutex<Learnt>,
}

/// What the metadata told, by table.
#[derive(Default)]
struct Learnt {
    sets: BTreeMap<String, EntitySet>,
    relations: BTreeMap<String, Arc<[Relation]>>,
}

impl Schema {
    pub(super) fn new(configured: BTreeMap<String, String>, navigation: BTreeMap<String, String>) -> Self {
        Schema { configured, navigation, learnt: Mutex::default() }
    }

    /// The navigation property of `entity.field` when it leads to `target`, where that can be known without asking.
    fn known_navigation(&self, entity: &str, field: &str, target: &str) -> Option<String> {
        let names = [format!("{entity}.{field}.{target}"), format!("{entity}.{field}"), field.to_owned()];
        if let Some(configured) = names.iter().find_map(|name| self.navigation.get(name)) {
            return Some(configured.clone());
        }
        match field {
            // docs: a customer lookup has one navigation property for each entity that it can lead to.
            "customerid" | "parentcustomerid" => Some(format!("{field}_{target}")),
            // Only a publisher's prefix has an underscore. Such a lookup is called by its schema name, with its capitals.
            _ => (!field.contains('_')).then(|| field.to_owned()),
        }
    }
}

impl Dynamics {
    /// The entity set of an entity: as configured, as learnt before, or from the metadata.
    pub(super) async fn entity_set(&self, entity: &str) -> Result<EntitySet, Fault> {
        if let Some(name) = self.schema.configured.get(entity) {
            return Ok(EntitySet { name: name.clone(), id_column: format!("{entity}id") });
        }
        // Held while asking, so that many passes ask once.
        let mut learnt = self.schema.learnt.lock().await;
        if let Some(known) = learnt.sets.get(entity) {
            return Ok(known.clone());
        }
        let set = self.ask_for_entity_set(entity).await?;
        learnt.sets.insert(entity.to_owned(), set.clone());
        Ok(set)
    }

    /// The navigation property of `entity.field` when it leads to `target`: as configured, as documented, or from the
    /// metadata.
    pub(super) async fn navigation(&self, entity: &str, field: &str, target: &str) -> Result<String, Fault> {
        match self.schema.known_navigation(entity, field, target) {
            Some(known) => Ok(known),
            None => self.relation(entity, field, target).await.map(|relation| relation.navigation),
        }
    }

    /// What the metadata says of the lookup `entity.column` into `target`.
    pub(super) async fn relation(&self, entity: &str, column: &str, target: &str) -> Result<Relation, Fault> {
        let mut learnt = self.schema.learnt.lock().await;
        let relations = match learnt.relations.get(entity) {
            Some(known) => known.clone(),
            None => {
                let asked: Arc<[Relation]> = self.ask_for_relations(entity).await?.into();
                learnt.relations.insert(entity.to_owned(), asked.clone());
                asked
            }
        };
        let found = relations.iter().find(|found| found.column == column && found.target == target);
        found.cloned().ok_or_else(|| {
            Fault::reject(format!(
                "the organisation has no lookup `{entity}.{column}` to `{target}`; check the plugin's declaration, then \
                 `crosswalk crm provision`"
            ))
        })
    }

    async fn ask_for_relations(&self, entity: &str) -> Result<Vec<Relation>, Fault> {
        let path = format!("EntityDefinitions(LogicalName='{entity}')/ManyToOneRelationships");
        let select = "ReferencingAttribute,ReferencedEntity,ReferencingEntityNavigationPropertyName,\
                      ReferencedEntityNavigationPropertyName";
        let response =
            self.session.read(self.get(&self.at(&path, &[("$select", select.to_owned())])?)).await?;
        if response.status.as_u16() == 404 {
            return Err(no_table(entity));
        }
        if !response.status.is_success() {
            return Err(answer::fault(&response, &format!("the lookups of table `{entity}`")));
        }
        let body = json(&response)?;
        let rows = body.get("value").and_then(|rows| rows.as_array()).map(Vec::as_slice).unwrap_or_default();
        let relation = |row: &serde_json::Value| {
            let text = |name: &str| row.get(name)?.as_str().filter(|text| is_name(text)).map(str::to_owned);
            Some(Relation {
                column: text("ReferencingAttribute")?,
                target: text("ReferencedEntity")?,
                navigation: text("ReferencingEntityNavigationPropertyName")?,
                collection: text("ReferencedEntityNavigationPropertyName")?,
            })
        };
        Ok(rows.iter().filter_map(relation).collect())
    }

    /// Forgets what the metadata told: it was changed.
    pub(super) async fn forget_metadata(&self) {
        *self.schema.learnt.lock().await = Learnt::default();
    }

    async fn ask_for_entity_set(&self, entity: &str) -> Result<EntitySet, Fault> {
        let options = [
            ("$select", "LogicalName,EntitySetName,PrimaryIdAttribute".to_owned()),
            ("$filter", format!("LogicalName eq {}", odata(entity))),
        ];
        let response = self.session.read(self.get(&self.at("EntityDefinitions", &options)?)).await?;
        if !response.status.is_success() {
            return Err(answer::fault(&response, &format!("the definition of table `{entity}`")));
        }
        let body = json(&response)?;
        let definition = body.get("value").and_then(|value| value.get(0));
        let text = |name: &str| {
            let text = definition?.get(name)?.as_str()?;
            is_name(text).then(|| text.to_owned())
        };
        match (text("EntitySetName"), text("PrimaryIdAttribute")) {
            (Some(name), Some(id_column)) => Ok(EntitySet { name, id_column }),
            _ => Err(no_table(entity)),
        }
    }

    /// Whether a field of an entity is declared as child rows.
    pub(super) fn is_list(&self, entity: &str, field: &str) -> bool {
        let declared = self.manifest.primary(entity).and_then(|use_| use_.field(field));
        declared.is_some_and(|field| field.rows.is_some())
    }

    /// The kind that the manifest declares for a field of an entity, however the entity is used.
    pub(super) fn kind(&self, entity: &str, field: &str) -> Option<&Kind> {
        let uses = self.manifest.entities.iter().chain(&self.manifest.lookups);
        let mut fields = uses.filter(|use_| use_.entity == entity).filter_map(|use_| use_.field(field));
        fields.next().map(|field| &field.kind)
    }
}

fn no_table(entity: &str) -> Fault {
    Fault::reject(format!(
        "the organisation has no table `{entity}`; check the name that the plugin declares, then `crosswalk crm provision`"
    ))
}

/// All columns of a linked entity: what is declared and is a column, and the host's own two.
pub(super) fn columns_of_primary(use_: &EntityUse) -> Vec<(String, Kind)> {
    let columns = use_.fields.iter().filter(|field| field.rows.is_none());
    let mut columns: Vec<_> = columns.map(|field| (field.name.clone(), field.kind.clone())).collect();
    for own in [&use_.referral_key, &use_.stamp].into_iter().flatten() {
        if use_.field(own).is_none() {
            columns.push((own.clone(), Kind::Text));
        }
    }
    columns
}

/// The columns of an entity that is reached through a lookup: what the plugin reads.
pub(super) fn columns_of_related(use_: &EntityUse) -> Vec<(String, Kind)> {
    let read = use_.fields.iter().filter(|field| field.reads);
    read.map(|field| (field.name.clone(), field.kind.clone())).collect()
}

/// The name that a column is selected and answered by.
pub(super) fn selected(name: &str, kind: &Kind) -> String {
    match kind {
        Kind::Reference(_) => format!("_{name}_value"),
        _ => name.to_owned(),
    }
}

/// Whether this can be the name of a table or column, and so stand in an address as it is.
pub(super) fn is_name(name: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    !name.is_empty() && name.len() <= 128 && name.bytes().all(legal)
}

/// Refuses a manifest with names that could change the meaning of an address, or with child rows where none are read.
pub(super) fn check(manifest: &Manifest) -> Result<(), ConfigError> {
    let invalid = |problem: String| Err(ConfigError::Invalid { setting: "manifest", problem });
    for use_ in manifest.entities.iter().chain(&manifest.lookups) {
        let own = [&use_.via, &use_.referral_key, &use_.stamp].into_iter().flatten();
        let fields = use_.fields.iter().map(|field| &field.name);
        let rows = use_.fields.iter().filter_map(|field| field.rows.as_ref());
        let rows = rows.flat_map(|rows| [&rows.entity, &rows.parent, &rows.column]);
        for name in std::iter::once(&use_.entity).chain(own).chain(fields).chain(rows) {
            if !is_name(name) {
                return invalid(format!("names `{name}`, which cannot be a Dataverse name"));
            }
        }
        let linked = use_.via.is_none() && manifest.entities.iter().any(|own| std::ptr::eq(own, use_));
        let misplaced = |field: &&FieldUse| field.rows.is_some() && (!linked || field.kind != Kind::Texts);
        if let Some(field) = use_.fields.iter().find(misplaced) {
            let (entity, name) = (&use_.entity, &field.name);
            return invalid(format!(
                "declares `{entity}.{name}` as child rows; only a linked entity has those, and they are a list of texts"
            ));
        }
    }
    Ok(())
}
