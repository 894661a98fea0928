//! Links and their entries.

use crosswalk_engine::{
    link::{Asked, Entry, LinkState},
    mapping::Resolution,
    pass::{EntryChange, Pair, Subject},
    value::RecordKey,
};
use jiff::Timestamp;
use sqlx::{QueryBuilder, Row as _};

use super::{
    Conn, Db, Row, audit, events, from_json, from_word, lanes, lanes::Held, next, rows, time, time_if,
    to_json,
};
use crate::{
    audit::What,
    error::{Error, Result},
    event::{Accepted, NewEvent, Source},
    ids::{EventId, LaneId, LinkId},
    link::{Ask, EntryRecord, Link, LinkFilter},
};

/// The format that states are written in. Another one is read only if a conversion for it is added here.
const FORMAT: i64 = 1;

const COLUMNS: &str =
    "id, tenant, lane, referral, engagement, entity, record, format, state, created, updated";

/// The link that has a subject, and its lane.
pub(crate) async fn holder(
    conn: &mut Conn,
    tenant: &str,
    subject: &Subject,
) -> Result<Option<(LinkId, LaneId)>> {
    let found: Option<(i64, i64)> = match subject {
        Subject::Referral(id) => {
            sqlx::query_as("SELECT id, lane FROM links WHERE tenant = $1 AND referral = $2")
                .bind(tenant)
                .bind(id)
                .fetch_optional(conn)
                .await?
        }
        Subject::Record(key) => {
            sqlx::query_as("SELECT id, lane FROM links WHERE tenant = $1 AND entity = $2 AND record = $3")
                .bind(tenant)
                .bind(&key.entity)
                .bind(&key.id)
                .fetch_optional(conn)
                .await?
        }
    };
    Ok(found.map(|(link, lane)| (LinkId(link), LaneId(lane))))
}

/// One link.
pub(crate) async fn get(conn: &mut Conn, id: LinkId) -> Result<Option<Link>> {
    let mut query = QueryBuilder::<Db>::new("SELECT ");
    query.push(COLUMNS).push(" FROM links WHERE id = ").push_bind(id.0);
    match query.build().fetch_optional(&mut *conn).await? {
        Some(row) => Ok(Some(read(conn, &row).await?)),
        None => Ok(None),
    }
}

/// Links that match, by id.
pub(crate) async fn list(conn: &mut Conn, filter: &LinkFilter) -> Result<Vec<Link>> {
    let mut query = QueryBuilder::<Db>::new("SELECT ");
    query.push(COLUMNS).push(" FROM links WHERE id > ").push_bind(filter.after.map_or(0, |id| id.0));
    if let Some(tenant) = &filter.tenant {
        query.push(" AND tenant = ").push_bind(tenant);
    }
    query.push(" ORDER BY id LIMIT ").push_bind(rows(filter.limit));
    let mut links = Vec::new();
    for row in query.build().fetch_all(&mut *conn).await? {
        links.push(read(conn, &row).await?);
    }
    Ok(links)
}

async fn read(conn: &mut Conn, row: &Row) -> Result<Link> {
    let (entity, record): (Option<String>, Option<String>) = (row.try_get("entity")?, row.try_get("record")?);
    let id = LinkId(row.try_get("id")?);
    if row.try_get::<i64, _>("format")? != FORMAT {
        return Err(Error::Unreadable { what: "link state", source: None });
    }
    let state: String = row.try_get("state")?;
    let state = with_decisions(conn, id, from_json("link state", &state)?).await?;
    Ok(Link {
        id,
        tenant: row.try_get("tenant")?,
        lane: LaneId(row.try_get("lane")?),
        pair: Pair {
            referral: row.try_get("referral")?,
            engagement: row.try_get("engagement")?,
            record: entity.zip(record).map(|(entity, id)| RecordKey { entity, id }),
        },
        state,
        created: time(row.try_get("created")?)?,
        updated: time(row.try_get("updated")?)?,
    })
}

