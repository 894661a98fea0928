//! Carries a lane through one pass.
//!
//! The engine says what is to be done next, one [`Action`] at a time, and is told what came of it. Nothing is decided
//! here: this is the table from actions to the connectors and the journal. It may stop between any two actions (a
//! deadline, a stop, a crash); the next pass goes on from what was stored.

mod effects;
mod reach;
mod rehearse;
mod stage;

use std::{sync::Arc, time::Duration};

use crosswalk_connectors::fault::Fault as CallFault;
use crosswalk_engine::{
    link::{IntendedWrite, LinkState},
    mapping::Refusal,
    pass::{Action, Commit, Limits, Pass, Seen, Start, Verdict},
};
use crosswalk_journal::{Lease, Taken, Trail};
use crosswalk_runtime::{PassUsage, Release};
use tracing::{info, warn};

use self::reach::{Looked, Reach};
pub(crate) use self::{
    effects::{Change, Effects, Left},
    reach::limits,
    rehearse::{rehearse, rehearse_asked},
    stage::{Answer, Stage},
};
use crate::{
    app::App,
    config::AfterPatience,
    dispatch::Chain,
    recording::{Asked, Recorder},
    rollout::{self, shadow, tally::Ended},
    tenant::Tenant,
};

/// How often a paused tenant's lanes are looked at, in milliseconds.
const PAUSED_LOOK_MS: u64 = 30_000;

/// Why a pass ended without a verdict. Its events wait; nothing of what was stored is lost.
#[derive(Debug)]
pub(crate) struct Fault {
    /// What happened, for the operator, without secrets.
    pub(crate) reason: String,
    /// How long the system asked to be left alone.
    pub(crate) after: Option<Duration>,
    /// The release that was deciding.
    pub(crate) release: Option<Arc<Release>>,
    /// The host is stopping; the attempt does not count.
    pub(crate) stopping: bool,
    /// Trying again cannot help; a person has to look at this lane.
    pub(crate) permanent: bool,
    /// The journal itself failed, or the lease was lost: no reason to park anybody's events.
    pub(crate) journal: bool,
}

impl Fault {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Fault {
            reason: reason.into(),
            after: None,
            release: None,
            stopping: false,
            permanent: false,
            journal: false,
        }
    }

    pub(crate) fn late(deadline_ms: u64) -> Self {
        Fault::new(format!(
            "the pass took longer than {deadline_ms} ms; it goes on from its last stored step"
        ))
    }

    pub(crate) fn stopping() -> Self {
        Fault { stopping: true, ..Fault::new("the host is stopping") }
    }
}

impl From<crosswalk_journal::Error> for Fault {
    fn from(error: crosswalk_journal::Error) -> Self {
        Fault {
            // One side belongs to another link: the journal is well, and in the end a person has to look.
            journal: !matches!(error, crosswalk_journal::Error::AlreadyLinked { .. }),
            ..Fault::new(format!("the journal could not store a step: {}", Chain(&error)))
        }
    }
}

impl From<CallFault> for Fault {
    fn from(fault: CallFault) -> Self {
        let after = match &fault {
            CallFault::Retry { after, .. } => *after,
            CallFault::Reject { .. } | CallFault::Unauthorised { .. } => None,
        };
        let permanent = matches!(fault, CallFault::Reject { .. });
        Fault { after, permanent, ..Fault::new(fault.reason()) }
    }
}

