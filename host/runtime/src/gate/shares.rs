//! Who may call next: the slots of the pool, and what each tenant may have of them and of the processors.
//!
//! Nothing here waits or asks a clock: time is an argument, counted from when the gate was made.
//!
//! A tenant's account is one moment, `paid`: until then, what its calls have used is not paid for yet. A call moves it
//! by what it used, divided by the tenant's share; so a tenant that may have a tenth of one processor and has used
//! 50 ms of it is even with the others half a second later. An account that is not used saves up [`SAVED_MAX`] and no
//! more.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

/// How much credit a tenant saves up while it does not call: what it may use at once, before its share binds.
const SAVED_MAX: Duration = Duration::from_secs(1);

/// How long a debt lasts at the most. Whatever a tenant has done, it is looked at again after this time.
const DEBT_MAX: Duration = Duration::from_secs(60);

/// How long nobody else may have called for a tenant to have the processors to itself.
const QUIET: Duration = Duration::from_secs(1);

/// How long a tenant in debt waits until one of its calls goes all the same. A pass that has begun must end within its
/// deadline, and asks its plugin more than once; what it uses in spite of the debt is paid for before the next begins.
const WAIT_MAX: Duration = Duration::from_secs(2);

/// How much of a processor the passes of a tenant that has them to itself may go on to use at once, when others come.
const IN_HAND_MAX: Duration = Duration::from_millis(200);

/// Whose call it is, and how much room its plugin needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Caller<'name> {
    /// `None` is the host itself, which has no share to keep to.
    pub(crate) tenant: Option<&'name str>,
    /// Whether its instance is one of the large ones.
    pub(crate) large: bool,
}

/// What everybody may have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// Calls at the same time, of all tenants.
    pub(crate) slots: u32,
    /// Of these, calls of large plugins.
    pub(crate) large_slots: u32,
    /// Calls at the same time, of one tenant.
    pub(crate) tenant_slots: u32,
    /// Processors that one tenant may keep busy while others call, `0.1` for a tenth of one.
    pub(crate) tenant_processors: f64,
    /// Calls of one tenant at the same time when it has the processors to itself and is not in credit: what is left
    /// then is for whoever comes.
    pub(crate) alone: u32,
}

/// A call that waits: its place in the queue.
pub(crate) type Ticket = u64;

/// Whether a waiting call may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Now.
    Now,
    /// Not before this moment, unless another call ends before.
    At(Duration),
    /// When another call has ended.
    Later,
}

/// All calls that run or wait, and what each tenant has used.
#[derive(Debug)]
pub(crate) struct Shares {
    rules: Rules,
    running: u32,
    running_large: u32,
    accounts: HashMap<String, Account>,
    /// Tenants that may be in debt, or would be with one more call.
    costly: BTreeSet<String>,
    waiting: BTreeMap<Ticket, Waiting>,
    next_ticket: Ticket,
    /// The last calls of two different tenants, the later first.
    last: [Option<(String, Duration)>; 2],
}

#[derive(Debug)]
struct Waiting {
    tenant: Option<String>,
    large: bool,
    since: Duration,
}

#[derive(Clone, Debug, Default)]
struct Account {
    running: u32,
    /// When everything that was used is paid for.
    paid: Duration,
    /// What the last calls used, the dearest of them: so much a running one will probably use.
    typical: Duration,
    /// When the last call ended.
    left: Duration,
}

impl Shares {
    /// Nobody has called yet.
    pub(crate) fn new(rules: Rules) -> Self {
        Self {
            rules,
            running: 0,
            running_large: 0,
            accounts: HashMap::new(),
            costly: BTreeSet::new(),
            waiting: BTreeMap::new(),
            next_ticket: 0,
            last: [None, None],
        }
    }

