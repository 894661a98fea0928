//! A seller in Dynamics 365, and an administrator who registers its webhooks: the Web API, as Microsoft documents it.

use async_trait::async_trait;
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::{super::people::text, CUSTOMER, Card, CrmKind, Edit, HELP, NewDeal, Record, Seller, Stage};
use crate::{
    demo::http::{Http, send},
    error::Complaint,
};

/// The first option of *How can Microsoft help?*; the others follow it.
const HELP_CODE_BASE: usize = 100_000_000;

/// What a seller looks at beside the opportunity itself.
const EXPAND: &str = "$expand=parentaccountid($select=name),parentcontactid($select=emailaddress1),transactioncurrencyid($select=isocurrencycode)";

/// The table of an opportunity's solutions.
const SOLUTION: &str = "msft_microsoftsolution";

/// What is registered: every message of the linked tables, and of the rows that belong to opportunities.
const STEPS: &[(&str, &[&str])] = &[
    ("opportunity", &["Create", "Update", "Win", "Lose", "Delete"]),
    ("lead", &["Create", "Update", "QualifyLead", "Merge", "Delete"]),
    (SOLUTION, &["Create", "Update", "Delete"]),
];

/// Somebody who works in Dynamics 365.
pub(crate) struct DynamicsSeller {
    http: Http,
    tenant: &'static str,
}

impl DynamicsSeller {
    /// Works in the organisation at this address.
    pub(crate) fn new(http: Http, tenant: &'static str) -> Self {
        Self { http, tenant }
    }

