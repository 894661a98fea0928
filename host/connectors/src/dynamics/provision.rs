//! What the manifest needs in the organisation, made where it is missing: columns, child tables, keys, change tracking,
//! notifications.
//!
//! Everything is looked at first, and only what is missing is made, so that doing it again changes nothing. What is
//! there but not as it is needed is told and left alone: it is the organisation's own. What fails is told and the rest
//! goes on.

mod columns;
mod hooks;
mod tables;

use std::collections::BTreeSet;

use bytes::Bytes;
use crosswalk_engine::mapping::{EntityUse, Manifest};
use http::{HeaderName, HeaderValue, Method};
use serde_json::{Value as Json, json};

use self::columns::Wanted;
use super::{Dynamics, answer, json as body_of};
use crate::{
    crm::{Hook, Step, StepState},
    fault::Fault,
    session::{ApiError, Failure},
    text::cut,
};

/// How an organisation is provisioned.
#[derive(Clone, Debug)]
pub struct Provisioning {
    /// The unique name of the solution that new columns and tables belong to; without one it is the default solution.
    pub solution: Option<String>,
    /// The language of labels, as Windows numbers it: 1033 is English.
    pub language_code: u32,
    /// The pause between two looks at a key whose index is being built, in milliseconds.
    pub key_poll_ms: u64,
    /// How long a key's index is waited for, in milliseconds.
    pub key_wait_ms: u64,
}

impl Default for Provisioning {
    fn default() -> Self {
        Provisioning { solution: None, language_code: 1033, key_poll_ms: 3_000, key_wait_ms: 300_000 }
    }
}

/// One run: what was found and made so far.
struct Run<'a> {
    client: &'a Dynamics,
    dry_run: bool,
    steps: Vec<Step>,
    /// Tables that got something new, to be published.
    changed: BTreeSet<String>,
    /// Tables that got columns which people are to see.
    to_show: BTreeSet<String>,
}

impl Dynamics {
    /// Makes, or with `dry_run` only names, what the manifest needs here and the organisation does not have; with
    /// `hook` the notifications too.
    ///
    /// # Errors
    /// Any [`Fault`] on reading what is there; what could not be made is a step that says so.
    pub async fn provision(&self, hook: Option<&Hook>, dry_run: bool) -> Result<Vec<Step>, Fault> {
        let mut run = Run {
            client: self,
            dry_run,
            steps: Vec::new(),
            changed: BTreeSet::new(),
            to_show: BTreeSet::new(),
        };
        for (table, columns) in needs(&self.manifest) {
            run.table(&table, &columns).await?;
        }
        for use_ in linked(&self.manifest) {
            run.child_tables(use_).await?;
            run.key(use_).await?;
        }
        for table in announcing(&self.manifest) {
            run.tracking(&table).await?;
        }
        run.publish().await;
        if let Some(hook) = hook {
            run.notifications(hook, &self.manifest).await?;
        }
        run.by_hand();
        self.forget_metadata().await;
        Ok(run.steps)
    }
}

