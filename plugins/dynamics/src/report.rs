//! What the record shows of the sync: the Audit text, and a check mark before the topic.

use crosswalk_sdk::{cosell::text, prelude::*};

use crate::{Deal, Dynamics, Lead, Opportunity};

pub(crate) fn shown(linked: &Deal, report: &SyncReport, cx: &Context, settings: &Dynamics) -> Deal {
    let audit = text::fitted(&text::audit(report, cx), settings.audit_length).into();
    match linked {
        Deal::Opportunity(linked) => {
            let name = marked(&linked.name, report, settings);
            Opportunity { name, audit, ..Opportunity::default() }.into()
        }
        Deal::Lead(linked) => {
            let name = marked(&linked.name, report, settings);
            Lead { name, audit, ..Lead::default() }.into()
        }
    }
}

/// The topic behind the mark for what became of the pass.
fn marked(topic: &Field<String>, report: &SyncReport, settings: &Dynamics) -> Field<String> {
    let topic = topic.text();
    if !settings.display_check_mark || topic.trim().is_empty() {
        return Field::Unset;
    }
    text::marked(text::mark_of(report, topic), topic, settings.name_length).into()
}
