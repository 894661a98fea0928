//! A condition, bound to fields: whether it holds for a record, and which index finds its records.

use super::{
    ast::{Condition, Literal, Operand, Operator, Piece},
    dates,
    path::Path,
    run::{self, Asker},
    select::without_alias,
};
use crate::salesforce::{
    cell::Cell,
    errors::{Outcome, Refusal, malformed_query},
    org::Org,
    record_id::RecordId,
    schema::{Field, Kind, Object},
    store::{Row, SYSTEM_STAMP},
    values::whole_second,
};
use jiff::Timestamp;
use std::{cmp::Ordering, collections::HashSet};

/// A condition that can be asked.
#[derive(Debug)]
pub(crate) enum Test {
    /// All of them hold.
    All(Vec<Self>),
    /// One of them holds.
    Any(Vec<Self>),
    /// It does not hold.
    Not(Box<Self>),
    /// A field compared with a value.
    Compare(Path, Operator, Cell),
    /// A field compared with a span of time: from, and the first moment after.
    Within(Path, Operator, Cell, Cell),
    /// A field like a pattern.
    Like(Path, Vec<Piece>),
    /// A field equal to one of many.
    OneOf(Path, Values),
    /// A multiple choice that holds one of these combinations.
    Includes(Path, Vec<String>),
}

/// The values of a list.
#[derive(Debug, Default)]
pub(crate) struct Values {
    forms: HashSet<String>,
    cells: Vec<Cell>,
    null: bool,
}

/// Where the records of a condition are to be looked for.
#[derive(Debug)]
pub(crate) enum Source {
    /// Among all.
    Everywhere,
    /// Among these.
    Ids(Vec<RecordId>),
    /// Among those changed since then.
    Since(Timestamp),
}

/// Binds a condition to an object.
pub(crate) fn bind(
    org: &Org,
    asker: &Asker,
    object: &Object,
    alias: Option<&str>,
    condition: &Condition,
) -> Outcome<Test> {
    let one = |condition: &Condition| bind(org, asker, object, alias, condition);
    let all = |conditions: &[Condition]| conditions.iter().map(one).collect::<Outcome<Vec<Test>>>();
    match condition {
        Condition::All(conditions) => Ok(Test::All(all(conditions)?)),
        Condition::Any(conditions) => Ok(Test::Any(all(conditions)?)),
        Condition::Not(condition) => Ok(Test::Not(Box::new(one(condition)?))),
        Condition::Compare { path, operator, operand } => {
            let path = Path::bind(org, asker, object, without_alias(object, alias, path))?;
            if !path.field.filterable() {
                let message = format!("field '{}' can not be filtered in a query call", path.field.name);
                return Err(Refusal::new(400, "INVALID_FIELD", message));
            }
            compare(org, asker, path, *operator, operand)
        }
    }
}

fn compare(org: &Org, asker: &Asker, path: Path, operator: Operator, operand: &Operand) -> Outcome<Test> {
    match (operator, operand) {
        (Operator::In, operand) => Ok(Test::OneOf(path.clone(), list(org, asker, &path.field, operand)?)),
        (Operator::NotIn, operand) => {
            let values = list(org, asker, &path.field, operand)?;
            Ok(Test::Not(Box::new(Test::OneOf(path, values))))
        }
        (Operator::Includes | Operator::Excludes, Operand::List(list)) => {
            if !matches!(path.field.kind, Kind::MultiPicklist(_)) {
                return Err(wrong_operator(&path.field, "includes or excludes"));
            }
            let texts = list.iter().filter_map(|literal| match literal {
                Literal::Text(text) => Some(text.plain.clone()),
                _ => None,
            });
            let test = Test::Includes(path, texts.collect());
            Ok(if operator == Operator::Excludes { Test::Not(Box::new(test)) } else { test })
        }
        (Operator::Like, Operand::Literal(Literal::Text(text))) => match path.field.type_name() {
            "id" | "reference" | "boolean" | "int" | "double" | "currency" | "percent" | "date"
            | "datetime" => Err(wrong_operator(&path.field, "like")),
            _ => Ok(Test::Like(path, text.pattern.clone())),
        },
        (Operator::Like, _) => Err(wrong_operator(&path.field, "like")),
        (_, Operand::Literal(Literal::Span { name, count })) => {
            let (from, to) = dates::span(name, *count, asker.now)
                .ok_or_else(|| malformed_query(format!("unexpected token: '{name}'")))?;
            match path.field.kind {
                Kind::Date => Ok(Test::Within(path, operator, Cell::Date(from), Cell::Date(to))),
                Kind::Instant => {
                    let (from, to) = (dates::midnight(from), dates::midnight(to));
                    Ok(Test::Within(path, operator, Cell::Instant(from), Cell::Instant(to)))
                }
                _ => Err(wrong_type(&path.field)),
            }
        }
        (_, Operand::Literal(literal)) => {
            let cell = cell(&path.field, literal)?;
            Ok(Test::Compare(path, operator, cell))
        }
        _ => Err(malformed_query("unexpected list")),
    }
}

