//! Lanes: which one a subject has, who holds it, and when it is due.
//!
//! A lane's `ready_at` is the one thing that taking looks at: the time at which its events want to be seen, or, while
//! a worker has it, the end of the lease. Each tenant's earliest `ready_at` is kept in `turns`, so that finding the
//! next lane costs the same however many lanes wait.
//!
//! A lane in which only events of a sweep, a backfill or an operator's ask wait is in the *background*: it is given out when no live one
//! is due, of whichever tenant. So a tenant has two turns, one for its live lanes and one for those in the background.

use aws_lc_rs::digest::{SHA256, digest};
use crosswalk_engine::pass::{Pair, Subject};
use jiff::Timestamp;
use sqlx::Row as _;

use super::{Conn, count, events, from_json, int, links, next, time_if};
use crate::{
    EVENTS_PER_PASS_MAX, LANE_BUCKETS,
    error::{Error, Result},
    ids::{LaneId, Lease, LinkId, PassId},
    lane::{Backlog, Outcome, Taken},
};

/// A lane whose lease was shown to be good, locked until the transaction is over.
pub(crate) struct Held {
    pub(crate) lease: Lease,
    pub(crate) tenant: String,
    pub(crate) link: Option<LinkId>,
}

/// What becomes of the count of attempts when a lane is let go.
#[derive(Clone, Copy)]
pub(crate) enum Attempts {
    /// There was a verdict.
    Forget,
    /// There was a fault.
    Keep,
    /// Nothing was tried.
    Undo,
}

/// The lane of a subject: its link's, or its own, which is made if there is none.
pub(crate) async fn of_subject(conn: &mut Conn, tenant: &str, subject: &Subject) -> Result<LaneId> {
    if let Some((_, lane)) = links::holder(conn, tenant, subject).await? {
        return Ok(lane);
    }
    let key = events::key(subject)?;
    let found: Option<i64> = sqlx::query_scalar("SELECT id FROM lanes WHERE tenant = $1 AND subject = $2")
        .bind(tenant)
        .bind(&key)
        .fetch_optional(&mut *conn)
        .await?;
    if let Some(id) = found {
        return Ok(LaneId(id));
    }
    let id = next(conn, "lane").await?;
    let made: i64 = sqlx::query_scalar(
        "INSERT INTO lanes (id, tenant, subject, bucket) VALUES ($1, $2, $3, $4)
         ON CONFLICT (tenant, subject) DO UPDATE SET subject = excluded.subject RETURNING id",
    )
    .bind(id)
    .bind(tenant)
    .bind(&key)
    .bind(i64::from(bucket(&key)))
    .fetch_one(conn)
    .await?;
    Ok(LaneId(made))
}

/// Where a lane whose first subject is stored like this belongs: the same for ever, and evenly spread.
fn bucket(key: &str) -> u16 {
    let hash = digest(&SHA256, key.as_bytes());
    let number = hash.as_ref().iter().take(8).fold(0, |number, byte| (number << 8) | u64::from(*byte));
    u16::try_from(number % u64::from(LANE_BUCKETS)).unwrap_or(0)
}

/// Makes a lane due at `at` unless it is due already or backing off; `hurry` ends a backoff and forgets the attempts.
/// A lane in a worker's hands is looked at again when the worker lets go.
pub(crate) async fn wake(conn: &mut Conn, lane: LaneId, at: i64, hurry: bool) -> Result<()> {
    let background = !any_live(conn, lane).await?;
    let sql = if hurry {
        "UPDATE lanes SET due_at = $2, ready_at = CASE WHEN pass IS NULL THEN $2 ELSE ready_at END,
           attempts = CASE WHEN pass IS NULL THEN 0 ELSE attempts END, background = $3
         WHERE id = $1 RETURNING tenant"
    } else {
        "UPDATE lanes SET due_at = COALESCE(due_at, $2),
           ready_at = CASE WHEN pass IS NULL THEN COALESCE(due_at, $2) ELSE ready_at END, background = $3
         WHERE id = $1 RETURNING tenant"
    };
    let tenant: String = sqlx::query_scalar(sql)
        .bind(lane.0)
        .bind(at)
        .bind(i64::from(background))
        .fetch_one(&mut *conn)
        .await?;
    touch(conn, &tenant).await
}

