//! Making tables, lookups and columns as a set-up program does, and what an organisation may have against it.

use crate::support::World;
use reqwest::Method;
use serde_json::{Value, json};

fn label(text: &str) -> Value {
    json!({"LocalizedLabels": [{"Label": text, "LanguageCode": 1033}]})
}

fn text(schema: &str) -> Value {
    json!({
        "@odata.type": "Microsoft.Dynamics.CRM.StringAttributeMetadata", "SchemaName": schema, "MaxLength": 50,
        "DisplayName": label("A text"), "RequiredLevel": {"Value": "None"},
    })
}

fn table(schema: &str) -> Value {
    let mut primary = text("contoso_Name");
    primary["IsPrimaryName"] = json!(true);
    json!({
        "@odata.type": "Microsoft.Dynamics.CRM.EntityMetadata", "SchemaName": schema, "OwnershipType": "UserOwned",
        "DisplayName": label("Country"), "DisplayCollectionName": label("Countries"), "HasNotes": false,
        "HasActivities": false, "Attributes": [primary],
    })
}

fn lookup(schema: &str, column: &str, delete: &str) -> Value {
    json!({
        "@odata.type": "Microsoft.Dynamics.CRM.OneToManyRelationshipMetadata", "SchemaName": schema,
        "ReferencedEntity": "opportunity", "ReferencingEntity": "contoso_country",
        "CascadeConfiguration": {"Delete": delete},
        "Lookup": {
            "@odata.type": "Microsoft.Dynamics.CRM.LookupAttributeMetadata", "SchemaName": column,
            "DisplayName": label("Opportunity"),
        },
    })
}

#[tokio::test]
async fn a_new_table_has_rows_a_lookup_and_steps_of_its_own() {
    let world = World::start().await;
    world.post("EntityDefinitions", table("contoso_Country")).await.expect(204);
    world.post("EntityDefinitions", table("contoso_Country")).await.refused(400, "0x80040203");
    let found = world.get("EntityDefinitions(LogicalName='contoso_country')").await.expect(200).json();
    assert_eq!(
        (&found["EntitySetName"], &found["IsCustomEntity"]),
        (&json!("contoso_countries"), &json!(true))
    );
    assert_eq!(found["PrimaryNameAttribute"], "contoso_name");
    let lookup = lookup("contoso_opportunity_country", "contoso_OpportunityId", "Cascade");
    world.post("RelationshipDefinitions", lookup).await.expect(204);
    let opportunity = world.opportunity("x").await;
    let body = json!({
        "contoso_name": "Norway", "contoso_OpportunityId@odata.bind": format!("/opportunities({opportunity})"),
    });
    world.create("contoso_countries", body).await;
    let path =
        format!("opportunities({opportunity})?$expand=contoso_opportunity_country($select=contoso_name)");
    let row = world.get(&path).await.expect(200).json();
    assert_eq!(row["contoso_opportunity_country"][0]["contoso_name"], "Norway");
    let filters =
        world.get("sdkmessagefilters?$filter=primaryobjecttypecode eq 'contoso_country'").await.json();
    assert_eq!(filters["value"].as_array().unwrap().len(), 3);
    world.ask(Method::DELETE, &format!("opportunities({opportunity})")).send().await.expect(204);
    assert_eq!(world.get("contoso_countries/$count").await.text, "0");
}

#[tokio::test]
async fn change_tracking_is_turned_on_by_putting_the_definition_back_and_never_off() {
    let world = World::start().await;
    world.switch(json!({"unprovisioned": true})).await;
    let tracked =
        |world: &World| world.ask(Method::GET, "opportunities?$select=name").prefer("odata.track-changes");
    tracked(&world).send().await.refused(400, "0x80072491");
    let mut whole = world.get("EntityDefinitions(LogicalName='opportunity')").await.expect(200).json();
    let path = format!("EntityDefinitions({})", whole["MetadataId"].as_str().unwrap());
    whole["ChangeTrackingEnabled"] = json!(true);
    let part = json!({"ChangeTrackingEnabled": true});
    world.ask(Method::PUT, &path).body(&part).send().await.refused(400, "0x80040203");
    world.ask(Method::PUT, &path).body(&whole).send().await.expect(204);
    tracked(&world).send().await.expect(200);
    whole["ChangeTrackingEnabled"] = json!(false);
    world.ask(Method::PUT, &path).body(&whole).send().await.refused(400, "0x80040203");
}

