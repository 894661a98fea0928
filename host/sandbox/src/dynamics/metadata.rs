//! `EntityDefinitions`: tables, columns and keys as clients read them, and new columns and keys.

use super::{
    cell::Cell,
    errors::{Outcome, Refusal, argument, method_not_allowed, no_such_segment, not_simulated, query},
    keys,
    new_tables::{self, Component},
    odata::{
        options::{Expand, Options},
        url::{Key, Segment},
    },
    org::{Answer, Call, Org},
    provision, relations,
    tables::{AlternateKey, Column, Kind, Required, Table},
};
use http::Method;
use serde_json::{Map, Value, json};

/// The language of labels.
const ENGLISH: i64 = 1033;
/// How type names begin.
pub(super) const NAMESPACE: &str = "Microsoft.Dynamics.CRM.";

/// Answers everything below `EntityDefinitions`.
pub(crate) fn route(org: &mut Org, call: &Call, first: &Segment, rest: &[Segment]) -> Outcome<Answer> {
    let options = Org::options(call)?;
    let Some(key) = &first.key else {
        return match (rest, &call.method) {
            ([], &Method::GET) => {
                let all = org.tables.values().filter(|table| accepted(&table_full(table), &options));
                let all = all.map(|table| table_json(table, &options)).collect();
                list(call, "EntityDefinitions", all, &options)
            }
            ([], &Method::POST) => {
                let solution = new_tables::solution(org, call)?;
                let logical = new_tables::table(org, call, &call.json_body()?)?;
                let id = table_id(org.table(&logical)?);
                new_tables::add_to(org, call, solution, Component::Table, id);
                Ok(Answer::empty(204)
                    .with("odata-entityid", format!("{}/EntityDefinitions({id})", call.base)))
            }
            ([], method) => Err(method_not_allowed(method.as_str(), "tables as a whole take GET and POST")),
            _ => Err(no_such_segment("EntityDefinitions")),
        };
    };
    let logical = find_table(org, key)?;
    match (rest, &call.method) {
        ([], &Method::GET) => {
            keys::looked_at(org, &logical);
            let body = table_json(org.table(&logical)?, &options);
            Ok(entity(call, "EntityDefinitions", &body, &options))
        }
        ([], &Method::PUT) => {
            new_tables::replace(org, &logical, &call.json_body()?)?;
            Ok(Answer::empty(204))
        }
        ([], method) => Err(method_not_allowed(method.as_str(), "a table's definition takes GET and PUT")),
        ([attributes, more @ ..], _) if attributes.name == "Attributes" => {
            columns(org, call, &logical, attributes.key.as_ref(), more, &options)
        }
        ([found, more @ ..], _) if found.name == "Keys" && more.is_empty() => {
            alternate_keys(org, call, &logical, found.key.as_ref(), &options)
        }
        ([side], &Method::GET) if relations::Side::of(&side.name).is_some() => {
            let side = relations::Side::of(&side.name).unwrap_or(relations::Side::Many);
            relations::of_table(org, call, &logical, side, &options)
        }
        ([other, ..], _) => Err(not_simulated(format!("'{}' of a table's metadata", other.name))),
    }
}

fn find_table(org: &Org, key: &Key) -> Outcome<String> {
    let found = match key {
        Key::Named(pairs) => match pairs.as_slice() {
            [(name, Cell::Text(logical))] if name == "LogicalName" => org.tables.get(logical),
            _ => None,
        },
        Key::Primary(Cell::Id(id)) => org.tables.values().find(|table| table_id(table) == *id),
        _ => None,
    };
    found.map(|table| table.logical.clone()).ok_or_else(|| {
        Refusal::new(
            404,
            "0x80060888",
            "Could not find an entity with the specified entity name or metadata id.",
        )
    })
}

