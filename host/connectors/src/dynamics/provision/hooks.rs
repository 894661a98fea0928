//! Notifications: one endpoint with the key, and steps that tell of each table's rows.
//!
//! A step for updates tells only of the columns that are read, so that our own stamp and what others keep in the row
//! cost nothing. A change or deletion of a child row does not say whose row it is; its step carries an image of the
//! lookup as it was before.

use std::collections::{BTreeMap, BTreeSet};

use crosswalk_engine::mapping::Manifest;
use http::Method;
use secrecy::ExposeSecret;
use serde_json::{Value as Json, json};

use super::{Run, linked};
use crate::{
    crm::{Hook, StepState},
    fault::Fault,
    text::odata,
};

/// What happens to a row.
const MESSAGES: [&str; 3] = ["Create", "Update", "Delete"];
/// `authtype` of an endpoint whose key is sent as `?code=`.
const WEBHOOK_KEY: u8 = 4;

/// What is to be told of one table.
#[derive(Default)]
struct Told {
    columns: BTreeSet<String>,
    /// The lookup of a child table to its record.
    parent: Option<String>,
}

/// A step that is registered already.
struct Registered {
    id: String,
    columns: BTreeSet<String>,
    enabled: bool,
}

impl Run<'_> {
    /// The endpoint, and a step for each table and message.
    pub(super) async fn notifications(&mut self, hook: &Hook, manifest: &Manifest) -> Result<(), Fault> {
        let endpoint = self.endpoint(hook).await?;
        let messages = self.messages().await?;
        let registered = match &endpoint {
            Some(endpoint) => self.registered(endpoint).await?,
            None => BTreeMap::new(),
        };
        for (table, told) in told(manifest) {
            let filters = self.filters(&table).await?;
            for message in MESSAGES {
                let what = format!("notification of {message} of {table}");
                let filter = messages.get(message).and_then(|message| Some((message, filters.get(message)?)));
                let Some((message_id, filter)) = filter else {
                    let state = match self.dry_run {
                        true => StepState::Missing,
                        false => {
                            StepState::Failed(format!("no step can be registered for {message} of {table}"))
                        }
                    };
                    self.step(what, state);
                    continue;
                };
                match (registered.get(filter), &endpoint) {
                    (Some(step), _) => self.compare(what, step, message, &told).await?,
                    (None, None) if self.dry_run => self.step(what, StepState::Missing),
                    (None, None) => {
                        self.step(
                            what,
                            StepState::Failed("there is no service endpoint to send it to".to_owned()),
                        );
                    }
                    (None, Some(endpoint)) => {
                        let body = step(&table, message, &told, [endpoint, message_id, filter]);
                        self.register(what, &body, message, &told).await?;
                    }
                }
            }
        }
        Ok(())
    }

    /// The endpoint for this address; `None` if there is none (yet).
    async fn endpoint(&mut self, hook: &Hook) -> Result<Option<String>, Fault> {
        let what = format!("service endpoint for {}", hook.url);
        let find = async |run: &Self| {
            let filter = format!("contract eq 8 and url eq {}", odata(&hook.url));
            let options = [("$select", "serviceendpointid,url".to_owned()), ("$filter", filter)];
            let found = run.look_at_all("serviceendpoints", &options).await?;
            Ok::<_, Fault>(found.first().and_then(|found| id(found, "serviceendpointid")))
        };
        if let Some(found) = find(self).await? {
            // docs: what the key is cannot be read back.
            self.step(what, StepState::Present);
            return Ok(Some(found));
        }
        let Some(key) = &hook.key else {
            let reason =
                "a webhook of Dataverse carries a key, and the tenant has none; set one and run this again";
            self.step(what, StepState::Failed(reason.to_owned()));
            return Ok(None);
        };
        let body = json!({
            "name": "Crosswalk",
            "url": hook.url,
            "contract": 8,
            "authtype": WEBHOOK_KEY,
            "authvalue": key.expose_secret(),
        });
        let request = self.change(Method::POST, "serviceendpoints", &body)?;
        if self.dry_run {
            self.step(what, StepState::Missing);
            return Ok(None);
        }
        let made = self.send(request).await.map_err(|reason| crate::text::without(&reason, &[key]));
        let is_made = made.is_ok();
        self.step(what, made.map_or_else(StepState::Failed, |()| StepState::Made));
        if is_made { find(self).await } else { Ok(None) }
    }

    /// The ids of the messages, by name.
    async fn messages(&self) -> Result<BTreeMap<String, String>, Fault> {
        let names: Vec<String> = MESSAGES.iter().map(|name| format!("name eq '{name}'")).collect();
        let options = [("$select", "sdkmessageid,name".to_owned()), ("$filter", names.join(" or "))];
        let rows = self.look_at_all("sdkmessages", &options).await?;
        let named = rows
            .iter()
            .filter_map(|row| Some((row.get("name")?.as_str()?.to_owned(), id(row, "sdkmessageid")?)));
        Ok(named.collect())
    }

    /// What a step for this table is registered with, by the message's id.
    async fn filters(&self, table: &str) -> Result<BTreeMap<String, String>, Fault> {
        let options = [
            ("$select", "sdkmessagefilterid,_sdkmessageid_value".to_owned()),
            ("$filter", format!("primaryobjecttypecode eq {}", odata(table))),
        ];
        let rows = self.look_at_all("sdkmessagefilters", &options).await?;
        let filters = rows
            .iter()
            .filter_map(|row| Some((id(row, "_sdkmessageid_value")?, id(row, "sdkmessagefilterid")?)));
        Ok(filters.collect())
    }

    /// The steps of the endpoint, by what they are registered with.
    async fn registered(&self, endpoint: &str) -> Result<BTreeMap<String, Registered>, Fault> {
        let select = "sdkmessageprocessingstepid,filteringattributes,statecode,_sdkmessagefilterid_value";
        let options =
            [("$select", select.to_owned()), ("$filter", format!("_eventhandler_value eq {endpoint}"))];
        let rows = self.look_at_all("sdkmessageprocessingsteps", &options).await?;
        let steps = rows.iter().filter_map(|row| {
            let columns = row.get("filteringattributes").and_then(Json::as_str).unwrap_or_default();
            let step = Registered {
                id: id(row, "sdkmessageprocessingstepid")?,
                columns: columns
                    .split(',')
                    .map(|name| name.trim().to_owned())
                    .filter(|name| !name.is_empty())
                    .collect(),
                enabled: row.get("statecode").and_then(Json::as_i64) != Some(1),
            };
            Some((id(row, "_sdkmessagefilterid_value")?, step))
        });
        Ok(steps.collect())
    }

    /// A step of ours that is there: enabled, and telling of all that is read by now.
    async fn compare(
        &mut self,
        what: String,
        step: &Registered,
        message: &str,
        told: &Told,
    ) -> Result<(), Fault> {
        if !step.enabled {
            let help = "it is disabled: Plug-in Registration Tool → the step → Enable, or delete it and run this again";
            self.step(what, StepState::Differs(help.to_owned()));
            return Ok(());
        }
        // Without any columns a step tells of all.
        let lacks = message == "Update" && !step.columns.is_empty() && !told.columns.is_subset(&step.columns);
        if !lacks {
            self.step(what, StepState::Present);
            return Ok(());
        }
        let columns: Vec<&str> = step.columns.union(&told.columns).map(String::as_str).collect();
        let body = json!({"filteringattributes": columns.join(",")});
        let path = format!("sdkmessageprocessingsteps({})", step.id);
        let request = self.change(Method::PATCH, &path, &body)?;
        self.make_row(format!("{what}: more columns"), request).await;
        Ok(())
    }

    async fn register(&mut self, what: String, body: &Json, message: &str, told: &Told) -> Result<(), Fault> {
        let mut body = body.clone();
        if let (Some(parent), "Update" | "Delete") = (&told.parent, message) {
            body["sdkmessageprocessingstepid_sdkmessageprocessingstepimage"] = json!([{
                "name": "before",
                "entityalias": "before",
                "imagetype": 0,
                "messagepropertyname": "Target",
                "attributes": parent,
            }]);
        }
        let request = self.change(Method::POST, "sdkmessageprocessingsteps", &body)?;
        self.make_row(what, request).await;
        Ok(())
    }

    /// Makes something that is no metadata, so that nothing has to be published.
    async fn make_row(&mut self, what: String, request: crate::transport::Request) {
        if self.dry_run {
            return self.step(what, StepState::Missing);
        }
        let made = self.send(request).await;
        self.step(what, made.map_or_else(StepState::Failed, |()| StepState::Made));
    }
}

