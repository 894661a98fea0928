//! What the contract has no member for is read by name, and refused where it is not what the name stands for.

use super::{super::wire_values::Value as Wire, *};

fn said(named: Vec<(&str, Wire)>) -> Result<FieldUse, Vec<String>> {
    let more = named.into_iter().map(|(name, value)| Field { name: name.to_owned(), value }).collect();
    let declared = wire::FieldUse {
        name: "tier".to_owned(),
        kind: wire::Kind::Text,
        reads: true,
        writes: true,
        owned: false,
        more,
    };
    let mut problems = Vec::new();
    let field = field("opportunity", declared, &mut problems);
    if problems.is_empty() { Ok(field.unwrap()) } else { Err(problems) }
}

fn text(text: &str) -> Wire {
    Wire::Text(text.to_owned())
}

#[test]
fn a_column_is_described_by_the_names_that_the_contract_lists() {
    let field = said(vec![
        ("label", text("Tier")),
        ("length", Wire::Integer(40)),
        ("choices", Wire::Other(r#"[{"value":"g","label":"Gold"},{"value":7,"label":"Seven"}]"#.to_owned())),
        ("rows-entity", text("child")),
        ("rows-parent", text("parent")),
        ("rows-column", text("name")),
    ])
    .unwrap();
    assert_eq!((field.label.as_deref(), field.length), (Some("Tier"), Some(40)));
    let offered: Vec<(&Value, &str)> =
        field.choices.iter().map(|choice| (&choice.value, choice.label.as_str())).collect();
    assert_eq!(offered, [(&Value::Text("g".to_owned()), "Gold"), (&Value::Integer(7), "Seven")]);
    let rows = field.rows.unwrap();
    assert_eq!(
        (rows.entity.as_str(), rows.parent.as_str(), rows.column.as_str()),
        ("child", "parent", "name")
    );
}

#[test]
fn a_name_that_comes_later_disturbs_nothing() {
    assert_eq!(said(vec![("colour", Wire::Flag(true))]).unwrap(), said(Vec::new()).unwrap());
}

#[test]
fn nonsense_under_a_known_name_is_refused_with_the_columns_name() {
    let json = |json: &str| Wire::Other(json.to_owned());
    let cases = [
        ("label", Wire::Integer(1), "`label` that is not text"),
        ("label", text(""), "`label` that is not text"),
        ("length", Wire::Integer(0), "`length` that is no number"),
        ("length", text("40"), "`length` that is no number"),
        ("choices", json("{}"), "`choices` that are no JSON list"),
        ("choices", json(r#"[{"value":1}]"#), "`choices` that are no JSON list"),
        ("choices", json(r#"[{"value":4294967296,"label":"Much"}]"#), "`choices` that are no JSON list"),
        ("choices", json("not JSON"), "`choices` that are no JSON list"),
        ("rows-entity", Wire::Empty, "`rows-entity` that is not text"),
        ("rows-entity", text("child"), "needs `rows-entity`, `rows-parent` and `rows-column`"),
    ];
    for (name, value, expected) in cases {
        let problems = said(vec![(name, value)]).unwrap_err();
        assert!(
            problems[0].starts_with("`opportunity.tier` ") && problems[0].contains(expected),
            "{problems:?}"
        );
    }
}
