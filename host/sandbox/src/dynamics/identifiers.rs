//! GUIDs that are the same on every machine and in every run, so that a script may name a seeded row.

use aws_lc_rs::digest;
use uuid::{Builder, Uuid};

/// The GUID of a thing by its kind and name.
pub(crate) fn fixed_id(kind: &str, name: &str) -> Uuid {
    let hash = digest::digest(&digest::SHA256, format!("{kind}:{name}").as_bytes());
    let mut bytes = [0_u8; 16];
    for (to, from) in bytes.iter_mut().zip(hash.as_ref()) {
        *to = *from;
    }
    Builder::from_random_bytes(bytes).into_uuid()
}
