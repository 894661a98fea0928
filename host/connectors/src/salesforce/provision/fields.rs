//! Fields: what the manifest wants of one, how it is made, and how one that is there differs.

use crosswalk_engine::{
    mapping::{Choice, FieldUse},
    value::Kind,
};
use serde_json::{Value as Json, json};

use super::{TEXT, choice};

/// What a field is for, beside holding its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Plain,
    /// It holds the referral's id, which no two records share.
    Key,
    /// It leads from a child row to its record, without which the row is nothing.
    Parent,
}

/// A field that must be there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    pub(super) name: &'a str,
    pub(super) kind: &'a Kind,
    pub(super) role: Role,
    pub(super) writes: bool,
    label: Option<&'a str>,
    length: Option<u32>,
    choices: &'a [Choice],
}

/// docs: the longest text, and the longest long text.
const TEXT_MAX: u32 = 255;
const LONG_TEXT_MAX: u32 = 131_072;
/// Ids of referrals are GUIDs; the package's own field has as much.
const KEY_LENGTH: u32 = 100;

impl<'a> Wanted<'a> {
    pub(super) fn of(field: &'a FieldUse, role: Role) -> Self {
        Wanted {
            name: &field.name,
            kind: &field.kind,
            role,
            writes: field.writes,
            label: field.label.as_deref(),
            length: field.length,
            choices: &field.choices,
        }
    }

    /// A text field that we write and that the manifest names only.
    pub(super) fn text(name: &'a str, role: Role) -> Self {
        Wanted { name, kind: TEXT, role, writes: true, label: None, length: None, choices: &[] }
    }

    pub(super) fn labelled(self, label: &'a str) -> Self {
        Wanted { label: Some(label), ..self }
    }

    pub(super) fn reference(name: &'a str, kind: &'a Kind) -> Self {
        Wanted { kind, role: Role::Parent, ..Wanted::text(name, Role::Parent) }
    }

    fn length(&self) -> u32 {
        match self.role {
            Role::Key => self.length.unwrap_or(KEY_LENGTH).min(TEXT_MAX),
            Role::Plain | Role::Parent => self.length.unwrap_or(TEXT_MAX).min(LONG_TEXT_MAX),
        }
    }

    fn has_choices(&self) -> bool {
        self.choices.iter().any(|one| choice(&one.value).is_some())
    }

