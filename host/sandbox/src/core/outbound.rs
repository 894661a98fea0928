//! The sender of notifications: a bounded queue with attempts, time-outs, and switches that make it unreliable.
//!
//! The webhooks of Partner Center and of Dataverse and the outbound messages of Salesforce all go through it; what
//! differs (headers, body, number of attempts, what counts as success) is in the [`Delivery`]. Pauses between attempts
//! are of the sandbox's clock, so that moving it brings the next attempt.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, Semaphore};

use super::clock::{Clock, later, seven_digits};
use super::ids::Ids;
use super::lock;

/// Deliveries that may be under way or waiting; a notification that does not fit is lost and noted.
pub const QUEUE_LEN_MAX: usize = 10_000;
/// Attempts that may be under way at the same time.
pub const CONCURRENCY_MAX: usize = 64;
/// Deliveries that `GET /_sandbox/notifications` remembers.
pub const RECORDS_LEN_MAX: usize = 1000;
/// A notification that is held back to be reordered waits for a later one no longer than this, in milliseconds.
pub const REORDER_HOLD_MS: u64 = 1000;

/// How late the scramble switch makes a notification at most, in milliseconds.
pub const SCRAMBLE_MS_MAX: u64 = 400;

/// Bytes of a receiver's answer that are looked at.
pub const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// What a notification says.
#[derive(Clone)]
pub enum Content {
    /// The same in every attempt.
    Fixed(Bytes),
    /// Made anew for every attempt, from the data as they are by then.
    Rendered(Arc<dyn Fn() -> Bytes + Send + Sync>),
}

impl From<Bytes> for Content {
    fn from(bytes: Bytes) -> Self {
        Self::Fixed(bytes)
    }
}

impl std::fmt::Debug for Content {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Fixed(bytes) => write!(out, "Fixed({} bytes)", bytes.len()),
            Self::Rendered(_) => out.write_str("Rendered"),
        }
    }
}

impl Content {
    fn bytes(&self) -> Bytes {
        match self {
            Self::Fixed(bytes) => bytes.clone(),
            Self::Rendered(render) => render(),
        }
    }
}

/// One notification to send.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// What it is, for the records, for example `referral-updated`.
    pub label: String,
    /// The receiver's URL, with whatever query it needs.
    pub target: String,
    /// Headers of the request.
    pub headers: Vec<(String, String)>,
    /// Headers that the wrong-signature switch sends instead; none if the system has nothing to falsify.
    pub falsified_headers: Option<Vec<(String, String)>>,
    /// The body, sent as it is.
    pub body: Content,
    /// The body that the wrong-signature switch sends instead; none if there is nothing in it to falsify.
    pub falsified_body: Option<Content>,
    /// How often and how patiently it is tried.
    pub policy: Policy,
}

/// How a delivery is tried.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Attempts in all, the first one included.
    pub attempts_max: u32,
    /// Time that the receiver has for an answer, in milliseconds.
    pub attempt_timeout_ms: u64,
    /// Pause before the second attempt, in milliseconds; it doubles with every further one.
    pub retry_first_ms: u64,
    /// The longest pause, in milliseconds.
    pub retry_max_ms: u64,
    /// Which failures are tried again.
    pub retry_on: RetryOn,
    /// What counts as success.
    pub accepts: Accepts,
    /// No attempt begins later than this after the notification was queued, in milliseconds of the sandbox's clock.
    pub give_up_after_ms: Option<u64>,
}

/// What counts as success.
#[derive(Clone, Copy, Debug)]
pub enum Accepts {
    /// Any 2xx answer.
    AnySuccess,
    /// An answer that this function is content with.
    Only(fn(&Reply) -> bool),
}

impl Accepts {
    fn takes(self, reply: &Reply) -> bool {
        match self {
            Self::AnySuccess => (200..300).contains(&reply.status),
            Self::Only(is_content) => is_content(reply),
        }
    }
}

/// What a receiver answered.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The body, up to [`ANSWER_BYTES_MAX`].
    pub body: Bytes,
}

/// Which failures are tried again.
#[derive(Clone, Debug)]
pub enum RetryOn {
    /// Every failure: status, time-out, no connection.
    AnyFailure,
    /// Only these statuses; a time-out or a refused connection is final.
    Statuses(Vec<u16>),
}

/// What the receiver answered, or why it did not.
pub type Answer = Result<Reply, String>;

