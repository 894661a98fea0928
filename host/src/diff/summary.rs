//! What a diff found, counted.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::{Deserialize, Serialize};

use super::{
    compare::{Compared, Difference, Ending, FieldDifference, Kind},
    links::Links,
};

/// The fields that a summary shows a person, of each kind; JSON has all of them.
const SHOWN_MAX: usize = 20;

/// Where two releases part over many passes, in numbers. A pass may count under several of them, but never under `same`
/// and another one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Summary {
    /// The release that the tenant was on when the job began.
    pub(crate) current: Named,
    /// The one that it was compared with.
    pub(crate) candidate: Named,
    /// How many passes were replayed.
    pub(crate) passes: u64,
    /// In which both do the same.
    pub(crate) same: u64,
    /// In which they do not, or nobody can tell.
    pub(crate) differ: u64,
    /// In which both write a field, and not the same.
    pub(crate) other_value: u64,
    /// In which the candidate leaves a field out that the tenant's release writes, and does not refuse or skip instead.
    pub(crate) only_current_writes: u64,
    /// In which the candidate alone writes a field.
    pub(crate) only_candidate_writes: u64,
    /// In which only one of them keeps a field for a person.
    pub(crate) kept_otherwise: u64,
    /// In which the candidate alone refuses, by code.
    pub(crate) refuses: BTreeMap<String, u64>,
    /// In which the runtime stops the candidate alone, by code.
    pub(crate) traps: BTreeMap<String, u64>,
    /// Which the candidate alone leaves to a person.
    pub(crate) parks: u64,
    /// Which the candidate alone leaves alone.
    pub(crate) skips: u64,
    /// Which end in another way, without a field that says so.
    pub(crate) ends_otherwise: u64,
    /// In which something was asked for that was not recorded.
    pub(crate) unanswered: u64,
    /// What that was, and in how many passes.
    pub(crate) unanswered_names: BTreeMap<String, u64>,
    /// Recordings that this host cannot read; they are among no other number.
    pub(crate) unreadable: u64,
    /// Each field that is written otherwise: `crm estimatedvalue`, and in how many passes how.
    pub(crate) fields: BTreeMap<String, Counts>,
    /// What becomes of links.
    pub(crate) links: Links,
}

/// A release, for a person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Named {
    /// The component's digest.
    pub(crate) digest: String,
    /// The plugin's name and version.
    pub(crate) plugin: String,
}

/// In how many passes a field is written otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts {
    /// By both, and not the same.
    pub(crate) other_value: u64,
    /// Only by the tenant's release.
    pub(crate) only_current_writes: u64,
    /// Only by the candidate.
    pub(crate) only_candidate_writes: u64,
}

impl Summary {
    /// Whether there is anything that a person should look at before the candidate goes live.
    pub(crate) fn differs(&self) -> bool {
        self.differ > 0 || self.unreadable > 0 || self.links.stop_agreeing > 0
    }

    /// Counts one pass.
    pub(super) fn count(&mut self, compared: &Compared) {
        match compared {
            Compared::Unreadable => self.unreadable += 1,
            Compared::Same => {
                self.passes += 1;
                self.same += 1;
            }
            Compared::Differs(difference) => {
                self.passes += 1;
                self.differ += 1;
                self.count_difference(difference);
            }
        }
    }

