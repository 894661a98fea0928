//! The rulebook, where only the whole shows it: what either side does, and what the other side makes of it.

use crosswalk::demo::{CrmKind, Edit, NewDeal, Stage, is_amount, text};
use serde_json::{Value, json};

use crate::steps::Life;

/// The same rule in both CRMs: two tests, each around a host of its own.
macro_rules! in_both_crms {
    ($($name:ident($life:ident) $story:block)*) => {$(
        mod $name {
            use super::*;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn in_dynamics() {
                story(&Life::begins(CrmKind::Dynamics).await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn in_salesforce() {
                story(&Life::begins(CrmKind::Salesforce).await).await;
            }

            async fn story($life: &Life) $story
        }
    )*};
}

in_both_crms! {
    a_deal_that_is_lost_before_it_was_accepted_is_declined(life) {
        let deal = life.microsoft_sends("co-sell").await;
        deal.stands(Stage::OnHold).await;
        life.rests().await;
        deal.seller(&[Edit::Lose("not our market")]).await;
        deal.is("Closed", "Declined").await;
        life.needs_nobody().await;
    }

    a_deal_that_expires_is_lost_and_never_pushed_back(life) {
        let deal = life.microsoft_sends("co-sell").await;
        deal.stands(Stage::OnHold).await;
        deal.portal("expire").await;
        deal.stands(Stage::Lost).await;
        life.needs_nobody().await;
        let before = life.writes().await;
        deal.seller(&[Edit::Notes("a pity")]).await;
        life.needs_nobody().await;
        assert_eq!((life.writes().await - before).partner_center, 0, "a closed referral was written to");
        deal.is("Closed", "Expired").await;
    }

    a_deal_that_microsoft_closes_as_lost_says_why_in_the_crm(life) {
        let deal = life.seller_shares(NewDeal::private("Lost at Microsoft")).await;
        deal.microsoft(json!({ "status": "Closed", "substatus": "Lost", "statusReason": "no decision" })).await;
        deal.stands(Stage::Lost).await;
        deal.shows("the reason", |card| card.lost_reason == "no decision").await;
        life.needs_nobody().await;
    }

    what_is_not_marked_is_left_alone_until_it_is_marked(life) {
        let unmarked = NewDeal { sync: false, ..NewDeal::private("Not for Microsoft") };
        let record = life.scene().seller.creates(unmarked).await.unwrap();
        life.needs_nobody().await;
        assert!(life.scene().own_referrals().await.unwrap().is_empty(), "an unmarked opportunity was sent");
        life.scene().seller.edits(&record, &[Edit::Sync(true)]).await.unwrap();
        life.is_sent(record).await.is("Active", "Accepted").await;
    }

    a_deal_that_is_switched_off_is_left_alone_and_caught_up_with_when_it_is_switched_on(life) {
        let deal = life.seller_shares(NewDeal::private("On and off")).await;
        life.rests().await;
        deal.seller(&[Edit::Sync(false), Edit::Notes("ours alone")]).await;
        deal.microsoft(json!({ "details": { "dealValue": 4711 } })).await;
        life.needs_nobody().await;
        assert_ne!(deal.says("/details/notes").await, "ours alone");
        assert!(!is_amount(&deal.card().await.value, "4711"));

        deal.seller(&[Edit::Sync(true)]).await;
        deal.shows("Microsoft's value", |card| is_amount(&card.value, "4711")).await;
        deal.referral_shows("the seller's notes", |referral| text(referral, "/details/notes") == "ours alone").await;
        life.needs_nobody().await;
    }

    a_record_that_carries_a_referral_already_is_adopted_and_not_made_again(life) {
        // What Microsoft's connector left behind: a record with the referral's id, which we never wrote.
        life.scene().notifications(false).await.unwrap();
        let referral = life.scene().partner_makes_a_new_deal("From before").await.unwrap();
        let id = text(&referral, "/id");
        let record = life.scene().seller.creates(NewDeal { sync: false, ..NewDeal::private("From before") }).await.unwrap();
        life.scene().seller.edits(&record, &[Edit::Referral(&id)]).await.unwrap();
        life.scene().notifications(true).await.unwrap();

        life.scene().seller.edits(&record, &[Edit::Sync(true)]).await.unwrap();
        let deal = life.is_sent(record).await;
        deal.shows("a check mark", |card| card.is_checked()).await;
        life.needs_nobody().await;
        assert_eq!(life.scene().own_referrals().await.unwrap().len(), 1, "a second referral was made");
        assert_eq!(life.scene().seller.opportunities().await.unwrap().len(), 1, "a second opportunity was made");
        deal.microsoft(json!({ "details": { "notes": "adopted" } })).await;
        deal.shows("the new notes", |card| card.notes == "adopted").await;
    }

    a_deleted_record_is_not_made_again_but_left_to_a_person(life) {
        let deal = life.seller_shares(NewDeal::private("Deleted")).await;
        life.rests().await;
        life.scene().seller.deletes(&deal.record).await.unwrap();
        deal.microsoft(json!({ "details": { "dealValue": 99 } })).await;
        life.rests().await;
        assert!(life.scene().seller.opportunities().await.unwrap().is_empty(), "a deleted opportunity was made again");
        let gone = life.scene().entries().await.unwrap();
        assert!(gone.iter().any(|entry| text(entry, "/kind") == "gone"), "{gone:?}");

        // One person is asked once: what happens later does not ask again.
        let asked = life.scene().events("parked").await.unwrap().len();
        deal.microsoft(json!({ "details": { "dealValue": 100 } })).await;
        life.rests().await;
        assert_eq!(life.scene().events("parked").await.unwrap().len(), asked);
    }

    a_lead_that_was_merged_lives_on_as_the_other_one(life) {
        let mut deal = life.microsoft_sends("qualified-lead").await;
        life.rests().await;
        let master = life.scene().seller.creates_lead("Northwind (the other one)").await.unwrap();
        life.rests().await;
        life.scene().seller.merges(&deal.record, &master).await.unwrap();
        deal.record = master;
        deal.shows("the referral's identifier", |card| card.referral == deal.referral).await;
        deal.referral_shows("the other lead's id", |referral| text(referral, "/externalReferenceId") == deal.record.id).await;
        life.needs_nobody().await;
    }

    an_opportunity_that_is_heard_of_before_its_lead_is_not_posted_again(life) {
        let mut deal = life.microsoft_sends("qualified-lead").await;
        life.rests().await;
        // Nobody tells of the lead, and the opportunity is marked and does not carry the referral's identifier.
        life.scene().notifications(false).await.unwrap();
        let opportunity = life.scene().seller.qualifies(&deal.record).await.unwrap();
        life.scene().notifications(true).await.unwrap();
        life.scene().seller.edits(&opportunity, &[Edit::Sync(true)]).await.unwrap();

        deal.becomes_an_opportunity().await;
        assert_eq!(deal.record, opportunity);
        deal.is("Active", "Accepted").await;
        life.needs_nobody().await;
        assert_eq!(life.scene().own_referrals().await.unwrap().len(), 1, "a second referral was made");
    }

    help_that_is_chosen_later_makes_a_second_referral_for_microsoft(life) {
        let deal = life.seller_shares(NewDeal::private("Upgraded")).await;
        life.rests().await;
        assert!(life.scene().microsofts_copy(&deal.referral).await.unwrap().is_none());
        deal.seller(&[Edit::Help("QuotesOrLicensing")]).await;
        life.rests().await;
        let copy = life.scene().microsofts_copy(&deal.referral).await.unwrap().unwrap();
        assert_eq!(text(&copy, "/inviteContext/assistanceRequestCode"), "QuotesOrLicensing");
        deal.seller(&[Edit::Notes("and nothing more is posted")]).await;
        deal.referral_shows("the notes", |referral| text(referral, "/details/notes") == "and nothing more is posted").await;
        life.needs_nobody().await;
        let engagement = deal.says("/engagementId").await;
        assert_eq!(life.scene().engagement(&engagement).await.unwrap().len(), 2);
    }

    solutions_are_rows_that_both_sides_add_and_remove(life) {
        let deal = life.seller_shares(NewDeal::private("Two solutions")).await;
        life.rests().await;
        life.scene().seller.adds_solution(&deal.record, "SOL-34104-EBB").await.unwrap();
        deal.referral_shows("both solutions", |referral| solutions(referral) == ["SOL-15974-MQF", "SOL-34104-EBB"]).await;
        life.scene().seller.removes_solution(&deal.record, "SOL-15974-MQF").await.unwrap();
        deal.referral_shows("the second alone", |referral| solutions(referral) == ["SOL-34104-EBB"]).await;
        life.rests().await;
        let more = json!({ "details": { "requirements": { "solutions": [
            { "id": "SOL-34104-EBB", "type": "Name" }, { "id": "SOL-99999-XYZ", "type": "Name" },
        ] } } });
        deal.microsoft(more).await;
        deal.shows("the solution that Microsoft added", |card| sorted(&card.solutions) == ["SOL-34104-EBB", "SOL-99999-XYZ"]).await;
        life.needs_nobody().await;
    }

    what_cannot_be_sent_carries_a_cross_and_says_why_and_loses_it_when_it_can(life) {
        let nowhere = NewDeal { country: "Elbonia", ..NewDeal::shared("Nowhere") };
        let record = life.scene().seller.creates(nowhere).await.unwrap();
        let deal = crate::steps::Deal { life, referral: String::new(), record };
        let card = deal.shows("a cross", |card| card.is_crossed()).await;
        assert!(card.audit.to_lowercase().contains("country"), "{}", card.audit);
        assert!(life.scene().own_referrals().await.unwrap().is_empty());
    }

    a_linked_deal_that_the_plugin_refuses_carries_a_cross_and_loses_it_when_the_cause_is_gone(life) {
        life.scene().apply_settings(json!({ "sales_contact_phone": "" })).await.unwrap();
        let deal = life.seller_shares(NewDeal::private("Nobody to call")).await;
        life.rests().await;
        deal.seller(&[Edit::Help("QuotesOrLicensing")]).await;
        let card = deal.shows("a cross", |card| card.is_crossed()).await;
        assert!(card.audit.contains("Not in sync") && card.audit.contains("phone"), "{}", card.audit);
        life.rests().await;
        assert_eq!(life.scene().events("parked").await.unwrap().len(), 1, "its own echo asks nobody");

        life.scene().apply_settings(json!({})).await.unwrap();
        deal.seller(&[Edit::Notes("try again")]).await;
        deal.shows("a check mark", |card| card.is_checked()).await;
        life.needs_nobody().await;
        assert!(life.scene().microsofts_copy(&deal.referral).await.unwrap().is_some());
    }

    consent_to_show_a_deal_is_given_once_and_never_taken_back(life) {
        let deal = life.seller_shares(NewDeal::private("Consent")).await;
        life.rests().await;
        let consent = "/consent/consentToShareReferralWithMicrosoftSellers";
        deal.seller(&[Edit::Visible(true)]).await;
        deal.referral_shows("the consent", |referral| text(referral, consent) == "true").await;
        life.rests().await;
        let before = life.writes().await;
        deal.seller(&[Edit::Visible(false)]).await;
        life.rests().await;
        assert_eq!(deal.says(consent).await, "true");
        assert_eq!((life.writes().await - before).partner_center, 0);
    }

    a_partner_that_wants_opportunities_only_gets_no_leads(life) {
        life.scene().apply_settings(json!({ "opportunities_only": true })).await.unwrap();
        let lead = life.scene().microsoft_sends("qualified-lead").await.unwrap();
        life.microsoft_sends("co-sell").await.stands(Stage::OnHold).await;
        life.needs_nobody().await;
        assert!(life.scene().seller.finds(&text(&lead, "/id")).await.unwrap().is_none());
    }

    doubled_and_shuffled_webhooks_cost_no_write_more(life) {
        // Audit tells the minute, so that one that ends in the midst of this would be a write more.
        life.scene().apply_settings(json!({ "column_audit": "" })).await.unwrap();
        let plain = life.seller_shares(NewDeal::private("Plain")).await;
        let shuffled = life.seller_shares(NewDeal::private("Shuffled")).await;
        life.rests().await;
        let cost = async |deal: &crate::steps::Deal<'_>| {
            let before = life.writes().await;
            for value in ["1000", "2000"] {
                deal.seller(&[Edit::Value(value), Edit::Notes(value)]).await;
                deal.referral_shows("the value", |referral| is_amount(&text(referral, "/details/dealValue"), value)).await;
                life.rests().await;
            }
            deal.microsoft(json!({ "details": { "dealValue": 3000 } })).await;
            deal.shows("the value", |card| is_amount(&card.value, "3000")).await;
            life.rests().await;
            life.writes().await - before
        };
        let expected = cost(&plain).await;
        life.scene().switch_notifications(json!({ "duplicate": 1_000, "reorder": 1_000 })).await.unwrap();
        assert_eq!(cost(&shuffled).await, expected);
        life.needs_nobody().await;
    }
}

/// Rows that were made within one second have no order.
fn sorted(solutions: &[String]) -> Vec<String> {
    let mut sorted = solutions.to_vec();
    sorted.sort();
    sorted
}

/// The ids of a referral's solutions.
fn solutions(referral: &Value) -> Vec<String> {
    let all = referral
        .pointer("/details/requirements/solutions")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    sorted(&all.iter().map(|solution| text(solution, "/id")).collect::<Vec<_>>())
}
