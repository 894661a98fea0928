//! The story, step by step. A step does something, waits until both systems show what follows from it, and says what
//! happened; a step that does not come true ends the story.

use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::{Value, json};

use super::{people::*, scene::Scene, traffic};
use crate::{
    cli::Output,
    error::{Complaint, Fault},
};

/// How long a step waits for the two systems to agree, at the most.
const STEP_PATIENCE: Duration = Duration::from_secs(30);

/// How many edits flow while the partner's plugin is deployed.
const EDITS_DURING_SWAP: usize = 200;

/// One step of the story, as `--json` prints it.
#[derive(Serialize)]
struct Step<'a> {
    step: usize,
    title: &'a str,
    happened: String,
    took_ms: u128,
    verified: bool,
}

/// Tells the whole story. Every step was verified if this returns without a complaint.
pub(crate) async fn tell(scene: &Scene, output: &Output) -> Result<(), Complaint> {
    let mut teller = Teller { output, steps: 0 };
    let shared = teller.step("Microsoft shares a deal", microsoft_shares_a_deal(scene)).await?;
    teller.step("Microsoft changes the deal", microsoft_changes_the_deal(scene, &shared)).await?;
    teller.step("The seller accepts the deal", seller_accepts_the_deal(scene, &shared)).await?;
    let asked = teller.step("A seller asks Microsoft for help", seller_asks_for_help(scene)).await?;
    teller.step("The seller changes the opportunity", seller_changes_the_opportunity(scene, &asked)).await?;
    teller.step("Both sides are edited at once", both_sides_are_edited(scene, &asked)).await?;
    teller.step("A partner's plugin is deployed while edits flow", a_plugin_is_deployed(scene)).await?;
    teller.step("Every event has its verdict", every_event_has_its_verdict(scene)).await?;
    Ok(())
}

struct Teller<'a> {
    output: &'a Output,
    steps: usize,
}

impl Teller<'_> {
    async fn step<T>(
        &mut self,
        title: &str,
        work: impl Future<Output = Result<(T, String), Complaint>>,
    ) -> Result<T, Complaint> {
        self.steps += 1;
        let began = Instant::now();
        let (result, happened) = work.await?;
        let step =
            Step { step: self.steps, title, happened, took_ms: began.elapsed().as_millis(), verified: true };
        self.output
            .say(&step, || format!("{}. {title} ({} ms)\n   {}", step.step, step.took_ms, step.happened));
        Ok(result)
    }
}

/// A referral and its opportunity.
pub struct Pair {
    /// The referral's id.
    pub referral: String,
    /// The opportunity's id.
    pub opportunity: String,
}

async fn microsoft_shares_a_deal(scene: &Scene) -> Result<(Pair, String), Complaint> {
    let referral = scene.microsoft_shares_the_sample().await?;
    let id = text(&referral, "/id");
    let opportunity =
        until("the opportunity appears in Dynamics, checked and explained", STEP_PATIENCE, || async {
            let found = scene.opportunity_of(&id).await?;
            Ok(found.filter(|row| {
                text(row, "/name").starts_with('✔') && text(row, "/msft_audit").contains("sync success")
            }))
        })
        .await?;
    verify(
        text(&opportunity, "/msft_referrallink").ends_with(&id),
        "the referral link leads to the referral",
        &opportunity,
    )?;
    verify(
        text(&opportunity, "/parentaccountid/name") == text(&referral, "/customerProfile/name"),
        "the account is the customer",
        &opportunity,
    )?;
    verify(
        !text(&opportunity, "/parentcontactid/emailaddress1").is_empty(),
        "the contact is the customer's",
        &opportunity,
    )?;
    verify(
        same_amount(&opportunity, "/estimatedvalue", &referral, "/details/dealValue"),
        "the value is the deal's",
        &opportunity,
    )?;
    let opportunity_id = text(&opportunity, "/opportunityid");
    until("the referral carries the opportunity's id", STEP_PATIENCE, || async {
        let referral = scene.referral(&id).await?;
        Ok((text(&referral, "/externalReferenceId") == opportunity_id).then_some(()))
    })
    .await?;
    let happened = format!(
        "referral {id} became opportunity `{}` with account `{}`, contact, identifier, link and audit",
        text(&opportunity, "/name"),
        text(&opportunity, "/parentaccountid/name")
    );
    Ok((Pair { referral: id, opportunity: opportunity_id }, happened))
}

