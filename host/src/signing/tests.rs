//! Signatures as the real minisign made them (`made/`), over `COMPONENT` unless the name says otherwise.

use super::*;

const COMPONENT: &[u8] = b"a component";

const BUILD_2026: (&str, &str) = ("build-2026", "RWS0YzWN3iBJgPUKofztzSqlbghskOnDGlQgcO604sMsHRhyXOhCIgZb");
const BUILD_2027: (&str, &str) = ("build-2027", "RWRxldzW7bwG5EnpqVGD0xlQOKdEQHxNmCheGMvyeA/TvUndWeMfEq7J");

/// By `build-2026`, with a trusted comment of its own.
const GOOD: &str = include_str!("made/good.minisig");
const BY_2027: &str = include_str!("made/other-key.minisig");
const BY_A_STRANGER: &str = include_str!("made/stranger.minisig");
/// By `build-2026`, with `minisign -l`.
const LEGACY: &str = include_str!("made/legacy.minisig");
/// By `build-2026`, over another component.
const OF_ANOTHER: &str = include_str!("made/other-file.minisig");

fn policy(keys: &[(&str, &str)]) -> PluginPolicy {
    let owned = |(name, key): &(&str, &str)| ((*name).to_owned(), (*key).to_owned());
    PluginPolicy { signed_by: keys.iter().map(owned).collect() }
}

fn offered(signatures: &[&str]) -> Offered {
    let signatures = signatures.iter().map(|text| (*text).to_owned()).collect();
    Offered::uploaded(COMPONENT.to_vec(), "oci://r.example/contoso:1@sha256:00", signatures)
}

/// What is said of a component that comes with these signatures, where these keys are trusted.
fn refused(keys: &[(&str, &str)], signatures: &[&str]) -> Complaint {
    examine("contoso", Some(&policy(keys)), &offered(signatures)).unwrap_err()
}

#[test]
fn a_component_that_a_trusted_key_signed_is_taken_with_what_its_signer_says() {
    let origin = examine("contoso", Some(&policy(&[BUILD_2026])), &offered(&[GOOD])).unwrap();
    assert_eq!(origin.place, "oci://r.example/contoso:1@sha256:00");
    let signature = origin.signature.unwrap();
    assert_eq!(signature.text, GOOD);
    assert_eq!(signature.comment, "contoso 1.4.0, built by ada");
    assert_eq!(signature.signer.unwrap(), format!("build-2026 ({})", BUILD_2026.1));
}

#[test]
fn while_keys_are_changed_either_will_do_and_the_earlier_one_no_longer_once_it_is_taken_off() {
    let both = policy(&[BUILD_2026, BUILD_2027]);
    for (signatures, by) in [([GOOD].as_slice(), "build-2026"), (&[BY_2027], "build-2027")] {
        let origin = examine("contoso", Some(&both), &offered(signatures)).unwrap();
        assert!(origin.signature.unwrap().signer.unwrap().starts_with(by));
    }
    let rotated = refused(&[BUILD_2027], &[GOOD]);
    assert_eq!(rotated.causes, ["it is signed by key 804920DE8D3563B4, which the tenant does not name"]);
    let signed_twice = offered(&[GOOD, BY_2027]);
    let origin = examine("contoso", Some(&policy(&[BUILD_2027])), &signed_twice).unwrap();
    assert_eq!(origin.signature.unwrap().text, BY_2027);
}

#[test]
fn a_refusal_says_why_each_signature_does_not_count_which_keys_would_and_how_to_sign() {
    let complaint = refused(&[BUILD_2026, BUILD_2027], &[]);
    assert_eq!(complaint.code.as_deref(), Some(UNTRUSTED));
    assert_eq!(complaint.causes, ["no signature came with it"]);
    for words in [BUILD_2026.1, BUILD_2027.1, "minisign -Sm", "--signature"] {
        assert!(complaint.help.contains(words), "{complaint}");
    }
    assert!(complaint.state.contains("stored nothing"), "{complaint}");
    let causes = refused(&[BUILD_2026], &[BY_A_STRANGER, OF_ANOTHER, LEGACY]).causes;
    assert!(causes[0].contains("42D2AB98285A5037"), "{causes:?}");
    assert!(causes[1].contains("`build-2026` is not over these bytes"), "{causes:?}");
    assert!(causes[2].contains("legacy"), "{causes:?}");
}

#[test]
fn no_changed_bit_of_component_comment_or_signature_is_taken() {
    let trusted = policy(&[BUILD_2026]);
    let mut changed = offered(&[GOOD]);
    changed.bytes[3] ^= 1;
    assert!(examine("contoso", Some(&trusted), &changed).is_err());
    // The first line is the untrusted comment, which nobody relies on.
    let signed_from = GOOD.find('\n').unwrap() + 1;
    for at in (signed_from..GOOD.len() - 1).step_by(3) {
        let mut forged = GOOD.as_bytes().to_vec();
        forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
        let forged = String::from_utf8(forged).unwrap();
        assert!(examine("contoso", Some(&trusted), &offered(&[&forged])).is_err(), "byte {at} of:\n{forged}");
    }
}

#[test]
fn what_is_no_signature_is_refused_even_where_none_is_demanded() {
    for text in ["", "hunter2", "untrusted comment: x\nRUS0\ntrusted comment: y\nrkAO"] {
        let complaint = examine("contoso", None, &offered(&[text])).unwrap_err();
        assert_eq!(complaint.code.as_deref(), Some("MAP086"));
        assert!(!complaint.to_string().contains("hunter2"), "{complaint}");
    }
}

#[test]
fn without_a_policy_a_signature_is_kept_and_said_to_be_unverified() {
    let origin = examine("contoso", None, &offered(&[BY_A_STRANGER])).unwrap();
    assert_eq!(origin.signature.unwrap().signer, None);
    assert_eq!(examine("contoso", None, &offered(&[])).unwrap().signature, None);
}

#[test]
fn only_the_host_itself_can_say_that_a_component_is_built_in() {
    let trusted = policy(&[BUILD_2026]);
    let own = examine("contoso", Some(&trusted), &Offered::built_in(COMPONENT)).unwrap();
    assert_eq!((own.place.as_str(), own.signature), ("built-in", None));
    let pretended = Offered::uploaded(COMPONENT.to_vec(), "built-in", Vec::new());
    assert!(examine("contoso", Some(&trusted), &pretended).is_err());
}

#[test]
fn what_strangers_write_is_shown_on_one_line_and_not_without_end() {
    let noisy = format!("a\u{1b}[2J\nb{}", "x".repeat(10_000));
    let place = Offered::uploaded(Vec::new(), &noisy, Vec::new()).place;
    assert!(place.starts_with("file a [2J bxx") && place.chars().count() <= WORDS_CHARACTERS_MAX + 5);
}
