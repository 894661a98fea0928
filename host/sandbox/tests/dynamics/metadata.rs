//! Tables, columns and keys: reading and provisioning.

use crate::support::World;
use reqwest::Method;
use serde_json::{Value, json};

fn text_column(schema: &str, max: usize) -> Value {
    json!({
        "@odata.type": "Microsoft.Dynamics.CRM.StringAttributeMetadata",
        "SchemaName": schema, "MaxLength": max, "FormatName": { "Value": "Text" },
        "DisplayName": {
            "@odata.type": "Microsoft.Dynamics.CRM.Label",
            "LocalizedLabels": [{ "Label": "A text", "LanguageCode": 1033 }],
        },
        "RequiredLevel": { "Value": "None" },
    })
}

#[tokio::test]
async fn a_table_is_found_by_its_name() {
    let world = World::start().await;
    let query = "EntityDefinitions?$select=LogicalName,EntitySetName,PrimaryIdAttribute&$filter=LogicalName eq 'opportunity'";
    let found = world.get(query).await.expect(200).json();
    assert_eq!(found["value"].as_array().unwrap().len(), 1);
    assert_eq!(found["value"][0]["EntitySetName"], "opportunities");
    assert_eq!(found["value"][0]["PrimaryIdAttribute"], "opportunityid");
    let by_set =
        world.get("EntityDefinitions?$select=LogicalName&$filter=EntitySetName eq 'leads'").await.json();
    assert_eq!(by_set["value"][0]["LogicalName"], "lead");
    assert_eq!(world.get("EntityDefinitions(LogicalName='nonsense')").await.status, 404);
}

#[tokio::test]
async fn choices_are_read_through_a_cast() {
    let world = World::start().await;
    let path = "EntityDefinitions(LogicalName='opportunity')/Attributes/Microsoft.Dynamics.CRM.PicklistAttributeMetadata";
    let all = world
        .get(&format!("{path}?$select=LogicalName&$expand=OptionSet($select=Options)"))
        .await
        .expect(200)
        .json();
    let help = all["value"]
        .as_array()
        .unwrap()
        .iter()
        .find(|column| column["LogicalName"] == "msft_howcanmicrosofthelp");
    let options = help.unwrap()["OptionSet"]["Options"].as_array().unwrap();
    let values: Vec<i64> = options.iter().map(|option| option["Value"].as_i64().unwrap()).collect();
    assert_eq!(values, (100_000_000..=100_000_005).collect::<Vec<_>>());
    assert!(all["value"].as_array().unwrap().iter().all(|column| column["LogicalName"] != "name"));
}

#[tokio::test]
async fn columns_tell_their_limits() {
    let world = World::start().await;
    let column = |name: &'static str| {
        let path = format!("EntityDefinitions(LogicalName='opportunity')/Attributes(LogicalName='{name}')");
        let world = &world;
        async move { world.get(&path).await.expect(200).json() }
    };
    assert_eq!(column("name").await["MaxLength"], 300);
    assert_eq!(column("msft_audit").await["MaxLength"], 100_000);
    assert_eq!(column("estimatedclosedate").await["DateTimeBehavior"]["Value"], "DateOnly");
    assert_eq!(column("estimatedvalue").await["PrecisionSource"], 2);
    assert_eq!(column("customerid").await["Targets"], json!(["account", "contact"]));
    assert_eq!(column("createdon").await["IsValidForUpdate"], false);
    let query = "EntityDefinitions(LogicalName='opportunity')?$select=LogicalName&$expand=Attributes($select=LogicalName;$filter=LogicalName eq 'name'),Keys";
    let table = world.get(query).await.expect(200).json();
    assert_eq!(table["Attributes"].as_array().unwrap().len(), 1);
    assert_eq!(table["Keys"][0]["SchemaName"], "msft_ReferralKey");
    assert_eq!(table["Keys"][0]["EntityKeyIndexStatus"], "Active");
}

#[tokio::test]
async fn a_provisioned_column_takes_values_within_its_limits() {
    let world = World::start().await;
    let path = "EntityDefinitions(LogicalName='lead')/Attributes";
    let reply = world.post(path, text_column("contoso_Code", 5)).await.expect(204);
    let url = reply.header("odata-entityid").unwrap().to_owned();
    assert_eq!(world.get(&url).await.expect(200).json()["LogicalName"], "contoso_code");
    world.post(path, text_column("contoso_Code", 5)).await.refused(400, "0x80047013");
    world.post(path, text_column("Code", 5)).await.refused(400, "0x80040203");

    let id = world.create("leads", json!({ "subject": "x", "contoso_code": "12345" })).await;
    assert_eq!(world.get(&format!("leads({id})")).await.json()["contoso_code"], "12345");
    world
        .patch(&format!("leads({id})"), json!({ "contoso_code": "123456" }))
        .await
        .refused(400, "0x80044331");
    world.ask(Method::DELETE, &url).send().await.expect(204);
    world.get(&format!("leads({id})?$select=contoso_code")).await.refused(400, "0x80060888");
}

