//! Drops from the journal what is older than its retention: quietly, a few rows at a time, behind everything else.

use std::{sync::Arc, time::Duration};

use crosswalk_journal::{Pruned, Retention};
use tokio::{sync::watch, time};
use tracing::{debug, warn};

use crate::{app::App, dispatch::Chain};

/// How long others have the journal to themselves between two transactions.
const PAUSE: Duration = Duration::from_millis(50);

/// Rows of each kind that one transaction drops: few, because everybody's writes wait for it.
const ROWS_MAX: u32 = 200;

/// Prunes at the start and then every `journal.prune_every_ms`, until `stop` turns true.
pub(crate) async fn run(app: Arc<App>, mut stop: watch::Receiver<bool>) {
    let every = Duration::from_millis(app.config.journal.prune_every_ms);
    while !*stop.borrow() {
        tokio::select! {
            () = prune(&app) => {}
            _ = stop.wait_for(|stopping| *stopping) => return,
        }
        tokio::select! {
            () = time::sleep(every) => {}
            _ = stop.wait_for(|stopping| *stopping) => {}
        }
    }
}

async fn prune(app: &App) {
    let retention = Retention { rows_max: ROWS_MAX, ..app.config.journal.retention() };
    loop {
        match app.journal.prune(app.now(), &retention).await {
            Ok(pruned) => {
                if (Pruned { more: false, ..pruned }) != Pruned::default() {
                    debug!(?pruned, "dropped what is older than its retention");
                }
                if !pruned.more {
                    return;
                }
            }
            Err(error) => return warn!(error = %Chain(&error), "nothing is dropped until the next time"),
        }
        time::sleep(PAUSE).await;
    }
}
