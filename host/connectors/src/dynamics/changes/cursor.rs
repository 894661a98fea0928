//! Where each feed was read to, as one text for the host to keep.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// All feeds of one linked entity, and which of them is read next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cursor {
    at: usize,
    feeds: Vec<Feed>,
}

/// The feed of one table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Feed {
    pub(super) table: String,
    /// The lookup that leads to the record, in a child table.
    pub(super) parent: Option<String>,
    pub(super) place: Place,
}

/// Where one feed goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Place {
    /// At the beginning: the whole table comes, and what was modified since then is told.
    Begin { since: Timestamp },
    /// At a link of the table's change tracking; `since` as long as the whole table comes.
    Link { link: String, since: Option<Timestamp> },
    /// In a table that is not tracked: what was modified since. `latest` is the newest stamp of this round, `link` its
    /// next page, and `rounds` how many of them there were.
    Poll { since: Timestamp, latest: Option<Timestamp>, link: Option<String>, rounds: u32 },
}

impl Cursor {
    /// The beginning of all feeds.
    pub(super) fn since(tables: &[(String, Option<String>)], since: Timestamp) -> Cursor {
        let feed = |(table, parent): &(String, Option<String>)| Feed {
            table: table.clone(),
            parent: parent.clone(),
            place: Place::Begin { since },
        };
        Cursor { at: 0, feeds: tables.iter().map(feed).collect() }
    }

    /// A cursor that was written; `None` if it is none, or one for other tables.
    pub(super) fn read(text: &str, tables: &[(String, Option<String>)]) -> Option<Cursor> {
        let cursor: Cursor = serde_json::from_str(text).ok()?;
        let same = cursor.feeds.len() == tables.len()
            && cursor
                .feeds
                .iter()
                .zip(tables)
                .all(|(feed, (table, parent))| feed.table == *table && feed.parent == *parent);
        same.then_some(cursor)
    }

    pub(super) fn write(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The feed that is read next.
    pub(super) fn feed(&self) -> Option<&Feed> {
        self.feeds.get(self.at)
    }

    /// Takes over where the present feed goes on, and turns to the next one where it has ended. Says whether there is
    /// more to be had at once.
    pub(super) fn advance(&mut self, place: Place, ended: bool) -> bool {
        if let Some(feed) = self.feeds.get_mut(self.at) {
            feed.place = place;
        }
        if !ended {
            return true;
        }
        self.at = (self.at + 1) % self.feeds.len().max(1);
        self.at > 0
    }
}

impl Place {
    /// The beginning of a feed of a table that is not tracked.
    pub(super) fn polling(since: Timestamp) -> Place {
        Place::Poll { since, latest: None, link: None, rounds: 0 }
    }

    /// From when on changes are still to be told, where a time says so.
    pub(super) fn since(&self) -> Option<Timestamp> {
        match self {
            Place::Begin { since } | Place::Poll { since, .. } => Some(*since),
            Place::Link { since, .. } => *since,
        }
    }

    /// What was modified before this is not told, while the whole table comes.
    pub(super) fn told_from(&self) -> Option<Timestamp> {
        match self {
            Place::Poll { .. } => None,
            other => other.since(),
        }
    }

    /// Whether it is time to ask whether the table is tracked by now.
    pub(super) fn is_due_for_tracking(&self, rounds_max: u32) -> bool {
        matches!(self, Place::Poll { link: None, rounds, .. } if *rounds >= rounds_max)
    }

    /// Where the feed goes on after a page with these links. `None` if the page does not say.
    pub(super) fn after(
        self,
        next: Option<String>,
        delta: Option<String>,
        newest: Option<Timestamp>,
        overlap: SignedDuration,
    ) -> Option<Place> {
        match self {
            Place::Poll { since, latest, rounds, .. } => {
                let latest = latest.max(newest);
                if next.is_some() {
                    return Some(Place::Poll { since, latest, link: next, rounds });
                }
                let seen = latest.and_then(|latest| latest.checked_sub(overlap).ok());
                let since = seen.map_or(since, |seen| since.max(seen));
                Some(Place::Poll { since, latest: None, link: None, rounds: rounds.saturating_add(1) })
            }
            whole => match next {
                Some(link) => Some(Place::Link { link, since: whole.since() }),
                None => delta.map(|link| Place::Link { link, since: None }),
            },
        }
    }
}
