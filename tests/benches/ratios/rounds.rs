//! Rounds in which a thing and its floor take turns, and what is said of them.

use std::{fmt, time::Duration};

/// One comparison: how long a thing took and how long its floor took, round by round, each for one unit of work.
pub(crate) struct Rounds {
    what: &'static str,
    floor: &'static str,
    took: Vec<(f64, f64)>,
}

impl Rounds {
    /// No rounds yet. `what` is measured against `floor`.
    pub(crate) fn new(what: &'static str, floor: &'static str) -> Self {
        Rounds { what, floor, took: Vec::new() }
    }

    /// Adds a round in which `units` of work were done both ways.
    pub(crate) fn add(&mut self, thing: Duration, floor: Duration, units: usize) {
        let each = |took: Duration| took.as_secs_f64() / units.max(1) as f64;
        self.took.push((each(thing), each(floor)));
    }

    /// How many times as long as its floor the thing takes: the ratio of the medians.
    pub(crate) fn ratio(&self) -> f64 {
        self.thing() / self.floor()
    }

    /// Units of work a second: of the thing, and of the floor.
    pub(crate) fn rates(&self) -> (f64, f64) {
        (1.0 / self.thing(), 1.0 / self.floor())
    }

    fn thing(&self) -> f64 {
        at(self.took.iter().map(|(thing, _)| *thing), 0.5)
    }

    fn floor(&self) -> f64 {
        at(self.took.iter().map(|(_, floor)| *floor), 0.5)
    }

    /// The ratio of the single round that stands at this share of all rounds, the lowest ratio first.
    fn ratio_at(&self, share: f64) -> f64 {
        at(self.took.iter().map(|(thing, floor)| thing / floor), share)
    }
}

/// One row of the table.
impl fmt::Display for Rounds {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&line([
            self.what,
            &time(self.thing()),
            self.floor,
            &time(self.floor()),
            &format!("{:.2}", self.ratio()),
            &format!("{:.2} to {:.2}", self.ratio_at(0.1), self.ratio_at(0.9)),
            &self.took.len().to_string(),
        ]))
    }
}

/// What stands above the rows. The spread is that of the rounds' own ratios, without the lowest and highest tenth.
pub(crate) fn heading() -> String {
    line(["measured", "median", "floor", "median", "ratio", "spread", "rounds"])
}

fn line([what, took, floor, floor_took, ratio, spread, rounds]: [&str; 7]) -> String {
    format!("{what:<26} {took:>9} | {floor:<23} {floor_took:>9} | {ratio:>5} | {spread:<14} | {rounds:>6}")
}

/// The value at this share of all, sorted; 0.5 is the median. Not a number if there is none.
fn at(values: impl Iterator<Item = f64>, share: f64) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let index = (values.len().saturating_sub(1) as f64 * share).round();
    values.get(index as usize).copied().unwrap_or(f64::NAN)
}

/// Seconds, as a person reads them.
fn time(seconds: f64) -> String {
    match seconds {
        _ if seconds < 1e-3 => format!("{:.1} us", seconds * 1e6),
        _ if seconds < 1.0 => format!("{:.2} ms", seconds * 1e3),
        _ => format!("{seconds:.2} s"),
    }
}
