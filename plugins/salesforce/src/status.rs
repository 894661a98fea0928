//! Status and substatus against the Stage.
//!
//! | Partner Center | | Salesforce |
//! |---|---|---|
//! | New | → | `on_hold_stage_name`; an opportunity that a seller made of a lead stays at its stage |
//! | Active | → | `active_stage_name`; an opportunity that is open and not on hold stays at its stage |
//! | Closed, Won | ↔ | `won_stage_name`; one that is won at another stage stays there |
//! | Closed, Lost | ↔ | `lost_stage_name`; one that is lost at another stage stays there |
//! | Closed, Declined or Expired or Error | → | `lost_stage_name` |
//! | Closed, Declined | ← | lost while the referral is New: the deal was never accepted |
//! | Active, Accepted | ← | open and not on hold: leaving the on-hold stage accepts the deal |
//! | Active, Accepted | ← | at any open stage, for a deal that began as a lead: who converts a lead accepts the deal |
//! | nothing | ← | on hold otherwise |
//!
//! Probability, forecast category, closed and won follow the stage in Salesforce, so that only the stage is written.

use crosswalk_sdk::{
    cosell::{DealKind, text::fitted},
    prelude::*,
};

use crate::{KnownStage, Opportunity, Salesforce};

/// What an opportunity says of its deal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Waiting to be accepted.
    OnHold,
    /// Being worked on, at whatever stage.
    Open,
    /// Won.
    Won,
    /// Lost, for whatever reason.
    Lost,
}

impl Salesforce {
    /// What a stage's name means; none if no setting names it.
    pub fn stage_named(&self, name: &str) -> Option<Stage> {
        let listed = |stages: &[String]| stages.iter().any(|stage| stage == name);
        if name == self.on_hold_stage_name {
            Some(Stage::OnHold)
        } else if name == self.active_stage_name {
            Some(Stage::Open)
        } else if name == self.won_stage_name || listed(&self.closed_won_stages) {
            Some(Stage::Won)
        } else if name == self.lost_stage_name || listed(&self.closed_lost_stages) {
            Some(Stage::Lost)
        } else {
            None
        }
    }
}

/// Where an opportunity stands; none if it does not say. A stage that no setting names is open, won or lost as Salesforce
/// counts it.
pub fn stage(opportunity: &Opportunity, settings: &Salesforce) -> Option<Stage> {
    let name = opportunity.stage.get()?;
    let counted = match (opportunity.is_closed.get(), opportunity.is_won.get()) {
        (Some(true), Some(true)) => Stage::Won,
        (Some(true), _) => Stage::Lost,
        _ => Stage::Open,
    };
    Some(settings.stage_named(name).unwrap_or(counted))
}

/// The stage that a referral asks for; unset where the opportunity stays as it is.
///
/// # Errors
/// When the organisation is known not to have it.
pub fn wanted(
    referral: &Referral,
    linked: Option<&Opportunity>,
    settings: &Salesforce,
) -> Result<Field<String>> {
    let now = linked.and_then(|linked| stage(linked, settings));
    let wanted = match (&referral.status, &referral.substatus, now) {
        (Status::New, _, Some(Stage::OnHold | Stage::Open)) if began_as_lead(referral) => {
            return Ok(Field::Unset);
        }
        (Status::New, _, _) => Stage::OnHold,
        (Status::Active, _, Some(Stage::Open)) => return Ok(Field::Unset),
        (Status::Active, _, _) => Stage::Open,
        (Status::Closed, Substatus::Won, Some(Stage::Won)) => return Ok(Field::Unset),
        (Status::Closed, Substatus::Won, _) => Stage::Won,
        (Status::Closed, _, Some(Stage::Lost)) => return Ok(Field::Unset),
        (Status::Closed, _, _) => Stage::Lost,
        (Status::Other(_), _, _) => return Ok(Field::Unset),
    };
    let (name, setting) = match wanted {
        Stage::OnHold => (&settings.on_hold_stage_name, "on_hold_stage_name"),
        Stage::Open => (&settings.active_stage_name, "active_stage_name"),
        Stage::Won => (&settings.won_stage_name, "won_stage_name"),
        Stage::Lost => (&settings.lost_stage_name, "lost_stage_name"),
    };
    if linked.is_none_or(|linked| linked.stage.text() != name) {
        exists(name, wanted, setting)?;
    }
    Ok(name.as_str().into())
}

