//! `$filter`: the part of the OData grammar that the referrals API documents.
//!
//! `eq ne gt ge lt le`, `and`, parentheses, nested paths with `/`, `list/any(x:x/member eq …)`. Literals: quoted text
//! (`''` for a quote), numbers, `true`, `false`, `null`, and unquoted GUIDs and times, which real links contain.
//! `or`, `not` and functions are known but not simulated, and are named as such.

use std::cmp::Ordering;

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::Value;

/// Nested parentheses and `any` that a filter may have before it is refused.
const DEPTH_MAX: usize = 32;

/// A filter that was understood.
#[derive(Clone, Debug)]
pub(super) enum Filter {
    /// Both sides hold.
    And(Box<Filter>, Box<Filter>),
    /// A member compared with a literal.
    Compare { path: Vec<String>, operator: Operator, literal: Literal },
    /// Some element of a list satisfies the inner filter; its paths start at the element.
    Any { path: Vec<String>, inner: Box<Filter> },
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Eq,
    Ne,
    Gt,
    Ge,
    Lt,
    Le,
}

/// A constant in a filter.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Literal {
    Text(String),
    Number(Decimal),
    Flag(bool),
    Null,
}

/// Why a filter was not understood.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum FilterError {
    /// It is not legal, in words.
    Invalid(String),
    /// It is legal OData that the sandbox leaves out.
    NotSimulated(String),
}

impl Filter {
    /// Reads a filter.
    pub(super) fn parse(text: &str) -> Result<Self, FilterError> {
        let tokens = tokens(text)?;
        let mut parser = Parser { tokens: &tokens, at: 0, depth: 0 };
        let filter = parser.conjunction(None)?;
        match parser.next() {
            None => Ok(filter),
            Some(token) => Err(unexpected(token)),
        }
    }

    /// Whether the referral satisfies the filter.
    pub(super) fn holds(&self, value: &Value) -> bool {
        match self {
            Self::And(left, right) => left.holds(value) && right.holds(value),
            Self::Compare { path, operator, literal } => {
                operator.holds(member(value, path).unwrap_or(&Value::Null), literal)
            }
            Self::Any { path, inner } => member(value, path)
                .and_then(Value::as_array)
                .is_some_and(|list| list.iter().any(|element| inner.holds(element))),
        }
    }

    /// Whether the filter speaks of a top-level member.
    pub(super) fn mentions(&self, name: &str) -> bool {
        match self {
            Self::And(left, right) => left.mentions(name) || right.mentions(name),
            Self::Compare { path, .. } | Self::Any { path, .. } => {
                path.first().is_some_and(|first| first == name)
            }
        }
    }
}

impl Operator {
    fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "eq" => Self::Eq,
            "ne" => Self::Ne,
            "gt" => Self::Gt,
            "ge" => Self::Ge,
            "lt" => Self::Lt,
            "le" => Self::Le,
            _ => return None,
        })
    }

    /// OData: a comparison of different types or with null is false, except `eq` and `ne`.
    fn holds(self, value: &Value, literal: &Literal) -> bool {
        let order = compare(value, literal);
        match self {
            Self::Eq => order == Some(Ordering::Equal),
            Self::Ne => order != Some(Ordering::Equal),
            Self::Gt => order == Some(Ordering::Greater),
            Self::Ge => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
            Self::Lt => order == Some(Ordering::Less),
            Self::Le => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        }
    }
}

fn compare(value: &Value, literal: &Literal) -> Option<Ordering> {
    match (value, literal) {
        (Value::Null, Literal::Null) => Some(Ordering::Equal),
        (Value::Bool(value), Literal::Flag(literal)) => Some(value.cmp(literal)),
        (Value::Number(value), Literal::Number(literal)) => {
            decimal(&value.to_string()).map(|value| value.cmp(literal))
        }
        (Value::String(value), Literal::Text(literal)) => Some(compare_text(value, literal)),
        _ => None,
    }
}

/// Times are compared as times, GUIDs without case, all else as written.
fn compare_text(value: &str, literal: &str) -> Ordering {
    if let (Ok(value), Ok(literal)) = (value.parse::<Timestamp>(), literal.parse::<Timestamp>()) {
        return value.cmp(&literal);
    }
    match (uuid::Uuid::try_parse(value), uuid::Uuid::try_parse(literal)) {
        (Ok(value), Ok(literal)) => value.cmp(&literal),
        _ => value.cmp(literal),
    }
}

fn decimal(text: &str) -> Option<Decimal> {
    text.parse().ok().or_else(|| Decimal::from_scientific(text).ok())
}

