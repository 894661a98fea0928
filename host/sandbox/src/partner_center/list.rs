//! GET of a list: query options, pages and the odd `@odata.nextLink`.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use super::filter::{Filter, FilterError, member};
use super::problem::Problem;
use super::settings::{NextLink, Settings};

/// What went wrong with a query.
pub(super) enum QueryError {
    /// It is not legal.
    Invalid(Problem),
    /// It is legal and left out.
    NotSimulated(String),
}

/// The query options of one request.
#[derive(Debug)]
pub(super) struct Query {
    filter: Option<Filter>,
    order: Order,
    select: Option<Vec<Vec<String>>>,
    count: bool,
    /// Referrals to pass over, from `$skip` or from the token.
    offset: usize,
    /// Referrals still wanted, from `$top` or from the token.
    remaining: Option<usize>,
    /// All options but `$skip` and `$skiptoken`, for the next link.
    carried: Vec<(String, String)>,
}

#[derive(Clone, Copy, Debug)]
struct Order {
    member: &'static str,
    descending: bool,
}

impl Query {
    /// Reads the query string of a request.
    pub(super) fn parse(query: &str) -> Result<Self, QueryError> {
        let mut parsed = Self {
            filter: None,
            // Not documented; the order of creation is what an unordered list shows here.
            order: Order { member: "createdDateTime", descending: false },
            select: None,
            count: true,
            offset: 0,
            remaining: None,
            carried: Vec::new(),
        };
        let mut token = None;
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()).into_owned() {
            match name.as_str() {
                "$filter" => parsed.filter = Some(Filter::parse(&value).map_err(from_filter)?),
                "$orderby" => parsed.order = order(&value)?,
                "$select" => parsed.select = Some(selection(&value)),
                "$count" => parsed.count = value != "false",
                "$top" => parsed.remaining = Some(number(&name, &value)?),
                "$skip" => parsed.offset = number(&name, &value)?,
                "$skiptoken" => token = Some(read_token(&value)?),
                other if other.starts_with('$') => {
                    return Err(QueryError::NotSimulated(format!("the query option {other}")));
                }
                _ => {}
            }
            if name != "$skip" && name != "$skiptoken" {
                parsed.carried.push((name, value));
            }
        }
        if let Some((offset, remaining)) = token {
            (parsed.offset, parsed.remaining) = (offset, remaining);
        }
        Ok(parsed)
    }

    /// Whether the filter speaks of `name`.
    pub(super) fn mentions(&self, name: &str) -> bool {
        self.filter.as_ref().is_some_and(|filter| filter.mentions(name))
    }

    /// Whether the referral satisfies the filter.
    pub(super) fn holds(&self, referral: &Value) -> bool {
        self.filter.as_ref().is_none_or(|filter| filter.holds(referral))
    }

    /// The reply: one page of the matching referrals. `host` and `path` are those of the request.
    pub(super) fn page(
        &self,
        mut matching: Vec<&Value>,
        settings: &Settings,
        host: &str,
        path: &str,
    ) -> Value {
        // All stamps have the same length and offset, so their text sorts as their time does.
        let key = |referral: &&Value| {
            let member =
                |name: &str| referral.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            (member(self.order.member), member("id"))
        };
        matching.sort_by_cached_key(key);
        if self.order.descending {
            matching.reverse();
        }
        let total = matching.len();
        let page_size = self.remaining.unwrap_or(usize::MAX).min(settings.page_size_max.max(1));
        let rows: Vec<Value> =
            matching.into_iter().skip(self.offset).take(page_size).map(|row| self.selected(row)).collect();

        let next_offset = self.offset.saturating_add(rows.len());
        let wanted = self.remaining.map(|remaining| remaining.saturating_sub(rows.len()));
        let more = next_offset < total && wanted != Some(0) && !rows.is_empty();
        let mut reply = Map::new();
        reply.insert("@odata.context".into(), json!(format!("http://{host}/v1.0/$metadata#referrals")));
        if self.count {
            reply.insert("@odata.count".into(), json!(total));
        }
        reply.insert("value".into(), Value::Array(rows));
        if more {
            let link = self.next_link(next_offset, wanted, settings.next_link, host, path);
            reply.insert("@odata.nextLink".into(), json!(link));
        }
        Value::Object(reply)
    }

    fn next_link(
        &self,
        offset: usize,
        remaining: Option<usize>,
        style: NextLink,
        host: &str,
        path: &str,
    ) -> String {
        let path = match style {
            NextLink::Documented => path.replacen("/engagements", "", 1),
            NextLink::Plain => path.to_owned(),
        };
        let encode = |value: &str| url::form_urlencoded::byte_serialize(value.as_bytes()).collect::<String>();
        let mut query: Vec<String> =
            self.carried.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        query.push(format!("$skiptoken={}", write_token(offset, remaining)));
        format!("http://{host}{path}?{}", query.join("&"))
    }

    fn selected(&self, referral: &Value) -> Value {
        let Some(select) = &self.select else { return referral.clone() };
        let mut selected = Value::Object(Map::new());
        for path in select {
            if let Some(value) = member(referral, path) {
                insert(&mut selected, path, value.clone());
            }
        }
        selected
    }
}

/// Puts `value` at `path`, making the objects on the way.
fn insert(place: &mut Value, path: &[String], value: Value) {
    let Some((name, rest)) = path.split_first() else { return *place = value };
    if let Value::Object(members) = place {
        insert(members.entry(name.clone()).or_insert_with(|| Value::Object(Map::new())), rest, value);
    }
}

fn from_filter(error: FilterError) -> QueryError {
    match error {
        FilterError::Invalid(reason) => invalid("$filter", &reason),
        FilterError::NotSimulated(what) => QueryError::NotSimulated(what),
    }
}

fn invalid(option: &str, reason: &str) -> QueryError {
    QueryError::Invalid(Problem::invalid(
        option,
        format!("The query option {option} is not valid: {reason}."),
    ))
}

fn number(option: &str, value: &str) -> Result<usize, QueryError> {
    value.parse().map_err(|_| invalid(option, &format!("`{value}` is no whole number")))
}

/// Docs: only the two stamps can be ordered by.
fn order(value: &str) -> Result<Order, QueryError> {
    let mut words = value.split_whitespace();
    let member = match words.next() {
        Some("createdDateTime") => "createdDateTime",
        Some("updatedDateTime") => "updatedDateTime",
        _ => return Err(invalid("$orderby", "only createdDateTime and updatedDateTime can be ordered by")),
    };
    match (words.next(), words.next()) {
        (None | Some("asc"), None) => Ok(Order { member, descending: false }),
        (Some("desc"), None) => Ok(Order { member, descending: true }),
        _ => Err(invalid("$orderby", "the direction is asc or desc")),
    }
}

fn selection(value: &str) -> Vec<Vec<String>> {
    value.split(',').map(|path| path.trim().split('/').map(str::to_owned).collect()).collect()
}

fn write_token(offset: usize, remaining: Option<usize>) -> String {
    let remaining = remaining.map_or_else(String::new, |remaining| remaining.to_string());
    URL_SAFE_NO_PAD.encode(format!("{offset}:{remaining}"))
}

fn read_token(token: &str) -> Result<(usize, Option<usize>), QueryError> {
    let read = || -> Option<(usize, Option<usize>)> {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
        let (offset, remaining) = text.split_once(':')?;
        let remaining = if remaining.is_empty() { None } else { Some(remaining.parse().ok()?) };
        Some((offset.parse().ok()?, remaining))
    };
    read().ok_or_else(|| invalid("$skiptoken", "it was not given out by this service"))
}
