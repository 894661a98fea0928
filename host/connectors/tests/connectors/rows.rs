//! Lists that Dataverse keeps as child rows of the record.

use crosswalk_connectors::dynamics::Dynamics;
use crosswalk_engine::{
    mapping::{FieldUse, Manifest, Rows},
    pass::{Seen, SystemRefusal},
    value::{Fields, Kind, Value},
};
use serde_json::{Value as Json, json};

use crate::{
    close::{all_done, failed},
    dynamics::{ID, error, key},
    server::{Reply, Server, dynamics_with, manifest, reply},
};

const ROW_A: &str = "00000000-0000-0000-0000-00000000000a";
const ROW_B: &str = "00000000-0000-0000-0000-00000000000b";
const ROW_C: &str = "00000000-0000-0000-0000-00000000000c";

pub(crate) fn with_solutions() -> Manifest {
    let mut manifest = manifest();
    manifest.entities.retain(|use_| use_.via.is_none());
    let rows = Rows {
        entity: "cosell_solution".into(),
        parent: "cosell_opportunityid".into(),
        column: "cosell_solutionid".into(),
    };
    let list = FieldUse { rows: Some(rows), ..FieldUse::new("solutions", Kind::Texts) };
    manifest.entities[0].fields = vec![FieldUse::new("name", Kind::Text), list];
    manifest
}

fn client(server: &Server) -> Dynamics {
    dynamics_with(&server.url, with_solutions())
}

/// What is asked once: the lookups of the child table, and its entity set.
pub(crate) fn metadata() -> Vec<Reply> {
    let relation = |column: &str, target: &str, navigation: &str, collection: &str| {
        json!({
            "ReferencingAttribute": column, "ReferencedEntity": target,
            "ReferencingEntityNavigationPropertyName": navigation,
            "ReferencedEntityNavigationPropertyName": collection,
        })
    };
    let relations = json!({"value": [
        relation("ownerid", "systemuser", "ownerid", "user_cosell_solution"),
        relation("cosell_opportunityid", "opportunity", "cosell_OpportunityId", "cosell_opportunity_solutions"),
    ]});
    let definition = json!({"value": [{"LogicalName": "cosell_solution", "EntitySetName": "cosell_solutions",
        "PrimaryIdAttribute": "cosell_solutionid_pk"}]});
    vec![reply(200, relations), reply(200, definition)]
}

fn row(id: &str, text: Option<&str>) -> Json {
    json!({"@odata.etag": format!("W/\"r{}\"", &id[35..]), "cosell_solutionid_pk": id, "cosell_solutionid": text})
}

fn record(etag: &str, rows: &[Json]) -> Reply {
    reply(
        200,
        json!({"@odata.etag": etag, "opportunityid": ID, "name": "Deal", "cosell_opportunity_solutions": rows}),
    )
}

fn solutions(texts: &[&str]) -> Fields {
    let texts = texts.iter().map(|text| (*text).to_owned()).collect();
    [("solutions".to_owned(), Value::Texts(texts)), ("cosell_stamp".to_owned(), Value::Text("s1".into()))]
        .into()
}

fn refused(seen: Seen) -> SystemRefusal {
    let Seen::Refused(refusal) = seen else { panic!("not refused: {seen:?}") };
    refusal
}

#[tokio::test]
async fn child_rows_come_with_the_record_and_are_part_of_its_version() {
    let both = [row(ROW_B, Some("SOL-2")), row(ROW_A, Some("SOL-1")), row(ROW_C, None)];
    let changed = [row(ROW_B, Some("SOL-2")), row(ROW_A, Some("SOL-9"))];
    let mut script = metadata();
    script.extend([record("W/\"7\"", &both), record("W/\"7\"", &both), record("W/\"7\"", &changed)]);
    let server = Server::answering(script).await;
    let client = client(&server);
    let mut versions = Vec::new();
    for _ in 0..3 {
        let found = client.read(&key()).await.unwrap().found().unwrap();
        versions.push(found.version);
        let Value::Texts(texts) = &found.value.fields["solutions"] else { panic!("not a list") };
        assert_eq!(texts.len(), 2, "a row without a text is somebody's half-finished one");
        assert_eq!(texts[0], "SOL-2", "in the order of the answer");
    }
    assert!(versions[0].starts_with("W/\"7\" "), "{}", versions[0]);
    assert_eq!(versions[0], versions[1]);
    assert_ne!(versions[0], versions[2], "the record's own eTag does not tell");
    let lines = server.lines();
    assert!(lines[0].starts_with(
        "GET /api/data/v9.2/EntityDefinitions(LogicalName='cosell_solution')/ManyToOneRelationships?$select="
    ));
    assert_eq!(
        lines[2],
        format!(
            "GET /api/data/v9.2/opportunities({ID})?$select=cosell_referralid,cosell_stamp,name\
             &$expand=cosell_opportunity_solutions($select=cosell_solutionid,createdon;$orderby=createdon%20asc)"
        )
    );
    assert_eq!(lines.len(), 5, "the names are asked for once");
}