/// The member at a path such as `customerProfile/address/country`.
pub(super) fn member<'a>(value: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, name| value.get(name.as_str()))
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    /// A name, a path, an operator or an unquoted literal.
    Word(String),
    /// Quoted text, unquoted here.
    Text(String),
    Open,
    Close,
    Colon,
}

fn tokens(text: &str) -> Result<Vec<Token>, FilterError> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let consumed = match first {
            '(' => push(&mut tokens, Token::Open),
            ')' => push(&mut tokens, Token::Close),
            // A colon inside of a time belongs to the word and is taken with it below.
            ':' => push(&mut tokens, Token::Colon),
            '\'' => {
                let (content, length) = quoted(rest)?;
                tokens.push(Token::Text(content));
                length
            }
            _ => {
                let word = word(rest);
                tokens.push(Token::Word(word.to_owned()));
                word.len()
            }
        };
        rest = rest[consumed..].trim_start();
    }
    Ok(tokens)
}

fn push(tokens: &mut Vec<Token>, token: Token) -> usize {
    tokens.push(token);
    1
}

/// The quoted text at the start of `rest` and how many bytes it takes.
fn quoted(rest: &str) -> Result<(String, usize), FilterError> {
    let mut content = String::new();
    let mut characters = rest.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        if character != '\'' {
            content.push(character);
        } else if characters.next_if(|(_, next)| *next == '\'').is_some() {
            content.push('\'');
        } else {
            return Ok((content, at + 1));
        }
    }
    Err(FilterError::Invalid("a quoted text has no end".into()))
}

fn word(rest: &str) -> &str {
    // `2026-01-01T00:00:00Z` holds colons, `t:t/email` separates with one: a word that starts with a digit keeps them.
    let keeps_colons = rest.starts_with(|first: char| first.is_ascii_digit());
    let end = rest.find(|character: char| {
        character.is_whitespace()
            || matches!(character, '(' | ')' | '\'')
            || (character == ':' && !keeps_colons)
    });
    &rest[..end.unwrap_or(rest.len())]
}

struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn next(&mut self) -> Option<&'a Token> {
        let token = self.tokens.get(self.at);
        self.at += 1;
        token
    }

    fn next_if(&mut self, wanted: &Token) -> bool {
        let found = self.tokens.get(self.at) == Some(wanted);
        self.at += usize::from(found);
        found
    }

    /// `term and term …`; `variable` is the name that paths start with inside of an `any`.
    fn conjunction(&mut self, variable: Option<&str>) -> Result<Filter, FilterError> {
        let mut filter = self.term(variable)?;
        while self.next_if(&Token::Word("and".into())) {
            filter = Filter::And(Box::new(filter), Box::new(self.term(variable)?));
        }
        match self.tokens.get(self.at) {
            Some(Token::Word(word)) if word == "or" => {
                Err(FilterError::NotSimulated("$filter with `or`".into()))
            }
            _ => Ok(filter),
        }
    }

    fn term(&mut self, variable: Option<&str>) -> Result<Filter, FilterError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(FilterError::Invalid(format!("more than {DEPTH_MAX} nested parts")));
        }
        let term = match self.next() {
            Some(Token::Open) => {
                let inner = self.conjunction(variable)?;
                self.close()?;
                inner
            }
            Some(Token::Word(word)) if word == "not" => {
                return Err(FilterError::NotSimulated("$filter with `not`".into()));
            }
            Some(Token::Word(word)) if self.next_if(&Token::Open) => self.any(word, variable)?,
            Some(Token::Word(word)) => self.comparison(word, variable)?,
            Some(token) => return Err(unexpected(token)),
            None => return Err(FilterError::Invalid("the filter breaks off".into())),
        };
        self.depth -= 1;
        Ok(term)
    }

    /// `list/any(x:…)`, after its opening parenthesis.
    fn any(&mut self, word: &str, variable: Option<&str>) -> Result<Filter, FilterError> {
        let Some(list) = word.strip_suffix("/any") else {
            return Err(FilterError::NotSimulated(format!("$filter with `{word}(…)`")));
        };
        let path = path(list, variable)?;
        let Some(Token::Word(name)) = self.next() else {
            return Err(FilterError::Invalid(
                "`any(` needs a variable, as in `any(t:t/email eq 'x')`".into(),
            ));
        };
        if !self.next_if(&Token::Colon) {
            return Err(FilterError::Invalid(format!("`any({name}` needs a colon after its variable")));
        }
        let inner = Box::new(self.conjunction(Some(name))?);
        self.close()?;
        Ok(Filter::Any { path, inner })
    }

    fn comparison(&mut self, word: &str, variable: Option<&str>) -> Result<Filter, FilterError> {
        let path = path(word, variable)?;
        let operator = match self.next() {
            Some(Token::Word(word)) => Operator::parse(word)
                .ok_or_else(|| FilterError::Invalid(format!("`{word}` is no comparison operator")))?,
            _ => return Err(FilterError::Invalid(format!("`{word}` is compared with nothing"))),
        };
        let literal = match self.next() {
            Some(Token::Text(text)) => Literal::Text(text.clone()),
            Some(Token::Word(word)) => literal(word)?,
            _ => return Err(FilterError::Invalid(format!("`{word}` is compared with nothing"))),
        };
        Ok(Filter::Compare { path, operator, literal })
    }

    fn close(&mut self) -> Result<(), FilterError> {
        if self.next_if(&Token::Close) {
            return Ok(());
        }
        Err(FilterError::Invalid("a parenthesis is not closed".into()))
    }
}

