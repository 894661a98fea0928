//! Both systems of a tenant, as one pass looks at them: what a pass that writes and a rehearsal have in common.

use std::sync::Arc;

use crosswalk_connectors::{
    crm::{Crm, Reading},
    partner_center::PartnerCenter,
};
use crosswalk_engine::{
    pass::{Action, Limits, Pass, Seen, Subject},
    value::RecordKey,
};
use crosswalk_journal::Journal;
use crosswalk_runtime::{PassContext, PassMapper, Release};
use jiff::Timestamp;
use tokio::task;

use super::Fault;
use crate::{app::App, lookup::CrmLookup, tenant::Tenant};

/// The two systems, through one release.
pub(super) struct Reach {
    pub(super) release: Arc<Release>,
    pub(super) partner_center: PartnerCenter,
    pub(super) crm: Arc<dyn Crm>,
    journal: Arc<dyn Journal>,
    tenant: String,
}

/// What came of an action.
#[expect(clippy::large_enum_variant, reason = "one of them lives at a time, for one step of a pass")]
pub(super) enum Looked {
    /// It only looked, and this is what was seen.
    Seen(Seen),
    /// It does more than look, and nothing was done.
    NotALook(Action),
}

impl Reach {
    /// The tenant's systems, whose calls carry the pass's id.
    pub(super) fn new(app: &App, tenant: &Tenant, release: &Arc<Release>, pass: &str) -> Result<Self, Fault> {
        let crm = tenant.crm(release).map_err(|error| {
            Fault::new(format!("the connection to the CRM is not configured right: {error}"))
        })?;
        Ok(Reach {
            release: release.clone(),
            partner_center: tenant.partner_center.in_pass(pass),
            crm: crm.in_pass(pass),
            journal: app.journal.clone(),
            tenant: tenant.name.clone(),
        })
    }

    /// The plugin, for one pass. Its lookups ask this tenant's CRM.
    pub(super) fn mapper(&self, tenant: &str, now: Timestamp) -> PassMapper {
        let manifest = self.release.plugin.manifest().clone();
        self.release.plugin.mapper(PassContext {
            tenant: tenant.to_owned(),
            now,
            lookups: Some(Box::new(CrmLookup::new(self.crm.clone(), manifest))),
        })
    }

    /// Carries an action out if it only looks.
    pub(super) async fn look(&self, action: Action) -> Result<Looked, Fault> {
        Ok(Looked::Seen(match action {
            Action::ReadReferral(id) => Seen::Referral(self.partner_center.get(&id).await?.into_option()),
            Action::ReadRecord(key) => match self.crm.read(&key).await? {
                Reading::Found(record) => Seen::Record(Some(record)),
                Reading::Missing => Seen::Record(None),
                Reading::Succeeded(by) => Seen::Succeeded(by),
            },
            Action::FindRecord { entity, referral } => {
                let key_field = self.key_field(&entity)?;
                Seen::Record(self.crm.find_by_key(&entity, &key_field, &referral).await?)
            }
            Action::FindReferrals { external_reference, engagement, since } => {
                let found = match (external_reference, engagement) {
                    (_, Some(engagement)) => self.partner_center.find_by_engagement(&engagement).await?,
                    (Some(reference), None) => {
                        self.partner_center.find_by_external_reference(&reference, since).await?
                    }
                    (None, None) => Vec::new(),
                };
                Seen::Referrals(found)
            }
            Action::FindPredecessor(key) => Seen::Predecessor(self.linked_predecessor(&key).await?),
            Action::FindCompanions(companions) => {
                Seen::Companions(self.crm.find_companions(&companions).await?)
            }
            other => return Ok(Looked::NotALook(other)),
        }))
    }

    /// The record that lives on as this one, if it is linked: only then does its lane know what to do.
    async fn linked_predecessor(&self, key: &RecordKey) -> Result<Option<RecordKey>, Fault> {
        let Some(predecessor) = self.crm.predecessor(key).await? else { return Ok(None) };
        let link = self.journal.link_of(&self.tenant, &Subject::Record(predecessor.clone())).await?;
        Ok(link.map(|_| predecessor))
    }

    /// The field that holds the referral's id in records of this entity.
    pub(super) fn key_field(&self, entity: &str) -> Result<String, Fault> {
        let manifest = self.release.plugin.manifest();
        manifest.primary(entity).and_then(|used| used.referral_key.clone()).ok_or_else(|| {
            Fault::new(format!(
                "plugin `{}` declares no referral key for `{entity}`, so no record can be found or created there",
                manifest.name
            ))
        })
    }
}

/// The next action. A plugin may compute for as long as its limits allow, which is too long for a thread that serves
/// others.
pub(super) async fn step(
    mut pass: Pass,
    mut mapper: PassMapper,
    seen: Seen,
) -> Result<(Pass, PassMapper, Action), Fault> {
    task::spawn_blocking(move || {
        let next = pass.next(seen, &mut mapper);
        next.map(|action| (pass, mapper, action))
    })
    .await
    .map_err(|error| {
        Fault::new(format!("the engine stopped short, which is a defect of Crosswalk: {error}"))
    })?
    .map_err(|error| Fault::new(format!("the pass lost its step, which is a defect of Crosswalk: {error}")))
}

/// How much one pass may do.
pub(crate) fn limits(app: &App) -> Limits {
    let configured = &app.config.limits;
    Limits {
        create_patience_ms: configured.create_patience_ms,
        create_look_again_ms: configured.create_look_again_ms,
        stale_retries_max: configured.stale_retries_max,
        ..Limits::default()
    }
}