#[tokio::test]
async fn rows_that_did_not_all_come_along_are_asked_for() {
    let mut cut = json!({"@odata.etag": "W/\"7\"", "opportunityid": ID, "cosell_opportunity_solutions": []});
    cut["cosell_opportunity_solutions@odata.nextLink"] = json!("https://elsewhere.example/more");
    let rows = json!({"value": [row(ROW_A, Some("SOL-1"))]});
    let mut script = metadata();
    script.extend([reply(200, cut), reply(200, rows)]);
    let server = Server::answering(script).await;
    let found = client(&server).read(&key()).await.unwrap().found().unwrap();
    assert_eq!(found.value.fields["solutions"], Value::Texts(vec!["SOL-1".into()]));
    assert_eq!(
        server.lines()[3],
        format!(
            "GET /api/data/v9.2/cosell_solutions?$select=cosell_solutionid,createdon\
             &$filter=_cosell_opportunityid_value%20eq%20{ID}&$orderby=createdon%20asc"
        )
    );
}

#[tokio::test]
async fn rows_are_made_and_deleted_in_one_change_set_with_the_record_and_one_that_stays_is_not_touched() {
    let held = [row(ROW_A, Some("SOL-1")), row(ROW_B, Some("SOL-2"))];
    let after = [row(ROW_B, Some("SOL-2")), row(ROW_C, Some("SOL-3"))];
    let mut script = metadata();
    script.extend([
        record("W/\"7\"", &held),
        record("W/\"7\"", &held),
        all_done(3),
        record("W/\"8\"", &after),
    ]);
    let server = Server::answering(script).await;
    let client = client(&server);
    let version = client.read(&key()).await.unwrap().found().unwrap().version;
    let wanted = solutions(&["SOL-2", "SOL-3"]);
    let Seen::Written { version, .. } = client.update(&key(), &wanted, &[], &version).await.unwrap() else {
        panic!("not written")
    };
    assert!(version.starts_with("W/\"8\" "), "{version}");
    let asked = server.asked();
    let batch = &asked[4];
    assert_eq!(batch.line, "POST /api/data/v9.2/$batch");
    let at =
        |text: &str| batch.body.find(text).unwrap_or_else(|| panic!("`{text}` is not in {}", batch.body));
    let patch = at(&format!("PATCH /api/data/v9.2/opportunities({ID}) HTTP/1.1\r\nIf-Match: W/\"7\"\r\n"));
    let delete = at(&format!(
        "DELETE /api/data/v9.2/cosell_solutions({ROW_A}) HTTP/1.1\r\nIf-Match: W/\"ra\"\r\n\r\n"
    ));
    let create = at("POST /api/data/v9.2/cosell_solutions HTTP/1.1\r\n");
    assert!(patch < delete && delete < create, "the record's version is looked at first");
    at("{\"cosell_stamp\":\"s1\"}");
    at(&format!(
        "{{\"cosell_OpportunityId@odata.bind\":\"/opportunities({ID})\",\"cosell_solutionid\":\"SOL-3\"}}"
    ));
    assert!(!batch.body.contains(ROW_B), "{}", batch.body);
}

#[tokio::test]
async fn rows_that_somebody_changed_since_they_were_read_are_stale() {
    let held = [row(ROW_A, Some("SOL-1"))];
    let grown = [row(ROW_A, Some("SOL-1")), row(ROW_B, Some("SOL-2"))];
    let mut script = metadata();
    script.extend([
        record("W/\"7\"", &held),
        record("W/\"7\"", &grown),
        record("W/\"8\"", &held),
        record("W/\"7\"", &held),
        failed(412, "0x80060882", "The version of the existing record doesn't match"),
        record("W/\"7\"", &held),
        failed(404, "0x80040217", &format!("cosell_solution With Id = {ROW_A} Does Not Exist")),
    ]);
    let server = Server::answering(script).await;
    let client = client(&server);
    let version = client.read(&key()).await.unwrap().found().unwrap().version;
    for why in
        ["a row more", "the record itself", "a row that changes meanwhile", "a row that goes meanwhile"]
    {
        let seen = client.update(&key(), &solutions(&["SOL-9"]), &[], &version).await.unwrap();
        assert_eq!(seen, Seen::Stale, "{why}");
    }
}

