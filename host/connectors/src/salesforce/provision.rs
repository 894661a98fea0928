//! What the manifest needs in the organisation, made where it is missing: fields, child objects, access to them.
//!
//! Everything is looked at first, and only what is missing is made, so that doing it again changes nothing. What is there
//! but not as it is needed is told and left alone: it is the organisation's own. What fails is told and the rest goes on.
//!
//! A field that is made over the API is hidden from everybody, from us too, until a permission set shows it. So one
//! permission set of ours names all custom fields and objects, and is assigned to the integration user.

mod access;
mod fields;
mod objects;

use std::collections::BTreeMap;

use crosswalk_engine::{
    mapping::{EntityUse, FieldUse},
    value::{Kind, Value},
};
use http::Method;
use serde_json::Value as Json;

use self::{
    access::Access,
    fields::{Role, Wanted, is_custom},
};
use super::{Salesforce, answer, query::Query, soql};
use crate::{
    crm::{Hook, Step, StepState},
    fault::Fault,
    session::{ApiError, Failure},
    text::cut,
    transport::Request,
};

/// A second thing of this name.
const NAME_TAKEN: &str = "DUPLICATE_DEVELOPER_NAME";

/// One run: what was found and made so far.
struct Run<'a> {
    client: &'a Salesforce,
    dry_run: bool,
    steps: Vec<Step>,
    /// What the permission set must give.
    access: Access,
}

impl Salesforce {
    pub(super) async fn provisioned(&self, hook: Option<&Hook>, dry_run: bool) -> Result<Vec<Step>, Fault> {
        let us = self.identity().await?;
        let mut run = Run { client: self, dry_run, steps: Vec::new(), access: Access::default() };
        for (entity, wanted) in needs(&self.manifest) {
            match self.describe(&entity).await? {
                Some(described) => run.fields_of(&entity, &wanted, &described).await?,
                None => {
                    let help = "the organisation has no such object, or hides it from the integration user; create it, or \
                                give the user access";
                    run.step(format!("object {entity}"), StepState::Failed(help.to_owned()));
                }
            }
        }
        for use_ in self.manifest.entities.iter().filter(|use_| use_.via.is_none()) {
            run.access.object(&use_.entity, false);
            run.child_objects(use_).await?;
        }
        run.give_access(&us.user).await?;
        run.by_hand(hook);
        Ok(run.steps)
    }
}

