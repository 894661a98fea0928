//! The default mapping's table, row by row, both ways: one module for each part of the mapping.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests, outside of a test function")]

mod inbound;
mod lead;
mod money;
mod outbound;
mod rules;
mod status;
mod text;

use crosswalk_salesforce::{
    Account, Campaign, Contact, Deal, KnownLeadStatus, KnownStage, Lead, Opportunity, Salesforce, User,
    mapping,
};
use crosswalk_sdk::{
    Settings,
    contract::Value,
    cosell::conflicts::Winner,
    prelude::*,
    testing::{self, json},
};

fn settings() -> Salesforce {
    Salesforce::read().unwrap()
}

fn documented() -> Referral {
    testing::referral(testing::documented_referral())
}

fn referral(json: serde_json::Value) -> Referral {
    let mut whole = testing::documented_referral();
    for (name, value) in json.as_object().unwrap() {
        whole[name] = value.clone();
    }
    testing::referral(whole)
}

fn held(referral: &Referral, linked: Option<&Opportunity>) -> Opportunity {
    match asked(referral, linked.cloned().map(Deal::from).as_ref()) {
        Outcome::Hold(Deal::Opportunity(draft)) => draft,
        other => panic!("no opportunity: {other:?}"),
    }
}

fn asked(referral: &Referral, linked: Option<&Deal>) -> Outcome<Deal> {
    mapping::to_crm(referral, linked, &context(), &settings()).unwrap()
}

fn sent(linked: &Opportunity, referral: Option<&Referral>) -> ReferralDraft {
    match pushed(linked.clone(), referral).unwrap() {
        Outcome::Hold(draft) => draft,
        Outcome::Skip(reason) => panic!("skipped: {reason}"),
    }
}

fn pushed(linked: impl Into<Deal>, referral: Option<&Referral>) -> Result<Outcome<ReferralDraft>> {
    mapping::to_referral(&linked.into(), referral, &context(), &settings())
}

fn context() -> Context {
    testing::context().about(key("Opportunity", "006000000000001AAA"))
}

fn key(entity: &str, id: &str) -> RecordKey {
    RecordKey { entity: entity.to_owned(), id: id.to_owned() }
}

fn existing<T>(entity: &str, record: T) -> Field<Ref<T>> {
    Ref::Existing { key: key(entity, "1"), record: Some(Box::new(record)) }.into()
}

/// An opportunity that is ready to be sent.
fn opportunity() -> Opportunity {
    Opportunity {
        name: "✔ Solar park".into(),
        description: "A big one".into(),
        value: Decimal::from(50_000).into(),
        currency: "EUR".into(),
        closes: day("2026-06-30").into(),
        stage: "Qualification".into(),
        is_closed: false.into(),
        is_won: false.into(),
        account: existing(
            "Account",
            Account {
                name: "Contoso".into(),
                street: "Main Street 1\nBackyard".into(),
                city: "Berlin".into(),
                postal_code: "10115".into(),
                country: "DE".into(),
                employees: 60.into(),
                ..testing::empty()
            },
        ),
        contact: existing(
            "Contact",
            Contact {
                first_name: "Kim".into(),
                last_name: "Abercrombie".into(),
                email: "kim@contoso.example".into(),
                phone: "111".into(),
                ..testing::empty()
            },
        ),
        sync: true.into(),
        solutions: solutions(&["SOL-15974-MQF", "SOL-34104-EBB"]),
        ..testing::empty()
    }
}

fn solutions(ids: &[&str]) -> Field<Vec<String>> {
    ids.iter().map(|id| (*id).to_owned()).collect::<Vec<String>>().into()
}

/// At a stage, as Salesforce counts it.
fn at(stage: &str, is_closed: bool, is_won: bool) -> Opportunity {
    Opportunity { stage: stage.into(), is_closed: is_closed.into(), is_won: is_won.into(), ..opportunity() }
}

/// Settings with which a deal may be sent.
fn with_salesperson(mut settings: serde_json::Value) -> serde_json::Value {
    for (name, value) in
        [("first_name", "John"), ("last_name", "Doe"), ("email", "john@partner.example"), ("phone", "1")]
    {
        settings[format!("sales_contact_{name}")] = value.into();
    }
    settings["customers_consent"] = true.into();
    settings
}

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

fn details(change: serde_json::Value) -> Referral {
    let mut details = testing::documented_referral()["details"].clone();
    for (name, value) in change.as_object().unwrap() {
        details[name] = value.clone();
    }
    referral(json!({ "details": details }))
}
