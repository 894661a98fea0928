//! The tables of the baseline organisation.
//!
//! Column names, lengths and option values follow the public table reference (opportunity, lead, account, contact). What
//! a co-sell solution adds to them is in [`super::cosell`], the tables of the event pipeline are in [`super::pipeline`].

use super::{
    builder::TableBuilder,
    cosell, pipeline,
    tables::{Kind, Required, Table},
};

/// The bounds of a 32-bit integer column.
const INT_MAX: i64 = i32::MAX as i64;

/// Every table of a fresh organisation, with what a co-sell solution adds or, if it is not provisioned, without.
pub(crate) fn tables(provisioned: bool) -> Vec<Table> {
    let (mut opportunity, mut lead, mut more) = (opportunity(), lead(), Vec::new());
    if provisioned {
        opportunity = cosell::on_opportunity(opportunity);
        lead = cosell::on_lead(lead);
        more.push(cosell::solution());
    }
    let mut tables = standard();
    tables.append(&mut pipeline::tables());
    tables.extend([opportunity.build(), lead.build()]);
    tables.append(&mut more);
    tables
}

/// The tables that are the same in every organisation.
fn standard() -> Vec<Table> {
    vec![
        account(),
        contact(),
        currency(),
        user(),
        opportunity_close(),
        organization(),
        publisher(),
        solution(),
        solution_component(),
    ]
}

fn opportunity() -> TableBuilder {
    let plain = TableBuilder::new("opportunity", "opportunities", 3)
        .business()
        .currency()
        .text("name", 300)
        .required(Required::Application)
        .lookup_as("customerid", &[("customerid_account", "account"), ("customerid_contact", "contact")])
        .required(Required::Application)
        .lookup("parentaccountid", "account")
        .lookup("parentcontactid", "contact")
        .lookup("originatingleadid", "lead")
        .money("estimatedvalue")
        .money("actualvalue")
        .money("budgetamount")
        .money("totalamount")
        .flag("isrevenuesystemcalculated")
        .date("estimatedclosedate")
        .date("actualclosedate")
        .date("finaldecisiondate")
        .integer("closeprobability", 0, 100)
        .memo("description", 2000)
        .memo("currentsituation", 2000)
        .memo("customerneed", 2000)
        .memo("proposedsolution", 2000)
        .memo("qualificationcomments", 2000)
        .memo("quotecomments", 2000)
        .text("stepname", 200)
        .text("emailaddress", 100)
        .states(&[
            (0, "Open", &[(1, "In Progress"), (2, "On Hold")]),
            (1, "Won", &[(3, "Won")]),
            (2, "Lost", &[(4, "Canceled"), (5, "Out-Sold")]),
        ])
        .collection("Opportunity_OpportunityClose", "opportunityclose", "opportunityid");
    opportunity_choices(plain)
}

fn opportunity_choices(builder: TableBuilder) -> TableBuilder {
    builder
        .choice(
            "budgetstatus",
            &[(0, "No Committed Budget"), (1, "May Buy"), (2, "Can Buy"), (3, "Will Buy")],
        )
        .choice("opportunityratingcode", &[(1, "Hot"), (2, "Warm"), (3, "Cold")])
        .choice("salesstage", &[(0, "Qualify"), (1, "Develop"), (2, "Propose"), (3, "Close")])
        .choice(
            "purchasetimeframe",
            &[(0, "Immediate"), (1, "This Quarter"), (2, "Next Quarter"), (3, "This Year"), (4, "Unknown")],
        )
        .choice("purchaseprocess", &[(0, "Individual"), (1, "Committee"), (2, "Unknown")])
        .choice("need", &[(0, "Must have"), (1, "Should have"), (2, "Good to have"), (3, "No need")])
        .choice("salesstagecode", &[(1, "Default Value")])
        .choice("prioritycode", &[(1, "Default Value")])
        .choice("pricingerrorcode", &[(0, "None")])
}

