//! The guide's plugins are the ones that are tested.

#[test]
fn the_guide_begins_with_a_plugin_that_works() {
    assert!(include_str!("../README.md").contains(include_str!("hello.rs").trim_end()));
}

#[test]
fn the_guides_plugin_for_leads_works() {
    let (plugin, _test) = include_str!("leads.rs").split_once("\n#[test]").unwrap();
    assert!(include_str!("../README.md").contains(plugin));
}
