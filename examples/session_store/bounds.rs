//! What is promised, in things that are the same on a busy machine as on an idle one.

/// Bytes that a start reads, beside a share of the file for redb's map of free pages: one bit and a little for each 4 kB.
pub const START_BYTES: u64 = 200_000;
/// One byte in so many of the file.
pub const START_SHARE: u64 = 2000;
/// MB that are resident, whatever the number of sessions in the file.
pub const RESIDENT: u64 = 200;
/// The same with 2,048 logins under way, which have some 20 kB each, or with many look-ups at once, each on a thread of its own.
pub const RESIDENT_IN_A_STORM: u64 = 250;
/// MB by which it may grow while the second half of so many sessions comes in: what is kept for each of them shows here. Eight, and
/// 24 bytes for each.
pub fn growth(sessions: u64) -> u64 {
    8 + sessions / 2 * 24 / 1_000_000
}

/// Bytes on the disk for a session whose tokens are as long as those of IMS.
pub const FILE_BYTES: u64 = 8000;
/// Bytes that a look-up outside the cache reads: three leaves, and what is above them and not at hand.
pub const LOOK_UP_BYTES: u64 = 32_768;
/// The same in reads, each of which may wait for the disk.
pub const LOOK_UP_READS: u64 = 8;
/// Sessions that are swept between two logins, at most: ten steps of 64. The sweep lets whoever waits go first after each
/// step; but a machine that is busy with something else may be late with asking.
pub const SWEPT_BETWEEN_LOGINS: u64 = 640;

/// Figures beside their bounds, printed as they come.
#[derive(Debug, Default)]
pub struct Bounds {
    broken: usize,
}

impl Bounds {
    /// Notes a figure that must not be larger than `most`.
    pub fn at_most(&mut self, what: &str, unit: &str, is: u64, most: u64) {
        let verdict = if is <= most { "" } else { ": BROKEN" };
        println!("{what} {is} {unit}, at most {most}{verdict}");
        self.broken += usize::from(is > most);
    }

    /// Whether one of them was larger.
    pub fn are_broken(&self) -> bool {
        self.broken > 0
    }
}