fn lead() -> TableBuilder {
    TableBuilder::new("lead", "leads", 4)
        .primary_name("fullname")
        .business()
        .currency()
        .text("subject", 300)
        .required(Required::Application)
        .text("lastname", 50)
        .required(Required::Application)
        .texts(&["firstname", "middlename"], 50)
        .text("fullname", 160)
        .read_only()
        .texts(&["companyname", "jobtitle", "emailaddress1"], 100)
        .text("telephone1", 50)
        .text("mobilephone", 20)
        .text("websiteurl", 200)
        .memo("description", 2000)
        .money("revenue")
        .money("estimatedamount")
        .money("budgetamount")
        .date("estimatedclosedate")
        .integer("numberofemployees", 0, 1_000_000)
        .texts(&["address1_line1", "address1_line2", "address1_line3"], 250)
        .texts(&["address1_city", "address1_country"], 80)
        .text("address1_stateorprovince", 50)
        .text("address1_postalcode", 20)
        .choice(
            "leadsourcecode",
            &[
                (1, "Advertisement"),
                (2, "Employee Referral"),
                (3, "External Referral"),
                (4, "Partner"),
                (5, "Public Relations"),
                (6, "Seminar"),
                (7, "Trade Show"),
                (8, "Web"),
                (9, "Word of Mouth"),
                (10, "Other"),
            ],
        )
        .choice("leadqualitycode", &[(1, "Hot"), (2, "Warm"), (3, "Cold")])
        .choice("preferredcontactmethodcode", CONTACT_METHODS)
        .lookup("parentaccountid", "account")
        .lookup("parentcontactid", "contact")
        .lookup("qualifyingopportunityid", "opportunity")
        .lookup("masterid", "lead")
        .read_only()
        .flag("merged")
        .read_only()
        .lookup_as("customerid", &[("customerid_account", "account"), ("customerid_contact", "contact")])
        .states(&[
            (0, "Open", &[(1, "New"), (2, "Contacted")]),
            (1, "Qualified", &[(3, "Qualified")]),
            (
                2,
                "Disqualified",
                &[(4, "Lost"), (5, "Cannot Contact"), (6, "No Longer Interested"), (7, "Canceled")],
            ),
        ])
        .collection("opportunity_originating_lead", "opportunity", "originatingleadid")
}

const CONTACT_METHODS: &[(i64, &str)] = &[(1, "Any"), (2, "Email"), (3, "Phone"), (4, "Fax"), (5, "Mail")];

fn account() -> Table {
    TableBuilder::new("account", "accounts", 1)
        .tracked()
        .business()
        .currency()
        .text("name", 160)
        .required(Required::Application)
        .text("accountnumber", 20)
        .text("telephone1", 50)
        .text("websiteurl", 200)
        .text("emailaddress1", 100)
        .texts(&["address1_line1", "address1_line2", "address1_line3"], 250)
        .texts(&["address1_city", "address1_country"], 80)
        .text("address1_stateorprovince", 50)
        .text("address1_postalcode", 20)
        .memo("address1_composite", 1000)
        .read_only()
        .memo("description", 2000)
        .money("revenue")
        .integer("numberofemployees", 0, 1_000_000_000)
        .choice("industrycode", &[(1, "Accounting"), (7, "Consulting"), (12, "Durable Manufacturing")])
        .lookup("primarycontactid", "contact")
        .lookup("parentaccountid", "account")
        .lookup("masterid", "account")
        .read_only()
        .flag("merged")
        .read_only()
        .states(&[(0, "Active", &[(1, "Active")]), (1, "Inactive", &[(2, "Inactive")])])
        .collection("contact_customer_accounts", "contact", "parentcustomerid_account")
        .collection("opportunity_customer_accounts", "opportunity", "customerid_account")
        .collection("opportunity_parent_account", "opportunity", "parentaccountid")
        .build()
}