    /// Whether anybody waits.
    pub(crate) fn anybody_waits(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Joins the queue.
    pub(crate) fn join(&mut self, caller: Caller<'_>, now: Duration) -> Ticket {
        let Caller { tenant, large } = caller;
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        if let Some(tenant) = tenant {
            self.called(tenant, now);
        }
        self.waiting.insert(ticket, Waiting { tenant: tenant.map(str::to_owned), large, since: now });
        ticket
    }

    /// Whether a waiting call may go; if so it has left the queue and has a slot, until [`Shares::leave`].
    pub(crate) fn turn(&mut self, ticket: Ticket, now: Duration) -> Turn {
        let Some(waiting) = self.waiting.get(&ticket) else { return Turn::Later };
        match self.may_go(waiting, now) {
            Turn::Now if self.first(now) == Some(ticket) => {}
            Turn::Now => return Turn::Later,
            not_yet => return not_yet,
        }
        if let Some(Waiting { tenant, large, .. }) = self.waiting.remove(&ticket) {
            self.running += 1;
            self.running_large += u32::from(large);
            if let Some(tenant) = tenant {
                self.accounts.entry(tenant).or_default().running += 1;
            }
        }
        Turn::Now
    }

    /// Gives a slot back, and says how much of a processor the call has used.
    pub(crate) fn leave(&mut self, caller: Caller<'_>, used: Duration, now: Duration) {
        self.running = self.running.saturating_sub(1);
        self.running_large = self.running_large.saturating_sub(u32::from(caller.large));
        let Some(tenant) = caller.tenant else { return };
        self.called(tenant, now);
        let quiet = self.quiet_since(tenant) <= now;
        let cost = self.cost(used);
        let Some(account) = self.accounts.get_mut(tenant) else { return };
        account.running = account.running.saturating_sub(1);
        account.left = now;
        account.typical = used.max(account.typical * 3 / 4);
        // Where nobody else wants the processors nothing is owed to anybody.
        let owed_max = if quiet { Duration::ZERO } else { DEBT_MAX };
        account.paid = (account.paid.max(now.saturating_sub(SAVED_MAX)) + cost).min(now + owed_max);
        if self.even_at(tenant, 1) > now {
            self.costly.insert(tenant.to_owned());
        }
    }

    /// Tenants for which no pass should begin, each with the moment at which that may be different; `in_hand` says how
    /// many passes of it are under way.
    pub(crate) fn over_share(
        &mut self,
        in_hand: impl Fn(&str) -> u32,
        now: Duration,
    ) -> Vec<(String, Duration)> {
        let mut costly = std::mem::take(&mut self.costly);
        costly.retain(|tenant| self.even_at(tenant, 1) > now);
        self.costly = costly;
        let over = self.costly.iter().filter_map(|tenant| {
            let passes = in_hand(tenant);
            let typical = self.accounts.get(tenant).map_or(Duration::ZERO, |account| account.typical);
            let alone = self.quiet_since(tenant) <= now && typical.saturating_mul(passes) <= IN_HAND_MAX;
            let at = self.even_at(tenant, passes);
            (at > now && !alone).then(|| (tenant.clone(), at))
        });
        over.collect()
    }

    /// Of those who wait and may go, the one whose tenant has the fewest calls running, then who came first.
    fn first(&self, now: Duration) -> Option<Ticket> {
        let running =
            |waiting: &Waiting| waiting.tenant.as_deref().map_or(0, |tenant| self.running_of(tenant));
        let ready = self.waiting.iter().filter(|(_, waiting)| self.may_go(waiting, now) == Turn::Now);
        ready.min_by_key(|(ticket, waiting)| (running(waiting), **ticket)).map(|(ticket, _)| *ticket)
    }

    fn may_go(&self, waiting: &Waiting, now: Duration) -> Turn {
        let full = waiting.large && self.running_large >= self.rules.large_slots;
        if full || self.running >= self.rules.slots {
            return Turn::Later;
        }
        let Some(tenant) = waiting.tenant.as_deref() else { return Turn::Now };
        let running = self.running_of(tenant);
        if running >= self.rules.tenant_slots {
            return Turn::Later;
        }
        let even = self.even_at(tenant, running);
        let quiet = self.quiet_since(tenant);
        let left = self.accounts.get(tenant).map_or(Duration::ZERO, |account| account.left);
        let at = match running {
            0 => even.min(quiet).min(waiting.since.max(left) + WAIT_MAX),
            _ if running < self.rules.alone => even.min(quiet),
            _ => even,
        };
        if at <= now { Turn::Now } else { Turn::At(at) }
    }

    /// When a tenant will have paid for everything, with so many more calls like its last one.
    fn even_at(&self, tenant: &str, more: u32) -> Duration {
        self.accounts.get(tenant).map_or(Duration::ZERO, |account| {
            account.paid + self.cost(account.typical).saturating_mul(more).min(DEBT_MAX)
        })
    }

    /// How long it takes a tenant to pay for this much time of a processor.
    fn cost(&self, used: Duration) -> Duration {
        let cost = used.as_secs_f64() / self.rules.tenant_processors;
        Duration::try_from_secs_f64(cost).unwrap_or(DEBT_MAX).min(DEBT_MAX)
    }

    fn running_of(&self, tenant: &str) -> u32 {
        self.accounts.get(tenant).map_or(0, |account| account.running)
    }

    fn called(&mut self, tenant: &str, now: Duration) {
        match &mut self.last {
            [Some((last, at)), _] if last == tenant => *at = now,
            [last, before] => *before = last.replace((tenant.to_owned(), now)),
        }
    }

    /// From when on nobody but this tenant will have called for a while, if nobody does.
    fn quiet_since(&self, tenant: &str) -> Duration {
        let others = self.last.iter().flatten().filter(|(other, _)| other != tenant);
        others.map(|(_, at)| *at + QUIET).max().unwrap_or(Duration::ZERO)
    }
}

#[cfg(test)]
mod tests;
