//! What a mapping maps: one record of the CRM, or one of several.

use crate::{
    Refusal, Result,
    contract::{CrmRecord, EntityUse},
    record::{self, ColumnName, Reader, Record, Writer},
};

/// What is linked with referrals: a record, or one of several entities' records. Derived, never written by hand.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no record of the CRM, so a mapping cannot take or answer with it",
    label = "not a record",
    note = "add `#[derive(Record)]` and `#[record(entity = \"..\", key = \"..\")]` to the struct, or to an enum of such structs"
)]
pub trait Primary: Sized {
    /// The linked entities, and those that their references lead to.
    fn entities() -> Vec<EntityUse>;
    /// The names in the CRM that are settings.
    fn name_settings() -> Vec<ColumnName>;
    /// Reads a record.
    ///
    /// # Errors
    /// When it is of another entity, or a value does not fit its field's type.
    fn from_linked(linked: &CrmRecord) -> Result<Self>;
    /// Which entity's record it is.
    fn entity(&self) -> &'static str;
    /// Writes what is spoken of.
    fn into_writer(self, writer: &mut Writer);
}

impl<R: Record> Primary for R {
    fn entities() -> Vec<EntityUse> {
        const {
            assert!(
                R::KEYED,
                "a record that is linked with referrals needs the column that holds the referral's id: add \
                 `key = \"msft_referralidentifier\"` to its `#[record(..)]`"
            );
        }
        record::entity_uses::<R>()
    }
    fn name_settings() -> Vec<ColumnName> {
        record::column_settings::<R>()
    }
    fn from_linked(linked: &CrmRecord) -> Result<Self> {
        R::read(&Reader::new(&linked.fields, &linked.related))
    }
    fn entity(&self) -> &'static str {
        R::ENTITY
    }
    fn into_writer(self, writer: &mut Writer) {
        self.write(writer);
    }
}

/// The entities of several records. What two of them reach through a field of the same name is declared once, with the
/// fields of both.
#[doc(hidden)]
pub fn joined(each: Vec<Vec<EntityUse>>) -> Vec<EntityUse> {
    let mut joined: Vec<EntityUse> = Vec::new();
    for other in each.into_iter().flatten() {
        let same = |known: &&mut EntityUse| known.entity == other.entity && known.via == other.via;
        match joined.iter_mut().find(same).filter(|_| other.via.is_some()) {
            Some(known) => join(known, other),
            None => joined.push(other),
        }
    }
    // Linked entities first, so that a reader of the manifest meets what it is about before what that refers to.
    joined.sort_by_key(|entity| entity.via.is_some());
    joined
}

fn join(known: &mut EntityUse, other: EntityUse) {
    for field in other.fields {
        match known.fields.iter_mut().find(|same| same.name == field.name) {
            Some(same) => {
                same.reads |= field.reads;
                same.writes |= field.writes;
            }
            None => known.fields.push(field),
        }
    }
}

/// The refusal for a record of an entity that a plugin does not map.
#[doc(hidden)]
pub fn unknown_entity(entity: &str, known: &[&str]) -> Refusal {
    Refusal::reject(format!("the record is a `{entity}`, and this plugin maps `{}`", known.join("`, `")))
        .help("add a variant for it to the enum with `#[derive(Record)]`")
}
