//! Help that is asked of Microsoft in a deal that was posted without.
//!
//! Nobody may patch the help into a referral. As in the create with help, a second referral is posted into the same
//! engagement and sent to Microsoft, once: before the first time the pass looks whether Microsoft is in the engagement
//! already, and afterwards the link remembers it. The POST is made after all other writes, so that it says what they said.

use jiff::Timestamp;

use super::{Action, Pass, Versioned, drive::Stage, outbound::microsofts_document};
use crate::{
    mapping::Mapper,
    referral::{HELP, MICROSOFT, Referral, STATUS, SUBSTATUS, is_settable_at_create},
    value::{Fields, Value},
};

impl Pass {
    pub(super) fn look_before_inviting(&mut self, draft: Fields) -> Action {
        self.invitation = draft;
        self.stage = Stage::Engagement;
        let engagement = self.referral.as_ref().and_then(|own| own.value.engagement()).map(str::to_owned);
        Action::FindReferrals { external_reference: None, engagement, since: Timestamp::UNIX_EPOCH }
    }

    pub(super) fn saw_engagement(&mut self, seen: &[Versioned<Referral>], mapper: &mut dyn Mapper) -> Action {
        let draft = std::mem::take(&mut self.invitation);
        let own = self.state.base.referral.clone();
        let engagement = own.as_ref().and_then(|own| own.engagement().map(str::to_owned));
        match (own, engagement) {
            (Some(own), Some(engagement)) if !self.holds_microsofts_copy(seen) => {
                let document = microsofts_document(&invitation(&own, draft), &engagement);
                self.intend(document, Some(engagement))
            }
            _ => {
                self.microsoft_was_asked();
                self.report_or_end(mapper)
            }
        }
    }

    /// Whether one of an engagement's referrals is Microsoft's, or was sent there.
    pub(super) fn holds_microsofts_copy(&self, seen: &[Versioned<Referral>]) -> bool {
        let own = self.referral_id();
        let is_other = |one: &Referral| one.id().is_some_and(|id| id != own);
        let is_microsofts =
            |one: &Referral| one.organization() == Some(MICROSOFT) || one.is_sent_to(MICROSOFT);
        seen.iter().any(|one| is_other(&one.value) && is_microsofts(&one.value))
    }

    /// Microsoft is in the engagement: what was owed of that is delivered.
    pub(super) fn microsoft_was_asked(&mut self) {
        self.state.microsoft_asked = true;
        self.state.owed.remove(HELP);
        if let Some(entry) = self.state.open.remove(HELP) {
            self.endings.insert(entry.id, "Microsoft is asked".to_owned());
        }
    }
}

/// The deal as it is now and as the record wants it, for Microsoft to accept or decline: it begins as a new one.
fn invitation(own: &Referral, mut draft: Fields) -> Referral {
    draft.retain(|path, value| is_settable_at_create(path) && !value.is_empty());
    let begins = [(STATUS, "New"), (SUBSTATUS, "Pending"), ("/type", "Shared")];
    draft.extend(begins.map(|(path, text)| (path.to_owned(), Value::Text(text.to_owned()))));
    own.as_created().overlay(&draft).without(&["/statusReason", "/favorite"])
}