    async fn call(
        &self,
        who: &str,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Value, Complaint> {
        self.http.call(who, method, &format!("/api/data/v9.2/{path}"), body).await
    }

    async fn create(&self, who: &str, set: &str, id: &str, row: Value) -> Result<String, Complaint> {
        let request = self.http.request(who, Method::POST, &format!("/api/data/v9.2/{set}"));
        let made = send(request.header("prefer", "return=representation").json(&row)).await?;
        Ok(text(&made, &format!("/{id}")))
    }

    async fn first(&self, query: &str, column: &str) -> Result<Option<String>, Complaint> {
        let found = self.call("sandbox", Method::GET, query, None).await?;
        Ok(found.pointer(&format!("/value/0/{column}")).and_then(Value::as_str).map(str::to_owned))
    }

    /// One step of the service endpoint, with an image of the row before where that can be.
    async fn register_step(&self, endpoint: &str, table: &str, message: &str) -> Result<(), Complaint> {
        let query = format!("sdkmessages?$select=sdkmessageid&$filter=name eq '{message}'");
        let Some(message_id) = self.first(&query, "sdkmessageid").await? else { return Ok(()) };
        let query = format!(
            "sdkmessagefilters?$select=sdkmessagefilterid&$filter=primaryobjecttypecode eq '{table}' and _sdkmessageid_value eq {message_id}"
        );
        let Some(filter_id) = self.first(&query, "sdkmessagefilterid").await? else { return Ok(()) };
        let mut step = json!({
            "name": format!("Crosswalk: {message} of {table}"), "mode": 1, "stage": 40, "rank": 1,
            "supporteddeployment": 0, "asyncautodelete": true,
            "eventhandler_serviceendpoint@odata.bind": format!("/serviceendpoints({endpoint})"),
            "sdkmessageid@odata.bind": format!("/sdkmessages({message_id})"),
            "sdkmessagefilterid@odata.bind": format!("/sdkmessagefilters({filter_id})"),
        });
        if table == SOLUTION && message != "Create" {
            // Only an image of the row says which opportunity it belongs to, or belonged to.
            step["sdkmessageprocessingstepid_sdkmessageprocessingstepimage"] = json!([{
                "name": "before", "entityalias": "before", "imagetype": 0, "messagepropertyname": "Target",
                "attributes": "msft_opportunityid",
            }]);
        }
        self.create("sandbox", "sdkmessageprocessingsteps", "sdkmessageprocessingstepid", step).await?;
        Ok(())
    }

    async fn solutions(&self, opportunity: &str) -> Result<Vec<(String, String)>, Complaint> {
        let query = format!(
            "msft_microsoftsolutions?$select=msft_solutionidentifier&$filter=_msft_opportunityid_value eq {opportunity}&$orderby=createdon"
        );
        let found = self.call("seller", Method::GET, &query, None).await?;
        let rows = found.pointer("/value").and_then(Value::as_array).cloned().unwrap_or_default();
        let pair =
            |row: &Value| (text(row, "/msft_microsoftsolutionid"), text(row, "/msft_solutionidentifier"));
        Ok(rows.iter().map(pair).collect())
    }

    async fn card(&self, is_lead: bool, row: &Value) -> Result<Card, Complaint> {
        let help = text(row, "/msft_howcanmicrosofthelp").parse::<usize>().ok();
        let help =
            help.and_then(|code| HELP.get(code.checked_sub(HELP_CODE_BASE)?)).copied().unwrap_or_default();
        let (id, topic, value) = if is_lead {
            ("/leadid", "/subject", "/estimatedamount")
        } else {
            ("/opportunityid", "/name", "/estimatedvalue")
        };
        let id = text(row, id);
        let solutions = if is_lead { Vec::new() } else { self.solutions(&id).await? };
        Ok(Card {
            is_lead,
            name: text(row, topic),
            notes: text(row, "/description"),
            value: text(row, value),
            currency: text(row, "/transactioncurrencyid/isocurrencycode"),
            closes: text(row, "/estimatedclosedate"),
            stage: stage(is_lead, &text(row, "/statecode"), &text(row, "/statuscode")),
            lost_reason: text(row, "/customerneed"),
            account: if is_lead { text(row, "/companyname") } else { text(row, "/parentaccountid/name") },
            contact: if is_lead {
                text(row, "/emailaddress1")
            } else {
                text(row, "/parentcontactid/emailaddress1")
            },
            sync: text(row, "/msft_syncwithpartnercenter") == "true",
            referral: text(row, "/msft_referralidentifier"),
            link: text(row, "/msft_referrallink"),
            help: help.to_owned(),
            solutions: solutions.into_iter().map(|(_, solution)| solution).collect(),
            visible: text(row, "/msft_referralvisibletomicrosoft") == "true",
            microsoft_id: text(row, "/msft_microsoftcrmidentifier"),
            audit: text(row, "/msft_audit"),
            region: text(row, "/contoso_region"),
            id,
        })
    }

    /// An opportunity is not typed to be won or lost: closing it is an action of its own.
    async fn closes(&self, record: &Record, edit: &Edit<'_>) -> Result<(), Complaint> {
        let (action, status) = match edit {
            Edit::Win => ("WinOpportunity", 3),
            Edit::Lose(_) if !record.is_lead => ("LoseOpportunity", 4),
            _ => return Ok(()),
        };
        let close = json!({ "subject": action, "opportunityid@odata.bind": format!("/opportunities({})", record.id) });
        let body = json!({ "OpportunityClose": close, "Status": status });
        self.call("seller", Method::POST, action, Some(body)).await.map(drop)
    }
}

#[async_trait]
impl Seller for DynamicsSeller {
    fn kind(&self) -> CrmKind {
        CrmKind::Dynamics
    }

    fn document(&self) -> (&'static str, Value) {
        let base = &self.http.base;
        let secret = json!({ "sandbox": "sandbox" });
        let section = json!({
            "org_url": base,
            "token_url": format!("{base}/{}/oauth2/v2.0/token", self.tenant),
            "client_id": "crosswalk",
            "client_secret": secret,
            "webhook_key": secret,
        });
        ("dynamics", section)
    }

    fn settings(&self) -> Value {
        json!({ "lost_reason_field": "customerneed" })
    }

    /// A service endpoint, and a step for each message: the three POSTs of Dataverse's documentation.
    async fn register(&self, hooks: &str) -> Result<(), Complaint> {
        let url = format!("{hooks}/dynamics");
        let endpoint =
            json!({ "name": "Crosswalk", "url": url, "contract": 8, "authtype": 4, "authvalue": "sandbox" });
        let endpoint = self.create("sandbox", "serviceendpoints", "serviceendpointid", endpoint).await?;
        for (table, messages) in STEPS {
            for message in *messages {
                self.register_step(&endpoint, table, message).await?;
            }
        }
        Ok(())
    }