async fn microsoft_changes_the_deal(scene: &Scene, pair: &Pair) -> Result<((), String), Complaint> {
    scene.microsoft_edits(&pair.referral, json!({ "details": { "dealValue": 62500.5 } })).await?;
    until("the new value reaches Dynamics", STEP_PATIENCE, || async {
        let row = scene.opportunity(&pair.opportunity).await?;
        Ok(is_amount(&row, "/estimatedvalue", "62500.5").then_some(()))
    })
    .await?;
    Ok(((), "the deal value 62500.5 is in Dynamics".to_owned()))
}

async fn seller_accepts_the_deal(scene: &Scene, pair: &Pair) -> Result<((), String), Complaint> {
    let on_hold = scene.opportunity(&pair.opportunity).await?;
    verify(text(&on_hold, "/statuscode") == "2", "a deal that nobody has accepted is on hold", &on_hold)?;
    traffic::accept(scene, pair, STEP_PATIENCE).await?;
    Ok(((), "the opportunity left on-hold, and the referral is Active/Accepted".to_owned()))
}

async fn seller_asks_for_help(scene: &Scene) -> Result<(Pair, String), Complaint> {
    let id = scene.seller_creates_opportunity("Tailspin data platform").await?;
    let row =
        until("the opportunity carries a referral's identifier and a check mark", STEP_PATIENCE, || async {
            let row = scene.opportunity(&id).await?;
            let done =
                !text(&row, "/msft_referralidentifier").is_empty() && text(&row, "/name").starts_with('✔');
            Ok(done.then_some(row))
        })
        .await?;
    let referral_id = text(&row, "/msft_referralidentifier");
    let referral = scene.referral(&referral_id).await?;
    verify(text(&referral, "/externalReferenceId") == id, "the referral names the opportunity", &referral)?;
    verify(
        text(&referral, "/name") == "Tailspin data platform",
        "the deal's name has no check mark",
        &referral,
    )?;
    verify(text(&row, "/msft_referrallink").ends_with(&referral_id), "the link is written back", &row)?;
    let engagement = text(&referral, "/engagementId");
    let copies = scene.engagement(&engagement).await?;
    verify(copies.len() == 2, "one referral of ours and one for Microsoft were posted", &json!(copies))?;
    let happened =
        format!("two referrals were posted in engagement {engagement}; identifier and link are in Dynamics");
    Ok((Pair { referral: referral_id, opportunity: id }, happened))
}

async fn seller_changes_the_opportunity(scene: &Scene, pair: &Pair) -> Result<((), String), Complaint> {
    scene
        .seller_edits(
            &pair.opportunity,
            json!({ "estimatedvalue": 81000, "estimatedclosedate": "2027-03-31" }),
        )
        .await?;
    until("the seller's changes reach Partner Center", STEP_PATIENCE, || async {
        let referral = scene.referral(&pair.referral).await?;
        let done = is_amount(&referral, "/details/dealValue", "81000")
            && text(&referral, "/details/closingDateTime").starts_with("2027-03-31");
        Ok(done.then_some(()))
    })
    .await?;
    Ok(((), "value and close date are in Partner Center".to_owned()))
}

