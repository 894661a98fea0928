//! What the admin API says, in one place for the host that sends it and the command line that reads it.

use std::fmt;

use serde::{Deserialize, Serialize};

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

/// A release of a tenant.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ReleaseSummary {
    /// The component's SHA-256, in hex.
    pub(crate) digest: String,
    /// The plugin's name and version.
    pub(crate) plugin: String,
    /// The generation at which it was routed last, if it ever was.
    pub(crate) generation: Option<i64>,
    /// Passes use it now.
    pub(crate) current: bool,
}

/// What a deploy or rollback did.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Routed {
    /// The tenant.
    pub(crate) tenant: String,
    /// The component's digest.
    pub(crate) digest: String,
    /// The plugin's name and version.
    pub(crate) plugin: String,
    /// The tenant's generation from now on.
    pub(crate) generation: i64,
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
