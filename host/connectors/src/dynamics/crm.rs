//! Dynamics 365 behind the [`Crm`] trait.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use crosswalk_engine::{
    mapping::{Companion, Manifest, Record},
    pass::{Seen, Versioned},
    value::{Fields, RecordKey},
};

use super::Dynamics;
use crate::{
    crm::{Changes, Crm, From, Hook, Identity, Listed, Reading, Step, Usage},
    fault::{ConfigError, Fault},
};

#[async_trait]
impl Crm for Dynamics {
    fn with_manifest(&self, manifest: Arc<Manifest>) -> Result<Arc<dyn Crm>, ConfigError> {
        Ok(Arc::new(Dynamics::with_manifest(self, manifest)?))
    }

    fn in_pass(&self, pass: &str) -> Arc<dyn Crm> {
        Arc::new(Dynamics::in_pass(self, pass))
    }

    async fn check(&self) -> Result<Identity, Fault> {
        let us = self.who_am_i().await?;
        Ok(Identity { user: us.user_id, organization: us.organization_id })
    }

    async fn read(&self, key: &RecordKey) -> Result<Reading, Fault> {
        Dynamics::read(self, key).await
    }

    async fn predecessor(&self, key: &RecordKey) -> Result<Option<RecordKey>, Fault> {
        Dynamics::predecessor(self, key).await
    }

    async fn find_by_key(
        &self,
        entity: &str,
        key_field: &str,
        value: &str,
    ) -> Result<Option<Versioned<Record>>, Fault> {
        Dynamics::find_by_key(self, entity, key_field, value).await
    }

    async fn find(
        &self,
        entity: &str,
        matching: &Fields,
        select: &[String],
        limit: u32,
    ) -> Result<Vec<Versioned<Record>>, Fault> {
        Dynamics::find(self, entity, matching, select, limit).await
    }

    async fn find_companions(&self, companions: &[Companion]) -> Result<BTreeMap<String, RecordKey>, Fault> {
        Dynamics::find_companions(self, companions).await
    }

    async fn update(
        &self,
        key: &RecordKey,
        fields: &Fields,
        companions: &[Companion],
        version: &str,
    ) -> Result<Seen, Fault> {
        Dynamics::update(self, key, fields, companions, version).await
    }

    async fn create(
        &self,
        entity: &str,
        key_field: &str,
        key_value: &str,
        fields: &Fields,
        companions: &[Companion],
    ) -> Result<Seen, Fault> {
        Dynamics::create(self, entity, key_field, key_value, fields, companions).await
    }

    async fn convert(
        &self,
        key: &RecordKey,
        to: &str,
        fields: &Fields,
        companions: &[Companion],
        version: &str,
    ) -> Result<Seen, Fault> {
        Dynamics::convert(self, key, to, fields, companions, version).await
    }

    async fn changes(&self, entity: &str, from: &From) -> Result<Changes, Fault> {
        Dynamics::changes(self, entity, from).await
    }

    async fn list(
        &self,
        entity: &str,
        matching: &Fields,
        after: Option<&str>,
        rows: u32,
    ) -> Result<Vec<Listed>, Fault> {
        Dynamics::list(self, entity, matching, after, rows).await
    }

    async fn provision(&self, hook: Option<&Hook>, dry_run: bool) -> Result<Vec<Step>, Fault> {
        Dynamics::provision(self, hook, dry_run).await
    }

    /// Dataverse's limits are for each of its servers and for five minutes; no answer tells how much is used.
    fn usage(&self) -> Option<Usage> {
        None
    }
}
