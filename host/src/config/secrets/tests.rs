//! Where secrets may be read from, and that they show nowhere.

use secrecy::ExposeSecret as _;

use super::*;

const CANARY: &str = "hunter2-canary";

fn secrets(dir: &Path) -> Secrets {
    Secrets { dir: dir.into(), ..Secrets::default() }
}

fn resolved(secrets: &Secrets, secret: SecretRef) -> Result<String, SecretError> {
    let environment = |name: &str| (name == "CROSSWALK_SECRET_A").then(|| CANARY.into());
    secrets.resolve_in(&secret, environment).map(|secret| secret.expose_secret().to_owned())
}

#[test]
fn a_secret_is_read_from_a_variable_a_file_or_a_sandbox_document() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("client"), format!("{CANARY}\n")).unwrap();
    let secrets = secrets(dir.path());
    for secret in [
        SecretRef::Env("CROSSWALK_SECRET_A".into()),
        SecretRef::File("client".into()),
        SecretRef::Sandbox(CANARY.into()),
    ] {
        assert_eq!(resolved(&secrets, secret).unwrap(), CANARY);
    }
}

#[test]
fn variables_without_the_prefix_are_not_read_and_not_repeated() {
    let secrets = secrets(Path::new("."));
    for name in ["PATH", "AWS_SECRET_ACCESS_KEY", "CROSSWALK_SECRET_a b", CANARY] {
        let error = resolved(&secrets, SecretRef::Env(name.into())).unwrap_err();
        assert!(matches!(error, SecretError::VariableRefused { .. }), "{error:?}");
        assert!(!format!("{error} {error:?}").contains(name));
    }
}

#[test]
fn a_variable_that_is_not_set_is_named() {
    let error = resolved(&secrets(Path::new(".")), SecretRef::Env("CROSSWALK_SECRET_B".into())).unwrap_err();
    assert!(error.to_string().contains("`CROSSWALK_SECRET_B`"), "{error}");
}

#[test]
fn files_outside_the_directory_are_not_read_however_they_are_named() {
    let outside = tempfile::tempdir().unwrap();
    let dir = outside.path().join("secrets");
    fs::create_dir(&dir).unwrap();
    let target = outside.path().join("target");
    fs::write(&target, CANARY).unwrap();
    std::os::unix::fs::symlink(&target, dir.join("link")).unwrap();
    let secrets = secrets(&dir);
    for file in [target, "../target".into(), "link".into()] {
        let error = resolved(&secrets, SecretRef::File(file)).unwrap_err();
        assert!(matches!(error, SecretError::FileRefused { .. }), "{error:?}");
    }
}

#[test]
fn a_mounted_secret_that_is_a_link_within_the_directory_is_read() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("..data")).unwrap();
    fs::write(dir.path().join("..data/client"), CANARY).unwrap();
    std::os::unix::fs::symlink("..data/client", dir.path().join("client")).unwrap();
    assert_eq!(resolved(&secrets(dir.path()), SecretRef::File("client".into())).unwrap(), CANARY);
}

#[test]
fn an_empty_missing_oversized_or_binary_file_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("empty"), "\n").unwrap();
    fs::write(dir.path().join("large"), "x".repeat(SECRET_BYTES_MAX + 1)).unwrap();
    fs::write(dir.path().join("binary"), [0xff, 0xfe]).unwrap();
    let secrets = secrets(dir.path());
    let error = |file: &str| resolved(&secrets, SecretRef::File(file.into())).unwrap_err();
    assert!(matches!(error("empty"), SecretError::Empty(_)));
    assert!(matches!(error("large"), SecretError::FileMalformed(_)));
    assert!(matches!(error("binary"), SecretError::FileMalformed(_)));
    assert!(matches!(error("missing"), SecretError::FileUnreadable { .. }));
}

#[derive(Debug, Serialize, Deserialize)]
struct Holder {
    secret: SecretRef,
}

#[test]
fn a_reference_reads_back_as_it_was_written() {
    for text in ["env = \"CROSSWALK_SECRET_A\"", "file = \"contoso/client\"", "sandbox = \"sandbox\""] {
        let holder: Holder = toml::from_str(&format!("secret = {{ {text} }}")).unwrap();
        let json = serde_json::to_string(&holder).unwrap();
        let again: Holder = serde_json::from_str(&json).unwrap();
        assert_eq!(again.secret, holder.secret);
    }
}

#[test]
fn a_secret_in_place_of_a_reference_is_refused_and_not_repeated() {
    for value in [format!("\"{CANARY}\""), format!("{{ value = \"{CANARY}\" }}"), "[]".into(), "98765".into()]
    {
        let error = toml::from_str::<Holder>(&format!("secret = {value}")).unwrap_err();
        assert!(
            !error.message().contains(CANARY) && !error.message().contains("98765"),
            "{}",
            error.message()
        );
    }
    for value in [
        format!("\"{CANARY}\""),
        "98765".into(),
        "1.5".into(),
        format!("{{\"env\":\"A\",\"x\":\"{CANARY}\"}}"),
    ] {
        let error =
            serde_json::from_str::<Holder>(&format!("{{\"secret\":{value}}}")).unwrap_err().to_string();
        assert!(!error.contains(CANARY) && !error.contains("98765"), "{error}");
    }
}

#[test]
fn no_secret_shows_in_debug_output() {
    assert_eq!(format!("{:?}", SecretRef::Sandbox(CANARY.into())), "Sandbox([REDACTED])");
}
