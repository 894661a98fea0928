//! The rules of the algorithm that tests switch off, one at a time, to show that the simulation would notice.

/// Which rules hold. In production all of them do.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// What is pushed is measured against the record as if Partner Center had edited first, not against its wish.
    pub folded_baseline: bool,
    /// A CRM field that follows from our own push is written too.
    pub second_order: bool,
    /// A conflict is also looked for in the referral's own fields.
    pub referral_conflicts: bool,
    /// An intent is stored before each write.
    pub intents: bool,
    /// Each write is settled by itself.
    pub settle_each: bool,
    /// The base is only what was read or sent, never read back.
    pub no_read_back: bool,
    /// An entry is stored before the write that overwrites its value.
    pub entry_first: bool,
    /// A refused field is held until a side moves.
    pub hold_refused: bool,
    /// A refused field gets an entry.
    pub keep_refused: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Rules {
            folded_baseline: true,
            second_order: true,
            referral_conflicts: true,
            intents: true,
            settle_each: true,
            no_read_back: true,
            entry_first: true,
            hold_refused: true,
            keep_refused: true,
        }
    }
}