#[tokio::test]
async fn what_is_made_belongs_to_the_solution_that_is_named() {
    let world = World::start().await;
    let publishers = world.get("publishers?$select=customizationprefix").await.expect(200).json();
    let publisher = publishers["value"][0]["publisherid"].as_str().unwrap().to_owned();
    let solution = json!({
        "uniquename": "contoso", "friendlyname": "Contoso", "version": "1.0",
        "publisherid@odata.bind": format!("/publishers({publisher})"),
    });
    let solution = world.create("solutions", solution).await;
    let column = |world: &World, solution: &str, schema: &str| {
        let path = "EntityDefinitions(LogicalName='opportunity')/Attributes";
        world.ask(Method::POST, path).header("MSCRM.SolutionUniqueName", solution).body(&text(schema))
    };
    column(&world, "nonsense", "contoso_One").send().await.refused(400, "0x80040203");
    column(&world, "contoso", "contoso_One").send().await.expect(204);
    let parts =
        world.get(&format!("solutioncomponents?$filter=_solutionid_value eq {solution}")).await.json();
    let made = world
        .get("EntityDefinitions(LogicalName='opportunity')/Attributes(LogicalName='contoso_one')")
        .await
        .json();
    assert_eq!(parts["value"].as_array().unwrap().len(), 1);
    assert_eq!(parts["value"][0]["objectid"], made["MetadataId"]);
    assert_eq!(parts["value"][0]["componenttype"], 2);
}

#[tokio::test]
async fn a_secured_column_reads_as_null_and_takes_no_value() {
    let world = World::start().await;
    let id = world.create("opportunities", json!({"name": "x", "msft_audit": "seen"})).await;
    let path = format!("opportunities({id})");
    world.switch(json!({"securedColumns": ["opportunity.msft_audit"]})).await;
    let row = world.get(&path).await.expect(200).json();
    assert_eq!((&row["msft_audit"], &row["name"]), (&Value::Null, &json!("x")));
    world.patch(&path, json!({"msft_audit": "new"})).await.refused(403, "0x8004f507");
    let column = "EntityDefinitions(LogicalName='opportunity')/Attributes(LogicalName='msft_audit')";
    assert_eq!(world.get(column).await.json()["IsSecured"], true);
    world.switch(json!({"securedColumns": []})).await;
    assert_eq!(world.get(&path).await.json()["msft_audit"], "seen");
}

#[tokio::test]
async fn an_organisation_refuses_a_write_in_its_own_words_and_detects_duplicates_when_asked_to() {
    let world = World::start().await;
    let rule = json!({"table": "opportunity", "when": "estimatedvalue", "refuse": "finance must approve"});
    let duplicates = json!({"table": "account", "columns": ["name"]});
    world.switch(json!({"automation": [rule], "duplicateRules": [duplicates]})).await;
    let id = world.opportunity("x").await;
    let refused = world.patch(&format!("opportunities({id})"), json!({"estimatedvalue": 1})).await;
    refused.refused(400, "0x80040265");
    assert_eq!(refused.json()["error"]["message"], "finance must approve");
    world.create("accounts", json!({"name": "Contoso"})).await;
    world.create("accounts", json!({"name": "contoso"})).await;
    let asked = world
        .ask(Method::POST, "accounts")
        .header("MSCRM.SuppressDuplicateDetection", "false")
        .body(&json!({"name": "Contoso"}));
    asked.send().await.refused(412, "0x80040333");
}
