//! A whole plugin, as an author writes it, asked natively in the contract's own types.

mod deal;

use crosswalk_sdk::{
    contract::{Companion, CrmDraft, CrmOutcome, Kind, NamedValue, Reference, ReferralOutcome, Value},
    prelude::*,
    testing,
};

#[derive(Choice, Clone, Copy, Debug, PartialEq)]
enum Tier {
    #[choice(1)]
    Gold,
    #[choice(2)]
    Silver,
    #[choice(other)]
    Other(i32),
}

#[derive(Choice, Clone, Debug, PartialEq)]
enum Winner {
    Crm,
    PartnerCenter,
}

#[derive(Settings)]
struct Limits {
    /// From which deal value on a deal is gold.
    #[setting(default = 1000)]
    gold_from: i32,
    /// Who wins.
    #[setting(default = Winner::Crm)]
    winner: Winner,
    /// A name that nobody has to give.
    nickname: Option<String>,
}

#[derive(Record, Clone, Debug, Default, PartialEq)]
#[record(entity = "account")]
struct Account {
    name: Field<String>,
    #[field("address1_postalcode")]
    postal_code: Field<String>,
}

#[derive(Record, Clone, Debug, Default, PartialEq)]
#[record(entity = "opportunity", key = "msft_id", stamp("cw_stamp", setting = "column_stamp"))]
struct Opportunity {
    name: Field<String>,
    #[field("new_tier")]
    tier: Field<Tier>,
    #[field("estimatedvalue", setting = "deal_value_field")]
    value: Field<Decimal>,
    /// The sync's own words.
    #[field("msft_audit", setting = "column_audit", owned)]
    audit: Field<String>,
    #[field("parentaccountid")]
    account: Field<Ref<Account>>,
    #[field(read)]
    modifiedon: Field<Timestamp>,
}

#[mapping(crm = "dynamics", settings(Limits), lookups(Account))]
mod gold {
    use super::*;

    pub(super) fn to_crm(
        referral: &Referral,
        settings: &Limits,
        linked: Option<&Opportunity>,
    ) -> Result<Outcome<Opportunity>> {
        if referral.status == Status::New {
            return Ok(Outcome::skip("not accepted yet"));
        }
        let value = referral.details.deal_value()?;
        ensure!(value.is_none_or(|value| value >= Decimal::ZERO), "value", "`{:?}` is negative", value; help = "correct it");
        let mut draft =
            Opportunity { name: referral.name.clone().into(), value: value.into(), ..Default::default() };
        let gold = value.is_some_and(|value| value >= Decimal::from(settings.gold_from));
        draft.tier = if gold { Tier::Gold } else { Tier::Silver }.into();
        if linked.is_none() {
            let found = Account { name: referral.customer.name.clone().into(), ..Default::default() };
            let extra = Account { postal_code: "98052".into(), ..Default::default() };
            draft.account = Ref::find_or_create(found, extra).into();
        }
        Ok(Outcome::Hold(draft))
    }

    pub(super) fn to_referral(linked: &Opportunity) -> Result<ReferralDraft> {
        Ok(ReferralDraft { deal_value: linked.value, ..Default::default() })
    }

    pub(super) fn resolve(conflict: &Conflict, settings: &Limits) -> Result<Resolution> {
        Ok(match (conflict.on::<Opportunity>(), &settings.winner) {
            (Some(OpportunityField::Value), Winner::Crm) => Resolution::Crm,
            (Some(OpportunityField::Value), Winner::PartnerCenter) => Resolution::PartnerCenter,
            _ => Resolution::park("ask"),
        })
    }

    pub(super) fn report(report: &SyncReport, cx: &Context) -> Result<Opportunity> {
        log::info(format!("reported {}", report.message));
        Ok(Opportunity { audit: format!("{} {}", cx.tenant(), report.message).into(), ..Default::default() })
    }
}

fn value(fields: &[crosswalk_sdk::contract::NamedValue], name: &str) -> Option<Value> {
    fields.iter().find(|field| field.name == name).map(|field| field.value.clone())
}

#[test]
fn the_manifest_is_what_the_structs_say() {
    let _settings =
        testing::settings(testing::json!({ "deal_value_field": "new_value", "column_stamp": "" }));
    let manifest = (gold::plugin().describe)();
    assert_eq!(manifest.name, "crosswalk-sdk");
    let [opportunity, account] = &manifest.entities[..] else { panic!("{manifest:?}") };
    assert_eq!((opportunity.entity.as_str(), opportunity.via.as_deref()), ("opportunity", None));
    assert_eq!((opportunity.referral_key.as_deref(), opportunity.stamp.as_deref()), (Some("msft_id"), None));
    assert_eq!((account.entity.as_str(), account.via.as_deref()), ("account", Some("parentaccountid")));
    let named = |name: &str| opportunity.fields.iter().find(|field| field.name == name).unwrap();
    assert_eq!(named("new_value").kind, Kind::Decimal);
    assert_eq!(named("new_tier").kind, Kind::Integer);
    assert_eq!(named("parentaccountid").kind, Kind::Reference("account".into()));
    assert!(named("msft_audit").owned && !named("name").owned);
    assert!(named("modifiedon").reads && !named("modifiedon").writes);
    assert_eq!(manifest.lookups[0].entity, "account");
}

