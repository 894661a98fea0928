//! New fields and objects, as the Tooling and Metadata APIs describe them.
//!
//! A definition comes as JSON from the one and as XML from the other; both are read here as JSON whose flags and
//! numbers may be texts.

use super::{
    builder::{ObjectBuilder, choice, field},
    cell::Cell,
    errors::{Outcome, Refusal},
    org::Org,
    record_id::RecordId,
    schema::{Field, Kind, Object, Origin, Picklist, Reference},
    store::Row,
    values::whole_second,
};
use jiff::Timestamp;
use serde_json::{Map, Value};

/// External id fields of one object.
const EXTERNAL_IDS_MAX: usize = 25;
/// Longest one-line text, in characters.
const TEXT_MAX: usize = 255;
/// Longest text of several lines, in characters.
const LONG_TEXT_MAX: usize = 131_072;
/// Longest API name before its `__c`.
const NAME_MAX: usize = 40;

/// Adds the field `Object.Name__c`, invisible until it is granted, and returns its id.
pub(crate) fn add_field(
    org: &mut Org,
    now: Timestamp,
    full_name: &str,
    metadata: &Map<String, Value>,
) -> Outcome<RecordId> {
    let (object, name) = split(org, full_name)?;
    if org.object(&object)?.field(&name).is_some() {
        let message = format!("There is already a field named {name} on {object}.");
        return Err(Refusal::new(400, "DUPLICATE_DEVELOPER_NAME", message).on([]));
    }
    let defined = define(org, &object, &name, metadata)?;
    let external_ids = org.object(&object)?.fields.iter().filter(|field| field.external_id).count();
    if defined.external_id && external_ids >= EXTERNAL_IDS_MAX {
        return Err(integrity(format!("{object} has {EXTERNAL_IDS_MAX} external ids already")));
    }
    let id = record(org, now, &object, &name);
    if let Some(object) = org.objects.get_mut(&object) {
        object.fields.push(Field { id: Some(id), ..defined });
    }
    org.reindex(&object);
    Ok(id)
}

/// Changes the definition of a field that was added, for example its label or length.
pub(crate) fn change_field(org: &mut Org, full_name: &str, metadata: &Map<String, Value>) -> Outcome<()> {
    let (object, name) = split(org, full_name)?;
    let defined = define(org, &object, &name, metadata)?;
    let known = org.objects.get_mut(&object).and_then(|object| {
        object.fields.iter_mut().find(|field| field.custom() && field.name.eq_ignore_ascii_case(&name))
    });
    let known = known.ok_or_else(|| integrity(format!("There is no field {full_name}")))?;
    *known = Field { id: known.id, origin: known.origin, ..defined };
    org.reindex(&object);
    Ok(())
}

/// Removes a field with what is stored in it.
pub(crate) fn remove_field(org: &mut Org, id: RecordId) -> Outcome<()> {
    let row = org.store.row("CustomField", id).cloned().ok_or_else(super::errors::not_found)?;
    let (object, name) = split(org, row.text("FullName").unwrap_or_default())?;
    if let Some(object) = org.objects.get_mut(&object) {
        object.fields.retain(|field| field.name != name);
    }
    let rows: Vec<Row> = org.store.rows(&object).map(|row| (**row).clone()).collect();
    for mut row in rows.into_iter().filter(|row| row.cells.contains_key(&name)) {
        row.set(&name, Cell::Null);
        org.store.put(&object, row);
    }
    org.store.remove("CustomField", id);
    org.reindex(&object);
    Ok(())
}

/// Adds the object `Name__c` with a name field, and the fields in its definition.
pub(crate) fn add_object(
    org: &mut Org,
    now: Timestamp,
    name: &str,
    metadata: &Map<String, Value>,
) -> Outcome<RecordId> {
    check_name(name)?;
    if org.find_object(name).is_some() {
        let message = format!("There is already an object named {name}.");
        return Err(Refusal::new(400, "DUPLICATE_DEVELOPER_NAME", message).on([]));
    }
    let label = text(metadata, "label").ok_or_else(|| integrity("Must specify a label"))?;
    let counts_up =
        metadata.get("nameField").and_then(|field| field.get("type")) == Some(&"AutoNumber".into());
    let prefix = unused_prefix(org);
    let builder = ObjectBuilder::new(name, &prefix).from(Origin::Added, &label).business();
    let builder = if counts_up {
        builder.field("Name", Kind::AutoNumber).length(80).required().read_only()
    } else {
        builder.text("Name", 80)
    };
    let mut object: Object = builder.names().currency_code().owned().audit().build();
    if let Some(plural) = text(metadata, "pluralLabel") {
        object.plural = plural;
    }
    org.objects.insert(name.to_owned(), object);
    org.reindex(name);
    let mut row = new_row(org, now, *b"01I");
    row.set("DeveloperName", Cell::text(name.trim_end_matches("__c")));
    let id = org.store.put("CustomObject", row).id;
    let fields = match metadata.get("fields") {
        Some(Value::Array(fields)) => fields.clone(),
        Some(one @ Value::Object(_)) => vec![one.clone()],
        _ => Vec::new(),
    };
    for definition in fields.iter().filter_map(Value::as_object) {
        let field = text(definition, "fullName").unwrap_or_default();
        add_field(org, now, &format!("{name}.{field}"), definition)?;
    }
    Ok(id)
}

