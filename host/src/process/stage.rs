//! The place of the two systems in a pass that writes nothing: a rehearsal, which looks at them as they are, and a
//! replay, which looks at what a pass saw then.
//!
//! Writes of fields are answered as if they had landed, so that the pass shows all of them. A create or a conversion is
//! shown whole, and the pass ends there: what would come after it can only be read from what it makes.

use crosswalk_engine::{
    link::LinkState,
    pass::{Action, Pair, Seen, Versioned},
    value::{RecordKey, Value},
};

use super::effects::Effects;

/// What a new referral or record is called where its id is not known yet.
const NEW: &str = "(new)";

/// The stand-in for what is only written, and what came of it.
pub(crate) struct Stage {
    /// What the pass would do, so far.
    pub(crate) effects: Effects,
    /// Something would be made whose id is not known.
    made: bool,
}

/// How an action is answered.
#[expect(clippy::large_enum_variant, reason = "one of them lives at a time, for one step of a pass")]
pub(crate) enum Answer {
    /// With this.
    Seen(Seen),
    /// By whoever can look.
    Look(Action),
    /// Not at all: the pass ends here.
    Over,
}

impl Stage {
    /// An empty stage, for a pass that begins with this.
    pub(crate) fn new(pair: Pair, state: Option<&LinkState>) -> Self {
        Stage { effects: Effects::of(pair, state), made: false }
    }

    /// Plays the part of whatever an action writes to.
    pub(crate) fn answer(&mut self, action: Action) -> Answer {
        self.effects.note(&action);
        match action {
            Action::Finish { .. } => Answer::Over,
            Action::Store(_) if self.made => Answer::Over,
            Action::Store(_) => Answer::Seen(Seen::Stored),
            Action::WriteRecord { .. } | Action::WriteReferral { .. } => Answer::Seen(written(None)),
            Action::CreateRecord { entity, .. } => {
                self.made = true;
                Answer::Seen(written(Some(RecordKey { entity, id: NEW.to_owned() })))
            }
            Action::ConvertRecord { to, .. } => {
                self.made = true;
                Answer::Seen(written(Some(RecordKey { entity: to, id: NEW.to_owned() })))
            }
            Action::PostReferral(document) => {
                self.made = true;
                let posted = document.overlay(&[("/id".to_owned(), Value::Text(NEW.to_owned()))].into());
                Answer::Seen(Seen::Posted(Versioned { value: posted, version: String::new() }))
            }
            _ if self.made => Answer::Over,
            look => Answer::Look(look),
        }
    }
}

fn written(key: Option<RecordKey>) -> Seen {
    Seen::Written { version: String::new(), key }
}