fn columns(
    org: &mut Org,
    call: &Call,
    logical: &str,
    key: Option<&Key>,
    more: &[Segment],
    options: &Options,
) -> Outcome<Answer> {
    let set = format!("EntityDefinitions('{logical}')/Attributes");
    let cast = match more {
        [] => None,
        [cast] if cast.name.starts_with(NAMESPACE) => Some(cast.name.as_str()),
        [other, ..] => return Err(not_simulated(format!("'{}' of a column's metadata", other.name))),
    };
    let Some(key) = key.or_else(|| more.first().and_then(|cast| cast.key.as_ref())) else {
        return match call.method {
            Method::GET => list(call, &set, columns_json(org.table(logical)?, cast, options), options),
            Method::POST => {
                let solution = new_tables::solution(org, call)?;
                let id = provision::column(org, logical, &call.json_body()?)?;
                new_tables::add_to(org, call, solution, Component::Column, id);
                let url = format!(
                    "{}/EntityDefinitions({})/Attributes({id})",
                    call.base,
                    table_id(org.table(logical)?)
                );
                Ok(Answer::empty(204).with("odata-entityid", url))
            }
            ref method => Err(method_not_allowed(method.as_str(), "columns as a whole take GET and POST")),
        };
    };
    let table = org.table(logical)?;
    let column = find_column(table, key)?.clone();
    if cast.is_some_and(|cast| type_of(&column) != cast) {
        return Err(no_such_segment(&column.logical));
    }
    match call.method {
        Method::GET => Ok(entity(call, &set, &column_json(table, &column, options), options)),
        Method::DELETE => {
            provision::remove_column(org, logical, &column)?;
            Ok(Answer::empty(204))
        }
        _ => Err(not_simulated("changing columns")),
    }
}

fn find_column<'a>(table: &'a Table, key: &Key) -> Outcome<&'a Column> {
    let found = match key {
        Key::Named(pairs) => match pairs.as_slice() {
            [(name, Cell::Text(logical))] if name == "LogicalName" => table.columns.get(logical),
            _ => None,
        },
        Key::Primary(Cell::Id(id)) => table.columns.values().find(|column| column.id == *id),
        _ => None,
    };
    found.ok_or_else(|| {
        Refusal::new(
            404,
            "0x80060888",
            format!("Could not find a column with that name or id in '{}'.", table.logical),
        )
    })
}

fn alternate_keys(
    org: &mut Org,
    call: &Call,
    logical: &str,
    key: Option<&Key>,
    options: &Options,
) -> Outcome<Answer> {
    let set = format!("EntityDefinitions('{logical}')/Keys");
    match (key, &call.method) {
        (None, &Method::GET) => {
            keys::looked_at(org, logical);
            let table = org.table(logical)?;
            list(call, &set, keys_json(table, options), options)
        }
        (None, &Method::POST) => {
            let body = call.json_body()?;
            let schema = body.get("SchemaName").and_then(Value::as_str).filter(|name| name.contains('_'));
            let schema =
                schema.ok_or_else(|| argument("A key needs a SchemaName with a publisher prefix."))?;
            let columns = body.get("KeyAttributes").and_then(Value::as_array).map(|columns| {
                columns.iter().filter_map(|column| column.as_str().map(str::to_owned)).collect::<Vec<_>>()
            });
            let columns = columns.ok_or_else(|| argument("A key needs KeyAttributes."))?;
            let solution = new_tables::solution(org, call)?;
            let key = keys::declare(org, logical, schema, columns)?;
            new_tables::add_to(org, call, solution, Component::Key, key.id);
            let url = format!(
                "{}/EntityDefinitions({})/Keys({})",
                call.base,
                table_id(org.table(logical)?),
                key.id
            );
            Ok(Answer::empty(204).with("odata-entityid", url))
        }
        (Some(key), &Method::GET) => {
            keys::looked_at(org, logical);
            let table = org.table(logical)?;
            let found = find_key(table, key)?;
            Ok(entity(call, &set, &key_json(table, found, options), options))
        }
        (Some(key), &Method::DELETE) => {
            let schema = find_key(org.table(logical)?, key)?.schema.clone();
            keys::remove(org, logical, &schema);
            Ok(Answer::empty(204))
        }
        (_, method) => Err(method_not_allowed(method.as_str(), "keys take GET, POST and DELETE")),
    }
}

