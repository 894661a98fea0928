//! Where a command's words go: results to standard output, complaints to standard error.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is the one place that prints")]

use serde::Serialize;

use crate::error::Complaint;

/// How results are shown.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Output { json }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// One result: as JSON on a line, or in words.
    pub(crate) fn say(&self, value: &impl Serialize, words: impl FnOnce() -> String) {
        if self.json {
            match serde_json::to_string(value) {
                Ok(line) => println!("{line}"),
                Err(error) => eprintln!("error: a result could not be written as JSON: {error}"),
            }
        } else {
            println!("{}", words());
        }
    }

    /// Words for a person only; nothing in JSON.
    pub(crate) fn tell(&self, words: &str) {
        if !self.json {
            println!("{words}");
        }
    }

    pub(crate) fn complain(&self, complaint: &Complaint) {
        if self.json
            && let Ok(line) = serde_json::to_string(complaint)
        {
            eprintln!("{line}");
        } else {
            eprintln!("{complaint}");
        }
    }
}