    fn count_difference(&mut self, difference: &Difference) {
        let instead = difference.ending.as_ref().is_some_and(Ending::is_instead_of_writing);
        let fields: &[FieldDifference] = if instead { &[] } else { &difference.fields };
        let kinds: BTreeSet<Kind> = fields.iter().map(|field| field.kind).collect();
        self.other_value += u64::from(kinds.contains(&Kind::OtherValue));
        self.only_current_writes += u64::from(kinds.contains(&Kind::OnlyCurrentWrites));
        self.only_candidate_writes += u64::from(kinds.contains(&Kind::OnlyCandidateWrites));
        for field in fields {
            let counts = self.fields.entry(format!("{} {}", field.side, field.field)).or_default();
            match field.kind {
                Kind::OtherValue => counts.other_value += 1,
                Kind::OnlyCurrentWrites => counts.only_current_writes += 1,
                Kind::OnlyCandidateWrites => counts.only_candidate_writes += 1,
            }
        }
        self.kept_otherwise += u64::from(!difference.kept.is_empty());
        match &difference.ending {
            None => {}
            Some(Ending::Refuses(code)) => *self.refuses.entry(code.clone()).or_default() += 1,
            Some(Ending::Traps(code)) => *self.traps.entry(code.clone()).or_default() += 1,
            Some(Ending::Parks) => self.parks += 1,
            Some(Ending::Skips) => self.skips += 1,
            Some(Ending::Otherwise) => self.ends_otherwise += 1,
        }
        self.unanswered += u64::from(!difference.unanswered.is_empty());
        for name in &difference.unanswered {
            *self.unanswered_names.entry(name.clone()).or_default() += 1;
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = |digest: &str| digest.get(..12).unwrap_or(digest).to_owned();
        let (current, candidate) = (&self.current, &self.candidate);
        writeln!(out, "current    {} ({})", current.plugin, short(&current.digest))?;
        writeln!(out, "candidate  {} ({})", candidate.plugin, short(&candidate.digest))?;
        write!(out, "passes     {} replayed: {} the same, {} not", self.passes, self.same, self.differ)?;
        if self.unreadable > 0 {
            write!(out, "; {} recordings could not be read", self.unreadable)?;
        }
        let counted = [
            ("the candidate writes another value", self.other_value),
            ("only current writes", self.only_current_writes),
            ("only the candidate writes", self.only_candidate_writes),
            ("only one keeps a field for a person", self.kept_otherwise),
            ("only the candidate parks", self.parks),
            ("only the candidate skips", self.skips),
            ("ends in another way", self.ends_otherwise),
        ];
        for (what, passes) in counted.into_iter().filter(|(_, passes)| *passes > 0) {
            write!(out, "\n  {passes:>8}  {what}")?;
        }
        for (what, codes) in [("refuses", &self.refuses), ("is stopped by the runtime", &self.traps)] {
            for (code, passes) in codes {
                write!(out, "\n  {passes:>8}  the candidate {what}, {code}")?;
            }
        }
        let written = self.fields.iter().map(|(field, counts)| {
            let parts = [
                ("another value", counts.other_value),
                ("only current", counts.only_current_writes),
                ("only the candidate", counts.only_candidate_writes),
            ];
            let parts = parts.iter().filter(|(_, passes)| *passes > 0);
            let parts: Vec<String> = parts.map(|(what, passes)| format!("{what} {passes}")).collect();
            (field.as_str(), parts.join(", "))
        });
        section(out, "fields that are written otherwise", written)?;
        let names = self.unanswered_names.iter().map(|(name, passes)| (name.as_str(), passes.to_string()));
        section(out, "asked for and not recorded, so nobody knows", names)?;
        let links = &self.links;
        write!(
            out,
            "\nlinks      {} looked at: {} would stop agreeing",
            links.compared, links.stop_agreeing
        )?;
        if links.untold > 0 {
            write!(out, "; {} cannot be told", links.untold)?;
        }
        let stops = links.fields.iter().map(|(name, count)| (name.as_str(), count.to_string()));
        section(out, "where both sides would stop agreeing", stops)?;
        let rewritten = links.rewritten.iter().map(|(name, count)| (name.as_str(), count.to_string()));
        section(out, "stays as it is until it changes; `crosswalk plugin project` would write it", rewritten)
    }
}

/// Names with what is said of each, under a heading; nothing if there are none.
fn section<'a>(
    out: &mut fmt::Formatter<'_>,
    heading: &str,
    lines: impl ExactSizeIterator<Item = (&'a str, String)>,
) -> fmt::Result {
    let count = lines.len();
    if count == 0 {
        return Ok(());
    }
    write!(out, "\n  {heading}:")?;
    for (name, what) in lines.take(SHOWN_MAX) {
        write!(out, "\n    {name:<40} {what}")?;
    }
    match count.saturating_sub(SHOWN_MAX) {
        0 => Ok(()),
        more => write!(out, "\n    … and {more} more (`--json` has all)"),
    }
}