fn contact() -> Table {
    TableBuilder::new("contact", "contacts", 2)
        .primary_name("fullname")
        .tracked()
        .business()
        .texts(&["firstname", "middlename"], 50)
        .text("lastname", 50)
        .required(Required::Application)
        .text("fullname", 160)
        .read_only()
        .texts(&["emailaddress1", "jobtitle"], 100)
        .texts(&["telephone1", "mobilephone"], 50)
        .texts(&["address1_line1", "address1_line2", "address1_line3"], 250)
        .texts(&["address1_city", "address1_country"], 80)
        .text("address1_stateorprovince", 50)
        .text("address1_postalcode", 20)
        .memo("description", 2000)
        .choice("preferredcontactmethodcode", CONTACT_METHODS)
        .lookup_as(
            "parentcustomerid",
            &[("parentcustomerid_account", "account"), ("parentcustomerid_contact", "contact")],
        )
        .lookup("masterid", "contact")
        .read_only()
        .flag("merged")
        .read_only()
        .states(&[(0, "Active", &[(1, "Active")]), (1, "Inactive", &[(2, "Inactive")])])
        .collection("opportunity_customer_contacts", "opportunity", "customerid_contact")
        .build()
}

fn currency() -> Table {
    TableBuilder::new("transactioncurrency", "transactioncurrencies", 9105)
        .primary_name("currencyname")
        .system()
        .text("currencyname", 100)
        .text("isocurrencycode", 5)
        .text("currencysymbol", 13)
        .integer("currencyprecision", 0, 4)
        .column("exchangerate", Kind::Decimal { precision: 12 })
        .states(&[(0, "Active", &[(1, "Active")]), (1, "Inactive", &[(2, "Inactive")])])
        .build()
}

fn user() -> Table {
    TableBuilder::new("systemuser", "systemusers", 8)
        .primary_name("fullname")
        .system()
        .text("fullname", 200)
        .texts(&["firstname", "lastname"], 256)
        .text("domainname", 1024)
        .text("internalemailaddress", 100)
        .column("applicationid", Kind::Guid)
        .column("azureactivedirectoryobjectid", Kind::Guid)
        .flag("isdisabled")
        .build()
}

fn opportunity_close() -> Table {
    TableBuilder::new("opportunityclose", "opportunitycloses", 4208)
        .primary_id("activityid")
        .primary_name("subject")
        .business()
        .currency()
        .text("subject", 200)
        .memo("description", 2000)
        .money("actualrevenue")
        .date("actualend")
        .lookup("opportunityid", "opportunity")
        .states(&[
            (0, "Open", &[(1, "Open")]),
            (1, "Completed", &[(2, "Completed")]),
            (2, "Canceled", &[(3, "Canceled")]),
        ])
        .build()
}

fn organization() -> Table {
    TableBuilder::new("organization", "organizations", 1019)
        .system()
        .text("name", 160)
        .integer("expirechangetrackingindays", 0, 365)
        .lookup("basecurrencyid", "transactioncurrency")
        .build()
}

fn publisher() -> Table {
    TableBuilder::new("publisher", "publishers", 7101)
        .primary_name("friendlyname")
        .system()
        .text("friendlyname", 256)
        .text("uniquename", 256)
        .required(Required::System)
        .text("customizationprefix", 8)
        .integer("customizationoptionvalueprefix", 10_000, 99_999)
        .build()
}

fn solution() -> Table {
    TableBuilder::new("solution", "solutions", 7100)
        .primary_name("friendlyname")
        .system()
        .text("friendlyname", 256)
        .text("uniquename", 65)
        .required(Required::System)
        .text("version", 256)
        .flag("ismanaged")
        .read_only()
        .lookup("publisherid", "publisher")
        .required(Required::System)
        .collection("solution_solutioncomponent", "solutioncomponent", "solutionid")
        .build()
}

fn solution_component() -> Table {
    TableBuilder::new("solutioncomponent", "solutioncomponents", 7103)
        .primary_name("solutioncomponentid")
        .system()
        .integer("componenttype", 0, INT_MAX)
        .column("objectid", Kind::Guid)
        .lookup("solutionid", "solution")
        .cascading("solutionid")
        .build()
}