impl Run<'_> {
    fn step(&mut self, what: impl Into<String>, state: StepState) {
        self.steps.push(Step { what: what.into(), state });
    }

    /// Makes one missing thing, or names it. Says whether it is there now.
    async fn make(&mut self, what: String, request: Request) -> bool {
        if self.dry_run {
            self.step(what, StepState::Missing);
            return false;
        }
        let state = match self.send(request).await {
            Ok(()) => StepState::Made,
            // It was hidden from us, and the permission set shows it.
            Err(Refused { error: Some(error), .. }) if error.is(NAME_TAKEN) => StepState::Present,
            Err(refused) => StepState::Failed(refused.words),
        };
        let is_there = !matches!(state, StepState::Failed(_));
        self.step(what, state);
        is_there
    }

    /// Sends one change.
    async fn send(&self, request: Request) -> Result<(), Refused> {
        match self.client.tell(request).await {
            Ok(response) if response.status.is_success() => Ok(()),
            Ok(response) => {
                let error = ApiError::of(&response);
                let words = answer::unescaped(&format!("Salesforce answered {error}"));
                Err(Refused { words: cut(&words), error: Some(error) })
            }
            Err(Failure::Fault(fault)) => Err(Refused { words: fault.reason().to_owned(), error: None }),
            Err(Failure::Unknown(reason)) => {
                let words =
                    cut(&format!("it may have been made all the same, run it again to see: {reason}"));
                Err(Refused { words, error: None })
            }
        }
    }

    /// The fields of an object: made where they are missing, compared where they are there.
    async fn fields_of(
        &mut self,
        entity: &str,
        wanted: &[Wanted<'_>],
        described: &Json,
    ) -> Result<(), Fault> {
        let hidden = self.custom_fields(entity).await;
        for wanted in wanted {
            let held = described
                .get("fields")
                .and_then(Json::as_array)
                .and_then(|fields| fields.iter().find(|field| field["name"] == *wanted.name));
            let what = format!("field {}.{} ({})", entity, wanted.name, wanted.type_name());
            match held {
                Some(held) => match wanted.difference(held) {
                    Some(difference) => self.step(what, StepState::Differs(difference)),
                    // A standard field that is as it should be is not worth a word.
                    None if is_custom(wanted.name) => self.step(what, StepState::Present),
                    None => {}
                },
                None if !is_custom(wanted.name) => {
                    let help = "the organisation does not have this standard field (some come with a feature only), or \
                                hides it from the integration user; give access, or name another field in the plugin's \
                                settings";
                    self.step(what, StepState::Failed(help.to_owned()));
                }
                None if hidden.iter().any(|name| wanted.name.eq_ignore_ascii_case(name)) => {
                    self.step(what, StepState::Present);
                }
                None => self.make_field(entity, wanted, what).await?,
            }
            if is_custom(wanted.name) {
                self.access.field(entity, wanted);
            }
        }
        Ok(())
    }

    async fn make_field(&mut self, entity: &str, wanted: &Wanted<'_>, what: String) -> Result<(), Fault> {
        match wanted.metadata(entity) {
            Ok(metadata) => {
                let path = self.client.path("tooling/sobjects/CustomField");
                let request = self.client.send(Method::POST, &path, &metadata)?;
                self.make(what, request).await;
            }
            Err(reason) => self.step(what, StepState::ByHand(reason)),
        }
        Ok(())
    }

    /// The custom fields of a standard object, also those that are hidden from us. Only a hint: a field of that name
    /// cannot be made twice in any case.
    async fn custom_fields(&self, entity: &str) -> Vec<String> {
        let query =
            format!("SELECT DeveloperName FROM CustomField WHERE TableEnumOrId = {}", soql::text(entity));
        let rows = self.client.query(Query { tooling: true, ..Query::new(query) }).await.unwrap_or_default();
        let names = rows.iter().filter_map(|row| row.get("DeveloperName")?.as_str());
        names.map(|name| format!("{name}__c")).collect()
    }

    /// What no API of ours does.
    fn by_hand(&mut self, hook: Option<&Hook>) {
        let linked = self.client.manifest.entities.iter().filter(|use_| use_.via.is_none());
        let linked: Vec<String> = linked.map(|use_| use_.entity.clone()).collect();
        for entity in &linked {
            let help = format!(
                "Setup, Object Manager, {entity}, Page Layouts: add the fields that sellers are to see"
            );
            self.step(format!("fields on the page of {entity}"), StepState::ByHand(help));
        }
        let Some(hook) = hook else { return };
        for entity in &linked {
            let key = if hook.key.is_some() { "?key=<webhook_key>" } else { "" };
            let help = format!(
                "Setup, Process Automation, Workflow Actions, Outbound Messages, New: object {entity}, endpoint \
                 `{}{key}` (the key as in the tenant's `webhook_key`), field `Id`, without the session id. Then Setup, \
                 Flows, New Flow, Record-Triggered Flow: object {entity}, when a record is created or updated, for \
                 Actions and Related Records, with the action Outbound Message of that name; save and activate",
                hook.url
            );
            self.step(format!("outbound message for {entity}"), StepState::ByHand(help));
        }
    }
}

/// A change that was not made.
struct Refused {
    words: String,
    error: Option<ApiError>,
}

/// By object, the fields that are read or written, each once.
fn needs(manifest: &crosswalk_engine::mapping::Manifest) -> BTreeMap<String, Vec<Wanted<'_>>> {
    let mut needs: BTreeMap<String, Vec<Wanted<'_>>> = BTreeMap::new();
    for use_ in manifest.entities.iter().chain(&manifest.lookups) {
        let of_entity = needs.entry(use_.entity.clone()).or_default();
        for wanted in wanted(use_) {
            match of_entity.iter_mut().find(|known| known.name == wanted.name) {
                Some(known) => known.writes |= wanted.writes,
                None => of_entity.push(wanted),
            }
        }
    }
    needs
}

fn wanted(use_: &EntityUse) -> Vec<Wanted<'_>> {
    let is = |own: &Option<String>, name: &str| own.as_deref() == Some(name);
    let role = |field: &FieldUse| {
        if is(&use_.referral_key, &field.name) { Role::Key } else { Role::Plain }
    };
    let columns = use_.fields.iter().filter(|field| field.rows.is_none());
    let mut wanted: Vec<_> = columns.map(|field| Wanted::of(field, role(field))).collect();
    for (own, role, label) in [
        (&use_.referral_key, Role::Key, "Referral Identifier"),
        (&use_.stamp, Role::Plain, "Crosswalk Stamp"),
    ] {
        if let Some(name) = own.as_deref().filter(|name| use_.field(name).is_none()) {
            wanted.push(Wanted::text(name, role).labelled(label));
        }
    }
    wanted
}

/// The kind of a child's text column.
const TEXT: &Kind = &Kind::Text;

/// A choice's value as Salesforce has it.
fn choice(value: &Value) -> Option<&str> {
    match value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}