    async fn creates(&self, deal: NewDeal<'_>) -> Result<Record, Complaint> {
        let account = json!({
            "name": CUSTOMER, "address1_line1": "1 Market Street", "address1_city": "Seattle",
            "address1_postalcode": "98101", "address1_country": deal.country,
        });
        let account = self.create("seller", "accounts", "accountid", account).await?;
        let contact = json!({
            "firstname": "Ada", "lastname": "Berg", "emailaddress1": "ada@tailspin.example", "telephone1": "+1 206 555 0100",
            "parentcustomerid_account@odata.bind": format!("/accounts({account})"),
        });
        let contact = self.create("seller", "contacts", "contactid", contact).await?;
        let mut opportunity = json!({
            "name": deal.name, "estimatedvalue": 75000, "isrevenuesystemcalculated": false,
            "estimatedclosedate": "2027-02-28", "description": "wants to move its data platform",
            "customerid_account@odata.bind": format!("/accounts({account})"),
            "parentaccountid@odata.bind": format!("/accounts({account})"),
            "parentcontactid@odata.bind": format!("/contacts({contact})"),
        });
        if !deal.help.is_empty() {
            opportunity["msft_howcanmicrosofthelp"] = help_code(deal.help);
        }
        let id = self.create("seller", "opportunities", "opportunityid", opportunity).await?;
        let record = Record { is_lead: false, id };
        for solution in deal.solutions {
            self.adds_solution(&record, solution).await?;
        }
        if deal.sync {
            self.edits(&record, &[Edit::Sync(true)]).await?;
        }
        Ok(record)
    }

    async fn creates_lead(&self, company: &str) -> Result<Record, Complaint> {
        let lead = json!({
            "subject": company, "companyname": company, "firstname": "Ada", "lastname": "Berg",
            "emailaddress1": "ada@tailspin.example", "msft_syncwithpartnercenter": true,
        });
        Ok(Record { is_lead: true, id: self.create("seller", "leads", "leadid", lead).await? })
    }

