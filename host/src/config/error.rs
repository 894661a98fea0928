//! Errors of configuration: which file, which line, which key, what was expected.

use std::{
    fmt, io,
    ops::Range,
    path::{Path, PathBuf},
};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// A key whose value cannot be used, wherever it came from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{key}` {problem}")]
pub struct Invalid {
    /// The dotted key, `limits.workers`.
    pub key: String,
    /// A fragment that goes on from the key: "is 0, and must be at least 1". Never a secret.
    pub problem: String,
}

impl Invalid {
    pub(super) fn new(key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { key: key.into(), problem: problem.into() }
    }

    /// Under the section that it belongs to.
    pub(super) fn within(self, section: &str) -> Self {
        Self { key: format!("{section}.{}", self.key), ..self }
    }
}

/// A file that cannot be used. It never repeats a line of the file, which might hold a misplaced secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The file.
    pub file: PathBuf,
    /// The line, counted from 1, where there is one.
    pub line: Option<usize>,
    /// The dotted key, where there is one.
    pub key: Option<String>,
    /// What is wrong, and what was expected.
    pub problem: String,
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        match &self.key {
            Some(key) => write!(f, ": `{key}` {}", self.problem),
            None => write!(f, ": {}", self.problem),
        }
    }
}

impl ConfigError {
    pub(super) fn unreadable(file: &Path, error: &io::Error) -> Self {
        Self { file: file.into(), line: None, key: None, problem: format!("it cannot be read: {error}") }
    }

    /// What the TOML reader says, without the excerpt that it would show.
    pub(super) fn syntax(file: &Path, text: &str, error: &toml::de::Error) -> Self {
        let offset = error.span().map(|span| span.start);
        let key = offset.and_then(|offset| key_at(text, offset));
        let message = error.message().trim().replace('\n', ", ");
        let problem = if key.is_some() { format!("cannot be used: {message}") } else { message };
        Self { file: file.into(), line: offset.map(|offset| line(text, offset)), key, problem }
    }

    pub(super) fn invalid(file: &Path, text: &str, Invalid { key, problem }: Invalid) -> Self {
        let line = offset_of(text, &key).map(|offset| line(text, offset));
        Self { file: file.into(), line, key: Some(key), problem }
    }
}

fn line(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

/// The dotted key that is written at `offset`, or whose value is.
fn key_at(text: &str, offset: usize) -> Option<String> {
    fn within(table: &DeTable<'_>, offset: usize) -> Option<String> {
        table.iter().find_map(|(key, value)| {
            let name = key.get_ref();
            if let DeValue::Table(inner) = value.get_ref()
                && let Some(rest) = within(inner, offset)
            {
                return Some(format!("{name}.{rest}"));
            }
            let is_here = |span: Range<usize>| span.contains(&offset);
            (is_here(key.span()) || is_here(value.span())).then(|| name.to_string())
        })
    }
    within(DeTable::parse(text).ok()?.get_ref(), offset)
}

/// Where a dotted key's value is written, or the nearest table around it that is.
fn offset_of(text: &str, key: &str) -> Option<usize> {
    let document = DeTable::parse(text).ok()?;
    let mut table = Some(document.get_ref());
    let mut offset = None;
    for part in key.split('.') {
        let Some(value) = table.and_then(|table| member(table, part)) else { break };
        offset = Some(value.span().start);
        table = match value.get_ref() {
            DeValue::Table(inner) => Some(inner),
            _ => None,
        };
    }
    offset
}

fn member<'a, 'i>(table: &'a DeTable<'i>, name: &str) -> Option<&'a Spanned<DeValue<'i>>> {
    table.iter().find(|(key, _)| key.get_ref() == name).map(|(_, value)| value)
}
