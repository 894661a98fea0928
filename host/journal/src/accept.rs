//! Group commit: events that are accepted at the same time share one transaction, and so one wait for the disk.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::{
    sync::{Mutex, Notify, mpsc, oneshot},
    task::JoinHandle,
};

use crate::{
    error::{Error, Result},
    event::{Accepted, NewEvent},
};

/// One event on its way to the disk.
pub(crate) struct Request {
    event: NewEvent,
    answer: oneshot::Sender<Result<Accepted>>,
}

/// Stores some events in one transaction: all of them, or none.
pub(crate) trait Batch: Send + Sync + 'static {
    /// The answers are in the order of the events.
    fn store(&self, events: &[NewEvent]) -> impl Future<Output = Result<Vec<Accepted>>> + Send;
}

/// Where events are handed in.
pub(crate) struct Inbox {
    requests: mpsc::Sender<Request>,
    closing: Arc<Notify>,
    task: Mutex<Option<JoinHandle<()>>>,
    transactions: Arc<AtomicU64>,
}

impl Inbox {
    /// Starts the task that writes. It ends when the inbox is closed or gone.
    pub(crate) fn start(queue_max: usize, batch_max: usize, batch: impl Batch) -> Self {
        let (requests, receiver) = mpsc::channel(queue_max.max(1));
        let transactions = Arc::new(AtomicU64::new(0));
        let closing = Arc::new(Notify::new());
        let task = write(receiver, Arc::clone(&closing), batch_max.max(1), batch, Arc::clone(&transactions));
        Inbox { requests, closing, task: Mutex::new(Some(tokio::spawn(task))), transactions }
    }

    /// Accepts nothing more, and returns when all that was handed in has its answer.
    pub(crate) async fn close(&self) {
        self.closing.notify_one();
        if let Some(task) = self.task.lock().await.take() {
            let _ended = task.await;
        }
    }

    /// Returns when the event is on disk. A full queue makes callers wait: that is the backpressure.
    pub(crate) async fn accept(&self, event: NewEvent) -> Result<Accepted> {
        let (answer, answered) = oneshot::channel();
        self.requests.send(Request { event, answer }).await.map_err(|_| Error::Closed)?;
        answered.await.map_err(|_| Error::Closed)?
    }

    /// How many transactions have been committed for accepted events.
    pub(crate) fn transactions(&self) -> u64 {
        self.transactions.load(Ordering::Relaxed)
    }
}

async fn write(
    mut requests: mpsc::Receiver<Request>,
    closing: Arc<Notify>,
    batch_max: usize,
    batch: impl Batch,
    transactions: Arc<AtomicU64>,
) {
    let mut waiting = Vec::with_capacity(batch_max);
    loop {
        let received = tokio::select! {
            received = requests.recv_many(&mut waiting, batch_max) => received,
            () = closing.notified() => {
                requests.close();
                continue;
            }
        };
        if received == 0 {
            return;
        }
        let (events, answers): (Vec<_>, Vec<_>) =
            waiting.drain(..).map(|request| (request.event, request.answer)).unzip();
        match batch.store(&events).await {
            Ok(accepted) => {
                transactions.fetch_add(1, Ordering::Relaxed);
                for (answer, accepted) in answers.into_iter().zip(accepted) {
                    // A caller that went away does not take its event back: it is on disk.
                    let _gone = answer.send(Ok(accepted));
                }
            }
            Err(error) if events.len() == 1 => {
                for answer in answers {
                    let _gone = answer.send(Err(error.clone()));
                }
            }
            Err(_) => one_by_one(&batch, &events, answers, &transactions).await,
        }
    }
}

/// After a batch failed, each event is tried by itself, so that one that cannot be stored does not take others along.
async fn one_by_one(
    batch: &impl Batch,
    events: &[NewEvent],
    answers: Vec<oneshot::Sender<Result<Accepted>>>,
    transactions: &AtomicU64,
) {
    for (event, answer) in events.iter().zip(answers) {
        let result = batch.store(std::slice::from_ref(event)).await;
        if result.is_ok() {
            transactions.fetch_add(1, Ordering::Relaxed);
        }
        let result = result.and_then(|accepted| accepted.first().copied().ok_or(Error::Closed));
        let _gone = answer.send(result);
    }
}
