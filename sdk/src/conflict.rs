//! One field that changed on both sides, and who wins.

use crate::{
    Refusal, Result,
    contract::{Conflict, Resolution, Value},
    record::{self, Record},
    value::{self, FieldType},
};

impl Conflict {
    /// Which field of the record it is; none if it is something that only the referral holds. A field of a record
    /// that a reference leads to (`transactioncurrencyid/isocurrencycode`) is the reference.
    pub fn on<R: Record>(&self) -> Option<R::Name> {
        let column = self.field.split('/').next().filter(|column| !column.is_empty())?;
        record::field_named::<R>(column)
    }

    /// What Partner Center asks for; none if that is empty.
    ///
    /// # Errors
    /// When it is of another kind.
    pub fn partner_center_as<T: FieldType>(&self) -> Result<Option<T>> {
        self.read(&self.partner_center)
    }

    /// What the CRM holds; none if that is empty.
    ///
    /// # Errors
    /// When it is of another kind.
    pub fn crm_as<T: FieldType>(&self) -> Result<Option<T>> {
        self.read(&self.crm)
    }

    fn read<T: FieldType>(&self, value: &Value) -> Result<Option<T>> {
        if value::is_empty(value) {
            return Ok(None);
        }
        T::from_value(value, None).map(Some).map_err(|refusal: Refusal| refusal.at(&self.field))
    }
}

impl Resolution {
    /// A person decides, for this reason.
    pub fn park(reason: impl Into<String>) -> Self {
        Self::Park(reason.into())
    }
}
