//! The default mapping's table, row by row, both ways: one module for each part of the mapping.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests, outside of a test function")]

mod inbound;
mod lead;
mod outbound;
mod rules;
mod status;
mod text;

use crosswalk_dynamics::{
    Account, Campaign, Contact, Currency, Deal, Dynamics, Lead, Opportunity, User,
    lead::{LeadState, LeadStatusReason},
    mapping,
    status::{SalesStage, State, StatusReason},
};
use crosswalk_sdk::{
    Settings,
    contract::Value,
    cosell::conflicts::Winner,
    prelude::*,
    testing::{self, json},
};

fn settings() -> Dynamics {
    Dynamics::read().unwrap()
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

fn details(change: serde_json::Value) -> Referral {
    let mut details = testing::documented_referral()["details"].clone();
    for (name, value) in change.as_object().unwrap() {
        details[name] = value.clone();
    }
    referral(json!({ "details": details }))
}

fn asked(referral: &Referral, linked: Option<&Deal>) -> Outcome<Deal> {
    mapping::to_crm(referral, linked, &settings()).unwrap()
}

fn held(referral: &Referral, linked: Option<&Opportunity>) -> Opportunity {
    match asked(referral, linked.cloned().map(Deal::from).as_ref()) {
        Outcome::Hold(Deal::Opportunity(draft)) => draft,
        other => panic!("no opportunity: {other:?}"),
    }
}

fn pushed(linked: impl Into<Deal>, referral: Option<&Referral>) -> Result<Outcome<ReferralDraft>> {
    mapping::to_referral(&linked.into(), referral, &context(), &settings())
}

fn sent(linked: &Opportunity, referral: Option<&Referral>) -> ReferralDraft {
    match pushed(linked.clone(), referral).unwrap() {
        Outcome::Hold(draft) => draft,
        Outcome::Skip(reason) => panic!("skipped: {reason}"),
    }
}

fn context() -> Context {
    testing::context().about(key("opportunity", "7c9e6679"))
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
        currency: existing("transactioncurrency", Currency { code: "EUR".into() }),
        closes: day("2026-06-30").into(),
        state: State::Open.into(),
        status: StatusReason::InProgress.into(),
        account: existing(
            "account",
            Account {
                name: "Contoso".into(),
                line1: "Main Street 1".into(),
                city: "Berlin".into(),
                postal_code: "10115".into(),
                country: "DE".into(),
                employees: 60.into(),
                ..testing::empty()
            },
        ),
        contact: existing(
            "contact",
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

/// At a stage.
fn at(state: State, status: StatusReason) -> Opportunity {
    Opportunity { state: state.into(), status: status.into(), ..opportunity() }
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
