//! Which release is meant, and what is taken back of what it wrote.

use super::*;

fn found(asked: &str) -> Result<String, Complaint> {
    let all = ["sha256:aa11", "sha256:aa22", "sha256:bb33", "sha256:bb33"].map(str::to_owned);
    the_one(all.to_vec(), "contoso", asked)
}

#[test]
fn a_release_is_found_by_its_digest_or_the_beginning_of_it() {
    assert_eq!(found("sha256:aa11").unwrap(), "sha256:aa11");
    assert_eq!(found("sha256:b").unwrap(), "sha256:bb33");
    assert_eq!(found("aa2").unwrap(), "sha256:aa22");
}

#[test]
fn a_beginning_that_several_releases_have_is_refused_with_their_digests() {
    for asked in ["aa", "sha256:", ""] {
        let complaint = found(asked).unwrap_err();
        assert_eq!(complaint.fault, Whose::Refused);
        assert!(
            complaint.help.contains("sha256:aa11") && complaint.help.contains("sha256:aa22"),
            "{complaint:?}"
        );
    }
}

#[test]
fn a_release_that_is_not_there_is_not_found() {
    assert_eq!(found("cc").unwrap_err().fault, Whose::NotFound);
}
