//! Reading: one row, many rows, one property, a count.

use super::{
    cell::Cell,
    conditions::Conditions,
    errors::{Outcome, Refusal, no_such_property, not_simulated, query},
    odata::{
        filter::Expr,
        options::{Expand, Options},
        prefer::{PAGE_ROWS_MAX, Prefer},
        url::encode,
    },
    org::{Address, Answer, Call, Org},
    render,
    store::Row,
    tables::{Kind, Table},
    values,
};
use serde_json::{Map, Value, json};
use std::{cmp::Ordering, sync::Arc};
use uuid::Uuid;

/// The highest count that is told (docs: counts stop at 5,000).
const COUNT_MAX: usize = 5_000;

/// `GET /set(key)`.
pub(crate) fn one(org: &Org, call: &Call, logical: &str, address: &Address) -> Outcome<Answer> {
    let table = org.table(logical)?;
    let options = Org::options(call)?;
    render::check(org, table, &options)?;
    let conditions = Conditions::read(call)?;
    let row = org.at(table, address)?;
    let unchanged = conditions.none_match_tag.is_some_and(|tag| tag == row.version.to_string());
    if unchanged && table.optimistic && options.expand.is_empty() && call.prefer.annotations.is_none() {
        return Ok(Answer::empty(304).with("etag", row.etag()));
    }
    Ok(entity(org, call, table, &row, &options, 200))
}

/// The answer to a write that asked for the row.
pub(crate) fn represent(org: &Org, call: &Call, table: &Table, row: &Row, status: u16) -> Outcome<Answer> {
    let mut options = Org::options(call)?;
    if status != 201 {
        options.expand.clear();
    }
    render::check(org, table, &options)?;
    let applied = match call.prefer.applied_annotations() {
        Some(annotations) => format!("return=representation,{annotations}"),
        None => "return=representation".to_owned(),
    };
    let mut answer = entity(org, call, table, row, &options, status);
    answer.headers.retain(|(name, _)| *name != "preference-applied");
    Ok(answer.with("preference-applied", applied))
}

fn entity(org: &Org, call: &Call, table: &Table, row: &Row, options: &Options, status: u16) -> Answer {
    let mut body = render::row(org, table, row, options, &call.prefer);
    for expand in &options.expand {
        if let Some(rows) = expanded_rows(org, table, row, expand, &call.prefer) {
            body.insert(expand.name.clone(), Value::Array(rows));
        }
    }
    let context =
        format!("{}/$metadata#{}{}/$entity", call.base, table.set, render::context_columns(options));
    body.insert("@odata.context".to_owned(), Value::String(context));
    let answer = Answer::json(status, &Value::Object(body)).with("etag", row.etag());
    match call.prefer.applied_annotations() {
        Some(applied) => answer.with("preference-applied", applied),
        None => answer,
    }
}

/// The rows of an expanded collection of one row.
fn expanded_rows(
    org: &Org,
    table: &Table,
    row: &Row,
    expand: &Expand,
    prefer: &Prefer,
) -> Option<Vec<Value>> {
    let collection = table.collection(&expand.name)?;
    let target = org.tables.get(&collection.table)?;
    let column = &target.navigation(&collection.navigation)?.column;
    let belongs = |other: &Row| other.get(column).as_id() == Some(row.id);
    let rows = org.store.rows_referring(&target.logical, row.id).filter(|other| belongs(other));
    let mut found = accepted(org, target, &expand.options, rows).ok()?;
    sort(org, target, &expand.options, &mut found);
    found.truncate(expand.options.top.unwrap_or(PAGE_ROWS_MAX));
    let rows = found.iter().map(|row| Value::Object(render::row(org, target, row, &expand.options, prefer)));
    Some(rows.collect())
}

