//! Why a change cannot be mapped, in words for the operator.

use std::fmt;

use crate::contract;

/// What a mapping's functions answer with.
pub type Result<T, E = Refusal> = std::result::Result<T, E>;

/// Why a mapping does not answer with a draft. Made by [`crate::refuse!`], [`crate::ensure!`] and [`crate::retry!`];
/// any error of the standard library or of a parser becomes one through `?`.
#[derive(Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Try again later; otherwise a person is needed.
    pub retry: bool,
    /// The field concerned, if it is about one.
    pub field: Option<String>,
    /// What is wrong, a lower-case fragment with values in backticks.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Refusal {
    /// Trying again cannot help: a person is needed. The event is parked.
    pub fn reject(message: impl Into<String>) -> Self {
        Self { retry: false, field: None, message: message.into(), help: None }
    }

    /// It may work later. The event is tried again.
    pub fn later(message: impl Into<String>) -> Self {
        Self { retry: true, ..Self::reject(message) }
    }

    /// Names the field that it is about. A name given before stays.
    #[must_use]
    pub fn at(mut self, field: impl ToString) -> Self {
        let field = field.to_string();
        if self.field.is_none() && !field.is_empty() {
            self.field = Some(field);
        }
        self
    }

    /// Says what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(field) = &self.field {
            write!(f, "`{field}`: ")?;
        }
        f.write_str(&self.message)?;
        match &self.help {
            Some(help) => write!(f, " ({help})"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Refusal {
    /// As it is displayed, because `unwrap` in a test shows this.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {self}", if self.retry { "retry" } else { "reject" })
    }
}

impl<E: std::error::Error> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self::reject(error.to_string())
    }
}

impl Refusal {
    pub(crate) fn into_contract(self) -> contract::Refusal {
        let problem =
            contract::Problem { field: self.field, message: self.message, help: self.help, more: Vec::new() };
        if self.retry { contract::Refusal::Retry(problem) } else { contract::Refusal::Reject(problem) }
    }
}

/// Ends the function with a refusal that a person must see to: `refuse!("field", "message {}", value; help = "do this")`.
///
/// An empty field name means that it is about no field in particular.
#[macro_export]
macro_rules! refuse {
    ($field:expr, $message:literal $(, $value:expr)* $(,)? $(; help = $help:literal $(, $detail:expr)* $(,)?)?) => {
        return ::core::result::Result::Err(
            $crate::Refusal::reject(::std::format!($message $(, $value)*)).at($field)
                $(.help(::std::format!($help $(, $detail)*)))?
        )
    };
}

/// As [`refuse!`], but the event is tried again later.
#[macro_export]
macro_rules! retry {
    ($field:expr, $message:literal $(, $value:expr)* $(,)? $(; help = $help:literal $(, $detail:expr)* $(,)?)?) => {
        return ::core::result::Result::Err(
            $crate::Refusal::later(::std::format!($message $(, $value)*)).at($field)
                $(.help(::std::format!($help $(, $detail)*)))?
        )
    };
}

/// [`refuse!`] unless the condition holds: `ensure!(seats >= 0, "seats", "there cannot be {} seats", seats)`.
#[macro_export]
macro_rules! ensure {
    ($condition:expr, $($refusal:tt)+) => {
        if !$condition {
            $crate::refuse!($($refusal)+);
        }
    };
}
