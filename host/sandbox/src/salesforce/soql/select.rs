//! What a query asks for, bound to fields, and how a record is rendered.

use super::{
    ast::{FieldSet, Function, Item, Query},
    path::{follow, no_such_column, parent},
    run::{self, Asker, Plan},
};
use crate::salesforce::{
    cell::Cell,
    errors::{Outcome, Refusal, malformed_query},
    org::{API_PATH, Org},
    schema::{Field, Kind, Object},
    store::Row,
    values,
};
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

/// Records that `FIELDS(ALL)` may be asked for.
const ALL_FIELDS_LIMIT: usize = 200;

/// What is answered about one record.
#[derive(Debug)]
pub(crate) struct Selection {
    object: String,
    fields: Vec<Selected>,
    parents: Vec<(String, String, Self)>,
    children: Vec<Children>,
}

#[derive(Debug)]
struct Selected {
    name: String,
    field: Field,
    function: Option<Function>,
}

/// A sub-query: the records that refer to this one.
#[derive(Debug)]
struct Children {
    name: String,
    field: String,
    plan: Plan,
}

impl Selection {
    /// Binds what a query asks for.
    pub(crate) fn bind(org: &Org, asker: &Asker, object: &Object, query: &Query) -> Outcome<Self> {
        let mut selection = Self::of(object);
        for item in &query.select {
            match item {
                Item::Field { path, function, alias } => {
                    let path = without_alias(object, query.alias.as_deref(), path);
                    selection.add(org, asker, object, path, *function, alias.as_deref())?;
                }
                Item::Fields(set) => {
                    if *set != FieldSet::Standard && query.limit.is_none_or(|limit| limit > ALL_FIELDS_LIMIT)
                    {
                        return Err(malformed_query(
                            "The SOQL FIELDS function must have a LIMIT of at most 200",
                        ));
                    }
                    let custom = |field: &&Field| match set {
                        FieldSet::All => true,
                        FieldSet::Standard => !field.custom(),
                        FieldSet::Custom => field.custom(),
                    };
                    for field in org.visible(asker.user, object).into_iter().filter(custom) {
                        selection.add(org, asker, object, std::slice::from_ref(&field.name), None, None)?;
                    }
                }
                Item::Children(children) => {
                    selection.children.push(Children::bind(org, asker, object, children)?);
                }
                Item::Count => return Err(malformed_query("COUNT() must stand alone")),
            }
        }
        Ok(selection)
    }

    fn of(object: &Object) -> Self {
        Self { object: object.name.clone(), fields: Vec::new(), parents: Vec::new(), children: Vec::new() }
    }

    fn add(
        &mut self,
        org: &Org,
        asker: &Asker,
        object: &Object,
        path: &[String],
        function: Option<Function>,
        alias: Option<&str>,
    ) -> Outcome<()> {
        let (first, rest) = path.split_first().ok_or_else(|| no_such_column(object, ""))?;
        if rest.is_empty() {
            let field = object.field(first).filter(|field| org.can_see(asker.user, object, field));
            let field = field.ok_or_else(|| no_such_column(object, first))?.clone();
            let name = alias.map_or_else(|| field.name.clone(), str::to_owned);
            if self.fields.iter().any(|known| known.name == name) {
                return Err(malformed_query(format!("duplicate field selected: {name}")));
            }
            self.fields.push(Selected { name, field, function });
            return Ok(());
        }
        let (field, target) = parent(org, asker, object, first)?;
        let relationship = match &field.kind {
            Kind::Reference(reference) => reference.relationship.clone(),
            _ => first.clone(),
        };
        if !self.parents.iter().any(|(known, _, _)| *known == relationship) {
            self.parents.push((relationship.clone(), field.name.clone(), Self::of(target)));
        }
        match self.parents.iter_mut().find(|(known, _, _)| *known == relationship) {
            Some((_, _, inner)) => inner.add(org, asker, target, rest, function, alias),
            None => Ok(()),
        }
    }

    /// The fields of the record itself that are asked for.
    pub(crate) fn own_fields(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().map(|selected| &selected.field)
    }

