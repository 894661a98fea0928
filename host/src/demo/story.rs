//! The story, step by step: two partners, one with Dynamics 365 and one with Salesforce, and one host for both. A step
//! does something, waits until both systems show what follows from it, and says what happened; a step that does not come
//! true ends the story.

use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::{Value, json};

use super::{
    people::*,
    scene::Scene,
    seller::{CUSTOMER, Card, CrmKind, Edit, NewDeal, Record, Stage},
    traffic,
};
use crate::{
    cli::Output,
    error::{Complaint, Fault},
};

/// How long a step waits for the two systems to agree, at the most.
const STEP_PATIENCE: Duration = Duration::from_secs(30);

/// How many edits flow while the partner's plugin is deployed.
const EDITS_DURING_SWAP: usize = 200;

/// How many edits flow at the other partner meanwhile.
const EDITS_BESIDE: usize = 20;

/// One step of the story, as `--json` prints it.
#[derive(Serialize)]
struct Step<'a> {
    step: usize,
    title: &'a str,
    /// The partner whose story it is; empty for both.
    partner: &'a str,
    happened: String,
    took_ms: u128,
    verified: bool,
}

/// A referral and its record.
#[derive(Clone, Debug)]
pub struct Pair {
    /// The referral's id.
    pub referral: String,
    /// The opportunity, or the lead.
    pub record: Record,
}

/// Tells the whole story. Every step was verified if this returns without a complaint.
pub(crate) async fn tell(contoso: &Scene, fabrikam: &Scene, output: &Output) -> Result<(), Complaint> {
    let mut teller = Teller { output, steps: 0 };
    for scene in [contoso, fabrikam] {
        let who = scene.tenant;
        output.tell(&format!("\n{who} has {}.", name(scene)));
        let asked = teller.step(who, "A seller asks Microsoft for help", seller_asks_for_help(scene)).await?;
        teller
            .step(who, "The seller changes the opportunity", seller_changes_the_opportunity(scene, &asked))
            .await?;
        teller.step(who, "A new deal in Partner Center", a_new_deal(scene)).await?;
        let shared = teller.step(who, "Microsoft shares a deal", microsoft_shares_a_deal(scene)).await?;
        teller.step(who, "Microsoft changes the deal", microsoft_changes_the_deal(scene, &shared)).await?;
        teller.step(who, "The seller accepts the deal", seller_accepts_the_deal(scene, &shared)).await?;
        teller.step(who, "The seller wins the deal", seller_wins_the_deal(scene, &shared)).await?;
        teller.step(who, "A lead's life", a_leads_life(scene)).await?;
        teller.step(who, "Both sides are edited at once", both_sides_are_edited(scene, &asked)).await?;
    }
    output.tell("\nBoth partners, at the same time.");
    teller
        .step("", "A partner's plugin is deployed while edits flow", a_plugin_is_deployed(contoso, fabrikam))
        .await?;
    teller.step("", "Every event has its verdict", every_event_has_its_verdict(&[contoso, fabrikam])).await?;
    Ok(())
}

struct Teller<'a> {
    output: &'a Output,
    steps: usize,
}

impl Teller<'_> {
    async fn step<T>(
        &mut self,
        partner: &str,
        title: &str,
        work: impl Future<Output = Result<(T, String), Complaint>>,
    ) -> Result<T, Complaint> {
        self.steps += 1;
        let began = Instant::now();
        let (result, happened) = work.await?;
        let took_ms = began.elapsed().as_millis();
        let step = Step { step: self.steps, title, partner, happened, took_ms, verified: true };
        self.output
            .say(&step, || format!("{}. {title} ({} ms)\n   {}", step.step, step.took_ms, step.happened));
        Ok(result)
    }
}

/// What the partner's CRM is called.
fn name(scene: &Scene) -> &'static str {
    match scene.seller.kind() {
        CrmKind::Dynamics => "Dynamics 365",
        CrmKind::Salesforce => "Salesforce",
    }
}

