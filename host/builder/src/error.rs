//! What can go wrong with a build, and what to do about it.

use std::path::PathBuf;

use crate::TARGET;

/// What [`crate::build`] answers with.
pub type Result<T> = std::result::Result<T, Error>;

/// Why there is no component.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The directory holds no crate.
    #[error("there is no `Cargo.toml` in `{}`\n(name the plugin's directory, or make one with `crosswalk plugin new`)", .0.display())]
    NoCrate(PathBuf),
    /// rustc cannot compile for the target.
    #[error("the Rust target `{TARGET}` is not installed for the toolchain of `{}`\n(run `rustup target add {TARGET}` there, then build again)", .0.display())]
    NoTarget(PathBuf),
    /// cargo or rustc is missing, or may not be run.
    #[error(
        "could not run `{program}`\n(install Rust from https://rustup.rs, or put `{program}` on the PATH)"
    )]
    NoProgram {
        /// What was to be run.
        program: String,
        /// Why it was not.
        source: std::io::Error,
    },
    /// The crate does not compile.
    #[error("`{}` does not compile{}", .crate_dir.display(), indented(output))]
    Compile {
        /// The crate.
        crate_dir: PathBuf,
        /// cargo's own words; empty where they were shown while it ran.
        output: String,
    },
    /// There is nothing to make a component of.
    #[error("`{}` has no library\n(a plugin is a library crate: put its functions into `src/lib.rs`)", .0.display())]
    NoLibrary(PathBuf),
    /// It uses something that no host gives it.
    #[error(
        "the plugin imports {}, and a plugin has nothing but `crosswalk:mapping/*`: no clock, network, files, environment or randomness\n(find the dependency that brings it in with `cargo tree --target {TARGET}`, and switch off its features for JavaScript or WASI; the time of the pass is `cx.now()`)",
        listed(imports)
    )]
    ForeignImports {
        /// What it imports, `module::name`.
        imports: Vec<String>,
    },
    /// The compiled module is no component of ours.
    #[error(
        "the compiled module is not a plugin: {reason}\n(mark the mapping with `#[mapping]`, and see that only one crate of the plugin does so)"
    )]
    Component {
        /// wit-component's words.
        reason: String,
    },
    /// A file could not be read or written.
    #[error("could not {doing} `{}`", .path.display())]
    Io {
        /// `read` or `write`.
        doing: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// cargo's output under a headline, or nothing.
fn indented(output: &str) -> String {
    if output.trim().is_empty() {
        " (cargo says why above)".to_owned()
    } else {
        format!(":\n{}", output.trim_end())
    }
}

/// `a`, `b` and 3 more.
fn listed(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let mut text = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        text.push_str(&format!(" and {} more", names.len() - SHOWN));
    }
    text
}
