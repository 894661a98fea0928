//! Columns: what one is to be like, how that is said to Dataverse, and how one that is there differs.

use std::collections::{BTreeMap, BTreeSet};

use crosswalk_engine::{
    mapping::FieldUse,
    value::{Kind, Value},
};
use serde_json::{Value as Json, json};

use super::{Run, definition, label};
use crate::fault::Fault;

/// The longest text of a `String` column. docs: 4,000; anything longer is a `Memo`.
const STRING_MAX: u32 = 4_000;
/// The length of a text whose declaration says none.
const TEXT_LENGTH: u32 = 100;
/// The length of JSON whose declaration says none.
const JSON_LENGTH: u32 = 10_000;

/// A column as the manifest needs it.
pub(super) struct Wanted {
    pub(super) name: String,
    label: String,
    holds: Holds,
    writes: bool,
    /// The length was asked for, and is not only our choice for a new column.
    length_matters: bool,
}

/// What a column holds.
enum Holds {
    Text(u32),
    Flag,
    Integer,
    Choice(Vec<(i32, String)>),
    Money,
    Date,
    Instant,
    Lookup(String),
    Choices,
}

/// A column as it is there.
pub(super) struct Held {
    kind: String,
    secured: bool,
    updatable: bool,
    length: Option<u64>,
    options: Option<BTreeSet<i64>>,
    is_day: Option<bool>,
}

impl Wanted {
    pub(super) fn of(field: &FieldUse) -> Wanted {
        let text = |default: u32| Holds::Text(field.length.unwrap_or(default));
        let codes: Option<Vec<(i32, String)>> = field
            .choices
            .iter()
            .map(|choice| match choice.value {
                Value::Integer(code) => Some((code, choice.label.clone())),
                _ => None,
            })
            .collect();
        let holds = match &field.kind {
            Kind::Text => text(TEXT_LENGTH),
            Kind::Json => text(JSON_LENGTH),
            Kind::Flag => Holds::Flag,
            Kind::Integer => match codes {
                Some(codes) if !codes.is_empty() => Holds::Choice(codes),
                _ => Holds::Integer,
            },
            Kind::Decimal => Holds::Money,
            Kind::Date => Holds::Date,
            Kind::Instant => Holds::Instant,
            Kind::Texts => Holds::Choices,
            Kind::Reference(target) => Holds::Lookup(target.clone()),
        };
        Wanted {
            name: field.name.clone(),
            label: field.label.clone().unwrap_or_else(|| field.name.clone()),
            holds,
            writes: field.writes,
            length_matters: field.length.is_some(),
        }
    }

    /// A text column of the host's own.
    pub(super) fn own(name: &str, label: &str) -> Wanted {
        let (name, label) = (name.to_owned(), label.to_owned());
        Wanted { name, label, holds: Holds::Text(TEXT_LENGTH), writes: true, length_matters: true }
    }

    /// The lookup of a child table to its record.
    pub(super) fn lookup(name: &str, label: &str, target: &str) -> Wanted {
        let holds = Holds::Lookup(target.to_owned());
        Wanted { name: name.to_owned(), label: label.to_owned(), holds, writes: true, length_matters: false }
    }

    /// The column in words.
    pub(super) fn what(&self, table: &str) -> String {
        let holds = match &self.holds {
            Holds::Text(length) if self.length_matters => format!("text, {length}"),
            Holds::Text(_) => "text".to_owned(),
            Holds::Flag => "yes or no".to_owned(),
            Holds::Integer => "whole number".to_owned(),
            Holds::Choice(options) => format!("choice, {} options", options.len()),
            Holds::Money => "currency".to_owned(),
            Holds::Date => "date only".to_owned(),
            Holds::Instant => "date and time".to_owned(),
            Holds::Lookup(target) => format!("lookup to {target}"),
            Holds::Choices => "choices".to_owned(),
        };
        format!("column {} of {table} ({holds})", self.name)
    }

