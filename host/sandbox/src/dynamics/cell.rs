//! One value in one column of one row, and how two of them compare.

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use rust_decimal::Decimal;
use std::cmp::Ordering;
use uuid::Uuid;

/// A stored value. A row keeps no `Null`: a column without a value is simply not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cell {
    /// No value.
    Null,
    /// Text and memo columns.
    Text(String),
    /// Integers, option values, states.
    Integer(i64),
    /// Decimals and money: the digits that were written, rounded to the column's precision.
    Decimal(Decimal),
    /// Two options.
    Flag(bool),
    /// A GUID that is no lookup.
    Id(Uuid),
    /// A date without a time zone.
    Date(Date),
    /// A moment, to the second.
    Instant(Timestamp),
    /// A lookup: the table it points into, and the row.
    Reference {
        /// Logical name of the target table.
        table: String,
        /// The target row.
        id: Uuid,
    },
}

impl Cell {
    /// Whether there is no value.
    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The text of a text cell.
    pub(crate) fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The integer of an integer cell.
    pub(crate) fn as_integer(&self) -> Option<i64> {
        if let Self::Integer(value) = self { Some(*value) } else { None }
    }

    /// The GUID of an id or a lookup.
    pub(crate) fn as_id(&self) -> Option<Uuid> {
        match self {
            Self::Id(id) | Self::Reference { id, .. } => Some(*id),
            _ => None,
        }
    }

    /// How this value compares with another, or `None` where the two have no order (a text and a number, or a
    /// missing value). Text compares without regard to case, as the real service does.
    pub(crate) fn order(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => Some(a.to_lowercase().cmp(&b.to_lowercase())),
            (Self::Flag(a), Self::Flag(b)) => Some(a.cmp(b)),
            (Self::Date(a), Self::Date(b)) => Some(a.cmp(b)),
            (Self::Date(_) | Self::Instant(_), Self::Date(_) | Self::Instant(_)) => {
                Some(self.moment()?.cmp(&other.moment()?))
            }
            (Self::Integer(_) | Self::Decimal(_), Self::Integer(_) | Self::Decimal(_)) => {
                Some(self.number()?.cmp(&other.number()?))
            }
            _ => Some(self.as_id()?.cmp(&other.as_id()?)),
        }
    }

    /// The order of rows in a sorted answer: missing values come first.
    pub(crate) fn sort_order(&self, other: &Self) -> Ordering {
        match (self.is_null(), other.is_null()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => self.order(other).unwrap_or(Ordering::Equal),
        }
    }

    /// The form under which a unique key finds the value again: equal values, equal forms.
    pub(crate) fn key_form(&self) -> Option<String> {
        Some(match self {
            Self::Null => return None,
            Self::Text(text) => format!("t:{}", text.to_lowercase()),
            Self::Integer(_) | Self::Decimal(_) => format!("n:{}", self.number()?.normalize()),
            Self::Flag(value) => format!("b:{value}"),
            Self::Id(id) | Self::Reference { id, .. } => format!("g:{id}"),
            Self::Date(_) | Self::Instant(_) => format!("d:{}", self.moment()?),
        })
    }

    /// An integer or a decimal as a decimal.
    pub(crate) fn number(&self) -> Option<Decimal> {
        match self {
            Self::Integer(value) => Some(Decimal::from(*value)),
            Self::Decimal(value) => Some(*value),
            _ => None,
        }
    }

    fn moment(&self) -> Option<Timestamp> {
        match self {
            Self::Instant(at) => Some(*at),
            Self::Date(date) => Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp()),
            _ => None,
        }
    }
}
