//! A seller in Salesforce, and an administrator who sets its outbound messages up: REST, and SOAP where there is no REST.

use async_trait::async_trait;
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::{super::people::text, CUSTOMER, Card, CrmKind, Edit, HELP, NewDeal, Record, Seller, Stage};
use crate::{
    demo::http::{Http, send_text},
    error::Complaint,
};

/// The sandbox's organisation.
const ORGANIZATION_ID: &str = "00D5e0000000001EAA";

/// Where REST is, and where SOAP is.
const DATA: &str = "/services/data/v62.0";
const SOAP: &str = "/services/Soap/u/62.0";

/// What a seller looks at of an opportunity.
const OPPORTUNITY: &str = "SELECT Id, Name, Description, Amount, CurrencyIsoCode, CloseDate, StageName, IsClosed, IsWon, NextStep, \
    Account.Name, Sync_With_Partner_Center__c, Referral_Identfier__c, Referral_Link__c, How_can_Microsoft_help__c, \
    Referral_Visible_To_Microsoft__c, Microsoft_CRM_Identifier__c, Audit__c FROM Opportunity";

/// What a seller looks at of a lead.
const LEAD: &str = "SELECT Id, LastName, Company, Email, Description, Status, IsConverted, Sync_With_Partner_Center__c, \
    Referral_Identfier__c, Referral_Link__c, Audit__c FROM Lead";

/// What the picklist calls Microsoft's help, in the order of [`HELP`].
const HELP_VALUES: &[&str] = &[
    "Workload specific value proposition",
    "Customer technical architecture",
    "Proof of concept or demo",
    "Quotes or licensing",
    "Post sales customer success",
    "General or other",
];

/// What is sent: by object, the fields beside the id. A solution's change is one of the opportunity that it names.
const MESSAGES: &[(&str, &[&str])] =
    &[("Opportunity", &[]), ("Lead", &[]), ("Microsoft_Solution__c", &["Opportunity__c"])];

/// Somebody who works in Salesforce.
pub(crate) struct SalesforceSeller {
    http: Http,
}

impl SalesforceSeller {
    /// Works in the org at this address.
    pub(crate) fn new(http: Http) -> Self {
        Self { http }
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value, Complaint> {
        self.http.call("seller", method, &format!("{DATA}/{path}"), body).await
    }

    async fn create(&self, object: &str, fields: Value) -> Result<String, Complaint> {
        let made = self.call(Method::POST, &format!("sobjects/{object}"), Some(fields)).await?;
        Ok(text(&made, "/id"))
    }

    async fn query(&self, soql: &str) -> Result<Vec<Value>, Complaint> {
        let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("q", soql).finish();
        let found = self.call(Method::GET, &format!("query?{query}"), None).await?;
        Ok(found.pointer("/records").and_then(Value::as_array).cloned().unwrap_or_default())
    }

    async fn soap(&self, call: &str) -> Result<String, Complaint> {
        let envelope = format!(
            "<soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:urn=\"urn:partner.soap.sforce.com\" \
             xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><soapenv:Header><urn:SessionHeader><urn:sessionId>seller\
             </urn:sessionId></urn:SessionHeader></soapenv:Header><soapenv:Body>{call}</soapenv:Body></soapenv:Envelope>"
        );
        let request = self.http.request("seller", Method::POST, SOAP);
        let request = request.header("content-type", "text/xml; charset=utf-8").header("soapaction", "\"\"");
        send_text(request.body(envelope)).await
    }

    async fn solutions(&self, opportunity: &str) -> Result<Vec<(String, String)>, Complaint> {
        let soql = format!(
            "SELECT Id, Solution_Identifier__c FROM Microsoft_Solution__c WHERE Opportunity__c = '{opportunity}' ORDER BY CreatedDate, Id"
        );
        let rows = self.query(&soql).await?;
        Ok(rows.iter().map(|row| (text(row, "/Id"), text(row, "/Solution_Identifier__c"))).collect())
    }

    async fn contact(&self, opportunity: &str) -> Result<String, Complaint> {
        let soql = format!(
            "SELECT Contact.Email FROM OpportunityContactRole WHERE OpportunityId = '{opportunity}' AND IsPrimary = true"
        );
        let roles = self.query(&soql).await?;
        Ok(roles.first().map(|role| text(role, "/Contact/Email")).unwrap_or_default())
    }

    async fn opportunity(&self, row: &Value) -> Result<Card, Complaint> {
        let id = text(row, "/Id");
        let solutions = self.solutions(&id).await?;
        Ok(Card {
            is_lead: false,
            name: text(row, "/Name"),
            notes: text(row, "/Description"),
            value: text(row, "/Amount"),
            currency: text(row, "/CurrencyIsoCode"),
            closes: text(row, "/CloseDate"),
            stage: stage(row),
            lost_reason: text(row, "/NextStep"),
            account: text(row, "/Account/Name"),
            contact: self.contact(&id).await?,
            sync: text(row, "/Sync_With_Partner_Center__c") == "true",
            referral: text(row, "/Referral_Identfier__c"),
            link: text(row, "/Referral_Link__c"),
            help: translated(&text(row, "/How_can_Microsoft_help__c"), HELP_VALUES, HELP),
            solutions: solutions.into_iter().map(|(_, solution)| solution).collect(),
            visible: text(row, "/Referral_Visible_To_Microsoft__c") == "true",
            microsoft_id: text(row, "/Microsoft_CRM_Identifier__c"),
            audit: text(row, "/Audit__c"),
            region: String::new(),
            id,
        })
    }
}

#[async_trait]
impl Seller for SalesforceSeller {
    fn kind(&self) -> CrmKind {
        CrmKind::Salesforce
    }

