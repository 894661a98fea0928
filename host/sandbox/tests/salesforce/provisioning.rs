//! Setting the organisation up: fields, objects, and who may see them.

use crate::support::{World, element};
use reqwest::Method;
use serde_json::{Value, json};

/// An organisation without the co-sell package.
async fn bare() -> World {
    let world = World::start().await;
    world.switch(json!({ "provisioned": false })).await;
    world
}

fn key() -> Value {
    json!({
        "FullName": "Opportunity.Referral_Identfier__c",
        "Metadata": {
            "label": "Referral Identifier", "type": "Text", "length": 100, "externalId": true, "unique": true,
            "caseSensitive": false, "required": false, "description": "x",
        },
    })
}

fn deal(more: Value) -> Value {
    let mut body = json!({ "Name": "x", "StageName": "x", "CloseDate": "2027-01-31" });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

#[tokio::test]
async fn without_the_package_there_are_no_co_sell_fields() {
    let world = bare().await;
    world.soql("SELECT Referral_Identfier__c FROM Opportunity").await.refused(400, "INVALID_FIELD");
    world.get("sobjects/Microsoft_Solution__c/describe").await.refused(404, "NOT_FOUND");
    let path = "sobjects/Opportunity/Referral_Identfier__c/r-1";
    let message = world.patch(path, deal(json!({}))).await.refused(404, "NOT_FOUND");
    assert_eq!(
        message,
        "Provided external ID field does not exist or is not accessible: Referral_Identfier__c"
    );
    world.switch(json!({ "provisioned": true })).await;
    world.patch(path, deal(json!({}))).await.expect(201);
    world.get("sobjects/Microsoft_Solution__c/describe").await.expect(200);
}

#[tokio::test]
async fn a_new_field_is_invisible_until_a_permission_set_grants_it() {
    let world = bare().await;
    let created = world.post("tooling/sobjects/CustomField/", key()).await.expect(201).json();
    assert!(created["id"].as_str().unwrap().starts_with("00N"));
    assert_eq!((&created["warnings"], &created["infos"]), (&json!([]), &json!([])));

    let body = deal(json!({ "Referral_Identfier__c": "r-1" }));
    world.post("sobjects/Opportunity", body.clone()).await.refused(400, "INVALID_FIELD");
    world.soql("SELECT Referral_Identfier__c FROM Opportunity").await.refused(400, "INVALID_FIELD");
    let fields = async |token: &str| {
        let reply = world.ask_as(token, Method::GET, "sobjects/Opportunity/describe").send().await.json();
        let fields = reply["fields"].as_array().unwrap().clone();
        fields.iter().any(|field| field["name"] == "Referral_Identfier__c")
    };
    assert!(!fields("sandbox").await);
    world.grant("Opportunity.Referral_Identfier__c").await;
    assert!(fields("sandbox").await);
    assert!(!fields("seller").await, "only the integration user was granted it");
    world.post("sobjects/Opportunity", body.clone()).await.expect(201);
    world.post("sobjects/Opportunity", body).await.refused(400, "DUPLICATE_VALUE");
    world.patch("sobjects/Opportunity/Referral_Identfier__c/r-1", json!({ "Name": "y" })).await.expect(200);
}

#[tokio::test]
async fn a_profile_is_granted_fields_through_its_own_permission_set() {
    let world = bare().await;
    world.post("tooling/sobjects/CustomField", key()).await.expect(201);
    let query = "SELECT Id, Profile.Name FROM PermissionSet WHERE IsOwnedByProfile = true AND \
                 Profile.Name = 'Standard User'";
    let set = world.records(query).await[0]["Id"].clone();
    let grant = json!({
        "ParentId": set, "SobjectType": "Opportunity", "Field": "Opportunity.Referral_Identfier__c",
        "PermissionsRead": true,
    });
    world.post("sobjects/FieldPermissions", grant).await.expect(201);
    let ask = world.ask_as("seller", Method::GET, "query?q=SELECT+Referral_Identfier__c+FROM+Opportunity");
    ask.send().await.expect(200);
    let body = deal(json!({ "Referral_Identfier__c": "r-1" }));
    let write = world.ask_as("seller", Method::POST, "sobjects/Opportunity").body(&body).send().await;
    write.refused(400, "INVALID_FIELD_FOR_INSERT_UPDATE");
    let missing = json!({ "ParentId": set, "SobjectType": "Opportunity", "Field": "Opportunity.Nope__c" });
    let refused = world.post("sobjects/FieldPermissions", missing).await;
    refused.refused(400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST");
}

#[tokio::test]
async fn fields_are_listed_changed_and_removed_by_the_tooling_api() {
    let world = bare().await;
    let id = world.post("tooling/sobjects/CustomField", key()).await.expect(201).json()["id"].clone();
    let query = "SELECT+Id,DeveloperName+FROM+CustomField+WHERE+TableEnumOrId='Opportunity'";
    let found = world.get(&format!("tooling/query/?q={query}")).await.expect(200).json();
    assert_eq!(found["records"][0]["DeveloperName"], "Referral_Identfier");
    assert_eq!(found["totalSize"], 1);
    let url = found["records"][0]["attributes"]["url"].as_str().unwrap();
    assert!(url.contains("/tooling/sobjects/CustomField/00N"), "{url}");
    world.post("tooling/sobjects/CustomField", key()).await.refused(400, "DUPLICATE_DEVELOPER_NAME");

    let path = format!("tooling/sobjects/CustomField/{}", id.as_str().unwrap());
    let change = json!({ "Metadata": { "label": "Key", "type": "Text", "length": 80, "externalId": true } });
    world.patch(&path, change).await.expect(204);
    assert_eq!(world.get(&path).await.json()["Metadata"]["length"], 80);
    world.delete(&path).await.expect(204);
    world.get(&path).await.refused(404, "NOT_FOUND");
    world.post("tooling/sobjects/CustomField", key()).await.expect(201);
}

#[tokio::test]
async fn a_definition_that_makes_no_sense_is_refused() {
    let world = bare().await;
    let cases = [
        ("Opportunity.X__c", json!({ "label": "X", "type": "Long Text Area" }), "JSON_PARSER_ERROR"),
        ("Opportunity.X__c", json!({ "label": "X", "type": "Text" }), "FIELD_INTEGRITY_EXCEPTION"),
        (
            "Opportunity.X__c",
            json!({ "label": "X", "type": "LongTextArea", "length": 500 }),
            "FIELD_INTEGRITY_EXCEPTION",
        ),
        (
            "Opportunity.X__c",
            json!({ "label": "X", "type": "Number", "precision": 5 }),
            "FIELD_INTEGRITY_EXCEPTION",
        ),
        ("Opportunity.X__c", json!({ "label": "X", "type": "Picklist" }), "FIELD_INTEGRITY_EXCEPTION"),
        (
            "Opportunity.X__c",
            json!({ "label": "X", "type": "Date", "externalId": true }),
            "FIELD_INTEGRITY_EXCEPTION",
        ),
        ("Opportunity.X__c", json!({ "type": "Date" }), "FIELD_INTEGRITY_EXCEPTION"),
        ("Opportunity.X", json!({ "label": "X", "type": "Date" }), "INVALID_FULL_NAME"),
        ("Nonsense.X__c", json!({ "label": "X", "type": "Date" }), "INVALID_CROSS_REFERENCE_KEY"),
    ];
    for (name, metadata, code) in cases {
        let body = json!({ "FullName": name, "Metadata": metadata });
        world.post("tooling/sobjects/CustomField", body).await.refused(400, code);
    }
    world.get("tooling/sobjects").await.refused(501, "NOT_SIMULATED");
}

#[tokio::test]
async fn picklists_and_checkboxes_work_as_they_were_defined() {
    let world = bare().await;
    let help = json!({
        "FullName": "Opportunity.Help__c",
        "Metadata": { "label": "Help", "type": "Picklist", "valueSet": {
            "restricted": true,
            "valueSetDefinition": { "sorted": false, "value": [
                { "fullName": "A", "label": "Alpha", "default": true }, { "fullName": "B", "default": false },
            ] },
        } },
    });
    let sync = json!({
        "FullName": "Opportunity.Sync__c",
        "Metadata": { "label": "Sync", "type": "Checkbox", "defaultValue": "false" },
    });
    for body in [help, sync] {
        world.post("tooling/sobjects/CustomField", body).await.expect(201);
    }
    for field in ["Opportunity.Help__c", "Opportunity.Sync__c"] {
        world.grant(field).await;
    }
    let id = world.opportunity("x").await;
    let path = format!("sobjects/Opportunity/{id}");
    let read = world.get(&path).await.json();
    assert_eq!((&read["Help__c"], &read["Sync__c"]), (&json!("A"), &json!(false)));
    world
        .patch(&path, json!({ "Help__c": "C" }))
        .await
        .refused(400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST");
    world.patch(&path, json!({ "Help__c": "B", "Sync__c": true })).await.expect(204);
}

#[tokio::test]
async fn an_object_with_its_fields_is_made_by_the_metadata_api() {
    let world = bare().await;
    let object = "<urn:createMetadata><urn:metadata xsi:type=\"urn:CustomObject\">\
        <urn:fullName>Microsoft_Solution__c</urn:fullName><urn:label>Microsoft Solution</urn:label>\
        <urn:pluralLabel>Microsoft Solutions</urn:pluralLabel><urn:deploymentStatus>Deployed</urn:deploymentStatus>\
        <urn:sharingModel>ControlledByParent</urn:sharingModel>\
        <urn:nameField><urn:type>AutoNumber</urn:type><urn:label>Name</urn:label></urn:nameField>\
        </urn:metadata></urn:createMetadata>";
    let (status, answer) = world.soap("m", object).await;
    assert_eq!((status, element(&answer, "success")), (200, Some("true")), "{answer}");
    let (_, again) = world.soap("m", object).await;
    assert_eq!(element(&again, "statusCode"), Some("DUPLICATE_DEVELOPER_NAME"));

    let fields = "<urn:upsertMetadata>\
        <urn:metadata xsi:type=\"urn:CustomField\"><urn:fullName>Microsoft_Solution__c.Opportunity__c</urn:fullName>\
        <urn:label>Opportunity</urn:label><urn:type>MasterDetail</urn:type><urn:referenceTo>Opportunity</urn:referenceTo>\
        <urn:relationshipName>Microsoft_Solutions</urn:relationshipName></urn:metadata>\
        <urn:metadata xsi:type=\"urn:CustomField\">\
        <urn:fullName>Microsoft_Solution__c.Solution_Identifier__c</urn:fullName><urn:label>Solution Identifier</urn:label>\
        <urn:type>Text</urn:type><urn:length>255</urn:length></urn:metadata></urn:upsertMetadata>";
    for created in ["true", "false"] {
        let (_, answer) = world.soap("m", fields).await;
        assert_eq!(answer.matches(&format!("<created>{created}</created>")).count(), 2, "{answer}");
    }
    world.grant("Microsoft_Solution__c.Solution_Identifier__c").await;
    let deal = world.opportunity("x").await;
    let row = json!({ "Opportunity__c": deal, "Solution_Identifier__c": "SOL-1" });
    world.create("Microsoft_Solution__c", row).await;
    let query = "SELECT (SELECT Solution_Identifier__c FROM Microsoft_Solutions__r) FROM Opportunity";
    let found = world.records(query).await;
    assert_eq!(found[0]["Microsoft_Solutions__r"]["records"][0]["Solution_Identifier__c"], "SOL-1");
}
