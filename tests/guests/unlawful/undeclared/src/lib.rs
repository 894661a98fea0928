//! The default Dynamics mapping with one fault: it writes a column that its manifest does not declare.
//!
//! The SDK makes the manifest from the structs, so this one meets the contract by hand.

use crosswalk_dynamics::mapping::plugin as default;
use crosswalk_sdk::contract::{
    Conflict, Context, CrmOutcome, CrmRecord, Guest, Manifest, NamedValue, Referral, ReferralOutcome,
    Refusal, Resolution, SyncReport, Value, export_component,
};

struct Undeclared;

export_component!(Undeclared);

impl Guest for Undeclared {
    fn describe() -> Manifest {
        Manifest { name: env!("CARGO_PKG_NAME").to_owned(), ..(default().describe)() }
    }

    /// The fault.
    fn to_crm(
        referral: Referral,
        linked: Option<CrmRecord>,
        context: Context,
    ) -> Result<CrmOutcome, Refusal> {
        let mut outcome = (default().to_crm)(&referral, linked.as_ref(), &context)?;
        if let CrmOutcome::Hold(draft) = &mut outcome {
            draft.fields.push(NamedValue { name: "contoso_margin".to_owned(), value: Value::Integer(7) });
        }
        Ok(outcome)
    }

    fn to_referral(
        linked: CrmRecord,
        referral: Option<Referral>,
        context: Context,
    ) -> Result<ReferralOutcome, Refusal> {
        (default().to_referral)(&linked, referral.as_ref(), &context)
    }

    fn resolve(conflicts: Vec<Conflict>, context: Context) -> Result<Vec<Resolution>, Refusal> {
        (default().resolve)(&conflicts, &context)
    }

    fn report(linked: CrmRecord, report: SyncReport, context: Context) -> Result<Vec<NamedValue>, Refusal> {
        (default().report)(&linked, &report, &context)
    }
}
