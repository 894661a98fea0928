//! Status and substatus of an opportunity against Status and Status Reason.
//!
//! | Partner Center | | Dynamics 365 |
//! |---|---|---|
//! | New | → | Open, On Hold |
//! | Active | → | Open, In Progress; an opportunity that is open and not on hold stays at its stage |
//! | Closed, Won | ↔ | Won |
//! | Closed, Lost | ↔ | Lost, Canceled; one that is lost for another reason stays so |
//! | Closed, Declined or Expired or Error | → | Lost, Canceled |
//! | Closed, Declined | ← | lost while the referral is New: the deal was never accepted |
//! | Active, Accepted | ← | open and not on hold: leaving On Hold accepts the deal |
//! | nothing | ← | Open, On Hold |

use crosswalk_sdk::{FieldType, contract::Value, cosell::text::fitted, prelude::*, record::Offered};

use crate::{Dynamics, Opportunity};

/// `statecode` (the platform's defaults).
#[derive(Choice, Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Open.
    #[choice(0)]
    Open,
    /// Won.
    #[choice(1)]
    Won,
    /// Lost.
    #[choice(2)]
    Lost,
    /// One that the platform does not have today.
    #[choice(other)]
    Other(i32),
}

/// `statuscode` (the platform's defaults; organisations add their own).
#[derive(Choice, Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusReason {
    /// Open, In Progress.
    #[choice(1, label = "In Progress")]
    InProgress,
    /// Open, On Hold.
    #[choice(2, label = "On Hold")]
    OnHold,
    /// Won.
    #[choice(3)]
    Won,
    /// Lost, Canceled.
    #[choice(4)]
    Canceled,
    /// Lost, Out-Sold.
    #[choice(5, label = "Out-Sold")]
    OutSold,
    /// One of the organisation's own.
    #[choice(other)]
    Other(i32),
}

/// The status reasons that this mapping writes: the organisation must have them.
pub(crate) fn written() -> Vec<Offered> {
    let reasons = [StatusReason::InProgress, StatusReason::OnHold, StatusReason::Won, StatusReason::Canceled];
    offered::<StatusReason>(&reasons.map(|reason| reason.code()))
}

/// The options of a choice that have these codes.
pub(crate) fn offered<T: FieldType>(codes: &[i32]) -> Vec<Offered> {
    let wanted = |offer: &Offered| matches!(offer.value, Value::Integer(code) if codes.contains(&code));
    T::offered().into_iter().filter(wanted).collect()
}

/// `salesstage` (the platform's defaults), which are Partner Center's own four words.
#[derive(Choice, Clone, Copy, Debug, PartialEq, Eq)]
pub enum SalesStage {
    /// Qualify.
    #[choice(0)]
    Qualify,
    /// Develop.
    #[choice(1)]
    Develop,
    /// Propose.
    #[choice(2)]
    Propose,
    /// Close.
    #[choice(3)]
    Close,
    /// One of the organisation's own.
    #[choice(other)]
    Other(i32),
}

impl SalesStage {
    /// Partner Center's word; none for a stage of the organisation's own.
    pub fn word(self) -> Option<&'static str> {
        match self {
            Self::Qualify => Some("Qualify"),
            Self::Develop => Some("Develop"),
            Self::Propose => Some("Propose"),
            Self::Close => Some("Close"),
            Self::Other(_) => None,
        }
    }
}

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

/// Where an opportunity stands; none if it does not say.
pub fn stage(opportunity: &Opportunity) -> Option<Stage> {
    match (opportunity.state.get()?, opportunity.status.get()) {
        (State::Open, Some(StatusReason::OnHold)) => Some(Stage::OnHold),
        (State::Open, _) => Some(Stage::Open),
        (State::Won, _) => Some(Stage::Won),
        (State::Lost, _) => Some(Stage::Lost),
        (State::Other(_), _) => None,
    }
}

/// Status and Status Reason that a referral asks for; unset where the opportunity stays as it is.
pub fn wanted(referral: &Referral, linked: Option<&Opportunity>) -> (Field<State>, Field<StatusReason>) {
    let now = linked.and_then(stage);
    let (state, reason) = match (&referral.status, &referral.substatus, now) {
        (Status::New, _, _) => (State::Open, StatusReason::OnHold),
        (Status::Active, _, Some(Stage::Open)) => return (Field::Unset, Field::Unset),
        (Status::Active, _, _) => (State::Open, StatusReason::InProgress),
        (Status::Closed, Substatus::Won, _) => (State::Won, StatusReason::Won),
        (Status::Closed, _, Some(Stage::Lost)) => return (Field::Unset, Field::Unset),
        (Status::Closed, _, _) => (State::Lost, StatusReason::Canceled),
        (Status::Other(_), _, _) => return (Field::Unset, Field::Unset),
    };
    (state.into(), reason.into())
}

/// Why the deal was lost, as a referral that is closed says it.
pub fn lost_reason(referral: &Referral, settings: &Dynamics) -> Field<String> {
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
pub fn pushed(linked: &Opportunity, referral: &Referral) -> Pushed {
    if referral.status == Status::Closed {
        return Pushed::default();
    }
    let (status, substatus) = match stage(linked) {
        Some(Stage::Open) => (Status::Active, Substatus::Accepted),
        Some(Stage::Won) => (Status::Closed, Substatus::Won),
        Some(Stage::Lost) if referral.status == Status::New => (Status::Closed, Substatus::Declined),
        Some(Stage::Lost) => (Status::Closed, Substatus::Lost),
        Some(Stage::OnHold) | None => return Pushed::default(),
    };
    let lost = matches!(substatus, Substatus::Lost | Substatus::Declined);
    let reason = if lost { linked.lost_reason.clone().or_unset() } else { Field::Unset };
    Pushed { status: status.into(), substatus: substatus.into(), reason }
}
