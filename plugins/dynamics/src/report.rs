//! What the opportunity shows of the sync: the Audit text, and a check mark before the topic.

use crosswalk_sdk::{cosell::text, prelude::*};

use crate::{Dynamics, Opportunity};

pub(crate) fn shown(
    linked: &Opportunity,
    report: &SyncReport,
    cx: &Context,
    settings: &Dynamics,
) -> Opportunity {
    let marked = settings.display_check_mark && !linked.name.text().trim().is_empty();
    Opportunity {
        name: if marked {
            text::marked(text::mark_of(report, linked.name.text()), linked.name.text(), settings.name_length)
                .into()
        } else {
            Field::Unset
        },
        audit: text::fitted(&text::audit(report, cx), settings.audit_length).into(),
        ..Opportunity::default()
    }
}