impl Run<'_> {
    fn step(&mut self, what: impl Into<String>, state: StepState) {
        self.steps.push(Step { what: what.into(), state });
    }

    /// Makes one missing thing, or names it. Says whether it is there now.
    async fn make(&mut self, what: String, table: &str, request: crate::transport::Request) -> bool {
        if self.dry_run {
            self.step(what, StepState::Missing);
            return false;
        }
        let made = self.send(request).await;
        let is_made = made.is_ok();
        self.step(what, made.map_or_else(StepState::Failed, |()| StepState::Made));
        if is_made {
            self.changed.insert(table.to_owned());
        }
        is_made
    }

    /// Sends one change; an error is the words about why it was not made.
    async fn send(&self, request: crate::transport::Request) -> Result<(), String> {
        match self.client.session.write(request).await {
            Ok(response) if response.status.is_success() => Ok(()),
            Ok(response) => Err(cut(&format!("Dataverse answered {}", ApiError::of(&response)))),
            Err(Failure::Fault(fault)) => Err(fault.reason().to_owned()),
            Err(Failure::Unknown(reason)) => {
                Err(cut(&format!("it may have been made all the same, run it again to see: {reason}")))
            }
        }
    }

    /// A change of the metadata, in the configured solution.
    fn change(&self, method: Method, path: &str, body: &Json) -> Result<crate::transport::Request, Fault> {
        let mut request = self.client.request(method, self.client.at(path, &[])?);
        if let Some(solution) = &self.client.provisioning.solution {
            let name = HeaderValue::from_str(solution).map_err(|_| {
                Fault::reject(format!("`{solution}` cannot be the unique name of a solution"))
            })?;
            request.headers.insert(HeaderName::from_static("mscrm.solutionuniquename"), name);
        }
        request.body = Bytes::from(body.to_string());
        Ok(request)
    }

    /// A look at the metadata or at rows; `None` if there is nothing at that address.
    async fn look(&self, path: &str, options: &[(&str, String)]) -> Result<Option<Json>, Fault> {
        let client = self.client;
        let response = client.session.read(client.get(&client.at(path, options)?)).await?;
        match response.status.as_u16() {
            404 => Ok(None),
            _ if response.status.is_success() => body_of(&response).map(Some),
            _ => Err(answer::fault(&response, &format!("`{path}`"))),
        }
    }

    /// The list of a look; empty if there is nothing at that address.
    async fn look_at_all(&self, path: &str, options: &[(&str, String)]) -> Result<Vec<Json>, Fault> {
        let mut found = self.look(path, options).await?.unwrap_or_default();
        match found.get_mut("value").map(Json::take) {
            Some(Json::Array(rows)) => Ok(rows),
            _ => Ok(Vec::new()),
        }
    }

    /// The columns of one table.
    async fn table(&mut self, table: &str, columns: &[Wanted]) -> Result<(), Fault> {
        if self.look(&definition(table), &[("$select", "LogicalName".to_owned())]).await?.is_none() {
            let reason = "the organisation has no such table; install the Dynamics 365 app that brings it, or correct \
                          the plugin's declaration";
            self.step(format!("table {table}"), StepState::Failed(reason.to_owned()));
            return Ok(());
        }
        let held = self.held(table, columns).await?;
        for column in columns {
            let what = column.what(table);
            match held.get(&column.name) {
                Some(held) => {
                    let state = column.difference(held).map_or(StepState::Present, StepState::Differs);
                    self.step(what, state);
                }
                None if !column.name.contains('_') => {
                    let reason = "the table has no such column, and it is not one to be made (a column of one's own has \
                                  a publisher's prefix); correct the plugin's declaration or its setting";
                    self.step(what, StepState::Failed(reason.to_owned()));
                }
                None => self.column(table, column).await?,
            }
        }
        Ok(())
    }

    /// Makes a column.
    async fn column(&mut self, table: &str, column: &Wanted) -> Result<(), Fault> {
        let language = self.client.provisioning.language_code;
        let what = column.what(table);
        let request = match column.definition(language) {
            Some(body) => self.change(Method::POST, &format!("{}/Attributes", definition(table)), &body)?,
            None => match column.relationship(table, language, "RemoveLink") {
                Some(body) => self.change(Method::POST, "RelationshipDefinitions", &body)?,
                None => {
                    let help = format!(
                        "make.powerapps.com → Tables → {table} → Columns → New column: data type Choice, `Selecting \
                         multiple choices is allowed`, schema name {}",
                        column.name
                    );
                    self.step(what, StepState::ByHand(help));
                    return Ok(());
                }
            },
        };
        let is_made = self.make(what, table, request).await;
        if is_made || self.dry_run {
            self.to_show.insert(table.to_owned());
        }
        Ok(())
    }

    /// Makes what was changed visible to people; the API sees it at once.
    async fn publish(&mut self) {
        if self.changed.is_empty() {
            return;
        }
        let tables: String = self.changed.iter().map(|table| format!("<entity>{table}</entity>")).collect();
        let body = json!({
            "ParameterXml": format!("<importexportxml><entities>{tables}</entities></importexportxml>"),
        });
        let made = match self.change(Method::POST, "PublishXml", &body) {
            Ok(request) => self.send(request).await,
            Err(fault) => Err(fault.reason().to_owned()),
        };
        self.step("publication of the changes", made.map_or_else(StepState::Failed, |()| StepState::Made));
    }

    /// What no API does, where something new makes it necessary.
    fn by_hand(&mut self) {
        for table in std::mem::take(&mut self.to_show) {
            let help = format!(
                "make.powerapps.com → Tables → {table} → Forms → Main: drag the new columns onto the form, then Save and \
                 publish"
            );
            self.step(format!("columns on the form of {table}"), StepState::ByHand(help));
        }
    }
}

/// The address of a table's definition.
fn definition(table: &str) -> String {
    format!("EntityDefinitions(LogicalName='{table}')")
}

/// A text for people, as metadata has it.
fn label(text: &str, language: u32) -> Json {
    json!({
        "@odata.type": "Microsoft.Dynamics.CRM.Label",
        "LocalizedLabels": [
            {"@odata.type": "Microsoft.Dynamics.CRM.LocalizedLabel", "Label": text, "LanguageCode": language},
        ],
    })
}

fn linked(manifest: &Manifest) -> impl Iterator<Item = &EntityUse> {
    manifest.entities.iter().filter(|use_| use_.via.is_none())
}

/// By table, in the order of the manifest, the columns that are read or written there, each once.
fn needs(manifest: &Manifest) -> Vec<(String, Vec<Wanted>)> {
    let mut needs: Vec<(String, Vec<Wanted>)> = Vec::new();
    for use_ in manifest.entities.iter().chain(&manifest.lookups) {
        let own = [(&use_.referral_key, "Referral Identifier"), (&use_.stamp, "Crosswalk stamp")];
        let own = own.into_iter().filter_map(|(name, label)| Some(Wanted::own(name.as_ref()?, label)));
        let declared = use_.fields.iter().filter(|field| field.rows.is_none()).map(Wanted::of);
        let known = needs.iter().position(|(table, _)| *table == use_.entity).unwrap_or_else(|| {
            needs.push((use_.entity.clone(), Vec::new()));
            needs.len() - 1
        });
        let Some((_, columns)) = needs.get_mut(known) else { continue };
        for column in declared.chain(own) {
            if !columns.iter().any(|known| known.name == column.name) {
                columns.push(column);
            }
        }
    }
    needs
}

/// The tables whose changes are to be told: those that are linked, and their child tables.
fn announcing(manifest: &Manifest) -> Vec<String> {
    let mut tables = Vec::new();
    for use_ in linked(manifest) {
        let children = use_.fields.iter().filter_map(|field| field.rows.as_ref());
        for table in std::iter::once(&use_.entity).chain(children.map(|rows| &rows.entity)) {
            if !tables.contains(table) {
                tables.push(table.clone());
            }
        }
    }
    tables
}
