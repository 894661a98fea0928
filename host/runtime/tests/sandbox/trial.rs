//! A host for the trial of the next minor version (`tests/guests/trial/wit`): it serves the component that was built
//! against 1.0.0 as today's host does, and uses what is new where a plugin has it.

use std::path::Path;

use wasmtime::{Engine, Store, component::Component};

use crate::{build, shape::component, versions::FROZEN};

/// A host for one version of the contract: everything that it offers, and the answers of a plugin to every question,
/// as text.
macro_rules! host {
    ($version:ident, $wit:literal) => {
        mod $version {
            use wasmtime::{
                Engine, Store,
                component::{Component, HasSelf, Linker},
            };

            wasmtime::component::bindgen!({ path: $wit, world: "mapper" });

            use self::{
                crosswalk::mapping::{log, lookup, referral, settings, values},
                exports::crosswalk::mapping::mapping,
            };

            /// What a plugin wrote to the log.
            #[derive(Default)]
            pub(super) struct Host(pub(super) Vec<String>);

            impl values::Host for Host {}
            impl referral::Host for Host {}

            impl log::Host for Host {
                fn write(&mut self, level: log::Level, message: String) {
                    self.0.push(format!("{level:?}: {message}"));
                }
            }

            impl settings::Host for Host {
                fn get(&mut self, name: String) -> Option<values::Value> {
                    (name == "prefix").then(|| values::Value::Text("Old: ".into()))
                }
            }

            impl lookup::Host for Host {
                fn find(
                    &mut self,
                    entity: String,
                    matching: Vec<values::Field>,
                    _limit: u32,
                ) -> Result<Vec<lookup::Found>, lookup::Failure> {
                    let key = values::RecordKey { entity, id: "usd".into() };
                    Ok(vec![lookup::Found { key, fields: matching, more: vec![] }])
                }
            }

            pub(super) fn linker(engine: &Engine) -> Linker<Host> {
                let mut linker = Linker::new(engine);
                Mapper::add_to_linker::<Host, HasSelf<Host>>(&mut linker, |host| host).unwrap();
                linker
            }

            pub(super) fn answers(engine: &Engine, bytes: &[u8], more: &[(&str, &str)]) -> Vec<String> {
                let component = Component::from_binary(engine, bytes).unwrap();
                let pre = MapperPre::new(linker(engine).instantiate_pre(&component).unwrap()).unwrap();
                let more = more.iter().map(|(name, value)| text(name, value)).collect();
                let context =
                    mapping::Context { tenant: "contoso".into(), now: "2026-01-31T10:00:00Z".into(), more };
                let questions: [&dyn Fn(&mut Store<Host>, &mapping::Guest) -> String; 8] = [
                    &|store, plugin| format!("{:?}", plugin.call_describe(store)),
                    &|store, plugin| format!("{:?}", plugin.call_to_crm(store, &deal(), None, &context)),
                    &|store, plugin| format!("{:?}", plugin.call_to_crm(store, &deal(), Some(&record()), &context)),
                    &|store, plugin| format!("{:?}", plugin.call_to_crm(store, &nameless(), None, &context)),
                    &|store, plugin| format!("{:?}", plugin.call_to_referral(store, &record(), None, &context)),
                    &|store, plugin| format!("{:?}", plugin.call_to_referral(store, &record(), Some(&deal()), &context)),
                    &|store, plugin| format!("{:?}", plugin.call_resolve(store, &conflicts(), &context)),
                    &|store, plugin| format!("{:?}", plugin.call_report(store, &record(), &failed(), &context)),
                ];
                let ask = |question: &&dyn Fn(&mut Store<Host>, &mapping::Guest) -> String| {
                    let mut store = Store::new(engine, Host::default());
                    let plugin = pre.instantiate(&mut store).unwrap();
                    let answer = question(&mut store, plugin.crosswalk_mapping_mapping());
                    format!("{answer} {:?}", store.data().0)
                };
                questions.iter().map(ask).collect()
            }

            fn text(name: &str, value: &str) -> values::Field {
                values::Field { name: name.into(), value: values::Value::Text(value.into()) }
            }

            fn record() -> mapping::CrmRecord {
                let key = values::RecordKey { entity: "opportunity".into(), id: "1".into() };
                let amount = values::Value::Decimal("50000.50".into());
                let amount = values::Field { name: "estimatedvalue".into(), value: amount };
                let fields = vec![text("name", "Old: Fabrikam fabric"), amount];
                mapping::CrmRecord { key, fields, related: vec![], more: vec![] }
            }

            fn conflicts() -> Vec<mapping::Conflict> {
                let conflict = |field: &str| mapping::Conflict {
                    field: field.into(),
                    base: None,
                    partner_center: values::Value::Flag(true),
                    crm: values::Value::Empty,
                    partner_center_changed: None,
                    crm_changed: Some("2026-01-31T10:00:00Z".into()),
                    more: vec![],
                };
                ["name", "estimatedvalue", "estimatedclosedate", "ownerid"].map(conflict).into()
            }

            fn failed() -> mapping::SyncReport {
                let outcome = mapping::SyncOutcome::Failed("the price is locked".into());
                mapping::SyncReport { outcome, message: "Nothing was lost.".into(), more: vec![] }
            }

            fn nameless() -> referral::Referral {
                referral::Referral { name: None, ..deal() }
            }

            fn deal() -> referral::Referral {
                let customer = referral::Customer {
                    name: Some("Fabrikam".into()),
                    address: None,
                    size: None,
                    team: vec![],
                    ids: vec![],
                    more: vec![],
                };
                let details = referral::Details {
                    deal_value: Some("50000.50".into()),
                    currency: Some("USD".into()),
                    closing_date: Some("2026-03-31T00:00:00Z".into()),
                    notes: None,
                    customer_action: None,
                    customer_requested_contact: None,
                    incentive_level: None,
                    industries: vec![],
                    products: vec!["Azure".into()],
                    services: vec![],
                    solutions: vec![],
                    more: vec![],
                };
                let consent = referral::Consent {
                    contact: true,
                    share_with_others: true,
                    share_with_microsoft_sellers: false,
                    more: vec![],
                };
                referral::Referral {
                    id: Some("4b0c".into()),
                    engagement_id: None,
                    organization_id: None,
                    organization_name: None,
                    external_reference_id: None,
                    name: Some("Fabrikam fabric".into()),
                    referral_kind: referral::ReferralKind::Shared,
                    qualification: referral::Qualification::SalesQualified,
                    direction: None,
                    status: referral::Status::Active,
                    substatus: referral::Substatus::Other("Paused".into()),
                    status_reason: None,
                    created: None,
                    updated: None,
                    expires: None,
                    accepted: None,
                    closed: None,
                    customer,
                    consent,
                    details,
                    team: vec![],
                    targets: vec![],
                    invitation: None,
                    tracking: None,
                    sales_stage: None,
                    campaign_id: None,
                    referral_program: None,
                    referral_source: None,
                    call_to_action: None,
                    quality: None,
                    mpn_id: None,
                    registration_status: None,
                    created_via: None,
                    last_modified_via: None,
                    favorite: None,
                    spam: None,
                    tags: vec![],
                    more: vec![text("/later", "what came later")],
                }
            }
        }
    };
}

