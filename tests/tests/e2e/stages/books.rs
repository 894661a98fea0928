//! What a host has written down, read from its journal's file while it runs.

use std::collections::BTreeSet;

use crosswalk::demo::text;
use crosswalk_tests::Stage;
use serde_json::Value;
use sqlx::{
    SqlitePool,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions},
};

/// How much later than the journal the memory of a host may take to move, in milliseconds.
const MEMORY_LAG_MS: i64 = 500;

/// The journal, read only.
pub(super) struct Books(SqlitePool);

/// A pass that ended.
#[derive(Clone, Debug)]
pub(super) struct Pass {
    pub(super) id: i64,
    pub(super) started: i64,
    pub(super) ended: i64,
    pub(super) outcome: String,
    pub(super) release: Option<String>,
}

/// A value that was written to a side.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Write {
    pub(super) side: String,
    pub(super) value: String,
}

impl Books {
    pub(super) async fn open(stage: &Stage) -> Self {
        let file = stage.folder().join("state/journal.sqlite");
        let options = SqliteConnectOptions::new().filename(file).read_only(true);
        Books(SqlitePoolOptions::new().max_connections(1).connect_with(options).await.unwrap())
    }

    /// The component that the tenant began with.
    pub(super) async fn first_component(&self) -> Vec<u8> {
        let sql =
            "SELECT c.bytes FROM components c JOIN releases r ON r.digest = c.digest ORDER BY r.id LIMIT 1";
        sqlx::query_scalar(sql).fetch_one(&self.0).await.unwrap()
    }

    pub(super) async fn last_pass(&self) -> i64 {
        sqlx::query_scalar("SELECT COALESCE(MAX(id), 0) FROM passes").fetch_one(&self.0).await.unwrap()
    }

    pub(super) async fn passes_after(&self, pass: i64) -> Vec<Pass> {
        let found: Vec<(i64, i64, i64, String, Option<String>)> = sqlx::query_as(
            "SELECT id, started, ended, outcome, release_digest FROM passes WHERE id > $1 AND ended IS NOT NULL ORDER BY id",
        )
        .bind(pass)
        .fetch_all(&self.0)
        .await
        .unwrap();
        let pass = |(id, started, ended, outcome, release)| Pass { id, started, ended, outcome, release };
        found.into_iter().map(pass).collect()
    }

    /// Each pass and all that it wrote into the audit name the same release, which was live or a canary while it ran.
    pub(super) async fn every_pass_names_one_release_that_was_routed(&self, passes: &[Pass]) {
        let routes: Vec<(i64, String, Option<String>)> = sqlx::query_as(
            "SELECT r.routed_at, live.digest, CASE WHEN r.stage = 'canary' THEN tried.digest END
             FROM routes r JOIN releases live ON live.id = r.release_id
             LEFT JOIN releases tried ON tried.id = r.candidate_id ORDER BY r.generation",
        )
        .fetch_all(&self.0)
        .await
        .unwrap();
        for pass in passes {
            assert!(pass.release.is_some(), "{pass:?} names no release");
            let named = pass.release.as_ref().unwrap();
            let until = |place: usize| routes.get(place + 1).map_or(i64::MAX, |next| next.0 + MEMORY_LAG_MS);
            let routed = routes.iter().enumerate().any(|(place, (at, live, canary))| {
                (live == named || canary.as_ref() == Some(named))
                    && *at <= pass.ended
                    && pass.started <= until(place)
            });
            assert!(routed, "{pass:?} names a release that was not routed then: {routes:?}");
            for record in self.audit_of(pass.id).await {
                assert_eq!(text(&record, "/release"), *named, "{record}");
            }
        }
    }

    async fn audit_of(&self, pass: i64) -> Vec<Value> {
        let bodies: Vec<String> = sqlx::query_scalar("SELECT body FROM audit WHERE pass = $1")
            .bind(pass)
            .fetch_all(&self.0)
            .await
            .unwrap();
        bodies.iter().map(|body| serde_json::from_str(body).unwrap()).collect()
    }

    /// Every value that passes wrote to a side.
    pub(super) async fn writes_after(&self, pass: i64) -> Vec<Write> {
        let bodies: Vec<String> = sqlx::query_scalar("SELECT body FROM audit WHERE pass > $1 ORDER BY seq")
            .bind(pass)
            .fetch_all(&self.0)
            .await
            .unwrap();
        let mut writes = Vec::new();
        for body in bodies {
            let record: Value = serde_json::from_str(&body).unwrap();
            let side = text(&record, "/what/line/side");
            let fields = record.pointer("/what/line/fields").and_then(Value::as_object);
            for change in fields.into_iter().flat_map(|fields| fields.values()).filter(|_| !side.is_empty()) {
                let value =
                    change.pointer("/1").and_then(Value::as_object).and_then(|value| value.values().next());
                let value =
                    value.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
                writes.push(Write { side: side.clone(), value: value.unwrap_or_default() });
            }
        }
        writes
    }

    /// The referrals that passes of this release decided, and those of others.
    pub(super) async fn referrals_by_release(
        &self,
        from: i64,
        digest: &str,
    ) -> (BTreeSet<String>, BTreeSet<String>) {
        let found: Vec<(String, String)> = sqlx::query_as(
            "SELECT l.referral, p.release_digest FROM passes p JOIN links l ON l.lane = p.lane
             WHERE p.id > $1 AND p.release_digest IS NOT NULL AND l.referral IS NOT NULL",
        )
        .bind(from)
        .fetch_all(&self.0)
        .await
        .unwrap();
        let (ours, others): (Vec<_>, Vec<_>) = found.into_iter().partition(|(_, release)| release == digest);
        let referrals =
            |rows: Vec<(String, String)>| rows.into_iter().map(|(referral, _)| referral).collect();
        (referrals(ours), referrals(others))
    }

    /// Passes of the candidate, as they are stored for the next start.
    pub(super) async fn stored_passes(&self) -> Option<u64> {
        let stored: Option<String> = sqlx::query_scalar("SELECT value FROM cursors WHERE name = 'rollout'")
            .fetch_optional(&self.0)
            .await
            .unwrap();
        let stored: Value = serde_json::from_str(&stored?).unwrap();
        stored.pointer("/watched/1/tally/passes")?.as_u64()
    }

    /// What somebody did, in words, oldest first.
    pub(super) async fn acts(&self, who: &str) -> Vec<String> {
        let bodies: Vec<String> =
            sqlx::query_scalar("SELECT body FROM audit WHERE pass IS NULL ORDER BY seq")
                .fetch_all(&self.0)
                .await
                .unwrap();
        let records = bodies.iter().map(|body| serde_json::from_str::<Value>(body).unwrap());
        let theirs = records.filter(|record| text(record, "/what/act/who") == who);
        theirs.map(|record| text(&record, "/what/act/what")).collect()
    }

    /// Why passes of this release parked their events.
    pub(super) async fn parked_by(&self, digest: &str) -> Vec<String> {
        let sql = "SELECT outcome FROM passes WHERE release_digest = $1 AND outcome LIKE '%parked%'";
        sqlx::query_scalar(sql).bind(digest).fetch_all(&self.0).await.unwrap()
    }

    pub(super) async fn alarms(&self) -> Vec<String> {
        sqlx::query_scalar("SELECT text FROM alarms WHERE pass IS NULL").fetch_all(&self.0).await.unwrap()
    }
}
