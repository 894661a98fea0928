//! What is sealed opens with its key and in its place only.

use super::*;

fn sealer(byte: u8) -> Sealer {
    Sealer::new(&[byte; KEY_BYTES]).unwrap()
}

#[test]
fn what_was_sealed_opens_in_its_place_alone() {
    let sealed = sealer(1).seal("here", b"a secret").unwrap();
    assert_eq!(sealer(1).open("here", &sealed).unwrap(), b"a secret");
    assert!(matches!(sealer(1).open("there", &sealed), Err(Error::Sealed(place)) if place == "there"));
    assert!(matches!(sealer(2).open("here", &sealed), Err(Error::Sealed(_))));
}

#[test]
fn any_changed_byte_and_any_cut_is_noticed() {
    let sealed = sealer(1).seal("here", b"a secret").unwrap();
    for at in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        assert!(sealer(1).open("here", &changed).is_err(), "byte {at}");
        assert!(sealer(1).open("here", &sealed[..at]).is_err(), "cut at {at}");
    }
}

#[test]
fn the_same_secret_never_looks_the_same_twice() {
    let sealer = sealer(1);
    assert_ne!(sealer.seal("here", b"a secret").unwrap(), sealer.seal("here", b"a secret").unwrap());
}

#[test]
fn a_key_knows_its_own_check_and_no_other() {
    let check = sealer(1).key_check().unwrap();
    assert!(sealer(1).check_key(&check).is_ok());
    assert!(matches!(sealer(2).check_key(&check), Err(Error::WrongKey)));
    let other = sealer(1).seal("here", KEY_CHECK).unwrap();
    assert!(matches!(sealer(1).check_key(&other), Err(Error::WrongKey)));
}

#[test]
fn no_two_pairs_of_tenant_and_name_share_a_place() {
    assert_ne!(secret_place("a", "b/c"), secret_place("a/b", "c"));
}
