//! What the admin API says, in one place for the host that sends it and the command line that reads it.

mod findings;
mod plugins;

use std::fmt;

use crosswalk_engine::mapping::Manifest;
use crosswalk_laws::Report;
use serde::{Deserialize, Serialize};

pub(crate) use self::plugins::{
    ComponentOrigin, PluginStatus, ReleaseStatus, ReleaseSummary, Routed, ShadowCounts, Stage,
};

/// An event in a list.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct EventSummary {
    /// Its id.
    pub(crate) id: String,
    /// Whose.
    pub(crate) tenant: String,
    /// What it is about, `referral 6f2c…` or `opportunity 81a0…`.
    pub(crate) subject: String,
    /// Who hinted: `webhook-partner-center`, `webhook-crm`, `poll`, `retry`, …
    pub(crate) source: String,
    /// When it was stored (RFC 3339, UTC).
    pub(crate) received: String,
    /// `waiting`, `settled`, `parked` or `superseded`.
    pub(crate) state: String,
    /// What became of it, in a sentence; empty while it waits.
    pub(crate) verdict: String,
    /// How many passes looked at it; only where one event is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) attempts: Option<u32>,
}

/// One line of the audit.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct AuditEntry {
    /// When (RFC 3339, UTC).
    pub(crate) at: String,
    /// `partner-center`, `crm` or empty for a decision that wrote nothing.
    pub(crate) side: String,
    /// The rule that applied.
    pub(crate) rule: String,
    /// The digest of the release that decided.
    pub(crate) release: String,
    /// Per field: name, what it held, what it holds.
    pub(crate) fields: Vec<(String, String, String)>,
    /// The API's answer, or why nothing was written.
    pub(crate) note: String,
}

/// An event with all that it caused.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct EventStory {
    /// The event.
    pub(crate) event: EventSummary,
    /// Every write and decision, in order.
    pub(crate) audit: Vec<AuditEntry>,
}

/// What is tried again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Retried {
    /// The event, which waits again.
    pub(crate) event: String,
}

/// A tenant in a list.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct TenantSummary {
    /// Its name, which is also in its webhooks' addresses.
    pub(crate) name: String,
    /// The digest of the release that is routed to it.
    pub(crate) release: Option<String>,
    /// The release's plugin, name and version.
    pub(crate) plugin: Option<String>,
    /// How many times a release was routed.
    pub(crate) generation: i64,
    /// Pairs that are linked.
    pub(crate) links: u64,
    /// Events that wait.
    pub(crate) waiting: u64,
    /// Open entries, for a person to look at.
    pub(crate) entries: u64,
}

/// What a check of a plugin found.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Checked {
    /// The component's digest.
    pub(crate) digest: String,
    /// What the plugin says it is.
    pub(crate) manifest: Manifest,
    /// What became of the laws.
    pub(crate) laws: Report,
}

/// An open entry.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct EntrySummary {
    /// Its id.
    pub(crate) id: String,
    /// The field that it is about.
    pub(crate) field: String,
    /// Why it was made.
    pub(crate) kind: String,
    /// What Partner Center asked for.
    pub(crate) partner_center: String,
    /// What the CRM held.
    pub(crate) crm: String,
    /// In words.
    pub(crate) reason: String,
    /// When (RFC 3339, UTC).
    pub(crate) since: String,
}

/// A job: long work of a tenant.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct JobSummary {
    /// Its id.
    pub(crate) id: String,
    /// Whose.
    pub(crate) tenant: String,
    /// `sweep`, `sweep-dry-run`, `backfill`, `verify` or `diff`.
    pub(crate) kind: String,
    /// `running`, `done` or `failed`.
    pub(crate) state: String,
    /// What it is at, in words.
    pub(crate) phase: String,
    /// Referrals, records, pairs or recorded passes that were compared.
    pub(crate) compared: u64,
    /// How many there are in this phase, where that is known.
    pub(crate) total: Option<u64>,
    /// How many differed: they are looked at, or, where nothing is written, they are among the findings.
    pub(crate) found: u64,
    /// How many of those are not looked at yet.
    pub(crate) waiting: u64,
    /// What else it counted, in the form of its kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) summary: Option<serde_json::Value>,
    /// Who asked for it.
    pub(crate) who: String,
    /// When it began (RFC 3339, UTC).
    pub(crate) started: String,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ended: Option<String>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
}

/// A pair that differs, or would be made.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Finding {
    /// What was looked at, `referral 6f2c…` or `opportunity 81a0…`.
    pub(crate) subject: String,
    /// The referral's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) referral: Option<String>,
    /// The record, `opportunity 81a0…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) record: Option<String>,
    /// What would be written, field by field.
    #[serde(default)]
    pub(crate) fields: Vec<FieldChange>,
    /// What is, or would be, kept for a person.
    #[serde(default)]
    pub(crate) kept: Vec<KeptField>,
    /// What a release wrote, or an operator asked for, and is left alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) left: Vec<LeftField>,
    /// How it would end, in a sentence.
    pub(crate) outcome: String,
}

