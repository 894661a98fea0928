//! Child rows: their relationship, reading them with their parent, and what becomes of them with it.

use crate::support::World;
use reqwest::Method;
use serde_json::{Value, json};

const CHILDREN: &str = "msft_microsoftsolutions";
const COLLECTION: &str = "msft_opportunity_microsoftsolution";

async fn solution(world: &World, opportunity: &str, text: &str) -> String {
    let body = json!({
        "msft_solutionidentifier": text,
        "msft_OpportunityId@odata.bind": format!("/opportunities({opportunity})"),
    });
    world.create(CHILDREN, body).await
}

#[tokio::test]
async fn the_lookups_of_a_table_are_told_with_the_names_of_both_ends() {
    let world = World::start().await;
    let select = "$select=ReferencingAttribute,ReferencedEntity,ReferencingEntityNavigationPropertyName,\
                  ReferencedEntityNavigationPropertyName";
    let expected = json!({
        "ReferencingAttribute": "msft_opportunityid",
        "ReferencedEntity": "opportunity",
        "ReferencingEntityNavigationPropertyName": "msft_OpportunityId",
        "ReferencedEntityNavigationPropertyName": COLLECTION,
    });
    let paths = [
        format!("EntityDefinitions(LogicalName='msft_microsoftsolution')/ManyToOneRelationships?{select}"),
        format!("EntityDefinitions(LogicalName='opportunity')/OneToManyRelationships?{select}"),
        format!(
            "RelationshipDefinitions/Microsoft.Dynamics.CRM.OneToManyRelationshipMetadata?{select}\
                 &$filter=ReferencingEntity eq 'msft_microsoftsolution'"
        ),
    ];
    for path in paths {
        let found = world.get(&path).await.expect(200).json();
        let rows = found["value"].as_array().unwrap();
        let mut row =
            rows.iter().find(|row| row["ReferencingAttribute"] == "msft_opportunityid").unwrap().clone();
        row.as_object_mut().unwrap().remove("MetadataId");
        assert_eq!(row, expected, "{path}");
    }
    let one =
        world.get(&format!("RelationshipDefinitions(SchemaName='{COLLECTION}')")).await.expect(200).json();
    assert_eq!(one["CascadeConfiguration"]["Delete"], "Cascade");
}

#[tokio::test]
async fn a_row_brings_its_expanded_children_and_a_list_of_rows_brings_links_to_them() {
    let world = World::start().await;
    let id = world.opportunity("x").await;
    solution(&world, &id, "SOL-1").await;
    solution(&world, &id, "SOL-2").await;
    solution(&world, &world.opportunity("y").await, "SOL-3").await;
    let expand = format!(
        "$expand={COLLECTION}($select=msft_solutionidentifier;$orderby=msft_solutionidentifier desc)"
    );
    let row = world.get(&format!("opportunities({id})?$select=name&{expand}")).await.expect(200).json();
    let texts = |rows: &Value| -> Vec<String> {
        let rows = rows.as_array().unwrap().iter();
        rows.map(|row| row["msft_solutionidentifier"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(texts(&row[COLLECTION]), ["SOL-2", "SOL-1"]);
    assert!(row[COLLECTION][0]["@odata.etag"].is_string());
    let rows = world.get(&format!("opportunities?$select=name&$filter=name eq 'x'&{expand}")).await.json();
    assert_eq!(rows["value"][0][COLLECTION], json!([]));
    let link = rows["value"][0][format!("{COLLECTION}@odata.nextLink")].as_str().unwrap();
    assert_eq!(texts(&world.get(link).await.expect(200).json()["value"]), ["SOL-2", "SOL-1"]);
}

#[tokio::test]
async fn children_find_a_parent_that_is_created_in_the_same_change_set_by_its_key() {
    let world = World::start().await;
    let part = |id: u8, request: &str, body: &Value| {
        format!(
            "--c\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\nContent-ID: {id}\r\n\r\n\
             {request}\r\nContent-Type: application/json\r\n\r\n{body}\r\n"
        )
    };
    let path = "opportunities(msft_referralidentifier='r-1')";
    let child = |text: &str| json!({"msft_solutionidentifier": text, "msft_OpportunityId@odata.bind": format!("/{path}")});
    let batch = |text: &str| {
        let parts = [
            part(
                1,
                &format!("PATCH /api/data/v9.2/{path} HTTP/1.1\r\nIf-None-Match: *"),
                &json!({"name": "x"}),
            ),
            part(2, &format!("POST /api/data/v9.2/{CHILDREN} HTTP/1.1"), &child(text)),
        ];
        format!(
            "--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n{}--c--\r\n\r\n--b--\r\n",
            parts.concat()
        )
    };
    let send = async |text: &str| {
        world.ask(Method::POST, "$batch").text("multipart/mixed; boundary=b", batch(text)).send().await
    };
    let too_long = send(&"x".repeat(101)).await;
    assert!(too_long.text.contains("0x80044331"), "{}", too_long.text);
    world.get(path).await.refused(404, "0x80060891");
    send("SOL-1").await.expect(200);
    let row = world.get(&format!("{path}?$expand={COLLECTION}")).await.expect(200).json();
    assert_eq!(row[COLLECTION][0]["msft_solutionidentifier"], "SOL-1");
}

#[tokio::test]
async fn children_go_with_their_parent_and_other_lookups_are_cleared() {
    let world = World::start().await;
    let account = world.create("accounts", json!({"name": "Contoso"})).await;
    let bind = json!({"name": "x", "parentaccountid@odata.bind": format!("/accounts({account})")});
    let id = world.create("opportunities", bind).await;
    let child = solution(&world, &id, "SOL-1").await;
    world.ask(Method::DELETE, &format!("accounts({account})")).send().await.expect(204);
    let row = world.get(&format!("opportunities({id})")).await.expect(200).json();
    assert_eq!(row["_parentaccountid_value"], Value::Null);
    world.ask(Method::DELETE, &format!("opportunities({id})")).send().await.expect(204);
    world.get(&format!("{CHILDREN}({child})")).await.refused(404, "0x80040217");
}

#[tokio::test]
async fn an_unprovisioned_organisation_has_nothing_of_co_selling_and_begins_empty() {
    let world = World::start().await;
    world.opportunity("x").await;
    world.switch(json!({"unprovisioned": true})).await;
    assert_eq!(world.get("opportunities/$count").await.text, "0");
    world.get(CHILDREN).await.refused(404, "0x80060888");
    world.get("opportunities?$select=msft_audit").await.refused(400, "0x80060888");
    let keys = world.get("EntityDefinitions(LogicalName='opportunity')/Keys").await.json();
    assert_eq!(keys["value"], json!([]));
    let tracked =
        world.get("EntityDefinitions(LogicalName='lead')?$select=ChangeTrackingEnabled").await.json();
    assert_eq!(tracked["ChangeTrackingEnabled"], false);
    world.switch(json!({"keyActivationLooks": 1})).await;
    world.get(CHILDREN).await.refused(404, "0x80060888");
    world.switch(json!({"unprovisioned": false})).await;
    world.get(CHILDREN).await.expect(200);
}
