//! Builds one plugin: `cargo run -p crosswalk-builder --example build -- plugins/dynamics target/guests`.

use std::path::{Path, PathBuf};

use crosswalk_builder::{Options, build};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(crate_dir), Some(target_dir)) = (arguments.next(), arguments.next()) else {
        return Err("usage: build <crate> <target directory>".into());
    };
    let options = Options { target_dir: PathBuf::from(target_dir), offline: true, quiet: false };
    let built = build(Path::new(&crate_dir), &options)?;
    let report =
        format!("{}: {} bytes, imports {:?}\n", built.path.display(), built.bytes.len(), built.imports);
    std::io::Write::write_all(&mut std::io::stdout(), report.as_bytes())?;
    Ok(())
}
