//! `$filter`: read into a tree, checked against a table, then asked of one row at a time.
//!
//! What the Web API does not have (arithmetic, `has`) is refused as a syntax error; what it has and this sandbox does
//! not (lambdas, most `Microsoft.Dynamics.CRM.*` query functions) is refused with 501.

use super::lexer::{Token, tokens};
use crate::dynamics::{
    cell::Cell,
    errors::{Outcome, Refusal, not_simulated, query},
};
use std::cmp::Ordering;

/// Judges a column that a filter names, with the literals that it is compared with.
pub(crate) type ColumnCheck<'a> = dyn Fn(&[String], &[&Cell]) -> Outcome<()> + 'a;

/// How deep parentheses and `not` may nest, so that a hostile filter cannot exhaust the stack.
const DEPTH_MAX: usize = 100;

/// A filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Expr {
    /// Both.
    And(Box<Expr>, Box<Expr>),
    /// Either.
    Or(Box<Expr>, Box<Expr>),
    /// The opposite.
    Not(Box<Expr>),
    /// A comparison of a column with a literal, or of two columns.
    Compare {
        /// The left side.
        left: Operand,
        /// The operator.
        operator: Operator,
        /// The right side.
        right: Operand,
    },
    /// `contains`, `startswith`, `endswith`.
    Text {
        /// Which of the three.
        function: TextFunction,
        /// The column.
        path: Vec<String>,
        /// What is looked for, in lower case.
        needle: String,
    },
    /// `Microsoft.Dynamics.CRM.In`, or the `in` operator.
    In {
        /// The column.
        path: Vec<String>,
        /// The accepted values.
        values: Vec<Cell>,
    },
}

/// One side of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Operand {
    /// A column, or `navigation/column`.
    Path(Vec<String>),
    /// A literal.
    Literal(Cell),
}

/// The six comparisons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    /// `eq`
    Eq,
    /// `ne`
    Ne,
    /// `gt`
    Gt,
    /// `ge`
    Ge,
    /// `lt`
    Lt,
    /// `le`
    Le,
}

/// The three text functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextFunction {
    /// `contains`
    Contains,
    /// `startswith`
    StartsWith,
    /// `endswith`
    EndsWith,
}

/// Reads a filter.
pub(crate) fn parse(text: &str) -> Outcome<Expr> {
    let tokens = tokens(text)?;
    let mut parser = Parser { tokens: &tokens, at: 0, depth: 0, text };
    let expr = parser.or()?;
    if parser.at == tokens.len() { Ok(expr) } else { Err(parser.syntax()) }
}

impl Expr {
    /// Whether the filter accepts a row, whose columns `column` looks up.
    pub(crate) fn accepts(&self, column: &dyn Fn(&[String]) -> Cell) -> bool {
        match self {
            Self::And(a, b) => a.accepts(column) && b.accepts(column),
            Self::Or(a, b) => a.accepts(column) || b.accepts(column),
            Self::Not(inner) => !inner.accepts(column),
            Self::Compare { left, operator, right } => {
                operator.holds(&left.value(column), &right.value(column))
            }
            Self::Text { function, path, needle } => {
                column(path).as_text().is_some_and(|text| function.holds(&text.to_lowercase(), needle))
            }
            Self::In { path, values } => {
                let cell = column(path);
                values.iter().any(|value| Operator::Eq.holds(&cell, value))
            }
        }
    }

    /// Calls `check` with every column that the filter names and the literals that it is compared with.
    pub(crate) fn check(&self, check: &ColumnCheck<'_>) -> Outcome<()> {
        match self {
            Self::And(a, b) | Self::Or(a, b) => {
                a.check(check)?;
                b.check(check)
            }
            Self::Not(inner) => inner.check(check),
            Self::Compare { left, right, .. } => match (left, right) {
                (Operand::Path(a), Operand::Path(b)) => {
                    check(a, &[])?;
                    check(b, &[])
                }
                (Operand::Path(path), Operand::Literal(value))
                | (Operand::Literal(value), Operand::Path(path)) => check(path, &[value]),
                (Operand::Literal(_), Operand::Literal(_)) => Ok(()),
            },
            Self::Text { path, needle, .. } => check(path, &[&Cell::Text(needle.clone())]),
            Self::In { path, values } => check(path, &values.iter().collect::<Vec<_>>()),
        }
    }
}

impl Operand {
    fn value(&self, column: &dyn Fn(&[String]) -> Cell) -> Cell {
        match self {
            Self::Path(path) => column(path),
            Self::Literal(cell) => cell.clone(),
        }
    }
}

impl Operator {
    /// A missing value equals `null` only, differs from everything else, and is neither more nor less.
    fn holds(self, left: &Cell, right: &Cell) -> bool {
        if left.is_null() || right.is_null() {
            let same = left.is_null() && right.is_null();
            return match self {
                Self::Eq => same,
                Self::Ne => !same,
                _ => false,
            };
        }
        let order = left.order(right);
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

impl TextFunction {
    fn holds(self, text: &str, needle: &str) -> bool {
        match self {
            Self::Contains => text.contains(needle),
            Self::StartsWith => text.starts_with(needle),
            Self::EndsWith => text.ends_with(needle),
        }
    }
}

struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
    depth: usize,
    text: &'a str,
}

impl Parser<'_> {
    fn syntax(&self) -> Refusal {
        query(format!("Syntax error at word {} in '{}'.", self.at + 1, self.text))
    }

    fn peek_word(&self, word: &str) -> bool {
        matches!(self.tokens.get(self.at), Some(Token::Word(found)) if found == word)
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = self.peek_word(word);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, token: &Token) -> Outcome<()> {
        if self.tokens.get(self.at) == Some(token) {
            self.at += 1;
            Ok(())
        } else {
            Err(self.syntax())
        }
    }