#[test]
fn the_schema_has_the_settings_and_the_columns_names() {
    let schema: serde_json::Value =
        serde_json::from_str(&(gold::plugin().describe)().settings_schema).unwrap();
    let of = |name: &str| &schema["properties"][name];
    assert_eq!(of("gold_from")["default"], 1000);
    assert_eq!(of("gold_from")["description"], "From which deal value on a deal is gold.");
    assert_eq!(of("winner")["enum"], testing::json!(["crm", "partner-center"]));
    assert_eq!(of("column_audit")["default"], "msft_audit");
    assert!(of("column_audit")["description"].as_str().unwrap().starts_with("The sync's own words."));
    assert_eq!(schema["required"], testing::json!([]));
}

#[test]
fn a_draft_speaks_of_what_was_set_and_of_nothing_else() {
    let referral = testing::referral(testing::documented_referral());
    let answer = (gold::plugin().to_crm)(&referral, None, &testing::contract_context()).unwrap();
    let CrmOutcome::Hold(draft) = answer else { panic!("{answer:?}") };
    assert_eq!(value(&draft.fields, "estimatedvalue"), Some(Value::Decimal("50000".into())));
    assert_eq!(value(&draft.fields, "new_tier"), Some(Value::Integer(1)));
    assert_eq!(value(&draft.fields, "msft_audit"), None);
    let [account] = &draft.companions[..] else { panic!("{draft:?}") };
    assert_eq!((account.alias.as_str(), account.entity.as_str()), ("parentaccountid", "account"));
    assert_eq!(value(&account.match_, "name"), Some(Value::Text("Contoso Customer Inc".into())));
    assert_eq!(value(&account.fields, "address1_postalcode"), Some(Value::Text("98052".into())));
}

#[test]
fn an_empty_referral_field_clears_the_column() {
    let referral = testing::referral(testing::json!({ "status": "Active" }));
    let answer = (gold::plugin().to_crm)(&referral, None, &testing::contract_context()).unwrap();
    let CrmOutcome::Hold(draft) = answer else { panic!("{answer:?}") };
    assert_eq!(value(&draft.fields, "name"), Some(Value::Empty));
}

#[test]
fn a_refusal_names_field_message_and_help() {
    let referral = testing::referral(testing::json!({ "status": "Active", "details": { "dealValue": -5 } }));
    let refusal = gold::to_crm(&referral, &Limits::read().unwrap(), None).unwrap_err();
    assert_eq!(refusal.to_string(), "`value`: `Some(-5)` is negative (correct it)");
    assert!(!refusal.retry);
}

#[test]
fn a_setting_changes_the_rule() {
    let _settings = testing::settings(testing::json!({ "gold_from": 60000, "winner": "partner-center" }));
    let referral = testing::referral(testing::documented_referral());
    let Ok(Outcome::Hold(draft)) = gold::to_crm(&referral, &Limits::read().unwrap(), None) else { panic!() };
    assert_eq!(draft.tier, Tier::Silver.into());
    assert_eq!(Limits::read().unwrap().nickname, None);
    let conflict = Conflict {
        field: "estimatedvalue".into(),
        base: None,
        partner_center: Value::Decimal("1".into()),
        crm: Value::Decimal("2".into()),
        partner_center_changed: None,
        crm_changed: None,
        more: Vec::new(),
    };
    assert_eq!(conflict.crm_as::<Decimal>().unwrap(), Some(Decimal::TWO));
    let resolved = (gold::plugin().resolve)(&[conflict], &testing::contract_context()).unwrap();
    assert_eq!(resolved, [Resolution::PartnerCenter]);
}

#[test]
fn a_record_is_read_with_its_types_and_an_unknown_option_is_kept() {
    let record = crosswalk_sdk::contract::CrmRecord {
        key: RecordKey { entity: "opportunity".into(), id: "1".into() },
        fields: vec![
            crosswalk_sdk::contract::NamedValue { name: "new_tier".into(), value: Value::Integer(7) },
            crosswalk_sdk::contract::NamedValue {
                name: "estimatedvalue".into(),
                value: Value::Decimal("1.50".into()),
            },
            crosswalk_sdk::contract::NamedValue { name: "name".into(), value: Value::Empty },
        ],
        related: Vec::new(),
        more: Vec::new(),
    };
    let read = crosswalk_sdk::plugin::record::<Opportunity>(&record).unwrap();
    assert_eq!(read.tier, Tier::Other(7).into());
    assert_eq!(read.name, Field::Empty);
    assert_eq!(read.audit, Field::Unset);
    let answer = (gold::plugin().to_referral)(&record, None, &testing::contract_context()).unwrap();
    let ReferralOutcome::Hold(draft) = answer else { panic!("{answer:?}") };
    assert_eq!(value(&draft.fields, "/details/dealValue"), Some(Value::Decimal("1.5".into())));
}