    /// The column as `POST …/Attributes` takes it; `None` for one that is made otherwise.
    pub(super) fn definition(&self, language: u32) -> Option<Json> {
        let option = |(value, text): &(i32, String)| json!({"Value": value, "Label": label(text, language)});
        let flag = |value: i32, text: &str| json!({"Value": value, "Label": label(text, language)});
        let (kind, more) = match &self.holds {
            Holds::Text(length) if *length <= STRING_MAX => {
                ("String", json!({"MaxLength": length, "FormatName": {"Value": "Text"}}))
            }
            Holds::Text(length) => ("Memo", json!({"MaxLength": length, "Format": "TextArea"})),
            Holds::Flag => (
                "Boolean",
                json!({"DefaultValue": false, "OptionSet": {
                    "TrueOption": flag(1, "Yes"), "FalseOption": flag(0, "No"), "OptionSetType": "Boolean",
                }}),
            ),
            Holds::Integer => {
                ("Integer", json!({"MinValue": i32::MIN, "MaxValue": i32::MAX, "Format": "None"}))
            }
            Holds::Choice(options) => (
                "Picklist",
                json!({"OptionSet": {
                    "@odata.type": "Microsoft.Dynamics.CRM.OptionSetMetadata", "IsGlobal": false,
                    "OptionSetType": "Picklist", "Options": options.iter().map(option).collect::<Vec<_>>(),
                }}),
            ),
            Holds::Money => ("Money", json!({"PrecisionSource": 2})),
            Holds::Date => {
                ("DateTime", json!({"Format": "DateOnly", "DateTimeBehavior": {"Value": "DateOnly"}}))
            }
            Holds::Instant => {
                ("DateTime", json!({"Format": "DateAndTime", "DateTimeBehavior": {"Value": "UserLocal"}}))
            }
            Holds::Lookup(_) | Holds::Choices => return None,
        };
        let mut body = self.common(kind, language);
        if let (Some(body), Json::Object(more)) = (body.as_object_mut(), more) {
            body.extend(more);
        }
        Some(body)
    }

    /// The lookup as `POST RelationshipDefinitions` takes it; `None` for anything else. `delete` is what becomes of a
    /// row whose record is deleted: `Cascade` or `RemoveLink`.
    pub(super) fn relationship(&self, table: &str, language: u32, delete: &str) -> Option<Json> {
        let Holds::Lookup(target) = &self.holds else { return None };
        Some(json!({
            "@odata.type": "Microsoft.Dynamics.CRM.OneToManyRelationshipMetadata",
            "SchemaName": format!("{}_{target}_{table}", prefix(&self.name)),
            "ReferencedEntity": target,
            "ReferencingEntity": table,
            "CascadeConfiguration": {
                "Assign": "NoCascade", "Delete": delete, "Merge": "NoCascade", "Reparent": "NoCascade",
                "Share": "NoCascade", "Unshare": "NoCascade",
            },
            "AssociatedMenuConfiguration": {"Behavior": "UseCollectionName", "Group": "Details", "Order": 10000},
            "Lookup": self.common("Lookup", language),
        }))
    }

    fn common(&self, kind: &str, language: u32) -> Json {
        json!({
            "@odata.type": format!("Microsoft.Dynamics.CRM.{kind}AttributeMetadata"),
            "AttributeType": kind,
            "AttributeTypeName": {"Value": format!("{kind}Type")},
            "SchemaName": self.name,
            "DisplayName": label(&self.label, language),
            "Description": label("Kept by Crosswalk", language),
            "RequiredLevel": {
                "Value": "None", "CanBeChanged": true,
                "ManagedPropertyLogicalName": "canmodifyrequirementlevelsettings",
            },
        })
    }

    /// How the column that is there is not what is needed, and what to do.
    pub(super) fn difference(&self, held: &Held) -> Option<String> {
        let fits: &[&str] = match &self.holds {
            Holds::Text(_) => &["String", "Memo"],
            Holds::Flag => &["Boolean"],
            Holds::Integer => &["Integer", "BigInt", "Picklist", "State", "Status"],
            Holds::Choice(_) => &["Picklist", "State", "Status"],
            Holds::Money => &["Money", "Decimal", "Double"],
            Holds::Date | Holds::Instant => &["DateTime"],
            Holds::Lookup(_) => &["Lookup", "Customer", "Owner"],
            Holds::Choices => &["Virtual"],
        };
        if !fits.contains(&held.kind.as_str()) {
            let fits = fits.join(" or ");
            return Some(format!(
                "it is of type {}, and {fits} is needed; name another column in the plugin's settings",
                held.kind
            ));
        }
        if held.secured {
            return Some(
                "column security hides it from the application user: give the user a column security profile with Read \
                 and Update (Power Platform admin center → the environment → Settings → Users + permissions → Column \
                 security profiles)"
                    .to_owned(),
            );
        }
        if self.writes && !held.updatable {
            return Some("it cannot be written; name another column in the plugin's settings".to_owned());
        }
        match (&self.holds, held) {
            (Holds::Text(wanted), Held { length: Some(length), .. })
                if self.length_matters && *length < u64::from(*wanted) =>
            {
                Some(format!(
                    "it holds {length} characters, and {wanted} are needed: make.powerapps.com → Tables → Columns → \
                     Maximum character count"
                ))
            }
            (Holds::Choice(wanted), Held { options: Some(options), .. }) => {
                let lacking = wanted.iter().filter(|(code, _)| !options.contains(&i64::from(*code)));
                let lacking: Vec<String> = lacking.map(|(code, text)| format!("{code} {text}")).collect();
                (!lacking.is_empty()).then(|| {
                    format!(
                        "it lacks the choices {}: make.powerapps.com → Tables → Columns → Choices",
                        lacking.join(", ")
                    )
                })
            }
            (Holds::Date, Held { is_day: Some(false), .. }) => Some(
                "it holds a time of day, which shifts with the user's time zone: make.powerapps.com → Tables → Columns → \
                 Time zone adjustment: Date only"
                    .to_owned(),
            ),
            _ => None,
        }
    }
}