host!(today, "../../wit");
host!(later, "../../tests/guests/trial/wit");

/// What the later host looks for besides.
mod besides {
    wasmtime::component::bindgen!({ path: "../../tests/guests/trial/wit", world: "explaining" });
}

impl later::crosswalk::mapping::rates::Host for later::Host {
    fn rate(&mut self, _from: String, _to: String) -> Option<String> {
        Some("1.08".into())
    }
}

/// What the later host says of a pass, where the plugin cares to look.
const MORE: [(&str, &str); 1] = [("fiscal-year-begins", "07-01")];

fn engine() -> Engine {
    Engine::default()
}

#[test]
fn a_later_host_is_given_the_same_answers_by_a_component_of_the_first_contract() {
    let engine = engine();
    let today = today::answers(&engine, FROZEN, &[]);
    assert_eq!(later::answers(&engine, FROZEN, &MORE), today);
    assert!(today[1].contains("Old: Fabrikam fabric") && today[1].contains("Info: mapping"), "{}", today[1]);
    assert!(today[3].contains("the deal has no name"), "{}", today[3]);
}

#[test]
fn a_plugin_of_the_later_contract_uses_what_is_new_and_runs_on_todays_host_without() {
    let (engine, trial) = (engine(), build("trial"));
    assert!(later::answers(&engine, &trial, &MORE)[1].contains("(fiscal year from 07-01)"));
    let today = &today::answers(&engine, &trial, &[])[1];
    assert!(today.contains("Fabrikam fabric") && !today.contains("fiscal year"), "{today}");
    let plugin = crate::RUNTIME.load(&trial, &serde_json::Value::Null).unwrap();
    assert_eq!(plugin.manifest().version, "1.1.0");
}

#[test]
fn a_later_host_looks_for_what_a_plugin_may_have_and_does_without() {
    let engine = engine();
    let why = |bytes: &[u8]| {
        let component = Component::from_binary(&engine, bytes).unwrap();
        let pre = later::linker(&engine).instantiate_pre(&component).unwrap();
        // Looking costs nothing at a call: it is done when the plugin is loaded.
        let explaining = besides::ExplainingPre::new(pre).ok()?;
        let mut store = Store::new(&engine, later::Host::default());
        let plugin = explaining.instantiate(&mut store).unwrap();
        let value = besides::crosswalk::mapping::values::Value::Flag(true);
        plugin.crosswalk_mapping_explain().call_why(&mut store, "name", &value).unwrap()
    };
    assert_eq!(why(&build("trial")).unwrap(), "the deal's name and its fiscal year make Value::Flag(true)");
    assert_eq!(why(FROZEN), None);
}

#[test]
fn a_later_host_offers_what_a_plugin_may_ask_for() {
    let engine = engine();
    let wit = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/guests/trial/wit"));
    let asks = Component::from_binary(&engine, &component(wit, "mapper", |text| text)).unwrap();
    later::linker(&engine).instantiate_pre(&asks).unwrap();
    let error = today::linker(&engine).instantiate_pre(&asks).err().unwrap();
    assert!(format!("{error:#}").contains("crosswalk:mapping/rates@1.1.0"), "{error:#}");
}