/// Notes a field for the Tooling API's queries.
pub(crate) fn record(org: &mut Org, now: Timestamp, object: &str, name: &str) -> RecordId {
    let table = org
        .store
        .rows("CustomObject")
        .find(|row| row.text("DeveloperName").is_some_and(|known| object.strip_suffix("__c") == Some(known)));
    let table = table.map_or_else(|| object.to_owned(), |row| row.id.to_string());
    let mut row = new_row(org, now, *b"00N");
    row.set("DeveloperName", Cell::text(name.trim_end_matches("__c")));
    row.set("TableEnumOrId", Cell::text(table));
    row.set("FullName", Cell::text(format!("{object}.{name}")));
    org.store.put("CustomField", row).id
}

fn new_row(org: &mut Org, now: Timestamp, prefix: [u8; 3]) -> Row {
    let mut row = Row::new(org.next_id(prefix));
    for stamp in ["CreatedDate", "LastModifiedDate", "SystemModstamp"] {
        row.set(stamp, Cell::Instant(whole_second(now)));
    }
    row
}

/// The first prefix of custom objects that no object has: `a00`, `a01`, …
fn unused_prefix(org: &Org) -> [u8; 3] {
    let digits = (b'0'..=b'9').chain(b'A'..=b'Z');
    let prefixes = digits.clone().flat_map(|tens| digits.clone().map(move |ones| [b'a', tens, ones]));
    let is_free = |prefix: &[u8; 3]| org.objects.values().all(|object| object.prefix != *prefix);
    // `a00` stays with the package's object, also while that is not installed.
    prefixes.skip(1).find(is_free).unwrap_or(*b"aZZ")
}

/// The object and the field of a full name, the object as it is spelled here.
fn split(org: &Org, full_name: &str) -> Outcome<(String, String)> {
    let (object, name) = full_name
        .split_once('.')
        .ok_or_else(|| integrity(format!("{full_name} is no full name of a field")))?;
    check_name(name)?;
    let object = org.find_object(object).ok_or_else(|| {
        Refusal::new(400, "INVALID_CROSS_REFERENCE_KEY", format!("There is no object {object}")).on([])
    })?;
    Ok((object.name.clone(), name.to_owned()))
}

fn check_name(name: &str) -> Outcome<()> {
    let bare = name.strip_suffix("__c").unwrap_or_default();
    let is_legal = bare.starts_with(|first: char| first.is_ascii_alphabetic())
        && bare.chars().all(|character| character.is_ascii_alphanumeric() || character == '_')
        && !bare.contains("__")
        && !bare.ends_with('_')
        && bare.len() <= NAME_MAX;
    if is_legal {
        return Ok(());
    }
    let message =
        format!("{name} is no API name of a custom field or object: it must end in __c, for example");
    Err(Refusal::new(400, "INVALID_FULL_NAME", message).on([]))
}

/// A field as its definition says.
fn define(org: &Org, object: &str, name: &str, metadata: &Map<String, Value>) -> Outcome<Field> {
    let kind_name = text(metadata, "type").ok_or_else(|| integrity("Must specify a type"))?;
    let label = text(metadata, "label").ok_or_else(|| integrity("Must specify a label"))?;
    let base = field(name, kind(org, name, &kind_name, metadata)?);
    let is_master = kind_name == "MasterDetail";
    let required = flag(metadata, "required") || is_master;
    let is_flag = kind_name == "Checkbox";
    let mut defined = Field {
        label,
        origin: Origin::Added,
        nillable: !required && !is_flag,
        defaulted: is_flag,
        external_id: flag(metadata, "externalId"),
        unique: flag(metadata, "unique"),
        case_sensitive: flag(metadata, "caseSensitive"),
        updateable: !is_master && kind_name != "AutoNumber",
        createable: kind_name != "AutoNumber",
        ..base
    };
    size(&mut defined, &kind_name, metadata)?;
    let can_be_key = matches!(kind_name.as_str(), "Text" | "Number" | "Email" | "AutoNumber");
    if (defined.external_id || defined.unique) && !can_be_key {
        return Err(integrity(format!(
            "A field of type {kind_name} on {object} cannot be an external id or unique"
        )));
    }
    Ok(defined)
}

