//! Which addresses and names are believed.

use super::*;
use crate::intake::testing;

fn trusting(hosts: &[&str]) -> TrustConfig {
    let certificate_hosts = hosts.iter().map(|host| host.parse().unwrap()).collect();
    TrustConfig { certificate_hosts, ..testing::trust() }
}

fn problem(trust: &TrustConfig, url: &str) -> &'static str {
    match trust.certificate_url(url) {
        Ok(_) => "accepted",
        Err(Refused::CertificateAddress { problem, .. }) => problem,
        Err(other) => panic!("{other:?}"),
    }
}

const NOT_ALLOWED: &str = "is on a host or port that is not allowed";

#[test]
fn the_documented_address_is_accepted_from_its_exact_host_only() {
    let trust = trusting(&["3psostorageacct.blob.core.windows.net"]);
    let documented =
        "https://3psostorageacct.blob.core.windows.net/cert/pcnotifications-dispatch.microsoft.com.cer";
    assert_eq!(problem(&trust, documented), "accepted");
    for host in [
        "other.blob.core.windows.net",
        "3psostorageacct.blob.core.windows.net.evil.example",
        "evil.3psostorageacct.blob.core.windows.net",
        "3psostorageacct.blob.core.windows.net.",
        "3psostorageacct.blob.core.windows.net:8443",
        "evil.example\\@3psostorageacct.blob.core.windows.net",
        "evil.example#@3psostorageacct.blob.core.windows.net",
    ] {
        assert_eq!(problem(&trust, &format!("https://{host}/cert")), NOT_ALLOWED, "{host}");
    }
}

#[test]
fn a_suffix_accepts_what_is_below_it_and_nothing_that_only_ends_alike() {
    let trust = trusting(&["*.microsoft.com"]);
    assert_eq!(problem(&trust, "https://a.b.Microsoft.com/x"), "accepted");
    assert_eq!(problem(&trust, "https://microsoft.com/x"), NOT_ALLOWED);
    assert_eq!(problem(&trust, "https://evilmicrosoft.com/x"), NOT_ALLOWED);
}

#[test]
fn an_address_must_be_https_without_a_user_and_not_endless() {
    let trust = trusting(&["certificates.example.com"]);
    assert_eq!(problem(&trust, "http://certificates.example.com/x"), "is not https");
    assert_eq!(problem(&trust, "ftp://certificates.example.com/x"), "is neither https nor http");
    assert_eq!(problem(&trust, "https://user@certificates.example.com/x"), "carries a user name");
    assert_eq!(problem(&trust, "https://:pw@certificates.example.com/x"), "carries a user name");
    assert_eq!(problem(&trust, "//certificates.example.com/x"), "is not a URL");
    assert_eq!(problem(&trust, "file:///etc/passwd"), "names no host");
    let long = format!("https://certificates.example.com/{}", "x".repeat(2048));
    assert_eq!(problem(&trust, &long), "is too long");
}

#[test]
fn a_port_is_accepted_only_where_it_is_listed() {
    let trust = trusting(&["a.example.com:8443", "b.example.com:*"]);
    assert_eq!(problem(&trust, "https://a.example.com:8443/x"), "accepted");
    assert_eq!(problem(&trust, "https://a.example.com/x"), NOT_ALLOWED);
    assert_eq!(problem(&trust, "https://b.example.com:1234/x"), "accepted");
    assert_eq!(problem(&trust, "https://b.example.com/x"), "accepted");
}

#[test]
fn an_ip_address_is_accepted_only_where_it_is_listed_however_it_is_spelled() {
    let trust = trusting(&["*.example.com", "192.0.2.7"]);
    for spelled in ["127.0.0.1", "0x7f.1", "2130706433", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254"] {
        assert_eq!(problem(&trust, &format!("https://{spelled}/x")), NOT_ALLOWED, "{spelled}");
    }
    assert_eq!(problem(&trust, "https://192.0.2.7/x"), "accepted");
}

#[test]
fn http_is_accepted_on_loopback_alone_and_only_if_allowed() {
    let hosts = ["127.0.0.1:*", "localhost:7101", "[::1]:7101", "certificates.example.com"];
    let mut trust = trusting(&hosts);
    assert_eq!(problem(&trust, "http://127.0.0.1:7101/cert"), "is not https");
    trust.allow_http_loopback = true;
    for host in ["127.0.0.1:7101", "localhost:7101", "[::1]:7101"] {
        assert_eq!(problem(&trust, &format!("http://{host}/cert")), "accepted", "{host}");
    }
    assert_eq!(problem(&trust, "http://certificates.example.com/cert"), "is not https");
    assert_eq!(problem(&trust, "http://127.0.0.2:7101/cert"), NOT_ALLOWED);
}

#[test]
fn a_fragment_makes_no_other_address() {
    let trust = trusting(&["certificates.example.com"]);
    let url = trust.certificate_url("https://certificates.example.com/x#1").unwrap();
    assert_eq!(url.as_str(), "https://certificates.example.com/x");
}

#[test]
fn a_host_pattern_reads_back_as_it_was_written() {
    for text in ["a.example.com", "*.example.com:8443", "127.0.0.1:*", "[::1]:7101", "[::1]"] {
        assert_eq!(text.parse::<HostPattern>().unwrap().to_string(), text);
    }
}

#[test]
fn a_host_pattern_that_says_too_much_or_nothing_is_refused() {
    for text in
        ["", "*", "*.", "*.com", "a b", "a.example.com:", "a.example.com:99999", "*.127.0.0.1", "https://a"]
    {
        text.parse::<HostPattern>().unwrap_err();
    }
}

#[test]
fn a_root_file_without_a_certificate_is_refused() {
    let mut trust = testing::trust();
    assert!(trust.add_roots_pem(b"nothing").unwrap_err().contains("BEGIN CERTIFICATE"));
    trust.add_roots_pem(testing::root().pem().as_bytes()).unwrap();
    assert_eq!(trust.roots.len(), 2);
}