    fn document(&self) -> (&'static str, Value) {
        let base = &self.http.base;
        let secret = json!({ "sandbox": "sandbox" });
        let section = json!({
            "org_url": base,
            "token_url": format!("{base}/services/oauth2/token"),
            "client_id": "crosswalk",
            "sign_in": { "client-credentials": { "client_secret": secret } },
            "organization_id": ORGANIZATION_ID,
            "webhook_key": secret,
        });
        ("salesforce", section)
    }

    fn settings(&self) -> Value {
        json!({ "lost_reason_field": "NextStep" })
    }

    /// An outbound message for each object, as Setup would make it.
    async fn register(&self, hooks: &str) -> Result<(), Complaint> {
        for (object, fields) in MESSAGES {
            let endpoint = format!("{hooks}/salesforce?key=sandbox");
            let message = json!({ "object": object, "fields": fields, "endpointUrl": endpoint });
            self.http.control(Method::POST, "/salesforce/outbound-messages", Some(message)).await?;
        }
        Ok(())
    }

    async fn creates(&self, deal: NewDeal<'_>) -> Result<Record, Complaint> {
        let account = json!({
            "Name": CUSTOMER, "BillingStreet": "1 Market Street", "BillingCity": "Seattle", "BillingPostalCode": "98101",
            "BillingCountry": deal.country,
        });
        let account = self.create("Account", account).await?;
        let contact = json!({
            "FirstName": "Ada", "LastName": "Berg", "Email": "ada@tailspin.example", "Phone": "+1 206 555 0100", "AccountId": account,
        });
        let contact = self.create("Contact", contact).await?;
        let mut opportunity = json!({
            "Name": deal.name, "Amount": 75000, "CloseDate": "2027-02-28", "Description": "wants to move its data platform",
            "StageName": "Qualification", "AccountId": account, "CurrencyIsoCode": "USD",
        });
        if !deal.help.is_empty() {
            opportunity["How_can_Microsoft_help__c"] = json!(translated(deal.help, HELP, HELP_VALUES));
        }
        let id = self.create("Opportunity", opportunity).await?;
        let role =
            json!({ "OpportunityId": id, "ContactId": contact, "Role": "Decision Maker", "IsPrimary": true });
        self.create("OpportunityContactRole", role).await?;
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
            "Company": company, "FirstName": "Ada", "LastName": "Berg", "Email": "ada@tailspin.example",
            "Sync_With_Partner_Center__c": true,
        });
        Ok(Record { is_lead: true, id: self.create("Lead", lead).await? })
    }

    async fn edits(&self, record: &Record, edits: &[Edit<'_>]) -> Result<(), Complaint> {
        let changes: Map<String, Value> = edits.iter().flat_map(|edit| typed(record.is_lead, edit)).collect();
        self.call(Method::PATCH, &path(record), Some(Value::Object(changes))).await?;
        Ok(())
    }

    async fn adds_solution(&self, record: &Record, solution: &str) -> Result<(), Complaint> {
        let row = json!({ "Opportunity__c": record.id, "Solution_Identifier__c": solution });
        self.create("Microsoft_Solution__c", row).await?;
        Ok(())
    }

    async fn removes_solution(&self, record: &Record, solution: &str) -> Result<(), Complaint> {
        for (row, held) in self.solutions(&record.id).await? {
            if held == solution {
                self.call(Method::DELETE, &format!("sobjects/Microsoft_Solution__c/{row}"), None).await?;
            }
        }
        Ok(())
    }

    async fn qualifies(&self, lead: &Record) -> Result<Record, Complaint> {
        let call = format!(
            "<urn:convertLead><urn:leadConverts><urn:convertedStatus>Closed - Converted</urn:convertedStatus>\
             <urn:doNotCreateOpportunity>false</urn:doNotCreateOpportunity><urn:leadId>{}</urn:leadId>\
             <urn:overwriteLeadSource>false</urn:overwriteLeadSource><urn:sendNotificationEmail>false</urn:sendNotificationEmail>\
             </urn:leadConverts></urn:convertLead>",
            lead.id
        );
        self.soap(&call).await?;
        let rows =
            self.query(&format!("SELECT ConvertedOpportunityId FROM Lead WHERE Id = '{}'", lead.id)).await?;
        let id = rows.first().map(|row| text(row, "/ConvertedOpportunityId")).unwrap_or_default();
        Ok(Record { is_lead: false, id })
    }

    async fn merges(&self, lead: &Record, into: &Record) -> Result<(), Complaint> {
        let call = format!(
            "<urn:merge><urn:request><urn:masterRecord xsi:type=\"urn:sObject\"><urn:type>Lead</urn:type><urn:Id>{}</urn:Id>\
             </urn:masterRecord><urn:recordToMergeIds>{}</urn:recordToMergeIds></urn:request></urn:merge>",
            into.id, lead.id
        );
        self.soap(&call).await?;
        Ok(())
    }

    async fn deletes(&self, record: &Record) -> Result<(), Complaint> {
        self.call(Method::DELETE, &path(record), None).await?;
        Ok(())
    }

    async fn opens(&self, record: &Record) -> Result<Option<Card>, Complaint> {
        let select = if record.is_lead { LEAD } else { OPPORTUNITY };
        let rows = self.query(&format!("{select} WHERE Id = '{}'", record.id)).await?;
        match rows.first() {
            Some(row) if record.is_lead => Ok(Some(lead(row))),
            Some(row) => self.opportunity(row).await.map(Some),
            None => Ok(None),
        }
    }

    async fn finds(&self, referral: &str) -> Result<Option<Card>, Complaint> {
        let rows = self.query(&format!("{OPPORTUNITY} WHERE Referral_Identfier__c = '{referral}'")).await?;
        if let Some(row) = rows.first() {
            return self.opportunity(row).await.map(Some);
        }
        let rows = self.query(&format!("{LEAD} WHERE Referral_Identfier__c = '{referral}'")).await?;
        Ok(rows.first().map(lead))
    }

    async fn opportunities(&self) -> Result<Vec<Card>, Complaint> {
        let rows = self
            .query("SELECT Id, Name, Referral_Identfier__c, StageName, IsClosed, IsWon FROM Opportunity")
            .await?;
        let card = |row: &Value| Card {
            id: text(row, "/Id"),
            name: text(row, "/Name"),
            referral: text(row, "/Referral_Identfier__c"),
            stage: stage(row),
            ..Card::default()
        };
        Ok(rows.iter().map(card).collect())
    }
}

