//! From words to the tree of a query.

use super::{
    ast::{Condition, FieldSet, Function, Item, Literal, Operand, Operator, Order, Query},
    lexer::{Token, tokens},
};
use crate::salesforce::errors::{Outcome, Refusal, malformed_query, not_simulated};

/// How deep sub-queries and parentheses may nest.
const DEPTH_MAX: usize = 20;
/// Records that OFFSET may leave out.
const OFFSET_MAX: usize = 2_000;
/// Words that begin the next part, and so cannot be an alias.
const PARTS: &[&str] =
    &["WHERE", "WITH", "GROUP", "HAVING", "ORDER", "LIMIT", "OFFSET", "FOR", "USING", "ALL", "UPDATE"];

/// Reads a whole query.
pub(crate) fn query(text: &str) -> Outcome<Query> {
    let mut parser = Parser { tokens: tokens(text)?, at: 0, depth: 0 };
    let query = parser.query()?;
    parser.end()?;
    Ok(query)
}

/// Reads what stands in a WHERE.
pub(crate) fn condition(text: &str) -> Outcome<Condition> {
    let mut parser = Parser { tokens: tokens(text)?, at: 0, depth: 0 };
    let condition = parser.condition()?;
    parser.end()?;
    Ok(condition)
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn query(&mut self) -> Outcome<Query> {
        self.deeper()?;
        self.keyword("SELECT")?;
        let mut select = vec![self.item()?];
        while self.take(&Token::Comma) {
            select.push(self.item()?);
        }
        self.keyword("FROM")?;
        let from = self.name()?;
        let alias = self.alias();
        if self.is_keyword("USING") {
            self.keyword("SCOPE")?;
            self.name()?;
        }
        let condition = if self.is_keyword("WHERE") { Some(self.condition()?) } else { None };
        if self.is_keyword("WITH") {
            self.name()?;
        }
        if self.peek_keyword("GROUP") || self.peek_keyword("HAVING") {
            return Err(not_simulated("GROUP BY and HAVING"));
        }
        let order = if self.is_keyword("ORDER") { self.order()? } else { Vec::new() };
        let limit = if self.is_keyword("LIMIT") { Some(self.count()?) } else { None };
        let offset = if self.is_keyword("OFFSET") { self.count()? } else { 0 };
        if offset > OFFSET_MAX {
            let message = format!("Maximum SOQL offset allowed is {OFFSET_MAX}");
            return Err(Refusal::new(400, "NUMBER_OUTSIDE_VALID_RANGE", message));
        }
        if self.is_keyword("FOR") {
            self.name()?;
        }
        self.depth -= 1;
        Ok(Query { select, from, alias, condition, order, limit, offset })
    }

    fn item(&mut self) -> Outcome<Item> {
        if self.take(&Token::Open) {
            let children = self.query()?;
            self.expect(&Token::Close, ")")?;
            return Ok(Item::Children(children));
        }
        let name = self.name()?;
        if name.eq_ignore_ascii_case("TYPEOF") {
            return Err(not_simulated("TYPEOF"));
        }
        if !self.take(&Token::Open) {
            return Ok(Item::Field { path: path(&name), function: None, alias: self.alias() });
        }
        let function = match name.to_ascii_uppercase().as_str() {
            "COUNT" if self.take(&Token::Close) => return Ok(Item::Count),
            "FIELDS" => {
                let set = match self.name()?.to_ascii_uppercase().as_str() {
                    "ALL" => FieldSet::All,
                    "STANDARD" => FieldSet::Standard,
                    "CUSTOM" => FieldSet::Custom,
                    other => return Err(malformed_query(format!("unexpected token: '{other}'"))),
                };
                self.expect(&Token::Close, ")")?;
                return Ok(Item::Fields(set));
            }
            "TOLABEL" => Function::ToLabel,
            "CONVERTCURRENCY" => Function::ConvertCurrency,
            "FORMAT" => Function::Format,
            "COUNT" | "COUNT_DISTINCT" | "MIN" | "MAX" | "SUM" | "AVG" => {
                return Err(not_simulated(format!("the aggregate {name}(…)")));
            }
            _ => return Err(malformed_query(format!("unexpected token: '{name}('"))),
        };
        let field = self.name()?;
        self.expect(&Token::Close, ")")?;
        Ok(Item::Field { path: path(&field), function: Some(function), alias: self.alias() })
    }

    /// A chain of one connective: `a AND b OR c` is refused, as Salesforce refuses it.
    fn condition(&mut self) -> Outcome<Condition> {
        let first = self.term()?;
        let connective = match () {
            () if self.peek_keyword("AND") => "AND",
            () if self.peek_keyword("OR") => "OR",
            () => return Ok(first),
        };
        let mut terms = vec![first];
        while self.is_keyword(connective) {
            terms.push(self.term()?);
        }
        if self.peek_keyword("AND") || self.peek_keyword("OR") {
            return Err(malformed_query(
                "AND and OR cannot stand in one chain; use parentheses to say what belongs together",
            ));
        }
        Ok(if connective == "AND" { Condition::All(terms) } else { Condition::Any(terms) })
    }

    fn term(&mut self) -> Outcome<Condition> {
        if self.is_keyword("NOT") {
            self.deeper()?;
            let term = self.term()?;
            self.depth -= 1;
            return Ok(Condition::Not(Box::new(term)));
        }
        if self.take(&Token::Open) {
            self.deeper()?;
            let inner = self.condition()?;
            self.depth -= 1;
            self.expect(&Token::Close, ")")?;
            return Ok(inner);
        }
        let path = path(&self.name()?);
        let operator = self.operator()?;
        let operand = match operator {
            Operator::In | Operator::NotIn => self.list_or_query()?,
            Operator::Includes | Operator::Excludes => Operand::List(self.list()?),
            _ => Operand::Literal(self.literal()?),
        };
        Ok(Condition::Compare { path, operator, operand })
    }

    fn operator(&mut self) -> Outcome<Operator> {
        if let Some(Token::Operator(operator)) = self.peek() {
            let operator = *operator;
            self.at += 1;
            return Ok(operator);
        }
        if self.is_keyword("NOT") {
            self.keyword("IN")?;
            return Ok(Operator::NotIn);
        }
        let words = [
            ("LIKE", Operator::Like),
            ("IN", Operator::In),
            ("INCLUDES", Operator::Includes),
            ("EXCLUDES", Operator::Excludes),
        ];
        let found = words.into_iter().find(|(word, _)| self.is_keyword(word));
        found.map(|(_, operator)| operator).ok_or_else(|| self.unexpected())
    }

    fn list_or_query(&mut self) -> Outcome<Operand> {
        if self.peek() == Some(&Token::Open)
            && matches!(self.tokens.get(self.at + 1), Some(Token::Word(word)) if word.eq_ignore_ascii_case("SELECT"))
        {
            self.at += 1;
            let query = self.query()?;
            self.expect(&Token::Close, ")")?;
            return Ok(Operand::Query(Box::new(query)));
        }
        Ok(Operand::List(self.list()?))
    }

    fn list(&mut self) -> Outcome<Vec<Literal>> {
        self.expect(&Token::Open, "(")?;
        let mut list = vec![self.literal()?];
        while self.take(&Token::Comma) {
            list.push(self.literal()?);
        }
        self.expect(&Token::Close, ")")?;
        Ok(list)
    }

    fn literal(&mut self) -> Outcome<Literal> {
        let token = self.next()?;
        match token {
            Token::Literal(literal) => Ok(literal),
            Token::Word(word) => match word.to_ascii_lowercase().as_str() {
                "null" => Ok(Literal::Null),
                "true" => Ok(Literal::Flag(true)),
                "false" => Ok(Literal::Flag(false)),
                _ => {
                    let (name, count) = word.split_once(':').unwrap_or((&word, ""));
                    let count = if count.is_empty() { None } else { count.parse().ok() };
                    Ok(Literal::Span { name: name.to_ascii_uppercase(), count })
                }
            },
            _ => {
                self.at -= 1;
                Err(self.unexpected())
            }
        }
    }

    fn order(&mut self) -> Outcome<Vec<Order>> {
        self.keyword("BY")?;
        let mut order = Vec::new();
        loop {
            let path = path(&self.name()?);
            let descending = self.is_keyword("DESC");
            if !descending {
                self.is_keyword("ASC");
            }
            let mut nulls_last = false;
            if self.is_keyword("NULLS") {
                nulls_last = self.is_keyword("LAST");
                if !nulls_last {
                    self.keyword("FIRST")?;
                }
            }
            order.push(Order { path, descending, nulls_last });
            if !self.take(&Token::Comma) {
                return Ok(order);
            }
        }
    }

    fn count(&mut self) -> Outcome<usize> {
        match self.next()? {
            Token::Literal(Literal::Number(number)) => {
                usize::try_from(number).map_err(|_| malformed_query(format!("unexpected token: '{number}'")))
            }
            _ => {
                self.at -= 1;
                Err(self.unexpected())
            }
        }
    }

    fn alias(&mut self) -> Option<String> {
        match self.peek() {
            Some(Token::Word(word)) if !is_reserved(word) => {
                let alias = word.clone();
                self.at += 1;
                Some(alias)
            }
            _ => None,
        }
    }

    fn name(&mut self) -> Outcome<String> {
        match self.next()? {
            Token::Word(word) => Ok(word),
            _ => {
                self.at -= 1;
                Err(self.unexpected())
            }
        }
    }

    fn deeper(&mut self) -> Outcome<()> {
        self.depth += 1;
        if self.depth > DEPTH_MAX { Err(malformed_query("the query nests too deeply")) } else { Ok(()) }
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Outcome<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token.ok_or_else(|| malformed_query("unexpected token: '<EOF>'"))
    }

    fn take(&mut self, token: &Token) -> bool {
        let found = self.peek() == Some(token);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, token: &Token, shown: &str) -> Outcome<()> {
        if self.take(token) {
            Ok(())
        } else {
            Err(malformed_query(format!("expecting '{shown}', {}", self.found())))
        }
    }

    fn peek_keyword(&self, keyword: &str) -> bool {
        matches!(self.peek(), Some(Token::Word(word)) if word.eq_ignore_ascii_case(keyword))
    }

    fn is_keyword(&mut self, keyword: &str) -> bool {
        let found = self.peek_keyword(keyword);
        self.at += usize::from(found);
        found
    }

    fn keyword(&mut self, keyword: &str) -> Outcome<()> {
        if self.is_keyword(keyword) {
            return Ok(());
        }
        Err(malformed_query(format!("expecting '{keyword}', {}", self.found())))
    }

    fn end(&self) -> Outcome<()> {
        if self.at >= self.tokens.len() { Ok(()) } else { Err(self.unexpected()) }
    }

    fn unexpected(&self) -> Refusal {
        malformed_query(self.found())
    }

    fn found(&self) -> String {
        match self.peek() {
            Some(Token::Word(word)) => format!("unexpected token: '{word}'"),
            Some(Token::Open) => "unexpected token: '('".to_owned(),
            Some(Token::Close) => "unexpected token: ')'".to_owned(),
            Some(Token::Comma) => "unexpected token: ','".to_owned(),
            Some(Token::Operator(_)) => "unexpected operator".to_owned(),
            Some(Token::Literal(_)) => "unexpected literal".to_owned(),
            None => "unexpected token: '<EOF>'".to_owned(),
        }
    }
}

fn is_reserved(word: &str) -> bool {
    word.eq_ignore_ascii_case("FROM")
        || word.contains('.')
        || PARTS.iter().any(|part| part.eq_ignore_ascii_case(word))
}

fn path(name: &str) -> Vec<String> {
    name.split('.').map(str::to_owned).collect()
}
