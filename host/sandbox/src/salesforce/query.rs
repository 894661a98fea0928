//! Queries over HTTP: the first page, the pages after it, the number of records.

use super::{
    errors::{Outcome, malformed_query},
    locators::Page,
    org::{API_PATH, Answer, Call, Org},
    soql::{self, Asker, Found},
};
use serde_json::{Value, json};

/// Records on a page unless the client asks for fewer.
const BATCH_MAX: usize = 2_000;
/// The fewest that a client can ask for.
const BATCH_MIN: usize = 200;
/// The prefix of query locators.
const LOCATOR: [u8; 3] = *b"01g";

/// `GET /query?q=…`, `/queryAll`, `/tooling/query`
pub(crate) fn first(org: &mut Org, call: &Call, all: bool, tooling: bool) -> Outcome<Answer> {
    let text = call.option("q").ok_or_else(|| malformed_query("A query string has to be specified"))?;
    let query = soql::parse(text)?;
    let asker = Asker { user: call.user, now: call.now, all, tooling, version: call.version_text() };
    let mut records = match soql::run(org, &asker, &query)? {
        Found::Count(count) => {
            return Ok(Answer::json(200, json!({ "totalSize": count, "done": true, "records": [] })));
        }
        Found::Records(records) => records,
    };
    let (total, batch) = (records.len(), batch(call));
    let next = if total > batch {
        let id = org.next_id(LOCATOR);
        org.locators.keep(id, call.user, records.clone(), batch);
        records.truncate(batch);
        Some(format!("{id}-{batch}"))
    } else {
        None
    };
    Ok(answer(call, Page { total, records, next }))
}

/// `GET {nextRecordsUrl}`
pub(crate) fn next(org: &mut Org, call: &Call, locator: &str) -> Outcome<Answer> {
    if org.switches.query_locators_expired {
        org.locators.clear();
        org.switches.query_locators_expired = false;
    }
    Ok(answer(call, org.locators.page(locator, call.user)?))
}

fn answer(call: &Call, page: Page) -> Answer {
    let mut body = json!({ "totalSize": page.total, "done": page.next.is_none(), "records": page.records });
    if let Some(next) = page.next {
        // Up to the query itself: the page before may have been asked for by a locator.
        let resource: Vec<&str> =
            call.path.iter().map(String::as_str).filter(|segment| !segment.starts_with("01g")).collect();
        let url = format!("{API_PATH}{}/{}/{next}", call.version_text(), resource.join("/"));
        body["nextRecordsUrl"] = Value::String(url);
    }
    Answer::json(200, body)
}

/// The page size of `Sforce-Query-Options: batchSize=…`, kept within its bounds.
fn batch(call: &Call) -> usize {
    let options = call.header("sforce-query-options").unwrap_or_default();
    let wanted = options.split([',', ';']).find_map(|option| {
        let (name, value) = option.split_once('=')?;
        if name.trim().eq_ignore_ascii_case("batchSize") { value.trim().parse().ok() } else { None }
    });
    wanted.unwrap_or(BATCH_MAX).clamp(BATCH_MIN, BATCH_MAX)
}
