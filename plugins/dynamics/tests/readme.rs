//! The operator's page names every setting and every column, as the code has them.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests, outside of a test function")]

use crosswalk_dynamics::{Account, Campaign, Contact, Currency, Lead, Opportunity, User, mapping};
use crosswalk_sdk::{
    contract::{EntityUse, FieldUse, Kind, Value},
    record::{ColumnName, Record},
    testing::{self, json},
};
use serde_json::Value as Json;

/// Columns whose names have no default, by the settings that name them.
const UNNAMED: [(&str, &str); 4] = [
    ("lost_reason_field", "new_lostreason"),
    ("sales_stage_field", "salesstage"),
    ("campaign_field", "campaignid"),
    ("owner_field", "owninguser"),
];

const PAGE: &str = include_str!("../README.md");

#[test]
fn every_setting_has_a_row_with_its_type_and_default() {
    let schema: Json = serde_json::from_str(&(mapping::plugin().describe)().settings_schema).unwrap();
    let columns: Vec<&str> = column_names().iter().filter_map(|column| column.setting).collect();
    let settings = schema["properties"].as_object().unwrap();
    assert!(settings.len() > columns.len());
    for (name, property) in settings.iter().filter(|(name, _)| !columns.contains(&name.as_str())) {
        let row = row(|cells| cells[0] == format!("`{name}`"))
            .unwrap_or_else(|| panic!("the setting `{name}` has no row"));
        assert_eq!(
            row[2],
            format!("`{}`", property["default"].to_string().replace("\"crm\"", "crm")),
            "{name}"
        );
        for word in words_of(property) {
            assert!(row[1].contains(&word), "`{name}` is {word}, not {}", row[1]);
        }
        assert!(!row[3].is_empty(), "`{name}` has no meaning");
    }
    // And nothing has a row that is no setting any more.
    for row in rows(section_of("Settings")).filter(|row| row[0].starts_with('`')) {
        assert!(settings.contains_key(row[0].trim_matches('`')), "{} is no setting", row[0]);
    }
}

#[test]
fn every_column_of_a_linked_table_has_a_row_with_its_type_direction_and_shape() {
    let products = json!({ "solutions_as_rows": false });
    for (with, entity, section) in [
        (json!({}), "opportunity", "The opportunity"),
        (products, "opportunity", "The opportunity"),
        (json!({}), "lead", "The lead"),
    ] {
        let _settings = all_columns(with);
        let manifest = (mapping::plugin().describe)();
        let used = manifest.entities.iter().find(|used| used.via.is_none() && used.entity == entity).unwrap();
        assert!(used.fields.len() > 20, "{entity}");
        for field in &used.fields {
            has_a_row(field, section);
        }
        for own in [&used.referral_key, &used.stamp] {
            let name = format!("`{}`", own.as_ref().unwrap());
            assert!(
                rows(section_of(section)).any(|cells| cells[1] == name),
                "{name} has no row in {section}"
            );
        }
    }
}

fn has_a_row(field: &FieldUse, section: &str) {
    let unnamed = UNNAMED.iter().find(|(_, name)| *name == field.name);
    let row = rows(section_of(section))
        .find(|cells| match unnamed {
            Some((setting, _)) => cells.last() == Some(&format!("`{setting}`").as_str()),
            None => cells.len() == 6 && cells[1] == format!("`{}`", field.name),
        })
        .unwrap_or_else(|| panic!("the column `{}` has no row in {section}", field.name));
    assert!(row[2].starts_with(&kind_of(field)), "`{}` is {}, not {}", field.name, kind_of(field), row[2]);
    assert_eq!(row[3].contains("mirror"), field.owned, "`{}`: {}", field.name, row[3]);
    assert_eq!(row[3].contains("only read"), !field.writes, "`{}`: {}", field.name, row[3]);
    for said in &field.more {
        match (said.name.as_str(), &said.value) {
            ("label", Value::Text(label)) => assert_eq!(row[0], label, "`{}`", field.name),
            ("length", Value::Integer(length)) => {
                assert!(row[2].ends_with(&format!(", {length}")), "`{}`: {}", field.name, row[2]);
            }
            _ => {}
        }
    }
}

