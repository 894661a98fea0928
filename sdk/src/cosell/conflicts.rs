//! Who wins, by rules that no CRM changes. The value that loses is kept for a person.

use crate::{
    Choice, FieldType, Result,
    contract::{Conflict, Resolution, Status, Substatus, Value},
};

/// Who wins a conflict about what both sides may edit.
#[derive(Choice, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Winner {
    /// The CRM: a seller works there.
    Crm,
    /// Partner Center.
    PartnerCenter,
    /// A person decides each one.
    Park,
}

impl Winner {
    /// As an answer.
    pub fn resolution(self) -> Resolution {
        match self {
            Self::Crm => Resolution::Crm,
            Self::PartnerCenter => Resolution::PartnerCenter,
            Self::Park => {
                Resolution::park("both sides changed it, and `conflict_winner` says that a person decides")
            }
        }
    }
}

/// Who decides where the deal stands. A closed deal stays closed; where both sides closed it, Partner Center wins: it
/// lets nobody change what is closed. Where neither did, a side that says what both said last has not moved the deal.
///
/// # Errors
/// When a side's value is of another kind.
pub fn closed_wins<T: FieldType>(conflict: &Conflict, is_closed: impl Fn(&T) -> bool) -> Result<Resolution> {
    let closed = |side: Option<T>| side.is_some_and(|side| is_closed(&side));
    let by_close = (closed(conflict.partner_center_as()?), closed(conflict.crm_as()?));
    let stayed = |side: &Value| conflict.base.as_ref() == Some(side);
    Ok(match by_close {
        (true, _) => Resolution::PartnerCenter,
        (false, true) => Resolution::Crm,
        (false, false) if stayed(&conflict.partner_center) => Resolution::Crm,
        (false, false) if stayed(&conflict.crm) => Resolution::PartnerCenter,
        (false, false) => Resolution::park("both sides moved the deal, and neither closed it"),
    })
}

/// A path of the referral that no single field of the record stands for.
///
/// # Errors
/// When a status is no text.
pub fn beyond_the_record(conflict: &Conflict, winner: Winner) -> Result<Resolution> {
    Ok(match conflict.field.as_str() {
        "/details/dealValue"
        | "/details/currency"
        | "/details/closingDateTime"
        | "/details/notes"
        | "/details/requirements/solutions" => winner.resolution(),
        // Our record's id, and lists that only ever get one more person: nobody is lost.
        "/externalReferenceId" | "/customerProfile/team" | "/team" => Resolution::Crm,
        "/status" => closed_wins(conflict, |status: &String| status == Status::Closed.word())?,
        "/substatus" => closed_wins(conflict, |word: &String| is_final(word))?,
        // Partner Center's own words for it, where it closed the deal.
        "/statusReason" => Resolution::PartnerCenter,
        _ => Resolution::park("both sides changed it, and this mapping has no rule for it"),
    })
}

/// Whether a substatus belongs to a closed deal.
fn is_final(word: &str) -> bool {
    !matches!(Substatus::from_word(word), Substatus::Pending | Substatus::Received | Substatus::Accepted)
}
