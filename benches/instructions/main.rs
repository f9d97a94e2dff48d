//! Counts the instructions of the hot path and compares them with `baseline.toml`.
//!
//! `cargo bench --bench instructions` fails when something grew by more than 5 %; `-- --renew` writes the baseline anew;
//! `-- NAME…` counts only these. Time on a shared machine cannot tell 5 %; instructions can. valgrind counts them.

#![expect(clippy::print_stdout, reason = "it is there to print figures")]

mod baseline;
mod callgrind;
mod pieces;
mod whole;

use std::error::Error;
use std::process::ExitCode;

use baseline::{Baseline, Verdict};

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    // This very program, under valgrind.
    if let [flag, name, times] = arguments.as_slice()
        && flag == pieces::RUN
    {
        pieces::run(name, times.parse().unwrap_or(0));
        return ExitCode::SUCCESS;
    }
    let renew = arguments.iter().any(|argument| argument == "--renew");
    let names: Vec<&str> =
        arguments.iter().map(String::as_str).filter(|name| !name.starts_with('-')).collect();
    match measure(renew, &names) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("nothing was counted: {error}");
            ExitCode::FAILURE
        }
    }
}

/// True when nothing grew.
fn measure(renew: bool, names: &[&str]) -> Outcome<bool> {
    callgrind::check()?;
    let mut baseline = Baseline::read()?;
    let mut grown = Vec::new();
    let wanted = |name: &str| names.is_empty() || names.contains(&name);
    println!("{:<20} {:>12} {:>12} {:>8}", "instructions of", "now", "baseline", "");
    let pieces = pieces::NAMES.into_iter().map(|name| (name, pieces::count as fn(&str) -> Outcome<u64>));
    let whole = whole::NAMES.into_iter().map(|name| (name, whole::count as fn(&str) -> Outcome<u64>));
    for (name, count) in pieces.chain(whole).filter(|(name, _)| wanted(name)) {
        let now = count(name)?;
        let verdict = baseline.judge(name, now);
        println!("{name:<20} {now:>12} {:>12} {verdict}", baseline.of(name).unwrap_or_default());
        if renew {
            baseline.set(name, now);
        } else if matches!(verdict, Verdict::Grown(_) | Verdict::Unknown) {
            grown.push(name);
        }
    }
    if renew {
        baseline.write()?;
    } else if !grown.is_empty() {
        println!(
            "\ngrown by more than {} %, or not in the baseline: {}",
            baseline::TOLERANCE,
            grown.join(", ")
        );
        println!("if that is meant: cargo bench --bench instructions -- --renew, and say why in the commit");
    }
    Ok(grown.is_empty())
}