fn find_key<'a>(table: &'a Table, key: &Key) -> Outcome<&'a AlternateKey> {
    let found = match key {
        Key::Primary(Cell::Id(id)) => table.keys.iter().find(|found| found.id == *id),
        Key::Named(pairs) => match pairs.as_slice() {
            [(name, Cell::Text(logical))] if name == "LogicalName" => {
                table.keys.iter().find(|found| found.schema.to_lowercase() == *logical)
            }
            _ => None,
        },
        _ => None,
    };
    found.ok_or_else(|| {
        Refusal::new(404, "0x80060890", format!("Entity key is not defined for '{}'.", table.logical))
    })
}

/// The metadata id of a table.
fn table_id(table: &Table) -> uuid::Uuid {
    super::identifiers::fixed_id("table", &table.logical)
}

/// Every member of a table's definition: what a filter sees.
fn table_full(table: &Table) -> Value {
    json!({
        "MetadataId": table_id(table),
        "LogicalName": table.logical,
        "SchemaName": table.logical,
        "EntitySetName": table.set,
        "LogicalCollectionName": table.set,
        "CollectionSchemaName": table.set,
        "PrimaryIdAttribute": table.primary_id,
        "PrimaryNameAttribute": table.primary_name,
        "ObjectTypeCode": table.type_code,
        "DisplayName": label(&table.label),
        "DisplayCollectionName": label(&table.set),
        "IsOptimisticConcurrencyEnabled": table.optimistic,
        "ChangeTrackingEnabled": table.tracked,
        "IsCustomEntity": table.custom,
        "IsActivity": table.primary_id == "activityid",
        "OwnershipType": if table.columns.contains_key("ownerid") { "UserOwned" } else { "OrganizationOwned" },
    })
}

fn table_json(table: &Table, options: &Options) -> Value {
    let mut out = selected(table_full(table), &options.select, "MetadataId");
    for expand in &options.expand {
        if let Some(rows) = expanded(table, expand) {
            out.insert(expand.name.clone(), rows);
        }
    }
    Value::Object(out)
}

fn expanded(table: &Table, expand: &Expand) -> Option<Value> {
    match expand.name.as_str() {
        "Attributes" => Some(Value::Array(columns_json(table, None, &expand.options))),
        "Keys" => Some(Value::Array(keys_json(table, &expand.options))),
        _ => None,
    }
}

/// The columns that a cast and a filter leave.
fn columns_json(table: &Table, cast: Option<&str>, options: &Options) -> Vec<Value> {
    let all = table.columns.values().filter(|column| {
        cast.is_none_or(|cast| type_of(column) == cast) && accepted(&column_full(table, column), options)
    });
    all.map(|column| column_json(table, column, options)).collect()
}

fn keys_json(table: &Table, options: &Options) -> Vec<Value> {
    let all = table.keys.iter().filter(|key| accepted(&key_full(table, key), options));
    all.map(|key| key_json(table, key, options)).collect()
}

fn key_json(table: &Table, key: &AlternateKey, options: &Options) -> Value {
    Value::Object(selected(key_full(table, key), &options.select, "MetadataId"))
}

fn key_full(table: &Table, key: &AlternateKey) -> Value {
    json!({
        "MetadataId": key.id,
        "SchemaName": key.schema,
        "LogicalName": key.schema.to_lowercase(),
        "EntityLogicalName": table.logical,
        "KeyAttributes": key.columns,
        "EntityKeyIndexStatus": key.status.name(),
        "DisplayName": label(&key.schema),
    })
}

/// The kinds of a column by name: `AttributeType`, and what stands before `AttributeMetadata`.
fn type_names(kind: &Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::PrimaryId | Kind::Guid => ("Uniqueidentifier", "UniqueIdentifier"),
        Kind::Text { .. } => ("String", "String"),
        Kind::Memo { .. } => ("Memo", "Memo"),
        Kind::Integer { .. } => ("Integer", "Integer"),
        Kind::Big => ("BigInt", "BigInt"),
        Kind::Decimal { .. } => ("Decimal", "Decimal"),
        Kind::Money | Kind::MoneyBase { .. } => ("Money", "Money"),
        Kind::Flag { .. } => ("Boolean", "Boolean"),
        Kind::Choice(_) => ("Picklist", "Picklist"),
        Kind::State => ("State", "State"),
        Kind::Status => ("Status", "Status"),
        Kind::Lookup { .. } => ("Lookup", "Lookup"),
        Kind::Date | Kind::Instant => ("DateTime", "DateTime"),
    }
}

