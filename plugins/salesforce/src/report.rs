//! What the record shows of the sync: the Audit text, and a check mark before an opportunity's name.

use crosswalk_sdk::{cosell::text, prelude::*};

use crate::{Deal, Lead, Opportunity, Salesforce, columns::lengths};

pub(crate) fn shown(linked: &Deal, report: &SyncReport, cx: &Context, settings: &Salesforce) -> Deal {
    let audit: Field<String> = text::fitted(&text::audit(report, cx), settings.audit_length).into();
    match linked {
        Deal::Opportunity(linked) => {
            Opportunity { name: marked(linked, report, settings), audit, ..Opportunity::default() }.into()
        }
        // Its name is a person's.
        Deal::Lead(_) => Lead { audit, ..Lead::default() }.into(),
    }
}

fn marked(linked: &Opportunity, report: &SyncReport, settings: &Salesforce) -> Field<String> {
    let name = linked.name.text();
    if !settings.display_check_mark || name.trim().is_empty() {
        return Field::Unset;
    }
    text::marked(text::mark_of(report, name), name, lengths::NAME).into()
}
