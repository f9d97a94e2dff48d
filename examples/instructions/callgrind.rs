//! Runs a program under valgrind's callgrind and reads its counts.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::Outcome;
use super::baseline::Counts;

/// Starts a program. valgrind's counts and messages go to files in `folder`.
pub fn start(folder: &Path, program: &Path, arguments: &[&str]) -> Outcome<Child> {
    let log = std::fs::File::create(folder.join(LOG))?;
    let child = Command::new("valgrind")
        .args(["--tool=callgrind", "--compress-strings=no", "--compress-pos=no"])
        .arg(format!("--callgrind-out-file={}", folder.join(OUT).display()))
        .arg(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn();
    child.map_err(|error| format!("valgrind: {error}; apt-get install valgrind").into())
}

/// Waits until the program ends; returns the instructions of the whole run, by function.
pub fn finish(folder: &Path, mut child: Child) -> Outcome<Counts> {
    let status = child.wait()?;
    if !status.success() {
        let said = String::from_utf8_lossy(&std::fs::read(folder.join(LOG))?).into_owned();
        return Err(format!("{status}\n{said}").into());
    }
    Ok(read(&String::from_utf8_lossy(&std::fs::read(folder.join(OUT))?)))
}

/// Reads callgrind's format: `fn=NAME`, then lines of position and cost. The line after `calls=` is the cost of a call and is
/// skipped: the called function has counted it.
fn read(text: &str) -> Counts {
    let mut counts = Counts::default();
    let (mut name, mut after_call) = ("", false);
    for line in text.lines() {
        if let Some(function) = line.strip_prefix("fn=") {
            // Recursive calls have names that end with `'2` and so on: they count as the same function.
            name = function.split('\'').next().unwrap_or(function);
        } else if line.starts_with("calls=") {
            after_call = true;
        } else if line.starts_with(|first: char| first.is_ascii_digit()) {
            let cost = line.split_whitespace().nth(1).and_then(|cost| cost.parse::<u64>().ok());
            if !std::mem::take(&mut after_call) {
                *counts.0.entry(name.to_owned()).or_default() += cost.unwrap_or_default();
            }
        }
    }
    counts
}

const LOG: &str = "valgrind.log";
const OUT: &str = "callgrind.out";
