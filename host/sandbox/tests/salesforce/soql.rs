//! Queries: the language, paging, and what is refused.

use crate::support::{World, url_encoded};
use reqwest::Method;
use serde_json::{Value, json};

/// Two accounts and four deals.
async fn world() -> World {
    let world = World::start().await;
    let contoso = json!({ "Name": "Contoso", "BillingCountry": "Germany" });
    let contoso = world.create("Account", contoso).await;
    let fabrikam = world.create("Account", json!({ "Name": "Fabrikam" })).await;
    let deals = [
        ("Alpha", "Prospecting", Some(100), &contoso, "2027-01-01"),
        ("Beta_1", "Closed Won", Some(250), &contoso, "2027-02-01"),
        ("Gamma", "Closed Lost", None, &fabrikam, "2027-03-01"),
        ("it's 100%", "Qualification", Some(50), &fabrikam, "2027-04-01"),
    ];
    for (name, stage, amount, account, date) in deals {
        let deal = json!({
            "Name": name, "StageName": stage, "Amount": amount, "AccountId": account, "CloseDate": date,
        });
        world.create("Opportunity", deal).await;
    }
    world
}

#[tokio::test]
async fn conditions_find_the_records_that_they_describe() {
    let world = world().await;
    let cases: &[(&str, &[&str])] = &[
        ("StageName = 'prospecting'", &["Alpha"]),
        ("StageName != 'Prospecting'", &["Beta_1", "Gamma", "it's 100%"]),
        ("Amount > 50 AND Amount <= 250", &["Alpha", "Beta_1"]),
        ("Amount = null", &["Gamma"]),
        ("Amount != 100", &["Beta_1", "Gamma", "it's 100%"]),
        ("Amount < 100.5 OR Name = 'Gamma'", &["Alpha", "Gamma", "it's 100%"]),
        ("(IsClosed = true AND IsWon = false) OR Amount = 1e2", &["Alpha", "Gamma"]),
        ("NOT IsClosed = true", &["Alpha", "it's 100%"]),
        ("NOT (IsClosed = true OR Amount = 50)", &["Alpha"]),
        ("StageName IN ('Closed Won', 'Closed Lost')", &["Beta_1", "Gamma"]),
        ("StageName NOT IN ('Closed Won', 'Closed Lost')", &["Alpha", "it's 100%"]),
        ("Name LIKE '%a'", &["Alpha", "Gamma"]),
        ("Name LIKE 'Beta\\_%'", &["Beta_1"]),
        ("Name LIKE '_eta_1'", &["Beta_1"]),
        ("Name = 'it\\'s 100%'", &["it's 100%"]),
        ("Name LIKE '%100\\%'", &["it's 100%"]),
        ("Account.Name = 'contoso'", &["Alpha", "Beta_1"]),
        ("Opportunity.Account.Owner.Name LIKE 'Integration%' AND Amount = 50", &["it's 100%"]),
        ("AccountId IN (SELECT Id FROM Account WHERE BillingCountry = 'Germany')", &["Alpha", "Beta_1"]),
        ("CloseDate >= 2027-03-01", &["Gamma", "it's 100%"]),
        ("CloseDate < TODAY", &[]),
        ("CreatedDate = TODAY", &["Alpha", "Beta_1", "Gamma", "it's 100%"]),
        ("CreatedDate = LAST_N_DAYS:3 AND Name = 'Alpha'", &["Alpha"]),
        ("SystemModstamp > 2020-01-01T00:00:00Z AND Amount = 250", &["Beta_1"]),
        ("LastModifiedDate < 2020-01-01T00:00:00.000+0000", &[]),
    ];
    for (condition, names) in cases {
        let query = format!("SELECT Name FROM Opportunity WHERE {condition} ORDER BY Name");
        assert_eq!(world.column("Name", &query).await, *names, "{condition}");
    }
}