/// Salesforce takes any text for a stage, and counts one that it does not know as open. So what the organisation does
/// not have, or counts otherwise, is not written. Where the stages cannot be looked up, the name is trusted.
fn exists(name: &str, meant: Stage, setting: &str) -> Result<()> {
    let matching = KnownStage { name: name.into(), ..KnownStage::default() };
    let Ok(found) = lookup::find(matching, 5) else { return Ok(()) };
    let (closed, won, words) = match meant {
        Stage::OnHold | Stage::Open => (false, false, "open"),
        Stage::Won => (true, true, "closed and won"),
        Stage::Lost => (true, false, "closed and not won"),
    };
    let fits = |stage: &KnownStage| {
        stage.is_active == Field::Set(true)
            && (stage.is_closed == Field::Set(true), stage.is_won == Field::Set(true)) == (closed, won)
    };
    ensure!(
        found.iter().any(|found| fits(&found.record)), "StageName",
        "the organisation has no active stage `{}` that counts as {}", name, words;
        help = "set `{}` in the plugin's settings to the API name of such a stage", setting
    );
    Ok(())
}

/// Why the deal was lost, as a referral that is closed says it.
pub fn lost_reason(referral: &Referral, settings: &Salesforce) -> Field<String> {
    if referral.status != Status::Closed || referral.substatus == Substatus::Won {
        return Field::Unset;
    }
    let said = referral.status_reason.as_deref().map(str::trim).filter(|reason| !reason.is_empty());
    let reason = match &referral.substatus {
        // Nobody said why, but the word says what happened.
        Substatus::Declined | Substatus::Expired | Substatus::Error => {
            said.unwrap_or(referral.substatus.word())
        }
        _ => match said {
            Some(said) => said,
            None => return Field::Unset,
        },
    };
    fitted(reason, settings.lost_reason_length).into()
}

/// A deal that began as a lead has an opportunity only where somebody took it on. It does not wait, although Salesforce
/// begins each opportunity that it makes of a lead at the first stage, which may be the one that means waiting.
fn began_as_lead(referral: &Referral) -> bool {
    DealKind::of(referral).is_lead()
}

/// Whether the deal waits on both sides to be accepted.
pub fn waits(linked: &Opportunity, referral: &Referral, settings: &Salesforce) -> bool {
    referral.status == Status::New
        && stage(linked, settings) == Some(Stage::OnHold)
        && !began_as_lead(referral)
}

/// What a referral is told of how the deal stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pushed {
    /// New, active or closed.
    pub status: Field<Status>,
    /// What kind of that.
    pub substatus: Field<Substatus>,
    /// Why it was lost.
    pub reason: Field<String>,
}

/// What an opportunity asks for; nothing where it waits, or where the referral is closed: Partner Center opens nothing
/// again.
pub fn pushed(linked: &Opportunity, referral: &Referral, settings: &Salesforce) -> Pushed {
    if referral.status == Status::Closed {
        return Pushed::default();
    }
    let (status, substatus) = match stage(linked, settings) {
        Some(Stage::Open) => (Status::Active, Substatus::Accepted),
        Some(Stage::OnHold) if referral.status == Status::New && began_as_lead(referral) => {
            (Status::Active, Substatus::Accepted)
        }
        Some(Stage::Won) => (Status::Closed, Substatus::Won),
        Some(Stage::Lost) if referral.status == Status::New => (Status::Closed, Substatus::Declined),
        Some(Stage::Lost) => (Status::Closed, Substatus::Lost),
        Some(Stage::OnHold) | None => return Pushed::default(),
    };
    let lost = matches!(substatus, Substatus::Lost | Substatus::Declined);
    let reason = if lost { linked.lost_reason.clone().or_unset() } else { Field::Unset };
    Pushed { status: status.into(), substatus: substatus.into(), reason }
}
