//! A plugin's `lookup`, answered by the tenant's own CRM.

use std::sync::Arc;

use crosswalk_connectors::crm::Crm;
use crosswalk_engine::{
    mapping::Manifest,
    value::{Fields, RecordKey},
};
use crosswalk_runtime::{Lookup, LookupFailure};
use tokio::runtime::Handle;

/// Looks records up while a plugin waits. Called on a blocking thread only.
pub(crate) struct CrmLookup {
    crm: Arc<dyn Crm>,
    manifest: Manifest,
    tokio: Handle,
}

impl CrmLookup {
    pub(crate) fn new(crm: Arc<dyn Crm>, manifest: Manifest) -> Self {
        CrmLookup { crm, manifest, tokio: Handle::current() }
    }
}

impl Lookup for CrmLookup {
    fn find(
        &mut self,
        entity: &str,
        matching: &Fields,
        limit: u32,
    ) -> Result<Vec<(RecordKey, Fields)>, LookupFailure> {
        let declared = self.manifest.lookups.iter().filter(|used| used.entity == entity);
        let select: Vec<String> = declared
            .flat_map(|used| &used.fields)
            .filter(|field| field.reads)
            .map(|field| field.name.clone())
            .collect();
        let found = self.tokio.block_on(self.crm.find(entity, matching, &select, limit));
        match found {
            Ok(records) => {
                Ok(records.into_iter().map(|found| (found.value.key, found.value.fields)).collect())
            }
            Err(fault) => Err(LookupFailure::Unavailable(fault.reason().to_owned())),
        }
    }
}
