//! The `crosswalk` program, built beside the tests so that they can start it and kill it.

use std::process::ExitCode;

fn main() -> ExitCode {
    crosswalk::main()
}
