//! A plugin as the contract sees it. What `#[mapping]` generates calls the functions here.

use crate::{
    ReferralDraft, Refusal, Result, SyncReport,
    contract::{
        self, Conflict, Crm, CrmOutcome, CrmRecord, EntityUse, Manifest, NamedValue, Referral,
        ReferralOutcome, Resolution,
    },
    host,
    record::{self, ColumnName, IntoOutcome, Outcome, Primary, Record, Writer},
    settings::{Property, schema_text},
};

/// A plugin's five functions in the contract's own types, to call natively: as a library of another plugin, in a
/// test, or to measure what the sandbox costs.
#[derive(Clone, Copy, Debug)]
pub struct Plugin {
    /// What are you?
    pub describe: fn() -> Manifest,
    /// What should the CRM hold?
    pub to_crm: ToCrm,
    /// What should Partner Center hold?
    pub to_referral: ToReferral,
    /// Who wins?
    pub resolve: fn(&[Conflict], &contract::Context) -> Result<Vec<Resolution>, contract::Refusal>,
    /// What should the record show of a pass?
    pub report: fn(&CrmRecord, &SyncReport, &contract::Context) -> Result<Vec<NamedValue>, contract::Refusal>,
}

/// [`Plugin::to_crm`].
pub type ToCrm =
    fn(&Referral, Option<&CrmRecord>, &contract::Context) -> Result<CrmOutcome, contract::Refusal>;

/// [`Plugin::to_referral`].
pub type ToReferral =
    fn(&CrmRecord, Option<&Referral>, &contract::Context) -> Result<ReferralOutcome, contract::Refusal>;

/// What `#[mapping]` knows of a plugin.
#[doc(hidden)]
#[derive(Debug)]
pub struct Description {
    pub name: &'static str,
    pub version: &'static str,
    pub crm: &'static str,
    pub entities: (Vec<EntityUse>, Vec<ColumnName>),
    pub lookups: Vec<(EntityUse, Vec<ColumnName>)>,
    pub settings: Vec<Vec<Property>>,
}

#[doc(hidden)]
pub fn describe(ask: impl FnOnce() -> Description) -> Manifest {
    host::report_panics();
    ask().manifest()
}

impl Description {
    fn manifest(self) -> Manifest {
        let (entities, mut columns) = self.entities;
        let (lookups, more): (Vec<_>, Vec<_>) = self.lookups.into_iter().unzip();
        columns.extend(more.into_iter().flatten());
        let properties: Vec<Property> = self
            .settings
            .into_iter()
            .flatten()
            .chain(columns.iter().filter_map(Property::of_column))
            .collect();
        Manifest {
            name: self.name.to_owned(),
            version: self.version.to_owned(),
            crm: match self.crm {
                "dynamics" => Crm::Dynamics,
                "salesforce" => Crm::Salesforce,
                other => Crm::Other(other.to_owned()),
            },
            entities,
            lookups,
            settings_schema: schema_text(&properties),
            more: Vec::new(),
        }
    }
}

#[doc(hidden)]
pub fn entities<P: Primary>() -> (Vec<EntityUse>, Vec<ColumnName>) {
    (P::entities(), P::name_settings())
}

#[doc(hidden)]
pub fn lookup_of<R: Record>() -> (EntityUse, Vec<ColumnName>) {
    (record::entity_use::<R>(None), record::column_settings::<R>())
}

#[doc(hidden)]
pub fn answer<T>(ask: impl FnOnce() -> Result<T>) -> Result<T, contract::Refusal> {
    host::report_panics();
    ask().map_err(Refusal::into_contract)
}

#[doc(hidden)]
pub fn record<P: Primary>(linked: &CrmRecord) -> Result<P> {
    P::from_linked(linked)
}

#[doc(hidden)]
pub fn crm_outcome<P: Primary>(answer: impl IntoOutcome<P>) -> Result<CrmOutcome> {
    match answer.into_outcome() {
        Outcome::Skip(reason) => Ok(CrmOutcome::Skip(reason)),
        Outcome::Hold(draft) => {
            let (entity, mut writer) = (draft.entity(), Writer::default());
            draft.into_writer(&mut writer);
            writer.into_draft(entity).map(CrmOutcome::Hold)
        }
    }
}

#[doc(hidden)]
pub fn referral_outcome(answer: impl IntoOutcome<ReferralDraft>) -> ReferralOutcome {
    match answer.into_outcome() {
        Outcome::Skip(reason) => ReferralOutcome::Skip(reason),
        Outcome::Hold(draft) => ReferralOutcome::Hold(draft.into_contract()),
    }
}

/// What stands in for `to_referral`: the CRM is only written.
#[doc(hidden)]
pub fn no_to_referral() -> ReferralOutcome {
    ReferralOutcome::Hold(contract::ReferralDraft { fields: Vec::new(), more: Vec::new() })
}

/// What stands in for `resolve`: nobody's edit is overwritten without a person.
#[doc(hidden)]
pub fn park(conflict: &Conflict) -> Result<Resolution> {
    Ok(Resolution::Park(format!(
        "`{}` changed on both sides, and this plugin has no rule for it",
        conflict.field
    )))
}

#[doc(hidden)]
pub fn report_fields<P: Primary>(linked: &CrmRecord, shown: P) -> Result<Vec<NamedValue>> {
    if shown.entity() != linked.key.entity {
        let message = format!(
            "`report` was asked what a `{}` should show, and answered with a `{}`",
            linked.key.entity,
            shown.entity()
        );
        return Err(Refusal::reject(message).help("answer with the variant that it was given"));
    }
    let mut writer = Writer::default();
    shown.into_writer(&mut writer);
    writer.into_fields()
}

/// The component's exports. `crosswalk plugin build` sets the cfg for the plugin's own crate and for no library of
/// it, so that a plugin can call another one's functions. Elsewhere these lints have nothing to say, and `#[expect]` would be a
/// warning in the author's crate.
#[doc(hidden)]
#[macro_export]
macro_rules! __component {
    ($plugin:path) => {
        #[allow(
            unexpected_cfgs,
            unsafe_code,
            reason = "the cfg and the exports belong to `crosswalk plugin build`"
        )]
        const _: () = {
            #[cfg(crosswalk_component)]
            const _: () = {
                use $crate::contract::{
                    Conflict, Context, CrmOutcome, CrmRecord, Guest, Manifest, NamedValue, Referral,
                    ReferralOutcome, Refusal, Resolution, SyncReport,
                };
                struct Component;
                impl Guest for Component {
                    fn describe() -> Manifest {
                        ($plugin().describe)()
                    }
                    fn to_crm(
                        referral: Referral,
                        linked: Option<CrmRecord>,
                        context: Context,
                    ) -> Result<CrmOutcome, Refusal> {
                        ($plugin().to_crm)(&referral, linked.as_ref(), &context)
                    }
                    fn to_referral(
                        linked: CrmRecord,
                        referral: Option<Referral>,
                        context: Context,
                    ) -> Result<ReferralOutcome, Refusal> {
                        ($plugin().to_referral)(&linked, referral.as_ref(), &context)
                    }
                    fn resolve(
                        conflicts: Vec<Conflict>,
                        context: Context,
                    ) -> Result<Vec<Resolution>, Refusal> {
                        ($plugin().resolve)(&conflicts, &context)
                    }
                    fn report(
                        linked: CrmRecord,
                        report: SyncReport,
                        context: Context,
                    ) -> Result<Vec<NamedValue>, Refusal> {
                        ($plugin().report)(&linked, &report, &context)
                    }
                }
                $crate::contract::export_component!(Component);
            };
        };
    };
}