/// *Sync with Partner Center: Yes*, a way in which Microsoft can help, and a solution: the guide's first scenario.
async fn seller_asks_for_help(scene: &Scene) -> Result<(Pair, String), Complaint> {
    let record = scene.seller.creates(NewDeal::shared("Tailspin data platform")).await?;
    let card =
        until("the opportunity carries a referral's identifier and a check mark", STEP_PATIENCE, || async {
            let card = scene.card(&record).await?;
            Ok(Some(card).filter(|card| !card.referral.is_empty() && card.is_checked()))
        })
        .await?;
    let referral = scene.referral(&card.referral).await?;
    verify(
        text(&referral, "/externalReferenceId") == record.id,
        "the referral names the opportunity",
        &referral,
    )?;
    verify(
        text(&referral, "/name") == "Tailspin data platform",
        "the deal's name has no check mark",
        &referral,
    )?;
    verify(text(&referral, "/customerProfile/name") == CUSTOMER, "the customer is the account", &referral)?;
    verify(
        text(&referral, "/details/requirements/solutions/0/id") == "SOL-15974-MQF",
        "the solution is the row's",
        &referral,
    )?;
    verify(card.link.ends_with(&card.referral), "the link is written back", &json!(card))?;
    let engagement = text(&referral, "/engagementId");
    let copies = scene.engagement(&engagement).await?;
    verify(copies.len() == 2, "one referral of ours and one for Microsoft were posted", &json!(copies))?;
    let happened = format!(
        "two referrals were posted in engagement {engagement}; identifier, link and ✔ are in {}",
        name(scene)
    );
    Ok((Pair { referral: card.referral, record }, happened))
}

async fn seller_changes_the_opportunity(scene: &Scene, pair: &Pair) -> Result<((), String), Complaint> {
    scene.seller.edits(&pair.record, &[Edit::Value("81000"), Edit::Closes("2027-03-31")]).await?;
    until("the seller's changes reach Partner Center", STEP_PATIENCE, || async {
        let referral = scene.referral(&pair.referral).await?;
        let done = is_amount(&text(&referral, "/details/dealValue"), "81000")
            && same_day(&text(&referral, "/details/closingDateTime"), "2027-03-31");
        Ok(done.then_some(()))
    })
    .await?;
    Ok(((), "value and close date are in Partner Center".to_owned()))
}

/// *New deal* in Partner Center: the guide's second scenario.
async fn a_new_deal(scene: &Scene) -> Result<((), String), Complaint> {
    let referral = scene.partner_makes_a_new_deal("Importers' harbour").await?;
    let card = appears(scene, &referral).await?;
    verify(card.stage == Stage::Open, "it is among the open opportunities", &json!(card))?;
    verify(card.notes == "made in the portal", "the description is the deal's", &json!(card))?;
    verify(card.closes == "2027-05-31", "the close date is the deal's", &json!(card))?;
    verify(card.solutions == ["SOL-15974-MQF"], "the solutions are the deal's", &json!(card))?;
    Ok((
        (),
        format!("`{}` is among the open opportunities, with customer, contact, value and date", card.name),
    ))
}

/// The opportunity that a referral has become, checked and with the details that every deal has.
async fn appears(scene: &Scene, referral: &Value) -> Result<Card, Complaint> {
    let id = text(referral, "/id");
    let card = until("the opportunity appears, checked and explained", STEP_PATIENCE, || async {
        let found = scene.seller.finds(&id).await?;
        Ok(found.filter(|card| !card.is_lead && card.is_checked() && card.audit.contains("sync success")))
    })
    .await?;
    let shown = json!(card);
    verify(card.link.ends_with(&id), "the referral link leads to the referral", &shown)?;
    verify(card.account == text(referral, "/customerProfile/name"), "the account is the customer", &shown)?;
    verify(
        card.contact == text(referral, "/customerProfile/team/0/email"),
        "the contact is the customer's",
        &shown,
    )?;
    verify(is_amount(&card.value, &text(referral, "/details/dealValue")), "the value is the deal's", &shown)?;
    until("the referral carries the opportunity's id", STEP_PATIENCE, || async {
        let referral = scene.referral(&id).await?;
        Ok((text(&referral, "/externalReferenceId") == card.id).then_some(()))
    })
    .await?;
    Ok(card)
}

async fn microsoft_shares_a_deal(scene: &Scene) -> Result<(Pair, String), Complaint> {
    let referral = scene.microsoft_shares_the_sample().await?;
    let card = appears(scene, &referral).await?;
    let id = text(&referral, "/id");
    let happened = format!(
        "referral {id} became opportunity `{}` with account `{}`, contact, identifier, link and audit",
        card.name, card.account
    );
    Ok((Pair { referral: id, record: card.record() }, happened))
}

async fn microsoft_changes_the_deal(scene: &Scene, pair: &Pair) -> Result<((), String), Complaint> {
    scene.microsoft_edits(&pair.referral, json!({ "details": { "dealValue": 62500.5 } })).await?;
    until("the new value reaches the CRM", STEP_PATIENCE, || async {
        Ok(is_amount(&scene.card(&pair.record).await?.value, "62500.5").then_some(()))
    })
    .await?;
    Ok(((), format!("the deal value 62500.5 is in {}", name(scene))))
}

