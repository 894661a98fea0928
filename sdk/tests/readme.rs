//! The guide's first example is a plugin that is compiled and tested: `hello.rs` beside this file.

#[test]
fn the_guide_begins_with_a_plugin_that_works() {
    let guide = include_str!("../README.md");
    assert!(guide.contains(include_str!("hello.rs")), "sdk/README.md and sdk/tests/hello.rs differ");
}