fn kind(org: &Org, name: &str, kind_name: &str, metadata: &Map<String, Value>) -> Outcome<Kind> {
    Ok(match kind_name {
        "Text" => Kind::Text,
        "TextArea" | "LongTextArea" => Kind::TextArea,
        "Email" => Kind::Email,
        "Phone" => Kind::Phone,
        "Url" => Kind::Url,
        "Checkbox" => Kind::Flag,
        "Currency" => Kind::Currency,
        "Percent" => Kind::Percent,
        "Date" => Kind::Date,
        "DateTime" => Kind::Instant,
        "AutoNumber" => Kind::AutoNumber,
        "Number" => Kind::Double,
        "Picklist" => Kind::Picklist(picklist(metadata)?),
        "MultiselectPicklist" => Kind::MultiPicklist(picklist(metadata)?),
        "Lookup" | "MasterDetail" => {
            let to = text(metadata, "referenceTo").ok_or_else(|| integrity("Must specify referenceTo"))?;
            let to = org.find_object(&to).map(|object| object.name.clone());
            let to = to.ok_or_else(|| integrity("referenceTo names no object"))?;
            let relationship = name.strip_suffix("__c").unwrap_or(name);
            Kind::Reference(Reference {
                to: vec![to],
                relationship: format!("{relationship}__r"),
                children: text(metadata, "relationshipName").map(|name| format!("{name}__r")),
                cascade: kind_name == "MasterDetail",
            })
        }
        other => {
            let message = format!("Cannot deserialize instance of FieldType from VALUE_STRING value {other}");
            return Err(super::errors::unreadable(message));
        }
    })
}

/// Length and digits, which some types must have.
fn size(field: &mut Field, kind_name: &str, metadata: &Map<String, Value>) -> Outcome<()> {
    let needed = |name: &str| {
        let missing = || integrity(format!("Must specify '{name}' for a CustomField of type {kind_name}"));
        number(metadata, name).ok_or_else(missing)
    };
    let up_to = |length: usize, max: usize| {
        let wrong = || integrity(format!("The length of a field of type {kind_name} is 1 to {max}"));
        if (1..=max).contains(&length) { Ok(length) } else { Err(wrong()) }
    };
    match kind_name {
        "Text" => field.length = up_to(needed("length")?, TEXT_MAX)?,
        "LongTextArea" => {
            needed("visibleLines")?;
            field.length = up_to(needed("length")?, LONG_TEXT_MAX)?;
        }
        "TextArea" | "Url" | "Picklist" => field.length = TEXT_MAX,
        "MultiselectPicklist" => field.length = 4099,
        "Email" | "AutoNumber" => field.length = 80,
        "Phone" => field.length = 40,
        "Lookup" | "MasterDetail" => field.length = 18,
        "Number" | "Currency" | "Percent" => {
            let digits = (needed("precision")?, needed("scale")?);
            if digits.0 > 18 || digits.1 > digits.0 {
                return Err(integrity("precision is up to 18, and scale up to precision"));
            }
            field.precision = u32::try_from(digits.0).unwrap_or_default();
            field.scale = u32::try_from(digits.1).unwrap_or_default();
        }
        _ => {}
    }
    Ok(())
}

fn picklist(metadata: &Map<String, Value>) -> Outcome<Picklist> {
    let set = metadata.get("valueSet").and_then(Value::as_object);
    let set = set.ok_or_else(|| integrity("Must specify 'valueSet' for a CustomField of type Picklist"))?;
    let values = match set.get("valueSetDefinition").and_then(|definition| definition.get("value")) {
        Some(Value::Array(values)) => values.clone(),
        Some(one @ Value::Object(_)) => vec![one.clone()],
        _ => Vec::new(),
    };
    let values = values.iter().filter_map(Value::as_object).filter_map(|value| {
        let name = text(value, "fullName").or_else(|| text(value, "valueName"))?;
        let label = text(value, "label").unwrap_or_else(|| name.clone());
        let mut choice = choice(&name, &label);
        choice.default = flag(value, "default");
        Some(choice)
    });
    Ok(Picklist { values: values.collect(), restricted: flag(set, "restricted") })
}

fn text(metadata: &Map<String, Value>, name: &str) -> Option<String> {
    metadata.get(name)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

fn flag(metadata: &Map<String, Value>, name: &str) -> bool {
    metadata.get(name).is_some_and(|value| *value == Value::Bool(true) || value.as_str() == Some("true"))
}

fn number(metadata: &Map<String, Value>, name: &str) -> Option<usize> {
    let value = metadata.get(name)?;
    value.as_u64().and_then(|number| usize::try_from(number).ok()).or_else(|| value.as_str()?.parse().ok())
}

fn integrity(message: impl Into<String>) -> Refusal {
    Refusal::new(400, "FIELD_INTEGRITY_EXCEPTION", message).on([])
}