/// The full type name of a column's metadata.
fn type_of(column: &Column) -> String {
    format!("{NAMESPACE}{}AttributeMetadata", type_names(&column.kind).1)
}

/// Every member of a column's definition: what a filter sees.
fn column_full(table: &Table, column: &Column) -> Value {
    let (kind, family) = type_names(&column.kind);
    // A lookup into accounts and contacts alike is shown as one of customers.
    let kind = match &column.kind {
        Kind::Lookup { targets } if targets.len() > 1 => "Customer",
        Kind::Lookup { .. } if column.logical == "ownerid" => "Owner",
        _ => kind,
    };
    let required = match column.required {
        Required::None => "None",
        Required::Application => "ApplicationRequired",
        Required::System => "SystemRequired",
    };
    let mut full = json!({
        "MetadataId": column.id,
        "LogicalName": column.logical,
        "SchemaName": column.schema,
        "EntityLogicalName": table.logical,
        "AttributeType": kind,
        "AttributeTypeName": { "Value": format!("{family}Type") },
        "DisplayName": label(&column.label),
        "Description": label(""),
        "RequiredLevel": { "Value": required, "CanBeChanged": column.custom, "ManagedPropertyLogicalName": "canmodifyrequirementlevelsettings" },
        "IsCustomAttribute": column.custom,
        "IsPrimaryId": column.logical == table.primary_id,
        "IsPrimaryName": column.logical == table.primary_name,
        "IsValidForCreate": column.creatable,
        "IsValidForUpdate": column.updatable,
        "IsValidForRead": column.readable,
        "IsSecured": column.secured,
        "AttributeOf": null,
    });
    add_limits(&column.kind, &mut full);
    full
}

fn column_json(table: &Table, column: &Column, options: &Options) -> Value {
    let mut out = selected(column_full(table, column), &options.select, "MetadataId");
    out.insert("@odata.type".to_owned(), json!(format!("#{}", type_of(column))));
    for expand in &options.expand {
        let options = option_set(table, column);
        match expand.name.as_str() {
            "OptionSet" | "GlobalOptionSet" if expand.name == "GlobalOptionSet" || options.is_none() => {
                out.insert(expand.name.clone(), Value::Null);
            }
            "OptionSet" => {
                let full = options.unwrap_or(Value::Null);
                out.insert(
                    expand.name.clone(),
                    Value::Object(selected(full, &expand.options.select, "MetadataId")),
                );
            }
            _ => {}
        }
    }
    Value::Object(out)
}

fn add_limits(kind: &Kind, out: &mut Value) {
    let mut add = |name: &str, value: Value| out[name] = value;
    match kind {
        Kind::Text { max, format } => {
            add("MaxLength", json!(max));
            add("Format", json!(format));
            add("FormatName", json!({ "Value": format }));
        }
        Kind::Memo { max } => {
            add("MaxLength", json!(max));
            add("Format", json!("TextArea"));
        }
        Kind::Integer { min, max } => {
            add("MinValue", json!(min));
            add("MaxValue", json!(max));
        }
        Kind::Decimal { precision } => add("Precision", json!(precision)),
        Kind::Money => {
            add("Precision", json!(2));
            add("PrecisionSource", json!(2));
            add("MinValue", json!(-1_000_000_000_000_i64));
            add("MaxValue", json!(1_000_000_000_000_i64));
            add("IsBaseCurrency", json!(false));
        }
        Kind::MoneyBase { of } => {
            add("Precision", json!(super::values::BASE_PRECISION));
            add("PrecisionSource", json!(2));
            add("IsBaseCurrency", json!(true));
            add("CalculationOf", json!(of));
        }
        Kind::Lookup { targets } => add("Targets", json!(targets)),
        Kind::Date => {
            add("Format", json!("DateOnly"));
            add("DateTimeBehavior", json!({ "Value": "DateOnly" }));
        }
        Kind::Instant => {
            add("Format", json!("DateAndTime"));
            add("DateTimeBehavior", json!({ "Value": "UserLocal" }));
        }
        _ => {}
    }
}