/// An expanded collection in a list of rows: empty, with a link to its rows, as the service answered for long.
fn linked_collections(
    call: &Call,
    table: &Table,
    row: &Row,
    options: &Options,
    body: &mut Map<String, Value>,
) {
    for expand in options.expand.iter().filter(|expand| table.collection(&expand.name).is_some()) {
        let link = format!("{}/{}({})/{}", call.base, table.set, row.id, expand.name);
        let raw = expand.options.raw.iter().map(|(name, value)| format!("{name}={}", encode(value)));
        let options = raw.collect::<Vec<_>>().join("&");
        let separator = if options.is_empty() { "" } else { "?" };
        body.insert(expand.name.clone(), json!([]));
        body.insert(format!("{}@odata.nextLink", expand.name), json!(format!("{link}{separator}{options}")));
    }
}

/// `GET /set(key)/property`, where the property is a column, a lookup or a collection.
pub(crate) fn property(
    org: &Org,
    call: &Call,
    logical: &str,
    address: &Address,
    name: &str,
    raw: bool,
) -> Outcome<Answer> {
    let table = org.table(logical)?;
    let row = org.at(table, address)?;
    if let Some(navigation) = table.navigation(name) {
        let options = Org::options(call)?;
        return match row.get(&navigation.column) {
            Cell::Reference { table, id } if table == navigation.target => {
                let target = org.table(&table)?;
                render::check(org, target, &options)?;
                let row = org.row(&table, id)?;
                Ok(entity(org, call, target, &row, &options, 200))
            }
            _ => Ok(Answer::empty(204)),
        };
    }
    if let Some(collection) = table.collections.iter().find(|collection| collection.name == name) {
        let target = org.table(&collection.table)?;
        let column = target.navigation(&collection.navigation).map(|navigation| navigation.column.clone());
        let column = column.ok_or_else(|| no_such_property(name, logical))?;
        let id = row.id;
        return rows_where(org, call, target, &|row| row.get(&column).as_id() == Some(id));
    }
    let column = table
        .column_of_property(name)
        .filter(|column| column.readable)
        .ok_or_else(|| super::errors::no_such_segment(name))?;
    let cell = render::cell_of(&row, column);
    if cell.is_null() {
        return Ok(Answer::empty(204));
    }
    let value = values::show(&cell);
    if raw {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        return Ok(Answer { status: 200, headers: Vec::new(), body: text.into_bytes() }
            .with("content-type", "text/plain"));
    }
    let context = format!("{}/$metadata#{}({})/{name}", call.base, table.set, row.id);
    Ok(Answer::json(200, &json!({ "@odata.context": context, "value": value })))
}

/// `GET /set/$count`: every row that the filter accepts, as plain text.
pub(crate) fn count(org: &Org, call: &Call, logical: &str) -> Outcome<Answer> {
    let table = org.table(logical)?;
    let options = Org::options(call)?;
    let found = if options.delta_token.is_some() {
        super::delta::count(org, call, table, &options)?
    } else {
        accepted(org, table, &options, org.store.rows(&table.logical))?.len()
    };
    let body = found.min(COUNT_MAX).to_string().into_bytes();
    Ok(Answer { status: 200, headers: Vec::new(), body }.with("content-type", "text/plain"))
}

/// `GET /set`.
pub(crate) fn many(org: &Org, call: &Call, logical: &str) -> Outcome<Answer> {
    let table = org.table(logical)?;
    rows_where(org, call, table, &|_| true)
}

