//! Merging duplicates: one record stays, up to two others go into the recycle bin and point to it.

use super::{
    cell::Cell,
    errors::{Outcome, Refusal},
    org::Org,
    record_id::RecordId,
    write::{self, Author, Submitted},
};

/// The field of a merged record that names the one that stayed.
const MASTER: &str = "MasterRecordId";
/// Records that go in one merge.
const LOSERS_MAX: usize = 2;

/// Merges records into a master and returns the ids of the related records that now belong to it.
pub(crate) fn merge(
    org: &mut Org,
    author: &Author,
    master: RecordId,
    losers: &[RecordId],
) -> Outcome<Vec<RecordId>> {
    let object = org.object_of(master).filter(|object| object.field(MASTER).is_some()).cloned();
    let object = object.ok_or_else(|| refused("this object cannot be merged"))?;
    if losers.is_empty() || losers.len() > LOSERS_MAX || losers.contains(&master) {
        return Err(refused("a merge takes one or two other records"));
    }
    org.row(&object.name, master)?;
    let mut moved = Vec::new();
    for loser in losers {
        org.row(&object.name, *loser)?;
        for (child, field, _) in write::references_to(org, &object.name) {
            for row in org.store.find(&child, &field, &Cell::Id(*loser)).unwrap_or_default() {
                write::set(org, author, &child, row, Submitted::from([(field.clone(), Cell::Id(master))]))?;
                moved.push(row);
            }
        }
        let points = Submitted::from([(MASTER.to_owned(), Cell::Id(master))]);
        write::bury(org, author, &object.name, *loser, points)?;
    }
    write::set(org, author, &object.name, master, Submitted::new())?;
    Ok(moved)
}

fn refused(message: &str) -> Refusal {
    Refusal::new(400, "INVALID_CROSS_REFERENCE_KEY", message).on([])
}
