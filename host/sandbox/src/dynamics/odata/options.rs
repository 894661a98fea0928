//! Query options: `$select`, `$filter`, `$orderby`, `$top`, `$count`, `$expand` and the tokens of paging and tracking.

use super::{
    filter::{self, Expr},
    url::split_outside,
};
use crate::dynamics::errors::{Outcome, not_simulated, query};

/// The options of one request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    /// `$select`; empty means every column.
    pub(crate) select: Vec<String>,
    /// `$filter`.
    pub(crate) filter: Option<Expr>,
    /// `$orderby`: column and whether descending.
    pub(crate) order: Vec<(String, bool)>,
    /// `$top`.
    pub(crate) top: Option<usize>,
    /// `$count=true`.
    pub(crate) count: bool,
    /// `$expand`.
    pub(crate) expand: Vec<Expand>,
    /// `$skiptoken`, opaque to clients.
    pub(crate) skip_token: Option<String>,
    /// `$deltatoken`, opaque to clients.
    pub(crate) delta_token: Option<String>,
    /// Every option as it was written, decoded: what a next link repeats.
    pub(crate) raw: Vec<(String, String)>,
}

/// One navigation property to show inline.
#[derive(Debug, Clone)]
pub(crate) struct Expand {
    /// The navigation property.
    pub(crate) name: String,
    /// The options in its parentheses.
    pub(crate) options: Options,
}

/// The query options of a URL as decoded pairs.
pub(crate) fn pairs(raw_query: &str) -> Vec<(String, String)> {
    url::form_urlencoded::parse(raw_query.as_bytes()).into_owned().collect()
}

/// Reads decoded pairs into options. Names are case-sensitive, as on the real service.
pub(crate) fn read(raw: Vec<(String, String)>) -> Outcome<Options> {
    let mut options = Options::default();
    for (name, value) in &raw {
        options.take(name, value)?;
    }
    options.raw = raw;
    Ok(options)
}

impl Options {
    fn take(&mut self, name: &str, value: &str) -> Outcome<()> {
        match name {
            "$select" => self.select = names(value),
            "$filter" => self.filter = Some(filter::parse(value)?),
            "$orderby" => self.order = order(value)?,
            "$top" => {
                let top = value
                    .trim()
                    .parse()
                    .map_err(|_| query(format!("Invalid value '{value}' for $top query option found.")))?;
                self.top = Some(top);
            }
            "$count" => self.count = value == "true",
            "$expand" => self.expand = expand(value)?,
            "$skiptoken" => self.skip_token = Some(value.to_owned()),
            "$deltatoken" => self.delta_token = Some(value.to_owned()),
            "$apply" | "fetchXml" | "savedQuery" | "userQuery" => {
                return Err(not_simulated(format!("the query option '{name}'")));
            }
            "$skip" => return Err(query("Skip Clause is not supported in CRM")),
            "$search" | "$compute" => {
                return Err(query(format!("The query parameter {name} is not supported")));
            }
            _ if name.starts_with('$') => {
                return Err(query(format!("The query parameter {name} is not supported")));
            }
            // `tag`, `partitionId`, `api-version`, parameter aliases: not about rows and columns.
            _ => {}
        }
        Ok(())
    }

    /// An option as it was written.
    pub(crate) fn raw(&self, name: &str) -> Option<&str> {
        self.raw.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

fn names(value: &str) -> Vec<String> {
    value.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

fn order(value: &str) -> Outcome<Vec<(String, bool)>> {
    value
        .split(',')
        .map(|part| {
            let mut words = part.split_whitespace();
            match (words.next(), words.next(), words.next()) {
                (Some(name), None | Some("asc"), None) => Ok((name.to_owned(), false)),
                (Some(name), Some("desc"), None) => Ok((name.to_owned(), true)),
                _ => Err(query(format!("Syntax error in the $orderby expression '{value}'."))),
            }
        })
        .collect()
}

fn expand(value: &str) -> Outcome<Vec<Expand>> {
    split_outside(value, ',')
        .into_iter()
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(|part| {
            let Some(open) = part.find('(') else {
                return Ok(Expand { name: part.to_owned(), options: Options::default() });
            };
            let inner = part[open + 1..].strip_suffix(')').ok_or_else(|| {
                query(format!("Found an unbalanced bracket expression in $expand: '{part}'."))
            })?;
            let pairs = split_outside(inner, ';')
                .into_iter()
                .filter(|pair| !pair.trim().is_empty())
                .map(|pair| {
                    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                    (name.trim().to_owned(), value.to_owned())
                })
                .collect();
            Ok(Expand { name: part[..open].to_owned(), options: read(pairs)? })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expand_with_options_of_its_own_is_read() {
        let options = read(pairs(
            "$expand=parentaccountid($select=name,accountnumber;$expand=ownerid($select=fullname)),ownerid",
        ))
        .unwrap();
        assert_eq!(options.expand.len(), 2);
        assert_eq!(options.expand[0].options.select, ["name", "accountnumber"]);
        assert_eq!(options.expand[0].options.expand[0].name, "ownerid");
    }

    #[test]
    fn an_option_that_nobody_knows_is_refused() {
        assert_eq!(read(pairs("$foo=1")).unwrap_err().code, "0x80060888");
    }
}
