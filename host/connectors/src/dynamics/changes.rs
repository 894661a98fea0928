//! What changed: the linked table's own feed, and those of its child tables.
//!
//! Dataverse tracks changes where the table says so. The first question brings the whole table, of which only what is
//! new enough is told; each answer ends in a link that, followed as it is, brings what was written and deleted since.
//! The cursor holds one such link for each table. A child row's change is told as its record's. That a child row was
//! *deleted* is told by Dataverse without its record; the webhook's image of it (see `provision`) and the sweep tell.
//!
//! A table that does not track its changes is asked for what was modified since, with some overlap, because rows become
//! visible later than their stamp. Such a feed tells no deletions; the sweep does. Every now and then it is tried again
//! whether the table is tracked by now.

mod cursor;

use std::collections::BTreeSet;

use crosswalk_engine::value::RecordKey;
use http::{HeaderName, HeaderValue};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value as Json;
use url::Url;

use self::cursor::{Cursor, Feed, Place};
use super::{Dynamics, answer, guid, json};
use crate::{
    crm::{Changed, Changes, From},
    fault::Fault,
    session::ApiError,
};

/// Rows of a page; the same must be asked for with every page of one answer.
const PREFER_TRACKED: &str = "odata.track-changes,odata.maxpagesize=1000";
const PREFER_POLLED: &str = "odata.maxpagesize=1000";
/// How long after its stamp a row may become visible.
const OVERLAP: SignedDuration = SignedDuration::from_mins(2);
/// After so many rounds of a table that is not tracked it is asked again whether it is.
const ROUNDS_BEFORE_TRYING: u32 = 20;

/// The delta token is too old.
const EXPIRED: &str = "0x80044352";
/// The table does not track its changes.
const NOT_TRACKED: &str = "0x80072491";

/// One page of one feed.
struct Page {
    rows: Vec<Changed>,
    place: Place,
    /// The feed is read to its end, for now.
    ended: bool,
}

/// What came of asking a feed.
enum Told {
    Page(Page),
    Lapsed,
    NotTracked,
}

impl Dynamics {
    /// What changed among the records of `entity` and their child rows: one page of one table.
    ///
    /// # Errors
    /// Any [`Fault`].
    pub async fn changes(&self, entity: &str, from: &From) -> Result<Changes, Fault> {
        let tables = self.tables(entity)?;
        let cursor = match from {
            From::Time(time) => Some(Cursor::since(&tables, *time)),
            From::Cursor(text) => Cursor::read(text, &tables),
        };
        // Of another form, or of a plugin with other child tables: what it does not tell must be compared.
        let Some(mut cursor) = cursor else { return Ok(Changes::Lapsed) };
        let Some(feed) = cursor.feed() else { return Ok(Changes::Lapsed) };
        let page = match self.page(entity, feed).await? {
            Told::Page(page) => page,
            Told::Lapsed => return Ok(Changes::Lapsed),
            Told::NotTracked => {
                tracing::warn!(
                    table = feed.table,
                    "the table does not track its changes, so it is polled, and deletions are found by the sweep only; \
                     `crosswalk crm provision` turns tracking on"
                );
                let from = Place::polling(feed.place.since().unwrap_or_default());
                match self.page(entity, &Feed { place: from, ..feed.clone() }).await? {
                    Told::Page(page) => page,
                    Told::Lapsed | Told::NotTracked => return Ok(Changes::Lapsed),
                }
            }
        };
        let more = cursor.advance(page.place, page.ended);
        Ok(Changes::Page { rows: page.rows, next: cursor.write(), more })
    }

    /// The tables whose feeds tell of `entity`: its own, and its child tables with their lookups.
    fn tables(&self, entity: &str) -> Result<Vec<(String, Option<String>)>, Fault> {
        let use_ = self.linked(entity)?;
        let mut tables = vec![(entity.to_owned(), None)];
        for rows in use_.fields.iter().filter_map(|field| field.rows.as_ref()) {
            let child = (rows.entity.clone(), Some(rows.parent.clone()));
            if !tables.contains(&child) {
                tables.push(child);
            }
        }
        Ok(tables)
    }

