//! An error as a person meets it.
//!
//! Five questions are always answered: what happened, to which record, whose fault it is, what was (not) written,
//! and what to do next. The command line prints a [`Complaint`], the admin API sends the same as JSON; causes go to
//! the log, once, where the error is handled.

use std::{fmt, process::ExitCode};

use serde::{Deserialize, Serialize};

/// Whose fault it is; also the exit code of the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// What was asked for did not come true (exit code 1).
    Failed,
    /// A configuration file or tenant document is wrong (exit code 3).
    Configuration,
    /// The host, Partner Center or the CRM could not be reached (exit code 4).
    Unreachable,
    /// The host refused: a plugin, a token or a request that it does not accept (exit code 5).
    Refused,
    /// Nothing by that name exists (exit code 6).
    NotFound,
    /// Somebody else changed it first (exit code 7).
    Moved,
    /// A defect of Crosswalk itself (exit code 70).
    Internal,
}

/// An error for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Complaint {
    /// Whose fault it is.
    pub fault: Fault,
    /// A stable code with a page in `host/errors/`, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Box<str>>,
    /// What happened, to which record: a lower-case fragment with values in backticks.
    pub message: String,
    /// The causes, outermost first, without secrets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
    /// What was done, and what was not.
    pub state: String,
    /// What to do next.
    pub help: String,
}

impl Complaint {
    /// An error with everything that a person needs.
    pub fn new(
        fault: Fault,
        message: impl Into<String>,
        state: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Complaint {
            fault,
            code: None,
            message: message.into(),
            causes: Vec::new(),
            state: state.into(),
            help: help.into(),
        }
    }

    /// Adds a code that has a page.
    pub fn code(mut self, code: impl Into<Box<str>>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// Adds what caused it: every link of the error's chain.
    pub fn because(mut self, cause: &dyn std::error::Error) -> Self {
        let mut next = Some(cause);
        while let Some(error) = next {
            self.causes.push(error.to_string());
            next = error.source();
        }
        self
    }

    /// A defect of ours: what we were doing, and the error.
    pub fn internal(doing: &str, cause: &dyn std::error::Error) -> Self {
        Complaint::new(
            Fault::Internal,
            format!("{doing} failed"),
            "what was stored before stays stored; nothing else was changed",
            "try again; if it stays, the log of the host has the details",
        )
        .because(cause)
    }
}

impl std::error::Error for Complaint {}

impl fmt::Display for Complaint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.code {
            Some(code) => writeln!(out, "error[{code}]: {}", self.message)?,
            None => writeln!(out, "error: {}", self.message)?,
        }
        for cause in &self.causes {
            writeln!(out, "  cause  {}", cause.replace('\n', "\n         "))?;
        }
        writeln!(out, "  state  {}", self.state)?;
        write!(out, "  help   {}", self.help)
    }
}

impl Fault {
    /// What the command line ends with. 2 is clap's, for a command that does not exist.
    fn exit_code(self) -> u8 {
        match self {
            Fault::Failed => 1,
            Fault::Configuration => 3,
            Fault::Unreachable => 4,
            Fault::Refused => 5,
            Fault::NotFound => 6,
            Fault::Moved => 7,
            Fault::Internal => 70,
        }
    }
}

impl From<Fault> for ExitCode {
    fn from(fault: Fault) -> Self {
        ExitCode::from(fault.exit_code())
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    fn complaint() -> Complaint {
        Complaint::new(Fault::Refused, "`deal` is no plugin", "nothing was stored", "build it first")
    }

    #[test]
    fn a_complaint_says_what_happened_why_what_was_not_done_and_what_to_do() {
        let shown = complaint().because(&io::Error::other("two\nlines")).to_string();
        assert_eq!(
            shown,
            "error: `deal` is no plugin\n  cause  two\n         lines\n  state  nothing was stored\n  help   build it first"
        );
        assert!(complaint().code("MAP010").to_string().starts_with("error[MAP010]: `deal`"));
    }

    #[test]
    fn every_cause_of_a_cause_is_named_outermost_first() {
        #[derive(Debug, thiserror::Error)]
        #[error("outer")]
        struct Outer(#[source] io::Error);
        let causes = complaint().because(&Outer(io::Error::other("inner"))).causes;
        assert_eq!(causes, ["outer", "inner"]);
    }

    #[test]
    fn a_complaint_survives_the_admin_api() {
        for sent in [complaint(), complaint().code("MAP010").because(&io::Error::other("why"))] {
            let json = serde_json::to_string(&sent).unwrap();
            assert_eq!(serde_json::from_str::<Complaint>(&json).unwrap(), sent);
            assert_eq!(json.contains("\"code\""), sent.code.is_some());
        }
    }

    #[test]
    fn every_fault_has_an_exit_code_of_its_own_and_none_of_them_is_success_or_usage() {
        let faults = [
            Fault::Failed,
            Fault::Configuration,
            Fault::Unreachable,
            Fault::Refused,
            Fault::NotFound,
            Fault::Moved,
            Fault::Internal,
        ];
        let codes: std::collections::BTreeSet<u8> = faults.iter().map(|fault| fault.exit_code()).collect();
        assert_eq!(codes.len(), faults.len());
        assert!(!codes.contains(&0) && !codes.contains(&2));
    }
}