/// A field that is left alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct LeftField {
    /// The CRM's field, or the JSON pointer into the referral.
    pub(crate) field: String,
    /// What it holds, as far as it is known.
    pub(crate) held: String,
    /// Why it is left alone.
    pub(crate) reason: String,
}

/// A field that would be written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct FieldChange {
    /// `partner-center` or `crm`.
    pub(crate) side: String,
    /// The rule that applies.
    pub(crate) rule: String,
    /// The CRM's field, or the JSON pointer into the referral.
    pub(crate) field: String,
    /// What it holds; missing where it is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) old: Option<String>,
    /// What it would hold.
    pub(crate) new: String,
}

/// A field that a person decides about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct KeptField {
    /// Which.
    pub(crate) field: String,
    /// Why.
    pub(crate) kind: String,
    /// What Partner Center asks for.
    pub(crate) partner_center: String,
    /// What the CRM holds.
    pub(crate) crm: String,
    /// In words.
    pub(crate) reason: String,
}

/// Where Partner Center sends a partner's events.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct WebhookSummary {
    /// The tenant.
    pub(crate) tenant: String,
    /// No webhook is to be registered for it.
    pub(crate) polling_only: bool,
    /// The address that is registered for it by `webhook register`; missing where none can be.
    pub(crate) wanted: Option<String>,
    /// The address that is registered now, without its query.
    pub(crate) registered: Option<String>,
    /// The events that are sent there.
    pub(crate) events: Vec<String>,
    /// It is this tenant's address, with all events that it needs.
    pub(crate) ours: bool,
    /// The address that had the registration until now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) evicted: Option<String>,
}

/// A test of the webhook that has begun.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct TestStarted {
    /// What it is called in Partner Center.
    pub(crate) id: String,
}

impl fmt::Display for WebhookSummary {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.registered {
            None => write!(out, "no webhook is registered for this partner")?,
            Some(url) => write!(out, "registered  {url}\nevents      {}", self.events.join(", "))?,
        }
        if let Some(evicted) = &self.evicted {
            write!(out, "\nevicted     {evicted}, which gets no events any more")?;
        }
        let verdict = match (self.polling_only, &self.wanted) {
            (true, _) => "this tenant is polling only, and never registers".to_owned(),
            (false, _) if self.ours => "this is the tenant's own address".to_owned(),
            (false, Some(wanted)) => {
                format!("not the tenant's own: `webhook register` would register {wanted}")
            }
            (false, None) => "`listen.public_url` is not set, so nothing can be registered".to_owned(),
        };
        write!(out, "\ntenant      {}: {verdict}", self.tenant)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = |side: &Option<String>, none: &str| side.clone().unwrap_or_else(|| none.to_owned());
        match (&self.referral, &self.record) {
            (None, None) => write!(out, "{}: {}", self.subject, self.outcome)?,
            (referral, record) => write!(
                out,
                "referral {} | {}: {}",
                named(referral, "(none)"),
                named(record, "no record"),
                self.outcome
            )?,
        }
        for change in &self.fields {
            let old = change.old.as_deref().unwrap_or("(new)");
            write!(
                out,
                "\n    {}  {}: {old} → {}  ({})",
                change.side, change.field, change.new, change.rule
            )?;
        }
        for kept in &self.kept {
            write!(
                out,
                "\n    {}  {}: Partner Center `{}`, CRM `{}`: {}",
                kept.kind, kept.field, kept.partner_center, kept.crm, kept.reason
            )?;
        }
        for left in &self.left {
            write!(out, "\n    left alone  {}: {}: {}", left.field, left.held, left.reason)?;
        }
        Ok(())
    }
}

impl fmt::Display for EventSummary {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.verdict.is_empty() { "not looked at yet" } else { &self.verdict };
        write!(
            out,
            "{}  {}  {:<8} {}  {}: {verdict}",
            self.received, self.id, self.state, self.tenant, self.subject
        )
    }
}

impl fmt::Display for EventStory {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let event = &self.event;
        writeln!(out, "event    {}", event.id)?;
        writeln!(out, "tenant   {}", event.tenant)?;
        writeln!(out, "subject  {}", event.subject)?;
        writeln!(out, "source   {}, stored {}", event.source, event.received)?;
        writeln!(out, "state    {} after {} attempts", event.state, event.attempts.unwrap_or_default())?;
        write!(out, "verdict  {}", if event.verdict.is_empty() { "none yet" } else { &event.verdict })?;
        for line in &self.audit {
            write!(out, "\n{line}")?;
        }
        Ok(())
    }
}

impl fmt::Display for AuditEntry {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = if self.side.is_empty() { "nothing written" } else { &self.side };
        let release = self.release.get(..12).unwrap_or(&self.release);
        write!(out, "  {}  {side}: {} by {release}  {}", self.at, self.rule, self.note)?;
        for (name, old, new) in &self.fields {
            write!(out, "\n      {name}: {old} → {new}")?;
        }
        Ok(())
    }
}