#[tokio::test]
async fn a_list_that_holds_already_is_a_plain_patch_and_other_fields_never_look_at_rows() {
    let held = [row(ROW_A, Some("SOL-1"))];
    let written = reply(200, json!({"@odata.etag": "W/\"8\"", "opportunityid": ID}));
    let mut script = metadata();
    script.extend([record("W/\"7\"", &held), record("W/\"7\"", &held), written.clone(), written]);
    let server = Server::answering(script).await;
    let client = client(&server);
    let version = client.read(&key()).await.unwrap().found().unwrap().version;
    let print = version.split_once(' ').unwrap().1;
    let name: Fields = [("name".to_owned(), Value::Text("New".into()))].into();
    for fields in [solutions(&["SOL-1"]), name] {
        let seen = client.update(&key(), &fields, &[], &version).await.unwrap();
        assert_eq!(seen, Seen::Written { version: format!("W/\"8\" {print}"), key: Some(key()) });
    }
    assert!(server.lines()[4].starts_with("PATCH ") && server.lines()[5].starts_with("PATCH "));
    assert_eq!(server.asked()[5].header("if-match"), "W/\"7\"");
}

#[tokio::test]
async fn a_record_is_created_together_with_its_rows_and_found_again_by_its_key() {
    let rows = [row(ROW_A, Some("SOL-1"))];
    let mut script = metadata();
    script.extend([all_done(2), record("W/\"1\"", &rows), failed(412, "0x80060892", "exists already")]);
    let server = Server::answering(script).await;
    let client = client(&server);
    let create = async || {
        client.create("opportunity", "cosell_referralid", "r1", &solutions(&["SOL-1"]), &[]).await.unwrap()
    };
    let Seen::Written { version, key: Some(created) } = create().await else { panic!("not created") };
    assert_eq!(created, key());
    assert!(version.starts_with("W/\"1\" "), "{version}");
    let batch = &server.asked()[2].body;
    let patch = "PATCH /api/data/v9.2/opportunities(cosell_referralid='r1') HTTP/1.1\r\nIf-None-Match: *\r\n";
    assert!(batch.contains(patch), "{batch}");
    assert!(
        batch.contains(r#""cosell_OpportunityId@odata.bind":"/opportunities(cosell_referralid='r1')""#),
        "{batch}"
    );
    assert!(server.lines()[3].starts_with("GET /api/data/v9.2/opportunities(cosell_referralid='r1')?"));
    assert_eq!(create().await, Seen::Stale);
}

#[tokio::test]
async fn a_record_that_was_created_without_rows_reads_at_the_version_that_was_told() {
    let created = reply(201, json!({"@odata.etag": "W/\"1\"", "opportunityid": ID}));
    let mut script = vec![created];
    script.extend(metadata());
    script.push(record("W/\"1\"", &[]));
    let server = Server::answering(script).await;
    let client = client(&server);
    let seen = client.create("opportunity", "cosell_referralid", "r1", &solutions(&[]), &[]).await.unwrap();
    let read = client.read(&key()).await.unwrap().found().unwrap();
    assert_eq!(seen, Seen::Written { version: read.version, key: Some(key()) });
}

#[tokio::test]
async fn a_refused_row_is_told_as_its_list() {
    let held = [row(ROW_A, Some("SOL-1"))];
    let too_long = "A validation error occurred. The length of the 'cosell_solutionid' attribute of the \
                    'cosell_solution' entity exceeded the maximum allowed length of '100'.";
    let lacking = "Principal user is missing prvCreatecosell_solution privilege for 'cosell_solution'";
    let mut script = metadata();
    script.extend([
        record("W/\"7\"", &held),
        failed(400, "0x80044331", too_long),
        record("W/\"7\"", &held),
        failed(403, "0x80040220", lacking),
    ]);
    let server = Server::answering(script).await;
    let client = client(&server);
    for _ in 0..2 {
        let seen = client.update(&key(), &solutions(&["SOL-9"]), &[], "W/\"7\"").await.unwrap();
        assert_eq!(refused(seen).fields, ["solutions"]);
    }
}

#[tokio::test]
async fn a_child_table_that_is_not_there_is_told_with_what_to_do() {
    let none = error("0x80060888", "Could not find an entity with the specified entity name");
    let server = Server::answering(vec![reply(404, none), reply(200, json!({"value": []}))]).await;
    let client = client(&server);
    for problem in ["no table `cosell_solution`", "no lookup `cosell_solution.cosell_opportunityid`"] {
        let fault = client.read(&key()).await.unwrap_err();
        assert!(fault.reason().contains(problem), "{fault}");
        assert!(fault.reason().contains("crosswalk crm provision"), "{fault}");
    }
}