fn rows_where(org: &Org, call: &Call, table: &Table, belongs: &dyn Fn(&Row) -> bool) -> Outcome<Answer> {
    let options = Org::options(call)?;
    render::check(org, table, &options)?;
    let continues = options.skip_token.as_deref().is_some_and(super::delta::is_cursor);
    if call.prefer.track_changes || options.delta_token.is_some() || continues {
        return super::delta::answer(org, call, table, &options);
    }
    let rows = org.store.rows(&table.logical).filter(|row| belongs(row));
    let mut found = accepted(org, table, &options, rows)?;
    sort(org, table, &options, &mut found);
    let total = found.len();
    let page = Page::cut(&options, call, &mut found)?;
    let rows = found.iter().map(|row| {
        let mut body = render::row(org, table, row, &options, &call.prefer);
        linked_collections(call, table, row, &options, &mut body);
        Value::Object(body)
    });
    let mut body = json!({
        "@odata.context": context(call, table, &options),
        "value": rows.collect::<Vec<_>>(),
    });
    if options.count {
        body["@odata.count"] = json!(total.min(COUNT_MAX));
        if call.prefer.wants("Microsoft.Dynamics.CRM.totalrecordcount") {
            body["@Microsoft.Dynamics.CRM.totalrecordcount"] = json!(total.min(COUNT_MAX));
            body["@Microsoft.Dynamics.CRM.totalrecordcountlimitexceeded"] = json!(total > COUNT_MAX);
        }
    }
    if let Some(token) = page.next_token {
        body["@odata.nextLink"] = json!(link(call, &options, "$skiptoken", &token));
    }
    let answer = Answer::json(200, &body);
    Ok(match call.prefer.applied_to_rows() {
        Some(applied) => answer.with("preference-applied", applied),
        None => answer,
    })
}

/// The context URL of many rows.
pub(crate) fn context(call: &Call, table: &Table, options: &Options) -> String {
    format!("{}/$metadata#{}{}", call.base, table.set, render::context_columns(options))
}

/// A link that repeats the options of this request and adds a token. Clients follow it as it is.
pub(crate) fn link(call: &Call, options: &Options, token_name: &str, token: &str) -> String {
    let kept = options.raw.iter().filter(|(name, _)| name != "$skiptoken" && name != "$deltatoken");
    let mut parts: Vec<String> = kept.map(|(name, value)| format!("{name}={}", encode(value))).collect();
    parts.push(format!("{token_name}={}", encode(token)));
    format!("{}/{}?{}", call.base, call.path, parts.join("&"))
}

/// The rows that belong here and that the filter accepts, by id.
fn accepted<'a>(
    org: &Org,
    table: &Table,
    options: &Options,
    rows: impl Iterator<Item = &'a Arc<Row>>,
) -> Outcome<Vec<Arc<Row>>> {
    if let Some(filter) = &options.filter {
        check_filter(org, table, filter)?;
    }
    let accepts = |row: &Row| {
        options
            .filter
            .as_ref()
            .is_none_or(|filter| filter.accepts(&|path| render::path_value(org, table, row, path)))
    };
    Ok(rows.filter(|row| accepts(row)).cloned().collect())
}

/// Refuses a filter that names unknown columns, or compares them with literals of another type.
fn check_filter(org: &Org, table: &Table, filter: &Expr) -> Outcome<()> {
    filter.check(&|path, literals| {
        let (column, owner) = resolve(org, table, path)?;
        match literals.iter().find(|literal| !comparable(&column, literal)) {
            None => Ok(()),
            Some(_) => Err(query(format!(
                "A binary operator with incompatible types was detected for the property '{}' of '{owner}'.",
                path.join("/")
            ))),
        }
    })
}

fn resolve(org: &Org, table: &Table, path: &[String]) -> Outcome<(Kind, String)> {
    match path {
        [property] => table
            .column_of_property(property)
            .map(|column| (column.kind.clone(), table.logical.clone()))
            .ok_or_else(|| no_such_property(property, &table.logical)),
        [first, rest @ ..] => {
            if table.collections.iter().any(|collection| collection.name == *first) {
                return Err(not_simulated(format!("a filter over the collection '{first}'")));
            }
            let navigation =
                table.navigation(first).ok_or_else(|| no_such_property(first, &table.logical))?;
            resolve(org, org.table(&navigation.target)?, rest)
        }
        [] => Err(query("An empty property path was found in $filter.")),
    }
}

