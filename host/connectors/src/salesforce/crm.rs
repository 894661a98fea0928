//! Salesforce behind the [`Crm`] trait.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use crosswalk_engine::{
    mapping::{Companion, Manifest, Record},
    pass::{Seen, Versioned},
    value::{Fields, RecordKey},
};

use super::Salesforce;
use crate::{
    crm::{Changes, Crm, From, Hook, Identity, Listed, Reading, Step, Usage},
    fault::{ConfigError, Fault},
};

#[async_trait]
impl Crm for Salesforce {
    fn with_manifest(&self, manifest: Arc<Manifest>) -> Result<Arc<dyn Crm>, ConfigError> {
        Ok(Arc::new(Salesforce::with_manifest(self, manifest)?))
    }

    /// No call of Salesforce's has a place for a pass's id.
    fn in_pass(&self, _pass: &str) -> Arc<dyn Crm> {
        Arc::new(self.clone())
    }

    async fn check(&self) -> Result<Identity, Fault> {
        self.identity().await
    }

    async fn read(&self, key: &RecordKey) -> Result<Reading, Fault> {
        self.read_record(key).await
    }

    async fn predecessor(&self, key: &RecordKey) -> Result<Option<RecordKey>, Fault> {
        Salesforce::predecessor(self, key).await
    }

    async fn find_by_key(
        &self,
        entity: &str,
        key_field: &str,
        value: &str,
    ) -> Result<Option<Versioned<Record>>, Fault> {
        self.record_by_key(entity, key_field, value).await
    }

    async fn find(
        &self,
        entity: &str,
        matching: &Fields,
        select: &[String],
        limit: u32,
    ) -> Result<Vec<Versioned<Record>>, Fault> {
        self.search(entity, matching, select, limit).await
    }

    async fn find_companions(&self, companions: &[Companion]) -> Result<BTreeMap<String, RecordKey>, Fault> {
        crate::companions::existing(self, companions).await
    }

    async fn update(
        &self,
        key: &RecordKey,
        fields: &Fields,
        companions: &[Companion],
        version: &str,
    ) -> Result<Seen, Fault> {
        self.update_record(key, fields, companions, version).await
    }

    async fn create(
        &self,
        entity: &str,
        key_field: &str,
        key_value: &str,
        fields: &Fields,
        companions: &[Companion],
    ) -> Result<Seen, Fault> {
        self.create_record(entity, key_field, key_value, fields, companions).await
    }

    async fn convert(
        &self,
        key: &RecordKey,
        to: &str,
        fields: &Fields,
        companions: &[Companion],
        version: &str,
    ) -> Result<Seen, Fault> {
        self.convert_lead(key, to, fields, companions, version).await
    }

    async fn changes(&self, entity: &str, from: &From) -> Result<Changes, Fault> {
        self.changed(entity, from).await
    }

    async fn list(
        &self,
        entity: &str,
        matching: &Fields,
        after: Option<&str>,
        rows: u32,
    ) -> Result<Vec<Listed>, Fault> {
        self.listed(entity, matching, after, rows).await
    }

    async fn provision(&self, hook: Option<&Hook>, dry_run: bool) -> Result<Vec<Step>, Fault> {
        self.provisioned(hook, dry_run).await
    }

    fn usage(&self) -> Option<Usage> {
        self.shared.budget.usage()
    }
}
