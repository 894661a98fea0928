//! Asks a candidate in shadow what the live release was asked, off the path of any pass, and compares.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Instant,
};

use crosswalk_engine::{
    pass::{Limits, Side, Verdict},
    value::Value,
};
use crosswalk_runtime::Release;
use tokio::{
    sync::{Mutex, mpsc, watch},
    task,
};
use tracing::error;

use super::tally::{Ended, How};
use crate::{
    admin::events::value,
    app::App,
    process::{self, Effects},
    recording::Recorded,
    replay::{Replayed, replay},
};

/// How many passes may wait to be compared; more are dropped, and counted.
const WAITING_MAX: usize = 64;

/// How many fields an example names.
const EXAMPLE_FIELDS_MAX: usize = 3;

/// Passes that wait to be compared.
pub(crate) struct Queue {
    sender: mpsc::Sender<Waiting>,
    receiver: Mutex<mpsc::Receiver<Waiting>>,
}

struct Waiting {
    tenant: String,
    candidate: Arc<Release>,
    recorded: Recorded,
}

/// How a candidate's answers compare with what was done.
#[derive(Debug, PartialEq)]
pub(super) struct Compared {
    /// How the pass would have ended.
    pub(super) ended: Ended,
    /// Differences, by kind.
    pub(super) kinds: BTreeMap<String, u64>,
    /// The pass in words, if it would have done anything else.
    pub(super) example: Option<String>,
}

impl Queue {
    pub(super) fn new() -> Self {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        Queue { sender, receiver: Mutex::new(receiver) }
    }
}

/// Has a pass of the live release compared with what the candidate would have done, if one is in shadow.
pub(crate) fn offer(app: &App, tenant: &str, recorded: Recorded) {
    let routing = app.registry.routing(tenant);
    let Some(candidate) = routing.as_ref().and_then(|routing| routing.shadow()) else { return };
    let waiting = Waiting { tenant: tenant.to_owned(), candidate: Arc::clone(candidate), recorded };
    if app.rollout.shadow.sender.try_send(waiting).is_err() {
        super::not_compared(app, tenant, candidate);
    }
}

/// Compares one pass after the other until `stop` turns true.
pub(super) async fn run(app: Arc<App>, mut stop: watch::Receiver<bool>) {
    let mut receiver = app.rollout.shadow.receiver.lock().await;
    while !*stop.borrow() {
        let waiting = tokio::select! {
            waiting = receiver.recv() => waiting,
            _ = stop.wait_for(|stopping| *stopping) => None,
        };
        let Some(Waiting { tenant, candidate, recorded }) = waiting else { return };
        let limits = Limits { strict: true, ..process::limits(&app) };
        let asked = Arc::clone(&candidate);
        let compared = task::spawn_blocking(move || {
            let began = Instant::now();
            let replayed = replay(&recorded, &asked.plugin, limits);
            let took_us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
            compare(&recorded, &replayed, took_us)
        });
        match compared.await {
            Ok(compared) => super::compared(&app, &tenant, &candidate, compared),
            Err(fault) => {
                error!(tenant, %fault, "a pass could not be compared, which is a defect of Crosswalk")
            }
        }
    }
}

/// What differs between what was done and what the candidate would have done.
fn compare(recorded: &Recorded, replayed: &Replayed, took_us: u64) -> Compared {
    let nothing = Effects::default();
    let (done, would) = (recorded.effects.as_ref().unwrap_or(&nothing), &replayed.effects);
    let ended = would_end(done, replayed, took_us);
    let mut kinds = BTreeMap::new();
    let mut count = |kind: &str| *kinds.entry(kind.to_owned()).or_default() += 1;
    if !replayed.unanswered.is_empty() {
        count("not recorded");
    }
    let mut words = match &ended.how {
        How::Trapped(why) if done.refusal != would.refusal => {
            count("traps");
            vec![why.clone()]
        }
        How::Refused(why) if done.refusal != would.refusal => {
            count("refuses");
            vec![why.clone()]
        }
        How::Parked(why) => {
            count("parks");
            vec![why.clone()]
        }
        _ => Vec::new(),
    };
    // What a plugin that gave no answer does not write needs no further words.
    if would.refusal.is_none() {
        for (kind, field) in fields(done, would) {
            count(kind);
            words.push(field);
        }
    }
    let example = (!words.is_empty()).then(|| example(done, &words));
    Compared { ended, kinds, example }
}

