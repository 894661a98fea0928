//! `crosswalk plugin new`: the templates come inside the binary, as text.

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
];

/// A mapping of a few fields, with nothing behind it.
const FROM_NOTHING: &str = include_str!("../../../sdk/template/src/lib.rs");

/// A mapping that calls a default one.
const FROM_DEFAULT: &str = include_str!("../../../sdk/template/from/lib.rs");

/// The mapping that a new plugin starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum From {
    /// The default mapping for Dynamics 365.
    Dynamics,
    /// The default mapping for Salesforce.
    Salesforce,
}

impl From {
    /// Its crate's last word, its settings' name, what its code imports in the order of rustfmt, and its lookups; then the
    /// pass's time and tenant, which only one of the two needs to know what the CRM should hold: as a parameter, as an
    /// argument, and in a test.
    fn gaps(self) -> [(&'static str, &'static str); 7] {
        match self {
            From::Dynamics => [
                ("{{crm}}", "dynamics"),
                ("{{Crm}}", "Dynamics"),
                ("{{imports}}", "Dynamics, "),
                ("{{lookups}}", ""),
                ("{{context}}", ""),
                ("{{cx}}", ""),
                ("{{now}}", ""),
            ],
            From::Salesforce => [
                ("{{crm}}", "salesforce"),
                ("{{Crm}}", "Salesforce"),
                ("{{imports}}", "KnownLeadStatus, KnownStage, Salesforce, "),
                ("{{lookups}}", ", lookups(KnownStage, KnownLeadStatus)"),
                ("{{context}}", "cx: &Context,\n        "),
                ("{{cx}}", "cx, "),
                ("{{now}}", "&testing::context(), "),
            ],
        }
    }
}

/// Where the SDK was when this program was built.
const SDK_AT_BUILD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../sdk");

/// Makes the folder of a new plugin. An existing one is left alone.
pub(super) fn new(
    folder: &Path,
    from: Option<From>,
    sdk: Option<&Path>,
    output: &Output,
) -> Result<(), Complaint> {
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
    let checkout = sdk.parent().unwrap_or(&sdk);
    let at = |folder: &Path| format!("{{ path = {:?} }}", folder.display().to_string());
    let mut dependencies = format!("crosswalk-sdk = {}", at(&sdk));
    let mut mapping = FROM_NOTHING.to_owned();
    if let Some(from) = from {
        mapping = from
            .gaps()
            .iter()
            .fold(FROM_DEFAULT.to_owned(), |text, (gap, filling)| text.replace(gap, filling));
        let [(_, crm), ..] = from.gaps();
        let default = at(&checkout.join("plugins").join(crm));
        dependencies = format!("crosswalk-{crm} = {default}\n{dependencies}");
    }
    for (file, text) in FILES.iter().copied().chain([("src/lib.rs", mapping.as_str())]) {
        let text = text.replace("{{name}}", &name).replace("{{dependencies}}", &dependencies);
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
    // With the versions that the SDK was tested with; without them cargo looks for newer ones.
    let lock = "Cargo.lock";
    fs::copy(checkout.join(lock), folder.join(lock)).ok();
    output.say(&json!({ "plugin": name, "folder": folder }), || {
        format!(
            "plugin `{name}` is in {}\nnext: edit src/lib.rs, then `cargo test`, `crosswalk plugin check` and `crosswalk plugin deploy` there",
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
    let plain =
        name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_is_named_after_its_folder() {
        for (folder, name) in [("contoso", "contoso"), ("here/my-mapping_2/", "my-mapping_2"), ("../x", "x")]
        {
            assert_eq!(plugin_name(Path::new(folder)).unwrap(), name);
        }
    }

    #[test]
    fn what_cargo_takes_for_no_package_is_refused_before_anything_is_written() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["Contoso", "2nd", "-x", "_x", "my mapping", "contoso.com", "größe", "..", "", "{{name}}"]
        {
            let complaint = new(&folder.path().join(name), None, None, &Output::new(true)).unwrap_err();
            assert_eq!(complaint.fault, Fault::Refused, "`{name}`: {complaint}");
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_new_plugin_has_its_name_and_its_sdk_everywhere() {
        let folder = tempfile::tempdir().unwrap();
        let plugin = folder.path().join("my-mapping");
        new(&plugin, None, None, &Output::new(true)).unwrap();
        for file in FILES.iter().map(|(file, _)| *file).chain(["src/lib.rs"]) {
            let text = fs::read_to_string(plugin.join(file)).unwrap();
            assert!(!text.contains("{{"), "{file} has a gap");
        }
        let manifest: toml::Table = fs::read_to_string(plugin.join("Cargo.toml")).unwrap().parse().unwrap();
        assert_eq!(manifest["package"]["name"].as_str(), Some("my-mapping"));
        let sdk = manifest["dependencies"]["crosswalk-sdk"]["path"].as_str().unwrap();
        assert!(Path::new(sdk).join("Cargo.toml").is_file());

        let complaint = new(&plugin, None, None, &Output::new(true)).unwrap_err();
        assert!(complaint.message.contains("exists already"), "{complaint}");
    }

    #[test]
    fn a_plugin_that_starts_from_a_default_depends_on_it() {
        let folder = tempfile::tempdir().unwrap();
        for (from, crm) in [(From::Dynamics, "dynamics"), (From::Salesforce, "salesforce")] {
            let plugin = folder.path().join(crm);
            new(&plugin, Some(from), None, &Output::new(true)).unwrap();
            let text = fs::read_to_string(plugin.join("src/lib.rs")).unwrap();
            assert!(!text.contains("{{") && text.contains(&format!("use crosswalk_{crm}::")), "{text}");
            let manifest: toml::Table =
                fs::read_to_string(plugin.join("Cargo.toml")).unwrap().parse().unwrap();
            let default = manifest["dependencies"][&format!("crosswalk-{crm}")]["path"].as_str().unwrap();
            assert!(Path::new(default).join("Cargo.toml").is_file(), "{default}");
        }
    }

    #[test]
    fn an_sdk_that_is_not_there_is_named_and_nothing_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let plugin = folder.path().join("my-mapping");
        let complaint = new(&plugin, None, Some(&folder.path().join("sdk")), &Output::new(true)).unwrap_err();
        assert_eq!(complaint.fault, Fault::Configuration);
        assert!(!plugin.exists());
    }
}
