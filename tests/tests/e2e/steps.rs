//! The words in which deals' lives are told: what somebody does, and what both sides come to show.
//!
//! A step that waits says for what; if it does not come true, the test ends with both sides, the parked events and the
//! end of the host's log.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test ends where it finds something wrong")]

use std::time::Duration;

use crosswalk::demo::{Card, CrmKind, Edit, NewDeal, Record, Scene, Stage as Standing, text, until};
use crosswalk_tests::Stage;
use reqwest::Method;
use serde_json::Value;

use crate::program;

/// How long both sides may take to agree.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Who the host is to the sandbox: the client id of the tenant document.
const HOST: &str = "crosswalk";

/// One partner with its systems and a host, for as long as a test lasts.
pub(crate) struct Life {
    pub(crate) stage: Stage,
}

impl Life {
    /// A partner with this CRM.
    pub(crate) async fn begins(crm: CrmKind) -> Self {
        Life { stage: Stage::start(program(), crm).await.unwrap() }
    }

    pub(crate) fn scene(&self) -> &Scene {
        &self.stage.scene
    }

    /// Microsoft sends a referral, which becomes a record.
    pub(crate) async fn microsoft_sends(&self, sample: &str) -> Deal<'_> {
        let referral = text(&self.scene().microsoft_sends(sample).await.unwrap(), "/id");
        self.arrives(referral).await
    }

    /// The record that a referral becomes.
    pub(crate) async fn arrives(&self, referral: String) -> Deal<'_> {
        let scene = self.scene();
        let found = until("the referral becomes a record", PATIENCE, || scene.seller.finds(&referral)).await;
        match found {
            Ok(card) => Deal { life: self, referral, record: card.record() },
            Err(complaint) => self.fails(&complaint.to_string()).await,
        }
    }

    /// A seller makes an opportunity that becomes a referral.
    pub(crate) async fn seller_shares(&self, deal: NewDeal<'_>) -> Deal<'_> {
        let record = self.scene().seller.creates(deal).await.unwrap();
        self.is_sent(record).await
    }

    /// The referral that an opportunity becomes.
    pub(crate) async fn is_sent(&self, record: Record) -> Deal<'_> {
        let mut deal = Deal { life: self, referral: String::new(), record };
        let card = deal.shows("a referral's identifier", |card| !card.referral.is_empty()).await;
        deal.referral = card.referral;
        deal
    }

    /// Every event has its verdict, and nothing is under way.
    pub(crate) async fn rests(&self) {
        if let Err(complaint) = self.scene().settled(PATIENCE).await {
            self.fails(&complaint.to_string()).await
        }
    }

    /// No person is needed for anything.
    pub(crate) async fn needs_nobody(&self) {
        self.rests().await;
        let parked = self.scene().events("parked").await.unwrap();
        if !parked.is_empty() {
            self.fails("events are parked").await
        }
    }

    /// The host's writes so far.
    pub(crate) async fn writes(&self) -> Writes {
        let scene = self.scene();
        let crm = match scene.seller.kind() {
            CrmKind::Dynamics => count(&scene.crm().trace().await.unwrap()),
            // A composite request of Salesforce's may read or write; the changes that were made tell.
            CrmKind::Salesforce => {
                let changes = scene.crm().control(Method::GET, "/salesforce/changes", None).await.unwrap();
                let ours = |change: &&Value| text(change, "/client") == "Crosswalk";
                changes.as_array().unwrap().iter().filter(ours).count()
            }
        };
        Writes { partner_center: count(&scene.center().trace().await.unwrap()), crm }
    }

    async fn fails(&self, why: &str) -> ! {
        let parked = self.scene().events("parked").await.unwrap_or_default();
        let waiting = self.scene().events("waiting").await.unwrap_or_default();
        panic!("{why}\nparked: {parked:#?}\nwaiting: {waiting:#?}\n{}", self.stage.log_end());
    }
}

/// Writes of the host, by system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Writes {
    pub(crate) partner_center: usize,
    pub(crate) crm: usize,
}

impl std::ops::Sub for Writes {
    type Output = Writes;