/// Runs one pass on a lane, to its verdict.
pub(crate) async fn pass(app: &Arc<App>, taken: Taken) -> Result<(), Fault> {
    let Some(tenant) = app.tenants.get(&taken.tenant) else {
        return Err(Fault::new(format!("tenant `{}` is not applied on this host", taken.tenant)));
    };
    let Some(routing) = app.registry.routing(&taken.tenant) else {
        return Err(Fault::new(format!(
            "no plugin is routed to tenant `{}`; deploy one with `crosswalk plugin deploy`",
            taken.tenant
        )));
    };
    // From here to its verdict the pass is decided by this one, whatever is routed meanwhile.
    let release = Arc::clone(routing.release_for(taken.bucket));
    if let Some(verdict) = held_back(app, &tenant, &taken) {
        let alarms = match &verdict {
            Verdict::Parked { reason } => vec![reason.clone()],
            _ => Vec::new(),
        };
        let commit = Commit { alarms, ..Commit::default() };
        let trail = Trail { at: app.now(), release: Some(release.digest.clone()) };
        app.journal.finish(taken.lease, &commit, &verdict, &trail, None).await?;
        if let Verdict::Parked { reason } = &verdict {
            rollout::ended(app, &tenant, &release, &Ended::parked(reason, commit.alarms.len()));
        }
        return Ok(());
    }
    let driver = Driver::new(app, &tenant, &release, taken.lease)?;
    driver.run(taken).await.map_err(|fault| Fault { release: Some(release), ..fault })
}

/// A verdict without a pass: the operator has paused the tenant, or the pair has spent its writes.
fn held_back(app: &App, tenant: &Tenant, taken: &Taken) -> Option<Verdict> {
    let writes_max = app.config.limits.writes_per_link_per_hour_max;
    if tenant.document.sync.paused {
        return Some(Verdict::Again { after_ms: PAUSED_LOOK_MS, reason: "the tenant is paused".to_owned() });
    }
    app.budget.is_spent(taken.lease.lane, writes_max, app.now()).then(|| {
        let reason = format!(
            "the pair was written {writes_max} times within an hour, which looks like two systems that answer each \
             other; nothing is written until a person has looked, then `crosswalk events retry`"
        );
        warn!(%reason, "alarm");
        Verdict::Parked { reason }
    })
}

/// The two systems and the journal, as one pass uses them.
struct Driver<'a> {
    app: &'a Arc<App>,
    tenant: &'a Tenant,
    reach: Reach,
    lease: Lease,
}

impl<'a> Driver<'a> {
    fn new(
        app: &'a Arc<App>,
        tenant: &'a Tenant,
        release: &Arc<Release>,
        lease: Lease,
    ) -> Result<Self, Fault> {
        let reach = Reach::new(app, tenant, release, &lease.pass.to_string())?;
        Ok(Driver { app, tenant, reach, lease })
    }

    async fn run(&self, taken: Taken) -> Result<(), Fault> {
        let now = self.app.now();
        let mut mapper = self.reach.mapper(&taken.tenant, now);
        let watching = self.app.rollout.watching(&taken.tenant, &self.reach.release);
        if watching.asked_twice {
            mapper = mapper.asked_twice(&taken.tenant, now);
        }
        let post_again = taken.retried.or_else(|| self.may_post_again(taken.state.as_ref()).then_some(now));
        let start = Start {
            id: format!("{}-{}", self.app.journal_name, self.lease.pass),
            subject: taken.subject,
            pair: taken.pair,
            state: taken.state,
            manifest: self.reach.release.plugin.manifest().clone(),
            release: Some(self.reach.release.digest.clone()),
            now,
            limits: Limits { strict: watching.strict, ..reach::limits(self.app) },
            post_again,
            rules: Default::default(),
        };
        let mut recorder = Recorder::new(&taken.tenant, &start, &self.reach.release);
        let (mut pass, mut action) = Pass::begin(start);
        let mut alarms = 0;
        loop {
            recorder.note(&action);
            alarms += raised(&action);
            let asked = Asked::of(&action);
            let seen = match action {
                Action::Finish { commit, verdict } => {
                    let usage = mapper.finish();
                    self.report(&verdict, &usage, pass.refusal());
                    let recorded = recorder.finish(&usage, pass.refusal());
                    let bytes = recorded.to_bytes();
                    let finished = self
                        .app
                        .journal
                        .finish(self.lease, &commit, &verdict, &self.trail(), Some(&bytes))
                        .await;
                    finished?;
                    let plugin_us = u64::try_from(usage.wall.as_micros()).unwrap_or(u64::MAX);
                    let ended = Ended::of(&verdict, pass.refusal(), alarms, plugin_us);
                    rollout::ended(self.app, self.tenant, &self.reach.release, &ended);
                    shadow::offer(self.app, &self.tenant.name, recorded);
                    return Ok(());
                }
                other => self.carry_out(other).await?,
            };
            recorder.saw(asked, &seen);
            (pass, mapper, action) = reach::step(pass, mapper, seen).await?;
        }
    }

