//! Other people's tools: where what they install goes, and how they are run.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// A copy of a folder of `tests` below the target directory, so that installing there leaves no trace in the checkout.
/// What was installed there before is used again.
pub(crate) fn copied(folder: &str) -> PathBuf {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let to = Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder);
    fs::create_dir_all(&to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let file = entry.unwrap().path();
        if file.is_file() {
            fs::copy(&file, to.join(file.file_name().unwrap())).unwrap();
        }
    }
    to
}

/// Installs what a folder's `package-lock.json` names.
pub(crate) fn npm_ci(folder: &Path) {
    run(Command::new("npm").args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(folder));
}

/// Installs what a folder's `requirements.txt` names; where its programs are then.
pub(crate) fn pip_install(folder: &Path) -> PathBuf {
    let programs = folder.join("installed/bin");
    run(Command::new("python3").args(["-m", "venv", "installed"]).current_dir(folder));
    run(Command::new(programs.join("python"))
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", "requirements.txt"])
        .current_dir(folder));
    programs
}

/// Runs a command to its end; what it printed is in the failure.
pub(crate) fn run(command: &mut Command) {
    let output = command.output().unwrap();
    let printed = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert!(output.status.success(), "{command:?} ended with {}:\n{}", output.status, printed.join("\n"));
}
