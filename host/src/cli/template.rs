//! `crosswalk plugin new`: the template comes inside the binary, as text.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde_json::json;

use super::Output;
use crate::error::{Complaint, Fault};

/// The files of a new plugin, from `sdk/template`.
const FILES: &[(&str, &str)] = &[
    (".gitignore", include_str!("../../../sdk/template/.gitignore")),
    ("Cargo.toml", include_str!("../../../sdk/template/Cargo.toml")),
    ("README.md", include_str!("../../../sdk/template/README.md")),
    ("src/lib.rs", include_str!("../../../sdk/template/src/lib.rs")),
];

/// Where the SDK was when this program was built.
const SDK_AT_BUILD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../sdk");

/// Makes the folder of a new plugin. An existing one is left alone.
pub(super) fn new(folder: &Path, sdk: Option<&Path>, output: &Output) -> Result<(), Complaint> {
    let name = plugin_name(folder)?;
    let sdk = sdk_folder(sdk)?;
    if folder.exists() {
        return Err(Complaint::new(
            Fault::Refused,
            format!("`{}` exists already", folder.display()),
            "it was not touched",
            "choose another name, or remove it first",
        ));
    }
    let dependency = format!("{{ path = {:?} }}", sdk.display().to_string());
    for (file, text) in FILES {
        let text = text.replace("{{name}}", &name).replace("{{sdk}}", &dependency);
        write(&folder.join(file), &text).map_err(|error| {
            Complaint::new(
                Fault::Failed,
                format!("`{}` could not be written", folder.join(file).display()),
                "the folder may be incomplete",
                "check the space and the rights of the folder that it is in",
            )
            .because(&error)
        })?;
    }
    output.say(&json!({ "plugin": name, "folder": folder }), || {
        format!(
            "plugin `{name}` is in {}\nnext: edit src/lib.rs, then `cargo test`, `crosswalk plugin build`",
            folder.display()
        )
    });
    Ok(())
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(path, text)
}

/// The folder's last part, if cargo takes it for a package's name.
fn plugin_name(folder: &Path) -> Result<String, Complaint> {
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte));
    if plain && name.starts_with(|first: char| first.is_ascii_lowercase()) {
        return Ok(name.to_owned());
    }
    Err(Complaint::new(
        Fault::Refused,
        format!("`{name}` cannot be a plugin's name"),
        "nothing was written",
        "use a-z, 0-9, hyphens and underscores, and begin with a letter",
    ))
}

fn sdk_folder(given: Option<&Path>) -> Result<PathBuf, Complaint> {
    let folder = given.unwrap_or(Path::new(SDK_AT_BUILD));
    folder.canonicalize().ok().filter(|folder| folder.join("Cargo.toml").is_file()).ok_or_else(|| {
        Complaint::new(
            Fault::Configuration,
            format!("crosswalk-sdk is not at `{}`", folder.display()),
            "nothing was written",
            "name the `sdk` folder of a checkout with `--sdk`",
        )
    })
}
