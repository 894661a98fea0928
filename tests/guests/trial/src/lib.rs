//! A plugin for the trial of the next minor version: it says why a field holds what it holds, and reads what a later
//! host says of the pass. Where neither is there it maps all the same.

wit_bindgen::generate!({ path: "wit", world: "trial" });

use crosswalk::mapping::{
    referral::Referral,
    values::{Field, Kind, Value},
};
use exports::crosswalk::mapping::{
    explain,
    mapping::{
        self, Conflict, Context, Crm, CrmDraft, CrmOutcome, CrmRecord, EntityUse, FieldUse, Manifest,
        ReferralDraft, ReferralOutcome, Refusal, Resolution, SyncReport,
    },
};

struct Trial;

export!(Trial);

impl explain::Guest for Trial {
    fn why(field: String, value: Value) -> Option<String> {
        (field == "name").then(|| format!("the deal's name and its fiscal year make {value:?}"))
    }
}

impl mapping::Guest for Trial {
    fn describe() -> Manifest {
        let name = FieldUse {
            name: "name".into(),
            kind: Kind::Text,
            reads: true,
            writes: true,
            owned: false,
            more: vec![],
        };
        let opportunity = EntityUse {
            entity: "opportunity".into(),
            via: None,
            fields: vec![name],
            referral_key: Some("new_referralid".into()),
            stamp: None,
            more: vec![],
        };
        Manifest {
            name: "trial".into(),
            version: "1.1.0".into(),
            crm: Crm::Dynamics,
            entities: vec![opportunity],
            lookups: vec![],
            settings_schema: String::new(),
            more: vec![],
        }
    }

    fn to_crm(
        referral: Referral,
        _linked: Option<CrmRecord>,
        context: Context,
    ) -> Result<CrmOutcome, Refusal> {
        let begins = context.more.into_iter().find(|field| field.name == "fiscal-year-begins");
        let name = match (referral.name.unwrap_or_default(), begins.map(|field| field.value)) {
            (name, Some(Value::Text(begins))) => format!("{name} (fiscal year from {begins})"),
            (name, _) => name,
        };
        let fields = vec![Field { name: "name".into(), value: Value::Text(name) }];
        Ok(CrmOutcome::Hold(CrmDraft {
            entity: "opportunity".into(),
            fields,
            companions: vec![],
            more: vec![],
        }))
    }

    fn to_referral(
        _linked: CrmRecord,
        _referral: Option<Referral>,
        _context: Context,
    ) -> Result<ReferralOutcome, Refusal> {
        Ok(ReferralOutcome::Hold(ReferralDraft { fields: vec![], more: vec![] }))
    }

    fn resolve(conflicts: Vec<Conflict>, _context: Context) -> Result<Vec<Resolution>, Refusal> {
        Ok(conflicts.iter().map(|_| Resolution::PartnerCenter).collect())
    }

    fn report(_linked: CrmRecord, _report: SyncReport, _context: Context) -> Result<Vec<Field>, Refusal> {
        Ok(vec![])
    }
}
