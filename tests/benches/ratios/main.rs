//! `cargo bench -p crosswalk-tests`: what Crosswalk costs, as ratios to a floor that the same run measures.
//!
//! A floor is the least that the same work can cost: the mapping without WebAssembly, the HTTP calls without a host,
//! the rows without a journal. Thing and floor take turns, so that a busy moment of the machine meets both. Nothing is
//! asserted about time; a time says nothing on another machine, a ratio says a little.
//!
//! `--quick` measures a few rounds only, and works in any profile:
//! `cargo test -p crosswalk-tests --bench ratios -- --quick`. `isolation` or `languages` measures nothing but that.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "what a benchmark prints is its result")]

mod intake;
mod isolation;
mod languages;
mod pass;
mod plugin;
mod rounds;

use anyhow::Result;
use rounds::Rounds;

/// What the design allows a plugin call to cost, in native calls.
const PLUGIN_CALL_RATIO_MAX: f64 = 6.0;

/// What a tenant may be slowed down by one that computes without end.
const HOG_RATIO_MAX: f64 = 1.1;

/// How many rounds are measured.
pub(crate) struct Effort {
    quick: bool,
}

impl Effort {
    /// The rounds to measure, where `full` are wanted.
    pub(crate) fn of(&self, full: usize) -> usize {
        if self.quick { full.div_ceil(20).max(3) } else { full }
    }
}

fn main() -> Result<()> {
    let asked = |flag: &str| std::env::args().any(|argument| argument == flag);
    let effort = Effort { quick: asked("--quick") };
    if !effort.quick && !asked("--bench") {
        println!(
            "nothing is measured among the tests: run `cargo bench -p crosswalk-tests`, or give `--quick`"
        );
        return Ok(());
    }
    if cfg!(debug_assertions) {
        println!("this build is not optimised: these ratios say that the benchmark runs, and nothing more\n");
    }
    println!("{}", rounds::heading());
    let runtime = tokio::runtime::Runtime::new()?;
    if asked("languages") {
        return show_languages(&effort);
    }
    if asked("isolation") {
        let beside = runtime.block_on(isolation::measure(&effort))?;
        show(&[&beside]);
        println!("\n{}", calm(&beside));
        return Ok(());
    }
    let [call, whole] = plugin::measure(&effort)?;
    show(&[&call, &whole]);
    let pass = runtime.block_on(pass::measure(&effort))?;
    show(&[&pass.rounds]);
    let intake = runtime.block_on(intake::measure(&effort))?;
    show(&[&intake.rounds]);
    let beside = runtime.block_on(isolation::measure(&effort))?;
    show(&[&beside]);
    show_languages(&effort)?;
    println!();
    println!("{}", verdict(&call));
    println!("{}", calm(&beside));
    println!("{pass}\n{intake}");
    println!(
        "ratios are from this machine and this run{}",
        if effort.quick { ", which was a quick one" } else { "" }
    );
    Ok(())
}

fn show(rows: &[&Rounds]) {
    for row in rows {
        println!("{row}");
    }
}

/// Only what the tests have built is measured: its tools are none of ours.
fn show_languages(effort: &Effort) -> Result<()> {
    for (rounds, loading) in languages::measure(effort)? {
        println!("{rounds} (compiled and described in {:.1} s)", loading.as_secs_f64());
    }
    Ok(())
}

fn calm(beside: &Rounds) -> String {
    let ratio = beside.ratio();
    let holds = if ratio <= HOG_RATIO_MAX { "holds" } else { "does not hold" };
    format!(
        "expected: a tenant that computes without end slows others by less than a tenth; {ratio:.3}: {holds} in this run"
    )
}

fn verdict(call: &Rounds) -> String {
    let ratio = call.ratio();
    let holds = if ratio <= PLUGIN_CALL_RATIO_MAX { "holds" } else { "does not hold" };
    format!(
        "expected: a fresh plugin call costs at most {PLUGIN_CALL_RATIO_MAX:.0} native calls; {ratio:.2}: {holds} in this run"
    )
}