    /// A record as JSON.
    pub(crate) fn render(&self, org: &Org, asker: &Asker, row: &Row) -> Value {
        let mut out = Map::new();
        let api = if asker.tooling { "tooling/" } else { "" };
        let url = format!("{API_PATH}{}/{api}sobjects/{}/{}", asker.version, self.object, row.id);
        out.insert("attributes".to_owned(), json!({ "type": self.object, "url": url }));
        for Selected { name, field, function } in &self.fields {
            let shown = match function {
                None => values::show(field, row),
                Some(function) => apply(org, asker, *function, field, row),
            };
            out.insert(name.clone(), shown);
        }
        for (name, field, inner) in &self.parents {
            let parent = follow(org, row, field);
            out.insert(name.clone(), parent.map_or(Value::Null, |parent| inner.render(org, asker, &parent)));
        }
        for children in &self.children {
            out.insert(children.name.clone(), children.render(org, asker, row));
        }
        Value::Object(out)
    }
}

impl Children {
    fn bind(org: &Org, asker: &Asker, object: &Object, query: &Query) -> Outcome<Self> {
        let (child, field) = org.child_of(object, &query.from).ok_or_else(|| {
            let message = format!(
                "Didn't understand relationship '{}' in FROM part of query call. If you are attempting to use a custom \
                 relationship, be sure to append the '__r' after the custom relationship name. Please reference your \
                 WSDL or the describe call for the appropriate names.",
                query.from
            );
            Refusal::new(400, "INVALID_TYPE", message)
        })?;
        let name = match child.field(&field).map(|field| &field.kind) {
            Some(Kind::Reference(reference)) => reference.children.clone().unwrap_or_default(),
            _ => query.from.clone(),
        };
        Ok(Self { name, field, plan: run::plan(org, asker, child, query)? })
    }

    fn render(&self, org: &Org, asker: &Asker, row: &Row) -> Value {
        let records = self.plan.records(org, asker, Some((&self.field, row.id)));
        if records.is_empty() {
            return Value::Null;
        }
        json!({ "totalSize": records.len(), "done": true, "records": records })
    }
}

/// A path without the object's own name or alias in front.
pub(crate) fn without_alias<'a>(object: &Object, alias: Option<&str>, path: &'a [String]) -> &'a [String] {
    match path {
        [first, rest @ ..] if !rest.is_empty() => {
            let is_alias = alias.is_some_and(|alias| alias.eq_ignore_ascii_case(first));
            let is_object = first.eq_ignore_ascii_case(&object.name) && object.relationship(first).is_none();
            if is_alias || is_object { rest } else { path }
        }
        _ => path,
    }
}

fn apply(org: &Org, asker: &Asker, function: Function, field: &Field, row: &Row) -> Value {
    let cell = row.get(&field.name);
    match function {
        Function::ToLabel => {
            let label = |value: &str| {
                let choice = field.picklist()?.values.iter().find(|choice| choice.value == value)?;
                Some(choice.label.clone())
            };
            match cell.as_text() {
                Some(text) => json!(label(text).unwrap_or_else(|| text.to_owned())),
                None => values::show(field, row),
            }
        }
        Function::ConvertCurrency => match (&field.kind, cell.as_number()) {
            (Kind::Currency, Some(amount)) => {
                let converted = convert(org, asker, amount, row.text("CurrencyIsoCode"));
                values::show_cell(false, &Cell::Number(converted))
            }
            _ => values::show(field, row),
        },
        Function::Format => match values::show(field, row) {
            Value::Null => Value::Null,
            Value::String(text) => Value::String(text),
            other => Value::String(other.to_string()),
        },
    }
}

/// An amount in the currency of the user who asks.
fn convert(org: &Org, asker: &Asker, amount: Decimal, from: Option<&str>) -> Decimal {
    let rate = |code: &str| {
        let known = org.store.rows("CurrencyType").find(|row| row.text("IsoCode") == Some(code))?;
        known.get("ConversionRate").as_number()
    };
    let user = org.store.row("User", asker.user);
    let to = user.and_then(|user| user.text("DefaultCurrencyIsoCode").map(str::to_owned));
    let rates = from.zip(to.as_deref()).and_then(|(from, to)| rate(from).zip(rate(to)));
    let converted = rates.and_then(|(from, to)| amount.checked_div(from)?.checked_mul(to));
    converted.map_or(amount, |converted| converted.round_dp(2))
}