/// Whether an event waits in the lane that somebody or something caused just now, or that a person asked for again.
async fn any_live(conn: &mut Conn, lane: LaneId) -> Result<bool> {
    let found: Option<i64> = sqlx::query_scalar(
        "SELECT id FROM events WHERE lane = $1 AND state = 'waiting'
           AND (source NOT IN ('sweep', 'backfill', 'project', 'undo') OR retried IS NOT NULL) LIMIT 1",
    )
    .bind(lane.0)
    .fetch_optional(conn)
    .await?;
    Ok(found.is_some())
}

/// Brings a tenant's earliest `ready_at` up to date. Every change of a lane's `ready_at` ends here.
pub(crate) async fn touch(conn: &mut Conn, tenant: &str) -> Result<()> {
    for background in [0, 1] {
        sqlx::query(
            "INSERT INTO turns (tenant, background, turn, ready_at)
             SELECT $1, $2, 0, MIN(ready_at) FROM lanes
               WHERE tenant = $1 AND background = $2 AND ready_at IS NOT NULL
             ON CONFLICT (tenant, background) DO UPDATE SET ready_at = excluded.ready_at",
        )
        .bind(tenant)
        .bind(background)
        .execute(&mut *conn)
        .await?;
    }
    Ok(())
}

/// Makes all lanes that are in hand due, with a pass that nobody has.
pub(crate) async fn end_leases(conn: &mut Conn, now: i64) -> Result<u64> {
    let tenants: Vec<String> = sqlx::query_scalar("SELECT DISTINCT tenant FROM lanes WHERE pass IS NOT NULL")
        .fetch_all(&mut *conn)
        .await?;
    let ended =
        sqlx::query("UPDATE lanes SET pass = NULL, worker = NULL, ready_at = $1 WHERE pass IS NOT NULL")
            .bind(now)
            .execute(&mut *conn)
            .await?;
    for tenant in tenants {
        touch(conn, &tenant).await?;
    }
    Ok(ended.rows_affected())
}

/// When the next lane of a tenant that is not passed over is due.
pub(crate) async fn next_due(conn: &mut Conn, pass_over: &[String]) -> Result<Option<Timestamp>> {
    let turns: Vec<(String, i64)> = sqlx::query_as(
        "SELECT tenant, ready_at FROM turns WHERE ready_at IS NOT NULL ORDER BY ready_at LIMIT $1",
    )
    .bind(enough(pass_over))
    .fetch_all(conn)
    .await?;
    let next = turns.into_iter().find(|(tenant, _)| !pass_over.contains(tenant));
    time_if(next.map(|(_, ready)| ready))
}

/// So many turns that one of them belongs to nobody who is passed over, if there is one: a tenant has two.
fn enough(pass_over: &[String]) -> i64 {
    int(pass_over.len() as u64).saturating_mul(2).saturating_add(1)
}

/// Gives out the lane that is due, with all its waiting events.
pub(crate) async fn take(
    conn: &mut Conn,
    worker: &str,
    now: Timestamp,
    lease_ms: u64,
    pass_over: &[String],
) -> Result<Option<Taken>> {
    let now_ms = now.as_millisecond();
    loop {
        let turns: Vec<(String, i64)> = sqlx::query_as(
            "SELECT tenant, background FROM turns WHERE ready_at IS NOT NULL AND ready_at <= $1
             ORDER BY background, turn, tenant LIMIT $2",
        )
        .bind(now_ms)
        .bind(enough(pass_over))
        .fetch_all(&mut *conn)
        .await?;
        let turn = turns.into_iter().find(|(tenant, _)| !pass_over.contains(tenant));
        let Some((tenant, background)) = turn else { return Ok(None) };
        let lane: Option<i64> = sqlx::query_scalar(
            "SELECT id FROM lanes
             WHERE tenant = $1 AND background = $2 AND ready_at IS NOT NULL AND ready_at <= $3
             ORDER BY ready_at, id LIMIT 1",
        )
        .bind(&tenant)
        .bind(background)
        .bind(now_ms)
        .fetch_optional(&mut *conn)
        .await?;
        let Some(lane) = lane else {
            touch(conn, &tenant).await?;
            continue;
        };
        let lease = Lease { lane: LaneId(lane), pass: PassId(next(conn, "pass").await?) };
        let until = now_ms.saturating_add(int(lease_ms));
        if let Some(taken) = hold_and_read(conn, lease, &tenant, worker, now_ms, until).await? {
            return Ok(Some(taken));
        }
    }
}

