//! Child tables, keys and change tracking.

use std::time::Duration;

use crosswalk_engine::mapping::{EntityUse, FieldUse, Rows};
use http::{HeaderName, HeaderValue, Method};
use serde_json::{Value as Json, json};

use super::{
    Run,
    columns::{Wanted, prefix},
    definition, label,
};
use crate::{crm::StepState, fault::Fault};

impl Run<'_> {
    /// The tables that hold the lists of a linked entity.
    pub(super) async fn child_tables(&mut self, use_: &EntityUse) -> Result<(), Fault> {
        for field in &use_.fields {
            let Some(rows) = &field.rows else { continue };
            let is_there = self.child_table(field, rows).await?;
            let column = Wanted::own(&rows.column, field.label.as_deref().unwrap_or(&rows.column));
            let parent = Wanted::lookup(&rows.parent, "Record", &use_.entity);
            if !is_there {
                if self.dry_run {
                    self.step(column.what(&rows.entity), StepState::Missing);
                    self.step(parent.what(&rows.entity), StepState::Missing);
                }
                continue;
            }
            let held = self.held(&rows.entity, std::slice::from_ref(&column)).await?;
            match held.get(&rows.column) {
                Some(held) => {
                    let state = column.difference(held).map_or(StepState::Present, StepState::Differs);
                    self.step(column.what(&rows.entity), state);
                }
                None => self.column(&rows.entity, &column).await?,
            }
            match held.get(&rows.parent) {
                Some(held) => {
                    let state = parent.difference(held).map_or(StepState::Present, StepState::Differs);
                    self.step(parent.what(&rows.entity), state);
                }
                None => {
                    // A row without its record is of no use to anybody.
                    let language = self.client.provisioning.language_code;
                    let Some(body) = parent.relationship(&rows.entity, language, "Cascade") else { continue };
                    let request = self.change(Method::POST, "RelationshipDefinitions", &body)?;
                    self.make(parent.what(&rows.entity), &rows.entity, request).await;
                }
            }
        }
        Ok(())
    }

    /// One child table. Says whether it is there.
    async fn child_table(&mut self, field: &FieldUse, rows: &Rows) -> Result<bool, Fault> {
        let what = format!("table {}", rows.entity);
        let found = self.look(&definition(&rows.entity), &[("$select", "LogicalName".to_owned())]).await?;
        if found.is_some() {
            self.step(what, StepState::Present);
            return Ok(true);
        }
        let language = self.client.provisioning.language_code;
        let name = field.label.as_deref().unwrap_or(&rows.entity);
        let mut primary = Wanted::own(&format!("{}_name", prefix(&rows.entity)), "Name")
            .definition(language)
            .unwrap_or_default();
        primary["IsPrimaryName"] = json!(true);
        let body = json!({
            "@odata.type": "Microsoft.Dynamics.CRM.EntityMetadata",
            "SchemaName": rows.entity,
            "DisplayName": label(name, language),
            "DisplayCollectionName": label(name, language),
            "Description": label("Kept by Crosswalk", language),
            "OwnershipType": "UserOwned",
            "HasActivities": false,
            "HasNotes": false,
            "IsActivity": false,
            "ChangeTrackingEnabled": true,
            "Attributes": [primary],
        });
        let request = self.change(Method::POST, "EntityDefinitions", &body)?;
        let is_made = self.make(what, &rows.entity, request).await;
        if is_made || self.dry_run {
            let help = format!(
                "Power Platform admin center → the environment → Settings → Users + permissions → Security roles: give \
                 the sellers' role and the application user's role Create, Read, Write, Append, Append To and Delete on \
                 `{name}` (a System Administrator has them)"
            );
            self.step(format!("rights on table {}", rows.entity), StepState::ByHand(help));
        }
        Ok(is_made)
    }

    /// The alternate key by which a record is found and never made twice.
    pub(super) async fn key(&mut self, use_: &EntityUse) -> Result<(), Fault> {
        let Some(column) = &use_.referral_key else { return Ok(()) };
        let what = format!("key on {column} of {}", use_.entity);
        let state = match self.key_status(&use_.entity, column).await? {
            Some(status) if status == "Active" => StepState::Present,
            Some(status) if self.dry_run => StepState::Differs(format!("its index is {status}")),
            Some(_) => self.wait_for_key(&use_.entity, column, false).await?,
            None if self.dry_run => StepState::Missing,
            None => {
                let language = self.client.provisioning.language_code;
                let body = json!({
                    "SchemaName": format!("{}_{}key", prefix(column), use_.entity),
                    "DisplayName": label("Referral key", language),
                    "KeyAttributes": [column],
                });
                let path = format!("{}/Keys", definition(&use_.entity));
                match self.send(self.change(Method::POST, &path, &body)?).await {
                    Ok(()) => {
                        self.changed.insert(use_.entity.clone());
                        self.wait_for_key(&use_.entity, column, true).await?
                    }
                    Err(reason) => StepState::Failed(reason),
                }
            }
        };
        self.step(what, state);
        Ok(())
    }

    /// How far the index of the key on this one column is; `None` without such a key.
    async fn key_status(&self, table: &str, column: &str) -> Result<Option<String>, Fault> {
        let select = "SchemaName,KeyAttributes,EntityKeyIndexStatus".to_owned();
        let keys = self.look_at_all(&format!("{}/Keys", definition(table)), &[("$select", select)]).await?;
        let found = keys.iter().find(|key| key.get("KeyAttributes") == Some(&json!([column])));
        let status = |key: &Json| key.get("EntityKeyIndexStatus").and_then(Json::as_str).map(str::to_owned);
        Ok(found.map(|key| status(key).unwrap_or_default()))
    }

    /// Waits until the key is in use, or has failed, or for as long as is allowed.
    async fn wait_for_key(&self, table: &str, column: &str, is_new: bool) -> Result<StepState, Fault> {
        let set = &self.client.provisioning;
        let pause = set.key_poll_ms.max(1);
        for _ in 0..=set.key_wait_ms / pause {
            match self.key_status(table, column).await?.as_deref() {
                Some("Active") if is_new => return Ok(StepState::Made),
                Some("Active") => return Ok(StepState::Present),
                Some("Failed") => {
                    return Ok(StepState::Failed(format!(
                        "two rows of {table} hold the same value in {column}: empty it in all but one, then \
                         make.powerapps.com → Tables → {table} → Keys → Reactivate Key"
                    )));
                }
                _ => tokio::time::sleep(Duration::from_millis(pause)).await,
            }
        }
        Ok(StepState::Differs(
            "its index is still being built by a system job, and no record can be found or created until it is; run \
             this again"
                .to_owned(),
        ))
    }

    /// Change tracking of one table. It cannot be turned off again.
    pub(super) async fn tracking(&mut self, table: &str) -> Result<(), Fault> {
        let Some(mut whole) = self.look(&definition(table), &[]).await? else {
            if self.dry_run {
                self.step(format!("change tracking of {table}"), StepState::Missing);
            }
            return Ok(());
        };
        let what = format!("change tracking of {table}");
        if whole.get("ChangeTrackingEnabled").and_then(Json::as_bool) == Some(true) {
            self.step(what, StepState::Present);
            return Ok(());
        }
        // docs: a definition is replaced as a whole, and is addressed by its id.
        whole["ChangeTrackingEnabled"] = json!(true);
        if let Some(members) = whole.as_object_mut() {
            members.retain(|name, _| name != "@odata.context");
        }
        let id = whole.get("MetadataId").and_then(Json::as_str).and_then(crate::dynamics::guid);
        let path = id.map_or_else(|| definition(table), |id| format!("EntityDefinitions({id})"));
        let mut request = self.change(Method::PUT, &path, &whole)?;
        request
            .headers
            .insert(HeaderName::from_static("mscrm.mergelabels"), HeaderValue::from_static("true"));
        self.make(what, table, request).await;
        Ok(())
    }
}