#[tokio::test]
async fn what_is_asked_for_is_answered_in_its_shape() {
    let world = world().await;
    let query =
        "select Id, Name, Account.Name, Account.Owner.Alias from Opportunity o where o.Name = 'Alpha'";
    let reply = world.soql(query).await.expect(200).json();
    assert_eq!((&reply["totalSize"], &reply["done"]), (&json!(1), &json!(true)));
    assert!(reply.get("nextRecordsUrl").is_none());
    let record = &reply["records"][0];
    assert_eq!(record["attributes"]["type"], "Opportunity");
    assert_eq!(record["Account"]["attributes"]["type"], "Account");
    assert_eq!(record["Account"]["Name"], "Contoso");
    assert_eq!(record["Account"]["Owner"]["Alias"], "integrat");
    assert!(record.get("StageName").is_none());

    let query =
        "SELECT Name, (SELECT Name FROM Opportunities WHERE Amount > 150) FROM Account ORDER BY Name DESC";
    let records = world.records(query).await;
    assert_eq!(records[0]["Opportunities"], Value::Null, "no children are null");
    assert_eq!(records[1]["Opportunities"]["totalSize"], 1);
    assert_eq!(records[1]["Opportunities"]["records"][0]["Name"], "Beta_1");

    let counted = world.soql("SELECT COUNT() FROM Opportunity WHERE Amount != null").await.json();
    assert_eq!(counted, json!({ "totalSize": 3, "done": true, "records": [] }));
    let all = world.records("SELECT FIELDS(ALL) FROM Opportunity LIMIT 1").await;
    assert!(all[0].get("Referral_Identfier__c").is_some() && all[0].get("StageName").is_some());
    let custom = world.records("SELECT FIELDS(CUSTOM) FROM Opportunity LIMIT 200").await;
    assert!(custom[0].get("Referral_Identfier__c").is_some() && custom[0].get("StageName").is_none());
    world.soql("SELECT FIELDS(ALL) FROM Opportunity").await.refused(400, "MALFORMED_QUERY");
}

#[tokio::test]
async fn an_order_puts_records_without_a_value_where_it_is_told() {
    let world = world().await;
    let cases: &[(&str, &[&str])] = &[
        ("Amount", &["Gamma", "it's 100%", "Alpha", "Beta_1"]),
        ("Amount ASC NULLS LAST", &["it's 100%", "Alpha", "Beta_1", "Gamma"]),
        ("Amount DESC", &["Gamma", "Beta_1", "Alpha", "it's 100%"]),
        ("Account.Name DESC, CloseDate DESC", &["it's 100%", "Gamma", "Beta_1", "Alpha"]),
        ("Amount DESC NULLS LAST LIMIT 2 OFFSET 1", &["Alpha", "it's 100%"]),
    ];
    for (order, names) in cases {
        let query = format!("SELECT Name FROM Opportunity ORDER BY {order}");
        assert_eq!(world.column("Name", &query).await, *names, "{order}");
    }
}

#[tokio::test]
async fn functions_show_labels_and_convert_currencies() {
    let world = World::start().await;
    let deal = json!({
        "Name": "x", "StageName": "x", "CloseDate": "2027-01-31", "Amount": 92, "CurrencyIsoCode": "EUR",
        "How_can_Microsoft_help__c": "Quotes or licensing",
    });
    world.create("Opportunity", deal).await;
    let query =
        "SELECT Amount, convertCurrency(Amount) usd, toLabel(How_can_Microsoft_help__c) FROM Opportunity";
    let record = world.records(query).await[0].clone();
    assert_eq!(record["Amount"].to_string(), "92.0");
    assert_eq!(record["usd"].to_string(), "100.0");
    assert_eq!(record["How_can_Microsoft_help__c"], "Quotes/licensing");
}