/// The values of a list or of a sub-query.
fn list(org: &Org, asker: &Asker, field: &Field, operand: &Operand) -> Outcome<Values> {
    let mut values = Values::default();
    match operand {
        Operand::List(list) => {
            for literal in list {
                values.add(field, cell(field, literal)?);
            }
        }
        Operand::Query(query) => {
            for cell in run::column(org, asker, query)? {
                values.add(field, cell);
            }
        }
        Operand::Literal(literal) => values.add(field, cell(field, literal)?),
    }
    Ok(values)
}

impl Values {
    fn add(&mut self, field: &Field, cell: Cell) {
        match cell.key_form(field.case_sensitive) {
            Some(form) => {
                self.forms.insert(form);
                self.cells.push(cell);
            }
            None => self.null = true,
        }
    }

    fn contain(&self, field: &Field, cell: &Cell) -> bool {
        match cell.key_form(field.case_sensitive) {
            Some(form) => self.forms.contains(&form),
            None => self.null,
        }
    }
}

/// A literal as a value of a field.
fn cell(field: &Field, literal: &Literal) -> Outcome<Cell> {
    match (&field.kind, literal) {
        (_, Literal::Null) => Ok(Cell::Null),
        (Kind::Id | Kind::Reference(_), Literal::Text(text)) if text.plain.is_empty() => Ok(Cell::Null),
        (Kind::Id | Kind::Reference(_), Literal::Text(text)) => {
            RecordId::parse(&text.plain).map(Cell::Id).ok_or_else(|| {
                let message = format!("invalid ID field: {}", text.plain);
                Refusal::new(400, "INVALID_QUERY_FILTER_OPERATOR", message)
            })
        }
        (Kind::Currency | Kind::Double | Kind::Integer | Kind::Percent, Literal::Number(number)) => {
            Ok(Cell::Number(*number))
        }
        (Kind::Flag, Literal::Flag(flag)) => Ok(Cell::Flag(*flag)),
        (Kind::Date, Literal::Date(date)) => Ok(Cell::Date(*date)),
        (Kind::Instant, Literal::Instant(at)) => Ok(Cell::Instant(whole_second(*at))),
        (_, Literal::Text(text)) if field.soap_type() == "xsd:string" => Ok(Cell::text(&text.plain)),
        _ => Err(wrong_type(field)),
    }
}

fn wrong_type(field: &Field) -> Refusal {
    let wanted = field.soap_type().rsplit(':').next().unwrap_or_default();
    let quotes = if wanted == "string" { "should be enclosed" } else { "should not be enclosed" };
    let message = format!(
        "value of filter criterion for field '{}' must be of type {wanted} and {quotes} in quotes",
        field.name
    );
    Refusal::new(400, "INVALID_FIELD", message)
}

fn wrong_operator(field: &Field, operator: &str) -> Refusal {
    let message = format!("invalid operator on {} field: {operator}", field.type_name());
    Refusal::new(400, "INVALID_QUERY_FILTER_OPERATOR", message)
}

impl Test {
    /// Whether the condition holds for a record.
    pub(crate) fn holds(&self, org: &Org, row: &Row) -> bool {
        match self {
            Self::All(tests) => tests.iter().all(|test| test.holds(org, row)),
            Self::Any(tests) => tests.iter().any(|test| test.holds(org, row)),
            Self::Not(test) => !test.holds(org, row),
            Self::Compare(path, operator, wanted) => {
                compared(&path.field, *operator, &path.value(org, row), wanted)
            }
            Self::Within(path, operator, from, to) => within(*operator, &path.value(org, row), from, to),
            Self::Like(path, pattern) => {
                let value = path.value(org, row);
                let text: Vec<char> = value.as_text().unwrap_or_default().to_lowercase().chars().collect();
                matches(pattern, &text)
            }
            Self::OneOf(path, values) => values.contain(&path.field, &path.value(org, row)),
            Self::Includes(path, combinations) => {
                let value = path.value(org, row);
                let held: Vec<&str> = value.as_text().unwrap_or_default().split(';').collect();
                let holds = |wanted: &str| held.iter().any(|held| held.eq_ignore_ascii_case(wanted));
                combinations.iter().any(|combination| combination.split(';').all(holds))
            }
        }
    }

