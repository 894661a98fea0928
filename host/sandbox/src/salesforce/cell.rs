//! One value in one field of one record, and how two of them compare.

use super::record_id::RecordId;
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use rust_decimal::Decimal;
use std::cmp::Ordering;

/// A stored value. A record keeps no `Null`: a field without a value is simply not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cell {
    /// No value.
    Null,
    /// Every kind of text, choices included.
    Text(String),
    /// Currencies, numbers, percentages.
    Number(Decimal),
    /// Checkboxes.
    Flag(bool),
    /// A record's own id or a reference.
    Id(RecordId),
    /// A date without a time zone.
    Date(Date),
    /// A moment, to the second.
    Instant(Timestamp),
}

impl Cell {
    /// A text cell; an empty text is no value.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        if text.is_empty() { Self::Null } else { Self::Text(text) }
    }

    /// Whether there is no value.
    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The text of a text cell.
    pub(crate) fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The id of an id cell.
    pub(crate) fn as_id(&self) -> Option<RecordId> {
        if let Self::Id(id) = self { Some(*id) } else { None }
    }

    /// The number of a number cell.
    pub(crate) fn as_number(&self) -> Option<Decimal> {
        if let Self::Number(number) = self { Some(*number) } else { None }
    }

    /// The moment of a moment cell.
    pub(crate) fn as_instant(&self) -> Option<Timestamp> {
        if let Self::Instant(at) = self { Some(*at) } else { None }
    }

    /// Whether this is a checked checkbox.
    pub(crate) fn is_true(&self) -> bool {
        matches!(self, Self::Flag(true))
    }

    /// How this value compares with another, or `None` where the two have no order. Text compares without regard to
    /// case, as SOQL does.
    pub(crate) fn order(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => Some(a.to_lowercase().cmp(&b.to_lowercase())),
            (Self::Number(a), Self::Number(b)) => Some(a.cmp(b)),
            (Self::Flag(a), Self::Flag(b)) => Some(a.cmp(b)),
            (Self::Id(a), Self::Id(b)) => Some(a.cmp(b)),
            (Self::Date(_) | Self::Instant(_), Self::Date(_) | Self::Instant(_)) => {
                Some(self.moment()?.cmp(&other.moment()?))
            }
            _ => None,
        }
    }

    /// The form under which an index finds the value again: equal values, equal forms.
    pub(crate) fn key_form(&self, case_sensitive: bool) -> Option<String> {
        Some(match self {
            Self::Null => return None,
            Self::Text(text) if case_sensitive => text.clone(),
            Self::Text(text) => text.to_lowercase(),
            Self::Number(number) => number.normalize().to_string(),
            Self::Flag(flag) => flag.to_string(),
            Self::Id(id) => id.to_string(),
            Self::Date(_) | Self::Instant(_) => self.moment()?.to_string(),
        })
    }

    fn moment(&self) -> Option<Timestamp> {
        match self {
            Self::Instant(at) => Some(*at),
            Self::Date(date) => Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp()),
            _ => None,
        }
    }
}