    /// The type as the Metadata API calls it.
    fn metadata_type(&self) -> &'static str {
        match self.kind {
            Kind::Text if self.has_choices() => "Picklist",
            Kind::Text if self.length() > TEXT_MAX => "LongTextArea",
            Kind::Text => "Text",
            Kind::Flag => "Checkbox",
            Kind::Integer | Kind::Decimal => "Number",
            Kind::Date => "Date",
            Kind::Instant => "DateTime",
            Kind::Texts => "MultiselectPicklist",
            Kind::Reference(_) if self.role == Role::Parent => "MasterDetail",
            Kind::Reference(_) => "Lookup",
            Kind::Json => "LongTextArea",
        }
    }

    /// The type in a person's words: `Text 100, unique external id`.
    pub(super) fn type_name(&self) -> String {
        let name = self.metadata_type();
        let more = match (name, self.kind, self.role) {
            ("Text" | "LongTextArea", Kind::Text, _) => format!(" {}", self.length()),
            (_, Kind::Reference(to), _) => format!(" to {to}"),
            _ => String::new(),
        };
        let unique = if self.role == Role::Key { ", unique external id" } else { "" };
        format!("{name}{more}{unique}")
    }

    /// The body that makes the field; an error is what a person must do instead.
    pub(super) fn metadata(&self, entity: &str) -> Result<Json, String> {
        if self.name.matches("__").count() > 1 {
            return Err("the field belongs to a package; install that".to_owned());
        }
        let kind = self.metadata_type();
        let label = self.label.map_or_else(|| spoken(self.name), str::to_owned);
        let mut metadata = json!({"label": label, "type": kind});
        let more = match kind {
            "Text" if self.role == Role::Key => {
                json!({"length": self.length(), "externalId": true, "unique": true, "caseSensitive": false})
            }
            "Text" => json!({"length": self.length()}),
            "LongTextArea" => {
                let length = if *self.kind == Kind::Json { LONG_TEXT_MAX } else { self.length() };
                json!({"length": length, "visibleLines": 5})
            }
            "Checkbox" => json!({"defaultValue": "false"}),
            "Number" => json!({"precision": 18, "scale": if *self.kind == Kind::Integer { 0 } else { 2 }}),
            "Picklist" => json!({"valueSet": self.value_set()}),
            "MultiselectPicklist" if !self.has_choices() => {
                return Err("the plugin does not say which values the field offers; create a multi-select picklist with \
                            them"
                .to_owned());
            }
            "MultiselectPicklist" => json!({"valueSet": self.value_set(), "visibleLines": 5}),
            "MasterDetail" | "Lookup" => {
                let Kind::Reference(to) = self.kind else { return Err("it leads nowhere".to_owned()) };
                let children = format!("{}s", entity.trim_end_matches("__c"));
                json!({"referenceTo": to, "relationshipName": children, "relationshipLabel": spoken(&children)})
            }
            _ => json!({}),
        };
        if let (Some(metadata), Some(more)) = (metadata.as_object_mut(), more.as_object()) {
            metadata.extend(more.clone());
        }
        Ok(json!({"FullName": format!("{entity}.{}", self.name), "Metadata": metadata}))
    }

    fn value_set(&self) -> Json {
        let values = self.choices.iter().filter_map(|one| Some((choice(&one.value)?, &one.label)));
        let values: Vec<Json> = values
            .map(|(value, label)| json!({"fullName": value, "label": label, "default": false}))
            .collect();
        json!({"restricted": false, "valueSetDefinition": {"sorted": false, "value": values}})
    }

    /// How a field that is there differs from what is needed, and what to do.
    pub(super) fn difference(&self, held: &Json) -> Option<String> {
        let text = |name: &str| held.get(name).and_then(Json::as_str).unwrap_or_default();
        let is = |name: &str| held.get(name) == Some(&Json::Bool(true));
        let kind = text("type");
        if !fits(self.kind, kind) {
            return Some(format!(
                "it is of type `{kind}`; name another field in the plugin's settings, or make it {}",
                self.type_name()
            ));
        }
        if self.role == Role::Key && !(is("unique") && is("externalId")) {
            return Some("set Unique and External ID, so that no referral is taken over twice".to_owned());
        }
        let length = held.get("length").and_then(Json::as_u64).unwrap_or_default();
        let wanted = self.length.filter(|_| *self.kind == Kind::Text && self.choices.is_empty());
        if let Some(wanted) = wanted.filter(|wanted| u64::from(*wanted) > length && length > 0) {
            return Some(format!(
                "it holds {length} characters; make it {wanted}, or longer texts are refused"
            ));
        }
        let offered: Vec<&str> = held
            .get("picklistValues")
            .and_then(Json::as_array)
            .into_iter()
            .flatten()
            .filter(|value| value.get("active") != Some(&Json::Bool(false)))
            .filter_map(|value| value.get("value")?.as_str())
            .collect();
        let chosen = self.choices.iter().filter_map(|one| choice(&one.value));
        let lacks: Vec<&str> =
            chosen.filter(|value| kind.contains("picklist") && !offered.contains(value)).collect();
        if lacks.is_empty() {
            return None;
        }
        Some(format!("it does not offer `{}`; add it, or change the plugin's settings", lacks.join("`, `")))
    }
}

/// Whether a field of this type (as a description calls it) can hold values of this kind.
fn fits(kind: &Kind, held: &str) -> bool {
    match kind {
        Kind::Text => matches!(
            held,
            "string"
                | "textarea"
                | "url"
                | "email"
                | "phone"
                | "picklist"
                | "combobox"
                | "encryptedstring"
                | "id"
        ),
        Kind::Flag => held == "boolean",
        Kind::Integer | Kind::Decimal => matches!(held, "int" | "long" | "double" | "currency" | "percent"),
        Kind::Date => held == "date",
        Kind::Instant => held == "datetime",
        Kind::Texts => held == "multipicklist",
        Kind::Reference(_) => matches!(held, "reference" | "id"),
        Kind::Json => true,
    }
}

/// Whether the name is a custom field's or object's.
pub(super) fn is_custom(name: &str) -> bool {
    name.ends_with("__c")
}

/// A name as people write it: `Referral_Link__c` is `Referral Link`.
pub(super) fn spoken(name: &str) -> String {
    name.trim_end_matches("__c").replace('_', " ")
}
