//! Whole lives: a lead's and an opportunity's, from Partner Center and from the CRM, in both CRMs.

use crosswalk::demo::{CrmKind, Edit, NewDeal, Stage, is_amount, same_day, text};
use serde_json::json;

use crate::steps::Life;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_opportunity_from_partner_center_lives_in_dynamics() {
    an_opportunity_from_partner_center(&Life::begins(CrmKind::Dynamics).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_opportunity_from_partner_center_lives_in_salesforce() {
    an_opportunity_from_partner_center(&Life::begins(CrmKind::Salesforce).await).await;
}

async fn an_opportunity_from_partner_center(life: &Life) {
    // Microsoft shares a deal. It waits, on hold, with all that a seller wants to know.
    let deal = life.microsoft_sends("co-sell").await;
    deal.stands(Stage::OnHold).await;
    let card = deal.shows("a check mark", |card| card.is_checked()).await;
    assert_eq!(
        (card.account.as_str(), card.contact.as_str()),
        ("Contoso Customer Inc", "jane.roe@contoso.example")
    );
    assert!(
        card.sync && card.link.ends_with(&deal.referral) && card.audit.contains("sync success"),
        "{card:?}"
    );
    deal.referral_shows("the record's id", |referral| {
        text(referral, "/externalReferenceId") == deal.record.id
    })
    .await;

    // Until it is accepted, Microsoft's changes come in and the seller's wait.
    deal.microsoft(json!({ "details": { "dealValue": 62500.5 } })).await;
    deal.shows("Microsoft's value", |card| is_amount(&card.value, "62500.5")).await;
    deal.seller(&[Edit::Notes("typed on hold")]).await;
    life.rests().await;
    assert_ne!(deal.says("/details/notes").await, "typed on hold", "nothing is sent from a deal on hold");

    // The seller accepts it by taking it off hold, and what was typed goes along.
    deal.seller(&[Edit::LeaveHold]).await;
    deal.is("Active", "Accepted").await;
    deal.referral_shows("the notes", |referral| text(referral, "/details/notes") == "typed on hold").await;

    // Now both sides edit it.
    deal.seller(&[Edit::Value("70000"), Edit::Closes("2027-03-31")]).await;
    deal.referral_shows("value and date", |referral| {
        is_amount(&text(referral, "/details/dealValue"), "70000")
            && same_day(&text(referral, "/details/closingDateTime"), "2027-03-31")
    })
    .await;
    deal.microsoft(json!({ "details": { "notes": "Microsoft's note" } })).await;
    deal.shows("Microsoft's note", |card| card.notes == "Microsoft's note").await;

    // It is won, and that is the end: a closed referral takes nothing any more.
    deal.seller(&[Edit::Win]).await;
    deal.is("Closed", "Won").await;
    life.needs_nobody().await;
    deal.seller(&[Edit::Notes("too late")]).await;
    life.needs_nobody().await;
    assert_eq!(deal.says("/details/notes").await, "Microsoft's note");
    deal.stands(Stage::Won).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_opportunity_from_dynamics_lives_in_partner_center() {
    an_opportunity_from_the_crm(&Life::begins(CrmKind::Dynamics).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_opportunity_from_salesforce_lives_in_partner_center() {
    an_opportunity_from_the_crm(&Life::begins(CrmKind::Salesforce).await).await;
}

async fn an_opportunity_from_the_crm(life: &Life) {
    // A seller marks an opportunity, chooses help and a solution; two referrals are posted, and all is written back.
    let deal = life.seller_shares(NewDeal::shared("Tailspin data platform")).await;
    let card = deal.shows("a check mark", |card| card.is_checked()).await;
    assert!(card.link.ends_with(&deal.referral) && card.audit.contains("sync success"), "{card:?}");
    let referral = deal.read().await;
    assert_eq!(text(&referral, "/name"), "Tailspin data platform");
    assert_eq!(text(&referral, "/externalReferenceId"), deal.record.id);
    assert_eq!(text(&referral, "/details/requirements/solutions/0/id"), "SOL-15974-MQF");
    assert_eq!(text(&referral, "/customerProfile/team/0/email"), "ada@tailspin.example");
    deal.is("Active", "Accepted").await;

    // Microsoft takes it up in its own copy; its identifier comes back.
    let copy = life.scene().microsofts_copy(&deal.referral).await.unwrap().unwrap();
    assert_eq!(text(&copy, "/status"), "New");
    life.scene().portal_answers(&text(&copy, "/id"), "accept").await.unwrap();
    deal.shows("Microsoft's identifier", |card| !card.microsoft_id.is_empty()).await;

    // Both sides edit it.
    deal.seller(&[Edit::Notes("wants to begin in spring"), Edit::Closes("2027-04-30")]).await;
    deal.referral_shows("notes and date", |referral| {
        text(referral, "/details/notes") == "wants to begin in spring"
            && same_day(&text(referral, "/details/closingDateTime"), "2027-04-30")
    })
    .await;
    deal.microsoft(json!({ "details": { "dealValue": 81000 } })).await;
    deal.shows("Microsoft's value", |card| is_amount(&card.value, "81000")).await;

    // It is lost, and Partner Center learns why.
    deal.seller(&[Edit::Lose("too expensive")]).await;
    deal.is("Closed", "Lost").await;
    deal.referral_shows("the reason", |referral| text(referral, "/statusReason") == "too expensive").await;
    life.needs_nobody().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lead_that_is_accepted_in_partner_center_lives_in_dynamics() {
    a_lead_accepted_in_partner_center(&Life::begins(CrmKind::Dynamics).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lead_that_is_accepted_in_partner_center_lives_in_salesforce() {
    a_lead_accepted_in_partner_center(&Life::begins(CrmKind::Salesforce).await).await;
}

async fn a_lead_accepted_in_partner_center(life: &Life) {
    // A qualified lead becomes a lead, not an opportunity.
    let mut deal = life.microsoft_sends("qualified-lead").await;
    assert!(deal.record.is_lead);
    let lead = deal.shows("its company and its person", |card| {
        card.account == "Northwind Traders" && card.contact == "nora.wind@northwind.example"
    });
    assert_eq!(lead.await.stage, Stage::Open);
    deal.referral_shows("the lead's id", |referral| text(referral, "/externalReferenceId") == deal.record.id)
        .await;

    // While it waits, Microsoft's changes come in.
    deal.microsoft(json!({ "details": { "notes": "wants an answer soon" } })).await;
    deal.shows("the new notes", |card| card.notes == "wants an answer soon").await;

    // Accepted in Partner Center, it becomes an opportunity, and the lead is qualified.
    let lead = deal.record.clone();
    deal.portal("accept").await;
    let card = deal.becomes_an_opportunity().await;
    assert_eq!(card.account, "Northwind Traders");
    assert_eq!(life.scene().card(&lead).await.unwrap().stage, Stage::Qualified);
    deal.stands(Stage::Open).await;
    deal.referral_shows("the opportunity's id", |referral| {
        text(referral, "/externalReferenceId") == deal.record.id
    })
    .await;

    // From here on it is an opportunity like any other.
    deal.microsoft(json!({ "details": { "dealValue": 130000 } })).await;
    deal.shows("the new value", |card| is_amount(&card.value, "130000")).await;
    deal.seller(&[Edit::Notes("first meeting done")]).await;
    deal.referral_shows("the notes", |referral| text(referral, "/details/notes") == "first meeting done")
        .await;
    deal.microsoft(json!({ "status": "Closed", "substatus": "Won" })).await;
    deal.stands(Stage::Won).await;
    life.needs_nobody().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lead_that_a_seller_qualifies_in_dynamics_is_accepted_in_partner_center() {
    a_lead_qualified_in_the_crm(&Life::begins(CrmKind::Dynamics).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lead_that_a_seller_qualifies_in_salesforce_is_accepted_in_partner_center() {
    a_lead_qualified_in_the_crm(&Life::begins(CrmKind::Salesforce).await).await;
}

async fn a_lead_qualified_in_the_crm(life: &Life) {
    // Nobody's lead but a seller's own makes no referral.
    let own = life.scene().seller.creates_lead("Proseware").await.unwrap();

    // Two leads come from the marketplace. What a seller types into one stays in the CRM for now.
    let mut deal = life.microsoft_sends("marketplace-lead").await;
    let other = life.microsoft_sends("qualified-lead").await;
    deal.seller(&[Edit::Notes("called, they are interested")]).await;
    life.rests().await;
    assert_eq!(deal.says("/details/notes").await, "Asked for a call back");
    deal.is("New", "Pending").await;

    // The seller qualifies one: it is accepted. The other is disqualified: it is declined.
    let opportunity = life.scene().seller.qualifies(&deal.record).await.unwrap();
    deal.is("Active", "Accepted").await;
    deal.becomes_an_opportunity().await;
    assert_eq!(deal.record, opportunity, "the seller's own conversion goes on, no second one is made");
    deal.referral_shows("the opportunity's id", |referral| {
        text(referral, "/externalReferenceId") == deal.record.id
    })
    .await;
    other.seller(&[Edit::Lose("no budget")]).await;
    other.is("Closed", "Declined").await;

    // The opportunity lives on, and is won.
    deal.seller(&[Edit::Value("5000"), Edit::Closes("2027-01-31")]).await;
    deal.referral_shows("the value", |referral| is_amount(&text(referral, "/details/dealValue"), "5000"))
        .await;
    deal.seller(&[Edit::Win]).await;
    deal.is("Closed", "Won").await;
    life.needs_nobody().await;
    assert_eq!(
        life.scene().own_referrals().await.unwrap().len(),
        2,
        "a referral was made of a seller's own lead"
    );
    assert_eq!(life.scene().card(&own).await.unwrap().referral, "");
}