    /// Where the records are to be looked for. Only a condition that every record must meet can say so.
    /// Indexes leave deleted records out, so that a query for `all` uses none but the ids and stamps.
    pub(crate) fn source(&self, org: &Org, object: &Object, all: bool) -> Source {
        match self {
            Self::All(tests) => {
                let sources = tests.iter().map(|test| test.source(org, object, all));
                sources.min_by_key(Source::cost).unwrap_or(Source::Everywhere)
            }
            Self::Compare(path, Operator::Equal, cell) if path.is_own() => {
                find(org, object, &path.field, std::slice::from_ref(cell), all)
            }
            Self::OneOf(path, values) if path.is_own() && !values.null => {
                find(org, object, &path.field, &values.cells, all)
            }
            Self::Compare(path, Operator::AtLeast | Operator::Greater, Cell::Instant(since))
                if path.is_own() && path.field.name == SYSTEM_STAMP =>
            {
                Source::Since(*since)
            }
            _ => Source::Everywhere,
        }
    }
}

impl Source {
    fn cost(&self) -> usize {
        match self {
            Self::Ids(ids) => ids.len(),
            Self::Since(_) => usize::MAX - 1,
            Self::Everywhere => usize::MAX,
        }
    }
}

fn find(org: &Org, object: &Object, field: &Field, cells: &[Cell], all: bool) -> Source {
    if field.kind == Kind::Id {
        return Source::Ids(cells.iter().filter_map(Cell::as_id).collect());
    }
    if all {
        return Source::Everywhere;
    }
    let found: Option<Vec<Vec<RecordId>>> =
        cells.iter().map(|cell| org.store.find(&object.name, &field.name, cell)).collect();
    found.map_or(Source::Everywhere, |ids| Source::Ids(ids.concat()))
}

fn compared(field: &Field, operator: Operator, value: &Cell, wanted: &Cell) -> bool {
    let equal = || value.key_form(field.case_sensitive) == wanted.key_form(field.case_sensitive);
    match operator {
        Operator::Equal => equal(),
        Operator::NotEqual => !equal(),
        _ => value.order(wanted).is_some_and(|order| holds(operator, order)),
    }
}

fn holds(operator: Operator, order: Ordering) -> bool {
    match operator {
        Operator::Less => order.is_lt(),
        Operator::AtMost => order.is_le(),
        Operator::Greater => order.is_gt(),
        Operator::AtLeast => order.is_ge(),
        _ => false,
    }
}

fn within(operator: Operator, value: &Cell, from: &Cell, to: &Cell) -> bool {
    let (Some(start), Some(end)) = (value.order(from), value.order(to)) else {
        return operator == Operator::NotEqual;
    };
    match operator {
        Operator::Equal => start.is_ge() && end.is_lt(),
        Operator::NotEqual => start.is_lt() || end.is_ge(),
        Operator::Less => start.is_lt(),
        Operator::AtMost => end.is_lt(),
        Operator::Greater => end.is_ge(),
        Operator::AtLeast => start.is_ge(),
        _ => false,
    }
}

/// Whether a text in small letters fits a pattern. Walks back only to the last `%`, so that no pattern takes long.
fn matches(pattern: &[Piece], text: &[char]) -> bool {
    let (mut piece, mut at) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while at < text.len() {
        let fits = match (pattern.get(piece), text.get(at)) {
            (Some(Piece::One), Some(_)) => true,
            (Some(Piece::Character(wanted)), Some(found)) => wanted.to_lowercase().eq([*found]),
            _ => false,
        };
        if pattern.get(piece) == Some(&Piece::Any) {
            retry = Some((piece, at));
            piece += 1;
        } else if fits {
            (piece, at) = (piece + 1, at + 1);
        } else if let Some((any, from)) = retry {
            retry = Some((any, from + 1));
            (piece, at) = (any + 1, from + 1);
        } else {
            return false;
        }
    }
    pattern.get(piece..).is_some_and(|rest| rest.iter().all(|piece| *piece == Piece::Any))
}
