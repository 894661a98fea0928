//! Ids as people see and type them.

use super::*;

#[test]
fn an_id_reads_back_as_it_is_shown() {
    let id = EventId(42);
    assert_eq!(id.to_string(), "evt_42");
    assert_eq!("evt_42".parse(), Ok(id));
    assert_eq!(serde_json::to_string(&id).unwrap(), "\"evt_42\"");
    assert_eq!(serde_json::from_str::<EventId>("\"evt_42\"").unwrap(), id);
}

#[test]
fn what_only_resembles_an_id_is_refused() {
    for text in
        ["", "42", "evt_", "evt_+1", "evt_-1", "evt_007", "evt_1 ", "lane_42", "evt_99999999999999999999"]
    {
        assert!(text.parse::<EventId>().is_err(), "`{text}` was taken for an id");
    }
    let refused = "lane_42".parse::<EventId>().unwrap_err();
    assert_eq!(refused.to_string(), "`lane_42` is no id of this kind; one looks like `evt_42`");
}
