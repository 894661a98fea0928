//! The `Prefer` header: what a client would like, and what of it was honoured.

use http::HeaderMap;

/// The most rows on a page (docs: at most 5,000 for standard tables).
pub(crate) const PAGE_ROWS_MAX: usize = 5_000;

/// The preferences of one request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Prefer {
    /// `return=representation`: answer a write with the row.
    pub(crate) representation: bool,
    /// `odata.include-annotations`: the patterns asked for, as they were written.
    pub(crate) annotations: Option<String>,
    /// `odata.maxpagesize`, capped at [`PAGE_ROWS_MAX`].
    pub(crate) page_rows: Option<usize>,
    /// `odata.track-changes`.
    pub(crate) track_changes: bool,
    /// `odata.continue-on-error`.
    pub(crate) continue_on_error: bool,
}

impl Prefer {
    /// Reads every `Prefer` header of a request; values may be combined with commas.
    pub(crate) fn read(headers: &HeaderMap) -> Self {
        let mut prefer = Self::default();
        for value in headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok()) {
            for part in split(value) {
                prefer.take(part.trim());
            }
        }
        prefer
    }

    fn take(&mut self, part: &str) {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let value = value.trim().trim_matches('"');
        match name.trim() {
            "return" => self.representation = value == "representation",
            "odata.include-annotations" => self.annotations = Some(value.to_owned()),
            "odata.maxpagesize" => {
                self.page_rows = value.parse().ok().filter(|n| *n > 0).map(|n: usize| n.min(PAGE_ROWS_MAX));
            }
            "odata.track-changes" => self.track_changes = true,
            "odata.continue-on-error" => self.continue_on_error = value != "false",
            _ => {}
        }
    }

    /// Whether an annotation (such as `OData.Community.Display.V1.FormattedValue`) was asked for.
    pub(crate) fn wants(&self, annotation: &str) -> bool {
        self.annotations.as_deref().is_some_and(|patterns| {
            patterns.split(',').map(str::trim).any(|pattern| match pattern.strip_suffix('*') {
                Some(prefix) => annotation.starts_with(prefix),
                None => annotation == pattern,
            })
        })
    }

    /// The `Preference-Applied` header for a read of many rows, if any preference changed the answer.
    pub(crate) fn applied_to_rows(&self) -> Option<String> {
        let mut applied = Vec::new();
        if let Some(rows) = self.page_rows {
            applied.push(format!("odata.maxpagesize={rows}"));
        }
        if self.track_changes {
            applied.push("odata.track-changes".to_owned());
        }
        applied.extend(self.applied_annotations());
        (!applied.is_empty()).then(|| applied.join(","))
    }

    /// The part of `Preference-Applied` that speaks of annotations.
    pub(crate) fn applied_annotations(&self) -> Option<String> {
        self.annotations.as_ref().map(|patterns| format!("odata.include-annotations=\"{patterns}\""))
    }
}

/// Splits at commas that are not between quotes: an annotation list is quoted and has commas of its own.
fn split(value: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut quoted) = (0, false);
    for (at, c) in value.char_indices() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => {
                parts.push(&value[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&value[start..]);
    parts
}