/// Persons decide at any moment, also while a pass runs that will store a state without the decision. So decisions
/// live with the entries, and are put into the state whenever it is read.
async fn with_decisions(conn: &mut Conn, link: LinkId, mut state: LinkState) -> Result<LinkState> {
    if state.open.is_empty() {
        return Ok(state);
    }
    let decided: Vec<(String, String)> = sqlx::query_as(
        "SELECT id, decision FROM entries WHERE link = $1 AND state = 'open' AND decision IS NOT NULL",
    )
    .bind(link.0)
    .fetch_all(conn)
    .await?;
    for (id, decision) in decided {
        if let Some(entry) = state.open.values_mut().find(|entry| entry.id == id) {
            entry.decision = Some(from_json::<Resolution>("decision", &decision)?);
        }
    }
    Ok(state)
}

fn sides(pair: &Pair) -> impl Iterator<Item = Subject> + use<> {
    let referral = pair.referral.clone().map(Subject::Referral);
    referral.into_iter().chain(pair.record.clone().map(Subject::Record))
}

fn name(subject: &Subject) -> String {
    match subject {
        Subject::Referral(id) => format!("referral {id}"),
        Subject::Record(key) => format!("{} {}", key.entity, key.id),
    }
}

/// Stores a link, and gathers what waits for either side into the holder's lane, which is the link's from now on.
/// Returns whether the pair is another than before.
pub(crate) async fn save(
    conn: &mut Conn,
    held: &mut Held,
    pair: &Pair,
    state: &LinkState,
    at: Timestamp,
) -> Result<bool> {
    for side in sides(pair) {
        match holder(conn, &held.tenant, &side).await? {
            Some((link, lane)) if Some(link) != held.link => {
                if !gives_way(conn, link, pair).await? {
                    return Err(Error::AlreadyLinked { side: name(&side), link });
                }
                sqlx::query("DELETE FROM links WHERE id = $1").bind(link.0).execute(&mut *conn).await?;
                lanes::merge(conn, &held.tenant, lane, held.lease.lane).await?;
            }
            _ => {}
        }
    }
    let state = to_json("link state", state)?;
    let before = match held.link {
        Some(link) => update(conn, link, pair, &state, at).await?,
        None => {
            held.link = Some(insert(conn, held, pair, &state, at).await?);
            Pair::default()
        }
    };
    for side in sides(pair).filter(|side| !sides(&before).any(|known| known == *side)) {
        lanes::absorb(conn, &held.tenant, &side, held.lease.lane).await?;
    }
    Ok(before != *pair)
}

/// What is remembered of one side alone (that it could not be created, say) gives way to a pair, unless a write is
/// under way: its fate would be forgotten. A pass that was about to begin one has lost its lease.
async fn gives_way(conn: &mut Conn, link: LinkId, to: &Pair) -> Result<bool> {
    let Some(link) = get(conn, link).await? else { return Ok(false) };
    let idle = link.state.intent.is_none() && link.state.open.is_empty();
    Ok(idle && sides(&link.pair).count() == 1 && sides(to).count() == 2)
}

async fn insert(conn: &mut Conn, held: &Held, pair: &Pair, state: &str, at: Timestamp) -> Result<LinkId> {
    let id = next(conn, "link").await?;
    sqlx::query(
        "INSERT INTO links (id, tenant, lane, referral, engagement, entity, record, format, state, created, updated)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)",
    )
    .bind(id)
    .bind(&held.tenant)
    .bind(held.lease.lane.0)
    .bind(&pair.referral)
    .bind(&pair.engagement)
    .bind(pair.record.as_ref().map(|key| &key.entity))
    .bind(pair.record.as_ref().map(|key| &key.id))
    .bind(FORMAT)
    .bind(state)
    .bind(at.as_millisecond())
    .execute(&mut *conn)
    .await?;
    sqlx::query("UPDATE lanes SET link = $2, subject = NULL WHERE id = $1")
        .bind(held.lease.lane.0)
        .bind(id)
        .execute(conn)
        .await?;
    Ok(LinkId(id))
}

