//! A query as it was written, before anybody looked whether its fields exist.

use jiff::{Timestamp, civil::Date};
use rust_decimal::Decimal;

/// One query.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Query {
    /// What is asked for.
    pub(crate) select: Vec<Item>,
    /// The object, or in a sub-query the name of the way to the children.
    pub(crate) from: String,
    /// The short name of the object.
    pub(crate) alias: Option<String>,
    /// Which records.
    pub(crate) condition: Option<Condition>,
    /// In which order.
    pub(crate) order: Vec<Order>,
    /// At most so many.
    pub(crate) limit: Option<usize>,
    /// So many are left out first.
    pub(crate) offset: usize,
}

/// One thing that is asked for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Item {
    /// A field, possibly of a parent, possibly through a function.
    Field {
        /// Relationships, and the field at the end.
        path: Vec<String>,
        /// What is done to the value.
        function: Option<Function>,
        /// The name in the answer, instead of the field's.
        alias: Option<String>,
    },
    /// `COUNT()`
    Count,
    /// `FIELDS(…)`
    Fields(FieldSet),
    /// A sub-query over children.
    Children(Query),
}

/// What is done to a value before it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    /// The label of a choice.
    ToLabel,
    /// An amount in the user's currency.
    ConvertCurrency,
    /// The value as text.
    Format,
}

/// The fields that `FIELDS` stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FieldSet {
    /// All.
    All,
    /// Salesforce's own.
    Standard,
    /// The others.
    Custom,
}

/// One level of the order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Order {
    /// The field.
    pub(crate) path: Vec<String>,
    /// From the greatest to the least.
    pub(crate) descending: bool,
    /// Where records without a value come.
    pub(crate) nulls_last: bool,
}

/// Which records.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Condition {
    /// All of them hold.
    All(Vec<Self>),
    /// One of them holds.
    Any(Vec<Self>),
    /// It does not hold.
    Not(Box<Self>),
    /// A field compared.
    Compare {
        /// The field.
        path: Vec<String>,
        /// How.
        operator: Operator,
        /// With what.
        operand: Operand,
    },
}

/// How a field is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
    /// `LIKE`
    Like,
    /// `IN`
    In,
    /// `NOT IN`
    NotIn,
    /// `INCLUDES`
    Includes,
    /// `EXCLUDES`
    Excludes,
}

/// What a field is compared with.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Operand {
    /// One value.
    Literal(Literal),
    /// A list.
    List(Vec<Literal>),
    /// The values of a field of other records.
    Query(Box<Query>),
}

/// A value as it was written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Literal {
    /// `null`
    Null,
    /// A quoted text.
    Text(Text),
    /// A number.
    Number(Decimal),
    /// `true` or `false`
    Flag(bool),
    /// A date.
    Date(Date),
    /// A moment.
    Instant(Timestamp),
    /// `TODAY`, `LAST_N_DAYS:7`: a span of days that moves with the clock.
    Span {
        /// Its name.
        name: String,
        /// The number after the colon.
        count: Option<i32>,
    },
}

/// A quoted text, plain and as a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text {
    /// Without its escapes.
    pub(crate) plain: String,
    /// What it means to `LIKE`.
    pub(crate) pattern: Vec<Piece>,
}

/// One piece of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece {
    /// `%`: any characters or none.
    Any,
    /// `_`: one character.
    One,
    /// This character.
    Character(char),
}
