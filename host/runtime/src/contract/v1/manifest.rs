//! A manifest, as the plugin gave it.

use crosswalk_engine::mapping::{EntityUse, FieldUse, Manifest};

use super::{values, wire};

/// Takes a manifest over.
///
/// # Errors
/// The kinds that this host does not know, each in a sentence. Whether the manifest makes sense is for
/// [`crate::manifest::problems`].
pub(crate) fn read(manifest: wire::Manifest) -> Result<Manifest, Vec<String>> {
    let mut problems = Vec::new();
    let mut entities = |uses: Vec<wire::EntityUse>| -> Vec<EntityUse> {
        uses.into_iter().map(|use_| entity(use_, &mut problems)).collect()
    };
    let taken = Manifest {
        name: manifest.name,
        version: manifest.version,
        crm: match manifest.crm {
            wire::Crm::Dynamics => "dynamics".to_owned(),
            wire::Crm::Salesforce => "salesforce".to_owned(),
            wire::Crm::Other(name) => name,
        },
        entities: entities(manifest.entities),
        lookups: entities(manifest.lookups),
        settings_schema: manifest.settings_schema,
    };
    if problems.is_empty() { Ok(taken) } else { Err(problems) }
}

fn entity(use_: wire::EntityUse, problems: &mut Vec<String>) -> EntityUse {
    let fields = use_.fields.into_iter().filter_map(|field| {
        let Some(kind) = values::kind(&field.kind) else {
            problems.push(format!(
                "`{}.{}` is declared as a kind that this host does not know ({:?}); it knows text, flag, integer, \
                 decimal, date, instant, texts, reference and `json`",
                use_.entity, field.name, field.kind
            ));
            return None;
        };
        Some(FieldUse {
            reads: field.reads,
            writes: field.writes,
            owned: field.owned,
            ..FieldUse::new(field.name, kind)
        })
    });
    EntityUse {
        fields: fields.collect(),
        entity: use_.entity.clone(),
        via: use_.via,
        referral_key: use_.referral_key,
        stamp: use_.stamp,
    }
}