/// Writes a link that exists; returns the pair that it had.
async fn update(conn: &mut Conn, link: LinkId, pair: &Pair, state: &str, at: Timestamp) -> Result<Pair> {
    let before: (Option<String>, Option<String>, Option<String>, Option<String>) =
        sqlx::query_as("SELECT referral, engagement, entity, record FROM links WHERE id = $1")
            .bind(link.0)
            .fetch_one(&mut *conn)
            .await?;
    sqlx::query(
        "UPDATE links SET referral = $2, engagement = $3, entity = $4, record = $5, format = $6, state = $7, updated = $8
         WHERE id = $1",
    )
    .bind(link.0)
    .bind(&pair.referral)
    .bind(&pair.engagement)
    .bind(pair.record.as_ref().map(|key| &key.entity))
    .bind(pair.record.as_ref().map(|key| &key.id))
    .bind(FORMAT)
    .bind(state)
    .bind(at.as_millisecond())
    .execute(conn)
    .await?;
    let (referral, engagement, entity, record) = before;
    Ok(Pair { referral, engagement, record: entity.zip(record).map(|(entity, id)| RecordKey { entity, id }) })
}

/// Adds an entry, or ends one.
pub(crate) async fn change_entry(
    conn: &mut Conn,
    tenant: &str,
    link: LinkId,
    change: &EntryChange,
    at: Timestamp,
) -> Result<()> {
    let (id, state, reason) = match change {
        EntryChange::Add(entry) => return add_entry(conn, tenant, link, entry).await,
        EntryChange::Close { id, reason } => (id, "closed", Some(reason)),
        EntryChange::Void { id } => (id, "void", None),
    };
    sqlx::query(
        "UPDATE entries SET state = $4, ended = $5, ended_because = $6 WHERE tenant = $1 AND id = $2 AND link = $3",
    )
    .bind(tenant)
    .bind(id)
    .bind(link.0)
    .bind(state)
    .bind(at.as_millisecond())
    .bind(reason)
    .execute(conn)
    .await?;
    Ok(())
}

async fn add_entry(conn: &mut Conn, tenant: &str, link: LinkId, entry: &Entry) -> Result<()> {
    let decision = entry.decision.as_ref().map(|decision| to_json("decision", decision)).transpose()?;
    sqlx::query(
        "INSERT INTO entries (tenant, id, link, state, body, since, decision) VALUES ($1, $2, $3, 'open', $4, $5, $6)
         ON CONFLICT (tenant, id) DO UPDATE SET
           state = 'open', body = excluded.body, since = excluded.since, ended = NULL, ended_because = NULL",
    )
    .bind(tenant)
    .bind(&entry.id)
    .bind(link.0)
    .bind(to_json("entry", entry)?)
    .bind(entry.since.as_millisecond())
    .bind(decision)
    .execute(conn)
    .await?;
    Ok(())
}

const ENTRY: &str =
    "SELECT link, state, body, decision, decided_by, ended, ended_because FROM entries WHERE tenant = ";

/// Open entries, oldest first.
pub(crate) async fn open_entries(conn: &mut Conn, tenant: &str, limit: u32) -> Result<Vec<EntryRecord>> {
    let mut query = QueryBuilder::<Db>::new(ENTRY);
    query.push_bind(tenant).push(" AND state = 'open' ORDER BY since, id LIMIT ").push_bind(rows(limit));
    query.build().fetch_all(conn).await?.iter().map(|row| read_entry(tenant, row)).collect()
}

/// One entry.
pub(crate) async fn entry(conn: &mut Conn, tenant: &str, id: &str) -> Result<Option<EntryRecord>> {
    let mut query = QueryBuilder::<Db>::new(ENTRY);
    query.push_bind(tenant).push(" AND id = ").push_bind(id);
    query.build().fetch_optional(conn).await?.map(|row| read_entry(tenant, &row)).transpose()
}

fn read_entry(tenant: &str, row: &Row) -> Result<EntryRecord> {
    let (body, decision): (String, Option<String>) = (row.try_get("body")?, row.try_get("decision")?);
    let mut entry: Entry = from_json("entry", &body)?;
    if let Some(decision) = decision {
        entry.decision = Some(from_json("decision", &decision)?);
    }
    Ok(EntryRecord {
        tenant: tenant.to_owned(),
        link: LinkId(row.try_get("link")?),
        entry,
        state: from_word("entry state", row.try_get::<&str, _>("state")?)?,
        ended_because: row.try_get("ended_because")?,
        ended: time_if(row.try_get("ended")?)?,
        decided_by: row.try_get("decided_by")?,
    })
}

