//! A program under valgrind's callgrind, and how many instructions it took.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::Outcome;

/// Says what to install when valgrind is missing.
pub fn check() -> Outcome<()> {
    let found = Command::new("valgrind").arg("--version").stdout(Stdio::null()).status().is_ok();
    if found { Ok(()) } else { Err("valgrind is missing: apt-get install valgrind".into()) }
}

/// Starts a program; what valgrind says goes to a file in `folder`.
pub fn start(folder: &Path, program: &Path, arguments: &[&str]) -> Outcome<Child> {
    let log = std::fs::File::create(log(folder))?;
    Ok(Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--"])
        .arg(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()?)
}

/// Waits for its end; gives the instructions of the whole run.
pub fn finish(folder: &Path, mut child: Child) -> Outcome<u64> {
    let status = child.wait()?;
    let text = String::from_utf8_lossy(&std::fs::read(log(folder))?).into_owned();
    let count = text.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok());
    count.filter(|_| status.success()).ok_or_else(|| format!("{status}\n{text}").into())
}

/// Instructions of one: what `many` took more than `few`, divided. The start of the program is in both.
pub fn each((few, less): (u64, u64), (many, more): (u64, u64)) -> u64 {
    more.saturating_sub(less) / (many - few).max(1)
}

fn log(folder: &Path) -> std::path::PathBuf {
    folder.join("valgrind.log")
}
