//! The bounds: bytes, reads and turns, which are the same on a busy machine and on an idle one.

/// Bytes that a start reads, plus `1 / START_SHARE` of the file for redb's map of free pages, which has little more than a bit for
/// each 4 kB.
pub const START_BYTES: u64 = 200_000;
/// See `START_BYTES`.
pub const START_SHARE: u64 = 2000;
/// MB of resident memory, for any number of sessions in the file.
pub const RESIDENT: u64 = 200;
/// MB of resident memory with 2,048 logins in progress, of about 20 kB each, or with many look-ups at once, each on its own thread.
pub const RESIDENT_IN_A_STORM: u64 = 250;
/// MB by which resident memory may grow while the second half of this many sessions is created: 8 MB, and 24 bytes for each
/// session. Memory that is kept for each session shows here.
pub fn growth(sessions: u64) -> u64 {
    8 + sessions / 2 * 24 / 1_000_000
}

/// Bytes on the disk for a session whose tokens are as long as those of IMS.
pub const FILE_BYTES: u64 = 8000;
/// Bytes that a look-up outside the cache reads: three leaf pages, and the pages above them that are not in memory.
pub const LOOK_UP_BYTES: u64 = 32_768;
/// Reads of a look-up outside the cache, each of which may wait for the disk.
pub const LOOK_UP_READS: u64 = 8;
/// Sessions that are swept between two logins: ten steps of 64. The sweep lets a waiting login go first after each step, but on a
/// busy machine the login may come late.
pub const SWEPT_BETWEEN_LOGINS: u64 = 640;

/// Compares figures with their bounds and prints both.
#[derive(Debug, Default)]
pub struct Bounds {
    broken: usize,
}

impl Bounds {
    /// Prints a figure and counts it as broken when it is larger than `most`.
    pub fn at_most(&mut self, what: &str, unit: &str, figure: u64, most: u64) {
        let verdict = if figure <= most { "" } else { ": BROKEN" };
        println!("{what} {figure} {unit}, at most {most}{verdict}");
        self.broken += usize::from(figure > most);
    }

    /// True when a figure was larger than its bound.
    pub fn are_broken(&self) -> bool {
        self.broken > 0
    }
}
