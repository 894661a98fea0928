//! Events: accepting, listing, and what persons do with them.

use crosswalk_engine::pass::{Subject, Verdict};
use jiff::Timestamp;
use sqlx::{QueryBuilder, Row as _};

use super::{Conn, Db, Row, audit, from_json, from_word, lanes, next, rows, time, time_if, to_json, word};
use crate::{
    audit::{AuditFilter, What},
    error::{Error, Result},
    event::{Accepted, Event, EventFilter, EventState, EventStory, NewEvent, Source},
    ids::{EventId, LaneId, PassId},
    lane::PassRecord,
    release::LookAgain,
};

const COLUMNS: &str =
    "id, tenant, subject, source, note, received, lane, state, pass, verdict, settled, retried";

/// A subject as it is stored and compared.
pub(crate) fn key(subject: &Subject) -> Result<String> {
    to_json("subject", subject)
}

/// Stores one event unless it is a duplicate, and makes its lane due.
pub(crate) async fn insert(conn: &mut Conn, event: &NewEvent) -> Result<Accepted> {
    let id = EventId(next(conn, "event").await?);
    let source = word("source", &event.source)?;
    let received = event.received.as_millisecond();
    if let Some(dedupe) = &event.dedupe
        && let Some(first) = first_with(conn, event, &source, dedupe, id).await?
    {
        return Ok(Accepted { id: first, duplicate: true });
    }
    let lane = lanes::of_subject(conn, &event.tenant, &event.subject).await?;
    sqlx::query(
        "INSERT INTO events (id, tenant, subject, source, note, received, lane, state)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 'waiting')",
    )
    .bind(id.0)
    .bind(&event.tenant)
    .bind(key(&event.subject)?)
    .bind(source)
    .bind(&event.note)
    .bind(received)
    .bind(lane.0)
    .execute(&mut *conn)
    .await?;
    // Whoever accepts for a person does not let them wait for a backoff to end.
    lanes::wake(conn, lane, received, event.source == Source::Retry).await?;
    Ok(Accepted { id, duplicate: false })
}

/// Claims a dedupe key for `id`, or returns the event that has it already.
async fn first_with(
    conn: &mut Conn,
    event: &NewEvent,
    source: &str,
    dedupe: &str,
    id: EventId,
) -> Result<Option<EventId>> {
    let claimed = sqlx::query(
        "INSERT INTO dedupe_keys (tenant, source, dedupe, event, received) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (tenant, source, dedupe) DO NOTHING",
    )
    .bind(&event.tenant)
    .bind(source)
    .bind(dedupe)
    .bind(id.0)
    .bind(event.received.as_millisecond())
    .execute(&mut *conn)
    .await?;
    if claimed.rows_affected() > 0 {
        return Ok(None);
    }
    let first: i64 =
        sqlx::query_scalar("SELECT event FROM dedupe_keys WHERE tenant = $1 AND source = $2 AND dedupe = $3")
            .bind(&event.tenant)
            .bind(source)
            .bind(dedupe)
            .fetch_one(conn)
            .await?;
    Ok(Some(EventId(first)))
}

/// Events that match, newest first.
pub(crate) async fn list(conn: &mut Conn, filter: &EventFilter) -> Result<Vec<Event>> {
    let mut query = QueryBuilder::<Db>::new("SELECT ");
    query.push(COLUMNS).push(" FROM events WHERE 1 = 1");
    if let Some(tenant) = &filter.tenant {
        query.push(" AND tenant = ").push_bind(tenant);
    }
    if let Some(state) = &filter.state {
        query.push(" AND state = ").push_bind(word("event state", state)?);
    }
    if let Some(lane) = filter.lane {
        query.push(" AND lane = ").push_bind(lane.0);
    }
    if let Some(before) = filter.before {
        query.push(" AND id < ").push_bind(before.0);
    }
    query.push(" ORDER BY id DESC LIMIT ").push_bind(rows(filter.limit));
    query.build().fetch_all(conn).await?.iter().map(read).collect()
}

/// The events that a pass has in hand, oldest first.
pub(crate) async fn in_hand(conn: &mut Conn, lane: LaneId, pass: PassId) -> Result<Vec<Event>> {
    let mut query = QueryBuilder::<Db>::new("SELECT ");
    query.push(COLUMNS).push(" FROM events WHERE state = 'waiting' AND lane = ").push_bind(lane.0);
    query.push(" AND pass = ").push_bind(pass.0).push(" ORDER BY id");
    query.build().fetch_all(conn).await?.iter().map(read).collect()
}

/// One event.
pub(crate) async fn get(conn: &mut Conn, id: EventId) -> Result<Option<Event>> {
    let mut query = QueryBuilder::<Db>::new("SELECT ");
    query.push(COLUMNS).push(" FROM events WHERE id = ").push_bind(id.0);
    query.build().fetch_optional(conn).await?.as_ref().map(read).transpose()
}

fn read(row: &Row) -> Result<Event> {
    let verdict: Option<String> = row.try_get("verdict")?;
    let (subject, source): (String, String) = (row.try_get("subject")?, row.try_get("source")?);
    Ok(Event {
        id: EventId(row.try_get("id")?),
        tenant: row.try_get("tenant")?,
        subject: from_json("subject", &subject)?,
        source: from_word("source", &source)?,
        note: row.try_get("note")?,
        received: time(row.try_get("received")?)?,
        lane: LaneId(row.try_get("lane")?),
        state: from_word("event state", row.try_get::<&str, _>("state")?)?,
        pass: row.try_get::<Option<i64>, _>("pass")?.map(PassId),
        verdict: verdict.map(|text| from_json("verdict", &text)).transpose()?,
        settled: time_if(row.try_get("settled")?)?,
        retried: time_if(row.try_get("retried")?)?,
    })
}

