//! `plugin project`: the present mapping's view of chosen fields is written to pairs that exist.
//!
//! A release by itself changes new edits only. Here an operator says that of these fields the view of the other side is
//! owed: of a CRM field Partner Center's, of a JSON pointer the CRM's. What a person has edited in the meantime is a
//! conflict as always, and what an open entry holds is left to the person who decides it.

use crosswalk_engine::{
    link::{Asked, Owed},
    mapping::{EntityUse, Manifest},
    referral::{EXTERNAL_REFERENCE, is_patchable},
};
use crosswalk_journal::Link;
use serde::{Deserialize, Serialize};

use crate::{
    app::App,
    ask::Planned,
    error::{Complaint, Fault},
    jobs,
};

/// What is projected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Plan {
    /// CRM fields and JSON pointers.
    fields: Vec<String>,
    /// Only links of this entity.
    entity: Option<String>,
}

impl Plan {
    /// A plan for fields that the tenant's live release writes.
    ///
    /// # Errors
    /// Names the first field that it does not, and what there is.
    pub(crate) fn new(
        app: &App,
        tenant: &str,
        fields: Vec<String>,
        entity: Option<String>,
    ) -> Result<Plan, Complaint> {
        let (_, release) = jobs::connected(app, tenant).map_err(|fault| {
            refused(fault.reason, "`crosswalk tenant list` shows the tenants and their releases")
        })?;
        let plan = Plan { fields, entity };
        plan.check(release.plugin.manifest())?;
        Ok(plan)
    }

    fn check(&self, manifest: &Manifest) -> Result<(), Complaint> {
        let linked: Vec<&EntityUse> = manifest.entities.iter().filter(|used| used.via.is_none()).collect();
        let known: Vec<&str> = linked.iter().map(|used| used.entity.as_str()).collect();
        if let Some(entity) = self.entity.as_deref().filter(|entity| !known.contains(entity)) {
            let message = format!("the plugin `{}` links no `{entity}` with a referral", manifest.name);
            return Err(refused(message, &format!("it links `{}`", known.join("`, `"))));
        }
        if self.fields.is_empty() {
            return Err(refused(
                "no field was named".to_owned(),
                "name them in `--fields name,estimatedvalue`",
            ));
        }
        let meant = linked.into_iter().filter(|used| self.is_of(&used.entity));
        let written: Vec<&str> = meant.flat_map(written).collect();
        for field in &self.fields {
            if field.starts_with('/') {
                check_path(field)?;
            } else if !written.contains(&field.as_str()) {
                let mut list = written.clone();
                list.sort_unstable();
                list.dedup();
                let message = format!("the plugin `{}` does not write `{field}`", manifest.name);
                return Err(refused(message, &format!("it writes `{}`", list.join("`, `"))));
            }
        }
        Ok(())
    }

    fn is_of(&self, entity: &str) -> bool {
        self.entity.as_deref().is_none_or(|only| only == entity)
    }

    /// Whether a field is projected.
    pub(crate) fn names(&self, field: &str) -> bool {
        self.fields.iter().any(|named| named == field)
    }

    /// What is asked of a link by this manifest.
    pub(crate) fn ask_of(&self, link: &Link, manifest: &Manifest) -> Planned {
        let mut planned = Planned::default();
        let entity = link.pair.record.as_ref().map(|key| key.entity.as_str()).unwrap_or_default();
        let Some(used) = manifest.primary(entity).filter(|used| self.is_of(&used.entity)) else {
            return planned;
        };
        let mut owed = Asked::default().owed;
        for field in &self.fields {
            let is_path = field.starts_with('/');
            if !is_path && !written(used).any(|name| name == field) {
                continue;
            }
            let about = |path: &Option<String>| path.as_deref() == Some(field.as_str());
            let mut open = link.state.open.iter();
            if let Some((_, entry)) = open.find(|(held, entry)| *held == field || about(&entry.path)) {
                let held = if is_path { entry.partner_center.clone() } else { entry.crm.clone() };
                planned.left.push((field.clone(), held, "an open entry holds it, and a person decides"));
                continue;
            }
            owed.insert(field.clone(), Owed { partner_center: !is_path, crm: is_path });
        }
        planned.asked = Asked { owed, ..Asked::default() };
        planned
    }
}

/// The fields of an entity that the plugin writes; the host's own are not among them.
fn written(used: &EntityUse) -> impl Iterator<Item = &str> {
    let own = [used.referral_key.as_deref(), used.stamp.as_deref()];
    let written = used.fields.iter().filter(|field| field.writes).map(|field| field.name.as_str());
    written.filter(move |name| !own.contains(&Some(*name)))
}

fn check_path(path: &str) -> Result<(), Complaint> {
    if is_patchable(path) && path != EXTERNAL_REFERENCE && !path.ends_with("/-") {
        return Ok(());
    }
    Err(refused(
        format!("nobody may write `{path}` of a referral that exists"),
        "Partner Center takes changes of `/details/dealValue`, `/details/notes`, `/details/closingDateTime` and a few others; \
         its documentation lists them",
    ))
}

fn refused(message: String, help: &str) -> Complaint {
    Complaint::new(Fault::Refused, message, "nothing was begun, and nothing was written", help)
}

#[cfg(test)]
mod tests;