/// How a notification leaves the sandbox. A simulation gives its own to stay off the network.
pub trait Transport: Send + Sync + 'static {
    /// Posts `body` to `target` and returns the answer.
    fn post<'a>(
        &'a self,
        target: &'a str,
        headers: &'a [(String, String)],
        body: Bytes,
    ) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>>;
}

/// Posts over HTTP. Follows no redirect (a redirect is a failed attempt) and uses no proxy (receivers are local).
#[derive(Debug)]
pub struct HttpTransport(reqwest::Client);

impl Default for HttpTransport {
    fn default() -> Self {
        let client =
            reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build();
        Self(client.unwrap_or_default())
    }
}

impl Transport for HttpTransport {
    fn post<'a>(
        &'a self,
        target: &'a str,
        headers: &'a [(String, String)],
        body: Bytes,
    ) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>> {
        Box::pin(async move {
            let mut request = self.0.post(target).body(body);
            for (name, value) in headers {
                request = request.header(name, value);
            }
            let mut response = request.send().await.map_err(|error| format!("no answer: {error}"))?;
            let status = response.status().as_u16();
            let mut body = Vec::new();
            while let Ok(Some(chunk)) = response.chunk().await {
                body.extend_from_slice(&chunk);
                if body.len() > ANSWER_BYTES_MAX {
                    break;
                }
            }
            body.truncate(ANSWER_BYTES_MAX);
            Ok(Reply { status, body: body.into() })
        })
    }
}

/// The switches of `POST /_sandbox/notifications`: each counts the next notifications that it is done to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Switches {
    /// Send the next n twice.
    pub duplicate: u32,
    /// Lose the next n without a trace at the receiver.
    pub drop: u32,
    /// Hold the next n back and send them in reverse order.
    pub reorder: u32,
    /// Send the next n with a wrong signature (Dataverse: a wrong key).
    pub wrong_signature: u32,
    /// Delay every notification by this many milliseconds, until the switch is set again.
    pub delay_ms: u64,
    /// Lose every notification, until the switch is set again.
    pub off: bool,
    /// Send every notification twice, each copy late by up to [`SCRAMBLE_MS_MAX`] in no order, until the switch is set
    /// again.
    pub scramble: bool,
}

/// One attempt of a delivery.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// When it began.
    pub at: String,
    /// The status that came back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Why no status came back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Waiting or being tried.
    Pending,
    /// The receiver took it.
    Delivered,
    /// All attempts failed, or one failed for good.
    Failed,
    /// Lost by a switch, by a reset, or because the queue was full.
    Lost,
}

/// A delivery as the records show it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// Names the delivery.
    pub id: u64,
    /// See [`Delivery::label`].
    pub label: String,
    /// See [`Delivery::target`], without its query, which may hold a secret.
    pub target: String,
    /// When it was queued.
    pub queued_at: String,
    /// What was tried.
    pub attempts: Vec<Attempt>,
    /// Where it stands.
    pub outcome: Outcome,
}

/// The sender of one system.
#[derive(Clone)]
pub struct Outbound(Arc<Inner>);

struct Inner {
    transport: Arc<dyn Transport>,
    clock: Clock,
    ids: Ids,
    switches: Mutex<Switches>,
    held: Mutex<Vec<(u64, Delivery)>>,
    records: Mutex<VecDeque<Record>>,
    slots: Semaphore,
    pending: AtomicUsize,
    settled: Notify,
    /// Rises with every reset: a delivery of an older generation is lost.
    generation: AtomicU64,
}

impl Outbound {
    /// Makes a sender with an empty queue.
    #[must_use]
    pub fn new(transport: Arc<dyn Transport>, clock: Clock, ids: Ids) -> Self {
        Self(Arc::new(Inner {
            transport,
            clock,
            ids,
            switches: Mutex::default(),
            held: Mutex::default(),
            records: Mutex::default(),
            slots: Semaphore::new(CONCURRENCY_MAX),
            pending: AtomicUsize::new(0),
            settled: Notify::new(),
            generation: AtomicU64::new(0),
        }))
    }

