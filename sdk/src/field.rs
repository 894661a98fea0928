//! A field of a record: not spoken of, known to be empty, or set.

/// One field of a [`crate::Record`] or of a [`crate::ReferralDraft`].
///
/// In a draft, [`Field::Unset`] leaves the field alone and [`Field::Empty`] clears it. In a record that was read,
/// every declared field is either empty or set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Field<T> {
    /// Not spoken of: a draft leaves what is there.
    #[default]
    Unset,
    /// Known to be empty: a draft clears it.
    Empty,
    /// Holds this.
    Set(T),
}

impl<T> Field<T> {
    /// What it holds, if it holds something.
    pub fn get(&self) -> Option<&T> {
        match self {
            Self::Set(value) => Some(value),
            Self::Unset | Self::Empty => None,
        }
    }

    /// What it holds, if it holds something, as its own.
    pub fn value(self) -> Option<T> {
        match self {
            Self::Set(value) => Some(value),
            Self::Unset | Self::Empty => None,
        }
    }

    /// Whether it is not spoken of.
    pub fn is_unset(&self) -> bool {
        matches!(self, Self::Unset)
    }

    /// Whether it is known to be empty.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }

    /// The same field with what it holds changed; unset stays unset, empty stays empty.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Field<U> {
        match self {
            Self::Unset => Field::Unset,
            Self::Empty => Field::Empty,
            Self::Set(value) => Field::Set(change(value)),
        }
    }

    /// The same field, borrowed.
    pub fn as_ref(&self) -> Field<&T> {
        match self {
            Self::Unset => Field::Unset,
            Self::Empty => Field::Empty,
            Self::Set(value) => Field::Set(value),
        }
    }

    /// Unset where it is empty: an opinion only where there is something to say.
    pub fn or_unset(self) -> Self {
        if self.is_empty() { Self::Unset } else { self }
    }
}

impl Field<String> {
    /// The text, or an empty one.
    pub fn text(&self) -> &str {
        self.get().map_or("", String::as_str)
    }
}

impl<T> From<T> for Field<T> {
    fn from(value: T) -> Self {
        Self::Set(value)
    }
}

impl<T> From<Option<T>> for Field<T> {
    /// `None` is known to be empty; to leave a field alone, do not mention it.
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Empty, Self::Set)
    }
}

impl From<&str> for Field<String> {
    fn from(value: &str) -> Self {
        Self::Set(value.to_owned())
    }
}

impl From<Option<&str>> for Field<String> {
    fn from(value: Option<&str>) -> Self {
        value.map(str::to_owned).into()
    }
}