/// What is to be told, by table.
fn told(manifest: &Manifest) -> BTreeMap<String, Told> {
    let mut tables: BTreeMap<String, Told> = BTreeMap::new();
    for use_ in linked(manifest) {
        let columns = use_.fields.iter().filter(|field| field.rows.is_none()).map(|field| &field.name);
        let columns = columns.chain(&use_.referral_key).filter(|name| Some(*name) != use_.stamp.as_ref());
        tables.entry(use_.entity.clone()).or_default().columns.extend(columns.cloned());
        for rows in use_.fields.iter().filter_map(|field| field.rows.as_ref()) {
            let child = tables.entry(rows.entity.clone()).or_default();
            child.columns.extend([rows.column.clone(), rows.parent.clone()]);
            child.parent = Some(rows.parent.clone());
        }
    }
    tables
}

/// A step as it is registered: asynchronous, after the operation.
fn step(table: &str, message: &str, told: &Told, [endpoint, message_id, filter]: [&String; 3]) -> Json {
    let mut body = json!({
        "name": format!("Crosswalk: {message} of {table}"),
        "mode": 1,
        "stage": 40,
        "rank": 1,
        "supporteddeployment": 0,
        "asyncautodelete": true,
        "eventhandler_serviceendpoint@odata.bind": format!("/serviceendpoints({endpoint})"),
        "sdkmessageid@odata.bind": format!("/sdkmessages({message_id})"),
        "sdkmessagefilterid@odata.bind": format!("/sdkmessagefilters({filter})"),
    });
    if message == "Update" {
        let columns: Vec<&str> = told.columns.iter().map(String::as_str).collect();
        body["filteringattributes"] = json!(columns.join(","));
    }
    body
}

fn id(row: &Json, column: &str) -> Option<String> {
    row.get(column)?.as_str().and_then(crate::dynamics::guid)
}