    /// Queues a notification and returns its id in the records. Must be called inside of a tokio runtime.
    pub fn enqueue(&self, delivery: Delivery) -> u64 {
        let inner = &self.0;
        let id = inner.ids.next();
        let (copies, held, falsified, delay_ms) = inner.take_switches();
        inner.note(id, &delivery);
        if copies == 0 || self.pending() >= QUEUE_LEN_MAX {
            inner.settle(id, Outcome::Lost);
            return id;
        }
        let delivery = if falsified { delivery.falsified() } else { delivery };
        if self.switches().scramble {
            for copy in 0..2 {
                self.spawn(id, delivery.clone(), delay_ms + scrambled_ms(id, copy));
            }
        } else if held {
            self.hold(id, delivery);
        } else {
            for _ in 0..copies {
                self.spawn(id, delivery.clone(), delay_ms);
            }
        }
        id
    }

    /// Sends a notification now, past all switches, and returns how it went: what a synchronous step needs.
    pub async fn deliver(&self, delivery: Delivery) -> Option<Record> {
        let id = self.0.ids.next();
        self.0.note(id, &delivery);
        self.0.attempt_all(id, &delivery, self.0.generation.load(Ordering::Acquire)).await;
        self.record(id)
    }

    /// The record of a delivery, while it is remembered.
    #[must_use]
    pub fn record(&self, id: u64) -> Option<Record> {
        lock(&self.0.records).iter().find(|record| record.id == id).cloned()
    }

    /// All remembered deliveries, oldest first.
    #[must_use]
    pub fn records(&self) -> Vec<Record> {
        lock(&self.0.records).iter().cloned().collect()
    }

    /// Deliveries that are waiting, held back or being tried.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.0.pending.load(Ordering::Acquire)
    }

    /// Returns once nothing is pending.
    pub async fn idle(&self) {
        loop {
            let settled = self.0.settled.notified();
            if self.pending() == 0 {
                return;
            }
            settled.await;
        }
    }

    /// The switches as they stand, counted down.
    #[must_use]
    pub fn switches(&self) -> Switches {
        lock(&self.0.switches).clone()
    }

    /// Replaces all switches.
    pub fn set_switches(&self, switches: Switches) {
        *lock(&self.0.switches) = switches;
    }

    /// Gives up on everything that is queued: what is under way is lost before its next attempt.
    pub fn cancel(&self) {
        self.0.generation.fetch_add(1, Ordering::AcqRel);
        let held = std::mem::take(&mut *lock(&self.0.held));
        for (id, _) in held {
            self.0.settle(id, Outcome::Lost);
            self.0.done();
        }
    }

    /// Gives up on everything that is queued and forgets records and switches.
    pub fn reset(&self) {
        self.cancel();
        self.set_switches(Switches::default());
        lock(&self.0.records).clear();
    }

    /// Holds a notification back until the switch has counted down or [`REORDER_HOLD_MS`] are over.
    fn hold(&self, id: u64, delivery: Delivery) {
        lock(&self.0.held).push((id, delivery));
        self.0.pending.fetch_add(1, Ordering::AcqRel);
        if lock(&self.0.switches).reorder == 0 {
            self.release_held();
            return;
        }
        let sender = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(REORDER_HOLD_MS)).await;
            sender.release_held();
        });
    }

    /// Sends what is held back, newest first, one after the other.
    fn release_held(&self) {
        let mut held = std::mem::take(&mut *lock(&self.0.held));
        held.reverse();
        let sender = self.clone();
        let generation = self.0.generation.load(Ordering::Acquire);
        tokio::spawn(async move {
            for (id, delivery) in held {
                sender.0.attempt_all(id, &delivery, generation).await;
                sender.0.done();
            }
        });
    }

    fn spawn(&self, id: u64, delivery: Delivery, delay_ms: u64) {
        let sender = self.clone();
        let generation = self.0.generation.load(Ordering::Acquire);
        self.0.pending.fetch_add(1, Ordering::AcqRel);
        tokio::spawn(async move {
            if delay_ms > 0 {
                tokio::time::sleep(Duration::from_millis(delay_ms)).await;
            }
            sender.0.attempt_all(id, &delivery, generation).await;
            sender.0.done();
        });
    }
}

impl Inner {
    /// Counts the switches down for one notification: copies to send, held back, falsified, delay.
    fn take_switches(&self) -> (u32, bool, bool, u64) {
        let mut switches = lock(&self.switches);
        let take = |count: &mut u32| {
            let on = *count > 0;
            *count = count.saturating_sub(1);
            on
        };
        if switches.off || take(&mut switches.drop) {
            return (0, false, false, 0);
        }
        let copies = if take(&mut switches.duplicate) { 2 } else { 1 };
        let held = take(&mut switches.reorder);
        let falsified = take(&mut switches.wrong_signature);
        (copies, held, falsified, switches.delay_ms)
    }