impl Run<'_> {
    /// The columns that a table has, with as much as is needed to compare them with the wanted ones.
    pub(super) async fn held(&self, table: &str, wanted: &[Wanted]) -> Result<BTreeMap<String, Held>, Fault> {
        let path = format!("{}/Attributes", definition(table));
        let select = "LogicalName,AttributeType,IsSecured,IsValidForUpdate".to_owned();
        let mut held = BTreeMap::new();
        for row in self.look_at_all(&path, &[("$select", select)]).await? {
            let text = |name: &str| row.get(name).and_then(Json::as_str).map(str::to_owned);
            let flag = |name: &str, default| row.get(name).and_then(Json::as_bool).unwrap_or(default);
            let (Some(name), Some(kind)) = (text("LogicalName"), text("AttributeType")) else { continue };
            let column = Held {
                kind,
                secured: flag("IsSecured", false),
                updatable: flag("IsValidForUpdate", true),
                length: None,
                options: None,
                is_day: None,
            };
            held.insert(name, column);
        }
        let is_there = |column: &&Wanted| held.contains_key(&column.name);
        let (mut lengths, mut options, mut days) = (false, false, false);
        for column in wanted.iter().filter(is_there) {
            match column.holds {
                Holds::Text(_) => lengths |= column.length_matters,
                Holds::Choice(_) => options = true,
                Holds::Date => days = true,
                _ => {}
            }
        }
        if lengths {
            for kind in ["String", "Memo"] {
                self.more(&path, kind, "LogicalName,MaxLength", &mut held, |column, row| {
                    column.length = row.get("MaxLength").and_then(Json::as_u64);
                })
                .await?;
            }
        }
        if options {
            self.more(&path, "Picklist", "LogicalName", &mut held, |column, row| {
                let options = row.pointer("/OptionSet/Options").and_then(Json::as_array);
                let code = |option: &Json| option.get("Value").and_then(Json::as_i64);
                column.options = options.map(|options| options.iter().filter_map(code).collect());
            })
            .await?;
        }
        if days {
            self.more(&path, "DateTime", "LogicalName,DateTimeBehavior", &mut held, |column, row| {
                let behaviour = row.pointer("/DateTimeBehavior/Value").and_then(Json::as_str);
                column.is_day = behaviour.map(|behaviour| behaviour == "DateOnly");
            })
            .await?;
        }
        Ok(held)
    }

    /// What only the metadata of one kind of column tells.
    async fn more(
        &self,
        path: &str,
        kind: &str,
        select: &str,
        held: &mut BTreeMap<String, Held>,
        take: impl Fn(&mut Held, &Json),
    ) -> Result<(), Fault> {
        let path = format!("{path}/Microsoft.Dynamics.CRM.{kind}AttributeMetadata");
        let mut options = vec![("$select", select.to_owned())];
        if kind == "Picklist" {
            options.push(("$expand", "OptionSet($select=Options)".to_owned()));
        }
        for row in self.look_at_all(&path, &options).await? {
            let name = row.get("LogicalName").and_then(Json::as_str).unwrap_or_default();
            if let Some(column) = held.get_mut(name) {
                take(column, &row);
            }
        }
        Ok(())
    }
}

/// The publisher's prefix of a name.
pub(super) fn prefix(name: &str) -> &str {
    name.split_once('_').map_or(name, |(prefix, _)| prefix)
}
