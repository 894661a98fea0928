//! `crosswalk plugin push` and `pull`, and where `plugin deploy` gets a component from: a file, a plugin crate's folder,
//! or a registry.
//!
//! Nothing here signs: a secret key belongs into `minisign` and nowhere else.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE};
use serde::Serialize;

use super::{super::Output, built, read};
use crate::{
    artefact::{Address, Repository},
    error::{Complaint, Fault},
    signing,
};

/// A component that shall be taken by a host.
#[derive(Clone, Debug, clap::Args)]
pub(in crate::cli) struct ComponentArgs {
    /// The component: a `.wasm` file, a plugin crate's folder, which is built first, or `oci://registry/repository:tag`
    /// (or `@sha256:…`). A tag is asked for once; what it named then is taken.
    pub(super) component: String,
    /// The component's minisign signature. Left out: the file beside it, `x.wasm.minisig`, or those in the registry.
    #[arg(long)]
    pub(super) signature: Option<PathBuf>,
    /// Speak plain HTTP to the registry. It is done by itself with one on this machine.
    #[arg(long)]
    pub(super) plain_http: bool,
}

/// What to push, and where to.
#[derive(Clone, Debug, clap::Args)]
pub(in crate::cli) struct PushArgs {
    /// The component, a `.wasm` file, or a plugin crate's folder, which is built first.
    component: PathBuf,
    /// Where to: `oci://registry/repository:tag`.
    to: String,
    /// The component's minisign signature. Left out: the file beside it, `x.wasm.minisig`, if there is one.
    #[arg(long)]
    signature: Option<PathBuf>,
    /// Speak plain HTTP to the registry. It is done by itself with one on this machine.
    #[arg(long)]
    plain_http: bool,
}

/// What to pull, and into which file.
#[derive(Clone, Debug, clap::Args)]
pub(in crate::cli) struct PullArgs {
    /// The component: `oci://registry/repository:tag`, or with `@sha256:…`.
    from: String,
    /// The file to write it into; its signature goes beside it, into `x.wasm.minisig`.
    #[arg(short, long)]
    output: PathBuf,
    /// Speak plain HTTP to the registry. It is done by itself with one on this machine.
    #[arg(long)]
    plain_http: bool,
}

/// A component that is at hand, with what is known of it.
pub(super) struct Candidate {
    /// The component.
    pub(super) bytes: Vec<u8>,
    /// Where it is from: an address with a digest, or a file's name.
    pub(super) source: String,
    signatures: Vec<String>,
}

impl Candidate {
    /// Gets a component from where it is. Nothing is sent to a host yet.
    pub(super) async fn get(args: ComponentArgs, output: &Output) -> Result<Self, Complaint> {
        let mut candidate = match Address::is_meant_by(&args.component) {
            true => Self::pull(&args.component, args.plain_http, output).await?,
            false => Self::local(Path::new(&args.component), output)?,
        };
        if let Some(file) = &args.signature {
            candidate.signatures = vec![signature_file(file)?];
        }
        Ok(candidate)
    }

    /// The signatures as the admin API takes them.
    pub(super) fn encoded_signatures(&self) -> String {
        let encoded: Vec<String> = self.signatures.iter().map(|text| URL_SAFE.encode(text)).collect();
        encoded.join(",")
    }

    async fn pull(address: &str, plain_http: bool, output: &Output) -> Result<Self, Complaint> {
        let pulled = Repository::open(Address::parse(address)?, plain_http)?.pull().await?;
        say_pinned(address, &pulled.address, output)?;
        Ok(Candidate {
            bytes: pulled.bytes,
            source: pulled.address.to_string(),
            signatures: pulled.signatures,
        })
    }

    fn local(component: &Path, output: &Output) -> Result<Self, Complaint> {
        let (bytes, path) = bytes(component, output)?;
        // What lies beside a build's result may be of an earlier build.
        let signature = if component.is_dir() { None } else { signature_beside(component, output)? };
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        Ok(Candidate { bytes, source: name, signatures: signature.into_iter().collect() })
    }
}

/// A component that is in a registry now.
#[derive(Serialize)]
struct Pushed {
    /// Where, with its digest.
    component: String,
    /// The key that it is signed by, as minisign shows it.
    signed_by: Option<String>,
}

