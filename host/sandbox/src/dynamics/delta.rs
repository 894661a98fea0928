//! Change tracking: what was written and deleted since a token.

use super::{
    errors::{Outcome, Refusal, query},
    odata::{options::Options, prefer::PAGE_ROWS_MAX},
    org::{Answer, Call, Org},
    query::{context, link},
    render,
    tables::Table,
};
use jiff::{SignedDuration, Timestamp, civil::DateTime, tz::TimeZone};
use serde_json::{Value, json};

/// The time in a token, as Microsoft writes it.
const TOKEN_TIME: &str = "%m/%d/%Y %H:%M:%S";
/// Seconds of a day.
const DAY_S: i64 = 86_400;

/// What a token says: the version up to which the client knows everything, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Token {
    version: u64,
    given: Timestamp,
}

/// Where a delta answer that needs several pages goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cursor {
    from: Token,
    until: u64,
    after_change: u64,
    after_delete: u64,
}

/// `GET /set` with `Prefer: odata.track-changes` or with a `$deltatoken`.
pub(crate) fn answer(org: &Org, call: &Call, table: &Table, options: &Options) -> Outcome<Answer> {
    refuse_options(table, options)?;
    let now = Token { version: org.store.version(), given: call.now };
    let cursor = match (&options.skip_token, &options.delta_token) {
        (Some(token), _) => Cursor::read(token)?,
        (None, Some(token)) => Cursor::start(check(org, call, token)?, now.version),
        // At the beginning everything is a change, and nothing that is gone was ever known.
        (None, None) => {
            Cursor { after_delete: now.version, ..Cursor::start(Token { version: 0, ..now }, now.version) }
        }
    };
    let size = call.prefer.page_rows.unwrap_or(PAGE_ROWS_MAX);
    let (items, next) = page(org, call, table, options, cursor, size);
    let suffix = if cursor.from.version > 0 { "/$delta" } else { "" };
    let mut body =
        json!({ "@odata.context": format!("{}{suffix}", context(call, table, options)), "value": items });
    match next {
        Some(cursor) => body["@odata.nextLink"] = json!(link(call, options, "$skiptoken", &cursor.write())),
        None => {
            let token = Token { version: cursor.until, given: call.now };
            body["@odata.deltaLink"] = json!(link(call, options, "$deltatoken", &token.write()));
        }
    }
    let answer = Answer::json(200, &body);
    Ok(match call.prefer.applied_to_rows() {
        Some(applied) => answer.with("preference-applied", applied),
        None => answer,
    })
}

/// Whether a skip token goes on with tracked changes.
pub(crate) fn is_cursor(skip_token: &str) -> bool {
    skip_token.starts_with("<cookie tracking=")
}

/// How many changes and deletes a token would bring.
pub(crate) fn count(org: &Org, call: &Call, table: &Table, options: &Options) -> Outcome<usize> {
    refuse_options(table, options)?;
    let token = check(org, call, options.delta_token.as_deref().unwrap_or_default())?;
    let changed = org.store.changed_after(&table.logical, token.version).len();
    Ok(changed + org.store.deleted_after(&table.logical, token.version).len())
}

fn page(
    org: &Org,
    call: &Call,
    table: &Table,
    options: &Options,
    mut cursor: Cursor,
    size: usize,
) -> (Vec<Value>, Option<Cursor>) {
    let mut items = Vec::new();
    for row in org.store.changed_after(&table.logical, cursor.after_change) {
        if row.version > cursor.until {
            break;
        }
        if items.len() == size {
            return (items, Some(cursor));
        }
        cursor.after_change = row.version;
        items.push(Value::Object(render::row(org, table, &row, options, &call.prefer)));
    }
    for (version, stone) in org.store.deleted_after(&table.logical, cursor.after_delete) {
        if version > cursor.until {
            break;
        }
        if items.len() == size {
            return (items, Some(cursor));
        }
        cursor.after_delete = version;
        if org.store.row(&table.logical, stone.id).is_some() {
            // Created again under the same id: the change above tells it.
            continue;
        }
        items.push(json!({
            "@odata.context": format!("{}/$metadata#{}/$deletedEntity", call.base, table.set),
            "id": stone.id,
            "reason": "deleted",
        }));
    }
    (items, None)
}

fn refuse_options(table: &Table, options: &Options) -> Outcome<()> {
    if !table.tracked {
        return Err(Refusal::new(
            400,
            "0x80072491",
            format!("Entity {} isn't enabled for change tracking.", table.logical),
        ));
    }
    match ["$filter", "$orderby", "$expand", "$top"].into_iter().find(|name| options.raw(name).is_some()) {
        None => Ok(()),
        Some(name) => Err(query(format!(
            "The \"{name}\" query parameter isn't supported when Change Tracking is enabled."
        ))),
    }
}

fn check(org: &Org, call: &Call, text: &str) -> Outcome<Token> {
    let token = Token::read(text)?;
    let age = call.now.duration_since(token.given);
    let days = i64::from(org.switches.delta_token_days);
    let too_old = age > SignedDuration::from_secs(days.saturating_mul(DAY_S));
    if too_old || org.switches.delta_tokens_expired {
        return Err(Refusal::new(
            400,
            "0x80044352",
            "Version stamp associated with the client has expired. Please perform a full sync.",
        ));
    }
    Ok(token)
}

impl Token {
    fn write(self) -> String {
        format!("{}!{}", self.version, self.given.strftime(TOKEN_TIME))
    }

    fn read(text: &str) -> Outcome<Self> {
        let parse = || {
            let (version, given) = text.split_once('!')?;
            let given = DateTime::strptime(TOKEN_TIME, given).ok()?;
            let given = given.to_zoned(TimeZone::UTC).ok()?.timestamp();
            Some(Self { version: version.parse().ok()?, given })
        };
        parse().ok_or_else(|| query(format!("The delta token '{text}' is not valid.")))
    }
}

impl Cursor {
    fn start(from: Token, until: u64) -> Self {
        Self { from, until, after_change: from.version, after_delete: from.version }
    }

    fn write(self) -> String {
        format!(
            "<cookie tracking=\"{}\" until=\"{}\" change=\"{}\" delete=\"{}\" />",
            self.from.write(),
            self.until,
            self.after_change,
            self.after_delete
        )
    }

    fn read(text: &str) -> Outcome<Self> {
        let attribute = |name: &str| {
            let start = text.find(&format!(" {name}=\""))? + name.len() + 3;
            let end = text[start..].find('"')?;
            Some(text[start..start + end].to_owned())
        };
        let parse = || {
            Some(Self {
                from: Token::read(&attribute("tracking")?).ok()?,
                until: attribute("until")?.parse().ok()?,
                after_change: attribute("change")?.parse().ok()?,
                after_delete: attribute("delete")?.parse().ok()?,
            })
        };
        parse().ok_or_else(|| query("The skip token is not valid: follow @odata.nextLink as it is."))
    }
}
