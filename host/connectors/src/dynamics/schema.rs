//! Names: which entity set an entity is in, how a lookup's navigation property is called, what is declared.

use std::collections::BTreeMap;

use crosswalk_engine::{
    mapping::{EntityUse, Manifest},
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

/// What is known of the organisation's names.
pub(super) struct Schema {
    configured: BTreeMap<String, String>,
    navigation: BTreeMap<String, String>,
    learnt: Mutex<BTreeMap<String, EntitySet>>,
}

impl Schema {
    pub(super) fn new(configured: BTreeMap<String, String>, navigation: BTreeMap<String, String>) -> Self {
        Schema { configured, navigation, learnt: Mutex::default() }
    }

    /// The navigation property of `entity.field` when it leads to `target`.
    pub(super) fn navigation(&self, entity: &str, field: &str, target: &str) -> String {
        let names = [format!("{entity}.{field}.{target}"), format!("{entity}.{field}"), field.to_owned()];
        if let Some(configured) = names.iter().find_map(|name| self.navigation.get(name)) {
            return configured.clone();
        }
        match field {
            // docs: a customer lookup has one navigation property for each entity that it can lead to.
            "customerid" | "parentcustomerid" => format!("{field}_{target}"),
            _ => field.to_owned(),
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
        if let Some(known) = learnt.get(entity) {
            return Ok(known.clone());
        }
        let set = self.ask_for_entity_set(entity).await?;
        learnt.insert(entity.to_owned(), set.clone());
        Ok(set)
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
            _ => Err(Fault::reject(format!(
                "the organisation has no table `{entity}`; check the name that the plugin declares"
            ))),
        }
    }

    /// The kind that the manifest declares for a field of an entity, however the entity is used.
    pub(super) fn kind(&self, entity: &str, field: &str) -> Option<&Kind> {
        let uses = self.manifest.entities.iter().chain(&self.manifest.lookups);
        let mut fields = uses.filter(|use_| use_.entity == entity).filter_map(|use_| use_.field(field));
        fields.next().map(|field| &field.kind)
    }
}

/// All columns of a linked entity: what is declared, and the host's own two.
pub(super) fn columns_of_primary(use_: &EntityUse) -> Vec<(String, Kind)> {
    let mut columns: Vec<_> =
        use_.fields.iter().map(|field| (field.name.clone(), field.kind.clone())).collect();
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

/// Refuses a manifest with names that could change the meaning of an address.
pub(super) fn check(manifest: &Manifest) -> Result<(), ConfigError> {
    for use_ in manifest.entities.iter().chain(&manifest.lookups) {
        let own = [&use_.via, &use_.referral_key, &use_.stamp].into_iter().flatten();
        let fields = use_.fields.iter().map(|field| &field.name);
        for name in std::iter::once(&use_.entity).chain(own).chain(fields) {
            if !is_name(name) {
                return Err(ConfigError::Invalid {
                    setting: "manifest",
                    problem: format!("names `{name}`, which cannot be a Dataverse name"),
                });
            }
        }
    }
    Ok(())
}