    /// Tries until success, until the policy gives up, or until a reset.
    async fn attempt_all(&self, id: u64, delivery: &Delivery, generation: u64) {
        let policy = &delivery.policy;
        let mut pause_ms = policy.retry_first_ms;
        let give_up =
            policy.give_up_after_ms.map(|after| later(self.clock.now(), Duration::from_millis(after)));
        for attempt in 1..=policy.attempts_max {
            if self.generation.load(Ordering::Acquire) != generation {
                return self.settle(id, Outcome::Lost);
            }
            if give_up.is_some_and(|moment| self.clock.now() > moment) {
                break;
            }
            let (answer, ended) = self.attempt(id, delivery).await;
            let is_final = match (&answer, &policy.retry_on) {
                (Ok(reply), _) if policy.accepts.takes(reply) => return self.settle(id, Outcome::Delivered),
                (_, RetryOn::AnyFailure) => false,
                (Ok(reply), RetryOn::Statuses(statuses)) => !statuses.contains(&reply.status),
                (Err(_), RetryOn::Statuses(_)) => true,
            };
            if is_final {
                break;
            }
            if attempt < policy.attempts_max {
                self.clock.sleep_until(later(ended, Duration::from_millis(pause_ms))).await;
                pause_ms = pause_ms.saturating_mul(2).min(policy.retry_max_ms);
            }
        }
        self.settle(id, Outcome::Failed);
    }

    /// Tries once; what came of it, and when. The time is taken before the attempt is on record, so that whoever has
    /// seen the record and moves the clock brings the next attempt.
    async fn attempt(&self, id: u64, delivery: &Delivery) -> (Answer, Timestamp) {
        let _slot = self.slots.acquire().await;
        let at = seven_digits(self.clock.now());
        let post = self.transport.post(&delivery.target, &delivery.headers, delivery.body.bytes());
        let limit = Duration::from_millis(delivery.policy.attempt_timeout_ms);
        let answer = tokio::time::timeout(limit, post)
            .await
            .unwrap_or_else(|_| Err(format!("no answer within {} ms", delivery.policy.attempt_timeout_ms)));
        let status = answer.as_ref().ok().map(|reply| reply.status);
        let attempt = Attempt { at, status, failure: answer.as_ref().err().cloned() };
        let ended = self.clock.now();
        self.change(id, |record| record.attempts.push(attempt));
        (answer, ended)
    }

    fn note(&self, id: u64, delivery: &Delivery) {
        let target = delivery.target.split('?').next().unwrap_or_default().to_owned();
        let mut records = lock(&self.records);
        if records.len() == RECORDS_LEN_MAX {
            records.pop_front();
        }
        records.push_back(Record {
            id,
            label: delivery.label.clone(),
            target,
            queued_at: seven_digits(self.clock.now()),
            attempts: Vec::new(),
            outcome: Outcome::Pending,
        });
    }

    fn settle(&self, id: u64, outcome: Outcome) {
        self.change(id, |record| record.outcome = outcome);
    }

    fn change(&self, id: u64, change: impl FnOnce(&mut Record)) {
        if let Some(record) = lock(&self.records).iter_mut().find(|record| record.id == id) {
            change(record);
        }
    }

    fn done(&self) {
        self.pending.fetch_sub(1, Ordering::AcqRel);
        self.settled.notify_waiters();
    }
}

/// How late the scramble switch sends a copy: the same for the same notification of the same run.
fn scrambled_ms(id: u64, copy: u64) -> u64 {
    // Knuth's multiplicative hash spreads neighbours.
    let spread = (id.wrapping_mul(2).wrapping_add(copy)).wrapping_mul(2_654_435_761) >> 16;
    spread % SCRAMBLE_MS_MAX
}

impl Delivery {
    /// With the headers and the body of the wrong-signature switch.
    fn falsified(mut self) -> Self {
        if let Some(headers) = self.falsified_headers.take() {
            self.headers = headers;
        }
        if let Some(body) = self.falsified_body.take() {
            self.body = body;
        }
        self
    }
}
