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
    /// The newest first.
    CreatedDescending,
    /// The last updated first.
    UpdatedDescending,
}

impl Order {
    fn field(self) -> &'static str {
        match self {
            Order::CreatedDescending => "createdDateTime",
            Order::UpdatedDescending => "updatedDateTime",
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
            return Err(Fault::reject(
                "Partner Center's list of referrals leads back to a page already read",
            ));
        }
        let response = self.client.session.read(self.client.request(Method::GET, url.clone())).await?;
        if !response.status.is_success() {
            return Err(answer::fault(&response, "the list of referrals"));
        }
        let mut body = json(&response)?;
        if let Some(link) = body.get("@odata.nextLink").and_then(Json::as_str) {
            self.next = Some(with_query_of(url, link)?);
        }
        match body.get_mut("value").map(Json::take) {
            Some(Json::Array(referrals)) => Ok(Some(referrals)),
            _ => Err(Fault::reject("Partner Center answered with something that is not a list of referrals")),
        }
    }
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

    /// Our referrals that carry this external reference id, created at or after `since`. The ids are compared without
    /// regard to case: they are record ids.
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
        let since = self.further_back(since);
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
        let mut options = Vec::new();
        if let Some(filter) = &query.filter {
            options.push(("$filter", filter.clone()));
        }
        if let Some(order) = query.order {
            options.push(("$orderby", format!("{} desc", order.field())));
        }
        if let Some(top) = query.top {
            options.push(("$top", top.to_string()));
        }
        let mut url = self.all();
        url.set_query((!options.is_empty()).then(|| crate::text::query(&options)).as_deref());
        Pages { client: self, next: Some(url), asked: BTreeSet::new() }
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

fn text<'a>(referral: &'a Json, name: &str) -> Option<&'a str> {
    referral.get(name).and_then(Json::as_str)
}

fn moment(referral: &Json, order: Order) -> Option<Timestamp> {
    text(referral, order.field())?.parse().ok()
}