fn comparable(kind: &Kind, literal: &Cell) -> bool {
    match literal {
        Cell::Null => true,
        Cell::Text(_) => matches!(kind, Kind::Text { .. } | Kind::Memo { .. }),
        Cell::Integer(_) | Cell::Decimal(_) => matches!(
            kind,
            Kind::Integer { .. }
                | Kind::Big
                | Kind::Decimal { .. }
                | Kind::Money
                | Kind::MoneyBase { .. }
                | Kind::Choice(_)
                | Kind::State
                | Kind::Status
        ),
        Cell::Flag(_) => matches!(kind, Kind::Flag { .. }),
        Cell::Id(_) | Cell::Reference { .. } => {
            matches!(kind, Kind::PrimaryId | Kind::Guid | Kind::Lookup { .. })
        }
        Cell::Date(_) | Cell::Instant(_) => matches!(kind, Kind::Date | Kind::Instant),
    }
}

fn sort(org: &Org, table: &Table, options: &Options, rows: &mut [Arc<Row>]) {
    let paths: Vec<(Vec<String>, bool)> = options
        .order
        .iter()
        .map(|(name, descending)| (name.split('/').map(str::to_owned).collect(), *descending))
        .collect();
    if paths.is_empty() {
        return;
    }
    rows.sort_by(|a, b| {
        for (path, descending) in &paths {
            let order =
                render::path_value(org, table, a, path).sort_order(&render::path_value(org, table, b, path));
            if order != Ordering::Equal {
                return if *descending { order.reverse() } else { order };
            }
        }
        a.id.cmp(&b.id)
    });
}

/// One page of an answer.
struct Page {
    next_token: Option<String>,
}

impl Page {
    /// Keeps the rows of the asked page. `$top` disables paging, as on the real service.
    fn cut(options: &Options, call: &Call, rows: &mut Vec<Arc<Row>>) -> Outcome<Self> {
        if let Some(top) = options.top {
            rows.truncate(top);
            return Ok(Self { next_token: None });
        }
        let size = call.prefer.page_rows.unwrap_or(PAGE_ROWS_MAX);
        let (number, start) = match &options.skip_token {
            None => (1, 0),
            Some(token) => {
                let (number, last, offset) = read_cookie(token)?;
                let after = rows.iter().position(|row| row.id == last).map_or(offset, |at| at + 1);
                (number, after.min(rows.len()))
            }
        };
        rows.drain(..start);
        let more = rows.len() > size;
        rows.truncate(size);
        let next_token = rows.last().filter(|_| more).map(|last| cookie(number + 1, last.id, start + size));
        Ok(Self { next_token })
    }
}

/// The paging cookie: XML with a value that is percent-encoded inside, so that a client that decodes or encodes the
/// link once too often is caught.
fn cookie(number: usize, last: Uuid, offset: usize) -> String {
    let inner =
        format!("<cookie page=\"{offset}\"><last id=\"{{{}}}\" /></cookie>", last.to_string().to_uppercase());
    format!(
        "<cookie pagenumber=\"{number}\" pagingcookie=\"{}\" istracking=\"False\" />",
        encode(&encode(&inner))
    )
}

fn read_cookie(token: &str) -> Outcome<(usize, Uuid, usize)> {
    let parse = || {
        let number = between(token, "pagenumber=\"", "\"")?.parse().ok()?;
        let inner = between(token, "pagingcookie=\"", "\"")?;
        let inner = super::odata::url::decode(&super::odata::url::decode(inner).ok()?).ok()?;
        let offset = between(&inner, "page=\"", "\"")?.parse().ok()?;
        let last = Uuid::parse_str(between(&inner, "id=\"{", "}\"")?).ok()?;
        // A cookie that was decoded once too often reads the same; only the exact form is good.
        (cookie(number, last, offset) == *token).then_some((number, last, offset))
    };
    parse().ok_or_else(|| {
        Refusal::new(
            400,
            "0x80060888",
            "Malformed XML in the Paging Cookie: follow @odata.nextLink as it is.",
        )
    })
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let rest = &text[text.find(before)? + before.len()..];
    rest.find(after).map(|end| &rest[..end])
}
