//! The codes of everything that can be wrong with a plugin or its answers, each with a page for people.
//!
//! A code never changes its meaning and is never used again for another. Its page is `host/errors/<code>.md`.

use crosswalk_engine::mapping::{Disposition, Refusal};

macro_rules! codes {
    ($($(#[doc = $doc:literal])* $name:ident = $code:literal),* $(,)?) => {
        /// A stable error code with a page in `host/errors/`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code {
            $($(#[doc = $doc])* $name,)*
        }

        impl Code {
            /// All codes, in order.
            pub const ALL: &'static [Code] = &[$(Code::$name),*];

            /// The code as people see it, `MAP012`.
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$name => $code,)* }
            }

            /// The page that explains it, in Markdown: what happened, why, and how to mend it.
            pub fn page(self) -> &'static str {
                match self { $(Code::$name => include_str!(concat!("../../errors/", $code, ".md")),)* }
            }
        }
    };
}

codes! {
    /// The plugin itself refused, for good.
    Rejected = "MAP001",
    /// The plugin itself asked to be called again later.
    RetryAsked = "MAP002",

    /// A draft writes a field that the manifest does not declare as written.
    FieldNotDeclared = "MAP010",
    /// A draft is for an entity that the manifest does not declare.
    EntityNotDeclared = "MAP011",
    /// A value is not of the kind that the manifest declares.
    WrongKind = "MAP012",
    /// Text that should be a decimal is none.
    BadDecimal = "MAP013",
    /// Text that should be a date is none.
    BadDate = "MAP014",
    /// Text that should be an instant is none.
    BadInstant = "MAP015",
    /// Text that should be JSON is none.
    BadJson = "MAP016",
    /// A name that should be a JSON pointer is none.
    BadPointer = "MAP017",
    /// A reference points to a companion that is not there, or that needs itself.
    UnknownCompanion = "MAP018",
    /// A companion has no alias of its own, or nothing to be found by.
    BadCompanion = "MAP019",
    /// The same field is given twice.
    FieldTwice = "MAP020",
    /// `resolve` did not give one resolution for each conflict.
    ResolutionsMissing = "MAP021",

    /// A call burned more fuel than it may.
    FuelSpent = "MAP030",
    /// A call took longer than it may.
    TimeSpent = "MAP031",
    /// A call wanted more memory than it may have.
    MemorySpent = "MAP032",
    /// A call used up its stack, or read outside of its memory.
    StackSpent = "MAP033",
    /// An answer, or an argument of an import, is larger than it may be.
    OutputTooLarge = "MAP034",
    /// The plugin panicked.
    Panicked = "MAP035",
    /// The plugin trapped in another way, or broke the contract's binary form.
    Trapped = "MAP036",
    /// The host could not run the plugin; not the plugin's fault.
    HostCannotRun = "MAP037",
    /// A call wanted a larger table than it may have.
    TableSpent = "MAP038",

    /// The bytes are not a component.
    NotAComponent = "MAP050",
    /// The bytes are native code, which is never loaded.
    Precompiled = "MAP051",
    /// The component imports what nobody offers.
    ImportsNotOffered = "MAP052",
    /// The component does not export the contract, or not in a version that is served.
    WrongContract = "MAP053",
    /// The component's types are not the contract's.
    WrongTypes = "MAP054",
    /// The component needs more memories, tables or instances than it may have.
    ResourcesBeyondLimits = "MAP055",
    /// The component does not compile.
    DoesNotCompile = "MAP056",
    /// `describe` failed.
    DescribeFailed = "MAP057",
    /// The manifest contradicts itself or lacks something.
    BadManifest = "MAP058",
    /// The settings schema is not a JSON Schema, or depends on settings.
    BadSettingsSchema = "MAP059",
    /// The tenant's settings are not what the plugin's schema asks for.
    BadSettings = "MAP060",

    /// Two answers to one question, asked a second apart.
    TwoAnswers = "MAP080",
}

impl std::fmt::Display for Code {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl Code {
    /// The code that is written like this, if there is one.
    pub fn parse(text: &str) -> Option<Self> {
        Code::ALL.iter().copied().find(|code| code.as_str() == text)
    }

    /// Whether it says that the plugin itself is at fault: it trapped, or gave what its contract does not allow. A refusal
    /// in the plugin's own words is none, nor is a call that took too long, which a busy host may be the reason for.
    pub fn is_defect(self) -> bool {
        !matches!(self, Code::Rejected | Code::RetryAsked | Code::TimeSpent | Code::HostCannotRun)
    }

    /// A refusal for good, with this code.
    pub(crate) fn reject(self, field: Option<&str>, message: String, help: &str) -> Refusal {
        self.refusal(Disposition::Reject, field, message, help)
    }

    /// A refusal that may go away by itself, with this code.
    pub(crate) fn retry(self, message: String, help: &str) -> Refusal {
        self.refusal(Disposition::Retry, None, message, help)
    }

    fn refusal(self, disposition: Disposition, field: Option<&str>, message: String, help: &str) -> Refusal {
        Refusal {
            code: self.as_str().to_owned(),
            disposition,
            field: field.map(str::to_owned),
            message,
            help: Some(help.to_owned()),
        }
    }
}

/// A plugin's words, made fit for a log and a page: no control characters but line ends, and not endless.
pub(crate) fn clean(text: &str, bytes_max: usize) -> String {
    let end = text.floor_char_boundary(bytes_max);
    let mut cleaned: String = text[..end]
        .chars()
        .map(|character| match character {
            '\n' | '\t' => character,
            // Also those that change the direction of what follows, so that a line cannot pretend to be another.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
            character if character.is_control() => '\u{fffd}',
            character => character,
        })
        .collect();
    if end < text.len() {
        cleaned.push_str(&format!("… ({} more bytes were cut)", text.len() - end));
    }
    cleaned
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_says_what_happened_why_and_what_to_do() {
        for code in Code::ALL {
            let page = code.page();
            assert_eq!(Code::parse(code.as_str()), Some(*code));
            assert!(page.starts_with(&format!("# {code}: ")), "{code} begins with its name");
            for heading in ["## What happened", "## Why", "## What to do"] {
                assert!(page.contains(heading), "{code} has `{heading}`");
            }
        }
    }

    #[test]
    fn a_plugins_words_cannot_forge_a_log_line() {
        assert_eq!(clean("a\u{1b}[31mred\r", 100), "a\u{fffd}[31mred\u{fffd}");
        assert_eq!(clean("ééé", 3), "é… (4 more bytes were cut)");
    }
}