/// Splits a path; inside of an `any` it must start with the variable, which is taken off.
fn path(word: &str, variable: Option<&str>) -> Result<Vec<String>, FilterError> {
    let mut names: Vec<String> = word.split('/').map(str::to_owned).collect();
    if names.iter().any(String::is_empty) {
        return Err(FilterError::Invalid(format!("`{word}` is no path")));
    }
    if let Some(variable) = variable {
        if names[0] != variable {
            return Err(FilterError::Invalid(format!("`{word}` does not start with `{variable}/`")));
        }
        names.remove(0);
    }
    Ok(names)
}

/// An unquoted literal: null, a flag, a number, a GUID or a time.
fn literal(word: &str) -> Result<Literal, FilterError> {
    match word {
        "null" => return Ok(Literal::Null),
        "true" => return Ok(Literal::Flag(true)),
        "false" => return Ok(Literal::Flag(false)),
        _ => {}
    }
    if uuid::Uuid::try_parse(word).is_ok() || word.parse::<Timestamp>().is_ok() {
        return Ok(Literal::Text(word.to_owned()));
    }
    decimal(word)
        .map(Literal::Number)
        .ok_or_else(|| FilterError::Invalid(format!("`{word}` is no literal; text needs single quotes")))
}

fn unexpected(token: &Token) -> FilterError {
    FilterError::Invalid(format!("{token:?} is not expected there"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn holds(filter: &str) -> bool {
        let referral = json!({
            "engagementId": "3b2f60ce-1c5a-4f0d-9a5d-2d5f1b6d2a11", "status": "New", "statusReason": null,
            "customerProfile": { "name": "O'Neil (and sons)", "address": { "country": "US" } },
            "details": { "dealValue": 50000.10 }, "favorite": true,
            "updatedDateTime": "2026-11-21T02:05:23.2931817Z",
            "team": [{ "email": "a@x.example" }, { "email": "b@x.example" }],
        });
        Filter::parse(filter).unwrap().holds(&referral)
    }

    #[test]
    fn the_documented_filters_are_understood() {
        assert!(holds("engagementId eq '3B2F60CE-1c5a-4f0d-9a5d-2d5f1b6d2a11'"));
        assert!(holds("engagementId eq 3b2f60ce-1c5a-4f0d-9a5d-2d5f1b6d2a11"));
        assert!(holds("customerProfile/address/country eq 'US' and (status eq 'New')"));
        assert!(holds("team/any(t:t/email eq 'b@x.example')"));
        assert!(!holds("team/any(t: t/email eq 'c@x.example') and status eq 'New'"));
        assert!(holds("customerProfile/name eq 'O''Neil (and sons)'"));
    }

    #[test]
    fn times_and_numbers_are_compared_by_value() {
        assert!(holds("updatedDateTime gt 2026-11-21T02:05:23.293Z"));
        assert!(holds("updatedDateTime le '2026-11-21T02:05:23.2931817Z'"));
        assert!(!holds("updatedDateTime lt 2026-11-21T03:05:23.2931817+01:00"));
        assert!(holds("details/dealValue eq 50000.1 and details/dealValue lt 50000.11"));
        assert!(holds("favorite eq true and statusReason eq null and missing eq null and status ne 'Old'"));
    }

    #[test]
    fn what_is_left_out_is_told_from_what_is_wrong() {
        for left_out in ["status eq 'a' or status eq 'b'", "not status eq 'a'", "contains(name,'x')"] {
            assert!(matches!(Filter::parse(left_out), Err(FilterError::NotSimulated(_))), "{left_out}");
        }
        for wrong in [
            "",
            "status",
            "status eq",
            "status eq New",
            "status is 'a'",
            "(status eq 'a'",
            "status eq 'a",
            "a//b eq 1",
        ] {
            assert!(matches!(Filter::parse(wrong), Err(FilterError::Invalid(_))), "{wrong}");
        }
        assert!(Filter::parse(&"(".repeat(10_000)).is_err());
    }
}
