//! Status and substatus against Status and Status Reason.
//!
//! | Partner Center | | Dynamics 365 |
//! |---|---|---|
//! | New | → | Open, On Hold |
//! | Active | → | Open, In Progress; an opportunity that is open and not on hold stays at its stage |
//! | Closed, Won | ↔ | Won |
//! | Closed, Lost | ↔ | Lost, Canceled; one that is lost for another reason stays so |
//! | Closed, Declined or Expired or Error | → | Lost, Canceled |
//! | Active, Accepted | ← | open and not on hold: leaving On Hold accepts the deal |
//! | nothing | ← | Open, On Hold |

use crosswalk_sdk::prelude::*;

use crate::Opportunity;

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
    #[choice(1)]
    InProgress,
    /// Open, On Hold.
    #[choice(2)]
    OnHold,
    /// Won.
    #[choice(3)]
    Won,
    /// Lost, Canceled.
    #[choice(4)]
    Canceled,
    /// Lost, Out-Sold.
    #[choice(5)]
    OutSold,
    /// One of the organisation's own.
    #[choice(other)]
    Other(i32),
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

/// Status and substatus that an opportunity asks for; unset where it waits, or where the referral is closed: Partner
/// Center opens nothing again.
pub fn pushed(linked: &Opportunity, referral: &Referral) -> (Field<Status>, Field<Substatus>) {
    if referral.status == Status::Closed {
        return (Field::Unset, Field::Unset);
    }
    match stage(linked) {
        Some(Stage::Open) => (Status::Active.into(), Substatus::Accepted.into()),
        Some(Stage::Won) => (Status::Closed.into(), Substatus::Won.into()),
        Some(Stage::Lost) => (Status::Closed.into(), Substatus::Lost.into()),
        Some(Stage::OnHold) | None => (Field::Unset, Field::Unset),
    }
}