/// The options of a choice, of two options, of a state or a status.
fn option_set(table: &Table, column: &Column) -> Option<Value> {
    let option = |(value, text): &(i64, String)| json!({ "Value": value, "Label": label(text) });
    let options: Vec<Value> = match &column.kind {
        Kind::Choice(options) => options.iter().map(option).collect(),
        Kind::State => table
            .states
            .iter()
            .map(|state| {
                let default = state.statuses.first().map(|(value, _)| value);
                json!({ "Value": state.value, "DefaultStatus": default, "InvariantName": state.label, "Label": label(&state.label) })
            })
            .collect(),
        Kind::Status => {
            let all = table.states.iter().flat_map(|state| state.statuses.iter().map(move |status| (state, status)));
            all.map(|(state, (value, text))| json!({ "Value": value, "State": state.value, "Label": label(text) })).collect()
        }
        Kind::Flag { no, yes } => {
            return Some(json!({
                "OptionSetType": "Boolean",
                "IsGlobal": false,
                "MetadataId": column.id,
                "TrueOption": { "Value": 1, "Label": label(yes) },
                "FalseOption": { "Value": 0, "Label": label(no) },
            }));
        }
        _ => return None,
    };
    let kind = type_names(&column.kind).0;
    let name = format!("{}_{}", table.logical, column.logical);
    Some(
        json!({ "OptionSetType": kind, "IsGlobal": false, "MetadataId": column.id, "Name": name, "Options": options }),
    )
}

pub(super) fn label(text: &str) -> Value {
    if text.is_empty() {
        return json!({ "LocalizedLabels": [], "UserLocalizedLabel": null });
    }
    let label = json!({ "Label": text, "LanguageCode": ENGLISH, "IsManaged": true });
    json!({ "LocalizedLabels": [label], "UserLocalizedLabel": label })
}

/// The selected members of a definition, and its id.
pub(super) fn selected(full: Value, select: &[String], id: &str) -> Map<String, Value> {
    let Value::Object(mut members) = full else { return Map::new() };
    if !select.is_empty() {
        members.retain(|name, _| name == id || select.iter().any(|wanted| wanted == name));
    }
    members
}

pub(super) fn accepted(row: &Value, options: &Options) -> bool {
    options.filter.as_ref().is_none_or(|filter| filter.accepts(&|path| member(row, path)))
}

fn member(row: &Value, path: &[String]) -> Cell {
    let found = path.iter().try_fold(row, |value, name| value.get(name));
    match found {
        Some(Value::Bool(flag)) => Cell::Flag(*flag),
        Some(Value::Number(number)) => number.as_i64().map_or(Cell::Null, Cell::Integer),
        Some(Value::String(text)) => match uuid::Uuid::parse_str(text) {
            Ok(id) if text.len() == 36 => Cell::Id(id),
            _ => Cell::Text(text.clone()),
        },
        _ => Cell::Null,
    }
}

/// A list of definitions. Metadata is not paged.
pub(super) fn list(call: &Call, set: &str, rows: Vec<Value>, options: &Options) -> Outcome<Answer> {
    if options.top.is_some() || !options.order.is_empty() || options.count {
        return Err(query("Metadata takes $select, $filter and $expand only."));
    }
    let context = format!("{}/$metadata#{set}{}", call.base, super::render::context_columns(options));
    Ok(Answer::json(200, &json!({ "@odata.context": context, "value": rows })))
}

pub(super) fn entity(call: &Call, set: &str, body: &Value, options: &Options) -> Answer {
    let mut body = body.clone();
    let columns = super::render::context_columns(options);
    body["@odata.context"] = json!(format!("{}/$metadata#{set}{columns}/$entity", call.base));
    Answer::json(200, &body)
}
