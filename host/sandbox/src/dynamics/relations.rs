//! Relationships: the lookups of all tables, as `RelationshipDefinitions` and a table's own metadata tell them.
//!
//! Only one-to-many relationships are known. Every lookup is one for each table that it leads to.

use super::{
    errors::{Outcome, Refusal, method_not_allowed, not_simulated},
    metadata::{NAMESPACE, accepted, entity, list, selected},
    new_tables::{self, Component},
    odata::{
        options::Options,
        url::{Key, Segment},
    },
    org::{Answer, Call, Org},
    tables::{Navigation, Table},
};
use crate::dynamics::cell::Cell;
use http::Method;
use serde_json::{Value, json};

/// The only type of relationship.
const ONE_TO_MANY: &str = "OneToManyRelationshipMetadata";

/// From which of its two tables a relationship is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// The one with the lookup.
    Many,
    /// The one that the lookup leads to.
    One,
}

impl Side {
    /// The side that a segment below a table's definition names.
    pub(super) fn of(segment: &str) -> Option<Self> {
        match segment {
            "ManyToOneRelationships" => Some(Self::Many),
            "OneToManyRelationships" => Some(Self::One),
            _ => None,
        }
    }
}

/// `GET EntityDefinitions(…)/ManyToOneRelationships` and `…/OneToManyRelationships`.
pub(super) fn of_table(
    org: &Org,
    call: &Call,
    logical: &str,
    side: Side,
    options: &Options,
) -> Outcome<Answer> {
    let member = if side == Side::Many { "ReferencingEntity" } else { "ReferencedEntity" };
    let rows = all(org).into_iter().filter(|relation| relation[member] == logical);
    let set = format!("EntityDefinitions('{logical}')/Relationships");
    list(call, &set, shown(rows, options), options)
}

/// Everything below `RelationshipDefinitions`.
pub(super) fn route(org: &mut Org, call: &Call, first: &Segment, rest: &[Segment]) -> Outcome<Answer> {
    let options = Org::options(call)?;
    let cast = match rest {
        [] => None,
        [cast] if cast.name.starts_with(NAMESPACE) => Some(cast),
        [other, ..] => return Err(not_simulated(format!("'{}' of a relationship", other.name))),
    };
    let is_known = cast.is_none_or(|cast| cast.name.strip_prefix(NAMESPACE) == Some(ONE_TO_MANY));
    let key = first.key.as_ref().or_else(|| cast.and_then(|cast| cast.key.as_ref()));
    match (key, &call.method) {
        (None, &Method::GET) => {
            let rows = all(org).into_iter().filter(|_| is_known);
            list(call, "RelationshipDefinitions", shown(rows, &options), &options)
        }
        (Some(key), &Method::GET) => {
            let relation = find(org, key)?;
            let body = Value::Object(selected(relation, &options.select, "MetadataId"));
            Ok(entity(call, "RelationshipDefinitions", &body, &options))
        }
        (None, &Method::POST) => {
            let solution = new_tables::solution(org, call)?;
            let schema = new_tables::relationship(org, &call.json_body()?)?;
            let id = new_tables::relationship_id(&schema);
            new_tables::add_to(org, call, solution, Component::Relationship, id);
            let url = format!("{}/RelationshipDefinitions({id})", call.base);
            Ok(Answer::empty(204).with("odata-entityid", url))
        }
        (_, method) => Err(method_not_allowed(method.as_str(), "relationships take GET and POST")),
    }
}

fn find(org: &Org, key: &Key) -> Outcome<Value> {
    let is_it = |relation: &Value| match key {
        Key::Primary(Cell::Id(id)) => relation["MetadataId"] == json!(id),
        Key::Named(pairs) => match pairs.as_slice() {
            [(name, Cell::Text(schema))] if name == "SchemaName" => relation["SchemaName"] == json!(schema),
            _ => false,
        },
        _ => false,
    };
    all(org).into_iter().find(is_it).ok_or_else(|| {
        Refusal::new(404, "0x80060888", "Could not find a relationship with that schema name or metadata id.")
    })
}

fn shown(rows: impl Iterator<Item = Value>, options: &Options) -> Vec<Value> {
    let rows = rows.filter(|row| accepted(row, options));
    rows.map(|row| Value::Object(selected(row, &options.select, "MetadataId"))).collect()
}

/// Every relationship, whole.
fn all(org: &Org) -> Vec<Value> {
    let lookups = org.tables.values().flat_map(|table| {
        let targets = table.navigations.iter().filter_map(|navigation| {
            let target = org.tables.get(&navigation.target)?;
            Some((table, navigation, target))
        });
        targets.collect::<Vec<_>>()
    });
    lookups.map(|(table, navigation, target)| relation(table, navigation, target)).collect()
}

fn relation(table: &Table, navigation: &Navigation, target: &Table) -> Value {
    let leads_back = |collection: &&super::tables::Collection| {
        collection.table == table.logical && collection.navigation == navigation.name
    };
    let collection = target.collections.iter().find(leads_back).map(|collection| collection.name.clone());
    let collection =
        collection.unwrap_or_else(|| format!("{}_{}_{}", target.logical, table.logical, navigation.column));
    let delete = if navigation.cascades { "Cascade" } else { "RemoveLink" };
    let is_custom = table.columns.get(&navigation.column).is_some_and(|column| column.custom);
    json!({
        "MetadataId": new_tables::relationship_id(&collection),
        "SchemaName": collection,
        "RelationshipType": "OneToManyRelationship",
        "IsCustomRelationship": is_custom,
        "ReferencedEntity": target.logical,
        "ReferencedAttribute": target.primary_id,
        "ReferencedEntityNavigationPropertyName": collection,
        "ReferencingEntity": table.logical,
        "ReferencingAttribute": navigation.column,
        "ReferencingEntityNavigationPropertyName": navigation.name,
        "CascadeConfiguration": {
            "Assign": "NoCascade", "Delete": delete, "Merge": "NoCascade", "Reparent": "NoCascade",
            "Share": "NoCascade", "Unshare": "NoCascade",
        },
    })
}
