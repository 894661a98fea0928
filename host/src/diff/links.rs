//! One link through both releases: does what is settled still agree, and what would be written anew?

use std::collections::{BTreeMap, BTreeSet};

use crosswalk_engine::{
    agreement::{Standing, standing},
    mapping::Refusal,
};
use crosswalk_journal::Link;
use crosswalk_runtime::{PassContext, Plugin};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Both;

/// How a link fares under the candidate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Judged {
    /// There is a base, and both releases tell.
    told: bool,
    /// Why both sides would stop agreeing: fields and paths, or what the candidate says instead. Empty if they would not.
    stops: BTreeSet<String>,
    /// Fields that the candidate asks otherwise of the record than it is, and the tenant's release does not.
    rewritten: BTreeSet<String>,
}

/// What becomes of links under the candidate. Nothing of it happens by itself: a release changes new edits only.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Links {
    /// How many were looked at.
    pub(crate) compared: u64,
    /// How many cannot be told: they have no base yet, or the tenant's own release does not map it.
    pub(crate) untold: u64,
    /// How many agree now and would not under the candidate.
    pub(crate) stop_agreeing: u64,
    /// By field or path, how many of those.
    pub(crate) fields: BTreeMap<String, u64>,
    /// By field, how many records `plugin project` would write.
    pub(crate) rewritten: BTreeMap<String, u64>,
}

impl Links {
    /// Counts one.
    pub(super) fn count(&mut self, judged: &Judged) {
        self.compared += 1;
        self.untold += u64::from(!judged.told);
        self.stop_agreeing += u64::from(!judged.stops.is_empty());
        for (names, counts) in [(&judged.stops, &mut self.fields), (&judged.rewritten, &mut self.rewritten)] {
            for name in names {
                *counts.entry(name.clone()).or_default() += 1;
            }
        }
    }
}

/// Looks at a link's base through both releases. Lookups have no answer here.
pub(super) fn judge(both: &Both, link: &Link, now: Timestamp) -> Judged {
    let look = |plugin: &Plugin| {
        let context = PassContext { tenant: link.tenant.clone(), now, lookups: None };
        let key = link.pair.record.as_ref()?;
        Some(standing(key, &link.state.base, plugin.manifest(), &mut plugin.mapper(context)))
    };
    match (look(&both.current.plugin), look(&both.candidate.plugin)) {
        (Some(current), Some(candidate)) => compared(&current, &candidate),
        _ => Judged::default(),
    }
}

fn compared(current: &Result<Standing, Refusal>, candidate: &Result<Standing, Refusal>) -> Judged {
    let Ok(Standing::Mapped { restless: restless_now, unmet: unmet_now }) = current else {
        return Judged::default();
    };
    let (stops, unmet) = match candidate {
        Ok(Standing::Mapped { restless, unmet }) => (restless.clone(), unmet.clone()),
        Ok(Standing::LeftAlone) => (["(left alone)".to_owned()].into(), BTreeSet::new()),
        Ok(Standing::AsksFor(entity)) => ([format!("(asks for a `{entity}`)")].into(), BTreeSet::new()),
        Ok(Standing::Unknown) => return Judged::default(),
        Err(refusal) => ([format!("(refuses, {})", refusal.code)].into(), BTreeSet::new()),
    };
    let agrees_now = restless_now.is_empty();
    Judged {
        told: true,
        stops: if agrees_now { stops } else { BTreeSet::new() },
        rewritten: unmet.difference(unmet_now).cloned().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Told = Result<Standing, Refusal>;

    fn mapped(restless: &[&str], unmet: &[&str]) -> Told {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Ok(Standing::Mapped { restless: set(restless), unmet: set(unmet) })
    }

    fn counted(pairs: &[(Told, Told)]) -> Links {
        let mut links = Links::default();
        pairs.iter().for_each(|(current, candidate)| links.count(&compared(current, candidate)));
        links
    }

    #[test]
    fn only_a_link_that_agrees_now_can_stop_agreeing() {
        let links = counted(&[
            (mapped(&[], &[]), mapped(&["name", "/name"], &[])),
            (mapped(&["name"], &[]), mapped(&["name"], &[])),
            (mapped(&[], &[]), Ok(Standing::LeftAlone)),
            (mapped(&[], &[]), mapped(&[], &[])),
        ]);
        assert_eq!((links.compared, links.stop_agreeing, links.untold), (4, 2, 0));
        let names: Vec<(&str, u64)> =
            links.fields.iter().map(|(name, count)| (name.as_str(), *count)).collect();
        assert_eq!(names, [("(left alone)", 1), ("/name", 1), ("name", 1)]);
    }

    #[test]
    fn a_field_is_rewritten_if_the_candidate_alone_asks_otherwise_of_the_record() {
        let links = counted(&[(mapped(&[], &["city"]), mapped(&[], &["city", "tier"]))]);
        assert_eq!(links.rewritten, [("tier".to_owned(), 1)].into());
        assert_eq!(links.stop_agreeing, 0);
    }

    #[test]
    fn what_the_tenants_own_release_does_not_map_cannot_be_told() {
        let links = counted(&[
            (Ok(Standing::Unknown), Ok(Standing::Unknown)),
            (Ok(Standing::LeftAlone), mapped(&[], &[])),
        ]);
        assert_eq!((links.compared, links.untold, links.stop_agreeing), (2, 2, 0));
    }
}
