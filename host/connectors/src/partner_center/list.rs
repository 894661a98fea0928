//! Lists of referrals: pages, and the scans that stand in for filters that are not documented.

use std::collections::BTreeSet;

use crosswalk_engine::{pass::Versioned, referral::Referral};
use http::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value as Json;
use url::Url;

use super::{FindBy, PartnerCenter, answer, json};
use crate::{fault::Fault, text::odata};

/// The longest query of an `@odata.nextLink` that is sent back, in bytes.
const NEXT_QUERY_BYTES_MAX: usize = 8 * 1024;

/// The documented orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The oldest first: what is created meanwhile comes at the end, and moves nothing between pages.
    CreatedAscending,
    /// The newest first.
    CreatedDescending,
    /// The last updated first.
    UpdatedDescending,
}

impl Order {
    fn field(self) -> &'static str {
        match self {
            Order::CreatedAscending | Order::CreatedDescending => "createdDateTime",
            Order::UpdatedDescending => "updatedDateTime",
        }
    }

    fn option(self) -> &'static str {
        match self {
            Order::CreatedAscending => "createdDateTime asc",
            Order::CreatedDescending => "createdDateTime desc",
            Order::UpdatedDescending => "updatedDateTime desc",
        }
    }
}

/// Which referrals to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReferralQuery {
    /// An OData filter, as documented: `engagementId eq '…'`.
    pub filter: Option<String>,
    /// The order; without one it is the API's own.
    pub order: Option<Order>,
    /// At most this many.
    pub top: Option<u32>,
}

/// A page of a list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReferralPage {
    /// The referrals on it.
    pub rows: Vec<Versioned<Referral>>,
    /// What asks for the next one; `None` on the last.
    pub next: Option<String>,
    /// How many referrals there are on all pages, where the API says so.
    pub total: Option<u64>,
}

/// Pages of a listing, one at a time.
struct Pages<'a> {
    client: &'a PartnerCenter,
    next: Option<Url>,
    asked: BTreeSet<String>,
}

impl Pages<'_> {
    /// The next page; `None` after the last.
    async fn next(&mut self) -> Result<Option<Vec<Json>>, Fault> {
        let Some(url) = self.next.take() else { return Ok(None) };
        let pages_max = self.client.config.pages_max as usize;
        if self.asked.len() >= pages_max {
            return Err(Fault::reject(format!(
                "Partner Center lists more than {pages_max} pages of referrals, so the search was given up before \
                 its end; raise `pages_max`"
            )));
        }
        if !self.asked.insert(url.query().unwrap_or_default().to_owned()) {
            return Err(leads_back());
        }
        let (referrals, link, _) = self.client.read_page(url.clone()).await?;
        if let Some(link) = link {
            self.next = Some(with_query_of(url, &link)?);
        }
        Ok(Some(referrals))
    }
}

fn leads_back() -> Fault {
    Fault::reject("Partner Center's list of referrals leads back to a page already read")
}

/// The same address with only the query of `link`. The documented link has the wrong scheme and path, and a hostile
/// one would carry the token to another host.
fn with_query_of(mut url: Url, link: &str) -> Result<Url, Fault> {
    let query = link.split_once('?').map(|(_, rest)| rest.split('#').next().unwrap_or_default());
    match query {
        Some(query) if !query.is_empty() && query.len() <= NEXT_QUERY_BYTES_MAX => {
            url.set_query(Some(query));
            Ok(url)
        }
        _ => Err(Fault::reject("Partner Center's link to the next page has no usable query")),
    }
}

impl PartnerCenter {
    /// One page of all referrals that we see, the oldest first. `after` is [`ReferralPage::next`] of the page before;
    /// it may be kept for a while, and an old one may be refused, by Partner Center's leave.
    ///
    /// # Errors
    /// Any [`Fault`].
    pub async fn page(&self, after: Option<&str>) -> Result<ReferralPage, Fault> {
        let order = Some(Order::CreatedAscending);
        let mut url = self.listing(&ReferralQuery { order, ..ReferralQuery::default() });
        if let Some(query) = after {
            url = with_query_of(url, &format!("?{query}"))?;
        }
        let (rows, link, total) = self.read_page(url.clone()).await?;
        let next = match link {
            Some(link) => with_query_of(url.clone(), &link)?.query().map(str::to_owned),
            None => None,
        };
        if next.is_some() && next.as_deref() == url.query() {
            return Err(leads_back());
        }
        Ok(ReferralPage { rows: rows.into_iter().map(versioned).collect(), next, total })
    }

    /// The referrals of a page, the link to the next one, and the number on all pages.
    async fn read_page(&self, url: Url) -> Result<(Vec<Json>, Option<String>, Option<u64>), Fault> {
        let response = self.session.read(self.request(Method::GET, url)).await?;
        if !response.status.is_success() {
            return Err(answer::fault(&response, "the list of referrals"));
        }
        let mut body = json(&response)?;
        let link = body.get("@odata.nextLink").and_then(Json::as_str).map(str::to_owned);
        let total = body.get("@odata.count").and_then(Json::as_u64);
        match body.get_mut("value").map(Json::take) {
            Some(Json::Array(referrals)) => Ok((referrals, link, total)),
            _ => Err(Fault::reject("Partner Center answered with something that is not a list of referrals")),
        }
    }

    /// Lists referrals, over all pages.
    ///
    /// # Errors
    /// Any [`Fault`]; a list that is longer than `pages_max` is a fault, never a shorter list.
    pub async fn list(&self, query: &ReferralQuery) -> Result<Vec<Versioned<Referral>>, Fault> {
        let wanted = query.top.map_or(usize::MAX, |top| top as usize);
        let mut found = Vec::new();
        let mut pages = self.pages(query);
        while found.len() < wanted
            && let Some(page) = pages.next().await?
        {
            found.extend(page.into_iter().map(versioned));
        }
        found.truncate(wanted);
        Ok(found)
    }