    fn or(&mut self) -> Outcome<Expr> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(query(format!("The filter nests deeper than the limit of {DEPTH_MAX}.")));
        }
        let mut left = self.and()?;
        while self.take_word("or") {
            left = Expr::Or(Box::new(left), Box::new(self.and()?));
        }
        self.depth -= 1;
        Ok(left)
    }

    fn and(&mut self) -> Outcome<Expr> {
        let mut left = self.not()?;
        while self.take_word("and") {
            left = Expr::And(Box::new(left), Box::new(self.not()?));
        }
        Ok(left)
    }

    fn not(&mut self) -> Outcome<Expr> {
        if !self.take_word("not") {
            return self.term();
        }
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(query(format!("The filter nests deeper than the limit of {DEPTH_MAX}.")));
        }
        let inner = self.not()?;
        self.depth -= 1;
        Ok(Expr::Not(Box::new(inner)))
    }

    fn term(&mut self) -> Outcome<Expr> {
        if self.tokens.get(self.at) == Some(&Token::Open) {
            self.at += 1;
            let inner = self.or()?;
            self.expect(&Token::Close)?;
            return Ok(inner);
        }
        if let (Some(Token::Word(name)), Some(Token::Open)) =
            (self.tokens.get(self.at), self.tokens.get(self.at + 1))
        {
            return self.call(name);
        }
        let left = self.operand()?;
        if self.take_word("in") {
            let Operand::Path(path) = left else { return Err(self.syntax()) };
            return Ok(Expr::In { path, values: self.list(&Token::Open, &Token::Close)? });
        }
        let operator = self.operator()?;
        let right = self.operand()?;
        Ok(Expr::Compare { left, operator, right })
    }

    fn operator(&mut self) -> Outcome<Operator> {
        let Some(Token::Word(word)) = self.tokens.get(self.at) else { return Err(self.syntax()) };
        let operator = match word.as_str() {
            "eq" => Operator::Eq,
            "ne" => Operator::Ne,
            "gt" => Operator::Gt,
            "ge" => Operator::Ge,
            "lt" => Operator::Lt,
            "le" => Operator::Le,
            _ => return Err(self.syntax()),
        };
        self.at += 1;
        Ok(operator)
    }

    fn operand(&mut self) -> Outcome<Operand> {
        let operand = match self.tokens.get(self.at) {
            Some(Token::Word(word)) => Operand::Path(word.split('/').map(str::to_owned).collect()),
            Some(Token::Literal(cell)) => Operand::Literal(cell.clone()),
            _ => return Err(self.syntax()),
        };
        self.at += 1;
        Ok(operand)
    }

    fn call(&mut self, name: &str) -> Outcome<Expr> {
        let function = match name {
            "contains" => TextFunction::Contains,
            "startswith" => TextFunction::StartsWith,
            "endswith" => TextFunction::EndsWith,
            "Microsoft.Dynamics.CRM.In" => return self.named_in(),
            _ if name.ends_with("/any") || name.ends_with("/all") => {
                return Err(not_simulated(format!("the lambda operator '{name}' in $filter")));
            }
            _ if name.starts_with("Microsoft.Dynamics.CRM.") => {
                return Err(not_simulated(format!("the query function '{name}'")));
            }
            _ => return Err(query(format!("An unknown function with name '{name}' was found."))),
        };
        self.at += 2;
        let Operand::Path(path) = self.operand()? else { return Err(self.syntax()) };
        self.expect(&Token::Comma)?;
        let Operand::Literal(Cell::Text(needle)) = self.operand()? else { return Err(self.syntax()) };
        self.expect(&Token::Close)?;
        let expr = Expr::Text { function, path, needle: needle.to_lowercase() };
        self.compared_with_flag(expr)
    }

    /// Some clients write `contains(name,'x') eq true`.
    fn compared_with_flag(&mut self, expr: Expr) -> Outcome<Expr> {
        if !self.peek_word("eq") && !self.peek_word("ne") {
            return Ok(expr);
        }
        let equal = self.operator()? == Operator::Eq;
        let Operand::Literal(Cell::Flag(wanted)) = self.operand()? else { return Err(self.syntax()) };
        Ok(if equal == wanted { expr } else { Expr::Not(Box::new(expr)) })
    }

    /// `Microsoft.Dynamics.CRM.In(PropertyName='name',PropertyValues=['a','b'])`.
    fn named_in(&mut self) -> Outcome<Expr> {
        self.at += 2;
        if !self.take_word("PropertyName") {
            return Err(self.syntax());
        }
        self.expect(&Token::Equals)?;
        let Operand::Literal(Cell::Text(name)) = self.operand()? else { return Err(self.syntax()) };
        self.expect(&Token::Comma)?;
        if !self.take_word("PropertyValues") {
            return Err(self.syntax());
        }
        self.expect(&Token::Equals)?;
        let values = self.list(&Token::OpenList, &Token::CloseList)?;
        self.expect(&Token::Close)?;
        Ok(Expr::In { path: name.split('/').map(str::to_owned).collect(), values })
    }

    fn list(&mut self, open: &Token, close: &Token) -> Outcome<Vec<Cell>> {
        self.expect(open)?;
        let mut values = Vec::new();
        loop {
            let Operand::Literal(cell) = self.operand()? else { return Err(self.syntax()) };
            values.push(cell);
            if self.tokens.get(self.at) == Some(&Token::Comma) {
                self.at += 1;
            } else {
                self.expect(close)?;
                return Ok(values);
            }
        }
    }
}
