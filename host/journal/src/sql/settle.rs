//! What a pass stores: one transaction at a time, the last one with the verdict.

use crosswalk_engine::pass::{Commit, Verdict};
use jiff::Timestamp;

use super::{
    Conn, audit, events, int, lanes,
    lanes::{Attempts, Held},
    links, to_json,
};
use crate::{
    audit::What,
    error::{Error, Result},
    ids::{EventId, Lease},
    lane::{Outcome, Trail},
};

/// Stores one transaction of a pass that goes on.
pub(crate) async fn store(conn: &mut Conn, lease: Lease, commit: &Commit, trail: &Trail) -> Result<()> {
    let mut held = lanes::hold(conn, lease).await?;
    apply(conn, &mut held, commit, trail).await
}

/// Stores the last transaction of a pass; `recording` is sealed already.
pub(crate) async fn finish(
    conn: &mut Conn,
    lease: Lease,
    commit: &Commit,
    verdict: &Verdict,
    trail: &Trail,
) -> Result<Held> {
    let mut held = lanes::hold(conn, lease).await?;
    apply(conn, &mut held, commit, trail).await?;
    let at = trail.at.as_millisecond();
    lanes::end_pass(conn, lease.pass, at, &Outcome::Verdict(verdict.clone())).await?;
    let (due, attempts) = match verdict {
        Verdict::Again { after_ms, .. } => (at.saturating_add(int(*after_ms)), Attempts::Forget),
        Verdict::Moved { to } => {
            let target = lanes::of_subject(conn, &held.tenant, to).await?;
            if target == lease.lane {
                // Moving to where it is already settles nothing: keep counting, so that the host's limit ends it.
                (at, Attempts::Keep)
            } else {
                hand_over(conn, &held, target.0).await?;
                lanes::wake(conn, target, at, false).await?;
                (at, Attempts::Forget)
            }
        }
        Verdict::Applied { .. } | Verdict::Agreed { .. } => {
            settle(conn, &held, "settled", verdict, at).await?;
            supersede(conn, &held, at).await?;
            (at, Attempts::Forget)
        }
        Verdict::Skipped { .. } => {
            settle(conn, &held, "settled", verdict, at).await?;
            (at, Attempts::Forget)
        }
        Verdict::Parked { .. } => {
            settle(conn, &held, "parked", verdict, at).await?;
            (at, Attempts::Forget)
        }
    };
    lanes::let_go(conn, &held, due, attempts).await?;
    Ok(held)
}

/// Keeps what a pass was given and answered, sealed already.
pub(crate) async fn record(conn: &mut Conn, held: &Held, at: Timestamp, sealed: &[u8]) -> Result<()> {
    sqlx::query("INSERT INTO recordings (pass, tenant, ended, sealed) VALUES ($1, $2, $3, $4)")
        .bind(held.lease.pass.0)
        .bind(&held.tenant)
        .bind(at.as_millisecond())
        .bind(sealed)
        .execute(conn)
        .await?;
    Ok(())
}

/// A fault: the events wait until `retry_at`.
pub(crate) async fn fail(
    conn: &mut Conn,
    lease: Lease,
    reason: &str,
    trail: &Trail,
    retry_at: Timestamp,
) -> Result<()> {
    let held = lanes::hold(conn, lease).await?;
    let outcome = Outcome::Fault { reason: reason.to_owned(), retry_at };
    lanes::end_pass(conn, lease.pass, trail.at.as_millisecond(), &outcome).await?;
    name_release(conn, &held, trail).await?;
    lanes::let_go(conn, &held, retry_at.as_millisecond(), Attempts::Keep).await
}

/// Nothing was tried: the lane is due at once.
pub(crate) async fn hand_back(conn: &mut Conn, lease: Lease, now: Timestamp) -> Result<()> {
    let held = lanes::hold(conn, lease).await?;
    let now = now.as_millisecond();
    lanes::end_pass(conn, lease.pass, now, &Outcome::HandedBack).await?;
    lanes::let_go(conn, &held, now, Attempts::Undo).await
}

/// Link, entries, audit and alarms of one commit.
async fn apply(conn: &mut Conn, held: &mut Held, commit: &Commit, trail: &Trail) -> Result<()> {
    let mut linked = None;
    if let Some((pair, state)) = &commit.link
        && links::save(conn, held, pair, state, trail.at).await?
    {
        linked = Some(pair.clone());
    }
    for change in &commit.entries {
        let link = held.link.ok_or(Error::NoLink(held.lease))?;
        links::change_entry(conn, &held.tenant, link, change, trail.at).await?;
    }
    let lines = linked.map(What::Linked).into_iter().chain(commit.audit.iter().cloned().map(What::Line));
    let mut lines = lines.peekable();
    if lines.peek().is_some() {
        let in_hand = events::in_hand(conn, held.lease.lane, held.lease.pass).await?;
        let in_hand: Vec<EventId> = in_hand.iter().map(|event| event.id).collect();
        let record = audit::NewRecord {
            tenant: &held.tenant,
            at: trail.at,
            link: held.link,
            pass: Some(held.lease.pass),
            events: &in_hand,
            release: trail.release.as_deref(),
        };
        for what in lines {
            audit::append(conn, &record, what).await?;
        }
    }
    for text in &commit.alarms {
        audit::alarm(conn, &held.tenant, held.link, Some(held.lease.pass), trail.at, text).await?;
    }
    name_release(conn, held, trail).await
}

/// The pass names the release that decides it.
async fn name_release(conn: &mut Conn, held: &Held, trail: &Trail) -> Result<()> {
    if let Some(release) = &trail.release {
        sqlx::query("UPDATE passes SET release_digest = $2 WHERE id = $1")
            .bind(held.lease.pass.0)
            .bind(release)
            .execute(conn)
            .await?;
    }
    Ok(())
}

async fn settle(conn: &mut Conn, held: &Held, state: &str, verdict: &Verdict, at: i64) -> Result<()> {
    sqlx::query(
        "UPDATE events SET state = $3, verdict = $4, settled = $5, retried = NULL
         WHERE lane = $1 AND state = 'waiting' AND pass = $2",
    )
    .bind(held.lease.lane.0)
    .bind(held.lease.pass.0)
    .bind(state)
    .bind(to_json("verdict", verdict)?)
    .bind(at)
    .execute(conn)
    .await?;
    Ok(())
}

/// Both sides agree, so what was parked in this lane before needs nobody any more. Their verdicts stay readable.
async fn supersede(conn: &mut Conn, held: &Held, at: i64) -> Result<()> {
    sqlx::query(
        "UPDATE events SET state = 'superseded', settled = $3, pass = $2 WHERE lane = $1 AND state = 'parked'",
    )
    .bind(held.lease.lane.0)
    .bind(held.lease.pass.0)
    .bind(at)
    .execute(conn)
    .await?;
    Ok(())
}

async fn hand_over(conn: &mut Conn, held: &Held, target: i64) -> Result<()> {
    sqlx::query(
        "UPDATE events SET lane = $3, pass = NULL WHERE lane = $1 AND state = 'waiting' AND pass = $2",
    )
    .bind(held.lease.lane.0)
    .bind(held.lease.pass.0)
    .bind(target)
    .execute(conn)
    .await?;
    Ok(())
}
