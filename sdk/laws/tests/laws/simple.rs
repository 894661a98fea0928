//! A mapping of a few functions on a few fields, lawful unless one of them is replaced.

use crosswalk_laws::{Used, model::*};
use jiff::Timestamp;

type Named = Vec<(String, Value)>;

type Drafted = Result<Outcome<Draft>, Failure>;

pub(crate) struct Simple {
    pub(crate) manifest: Manifest,
    pub(crate) to_crm: fn(&Json, Option<&Record>, Timestamp) -> Drafted,
    pub(crate) to_referral: fn(&Record, Option<&Json>) -> Result<Outcome<Named>, Failure>,
    pub(crate) resolve: fn(&[Conflict]) -> Vec<Resolution>,
    pub(crate) report: fn(&Record, Timestamp) -> Named,
    pub(crate) fuel: f64,
}

impl Simple {
    /// Cuts a text, rounds an amount, drops the time of a day, and makes one stage of two statuses.
    pub(crate) fn lawful() -> Self {
        Self {
            manifest: manifest(),
            to_crm: |referral, _, _| {
                let mut fields = vec![("name", text(&cut(&at(referral, "/details/notes"))))];
                fields.push(("value", rounded(&at(referral, "/details/dealValue"))));
                let day = at(referral, "/details/closingDateTime").get(..10).unwrap_or_default().to_owned();
                let is_day = day.parse::<jiff::civil::Date>().is_ok();
                fields.push(("closes", if is_day { Value::Date(day) } else { Value::Empty }));
                fields.push(("stage", Value::Integer(i32::from(at(referral, "/status") == "Closed"))));
                hold(fields)
            },
            to_referral: |record, referral| {
                let field = |name: &str| record.fields[name].clone();
                let value = match field("value") {
                    Value::Decimal(amount) => rounded(&amount),
                    other => other,
                };
                let closes = match field("closes") {
                    // The last day of the calendar has no midnight that an instant can hold.
                    Value::Date(day) if day != "9999-12-31" => Value::Instant(format!("{day}T00:00:00Z")),
                    other => other,
                };
                let mut said = vec![
                    ("/details/notes", text(&cut(&shown(&field("name"))))),
                    ("/details/dealValue", value),
                    ("/details/closingDateTime", closes),
                ];
                let closed = referral.is_some_and(|referral| at(referral, "/status") == "Closed");
                match field("stage") {
                    Value::Integer(1) => said.push(("/status", text("Closed"))),
                    Value::Integer(0) if closed => said.push(("/status", text("Active"))),
                    _ => {}
                }
                self::said(said)
            },
            resolve: |conflicts| conflicts.iter().map(|_| Resolution::Crm).collect(),
            report: |_, _| vec![("audit".to_owned(), text("in sync"))],
            fuel: 0.0,
        }
    }
}

impl Mapping for Simple {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }
    fn to_crm(
        &mut self,
        referral: &Json,
        record: Option<&Record>,
        now: Timestamp,
    ) -> Result<Outcome<Draft>, Failure> {
        (self.to_crm)(referral, record, now)
    }
    fn to_referral(
        &mut self,
        record: &Record,
        referral: Option<&Json>,
        _: Timestamp,
    ) -> Result<Outcome<Named>, Failure> {
        (self.to_referral)(record, referral)
    }
    fn resolve(&mut self, conflicts: &[Conflict], _: Timestamp) -> Result<Vec<Resolution>, Failure> {
        Ok((self.resolve)(conflicts))
    }
    fn report(&mut self, record: &Record, _: Option<&str>, now: Timestamp) -> Result<Named, Failure> {
        Ok((self.report)(record, now))
    }
    fn used(&self) -> Option<Used> {
        Some(Used { fuel: self.fuel, ..Used::default() })
    }
}

fn manifest() -> Manifest {
    let field = |name: &str, kind: Kind| FieldUse {
        name: name.to_owned(),
        kind,
        reads: true,
        writes: true,
        owned: false,
        choices: Vec::new(),
        length: None,
    };
    let fields = vec![
        field("name", Kind::Text),
        field("value", Kind::Decimal),
        field("closes", Kind::Date),
        FieldUse { choices: vec![Value::Integer(0), Value::Integer(1)], ..field("stage", Kind::Integer) },
        field("visible", Kind::Flag),
        FieldUse { owned: true, ..field("audit", Kind::Text) },
        FieldUse { writes: false, ..field("modified", Kind::Instant) },
    ];
    let opportunity = EntityUse { entity: "opportunity".to_owned(), via: None, fields };
    Manifest { name: "simple".to_owned(), entities: vec![opportunity] }
}

pub(crate) fn hold<'a>(
    fields: impl IntoIterator<Item = (&'a str, Value)>,
) -> Result<Outcome<Draft>, Failure> {
    let fields = fields.into_iter().map(own).collect();
    Ok(Outcome::Hold(Draft { entity: "opportunity".to_owned(), fields, companions: Vec::new() }))
}

pub(crate) fn said<'a>(
    fields: impl IntoIterator<Item = (&'a str, Value)>,
) -> Result<Outcome<Named>, Failure> {
    Ok(Outcome::Hold(fields.into_iter().map(own).collect()))
}

pub(crate) fn own((name, value): (&str, Value)) -> (String, Value) {
    (name.to_owned(), value)
}

pub(crate) fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// What the referral holds at a pointer, as text.
pub(crate) fn at(referral: &Json, pointer: &str) -> String {
    match referral.pointer(pointer) {
        Some(Json::String(text)) => text.clone(),
        Some(Json::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}

pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::Text(text) | Value::Decimal(text) => text.clone(),
        _ => String::new(),
    }
}

fn cut(text: &str) -> String {
    text.chars().take(10).collect::<String>().trim().to_owned()
}

/// To whole units; empty where it is no number, or one of more than 28 digits.
pub(crate) fn rounded(amount: &str) -> Value {
    let number = amount.parse::<rust_decimal::Decimal>().ok();
    let number = number.map(|number| number.round().normalize());
    let number = number.filter(|number| number.to_string().len() <= 28);
    number.map_or(Value::Empty, |number| Value::Decimal(number.to_string()))
}