/// One event, its passes, and what they wrote into the audit.
pub(crate) async fn story(conn: &mut Conn, id: EventId) -> Result<Option<EventStory>> {
    let Some(event) = get(conn, id).await? else { return Ok(None) };
    let found: Vec<Row> = sqlx::query(
        "SELECT p.id, p.lane, p.worker, p.started, p.ended, p.outcome, p.release_digest
         FROM pass_events e JOIN passes p ON p.id = e.pass WHERE e.event = $1 ORDER BY p.id LIMIT $2",
    )
    .bind(id.0)
    .bind(rows(0))
    .fetch_all(&mut *conn)
    .await?;
    let passes = found.iter().map(read_pass).collect::<Result<_>>()?;
    let filter = AuditFilter { tenant: event.tenant.clone(), event: Some(id), ..AuditFilter::default() };
    let mut written = audit::list(conn, &filter).await?;
    written.reverse();
    Ok(Some(EventStory { event, passes, audit: written }))
}

fn read_pass(row: &Row) -> Result<PassRecord> {
    let outcome: Option<String> = row.try_get("outcome")?;
    Ok(PassRecord {
        id: PassId(row.try_get("id")?),
        lane: LaneId(row.try_get("lane")?),
        worker: row.try_get("worker")?,
        started: time(row.try_get("started")?)?,
        ended: time_if(row.try_get("ended")?)?,
        outcome: outcome.map(|text| from_json("outcome", &text)).transpose()?,
        release: row.try_get("release_digest")?,
    })
}

/// Makes an event wait again, now.
pub(crate) async fn retry(conn: &mut Conn, id: EventId, who: &str, at: Timestamp) -> Result<()> {
    let event = get(conn, id).await?.ok_or(Error::NoEvent(id))?;
    let lane = match event.state {
        EventState::Waiting => event.lane,
        _ => wait_again(conn, &event).await?,
    };
    sqlx::query("UPDATE events SET retried = $2 WHERE id = $1")
        .bind(id.0)
        .bind(at.as_millisecond())
        .execute(&mut *conn)
        .await?;
    lanes::wake(conn, lane, at.as_millisecond(), true).await?;
    let what = What::Act { who: who.to_owned(), what: format!("asked for another try of {id}") };
    audit::append(conn, &audit::NewRecord::act(&event.tenant, at, &[id]), what).await
}

/// Makes the events wait again that a release parked.
pub(crate) async fn look_again(conn: &mut Conn, again: &LookAgain) -> Result<Vec<EventId>> {
    let found: Vec<i64> = sqlx::query_scalar(
        "SELECT e.id FROM events e JOIN passes p ON p.id = e.pass
         WHERE e.tenant = $1 AND e.state = 'parked' AND p.release_digest = $2 AND p.ended >= $3 AND p.ended <= $4
         ORDER BY e.id LIMIT $5",
    )
    .bind(&again.tenant)
    .bind(&again.release)
    .bind(again.since.as_millisecond())
    .bind(again.at.as_millisecond())
    .bind(rows(0))
    .fetch_all(&mut *conn)
    .await?;
    let ids: Vec<EventId> = found.into_iter().map(EventId).collect();
    for id in &ids {
        let event = get(conn, *id).await?.ok_or(Error::NoEvent(*id))?;
        let lane = wait_again(conn, &event).await?;
        lanes::wake(conn, lane, again.at.as_millisecond(), true).await?;
    }
    if !ids.is_empty() {
        let count = ids.len();
        let what =
            format!("looks again at {count} event(s) that release {} parked: {}", again.release, again.why);
        let what = What::Act { who: again.who.clone(), what };
        audit::append(conn, &audit::NewRecord::act(&again.tenant, again.at, &ids), what).await?;
    }
    Ok(ids)
}

/// Takes an event's verdict back, and returns the lane that it waits in.
async fn wait_again(conn: &mut Conn, event: &Event) -> Result<LaneId> {
    // The subject may have been linked since, and its old lane may be gone.
    let lane = lanes::of_subject(conn, &event.tenant, &event.subject).await?;
    sqlx::query(
        "UPDATE events SET state = 'waiting', lane = $2, pass = NULL, verdict = NULL, settled = NULL WHERE id = $1",
    )
    .bind(event.id.0)
    .bind(lane.0)
    .execute(conn)
    .await?;
    Ok(lane)
}

/// Parks a waiting event on a person's word.
pub(crate) async fn park(conn: &mut Conn, id: EventId, who: &str, reason: &str, at: Timestamp) -> Result<()> {
    let event = get(conn, id).await?.ok_or(Error::NoEvent(id))?;
    let verdict = Verdict::Parked { reason: format!("{who}: {reason}") };
    let parked = sqlx::query(
        "UPDATE events SET state = 'parked', verdict = $2, settled = $3, pass = NULL, retried = NULL
         WHERE id = $1 AND state = 'waiting'",
    )
    .bind(id.0)
    .bind(to_json("verdict", &verdict)?)
    .bind(at.as_millisecond())
    .execute(&mut *conn)
    .await?;
    if parked.rows_affected() == 0 {
        return Err(Error::NotWaiting(id));
    }
    lanes::rest(conn, event.lane).await?;
    let what = What::Act { who: who.to_owned(), what: format!("parked {id}: {reason}") };
    audit::append(conn, &audit::NewRecord::act(&event.tenant, at, &[id]), what).await
}