/// Puts the lane into the worker's hands. `None` if another worker was faster, or if nothing
/// waits in it (a person parked all of it meanwhile).
async fn hold_and_read(
    conn: &mut Conn,
    lease: Lease,
    tenant: &str,
    worker: &str,
    now: i64,
    until: i64,
) -> Result<Option<Taken>> {
    // Asking again whether it is ready makes this safe where another host may have taken it since it was found.
    let row = sqlx::query(
        "UPDATE lanes SET pass = $2, worker = $3, ready_at = $4, attempts = attempts + 1
         WHERE id = $1 AND ready_at IS NOT NULL AND ready_at <= $5 RETURNING link, subject, attempts, background, bucket",
    )
    .bind(lease.lane.0)
    .bind(lease.pass.0)
    .bind(worker)
    .bind(until)
    .bind(now)
    .fetch_optional(&mut *conn)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let (link, attempts): (Option<i64>, i64) = (row.try_get("link")?, row.try_get("attempts")?);
    sqlx::query("UPDATE turns SET turn = $2 WHERE tenant = $1 AND background = $3")
        .bind(tenant)
        .bind(lease.pass.0)
        .bind(row.try_get::<i64, _>("background")?)
        .execute(&mut *conn)
        .await?;
    sqlx::query(
        "UPDATE events SET pass = $2 WHERE id IN
         (SELECT id FROM events WHERE lane = $1 AND state = 'waiting' ORDER BY id LIMIT $3)",
    )
    .bind(lease.lane.0)
    .bind(lease.pass.0)
    .bind(i64::from(EVENTS_PER_PASS_MAX))
    .execute(&mut *conn)
    .await?;
    let in_hand = events::in_hand(conn, lease.lane, lease.pass).await?;
    let held = Held { lease, tenant: tenant.to_owned(), link: link.map(LinkId) };
    let Some(first) = in_hand.first() else {
        let_go(conn, &held, now, Attempts::Forget).await?;
        return Ok(None);
    };
    let own: Option<String> = row.try_get("subject")?;
    let own = own.map(|key| from_json("subject", &key)).transpose()?;
    begin_pass(conn, &held, worker, now).await?;
    touch(conn, tenant).await?;
    let link = match held.link {
        Some(id) => {
            links::take_over_asks(conn, id).await?;
            links::get(conn, id).await?
        }
        None => None,
    };
    // Not what an event is about: one that was moved here is about something else, and would move on for ever.
    let subject = own
        .or_else(|| link.as_ref().and_then(|link| of_pair(&link.pair)))
        .unwrap_or_else(|| first.subject.clone());
    let bucket = match row.try_get::<Option<i64>, _>("bucket")? {
        Some(known) => u16::try_from(known).unwrap_or(0),
        // Older than its column. A link keeps its first side, so this is the same each time.
        None => bucket(&events::key(&subject)?),
    };
    let pair = link.as_ref().map_or_else(|| alone(&subject), |link| link.pair.clone());
    let attempts = u32::try_from(attempts).unwrap_or(u32::MAX);
    let state = link.map(|link| link.state);
    let retried = in_hand.iter().filter_map(|event| event.retried).max();
    Ok(Some(Taken {
        lease,
        tenant: held.tenant,
        subject,
        pair,
        link: held.link,
        state,
        events: in_hand,
        retried,
        attempts,
        bucket,
    }))
}

async fn begin_pass(conn: &mut Conn, held: &Held, worker: &str, now: i64) -> Result<()> {
    sqlx::query("INSERT INTO passes (id, tenant, lane, worker, started) VALUES ($1, $2, $3, $4, $5)")
        .bind(held.lease.pass.0)
        .bind(&held.tenant)
        .bind(held.lease.lane.0)
        .bind(worker)
        .bind(now)
        .execute(&mut *conn)
        .await?;
    sqlx::query(
        "INSERT INTO pass_events (pass, event)
         SELECT pass, id FROM events WHERE lane = $1 AND state = 'waiting' AND pass = $2",
    )
    .bind(held.lease.lane.0)
    .bind(held.lease.pass.0)
    .execute(conn)
    .await?;
    Ok(())
}

