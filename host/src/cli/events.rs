//! `crosswalk events`: what arrived, what became of it, and trying it again.

use clap::Subcommand;

use super::{
    Output,
    admin_client::{AdminClient, HostArgs},
};
use crate::{
    admin::types::{EventStory, EventSummary, Retried},
    error::Complaint,
};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List events, newest first.
    List {
        /// Only this tenant's.
        #[arg(long)]
        tenant: Option<String>,
        /// Only those in this state: waiting, settled, parked or superseded.
        #[arg(long)]
        state: Option<String>,
        /// How many at the most.
        #[arg(long, default_value_t = 50)]
        limit: u32,
        #[command(flatten)]
        host: HostArgs,
    },
    /// Show an event's whole story: when it came, its verdict, and every write that it caused.
    Show {
        /// The event's id.
        id: String,
        #[command(flatten)]
        host: HostArgs,
    },
    /// Look again at what an event is about, now.
    Retry {
        /// The event's id.
        id: String,
        #[command(flatten)]
        host: HostArgs,
    },
}

pub(super) async fn run(command: Command, output: &Output) -> Result<(), Complaint> {
    match command {
        Command::List { tenant, state, limit, host } => {
            let mut path = format!("/api/v1/events?limit={limit}");
            for (name, value) in [("tenant", tenant), ("state", state)] {
                if let Some(value) = value {
                    path.push_str(&format!("&{name}={}", escape(&value)));
                }
            }
            let events: Vec<EventSummary> = AdminClient::open(&host)?.get(&path).await?;
            if events.is_empty() {
                output.tell("no events");
            }
            for event in &events {
                output.say(event, || event.to_string());
            }
            Ok(())
        }
        Command::Show { id, host } => {
            let story: EventStory =
                AdminClient::open(&host)?.get(&format!("/api/v1/events/{}", escape(&id))).await?;
            output.say(&story, || story.to_string());
            Ok(())
        }
        Command::Retry { id, host } => {
            let retried: Retried =
                AdminClient::open(&host)?.post(&format!("/api/v1/events/{}/retry", escape(&id))).await?;
            output.say(&retried, || format!("event {} waits again, and is looked at next", retried.event));
            Ok(())
        }
    }
}

/// Percent-encodes one segment or value.
pub(super) fn escape(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}
