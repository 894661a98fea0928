//! Settings against their schema.

use serde_json::json;

use super::*;

fn accept(schema: &Json, settings: &Json) -> Result<Json, Vec<String>> {
    Schema::parse(&schema.to_string()).unwrap().accept(settings).map(Json::Object)
}

#[test]
fn a_plugin_without_settings_takes_none() {
    let schema = Schema::parse("  ").unwrap();
    assert_eq!(schema.accept(&json!({})), Ok(Map::new()));
    assert_eq!(schema.accept(&Json::Null), Ok(Map::new()));
    let problems = schema.accept(&json!({ "tier": "gold" })).unwrap_err();
    assert_eq!(problems, ["setting `tier` is given, but the plugin has no settings"]);
    assert_eq!(schema.accept(&json!([])).unwrap_err(), ["the settings are not a JSON object"]);
}

#[test]
fn defaults_are_filled_in_where_nothing_is_given() {
    let schema = json!({ "type": "object", "required": ["tier"], "properties": {
        "tier": { "type": "string", "default": "silver" },
        "limits": { "type": "object", "properties": { "seats": { "type": "integer", "default": 5 } } },
    } });
    assert_eq!(accept(&schema, &json!({})), Ok(json!({ "tier": "silver" })));
    let given = json!({ "tier": "gold", "limits": {} });
    assert_eq!(accept(&schema, &given), Ok(json!({ "tier": "gold", "limits": { "seats": 5 } })));
}

#[test]
fn every_wrong_setting_is_named_and_no_value_is_shown() {
    let schema = json!({ "type": "object", "required": ["tier"], "properties": {
        "tier": { "enum": ["gold", "silver"] },
        "limits": { "type": "object", "properties": { "seats": { "type": "integer" } } },
    } });
    let problems =
        accept(&schema, &json!({ "tier": "bronze-7", "limits": { "seats": "many-8" } })).unwrap_err();
    let words = problems.join("\n");
    assert!(words.contains("setting `tier`") && words.contains("setting `limits.seats`"), "{words}");
    assert!(!words.contains("bronze-7") && !words.contains("many-8"), "{words}");
    let missing = accept(&schema, &json!({})).unwrap_err();
    assert!(missing[0].contains("\"tier\""), "{missing:?}");
}

#[test]
fn a_mistyped_setting_is_found_unless_the_schema_is_open() {
    let mut schema = json!({ "properties": { "tier": {}, "seats": {} } });
    let problems = accept(&schema, &json!({ "teir": 1 })).unwrap_err();
    assert_eq!(problems, ["setting `teir` does not exist; there are `seats`, `tier`"]);
    schema["additionalProperties"] = json!(true);
    assert!(accept(&schema, &json!({ "teir": 1 })).is_ok());
}

#[test]
fn what_is_no_schema_or_wants_another_document_is_refused() {
    for text in ["{", "[]", "{\"type\": 7}", "{\"$ref\": \"https://example.com/schema.json\"}"] {
        assert!(Schema::parse(text).is_err(), "{text}");
    }
    // Look-around can take exponential time, and the pattern runs on the host.
    assert!(Schema::parse("{\"pattern\": \"^(?=a).*$\"}").is_err());
}