    /// Our referrals that carry this external reference id, created at or after `since`; whenever created, if that is
    /// the epoch. The ids are compared without regard to case: they are record ids.
    ///
    /// # Errors
    /// As [`PartnerCenter::list`].
    pub async fn find_by_external_reference(
        &self,
        external_reference: &str,
        since: Timestamp,
    ) -> Result<Vec<Versioned<Referral>>, Fault> {
        let carries = |referral: &Json| {
            text(referral, "externalReferenceId")
                .is_some_and(|own| own.eq_ignore_ascii_case(external_reference))
        };
        match self.config.find_by {
            FindBy::Scan if since <= Timestamp::UNIX_EPOCH => self.look_up(external_reference).await,
            FindBy::Scan => self.scan(Order::CreatedDescending, since, carries).await,
            FindBy::Filter => {
                let filter = Some(format!("externalReferenceId eq {}", odata(external_reference)));
                let mut found = self.list(&ReferralQuery { filter, ..ReferralQuery::default() }).await?;
                let since = self.further_back(since);
                found.retain(|referral| {
                    let created = moment(&referral.value.0, Order::CreatedDescending);
                    carries(&referral.value.0) && created.is_none_or(|created| created >= since)
                });
                Ok(found)
            }
        }
    }

    /// All copies of one engagement that are visible to us: our own, Microsoft's, other partners'.
    ///
    /// # Errors
    /// As [`PartnerCenter::list`].
    pub async fn find_by_engagement(&self, engagement: &str) -> Result<Vec<Versioned<Referral>>, Fault> {
        let filter = Some(format!("engagementId eq {}", odata(engagement)));
        let mut found = self.list(&ReferralQuery { filter, ..ReferralQuery::default() }).await?;
        found.retain(|referral| {
            text(&referral.value.0, "engagementId").is_some_and(|own| own.eq_ignore_ascii_case(engagement))
        });
        Ok(found)
    }

    /// Referrals updated at or after `since`, the longest ago first. One that is updated while the pages are read
    /// may be missing; it is then found from the time of this call on.
    ///
    /// # Errors
    /// As [`PartnerCenter::list`].
    pub async fn updated_since(&self, since: Timestamp) -> Result<Vec<Versioned<Referral>>, Fault> {
        let mut seen = BTreeSet::new();
        let mut found = self.scan(Order::UpdatedDescending, since, |_| true).await?;
        // A referral that moves while pages are read can be on two of them.
        found.retain(|referral| {
            text(&referral.value.0, "id").is_some_and(|id| seen.insert(id.to_ascii_lowercase()))
        });
        found.reverse();
        Ok(found)
    }

    /// Lists in this order back to `since`, and keeps what is wanted.
    async fn scan(
        &self,
        order: Order,
        since: Timestamp,
        wanted: impl Fn(&Json) -> bool + Send + Sync,
    ) -> Result<Vec<Versioned<Referral>>, Fault> {
        self.scan_back_to(order, self.further_back(since), wanted).await
    }

    /// As [`PartnerCenter::scan`], by Partner Center's own clock.
    pub(super) async fn scan_back_to(
        &self,
        order: Order,
        since: Timestamp,
        mut wanted: impl FnMut(&Json) -> bool + Send,
    ) -> Result<Vec<Versioned<Referral>>, Fault> {
        let mut pages = self.pages(&ReferralQuery { order: Some(order), ..ReferralQuery::default() });
        let (mut found, mut previous, mut in_order) = (Vec::new(), None, true);
        while let Some(page) = pages.next().await? {
            for referral in page {
                let at = moment(&referral, order);
                if let (Some(at), Some(previous)) = (at, previous) {
                    // Should the order be ignored, only the whole list will do.
                    in_order &= at <= previous;
                }
                previous = at.or(previous);
                if at.is_none_or(|at| at >= since) && wanted(&referral) {
                    found.push(versioned(referral));
                }
            }
            if in_order && previous.is_some_and(|last| last < since) {
                break;
            }
        }
        Ok(found)
    }

    fn pages(&self, query: &ReferralQuery) -> Pages<'_> {
        Pages { client: self, next: Some(self.listing(query)), asked: BTreeSet::new() }
    }

    fn listing(&self, query: &ReferralQuery) -> Url {
        let mut options = Vec::new();
        if let Some(filter) = &query.filter {
            options.push(("$filter", filter.clone()));
        }
        if let Some(order) = query.order {
            options.push(("$orderby", order.option().to_owned()));
        }
        if let Some(top) = query.top {
            options.push(("$top", top.to_string()));
        }
        let mut url = self.all();
        url.set_query((!options.is_empty()).then(|| crate::text::query(&options)).as_deref());
        url
    }

    fn further_back(&self, since: Timestamp) -> Timestamp {
        let skew = i64::try_from(self.config.clock_skew_ms).unwrap_or(i64::MAX);
        since.checked_sub(SignedDuration::from_millis(skew)).unwrap_or(Timestamp::MIN)
    }
}

fn versioned(referral: Json) -> Versioned<Referral> {
    let version = answer::etag(&referral).unwrap_or_default();
    Versioned { value: Referral(referral), version }
}

pub(super) fn text<'a>(referral: &'a Json, name: &str) -> Option<&'a str> {
    referral.get(name).and_then(Json::as_str)
}

fn moment(referral: &Json, order: Order) -> Option<Timestamp> {
    text(referral, order.field())?.parse().ok()
}