/// The same choice in another list of words; empty for none.
fn translated(word: &str, from: &[&str], to: &[&str]) -> String {
    let place = from.iter().position(|known| *known == word);
    place.and_then(|place| to.get(place)).map(|word| (*word).to_owned()).unwrap_or_default()
}

fn path(record: &Record) -> String {
    format!("sobjects/{}/{}", if record.is_lead { "Lead" } else { "Opportunity" }, record.id)
}

fn lead(row: &Value) -> Card {
    let stage = match (text(row, "/IsConverted").as_str(), text(row, "/Status").as_str()) {
        ("true", _) => Stage::Qualified,
        (_, "Closed - Not Converted") => Stage::Lost,
        _ => Stage::Open,
    };
    Card {
        id: text(row, "/Id"),
        is_lead: true,
        name: text(row, "/Company"),
        notes: text(row, "/Description"),
        stage,
        account: text(row, "/Company"),
        contact: text(row, "/Email"),
        sync: text(row, "/Sync_With_Partner_Center__c") == "true",
        referral: text(row, "/Referral_Identfier__c"),
        link: text(row, "/Referral_Link__c"),
        audit: text(row, "/Audit__c"),
        ..Card::default()
    }
}

fn stage(row: &Value) -> Stage {
    match (text(row, "/IsWon").as_str(), text(row, "/IsClosed").as_str(), text(row, "/StageName").as_str()) {
        ("true", _, _) => Stage::Won,
        (_, "true", _) => Stage::Lost,
        (_, _, "Prospecting") => Stage::OnHold,
        _ => Stage::Open,
    }
}

/// The fields that an edit changes.
fn typed(is_lead: bool, edit: &Edit<'_>) -> Vec<(String, Value)> {
    let fields = match edit {
        Edit::Name(typed) => vec![(if is_lead { "Company" } else { "Name" }, json!(typed))],
        Edit::Notes(typed) => vec![("Description", json!(typed))],
        Edit::Value(typed) => vec![("Amount", serde_json::from_str(typed).unwrap_or_default())],
        Edit::Closes(day) => vec![("CloseDate", json!(day))],
        Edit::LeaveHold => vec![("StageName", json!("Qualification"))],
        Edit::Win => vec![("StageName", json!("Closed Won"))],
        Edit::Lose(_) if is_lead => vec![("Status", json!("Closed - Not Converted"))],
        Edit::Lose(reason) => vec![("StageName", json!("Closed Lost")), ("NextStep", json!(reason))],
        Edit::Sync(on) => vec![("Sync_With_Partner_Center__c", json!(on))],
        Edit::Help(help) => vec![("How_can_Microsoft_help__c", json!(translated(help, HELP, HELP_VALUES)))],
        Edit::Visible(on) => vec![("Referral_Visible_To_Microsoft__c", json!(on))],
        Edit::Referral(id) => vec![("Referral_Identfier__c", json!(id))],
    };
    fields.into_iter().map(|(field, value)| (field.to_owned(), value)).collect()
}