fn of_pair(pair: &Pair) -> Option<Subject> {
    let referral = pair.referral.clone().map(Subject::Referral);
    referral.or_else(|| pair.record.clone().map(Subject::Record))
}

fn alone(subject: &Subject) -> Pair {
    match subject {
        Subject::Referral(id) => Pair { referral: Some(id.clone()), ..Pair::default() },
        Subject::Record(key) => Pair { record: Some(key.clone()), ..Pair::default() },
    }
}

/// Checks a lease, and locks its lane until the transaction is over: the update is the lock.
pub(crate) async fn hold(conn: &mut Conn, lease: Lease) -> Result<Held> {
    let found: Option<(String, Option<i64>)> =
        sqlx::query_as("UPDATE lanes SET pass = pass WHERE id = $1 AND pass = $2 RETURNING tenant, link")
            .bind(lease.lane.0)
            .bind(lease.pass.0)
            .fetch_optional(conn)
            .await?;
    let (tenant, link) = found.ok_or(Error::LostLease(lease))?;
    Ok(Held { lease, tenant, link: link.map(LinkId) })
}

/// Moves the end of a lease.
pub(crate) async fn renew(conn: &mut Conn, lease: Lease, until: i64) -> Result<()> {
    let held = hold(conn, lease).await?;
    sqlx::query("UPDATE lanes SET ready_at = $2 WHERE id = $1")
        .bind(lease.lane.0)
        .bind(until)
        .execute(&mut *conn)
        .await?;
    touch(conn, &held.tenant).await
}

/// Ends a lease. What still waits in the lane is due at `due`; a lane without a link in which nothing waits or is
/// parked ends.
pub(crate) async fn let_go(conn: &mut Conn, held: &Held, due: i64, attempts: Attempts) -> Result<()> {
    let lane = held.lease.lane;
    sqlx::query("UPDATE events SET pass = NULL WHERE lane = $1 AND state = 'waiting' AND pass = $2")
        .bind(lane.0)
        .bind(held.lease.pass.0)
        .execute(&mut *conn)
        .await?;
    let due = if any(conn, lane, "waiting").await? { Some(due) } else { None };
    if due.is_none() && held.link.is_none() && !any(conn, lane, "parked").await? {
        sqlx::query("DELETE FROM lanes WHERE id = $1").bind(lane.0).execute(&mut *conn).await?;
        return touch(conn, &held.tenant).await;
    }
    let background = due.is_some() && !any_live(conn, lane).await?;
    let sql = match attempts {
        Attempts::Forget => {
            "UPDATE lanes SET pass = NULL, worker = NULL, due_at = $2, ready_at = $2, attempts = 0, background = $3
             WHERE id = $1"
        }
        Attempts::Keep => {
            "UPDATE lanes SET pass = NULL, worker = NULL, due_at = $2, ready_at = $2, background = $3 WHERE id = $1"
        }
        Attempts::Undo => {
            "UPDATE lanes SET pass = NULL, worker = NULL, due_at = $2, ready_at = $2, attempts = attempts - 1,
               background = $3
             WHERE id = $1"
        }
    };
    sqlx::query(sql).bind(lane.0).bind(due).bind(i64::from(background)).execute(&mut *conn).await?;
    touch(conn, &held.tenant).await
}

/// Something waits no longer. Takes a lane that nobody holds off the clock if that was the last, and into the background
/// if that was the last live one.
pub(crate) async fn rest(conn: &mut Conn, lane: LaneId) -> Result<()> {
    let waits = any(conn, lane, "waiting").await?;
    let background = waits && !any_live(conn, lane).await?;
    let sql = if waits {
        "UPDATE lanes SET background = $2 WHERE id = $1 AND pass IS NULL RETURNING tenant"
    } else {
        "UPDATE lanes SET due_at = NULL, ready_at = NULL, attempts = 0, background = $2
         WHERE id = $1 AND pass IS NULL RETURNING tenant"
    };
    let tenant: Option<String> =
        sqlx::query_scalar(sql).bind(lane.0).bind(i64::from(background)).fetch_optional(&mut *conn).await?;
    match tenant {
        Some(tenant) => touch(conn, &tenant).await,
        None => Ok(()),
    }
}