/// How the pass would have ended, as far as the candidate is answerable for it.
fn would_end(done: &Effects, replayed: &Replayed, took_us: u64) -> Ended {
    let would = &replayed.effects;
    let unknown = Ended { how: How::Nothing, alarms: 0, plugin_us: took_us };
    match &would.verdict {
        // A plugin that was not told what it asked for may well give no answer.
        verdict if !replayed.unanswered.is_empty() && !is_settled(verdict.as_ref()) => unknown,
        Some(Verdict::Parked { .. })
            if matches!(done.verdict, Some(Verdict::Parked { .. })) && would.refusal.is_none() =>
        {
            Ended { how: How::Well, ..unknown }
        }
        Some(verdict) => Ended::of(verdict, would.refusal.as_ref(), 0, took_us),
        // It ends where something would be made of which only its making tells what comes next.
        None => Ended { how: How::Well, ..unknown },
    }
}

fn is_settled(verdict: Option<&Verdict>) -> bool {
    matches!(verdict, Some(Verdict::Applied { .. } | Verdict::Agreed { .. } | Verdict::Skipped { .. }))
}

type Written<'a> = BTreeMap<(Side, &'a str), &'a Value>;

/// What is written last to each mapped field.
fn written(effects: &Effects) -> Written<'_> {
    let mapped = effects.changes.iter().filter(|change| change.rule != "report");
    mapped.map(|change| ((change.side, change.field.as_str()), &change.new)).collect()
}

/// Each field that is written otherwise: the kind of the difference, and the field in words.
fn fields(done: &Effects, would: &Effects) -> Vec<(&'static str, String)> {
    let (was, asked) = (written(done), written(would));
    let whole = would.verdict.is_some();
    let all: BTreeSet<&(Side, &str)> = was.keys().chain(asked.keys()).collect();
    let differing = all.into_iter().filter_map(|field| match (was.get(field), asked.get(field)) {
        (Some(was), Some(asked)) if was == asked => None,
        (Some(was), Some(asked)) => {
            Some(("another value", field, format!("{}, not {}", value(asked), value(was))))
        }
        (None, Some(asked)) => {
            Some(("writes more", field, format!("{}, where nothing was written", value(asked))))
        }
        // A replay that ended early has not come to all that was written.
        (Some(was), None) if whole => {
            Some(("writes less", field, format!("nothing, where {} was written", value(was))))
        }
        (Some(_), None) | (None, None) => None,
    });
    differing
        .map(|(kind, (side, field), words)| (kind, format!("{} {field}: {words}", side_name(*side))))
        .collect()
}

fn side_name(side: Side) -> &'static str {
    match side {
        Side::PartnerCenter => "partner-center",
        Side::Crm => "crm",
    }
}

fn example(done: &Effects, words: &[String]) -> String {
    let pair = &done.pair;
    let referral = pair.referral.as_deref().unwrap_or("(none)");
    let record = pair.record.as_ref().map_or("(none)".to_owned(), |key| format!("{} {}", key.entity, key.id));
    let shown: Vec<&str> = words.iter().take(EXAMPLE_FIELDS_MAX).map(String::as_str).collect();
    let more = match words.len().saturating_sub(EXAMPLE_FIELDS_MAX) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    format!("referral {referral} | {record}: {}{more}", shown.join("; "))
}

#[cfg(test)]
mod tests;
