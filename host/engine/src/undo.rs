//! What there is to take back of a release, from the audit of one pair.
//!
//! A release may have written a field many times. What comes back is what the field held before the first of these
//! writes; whether it is still what the last of them left, the pass sees. A write by another release in between ends
//! the run: then the field holds what that one wrote, and there is nothing to take back.
//!
//! What was taken back, or left alone for a reason, is done with. What made a pair or gave it another record is not taken back, and neither is a value that a person set. What the record
//! was told of a pass comes back with the field that it was told in, but is no reason to write it.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    link::{LinkState, Overwritten, Restore},
    pass::{AuditLine, Side},
    value::Value,
};

/// What a release wrote to one pair, read line by line from the oldest on. `P` names a pass.
#[derive(Debug)]
pub struct History<'a, P> {
    release: &'a str,
    runs: BTreeMap<String, Run<P>>,
    overtaken: BTreeMap<String, Value>,
}

/// The release's writes to one CRM field or path, with no other one's in between.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Run<P> {
    /// The pass of the first.
    pass: P,
    write: Overwritten,
}

impl<'a, P: Copy + Ord> History<'a, P> {
    /// Nothing was read yet; `release` is a digest.
    pub fn of(release: &'a str) -> Self {
        History { release, runs: BTreeMap::new(), overtaken: BTreeMap::new() }
    }

    /// The next line, the pass that wrote it, and the release of that pass. A line that does not `count` is past for the
    /// release too: it was written before the time that is undone.
    pub fn read(&mut self, line: &AuditLine, pass: P, release: Option<&str>, counts: bool) {
        let is_its = counts && line.release.as_deref().or(release) == Some(self.release);
        // What the release itself left alone, live once more, is not done with; what it took back is its own write.
        if line.side.is_none() && (line.rule != "undo" || is_its) {
            return;
        }
        for (name, (old, new)) in &line.fields {
            match (line.rule.as_str(), old) {
                ("report", _) => {
                    if let Some(run) = self.runs.get_mut(name) {
                        run.write.written.clone_from(new);
                    }
                }
                ("create" | "convert" | "succeed" | "identity" | "set", _) | (_, None) => self.end(name),
                ("undo", _) if !is_its => self.end(name),
                (_, Some(old)) if is_its => {
                    let write = Overwritten { old: old.clone(), written: new.clone() };
                    let run = self.runs.entry(name.clone()).or_insert(Run { pass, write });
                    run.write.written.clone_from(new);
                    self.overtaken.remove(name);
                }
                _ => {
                    if let Some(run) = self.runs.remove(name) {
                        self.overtaken.insert(name.clone(), run.write.written);
                    }
                }
            }
        }
    }

    fn end(&mut self, name: &str) {
        self.runs.remove(name);
        self.overtaken.remove(name);
    }

    /// The pair has another record from here on: what was written to the old one is past.
    pub fn other_record(&mut self) {
        self.runs.retain(|name, _| name.starts_with('/'));
        self.overtaken.retain(|name, _| name.starts_with('/'));
    }

    /// The passes in which there is something that may be taken back.
    pub fn passes(&self) -> impl Iterator<Item = P> {
        let passes: BTreeSet<P> = self.pending().map(|(_, run)| run.pass).collect();
        passes.into_iter()
    }

    /// What is to be taken back, given what was remembered of the pair before each of [`History::passes`], where that is
    /// known.
    pub fn restores(&self, before: impl Fn(P) -> Option<LinkState>) -> Vec<Restore> {
        let (mut parts, mut unknown) = (Vec::new(), Restore::default());
        for pass in self.passes() {
            let before = before(pass);
            let mut part =
                Restore { before: before.as_ref().map(|it| it.base.clone()), ..Restore::default() };
            for (name, run) in self.pending().filter(|(_, run)| run.pass == pass) {
                let is_agreed = before.as_ref().is_some_and(|before| is_agreed(before, name));
                let part = if is_agreed { &mut part } else { &mut unknown };
                part.writes.insert(name.clone(), run.write.clone());
            }
            parts.push(part);
        }
        parts.push(unknown);
        parts.retain(|part| !part.writes.is_empty());
        parts
    }

    /// What another release has written since, and what the release had left there.
    pub fn overtaken(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.overtaken.iter()
    }

    fn pending(&self) -> impl Iterator<Item = (&String, &Run<P>)> {
        self.runs.iter().filter(|(_, run)| run.write.old != run.write.written)
    }
}

/// Whether the base says what both sides agreed on at this name. Where a person was to decide, they did not agree; nor
/// may they at any path, since nobody knows which of them the field in question speaks to.
fn is_agreed(state: &LinkState, name: &str) -> bool {
    if name.starts_with('/') { state.open.is_empty() } else { !state.open.contains_key(name) }
}

/// The side that a name is of.
pub fn side_of(name: &str) -> Side {
    if name.starts_with('/') { Side::PartnerCenter } else { Side::Crm }
}

#[cfg(test)]
mod tests;
