//! What the co-sell package adds to an organisation: fields on opportunities and leads, and the solutions of a deal.
//!
//! The names of the fields and of the child object are an assumption where the package's public table ends; the first
//! six are from that table, misspelling included.

use super::{
    builder::{ObjectBuilder, choice, field},
    schema::{Field, Kind, Object, Origin, Picklist},
};

/// The object whose records are the solutions of a deal.
pub(crate) const SOLUTION: &str = "Microsoft_Solution__c";

/// What Microsoft can be asked for: the value, as the manual has administrators enter it, and what people read.
const HELP: &[(&str, &str)] = &[
    ("Workload specific value proposition", "Workload-specific value proposition"),
    ("Customer technical architecture", "Customer technical architecture"),
    ("Proof of concept or demo", "Proof of concept/demo"),
    ("Quotes or licensing", "Quotes/licensing"),
    ("Post sales customer success", "Post-sales customer success"),
    ("General or other", "General or other"),
];

/// The package's fields on opportunities and leads.
pub(crate) fn fields() -> Vec<Field> {
    let text = |name: &str, length: usize| Field { length, ..field(name, Kind::Text) };
    let flag = |name: &str| Field { nillable: false, defaulted: true, ..field(name, Kind::Flag) };
    let help = Picklist {
        values: HELP.iter().map(|(value, label)| choice(value, label)).collect(),
        restricted: false,
    };
    let labelled = |label: &str, field: Field| Field { label: label.to_owned(), ..field };
    let identifier = text("Referral_Identfier__c", 100);
    vec![
        labelled("Sync With Partner Center", flag("Sync_With_Partner_Center__c")),
        labelled("Referral Identifier", Field { external_id: true, unique: true, ..identifier }),
        Field { length: 255, ..field("Referral_Link__c", Kind::Url) },
        labelled(
            "How can Microsoft help?",
            Field { length: 255, ..field("How_can_Microsoft_help__c", Kind::Picklist(help)) },
        ),
        text("Products__c", 255),
        Field { length: 100_000, ..field("Audit__c", Kind::TextArea) },
        labelled("Referral visible to Microsoft sellers?", flag("Referral_Visible_To_Microsoft__c")),
        text("Microsoft_CRM_Identifier__c", 100),
        text("Referral_Program__c", 100),
        text("Crosswalk_Stamp__c", 255),
        text("Contoso_Region__c", 100),
    ]
}

/// The package's own object.
pub(crate) fn solution() -> Object {
    ObjectBuilder::new(SOLUTION, b"a00")
        .from(Origin::Package, "Microsoft Solution")
        .business()
        .field("Name", Kind::AutoNumber)
        .length(80)
        .names()
        .required()
        .read_only()
        .reference("Opportunity__c", "Opportunity", "Opportunity__r", Some("Microsoft_Solutions__r"))
        .required()
        .create_only()
        .cascade()
        .text("Solution_Identifier__c", 255)
        .text("Solution_Name__c", 255)
        .currency_code()
        .audit()
        .build()
}