    /// One action, carried out against the system that it is for.
    async fn carry_out(&self, action: Action) -> Result<Seen, Fault> {
        let action = match self.reach.look(action).await? {
            Looked::Seen(seen) => return Ok(seen),
            Looked::NotALook(action) => action,
        };
        let (partner_center, crm) = (&self.reach.partner_center, &self.reach.crm);
        Ok(match action {
            Action::Store(commit) => {
                self.app.journal.store(self.lease, &commit, &self.trail()).await?;
                Seen::Stored
            }
            Action::WriteRecord { key, fields, companions, version } => {
                self.count_write();
                crm.update(&key, &fields, &companions, &version).await?
            }
            Action::CreateRecord { entity, referral, fields, companions } => {
                self.count_write();
                let key_field = self.reach.key_field(&entity)?;
                crm.create(&entity, &key_field, &referral, &fields, &companions).await?
            }
            Action::ConvertRecord { key, to, fields, companions, version } => {
                self.count_write();
                crm.convert(&key, &to, &fields, &companions, &version).await?
            }
            Action::WriteReferral { id, fields, version } => {
                self.count_write();
                partner_center.patch(&id, &fields, &version).await?
            }
            Action::PostReferral(referral) => {
                self.count_write();
                partner_center.create(&referral).await?
            }
            _ => {
                return Err(Fault::new(
                    "a pass asked for what nobody carries out, which is a defect of Crosswalk",
                ));
            }
        })
    }

    fn count_write(&self) {
        self.app.budget.count(self.lease.lane, self.app.now());
    }

    fn trail(&self) -> Trail {
        Trail { at: self.app.now(), release: Some(self.reach.release.digest.clone()) }
    }

    /// Whether the operator lets a POST that was not found in time be repeated without being asked.
    fn may_post_again(&self, state: Option<&LinkState>) -> bool {
        let open = state.and_then(|state| state.intent.as_ref());
        let posts = open.is_some_and(|intent| matches!(intent.write, IntendedWrite::PostReferral { .. }));
        posts && self.app.config.limits.create_after_patience == AfterPatience::Post
    }

    /// Says once, in the log, how the pass ended; the journal has the rest.
    fn report(&self, verdict: &Verdict, usage: &PassUsage, refusal: Option<&Refusal>) {
        for line in &usage.log {
            info!(target: "plugin", tenant = %self.tenant.name, call = %line.call, level = ?line.level, "{}", line.message);
        }
        if let Some(refusal) = refusal {
            warn!(
                code = %refusal.code, field = refusal.field.as_deref().unwrap_or(""), help = refusal.help.as_deref().unwrap_or(""),
                "the plugin refused: {}", refusal.message
            );
        }
        info!(
            release = %self.reach.release.digest, plugin_calls = usage.calls, plugin_fuel = usage.fuel,
            verdict = %serde_json::to_string(verdict).unwrap_or_default(), "settled"
        );
    }
}

/// Says which alarms a transaction of a pass raises, and how many.
fn raised(action: &Action) -> usize {
    let (Action::Store(commit) | Action::Finish { commit, .. }) = action else { return 0 };
    for alarm in &commit.alarms {
        warn!(%alarm, "alarm");
    }
    commit.alarms.len()
}
