//! Queries: one by GET, several (or one that is too long for an address) by a composite request, and their pages.

use http::Method;
use jiff::Timestamp;
use serde_json::Value as Json;

use super::{
    Salesforce,
    composite::{Part, answers},
    json,
};
use crate::{fault::Fault, session::ApiError, text};

/// The longest address with its query, in bytes. docs: 16,384, the headers besides.
const ADDRESS_BYTES_MAX: usize = 14 * 1024;
/// docs: a composite request takes five queries.
const QUERIES_MAX: usize = 5;
/// A page holds 200 rows at least, so this is far more than anything asked for here.
const PAGES_MAX: usize = 1_000;

/// A query in SOQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Query {
    pub(super) soql: String,
    /// Whether records that are in the recycle bin are looked at too.
    pub(super) deleted_too: bool,
    /// Whether it is about what the organisation is made of.
    pub(super) tooling: bool,
}

impl Query {
    pub(super) fn new(soql: String) -> Query {
        Query { soql, deleted_too: false, tooling: false }
    }

    pub(super) fn with_deleted(soql: String) -> Query {
        Query { soql, deleted_too: true, tooling: false }
    }

    fn path(&self) -> String {
        let resource = match (self.tooling, self.deleted_too) {
            (true, _) => "tooling/query",
            (false, true) => "queryAll",
            (false, false) => "query",
        };
        format!("{resource}?q={}", text::encoded(&self.soql, "-._~,()*"))
    }
}

/// The rows of each query.
pub(super) struct Rows {
    pub(super) of: Vec<Vec<Json>>,
    /// A time that the server had reached when the first call began.
    pub(super) begun: Option<Timestamp>,
}

impl Salesforce {
    pub(super) async fn query(&self, query: Query) -> Result<Vec<Json>, Fault> {
        let rows = self.queries(&[query]).await?;
        Ok(rows.of.into_iter().next().unwrap_or_default())
    }

    /// The rows of these queries, in as few calls as it takes.
    pub(super) async fn queries(&self, queries: &[Query]) -> Result<Rows, Fault> {
        if let [query] = queries {
            let path = self.path(&query.path());
            if self.at(&path)?.as_str().len() <= ADDRESS_BYTES_MAX {
                let (response, begun) = self.ask_at(self.get(&path)?).await?;
                if !response.status.is_success() {
                    return Err(self.fault(&ApiError::of(&response), &subject(query)));
                }
                return Ok(Rows { of: vec![self.pages(json(&response)?).await?], begun });
            }
        }
        let mut rows = Rows { of: Vec::with_capacity(queries.len()), begun: None };
        for group in queries.chunks(QUERIES_MAX) {
            let begun = self.query_group(group, &mut rows.of).await?;
            rows.begun = rows.begun.or(begun);
        }
        Ok(rows)
    }

    async fn query_group(
        &self,
        queries: &[Query],
        into: &mut Vec<Vec<Json>>,
    ) -> Result<Option<Timestamp>, Fault> {
        let named = queries.iter().enumerate();
        let parts: Vec<Part> = named
            .map(|(index, query)| Part::new(Method::GET, query.path(), &format!("query{index}"), None))
            .collect();
        let (response, begun) = self.ask_at(self.composite(&parts, false)?).await?;
        if !response.status.is_success() {
            return Err(self.fault(&ApiError::of(&response), "a composite request of queries"));
        }
        let Some(answers) = answers(&parts, &response) else {
            return Err(Fault::retry("Salesforce answered a composite request with something else"));
        };
        for (query, answer) in queries.iter().zip(answers) {
            if !answer.status.is_success() {
                return Err(self.fault(&answer.error(), &subject(query)));
            }
            into.push(self.pages(answer.body).await?);
        }
        Ok(begun)
    }

    /// The rows of this answer and of those that it leads on to. Records with long texts come in small pages.
    async fn pages(&self, first: Json) -> Result<Vec<Json>, Fault> {
        let mut rows = Vec::new();
        let mut page = first;
        for _ in 0..PAGES_MAX {
            let Some(Json::Array(records)) = page.get_mut("records").map(Json::take) else {
                return Err(Fault::reject("Salesforce answered a query with something that is not a list"));
            };
            rows.extend(records);
            let Some(next) = page.get("nextRecordsUrl").and_then(Json::as_str) else { return Ok(rows) };
            let response = self.ask(self.get(next)?).await?;
            if !response.status.is_success() {
                return Err(self.fault(&ApiError::of(&response), "the next page of a query"));
            }
            page = json(&response)?;
        }
        Err(Fault::reject(format!("a query of Salesforce has more than {PAGES_MAX} pages")))
    }
}

/// What the query is about, without the values that it looks for.
fn subject(query: &Query) -> String {
    let from = query.soql.split(" FROM ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap_or_default();
    format!("a query of `{from}`")
}
