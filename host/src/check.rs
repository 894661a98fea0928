//! The laws of a mapping, checked on a component in its sandbox, as a partner's own test checks them natively.
//!
//! `plugin check` does so on a developer's machine, or on the host over what a tenant's passes have read; `plugin deploy`
//! does before anything is stored. The laws themselves, and the search for the smallest case, are in `sdk/laws`.

mod component;

use std::sync::Arc;

use crosswalk_engine::{mapping::Record, pass::Seen, referral::Referral};
use crosswalk_laws::{Finding, Law, Pair, Plan, Report, model};
use crosswalk_runtime::{LookupAnswer, Plugin};
use serde_json::Value as Json;
use tokio::task;

use crate::{
    app::App,
    error::{Complaint, Fault},
    recording::Recorded,
};
use component::Component;

/// Seeds of which pairs are made, unless somebody asks for more. With the cases that are always asked about, a check
/// makes some thousands of calls: about a second.
pub(crate) const CASES: u64 = 12;

/// The most seeds that a host is asked for: half a minute.
pub(crate) const CASES_MAX: u64 = 1_000;

/// A tenant's last passes whose pairs are asked about, too.
const RECORDED_MAX: u32 = 50;

/// What a check may come with, besides the cases that are made up.
#[derive(Debug, Default)]
pub(crate) struct Given {
    /// Seeds.
    pub(crate) cases: u64,
    /// Referrals, and the records that they are linked with.
    pub(crate) pairs: Vec<(String, Referral, Option<Record>)>,
    /// What was looked up in the passes that the pairs are from.
    pub(crate) lookups: Vec<LookupAnswer>,
    /// The pairs are a tenant's own.
    pub(crate) in_confidence: bool,
}

/// Checks a plugin. Takes a core for about a second, so it is for a thread that may wait.
pub(crate) fn check(plugin: &Plugin, given: Given) -> Report {
    let mut component = Component::new(plugin, given.lookups);
    let pairs = given.pairs.into_iter().map(|(origin, referral, record)| {
        let record = record.and_then(|record| component.seen(&record));
        if given.in_confidence {
            Pair::in_confidence(origin, referral.0, record)
        } else {
            Pair::own(origin, referral.0, record)
        }
    });
    let pairs = pairs.collect();
    crosswalk_laws::check(&mut component, &Plan { seeds: 0..given.cases, pairs })
}

/// Checks a plugin with what a tenant's last passes have read. Of the tenant's data the report has only the smallest
/// case that breaks a law.
pub(crate) async fn with_recorded(
    app: &Arc<App>,
    tenant: &str,
    plugin: &Plugin,
    cases: u64,
) -> Result<Report, Complaint> {
    let given = recorded(app, tenant, cases.min(CASES_MAX)).await?;
    let plugin = plugin.clone();
    task::spawn_blocking(move || check(&plugin, given))
        .await
        .map_err(|error| Complaint::internal("checking the laws of the plugin", &error))
}

/// Refuses a plugin that breaks a law, on pairs that are made up or on what the tenant's last passes have read.
pub(crate) async fn laws(app: &Arc<App>, tenant: &str, plugin: &Plugin) -> Result<(), Complaint> {
    let report = with_recorded(app, tenant, plugin, CASES).await?;
    let state = "nothing was stored, and the tenant stays on the release that it is on";
    match complaint(&plugin.manifest().name, &report, state) {
        Some(complaint) => Err(complaint),
        None => Ok(()),
    }
}

/// The complaint about the laws that are broken; nothing if all hold.
pub(crate) fn complaint(plugin: &str, report: &Report, state: &str) -> Option<Complaint> {
    let first = report.broken.first()?;
    let laws: std::collections::BTreeSet<Law> = report.broken.iter().map(|finding| finding.law).collect();
    let named: Vec<String> = laws.iter().map(|law| format!("*{law}*")).collect();
    let message = match laws.len() {
        1 => format!("the plugin `{plugin}` breaks the law {}", named.concat()),
        _ => format!("the plugin `{plugin}` breaks the laws {}", named.join(", ")),
    };
    let help = "change what each of them says, and put the smallest case into a test with `testing::laws::hold_for`; \
                `plugin deploy --unchecked` goes without, and says so in the audit";
    let complaint = Complaint::new(Fault::Refused, message, state, help).code(first.code.as_str());
    Some(Complaint { causes: report.broken.iter().map(Finding::to_string).collect(), ..complaint })
}

async fn recorded(app: &App, tenant: &str, cases: u64) -> Result<Given, Complaint> {
    let mut given = Given { cases, in_confidence: true, ..Given::default() };
    for recording in app.journal.recordings(tenant, None, RECORDED_MAX).await? {
        // One that cannot be read shows nothing here; `plugin diff` counts them.
        let Ok(recorded) = Recorded::read(&recording.bytes) else { continue };
        let (referral, record) = last_read(&recorded);
        let Some(referral) = referral else { continue };
        given.pairs.push((format!("recorded pass {}", recording.pass), referral, record));
        given.lookups.extend(recorded.lookups);
    }
    Ok(given)
}

/// Both sides as the pass saw them last.
fn last_read(recorded: &Recorded) -> (Option<Referral>, Option<Record>) {
    let (mut referral, mut record) = (None, None);
    for step in &recorded.steps {
        match &step.seen {
            Seen::Referral(Some(read)) => referral = Some(read.value.clone()),
            Seen::Record(Some(read)) => record = Some(read.value.clone()),
            _ => {}
        }
    }
    (referral, record)
}

/// Pairs of a file: one JSON document or one a line; a list, referrals, or `{ "referral": …, "record": … }` as a finding
/// shows them.
///
/// # Errors
/// Says what is wrong with the first that cannot be used.
pub(crate) fn pairs(plugin: &Plugin, text: &str) -> Result<Vec<(String, Referral, Option<Record>)>, String> {
    let manifest = component::manifest(plugin.manifest());
    let mut pairs = Vec::new();
    for document in serde_json::Deserializer::from_str(text).into_iter::<Json>() {
        let document = document.map_err(|error| format!("it is no JSON: {error}"))?;
        let items = match document {
            Json::Array(items) => items,
            one => vec![one],
        };
        for item in items {
            let number = pairs.len() + 1;
            let (referral, record) = match item.get("referral") {
                Some(referral) => (referral.clone(), item.get("record").filter(|record| !record.is_null())),
                None => (item.clone(), None),
            };
            let record = record.map(|record| model::Record::from_json(&manifest, record)).transpose();
            let record = record.map_err(|problem| format!("pair {number}: {problem}"))?;
            let record = record.map(|record| component::engine_record(&record));
            pairs.push((format!("pair {number} of the file"), Referral(referral), record));
        }
    }
    Ok(pairs)
}
