//! Each rule of a manifest, broken once.

use crosswalk_engine::mapping::{Choice, FieldUse, Rows};

use super::*;

fn field(name: &str, kind: Kind) -> FieldUse {
    FieldUse::new(name, kind)
}

fn offered(value: Value) -> Choice {
    Choice { value, label: "Gold".to_owned() }
}

fn rows() -> Option<Rows> {
    let [entity, parent, column] = ["solution", "opportunityid", "identifier"].map(str::to_owned);
    Some(Rows { entity, parent, column })
}

fn sound() -> Manifest {
    let opportunity = EntityUse {
        entity: "opportunity".to_owned(),
        via: None,
        fields: vec![
            field("name", Kind::Text),
            field("parentaccountid", Kind::Reference("account".to_owned())),
            FieldUse { rows: rows(), ..field("solutions", Kind::Texts) },
        ],
        referral_key: Some("new_referralid".to_owned()),
        stamp: Some("new_stamp".to_owned()),
    };
    let account = EntityUse {
        entity: "account".to_owned(),
        via: Some("parentaccountid".to_owned()),
        fields: vec![field("name", Kind::Text)],
        referral_key: None,
        stamp: None,
    };
    Manifest {
        name: "contoso".to_owned(),
        version: "1.0.0".to_owned(),
        crm: "dynamics".to_owned(),
        entities: vec![opportunity, account],
        lookups: Vec::new(),
        settings_schema: String::new(),
    }
}

#[test]
fn a_sound_manifest_has_no_problems() {
    assert_eq!(problems(&sound()), Vec::<String>::new());
}

#[test]
fn each_broken_rule_is_one_problem_that_names_the_place() {
    type Break = fn(&mut Manifest);
    let cases: [(Break, &str); 22] = [
        (|manifest| manifest.name.clear(), "its name"),
        (|manifest| manifest.crm = "a\nb".to_owned(), "its crm"),
        (|manifest| manifest.entities[0].referral_key = None, "`opportunity` has no `referral-key`"),
        (|manifest| manifest.entities[0].via = Some("x".to_owned()), "no entity that is linked"),
        (
            |manifest| manifest.entities.push(manifest.entities[1].clone()),
            "`account via parentaccountid` is declared",
        ),
        (
            |manifest| manifest.entities[0].fields.push(field("name", Kind::Text)),
            "`opportunity.name` is declared twice",
        ),
        (|manifest| manifest.entities[0].fields[0].name.clear(), "a field of `opportunity` has no name"),
        (|manifest| manifest.entities[1].stamp = Some("s".to_owned()), "which only linked entities have"),
        (
            |manifest| {
                manifest.entities[0].fields[0].owned = true;
                manifest.entities[0].fields[0].writes = false;
            },
            "owned but not as written",
        ),
        (|manifest| manifest.entities[0].stamp = Some("name".to_owned()), "written by the host alone"),
        (
            |manifest| manifest.entities[0].stamp = Some("new_referralid".to_owned()),
            "both the referral key and the stamp",
        ),
        (
            |manifest| manifest.entities[0].fields.push(field("new_referralid", Kind::Integer)),
            "`opportunity.new_referralid`, the referral-key, is not declared as text",
        ),
        (|manifest| manifest.entities[0].fields[1].kind = Kind::Text, "not declared as a reference to it"),
        (
            |manifest| manifest.entities[1].fields.push(field("owner", Kind::Reference(String::new()))),
            "`account.owner` is a reference to no entity",
        ),
        (
            |manifest| manifest.lookups = vec![manifest.entities[1].clone(), manifest.entities[1].clone()],
            "the lookup of `account` is declared twice",
        ),
        (|manifest| manifest.entities[0].fields[1].length = Some(5), "has a length and is no text"),
        (|manifest| manifest.entities[0].fields[0].label = Some("a\nb".to_owned()), "or not plain text"),
        (
            |manifest| manifest.entities[0].fields[0].choices = vec![offered(Value::Integer(1))],
            "`opportunity.name` offers `Gold`, which is not of its kind",
        ),
        (
            |manifest| {
                let gold = offered(Value::Text("gold".to_owned()));
                manifest.entities[0].fields[0].choices = vec![gold.clone(), gold];
            },
            "offers the value of `Gold` twice",
        ),
        (|manifest| manifest.entities[0].fields[0].rows = rows(), "is kept as rows and is no list of texts"),
        (
            |manifest| {
                let list = FieldUse { rows: rows(), ..field("list", Kind::Texts) };
                manifest.entities[1].fields.push(list);
            },
            "only a linked entity's lists",
        ),
        (
            |manifest| manifest.entities[0].fields[0].choices = vec![offered(Value::Flag(true))],
            "not of its kind",
        ),
    ];
    for (break_it, expected) in cases {
        let mut manifest = sound();
        break_it(&mut manifest);
        let found = problems(&manifest);
        assert!(found.iter().any(|problem| problem.contains(expected)), "{expected} in {found:?}");
    }
}