    async fn page(&self, entity: &str, feed: &Feed) -> Result<Told, Fault> {
        let mut place = feed.place.clone();
        if place.is_due_for_tracking(ROUNDS_BEFORE_TRYING) {
            place = Place::Begin { since: place.since().unwrap_or_default() };
        }
        let (url, prefer) = match &place {
            Place::Begin { .. } => (self.first(feed, None).await?, PREFER_TRACKED),
            Place::Link { link, .. } => (self.own_link(link)?, PREFER_TRACKED),
            Place::Poll { since, link: None, .. } => (self.first(feed, Some(*since)).await?, PREFER_POLLED),
            Place::Poll { link: Some(link), .. } => (self.own_link(link)?, PREFER_POLLED),
        };
        let mut request = self.get(&url);
        request.headers.insert(HeaderName::from_static("prefer"), HeaderValue::from_static(prefer));
        let response = self.session.read(request).await?;
        if !response.status.is_success() {
            let error = ApiError::of(&response);
            return match &place {
                Place::Begin { .. } if error.is(NOT_TRACKED) => Ok(Told::NotTracked),
                Place::Link { .. } if error.is_one_of(&[EXPIRED, NOT_TRACKED]) => Ok(Told::Lapsed),
                _ => Err(answer::fault(&response, &format!("the changes of `{}`", feed.table))),
            };
        }
        self.read_page(entity, feed, place, &json(&response)?).await.map(Told::Page)
    }

    /// The first question of a feed; what changed `since` where the table is not tracked.
    async fn first(&self, feed: &Feed, since: Option<Timestamp>) -> Result<Url, Fault> {
        let set = self.entity_set(&feed.table).await?;
        let mut select = "modifiedon".to_owned();
        if let Some(parent) = &feed.parent {
            select = format!("_{parent}_value,{select}");
        }
        let mut options = vec![("$select", select)];
        if let Some(since) = since {
            options.push(("$filter", format!("modifiedon ge {}", whole_second(since))));
            options.push(("$orderby", format!("modifiedon asc,{} asc", set.id_column)));
        }
        self.at(&set.name, &options)
    }

    /// A link that an answer gave, which must lead to the same place as our own addresses do.
    fn own_link(&self, link: &str) -> Result<Url, Fault> {
        let url = Url::parse(link).ok().filter(|url| {
            url.origin() == self.base.origin()
                && url.path().starts_with(self.base.path())
                && url.username().is_empty()
                && url.password().is_none()
        });
        url.ok_or_else(|| {
            Fault::reject(
                "Dataverse gave a link that leads away from `org_url`; it was not followed, check `org_url`",
            )
        })
    }

    async fn read_page(&self, entity: &str, feed: &Feed, place: Place, body: &Json) -> Result<Page, Fault> {
        let set = self.entity_set(&feed.table).await?;
        let Some(values) = body.get("value").and_then(Json::as_array) else {
            return Err(Fault::reject(
                "Dataverse answered a question for changes with something that is not a list",
            ));
        };
        let mut rows = Vec::with_capacity(values.len());
        let mut records = BTreeSet::new();
        let mut latest = None;
        for row in values {
            let text = |name: &str| row.get(name).and_then(Json::as_str);
            let deleted = text("reason") == Some("deleted");
            let at: Option<Timestamp> = text("modifiedon").and_then(|at| at.parse().ok());
            latest = latest.max(at);
            if !deleted && at.zip(place.told_from()).is_some_and(|(at, from)| at < from) {
                continue;
            }
            let id = match &feed.parent {
                Some(parent) => text(&format!("_{parent}_value")),
                None if deleted => text("id"),
                None => text(&set.id_column),
            };
            // A child row without a record, or one that is gone, tells of none.
            let Some(id) = id.and_then(guid) else { continue };
            if !records.insert((id.clone(), deleted)) {
                continue;
            }
            let version = text("@odata.etag").filter(|_| feed.parent.is_none()).map(str::to_owned);
            rows.push(Changed { key: RecordKey { entity: entity.to_owned(), id }, version, deleted });
        }
        let link = |name: &str| body.get(name).and_then(Json::as_str).map(str::to_owned);
        let (next, delta) = (link("@odata.nextLink"), link("@odata.deltaLink"));
        let ended = next.is_none();
        let place = place.after(next, delta, latest, OVERLAP);
        let place = place.ok_or_else(|| {
            Fault::reject(format!(
                "Dataverse answered for the changes of `{}` without a link to go on from",
                feed.table
            ))
        })?;
        Ok(Page { rows, place, ended })
    }
}

/// Stamps are whole seconds.
fn whole_second(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}