#[tokio::test]
async fn a_bad_query_is_refused_by_its_code() {
    let world = world().await;
    let cases = [
        ("SELECT FROM Opportunity", "MALFORMED_QUERY"),
        ("SELECT Id FROM Opportunity WHERE", "MALFORMED_QUERY"),
        ("SELECT Id FROM Opportunity WHERE Name = 'x' AND Name = 'y' OR Name = 'z'", "MALFORMED_QUERY"),
        ("SELECT Id FROM Opportunity WHERE Name = 'x", "MALFORMED_QUERY"),
        ("SELECT Id FROM Opportunity LIMIT x", "MALFORMED_QUERY"),
        ("SELECT Id, Id FROM Opportunity", "MALFORMED_QUERY"),
        ("SELECT Nonsense FROM Opportunity", "INVALID_FIELD"),
        ("SELECT Nonsense.Name FROM Opportunity", "INVALID_FIELD"),
        ("SELECT Id FROM Opportunity WHERE Nonsense = 1", "INVALID_FIELD"),
        ("SELECT Id FROM Opportunity WHERE Description = 'x'", "INVALID_FIELD"),
        ("SELECT Id FROM Opportunity WHERE Amount = '5'", "INVALID_FIELD"),
        ("SELECT Id FROM Opportunity WHERE CloseDate = 2027-01-01T00:00:00Z", "INVALID_FIELD"),
        ("SELECT Id FROM Opportunity WHERE AccountId = 'x'", "INVALID_QUERY_FILTER_OPERATOR"),
        ("SELECT Id FROM Opportunity WHERE Amount LIKE '5'", "INVALID_QUERY_FILTER_OPERATOR"),
        ("SELECT Id FROM Nonsense", "INVALID_TYPE"),
        ("SELECT Id, (SELECT Id FROM Nonsense) FROM Opportunity", "INVALID_TYPE"),
        ("SELECT Id FROM Opportunity OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE"),
    ];
    for (query, code) in cases {
        world.soql(query).await.refused(400, code);
    }
    world.soql("SELECT Count(Id) FROM Opportunity GROUP BY Name").await.refused(501, "NOT_SIMULATED");
}

#[tokio::test]
async fn a_long_answer_comes_in_pages_that_a_locator_names() {
    let world = World::start().await;
    for at in 0..401 {
        world.create("Account", json!({ "Name": format!("{at:03}") })).await;
    }
    let url = format!("query/?q={}", url_encoded("SELECT Name FROM Account ORDER BY Name"));
    let first = world
        .ask(Method::GET, &url)
        .header("Sforce-Query-Options", "batchSize=5")
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!((&first["totalSize"], &first["done"]), (&json!(401), &json!(false)));
    assert_eq!(first["records"].as_array().unwrap().len(), 200, "200 is the smallest page");
    let next = first["nextRecordsUrl"].as_str().unwrap();
    assert!(next.starts_with("/services/data/v60.0/query/01g") && next.ends_with("-200"), "{next}");
    let second = world.get(next).await.expect(200).json();
    assert_eq!(second["records"][0]["Name"], "200");
    let third = world.get(second["nextRecordsUrl"].as_str().unwrap()).await.expect(200).json();
    assert_eq!(third["records"].as_array().unwrap().len(), 1);
    assert_eq!(third["done"], true);
    assert!(third.get("nextRecordsUrl").is_none());

    world.ask_as("seller", Method::GET, next).send().await.refused(400, "INVALID_QUERY_LOCATOR");
    world.switch(json!({ "queryLocatorsExpired": true })).await;
    world.get(next).await.refused(400, "INVALID_QUERY_LOCATOR");
}

#[tokio::test]
async fn deleted_records_are_found_by_query_all_only() {
    let world = World::start().await;
    let id = world.opportunity("x").await;
    world.delete(&format!("sobjects/Opportunity/{id}")).await.expect(204);
    assert!(world.records("SELECT Id FROM Opportunity").await.is_empty());
    let query = url_encoded(&format!("SELECT Id, IsDeleted FROM Opportunity WHERE Id = '{id}'"));
    let all = world.get(&format!("queryAll?q={query}")).await.json();
    assert_eq!(all["records"][0]["IsDeleted"], true);
}

#[tokio::test]
async fn spaces_may_be_plus_signs_or_percent_signs() {
    let world = world().await;
    for query in ["SELECT+Id+FROM+Account", "SELECT%20Id%20FROM%20Account"] {
        assert_eq!(world.get(&format!("query?q={query}")).await.expect(200).json()["totalSize"], 2);
    }
}