    async fn edits(&self, record: &Record, edits: &[Edit<'_>]) -> Result<(), Complaint> {
        let changes: Map<String, Value> = edits.iter().flat_map(|edit| typed(record.is_lead, edit)).collect();
        if !changes.is_empty() {
            self.call("seller", Method::PATCH, &path(record), Some(Value::Object(changes))).await?;
        }
        for edit in edits {
            self.closes(record, edit).await?;
        }
        Ok(())
    }

    async fn adds_solution(&self, record: &Record, solution: &str) -> Result<(), Complaint> {
        let row = json!({
            "msft_solutionidentifier": solution, "msft_name": solution,
            "msft_OpportunityId@odata.bind": format!("/opportunities({})", record.id),
        });
        self.create("seller", "msft_microsoftsolutions", "msft_microsoftsolutionid", row).await?;
        Ok(())
    }

    async fn removes_solution(&self, record: &Record, solution: &str) -> Result<(), Complaint> {
        for (row, held) in self.solutions(&record.id).await? {
            if held == solution {
                let path = format!("msft_microsoftsolutions({row})");
                self.call("seller", Method::DELETE, &path, None).await?;
            }
        }
        Ok(())
    }

    async fn qualifies(&self, lead: &Record) -> Result<Record, Complaint> {
        let body =
            json!({ "CreateAccount": true, "CreateContact": true, "CreateOpportunity": true, "Status": 3 });
        let path = format!("{}/Microsoft.Dynamics.CRM.QualifyLead", path(lead));
        self.call("seller", Method::POST, &path, Some(body)).await?;
        let query =
            format!("opportunities?$select=opportunityid&$filter=_originatingleadid_value eq {}", lead.id);
        let id = self.first(&query, "opportunityid").await?.unwrap_or_default();
        Ok(Record { is_lead: false, id })
    }

    async fn merges(&self, lead: &Record, into: &Record) -> Result<(), Complaint> {
        let body = json!({
            "Target": { "leadid": into.id, "@odata.type": "Microsoft.Dynamics.CRM.lead" },
            "Subordinate": { "leadid": lead.id, "@odata.type": "Microsoft.Dynamics.CRM.lead" },
            "PerformParentingChecks": false,
        });
        self.call("seller", Method::POST, "Merge", Some(body)).await?;
        Ok(())
    }

    async fn deletes(&self, record: &Record) -> Result<(), Complaint> {
        self.call("seller", Method::DELETE, &path(record), None).await?;
        Ok(())
    }

    async fn opens(&self, record: &Record) -> Result<Option<Card>, Complaint> {
        let (set, id) = if record.is_lead { ("leads", "leadid") } else { ("opportunities", "opportunityid") };
        let expand = if record.is_lead { LEAD_EXPAND } else { EXPAND };
        let query = format!("{set}?{expand}&$filter={id} eq {}", record.id);
        let found = self.call("seller", Method::GET, &query, None).await?;
        match found.pointer("/value/0") {
            Some(row) => self.card(record.is_lead, row).await.map(Some),
            None => Ok(None),
        }
    }

    async fn finds(&self, referral: &str) -> Result<Option<Card>, Complaint> {
        let filter = format!("$filter=msft_referralidentifier eq '{referral}'");
        let found =
            self.call("seller", Method::GET, &format!("opportunities?{EXPAND}&{filter}"), None).await?;
        if let Some(row) = found.pointer("/value/0") {
            return self.card(false, row).await.map(Some);
        }
        let found = self.call("seller", Method::GET, &format!("leads?{LEAD_EXPAND}&{filter}"), None).await?;
        match found.pointer("/value/0") {
            Some(row) => self.card(true, row).await.map(Some),
            None => Ok(None),
        }
    }

    async fn opportunities(&self) -> Result<Vec<Card>, Complaint> {
        let query = "opportunities?$select=name,msft_referralidentifier,statecode,statuscode";
        let found = self.call("seller", Method::GET, query, None).await?;
        let rows = found.pointer("/value").and_then(Value::as_array).cloned().unwrap_or_default();
        let card = |row: &Value| Card {
            id: text(row, "/opportunityid"),
            name: text(row, "/name"),
            referral: text(row, "/msft_referralidentifier"),
            stage: stage(false, &text(row, "/statecode"), &text(row, "/statuscode")),
            ..Card::default()
        };
        Ok(rows.iter().map(card).collect())
    }
}

const LEAD_EXPAND: &str = "$expand=transactioncurrencyid($select=isocurrencycode)";

fn path(record: &Record) -> String {
    format!("{}({})", if record.is_lead { "leads" } else { "opportunities" }, record.id)
}

fn help_code(help: &str) -> Value {
    HELP.iter().position(|known| *known == help).map_or(Value::Null, |place| json!(HELP_CODE_BASE + place))
}

fn stage(is_lead: bool, state: &str, status: &str) -> Stage {
    match (is_lead, state, status) {
        (true, "1", _) => Stage::Qualified,
        (true, "2", _) | (false, "2", _) => Stage::Lost,
        (false, "1", _) => Stage::Won,
        (false, "0", "2") => Stage::OnHold,
        _ => Stage::Open,
    }
}

/// The columns that an edit changes.
fn typed(is_lead: bool, edit: &Edit<'_>) -> Vec<(String, Value)> {
    let (name, value) = if is_lead { ("subject", "estimatedamount") } else { ("name", "estimatedvalue") };
    let columns = match edit {
        Edit::Name(typed) => vec![(name, json!(typed))],
        Edit::Notes(typed) => vec![("description", json!(typed))],
        Edit::Value(typed) => vec![(value, serde_json::from_str(typed).unwrap_or_default())],
        Edit::Closes(day) => vec![("estimatedclosedate", json!(day))],
        Edit::LeaveHold => vec![("statuscode", json!(1))],
        Edit::Lose(_) if is_lead => vec![("statecode", json!(2)), ("statuscode", json!(4))],
        Edit::Lose(reason) => vec![("customerneed", json!(reason))],
        Edit::Win => Vec::new(),
        Edit::Sync(on) => vec![("msft_syncwithpartnercenter", json!(on))],
        Edit::Help(help) => vec![("msft_howcanmicrosofthelp", help_code(help))],
        Edit::Visible(on) => vec![("msft_referralvisibletomicrosoft", json!(on))],
        Edit::Referral(id) => vec![("msft_referralidentifier", json!(id))],
    };
    columns.into_iter().map(|(column, value)| (column.to_owned(), value)).collect()
}