/// A person decides an entry that holds a field.
pub(crate) async fn decide(
    conn: &mut Conn,
    tenant: &str,
    id: &str,
    decision: &Resolution,
    who: &str,
    at: Timestamp,
) -> Result<EventId> {
    let not_open = || Error::NotOpen(id.to_owned());
    let link: Option<i64> = sqlx::query_scalar(
        "UPDATE entries SET decision = $3, decided_by = $4 WHERE tenant = $1 AND id = $2 AND state = 'open' RETURNING link",
    )
    .bind(tenant)
    .bind(id)
    .bind(to_json("decision", decision)?)
    .bind(who)
    .fetch_optional(&mut *conn)
    .await?;
    let link = get(conn, LinkId(link.ok_or_else(not_open)?)).await?.ok_or_else(not_open)?;
    if !link.state.open.values().any(|entry| entry.id == id) {
        return Err(not_open());
    }
    let subject = sides(&link.pair).next().ok_or_else(not_open)?;
    let event = NewEvent {
        tenant: tenant.to_owned(),
        subject,
        source: Source::Retry,
        dedupe: None,
        note: Some(format!("{who} decided entry {id}")),
        received: at,
    };
    let accepted = events::insert(conn, &event).await?;
    let what = What::Act {
        who: who.to_owned(),
        what: format!("decided entry {id}: {}", to_json("decision", decision)?),
    };
    let made = [accepted.id];
    let record = audit::NewRecord { link: Some(link.id), ..audit::NewRecord::act(tenant, at, &made) };
    audit::append(conn, &record, what).await?;
    Ok(accepted.id)
}

/// An operator asks something of a link that joins both sides.
pub(crate) async fn ask(conn: &mut Conn, ask: &Ask) -> Result<Option<Accepted>> {
    let Some(link) = get(conn, ask.link).await?.filter(|link| link.tenant == ask.tenant) else {
        return Ok(None);
    };
    let (Some(referral), Some(_)) = (link.pair.referral, link.pair.record) else { return Ok(None) };
    let event = NewEvent {
        tenant: ask.tenant.clone(),
        subject: Subject::Referral(referral),
        source: ask.source,
        dedupe: Some(ask.dedupe.clone()),
        note: Some(ask.note.clone()),
        received: ask.at,
    };
    let accepted = events::insert(conn, &event).await?;
    if !accepted.duplicate {
        let id = next(conn, "ask").await?;
        sqlx::query("INSERT INTO asks (id, link, body) VALUES ($1, $2, $3)")
            .bind(id)
            .bind(ask.link.0)
            .bind(to_json("ask", &ask.asked)?)
            .execute(conn)
            .await?;
    }
    Ok(Some(accepted))
}

/// The lane was taken: what was asked of its link since becomes part of the state that the pass begins with. Only the
/// holder of the lane writes a state, so nothing that a pass stores can be lost by this.
pub(crate) async fn take_over_asks(conn: &mut Conn, link: LinkId) -> Result<()> {
    let asks: Vec<String> = sqlx::query_scalar("SELECT body FROM asks WHERE link = $1 ORDER BY id")
        .bind(link.0)
        .fetch_all(&mut *conn)
        .await?;
    if asks.is_empty() {
        return Ok(());
    }
    let state: String = sqlx::query_scalar("SELECT state FROM links WHERE id = $1 AND format = $2")
        .bind(link.0)
        .bind(FORMAT)
        .fetch_optional(&mut *conn)
        .await?
        .ok_or(Error::Unreadable { what: "link state", source: None })?;
    let mut state: LinkState = from_json("link state", &state)?;
    for ask in &asks {
        state.take_over(from_json::<Asked>("ask", ask)?);
    }
    sqlx::query("UPDATE links SET state = $2 WHERE id = $1")
        .bind(link.0)
        .bind(to_json("link state", &state)?)
        .execute(&mut *conn)
        .await?;
    sqlx::query("DELETE FROM asks WHERE link = $1").bind(link.0).execute(conn).await?;
    Ok(())
}
