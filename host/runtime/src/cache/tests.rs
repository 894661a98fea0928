//! The compile cache: what is not whole and ours is compiled again, never loaded.

use std::{cell::Cell, os::unix::fs::PermissionsExt};

use wasmtime::Engine;

use super::*;

/// A folder, an engine, and a component that is cheap to compile.
struct World {
    folder: tempfile::TempDir,
    engine: Engine,
    component: Vec<u8>,
}

const DIGEST: &str = "d1";

impl World {
    fn new() -> Self {
        let component = wat::parse_str("(component (core module (func (export \"f\"))))").unwrap();
        Self { folder: tempfile::tempdir().unwrap(), engine: Engine::default(), component }
    }

    fn cache(&self) -> Cache {
        self.cache_of([7; 32])
    }

    fn cache_of(&self, fingerprint: [u8; 32]) -> Cache {
        Cache::open(&self.folder.path().join("compiled"), fingerprint, 1 << 20).unwrap()
    }

    /// Whether this cache had to compile.
    fn compiles(&self, cache: &Cache, digest: &str) -> bool {
        let compiled = Cell::new(false);
        let compile = || {
            compiled.set(true);
            OurCode::compile(&self.engine, &self.component)
        };
        let code = cache.get_or_compile(digest, compile).unwrap();
        code.load(&self.engine).unwrap();
        compiled.get()
    }

    fn file(&self) -> PathBuf {
        self.cache().path(DIGEST)
    }
}

#[test]
fn a_component_is_compiled_once() {
    let world = World::new();
    assert!(world.compiles(&world.cache(), DIGEST));
    // Another start of the host: the key and the code are read from disk.
    assert!(!world.compiles(&world.cache(), DIGEST));
}

#[test]
fn a_flipped_byte_anywhere_is_compiled_again() {
    let world = World::new();
    world.compiles(&world.cache(), DIGEST);
    let whole = fs::read(world.file()).unwrap();
    let header = MAGIC.len() + FINGERPRINT_BYTES + MAC_BYTES;
    let places = [0, MAGIC.len(), MAGIC.len() + FINGERPRINT_BYTES, header, whole.len() / 2, whole.len() - 1];
    for place in places {
        let mut damaged = whole.clone();
        damaged[place] ^= 1;
        fs::write(world.file(), &damaged).unwrap();
        assert!(world.compiles(&world.cache(), DIGEST), "byte {place}");
        assert_eq!(fs::read(world.file()).unwrap().len(), whole.len(), "it was mended");
        assert!(!world.compiles(&world.cache(), DIGEST));
    }
}

#[test]
fn a_truncated_file_is_compiled_again() {
    let world = World::new();
    world.compiles(&world.cache(), DIGEST);
    let whole = fs::read(world.file()).unwrap();
    for length in [0, 5, MAGIC.len() + FINGERPRINT_BYTES + MAC_BYTES, whole.len() - 1] {
        fs::write(world.file(), &whole[..length]).unwrap();
        assert!(world.compiles(&world.cache(), DIGEST), "{length} bytes");
    }
}

#[test]
fn code_of_another_configuration_is_not_loaded() {
    let world = World::new();
    world.compiles(&world.cache(), DIGEST);
    let other = world.cache_of([8; 32]);
    assert!(world.compiles(&other, DIGEST));
    // Not even under the name that the other configuration would look for.
    fs::copy(world.file(), other.path(DIGEST)).unwrap();
    assert!(world.compiles(&other, DIGEST));
}

#[test]
fn code_of_another_component_is_not_loaded() {
    let world = World::new();
    world.compiles(&world.cache(), DIGEST);
    fs::copy(world.file(), world.cache().path("d2")).unwrap();
    assert!(world.compiles(&world.cache(), "d2"));
}

#[test]
fn code_signed_with_a_foreign_key_is_not_loaded() {
    let (world, foreign) = (World::new(), World::new());
    foreign.compiles(&foreign.cache(), DIGEST);
    world.cache();
    fs::copy(foreign.file(), world.file()).unwrap();
    assert!(world.compiles(&world.cache(), DIGEST));
}

#[test]
fn the_key_and_the_code_are_this_users_alone() {
    let world = World::new();
    world.compiles(&world.cache(), DIGEST);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let folder = world.folder.path().join("compiled");
    assert_eq!((mode(&folder), mode(&folder.join("key")), mode(&world.file())), (0o700, 0o600, 0o600));
}

#[test]
fn a_key_that_others_could_read_is_replaced_and_its_code_compiled_again() {
    let world = World::new();
    world.compiles(&world.cache(), DIGEST);
    let key = world.folder.path().join("compiled/key");
    let before = fs::read(&key).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(world.compiles(&world.cache(), DIGEST));
    assert_ne!(fs::read(&key).unwrap(), before);
    fs::write(&key, b"short").unwrap();
    assert!(world.compiles(&world.cache(), DIGEST));
    assert_eq!(fs::read(&key).unwrap().len(), 32);
}

#[test]
fn the_oldest_code_goes_when_the_folder_is_full() {
    let world = World::new();
    world.compiles(&world.cache(), DIGEST);
    let size = fs::metadata(world.file()).unwrap().len();
    let hour_ago = SystemTime::now() - std::time::Duration::from_secs(3_600);
    fs::File::options().write(true).open(world.file()).unwrap().set_modified(hour_ago).unwrap();
    let small = Cache::open(&world.folder.path().join("compiled"), [7; 32], size + size / 2).unwrap();
    assert!(world.compiles(&small, "d2"));
    assert!(!world.file().exists());
    assert!(!world.compiles(&small, "d2"));
}

#[test]
fn a_folder_that_cannot_be_written_costs_time_and_fails_nothing() {
    let world = World::new();
    let cache = world.cache();
    fs::remove_dir_all(world.folder.path().join("compiled")).unwrap();
    assert!(world.compiles(&cache, DIGEST));
}
