//! What the opportunity shows of the sync: the Audit text, and a check mark before the name.

use crosswalk_sdk::{cosell::text, prelude::*};

use crate::{Opportunity, Salesforce, columns::lengths};

pub(crate) fn shown(
    linked: &Opportunity,
    report: &SyncReport,
    cx: &Context,
    settings: &Salesforce,
) -> Opportunity {
    let mark = match &report.outcome {
        SyncOutcome::Synced => text::SYNCED,
        SyncOutcome::Failed(_) => text::FAILED,
        // What it means is not known, so that the mark stays.
        SyncOutcome::Other(_) => text::mark(linked.name.text()),
    };
    let marked = settings.display_check_mark && !linked.name.text().trim().is_empty();
    Opportunity {
        name: if marked {
            text::marked(mark, linked.name.text(), lengths::NAME).into()
        } else {
            Field::Unset
        },
        audit: text::fitted(&audit(report, cx), settings.audit_length).into(),
        ..Opportunity::default()
    }
}

/// `2026-04-17 09:05 - Partner Center and Salesforce agree.`, in UTC.
fn audit(report: &SyncReport, cx: &Context) -> String {
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