/// Nobody may be told of the first edits, or one side would be settled before the other is edited.
async fn both_sides_are_edited(scene: &Scene, pair: &Pair) -> Result<((), String), Complaint> {
    scene.settled(STEP_PATIENCE).await?;
    let entries_before = scene.entries().await?.len();
    scene.notifications(false).await?;
    scene
        .microsoft_edits(
            &pair.referral,
            json!({ "details": { "dealValue": 90000, "notes": "Microsoft's note" } }),
        )
        .await?;
    scene
        .seller_edits(
            &pair.opportunity,
            json!({ "description": "the seller's note", "estimatedclosedate": "2027-06-30" }),
        )
        .await?;
    scene.notifications(true).await?;
    scene.microsoft_edits(&pair.referral, json!({ "salesStage": "Propose" })).await?;
    until("different fields merge, and the seller's note wins", STEP_PATIENCE, || async {
        let (referral, row) =
            (scene.referral(&pair.referral).await?, scene.opportunity(&pair.opportunity).await?);
        let merged = is_amount(&row, "/estimatedvalue", "90000")
            && text(&referral, "/details/closingDateTime").starts_with("2027-06-30");
        let decided = text(&referral, "/details/notes") == "the seller's note"
            && text(&row, "/description") == "the seller's note";
        Ok((merged && decided).then_some(()))
    })
    .await?;
    let entry = until("the note that lost is kept in an entry", STEP_PATIENCE, || async {
        let entries = scene.entries().await?;
        let lost = |entry: &&Value| text(entry, "/partner_center") == "Microsoft's note";
        Ok(entries.iter().find(lost).filter(|_| entries.len() > entries_before).cloned())
    })
    .await?;
    let happened = format!(
        "Microsoft's value and the seller's date are on both sides; of two notes the seller's won, and `{}` is kept in an entry ({})",
        text(&entry, "/partner_center"),
        text(&entry, "/reason")
    );
    Ok(((), happened))
}

async fn a_plugin_is_deployed(scene: &Scene) -> Result<((), String), Complaint> {
    let pairs = traffic::make_pairs(scene, 10, STEP_PATIENCE).await?;
    let edits = traffic::edits(scene, &pairs, EDITS_DURING_SWAP);
    let deploy = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        scene.deploy_partners_plugin().await
    };
    let (edited, deployed) = tokio::join!(edits, deploy);
    edited?;
    let routed = deployed?;
    traffic::until_agreed(scene, &pairs, Duration::from_secs(90)).await?;
    scene.settled(STEP_PATIENCE).await?;
    let referral = scene.microsoft_shares_the_sample().await?;
    let id = text(&referral, "/id");
    let row = until("a new deal has the partner's own field", STEP_PATIENCE, || async {
        let found = scene.opportunity_of(&id).await?;
        Ok(found.filter(|row| !text(row, "/contoso_region").is_empty()))
    })
    .await?;
    let happened = format!(
        "{} went live as generation {} during {EDITS_DURING_SWAP} edits; all {} pairs agree; a new deal has region `{}`",
        routed.plugin,
        routed.generation,
        pairs.len(),
        text(&row, "/contoso_region")
    );
    Ok(((), happened))
}

async fn every_event_has_its_verdict(scene: &Scene) -> Result<((), String), Complaint> {
    scene.settled(STEP_PATIENCE).await?;
    let parked = scene.events("parked").await?;
    verify(parked.is_empty(), "no event is parked", &json!(parked))?;
    let settled = scene.events("settled").await?.len();
    Ok(((), format!("{settled} events, all settled, none parked, none waiting")))
}

/// A step's expectation that did not come true.
fn verify(holds: bool, expectation: &str, seen: &Value) -> Result<(), Complaint> {
    if holds {
        return Ok(());
    }
    Err(Complaint::new(
        Fault::Failed,
        format!("it is not true that {expectation}"),
        format!("the story stops here; seen: {}", cut(&seen.to_string())),
        "this is a defect: the log above shows what the host did",
    ))
}

/// Looks until `look` finds something, for as long as `patience`.
pub async fn until<T, F>(
    expectation: &str,
    patience: Duration,
    mut look: impl FnMut() -> F,
) -> Result<T, Complaint>
where
    F: Future<Output = Result<Option<T>, Complaint>>,
{
    let began = Instant::now();
    loop {
        if let Some(found) = look().await? {
            return Ok(found);
        }
        if began.elapsed() > patience {
            return Err(Complaint::new(
                Fault::Failed,
                format!("within {} s it did not come true that {expectation}", patience.as_secs()),
                "the story stops here",
                "this is a defect, or a machine that is very slow: the log above shows what the host did",
            ));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn cut(text: &str) -> String {
    text.chars().take(2_000).collect()
}