/// From a heading to the next.
fn section_of(heading: &str) -> &'static str {
    let after = PAGE.split(&format!("\n## {heading}\n")).nth(1).unwrap();
    after.split("\n## ").next().unwrap()
}

/// Settings with which there are all columns that can be there at the same time.
fn all_columns(mut settings: Json) -> testing::Guard {
    for (setting, name) in UNNAMED {
        settings[setting] = name.into();
    }
    testing::settings(settings)
}

#[test]
fn every_column_of_a_related_table_has_a_row_with_its_type_and_use() {
    let _settings = all_columns(json!({}));
    let manifest = (mapping::plugin().describe)();
    let related: Vec<&EntityUse> = manifest.entities.iter().filter(|entity| entity.via.is_some()).collect();
    assert_eq!(related.len(), 5);
    for entity in related {
        for field in &entity.fields {
            let name = format!("{}.{}", entity.entity, field.name);
            let row = row(|cells| {
                cells[0] == format!("`{}`", entity.entity) && cells[1] == format!("`{}`", field.name)
            })
            .unwrap_or_else(|| panic!("the column `{name}` has no row"));
            assert!(row[2].starts_with(&kind_of(field)), "`{name}` is {}, not {}", kind_of(field), row[2]);
            assert_eq!(row[3].contains("only read"), !field.writes, "`{name}`: {}", row[3]);
            assert_eq!(row[3].contains("only written"), !field.reads, "`{name}`: {}", row[3]);
        }
    }
}

#[test]
fn every_setting_that_names_a_column_stands_beside_its_default() {
    let named: Vec<ColumnName> =
        column_names().into_iter().filter(|column| column.setting.is_some()).collect();
    assert!(named.len() > 10);
    for column in named {
        let setting = format!("`{}`", column.setting.unwrap());
        let row = row(|cells| cells.last() == Some(&setting.as_str()))
            .unwrap_or_else(|| panic!("{setting} is beside no column"));
        let default =
            if column.default.is_empty() { "none".to_owned() } else { format!("`{}`", column.default) };
        assert_eq!(row[1], default, "{setting}");
    }
}

/// All columns of all tables, and the host's own two.
fn column_names() -> Vec<ColumnName> {
    fn of<R: Record>() -> impl Iterator<Item = ColumnName> {
        R::columns().into_iter().map(|(_, column)| column.name).chain(R::key()).chain(R::stamp())
    }
    of::<Opportunity>()
        .chain(of::<Lead>())
        .chain(of::<Account>())
        .chain(of::<Contact>())
        .chain(of::<Currency>())
        .chain(of::<User>())
        .chain(of::<Campaign>())
        .collect()
}

/// What the page calls a kind.
fn kind_of(field: &FieldUse) -> String {
    match &field.kind {
        Kind::Text => "text".to_owned(),
        Kind::Flag => "flag".to_owned(),
        Kind::Integer => "integer".to_owned(),
        Kind::Decimal => "decimal".to_owned(),
        Kind::Date => "date".to_owned(),
        Kind::Texts => "rows".to_owned(),
        Kind::Reference(entity) => format!("reference to `{entity}`"),
        other => panic!("the page has no word for {other:?}"),
    }
}

/// What the page says of a setting's type: a word, or each option.
fn words_of(property: &Json) -> Vec<String> {
    if let Some(options) = property["enum"].as_array() {
        return options.iter().map(|option| format!("`{}`", option.as_str().unwrap())).collect();
    }
    let word = match property["type"].as_str().unwrap() {
        "boolean" => "flag",
        "integer" => "integer",
        "string" => "text",
        other => panic!("the page has no word for {other}"),
    };
    vec![word.to_owned()]
}

fn row(wanted: impl Fn(&[&str]) -> bool) -> Option<Vec<&'static str>> {
    rows(PAGE).find(|cells| wanted(cells))
}

/// The cells of every row of every table.
fn rows(page: &str) -> impl Iterator<Item = Vec<&str>> {
    let lines = page.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix('|'));
    lines.map(|line| line.split(" |").map(str::trim).collect::<Vec<&str>>())
}
