//! Edits that flow on both sides while something else happens, and the question whether both agree at the end.

use std::time::Duration;

use serde_json::json;

use super::{
    people::{is_amount, same_day, text},
    scene::Scene,
    seller::Edit,
    story::{Pair, until},
};
use crate::error::Complaint;

/// Deals that Microsoft shares, once they are opportunities and the seller has accepted them: nothing is sent from an
/// opportunity that is on hold.
pub async fn make_pairs(scene: &Scene, count: usize, patience: Duration) -> Result<Vec<Pair>, Complaint> {
    let mut pairs = Vec::new();
    for _ in 0..count {
        let referral = text(&scene.microsoft_shares_the_sample().await?, "/id");
        let pair = until("a deal becomes an opportunity", patience, || async {
            let found = scene.seller.finds(&referral).await?;
            Ok(found.map(|card| Pair { referral: referral.clone(), record: card.record() }))
        })
        .await?;
        accept(scene, &pair, patience).await?;
        pairs.push(pair);
    }
    Ok(pairs)
}

/// The seller takes the opportunity off hold, which accepts the deal.
pub async fn accept(scene: &Scene, pair: &Pair, patience: Duration) -> Result<(), Complaint> {
    scene.seller.edits(&pair.record, &[Edit::LeaveHold]).await?;
    until("the deal is accepted in Partner Center", patience, || async {
        let referral = scene.referral(&pair.referral).await?;
        Ok((text(&referral, "/status") == "Active" && text(&referral, "/substatus") == "Accepted")
            .then_some(()))
    })
    .await
}

/// Edits in turn: Microsoft changes the value of one pair, a seller the description of another.
pub async fn edits(scene: &Scene, pairs: &[Pair], count: usize) -> Result<(), Complaint> {
    for (number, pair) in (0..count).zip(pairs.iter().cycle()) {
        if number % 2 == 0 {
            let value = 10_000 + number;
            scene.microsoft_edits(&pair.referral, json!({ "details": { "dealValue": value } })).await?;
        } else {
            scene.seller.edits(&pair.record, &[Edit::Notes(&format!("note {number}"))]).await?;
        }
    }
    Ok(())
}

/// Waits until value, notes and close date are the same on both sides of all pairs; says which are not, if that does
/// not come.
pub async fn until_agreed(scene: &Scene, pairs: &[Pair], patience: Duration) -> Result<(), Complaint> {
    for pair in pairs {
        let agreed = until("both sides of every pair agree", patience, || async {
            Ok(disagreement(scene, pair).await?.is_none().then_some(()))
        });
        if let Err(mut complaint) = agreed.await {
            if let Some(difference) = disagreement(scene, pair).await? {
                complaint.causes.push(difference);
            }
            return Err(complaint);
        }
    }
    Ok(())
}

/// What differs between the two sides of a pair, in words.
async fn disagreement(scene: &Scene, pair: &Pair) -> Result<Option<String>, Complaint> {
    let (referral, card) = (scene.referral(&pair.referral).await?, scene.card(&pair.record).await?);
    let (asked, held) = (text(&referral, "/details/dealValue"), &card.value);
    if !is_amount(&asked, held) {
        return Ok(Some(format!("referral {} is worth {asked}, its opportunity {held}", pair.referral)));
    }
    let closes = text(&referral, "/details/closingDateTime");
    if !same_day(&closes, &card.closes) {
        return Ok(Some(format!(
            "referral {} closes on {closes}, its opportunity on {}",
            pair.referral, card.closes
        )));
    }
    let (notes, description) = (text(&referral, "/details/notes"), &card.notes);
    let same = notes == *description;
    Ok((!same)
        .then(|| format!("referral {} notes `{notes}`, its opportunity `{description}`", pair.referral)))
}