    fn sub(self, earlier: Writes) -> Writes {
        Writes { partner_center: self.partner_center - earlier.partner_center, crm: self.crm - earlier.crm }
    }
}

/// Calls of the host that could have changed something.
pub(crate) fn count(calls: &[Value]) -> usize {
    let is_write = |call: &&Value| {
        let (method, path) = (text(call, "/method"), text(call, "/path"));
        matches!(method.as_str(), "POST" | "PATCH" | "PUT" | "DELETE")
            && !path.starts_with("/_sandbox")
            && !path.ends_with("/token")
            && text(call, "/who") == HOST
    };
    calls.iter().filter(is_write).count()
}

/// A referral and its record.
pub(crate) struct Deal<'a> {
    pub(crate) life: &'a Life,
    pub(crate) referral: String,
    pub(crate) record: Record,
}

impl Deal<'_> {
    // What somebody does

    /// The seller edits the record.
    pub(crate) async fn seller(&self, edits: &[Edit<'_>]) {
        self.life.scene().seller.edits(&self.record, edits).await.unwrap();
    }

    /// Microsoft, or somebody in the portal, edits the referral.
    pub(crate) async fn microsoft(&self, changes: Value) {
        self.life.scene().microsoft_edits(&self.referral, changes).await.unwrap();
    }

    /// Somebody answers in the portal: `accept`, `decline`, `expire`.
    pub(crate) async fn portal(&self, answer: &str) {
        self.life.scene().portal_answers(&self.referral, answer).await.unwrap();
    }

    // What both sides show

    /// The record, once this is true of it.
    pub(crate) async fn shows(&self, what: &str, holds: impl Fn(&Card) -> bool) -> Card {
        let expectation = format!("the record shows {what}");
        let shown = until(&expectation, PATIENCE, || async {
            Ok(Some(self.card().await).filter(|card| holds(card)))
        });
        match shown.await {
            Ok(card) => card,
            Err(complaint) => self.fails(&complaint.to_string()).await,
        }
    }

    /// The referral, once this is true of it.
    pub(crate) async fn referral_shows(&self, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let expectation = format!("the referral shows {what}");
        let shown = until(&expectation, PATIENCE, || async {
            Ok(Some(self.read().await).filter(|referral| holds(referral)))
        });
        match shown.await {
            Ok(referral) => referral,
            Err(complaint) => self.fails(&complaint.to_string()).await,
        }
    }

    /// The referral comes to this status.
    pub(crate) async fn is(&self, status: &str, substatus: &str) {
        self.referral_shows(&format!("{status}/{substatus}"), |referral| {
            text(referral, "/status") == status && text(referral, "/substatus") == substatus
        })
        .await;
    }

    /// The record comes to stand there.
    pub(crate) async fn stands(&self, stage: Standing) {
        self.shows(&format!("{stage:?}"), |card| card.stage == stage).await;
    }

    /// The lead has become an opportunity, which the deal goes on with.
    pub(crate) async fn becomes_an_opportunity(&mut self) -> Card {
        let scene = self.life.scene();
        let found = until("the lead becomes an opportunity", PATIENCE, || async {
            Ok(scene.seller.finds(&self.referral).await?.filter(|card| !card.is_lead))
        });
        match found.await {
            Ok(card) => {
                self.record = card.record();
                card
            }
            Err(complaint) => self.fails(&complaint.to_string()).await,
        }
    }

    /// The record as it is now.
    pub(crate) async fn card(&self) -> Card {
        self.life.scene().card(&self.record).await.unwrap()
    }

    /// The referral as it is now.
    pub(crate) async fn read(&self) -> Value {
        self.life.scene().referral(&self.referral).await.unwrap()
    }

    /// A text of the referral as it is now.
    pub(crate) async fn says(&self, pointer: &str) -> String {
        text(&self.read().await, pointer)
    }

    async fn fails(&self, why: &str) -> ! {
        let card = self.card().await;
        let referral = self.life.scene().referral(&self.referral).await.ok();
        self.life.fails(&format!("{why}\nrecord: {card:#?}\nreferral: {referral:#?}")).await
    }
}