async fn any(conn: &mut Conn, lane: LaneId, state: &str) -> Result<bool> {
    let found: Option<i64> =
        sqlx::query_scalar("SELECT id FROM events WHERE lane = $1 AND state = $2 LIMIT 1")
            .bind(lane.0)
            .bind(state)
            .fetch_optional(conn)
            .await?;
    Ok(found.is_some())
}

/// Moves whatever waits or is parked in a subject's own lane into `into`, and ends that lane. Whoever holds it has
/// lost its lease.
pub(crate) async fn absorb(conn: &mut Conn, tenant: &str, subject: &Subject, into: LaneId) -> Result<()> {
    let from: Option<i64> =
        sqlx::query_scalar("DELETE FROM lanes WHERE tenant = $1 AND subject = $2 AND id <> $3 RETURNING id")
            .bind(tenant)
            .bind(events::key(subject)?)
            .bind(into.0)
            .fetch_optional(&mut *conn)
            .await?;
    match from {
        Some(from) => take_over(conn, tenant, LaneId(from), into).await,
        None => Ok(()),
    }
}

/// Moves whatever waits or is parked in the lane `from` into `into`, and ends it. Whoever holds it has lost its lease.
pub(crate) async fn merge(conn: &mut Conn, tenant: &str, from: LaneId, into: LaneId) -> Result<()> {
    sqlx::query("DELETE FROM lanes WHERE id = $1").bind(from.0).execute(&mut *conn).await?;
    take_over(conn, tenant, from, into).await
}

async fn take_over(conn: &mut Conn, tenant: &str, from: LaneId, into: LaneId) -> Result<()> {
    sqlx::query(
        "UPDATE events SET lane = $2, pass = NULL WHERE lane = $1 AND state IN ('waiting', 'parked')",
    )
    .bind(from.0)
    .bind(into.0)
    .execute(&mut *conn)
    .await?;
    touch(conn, tenant).await
}

/// Remembers how a pass ended.
pub(crate) async fn end_pass(conn: &mut Conn, pass: PassId, at: i64, outcome: &Outcome) -> Result<()> {
    sqlx::query("UPDATE passes SET ended = $2, outcome = $3 WHERE id = $1")
        .bind(pass.0)
        .bind(at)
        .bind(super::to_json("outcome", outcome)?)
        .execute(conn)
        .await?;
    Ok(())
}

/// How much waits.
pub(crate) async fn backlog(conn: &mut Conn, now: i64) -> Result<Backlog> {
    let (waiting, oldest): (i64, Option<i64>) =
        sqlx::query_as("SELECT COUNT(*), MIN(received) FROM events WHERE state = 'waiting'")
            .fetch_one(&mut *conn)
            .await?;
    let parked: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM events WHERE state = 'parked'")
        .fetch_one(&mut *conn)
        .await?;
    let leased: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM lanes WHERE pass IS NOT NULL AND ready_at > $1")
            .bind(now)
            .fetch_one(&mut *conn)
            .await?;
    let due: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM turns t JOIN lanes l ON l.tenant = t.tenant AND l.background = t.background
         WHERE t.ready_at <= $1 AND l.ready_at IS NOT NULL AND l.ready_at <= $1",
    )
    .bind(now)
    .fetch_one(conn)
    .await?;
    Ok(Backlog {
        waiting: count(waiting),
        parked: count(parked),
        leased: count(leased),
        due: count(due),
        oldest: time_if(oldest)?,
    })
}

/// How many of a tenant's background lanes are in hand or due.
pub(crate) async fn in_background(conn: &mut Conn, tenant: &str, now: i64) -> Result<u64> {
    let sql = "SELECT COUNT(*) FROM lanes WHERE tenant = $1 AND background = 1
                 AND ready_at IS NOT NULL AND (pass IS NOT NULL OR ready_at <= $2)";
    Ok(count(sqlx::query_scalar(sql).bind(tenant).bind(now).fetch_one(conn).await?))
}
