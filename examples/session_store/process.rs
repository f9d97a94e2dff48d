//! Figures of this process from the system (Linux).

use std::fs::read_to_string;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;

use super::Outcome;
use super::bounds::Bounds;

/// What this process has read from files, from the disk or from the system's memory.
#[derive(Clone, Copy, Debug)]
pub struct Reads {
    pub bytes: u64,
    pub calls: u64,
}

impl Reads {
    /// The reads after `before`.
    pub fn since(self, before: Self) -> Self {
        Self { bytes: self.bytes - before.bytes, calls: self.calls - before.calls }
    }
}

/// Reads of this process and all of its threads.
pub fn reads() -> Outcome<Reads> {
    let text = read_to_string("/proc/self/io")?;
    Ok(Reads { bytes: number(&text, "rchar: ")?, calls: number(&text, "syscr: ")? })
}

/// Compares resident memory with its bound.
pub fn is_small(bounds: &mut Bounds, most: u64) -> Outcome {
    bounds.at_most("resident", "MB", resident()?, most);
    Ok(())
}

/// Resident memory of this process in MB.
pub fn resident() -> Outcome<u64> {
    Ok(number(&read_to_string("/proc/self/status")?, "VmRSS:")? * 1024 / 1_000_000)
}

/// Bytes that a file takes on the disk. Its length is more, because redb doubles the length when the file is full.
pub fn on_disk(file: &Path) -> Outcome<u64> {
    Ok(std::fs::metadata(file)?.blocks() * 512)
}

/// Asks the system, through `dd`, to drop what it keeps of a file in memory, so that reads go to the disk.
pub fn forget(file: &Path) {
    let of = format!("of={}", file.display());
    let done = Command::new("dd")
        .args([&of, "oflag=nocache", "conv=notrunc,fdatasync", "count=0", "status=none"])
        .status();
    if !done.is_ok_and(|status| status.success()) {
        println!("(the system could not be asked to forget the file: it is read from memory)");
    }
}

fn number(text: &str, name: &str) -> Outcome<u64> {
    let value =
        text.lines().find_map(|line| line.strip_prefix(name)).ok_or("a file of /proc without a line")?;
    Ok(value.split_whitespace().next().unwrap_or_default().parse()?)
}