#[test]
fn a_value_of_another_kind_is_refused_with_the_columns_name() {
    let record = crosswalk_sdk::contract::CrmRecord {
        key: RecordKey { entity: "opportunity".into(), id: "1".into() },
        fields: vec![crosswalk_sdk::contract::NamedValue { name: "name".into(), value: Value::Flag(true) }],
        related: Vec::new(),
        more: Vec::new(),
    };
    let refusal = crosswalk_sdk::plugin::record::<Opportunity>(&record).unwrap_err();
    assert_eq!(refusal.field.as_deref(), Some("name"));
    assert!(refusal.message.contains("Flag(true)"), "{refusal}");
}

#[test]
fn a_draft_that_sets_a_field_that_is_only_read_is_refused() {
    let draft = Opportunity { modifiedon: Timestamp::UNIX_EPOCH.into(), ..Default::default() };
    let refusal = crosswalk_sdk::plugin::crm_outcome::<Opportunity>(draft).unwrap_err();
    assert_eq!(refusal.field.as_deref(), Some("modifiedon"));
}

#[test]
fn report_and_log_reach_the_host() {
    let record = testing::written(
        None,
        &crosswalk_sdk::contract::CrmDraft {
            entity: "opportunity".into(),
            fields: Vec::new(),
            companions: Vec::new(),
            more: Vec::new(),
        },
    );
    let report = SyncReport { outcome: SyncOutcome::Synced, message: "done".into(), more: Vec::new() };
    testing::logged();
    let fields = (gold::plugin().report)(&record, &report, &testing::contract_context()).unwrap();
    assert_eq!(value(&fields, "msft_audit"), Some(Value::Text("contoso done".into())));
    assert_eq!(testing::logged()[0].1, "reported done");
}

#[test]
fn a_lookup_finds_what_was_laid_out() {
    let laid_out = Account { name: "Contoso".into(), postal_code: "98052".into() };
    let _accounts = testing::lookup(vec![laid_out.clone()]);
    let found = lookup::find(Account { name: "Contoso".into(), ..Default::default() }, 1).unwrap();
    assert_eq!(found[0].record, laid_out);
    assert!(lookup::find(Account { name: "Fabrikam".into(), ..Default::default() }, 1).unwrap().is_empty());
}

#[test]
fn the_laws_hold() {
    testing::laws::hold(&gold::plugin(), 0..300);
}

/// A mapping that grows its own value each time it is written.
mod unlawful {
    use super::*;

    #[mapping(crm = "dynamics")]
    pub(super) mod growing {
        use super::*;

        fn to_crm(linked: Option<&Opportunity>) -> Result<Opportunity> {
            let name = linked.map_or(String::new(), |linked| format!("{}!", linked.name.text()));
            Ok(Opportunity { name: name.into(), ..Default::default() })
        }
    }
}

#[test]
fn a_mapping_that_grows_breaks_a_law() {
    let plugin = unlawful::growing::plugin();
    let broken = testing::laws::broken(&plugin, &testing::documented_referral(), None);
    assert!(broken.iter().any(|law| law.contains("once is enough")), "{broken:?}");
}

#[test]
fn a_companion_that_refers_to_another_exists_like_it_once_the_draft_is_written() {
    let refers = |field: &str, alias: &str| NamedValue {
        name: field.to_owned(),
        value: Value::Reference(Reference::Companion(alias.to_owned())),
    };
    let companion = |alias: &str, fields| Companion {
        alias: alias.to_owned(),
        entity: alias.to_owned(),
        match_: Vec::new(),
        fields,
        more: Vec::new(),
    };
    let draft = CrmDraft {
        entity: "opportunity".to_owned(),
        fields: vec![refers("parentcontactid", "contact")],
        companions: vec![
            companion("account", Vec::new()),
            companion("contact", vec![refers("parentcustomerid", "account")]),
        ],
        more: Vec::new(),
    };
    let written = testing::written(None, &draft);
    let held = [&written.fields[0], &written.related[0].fields[0]].map(|field| match &field.value {
        Value::Reference(Reference::Existing(key)) => key.entity.as_str(),
        other => panic!("{other:?} does not exist"),
    });
    assert_eq!(held, ["contact", "account"]);
}
