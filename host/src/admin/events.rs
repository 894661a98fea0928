//! Events over the admin API: list, the whole story of one, and trying it again.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Query, State, rejection::QueryRejection},
};
use crosswalk_engine::{
    pass::{Side, Subject, Verdict},
    value::Value,
};
use crosswalk_journal::{AuditRecord, Event, EventFilter, EventId, EventState, What};
use serde::Deserialize;

use super::types::{AuditEntry, EventStory, EventSummary, Retried};
use crate::{
    app::App,
    error::{Complaint, Fault},
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    tenant: Option<String>,
    state: Option<String>,
    #[serde(default)]
    limit: u32,
}

pub(super) async fn list(
    State(app): State<Arc<App>>,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Json<Vec<EventSummary>>, Complaint> {
    let Query(query) = query?;
    let state = query.state.as_deref().map(state).transpose()?;
    let filter = EventFilter { tenant: query.tenant, state, limit: query.limit, ..EventFilter::default() };
    let events = app.journal.events(&filter).await?;
    Ok(Json(events.iter().map(|event| summary(event, None)).collect()))
}

pub(super) async fn show(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Json<EventStory>, Complaint> {
    let story = app.journal.event(event_id(&id)?).await?.ok_or_else(|| unknown(&id))?;
    let attempts = Some(u32::try_from(story.passes.len()).unwrap_or(u32::MAX));
    Ok(Json(EventStory {
        event: summary(&story.event, attempts),
        audit: story.audit.iter().filter_map(audit_entry).collect(),
    }))
}

pub(super) async fn retry(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Json<Retried>, Complaint> {
    let event = event_id(&id)?;
    if app.journal.event(event).await?.is_none() {
        return Err(unknown(&id));
    }
    app.journal.retry(event, "admin", app.now()).await?;
    Ok(Json(Retried { event: id }))
}

fn event_id(text: &str) -> Result<EventId, Complaint> {
    text.parse().map_err(|error| {
        Complaint::new(
            Fault::NotFound,
            format!("`{text}` is no event"),
            "nothing was changed",
            "`crosswalk events list` shows the ids",
        )
        .because(&error)
    })
}

fn unknown(id: &str) -> Complaint {
    Complaint::new(
        Fault::NotFound,
        format!("there is no event `{id}` (any more)"),
        "nothing was changed",
        "`crosswalk events list` shows what is kept",
    )
}

fn state(word: &str) -> Result<EventState, Complaint> {
    match word {
        "waiting" => Ok(EventState::Waiting),
        "settled" => Ok(EventState::Settled),
        "parked" => Ok(EventState::Parked),
        "superseded" => Ok(EventState::Superseded),
        _ => Err(Complaint::new(
            Fault::Refused,
            format!("`{word}` is no state of an event"),
            "nothing was listed",
            "use waiting, settled, parked or superseded",
        )),
    }
}

fn summary(event: &Event, attempts: Option<u32>) -> EventSummary {
    EventSummary {
        id: event.id.to_string(),
        tenant: event.tenant.clone(),
        subject: subject(&event.subject),
        source: word(&event.source),
        received: event.received.to_string(),
        state: word(&event.state),
        verdict: event.verdict.as_ref().map(verdict).unwrap_or_default(),
        attempts,
    }
}

/// `referral 6f2c…` or `opportunity 81a0…`.
pub(crate) fn subject(subject: &Subject) -> String {
    match subject {
        Subject::Referral(id) => format!("referral {id}"),
        Subject::Record(key) => format!("{} {}", key.entity, key.id),
    }
}

/// A verdict in a sentence.
pub(crate) fn verdict(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Applied { reason, .. } => format!("applied: {reason}"),
        Verdict::Agreed { reason } => format!("agreed: {reason}"),
        Verdict::Skipped { reason } => format!("skipped: {reason}"),
        Verdict::Parked { reason } => format!("parked: {reason}"),
        Verdict::Moved { to } => format!("moved to {}", subject(to)),
        Verdict::Again { reason, .. } => format!("again: {reason}"),
    }
}

fn audit_entry(record: &AuditRecord) -> Option<AuditEntry> {
    let What::Line(line) = &record.what else { return None };
    Some(AuditEntry {
        at: record.at.to_string(),
        side: line.side.map(side).unwrap_or_default().to_owned(),
        rule: line.rule.clone(),
        release: line.release.clone().or_else(|| record.release.clone()).unwrap_or_default(),
        fields: line
            .fields
            .iter()
            .map(|(name, (old, new))| {
                (name.clone(), old.as_ref().map(value).unwrap_or_else(|| "?".to_owned()), value(new))
            })
            .collect(),
        note: line.note.clone(),
    })
}

fn side(side: Side) -> &'static str {
    match side {
        Side::PartnerCenter => "partner-center",
        Side::Crm => "crm",
    }
}

/// A value as a person reads it.
pub(crate) fn value(value: &Value) -> String {
    use crosswalk_engine::value::Reference;
    match value {
        Value::Empty => "(empty)".to_owned(),
        Value::Text(text) => text.clone(),
        Value::Flag(flag) => if *flag { "yes" } else { "no" }.to_owned(),
        Value::Integer(number) => number.to_string(),
        Value::Decimal(decimal) => decimal.to_string(),
        Value::Date(date) => date.to_string(),
        Value::Instant(instant) => instant.to_string(),
        Value::Texts(texts) => texts.join(", "),
        Value::Reference(Reference::Existing(key)) => format!("{} {}", key.entity, key.id),
        Value::Reference(Reference::Companion(alias)) => format!("companion `{alias}`"),
        Value::Json(json) => json.to_string(),
    }
}

/// An enum's word on the wire.
pub(crate) fn word(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        Ok(other) => other.to_string(),
        Err(_) => String::new(),
    }
}
