//! Texts that fit, and the check mark before a record's name.

use crate::{Context, Field, SyncOutcome, SyncReport};

/// In sync.
pub const SYNCED: &str = "✔ ";
/// Not in sync.
pub const FAILED: &str = "✖ ";
/// Stands for what a column had no room for.
const CUT: char = '…';

/// The text, if it is longer than `characters` cut and ending in `…`.
pub fn fitted(text: &str, characters: i32) -> String {
    let room = usize::try_from(characters).unwrap_or_default().max(1);
    if text.chars().count() <= room {
        return text.to_owned();
    }
    text.chars().take(room - 1).chain([CUT]).collect()
}

/// What a CRM text says to Partner Center: a text that is only `original`, cut to fit, is the original, so that the
/// cut never flows back as an edit.
pub fn uncut(held: Field<String>, original: Option<&str>, characters: i32) -> Field<String> {
    match (held, original) {
        (Field::Set(held), Some(original)) if held == fitted(original, characters) => original.into(),
        (held, _) => held,
    }
}

/// A record's name without its check mark.
pub fn unmarked(name: &str) -> &str {
    let bare =
        |name| [SYNCED, FAILED].into_iter().find_map(|mark: &str| str::strip_prefix(name, mark.trim_end()));
    bare(name).map_or(name, str::trim_start)
}

/// The check mark that a record's name has, or none.
pub fn mark(name: &str) -> &'static str {
    [SYNCED, FAILED].into_iter().find(|mark| name.starts_with(mark.trim_end())).unwrap_or("")
}

/// A deal's name behind a mark. There is always room for a mark, so that marking never cuts.
pub fn marked(mark: &str, name: &str, characters: i32) -> String {
    let room = characters - i32::try_from(SYNCED.chars().count()).unwrap_or_default();
    format!("{mark}{}", fitted(unmarked(name), room))
}

/// What a record shows of a pass: `2026-04-17 09:05 - Both sides agree.`, in UTC.
pub fn audit(report: &SyncReport, cx: &Context) -> String {
    // RFC 3339 begins with the day and ends its minutes at a fixed place.
    let now = cx.now().to_string();
    let (day, time) = (now.get(..10).unwrap_or_default(), now.get(11..16).unwrap_or_default());
    match &report.outcome {
        SyncOutcome::Failed(why) if !report.message.contains(why.as_str()) => {
            format!("{day} {time} - {} {why}", report.message)
        }
        _ => format!("{day} {time} - {}", report.message),
    }
}

/// The mark for what became of a pass, before a name that has one already or none.
pub fn mark_of(report: &SyncReport, name: &str) -> &'static str {
    match &report.outcome {
        SyncOutcome::Synced => SYNCED,
        SyncOutcome::Failed(_) => FAILED,
        // What it means is not known, so that the mark stays.
        SyncOutcome::Other(_) => mark(name),
    }
}
