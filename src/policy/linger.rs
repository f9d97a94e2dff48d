//! Limits how long a connection is read after its last response, while the client is still sending.

use std::time::Duration;

/// Counts the bytes that were read and dropped since the response.
///
/// Closing a socket with unread bytes resets the connection: the client may lose a response that it has not read yet (RFC 9112 §9.6).
/// So reading continues while bytes arrive. This type limits their number and rate. The caller enforces [`PAUSE`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Lingering {
    bytes: u64,
}

impl Lingering {
    /// Adds bytes that arrived `since` the response. True when reading continues.
    pub fn read(&mut self, bytes: usize, since: Duration) -> bool {
        self.bytes = self.bytes.saturating_add(bytes as u64);
        let expected = since.saturating_sub(GRACE).as_secs().saturating_mul(MIN_RATE);
        self.bytes <= MAX_BYTES && self.bytes >= expected
    }
}

/// Longest time between two reads.
pub const PAUSE: Duration = Duration::from_secs(5);
/// Largest upload that is read and dropped.
const MAX_BYTES: u64 = 1 << 30;
/// Bytes per second, on average and after the grace time.
const MIN_RATE: u64 = 500;
const GRACE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads this many bytes every second; returns the seconds until reading stops, at most a day.
    fn lasts(bytes: usize) -> u64 {
        let mut lingering = Lingering::default();
        (1..86_400).find(|second| !lingering.read(bytes, Duration::from_secs(*second))).unwrap_or(u64::MAX)
    }

    #[test]
    fn a_steady_upload_is_limited_by_bytes_and_not_by_time() {
        assert_eq!(lasts(10_000_000), (1 << 30) / 10_000_000 + 1);
        assert_eq!(lasts(1_000_000), (1 << 30) / 1_000_000 + 1);
        // A slow network: reading continues after an hour.
        assert!(lasts(8_000) > 3600);
        assert_eq!(lasts(500), u64::MAX);
    }

    #[test]
    fn a_very_slow_upload_ends() {
        assert!((30..40).contains(&lasts(1)), "{}", lasts(1));
        assert!((30..60).contains(&lasts(200)), "{}", lasts(200));
    }

    #[test]
    fn reading_continues_during_the_grace_time() {
        let mut lingering = Lingering::default();
        assert!(lingering.read(0, GRACE));
        assert!(!lingering.read(0, GRACE + Duration::from_secs(1)));
    }
}