#[tokio::test]
async fn every_kind_of_column_can_be_provisioned() {
    let world = World::start().await;
    let label = |text: &str| json!({ "LocalizedLabels": [{ "Label": text, "LanguageCode": 1033 }] });
    let option = json!({ "Value": 100_000_000, "Label": label("One") });
    let cases = [
        ("Memo", json!({ "MaxLength": 10 }), json!("text")),
        ("Integer", json!({ "MinValue": 0, "MaxValue": 5 }), json!(5)),
        ("Decimal", json!({ "Precision": 3 }), json!(1.235)),
        ("Money", json!({ "PrecisionSource": 2 }), json!(5)),
        (
            "Boolean",
            json!({ "OptionSet": { "TrueOption": { "Value": 1, "Label": label("On") } } }),
            json!(true),
        ),
        ("Picklist", json!({ "OptionSet": { "IsGlobal": false, "Options": [option] } }), json!(100_000_000)),
        ("DateTime", json!({ "DateTimeBehavior": { "Value": "DateOnly" } }), json!("2026-01-31")),
    ];
    for (family, mut body, value) in cases {
        body["@odata.type"] = json!(format!("Microsoft.Dynamics.CRM.{family}AttributeMetadata"));
        body["SchemaName"] = json!(format!("contoso_{family}"));
        world.post("EntityDefinitions(LogicalName='opportunity')/Attributes", body).await.expect(204);
        let column = format!("contoso_{}", family.to_lowercase());
        let id = world.create("opportunities", json!({ "name": "x", &column: value })).await;
        let read = world.get(&format!("opportunities({id})?$select={column}")).await.expect(200).json()
            [&column]
            .clone();
        assert!(
            read.to_string().trim_end_matches(['0', '.']) == value.to_string().trim_end_matches(['0', '.']),
            "{family}: {read}"
        );
    }
}

#[tokio::test]
async fn a_new_key_is_pending_until_its_index_is_built() {
    let world = World::start().await;
    let path = "EntityDefinitions(LogicalName='account')/Keys";
    let body = json!({ "SchemaName": "contoso_Number", "KeyAttributes": ["accountnumber"] });
    world.post(path, body.clone()).await.expect(204);
    world.post(path, body).await.refused(400, "0x80060893");
    let by_key = "accounts(accountnumber='A1')";
    world.patch(by_key, json!({ "name": "x" })).await.refused(400, "0x8006088f");

    let mut seen = Vec::new();
    while seen.last().is_none_or(|status| status == "Pending") {
        let keys =
            world.get(&format!("{path}?$select=SchemaName,EntityKeyIndexStatus")).await.expect(200).json();
        seen.push(keys["value"][0]["EntityKeyIndexStatus"].as_str().unwrap().to_owned());
    }
    assert_eq!(seen, ["Pending", "Active"]);
    world.patch(by_key, json!({ "name": "x" })).await.expect(204);
    world.get(by_key).await.expect(200);
}

#[tokio::test]
async fn a_key_over_duplicates_fails_and_can_be_built_again() {
    let world = World::start().await;
    world.switch(json!({ "keyActivationLooks": 0 })).await;
    let first = world.create("accounts", json!({ "name": "x", "accountnumber": "A1" })).await;
    world.create("accounts", json!({ "name": "y", "accountnumber": "A1" })).await;
    let path = "EntityDefinitions(LogicalName='account')/Keys";
    let body = json!({ "SchemaName": "contoso_Number", "KeyAttributes": ["accountnumber"] });
    world.post(path, body).await.expect(204);
    let status = || async { world.get(path).await.json()["value"][0]["EntityKeyIndexStatus"].clone() };
    assert_eq!(status().await, "Failed");
    world.patch(&format!("accounts({first})"), json!({ "accountnumber": null })).await.expect(204);
    let body = json!({ "EntityLogicalName": "account", "EntityKeyLogicalName": "contoso_number" });
    world.post("ReactivateEntityKey", body).await.expect(204);
    assert_eq!(status().await, "Active");
}

#[tokio::test]
async fn the_currencies_are_seeded_under_fixed_guids() {
    let world = World::start().await;
    let rows = world
        .get("transactioncurrencies?$select=isocurrencycode,currencyprecision&$orderby=isocurrencycode")
        .await
        .json();
    let found: Vec<(&str, i64)> = rows["value"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["isocurrencycode"].as_str().unwrap(), row["currencyprecision"].as_i64().unwrap()))
        .collect();
    assert_eq!(found, [("EUR", 2), ("GBP", 2), ("JPY", 0), ("USD", 2)]);
}

#[tokio::test]
async fn the_model_names_tables_columns_and_both_ends_of_a_lookup() {
    let world = World::start().await;
    let reply = world.get("$metadata").await.expect(200);
    assert_eq!(reply.header("content-type"), Some("application/xml"));
    for part in [
        "<EntityType Name=\"opportunity\" BaseType=\"mscrm.crmbaseentity\"><Key><PropertyRef Name=\"opportunityid\" />",
        "<Property Name=\"estimatedclosedate\" Type=\"Edm.Date\" />",
        "<Property Name=\"_msft_opportunityid_value\" Type=\"Edm.Guid\" />",
        "<NavigationProperty Name=\"msft_OpportunityId\" Type=\"mscrm.opportunity\" Nullable=\"true\">",
        "<NavigationProperty Name=\"msft_opportunity_microsoftsolution\" \
         Type=\"Collection(mscrm.msft_microsoftsolution)\" Partner=\"msft_OpportunityId\" />",
        "<EntitySet Name=\"opportunities\" EntityType=\"Microsoft.Dynamics.CRM.opportunity\">",
    ] {
        assert!(reply.text.contains(part), "{part}");
    }
    assert_eq!(reply.text.matches("<EntityType ").count() - 1, reply.text.matches("<EntitySet ").count());
}
