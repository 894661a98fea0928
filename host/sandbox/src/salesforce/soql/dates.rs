//! `TODAY`, `LAST_N_DAYS:7` and their like: spans of days that move with the clock, in UTC.

use jiff::{Span, Timestamp, ToSpan, civil::Date, tz::TimeZone};

/// The first day of a span, and the first day after it. `None` if there is no span of that name.
pub(crate) fn span(name: &str, count: Option<i32>, now: Timestamp) -> Option<(Date, Date)> {
    let today = now.to_zoned(TimeZone::UTC).date();
    let days = |from: i32, to: i32| Some((plus(today, from.days())?, plus(today, to.days())?));
    match (name, count) {
        ("TODAY", None) => days(0, 1),
        ("YESTERDAY", None) => days(-1, 0),
        ("TOMORROW", None) => days(1, 2),
        ("LAST_90_DAYS", None) => days(-90, 1),
        ("NEXT_90_DAYS", None) => days(1, 91),
        ("LAST_N_DAYS", Some(n)) => days(-n, 1),
        ("NEXT_N_DAYS", Some(n)) => days(1, n.checked_add(1)?),
        ("N_DAYS_AGO", Some(n)) => days(-n, 1 - n),
        _ => period(name, count, today),
    }
}

/// Spans of weeks, months, quarters and years.
fn period(name: &str, count: Option<i32>, today: Date) -> Option<(Date, Date)> {
    let (which, unit) = name.split_once('_')?;
    let (first, step) = match unit.trim_start_matches("N_").trim_end_matches('S').trim_end_matches("S_AGO") {
        "WEEK" => (plus(today, -i32::from(today.weekday().to_sunday_zero_offset()).days())?, 1.week()),
        "MONTH" => (today.first_of_month(), 1.month()),
        "QUARTER" => {
            let month = (today.month() - 1) / 3 * 3 + 1;
            (Date::new(today.year(), month, 1).ok()?, 3.months())
        }
        "YEAR" => (today.first_of_year(), 1.year()),
        _ => return None,
    };
    let at = |periods: i32| plus(first, step.checked_mul(i64::from(periods)).ok()?);
    match (which, unit.starts_with("N_"), count) {
        ("THIS", false, None) => Some((first, at(1)?)),
        ("LAST", false, None) => Some((at(-1)?, first)),
        ("NEXT", false, None) => Some((at(1)?, at(2)?)),
        ("LAST", true, Some(n)) => Some((at(-n)?, first)),
        ("NEXT", true, Some(n)) => Some((at(1)?, at(n.checked_add(1)?)?)),
        _ => None,
    }
}

fn plus(date: Date, span: Span) -> Option<Date> {
    date.checked_add(span).ok()
}

/// Midnight at the beginning of a day.
pub(crate) fn midnight(date: Date) -> Timestamp {
    date.to_zoned(TimeZone::UTC).map_or(Timestamp::MIN, |midnight| midnight.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(literal: &str, expected: &str) {
        let now = "2026-11-20T15:00:00Z".parse().unwrap(); // a Friday
        let (name, count) = literal.split_once(':').unwrap_or((literal, ""));
        let found = span(name, count.parse().ok(), now).map(|(from, to)| format!("{from} {to}"));
        assert_eq!(found.unwrap_or_default(), expected, "{literal}");
    }

    #[test]
    fn spans_move_with_the_clock() {
        check("TODAY", "2026-11-20 2026-11-21");
        check("YESTERDAY", "2026-11-19 2026-11-20");
        check("LAST_N_DAYS:7", "2026-11-13 2026-11-21");
        check("NEXT_N_DAYS:2", "2026-11-21 2026-11-23");
        check("N_DAYS_AGO:3", "2026-11-17 2026-11-18");
        check("THIS_WEEK", "2026-11-15 2026-11-22");
        check("LAST_MONTH", "2026-10-01 2026-11-01");
        check("LAST_N_MONTHS:2", "2026-09-01 2026-11-01");
        check("THIS_QUARTER", "2026-10-01 2027-01-01");
        check("NEXT_YEAR", "2027-01-01 2028-01-01");
        check("LAST_N_DAYS", "");
        check("SOMEDAY", "");
    }
}
