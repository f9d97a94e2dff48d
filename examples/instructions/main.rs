//! Counts the instructions of a proxied request and of a new connection by function and compares them with `baseline.toml`.
//!
//! `cargo build --release && cargo run --example instructions` fails when a request, or one of our own functions in it,
//! grew by more than 5 %, and names what grew; `-- --update` writes the baseline again. Times on a shared machine do not show
//! 5 %; instructions can. valgrind counts them in the real program (`IMSGATE_BIN`, else the release build).

#![expect(clippy::print_stdout, reason = "it is there to print figures")]

mod baseline;
mod callgrind;
mod client;
mod world;

use std::error::Error;
use std::process::ExitCode;

use baseline::{Baseline, Counts};
use world::World;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => compare(),
        ["--update"] => update(),
        _ => Err("usage: no argument, or --update".into()),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("nothing was counted: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Proxied GETs: the length of the response, and whether each request has a new connection. New connections resume a TLS 1.3
/// session, so no signature is counted.
const REQUESTS: [(&str, usize, bool); 3] =
    [("request-1k", 1024, false), ("request-100k", 102_400, false), ("connection", 1024, true)];
/// Requests of the two runs. Their difference is counted, because both runs contain the start of the program.
const FEW: u32 = 200;
const MANY: u32 = 1200;
/// How often each is counted at most.
const TRIES: usize = 3;

/// Counts and compares; true when nothing grew.
fn compare() -> Outcome<bool> {
    let baseline = Baseline::read()?;
    let mut good = true;
    for (name, length, connects) in REQUESTS {
        let was = baseline.of(name).ok_or_else(|| format!("{name} is not in the baseline"))?;
        let now = least(length, connects, |now| now.grown(was).is_empty())?;
        println!("{name}: {} instructions, {} in the baseline", now.total(), was.total());
        let grown = now.grown(was);
        for (function, was, now) in &grown {
            println!("  grown: {was:>8} -> {now:>8}  {function}");
        }
        good &= grown.is_empty();
    }
    if !good {
        println!(
            "if this is intended: cargo run --example instructions -- --update, and say why in the commit"
        );
    }
    Ok(good)
}

fn update() -> Outcome<bool> {
    let mut baseline = Baseline::default();
    for (name, length, connects) in REQUESTS {
        let now = least(length, connects, |_| false)?;
        println!("{name}: {} instructions", now.total());
        baseline.set(name, &now);
    }
    baseline.write()?;
    Ok(true)
}

/// The least of several counts, or the first that is good enough. Load on the machine adds some thousand instructions, because the
/// gateway is woken more often for the same bytes; it never takes any away.
fn least(length: usize, connects: bool, is_enough: impl Fn(&Counts) -> bool) -> Outcome<Counts> {
    let mut least = count(length, connects)?;
    for _ in 1..TRIES {
        if is_enough(&least) {
            break;
        }
        let again = count(length, connects)?;
        if again.total() < least.total() {
            least = again;
        }
    }
    Ok(least)
}

/// The instructions of one request, by function.
fn count(length: usize, connects: bool) -> Outcome<Counts> {
    let run = |times| World::new(length)?.run(times, connects);
    Ok(Counts::each(&run(FEW)?, &run(MANY)?, MANY - FEW))
}