pub(super) async fn push(args: PushArgs, output: &Output) -> Result<(), Complaint> {
    let repository = Repository::open(Address::parse_tag(&args.to)?, args.plain_http)?;
    let (bytes, _) = bytes(&args.component, output)?;
    let signature = match &args.signature {
        Some(file) => Some(signature_file(file)?),
        None if args.component.is_dir() => None,
        None => signature_beside(&args.component, output)?,
    };
    let address = repository.push(&bytes, signature.as_deref()).await?;
    let signed_by = signature.as_deref().and_then(signing::signature_key_id);
    let pushed = Pushed { component: address.to_string(), signed_by };
    output.say(&pushed, || {
        let signed = match &pushed.signed_by {
            Some(key) => format!("signed by key {key}"),
            None => "unsigned".to_owned(),
        };
        format!("pushed {}, {signed}", pushed.component)
    });
    Ok(())
}

/// A component that is in a file now.
#[derive(Serialize)]
struct PulledFiles {
    /// Where it came from, with its digest.
    component: String,
    /// Where it is.
    file: PathBuf,
    /// Where its signatures are.
    signatures: Vec<PathBuf>,
}

pub(super) async fn pull(args: PullArgs, output: &Output) -> Result<(), Complaint> {
    let pulled = Repository::open(Address::parse(&args.from)?, args.plain_http)?.pull().await?;
    say_pinned(&args.from, &pulled.address, output)?;
    write(&args.output, &pulled.bytes)?;
    let mut signatures = Vec::new();
    for (number, text) in pulled.signatures.iter().enumerate() {
        let file = signature_path(&args.output, number);
        write(&file, text.as_bytes())?;
        signatures.push(file);
    }
    let files = PulledFiles { component: pulled.address.to_string(), file: args.output, signatures };
    output.say(&files, || {
        let mut words = format!("pulled {} into {}", files.component, files.file.display());
        if files.signatures.is_empty() {
            words.push_str("; nobody signed it");
        }
        for signature in &files.signatures {
            words.push_str(&format!(
                "\n  verify: minisign -V -m {} -x {} -P <public key>",
                files.file.display(),
                signature.display()
            ));
        }
        words
    });
    Ok(())
}

/// The first signature goes where minisign looks for it, further ones are numbered.
fn signature_path(component: &Path, number: usize) -> PathBuf {
    if number == 0 {
        return signing::path_beside(component);
    }
    let mut numbered = component.as_os_str().to_owned();
    numbered.push(format!(".{}", number + 1));
    signing::path_beside(Path::new(&numbered))
}

/// Says what a tag named at this moment, since it may name something else at the next.
fn say_pinned(asked: &str, pinned: &Address, output: &Output) -> Result<(), Complaint> {
    if let (Some(tag), Some(digest)) = (Address::parse(asked)?.loose_tag(), pinned.digest()) {
        output.tell(&format!("the tag `{tag}` is {digest} now; that is what is taken"));
    }
    Ok(())
}

/// A component from its file or from the crate that it is made of, and the file that it is in.
fn bytes(component: &Path, output: &Output) -> Result<(Vec<u8>, PathBuf), Complaint> {
    if component.is_dir() {
        let built = built(component, false, output)?;
        return Ok((built.bytes, built.path));
    }
    Ok((read(component)?, component.to_owned()))
}

fn signature_file(file: &Path) -> Result<String, Complaint> {
    let text = signing::read_signature(file).map_err(|error| {
        Complaint::new(
            Fault::Configuration,
            format!("the signature `{}` could not be read", file.display()),
            "nothing was sent or stored",
            "name the file that `minisign -Sm` wrote, `x.wasm.minisig`",
        )
        .because(&error)
    })?;
    if signing::is_signature(&text) { Ok(text) } else { Err(no_signature(file)) }
}

fn signature_beside(component: &Path, output: &Output) -> Result<Option<String>, Complaint> {
    let file = signing::path_beside(component);
    if !file.exists() {
        return Ok(None);
    }
    output.tell(&format!("with the signature beside it, {}", file.display()));
    signature_file(&file).map(Some)
}

fn no_signature(file: &Path) -> Complaint {
    Complaint::new(
        Fault::Configuration,
        format!("`{}` is no signature of minisign", file.display()),
        "nothing was sent or stored",
        "`minisign -Sm x.wasm` writes one into `x.wasm.minisig`; that file is meant",
    )
    .code("MAP086")
}

/// Writes a new file; one that is there already is left alone.
fn write(file: &Path, bytes: &[u8]) -> Result<(), Complaint> {
    let made = fs::OpenOptions::new().write(true).create_new(true).open(file);
    made.and_then(|mut made| io::Write::write_all(&mut made, bytes)).map_err(|error| {
        Complaint::new(
            Fault::Configuration,
            format!("`{}` could not be written", file.display()),
            "files that were there are as they were",
            "name a file that does not exist yet, in a folder that does",
        )
        .because(&error)
    })
}
