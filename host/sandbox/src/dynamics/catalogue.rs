//! The tables of the baseline organisation.
//!
//! Column names, lengths and option values follow the public table reference (opportunity, lead, account, contact,
//! serviceendpoint, sdkmessageprocessingstep). What a co-sell solution adds to them is in [`super::cosell`].

use super::{
    builder::TableBuilder,
    cosell,
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
        service_endpoint(),
        sdk_message(),
        sdk_message_filter(),
        processing_step(),
        async_operation(),
        organization(),
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

fn service_endpoint() -> Table {
    TableBuilder::new("serviceendpoint", "serviceendpoints", 4618)
        .system()
        .text("name", 256)
        .required(Required::System)
        .column("url", Kind::Text { max: 2000, format: "Url" })
        .choice(
            "contract",
            &[
                (1, "OneWay"),
                (2, "Queue"),
                (3, "Rest"),
                (4, "TwoWay"),
                (5, "Topic"),
                (7, "EventHub"),
                (8, "Webhook"),
                (9, "EventGrid"),
            ],
        )
        .choice(
            "authtype",
            &[
                (1, "ACS"),
                (2, "SASKey"),
                (3, "SASToken"),
                (4, "WebhookKey"),
                (5, "HttpHeader"),
                (6, "HttpQueryString"),
            ],
        )
        .text("authvalue", 2048)
        .write_only()
        .flag("isauthvalueset")
        .read_only()
        .choice("connectionmode", &[(1, "Normal"), (2, "Federated")])
        .choice("userclaim", &[(1, "None"), (2, "UserId"), (3, "UserInfo")])
        .choice("messageformat", &[(1, "BinaryXML"), (2, "Json"), (3, "TextXML")])
        .choice("messagecharset", &[(0, "Default"), (1, "UTF8")])
        .texts(&["path", "solutionnamespace"], 160)
        .memo("description", 2000)
        .collection(
            "serviceendpoint_sdkmessageprocessingstep",
            "sdkmessageprocessingstep",
            "eventhandler_serviceendpoint",
        )
        .build()
}

fn sdk_message() -> Table {
    TableBuilder::new("sdkmessage", "sdkmessages", 4606).system().text("name", 256).build()
}

fn sdk_message_filter() -> Table {
    TableBuilder::new("sdkmessagefilter", "sdkmessagefilters", 4607)
        .primary_name("primaryobjecttypecode")
        .system()
        .texts(&["primaryobjecttypecode", "secondaryobjecttypecode"], 100)
        .lookup("sdkmessageid", "sdkmessage")
        .build()
}

fn processing_step() -> Table {
    TableBuilder::new("sdkmessageprocessingstep", "sdkmessageprocessingsteps", 4608)
        .system()
        .text("name", 256)
        .choice("mode", &[(0, "Synchronous"), (1, "Asynchronous")])
        .required(Required::System)
        .choice(
            "stage",
            &[(10, "Pre-validation"), (20, "Pre-operation"), (30, "Main Operation"), (40, "Post-operation")],
        )
        .required(Required::System)
        .integer("rank", 0, INT_MAX)
        .choice("supporteddeployment", &[(0, "Server Only"), (1, "Outlook Client Only"), (2, "Both")])
        .flag("asyncautodelete")
        .memo("filteringattributes", 100_000)
        .memo("configuration", 100_000)
        .memo("description", 2000)
        .lookup_as("eventhandler", &[("eventhandler_serviceendpoint", "serviceendpoint")])
        .lookup("sdkmessageid", "sdkmessage")
        .lookup("sdkmessagefilterid", "sdkmessagefilter")
        .states(&[(0, "Enabled", &[(1, "Enabled")]), (1, "Disabled", &[(2, "Disabled")])])
        .build()
}

fn async_operation() -> Table {
    TableBuilder::new("asyncoperation", "asyncoperations", 4700)
        .system()
        .text("name", 256)
        .choice("operationtype", &[(1, "System Event")])
        .integer("errorcode", i64::from(i32::MIN), INT_MAX)
        .memo("message", 100_000)
        .memo("friendlymessage", 2000)
        .integer("retrycount", 0, INT_MAX)
        .lookup_as("owningextensionid", &[("owningextensionid", "sdkmessageprocessingstep")])
        .column("regardingobjectidvalue", Kind::Guid)
        .states(&[
            (0, "Ready", &[(0, "Waiting For Resources")]),
            (1, "Suspended", &[(10, "Waiting")]),
            (2, "Locked", &[(20, "In Progress")]),
            (3, "Completed", &[(30, "Succeeded"), (31, "Failed"), (32, "Canceled")]),
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
