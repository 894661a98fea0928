//! The status machine of a referral (docs: referral resources, create a referral).

/// Substatuses that end a referral: nothing may be edited after them.
const TERMINAL: [&str; 5] = ["Won", "Lost", "Declined", "Expired", "Error"];

/// Whether a referral in `substatus` is locked for good.
pub(super) fn is_terminal(status: &str, substatus: &str) -> bool {
    status == "Closed" && TERMINAL.contains(&substatus)
}

/// Whether the pair exists; `with_error` adds Closed/Error.
pub(super) fn is_pair(status: &str, substatus: &str, with_error: bool) -> bool {
    match status {
        "New" => matches!(substatus, "Pending" | "Received"),
        "Active" => substatus == "Accepted",
        "Closed" => {
            matches!(substatus, "Won" | "Lost" | "Declined" | "Expired")
                || (with_error && substatus == "Error")
        }
        _ => false,
    }
}

/// Whether `from` may become `to`.
pub(super) fn may_become(from: &str, to: &str) -> bool {
    match from {
        "New" => matches!(to, "New" | "Active" | "Closed"),
        "Active" => matches!(to, "Active" | "Closed"),
        _ => from == to,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_referral_only_moves_forward() {
        assert!(may_become("New", "Closed") && may_become("Active", "Closed") && may_become("New", "Active"));
        assert!(
            !may_become("Active", "New") && !may_become("Closed", "Active") && !may_become("Closed", "New")
        );
    }

    #[test]
    fn each_status_has_its_own_substatuses() {
        assert!(is_pair("New", "Received", false) && is_pair("Active", "Accepted", false));
        assert!(!is_pair("Active", "Pending", false) && !is_pair("New", "Accepted", false));
        assert!(!is_pair("Closed", "Error", false) && is_pair("Closed", "Error", true));
    }
}