async fn seller_accepts_the_deal(scene: &Scene, pair: &Pair) -> Result<((), String), Complaint> {
    let on_hold = scene.card(&pair.record).await?;
    verify(on_hold.stage == Stage::OnHold, "a deal that nobody has accepted is on hold", &json!(on_hold))?;
    traffic::accept(scene, pair, STEP_PATIENCE).await?;
    Ok(((), "the opportunity left on-hold, and the referral is Active/Accepted".to_owned()))
}

async fn seller_wins_the_deal(scene: &Scene, pair: &Pair) -> Result<((), String), Complaint> {
    scene.seller.edits(&pair.record, &[Edit::Win]).await?;
    until("the deal is won in Partner Center", STEP_PATIENCE, || async {
        let referral = scene.referral(&pair.referral).await?;
        Ok((text(&referral, "/substatus") == "Won").then_some(()))
    })
    .await?;
    Ok(((), "the opportunity is won, and the referral is Closed/Won".to_owned()))
}

async fn a_leads_life(scene: &Scene) -> Result<((), String), Complaint> {
    let referral = scene.microsoft_sends("qualified-lead").await?;
    let id = text(&referral, "/id");
    let lead = until("the lead appears in the CRM", STEP_PATIENCE, || async {
        Ok(scene.seller.finds(&id).await?.filter(|card| card.is_lead))
    })
    .await?;
    verify(
        lead.account == text(&referral, "/customerProfile/name"),
        "its company is the customer",
        &json!(lead),
    )?;
    scene.portal_answers(&id, "accept").await?;
    let card = until("the lead becomes an opportunity", STEP_PATIENCE, || async {
        Ok(scene.seller.finds(&id).await?.filter(|card| !card.is_lead && card.is_checked()))
    })
    .await?;
    let lead = scene.card(&lead.record()).await?;
    verify(lead.stage == Stage::Qualified, "the lead is qualified", &json!(lead))?;
    Ok((
        (),
        format!("a lead came in, was accepted in Partner Center, and is opportunity `{}` now", card.name),
    ))
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
    let typed = [Edit::Notes("the seller's note"), Edit::Closes("2027-06-30")];
    scene.seller.edits(&pair.record, &typed).await?;
    scene.notifications(true).await?;
    scene.microsoft_edits(&pair.referral, json!({ "salesStage": "Propose" })).await?;
    until("different fields merge, and the seller's note wins", STEP_PATIENCE, || async {
        let (referral, card) = (scene.referral(&pair.referral).await?, scene.card(&pair.record).await?);
        let merged = is_amount(&card.value, "90000")
            && same_day(&text(&referral, "/details/closingDateTime"), "2027-06-30");
        let decided =
            text(&referral, "/details/notes") == "the seller's note" && card.notes == "the seller's note";
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

async fn a_plugin_is_deployed(contoso: &Scene, fabrikam: &Scene) -> Result<((), String), Complaint> {
    let pairs = traffic::make_pairs(contoso, 10, STEP_PATIENCE).await?;
    let beside = traffic::make_pairs(fabrikam, 2, STEP_PATIENCE).await?;
    let edits = traffic::edits(contoso, &pairs, EDITS_DURING_SWAP);
    let edits_beside = traffic::edits(fabrikam, &beside, EDITS_BESIDE);
    let deploy = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        contoso.deploy_partners_plugin().await
    };
    let (edited, edited_beside, deployed) = tokio::join!(edits, edits_beside, deploy);
    edited?;
    edited_beside?;
    let routed = deployed?;
    traffic::until_agreed(contoso, &pairs, Duration::from_secs(90)).await?;
    traffic::until_agreed(fabrikam, &beside, Duration::from_secs(90)).await?;
    contoso.settled(STEP_PATIENCE).await?;
    let referral = contoso.microsoft_shares_the_sample().await?;
    let id = text(&referral, "/id");
    let card = until("a new deal has the partner's own field", STEP_PATIENCE, || async {
        Ok(contoso.seller.finds(&id).await?.filter(|card| !card.region.is_empty()))
    })
    .await?;
    let happened = format!(
        "{} went live at {} as generation {} during {} edits of both partners; all {} pairs agree; a new deal has region `{}`",
        text(&routed, "/plugin"),
        contoso.tenant,
        text(&routed, "/generation"),
        EDITS_DURING_SWAP + EDITS_BESIDE,
        pairs.len() + beside.len(),
        card.region
    );
    Ok(((), happened))
}

async fn every_event_has_its_verdict(scenes: &[&Scene]) -> Result<((), String), Complaint> {
    let mut settled = 0;
    for scene in scenes {
        scene.settled(STEP_PATIENCE).await?;
        let parked = scene.events("parked").await?;
        verify(parked.is_empty(), "no event is parked", &json!(parked))?;
        settled += scene.events("settled").await?.len();
    }
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
