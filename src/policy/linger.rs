//! How long a connection goes on being read after its last response, for a client that is still sending.

use std::time::Duration;

/// What has been read into nothing since the response. A socket that is closed over bytes not yet read takes the response back from
/// a client that has not read it (RFC 9112 §9.6), so reading goes on while bytes flow: [`PAUSE`] is for the caller to keep, the number
/// of bytes and their rate are judged here.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lingering {
    bytes: u64,
}

impl Lingering {
    /// Notes that so many bytes more have come, `since` the response. True when reading goes on.
    pub fn read(&mut self, bytes: usize, since: Duration) -> bool {
        self.bytes = self.bytes.saturating_add(bytes as u64);
        let expected = since.saturating_sub(GRACE).as_secs().saturating_mul(MIN_RATE);
        self.bytes <= MAX_BYTES && self.bytes >= expected
    }
}

/// Longest pause of the client.
pub const PAUSE: Duration = Duration::from_secs(5);
/// Of an upload that nobody wants.
const MAX_BYTES: u64 = 1 << 30;
/// Bytes a second, on average and after the grace time. Less is no upload.
const MIN_RATE: u64 = 500;
const GRACE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads this much in every second; gives the seconds until it is over, at most a day.
    fn lasts(bytes: usize) -> u64 {
        let mut lingering = Lingering::default();
        (1..86_400).find(|second| !lingering.read(bytes, Duration::from_secs(*second))).unwrap_or(u64::MAX)
    }

    #[test]
    fn an_upload_that_flows_is_limited_by_its_bytes_not_by_time() {
        assert_eq!(lasts(10_000_000), (1 << 30) / 10_000_000 + 1);
        assert_eq!(lasts(1_000_000), (1 << 30) / 1_000_000 + 1);
        // A slow line: an hour later it still goes on.
        assert!(lasts(8_000) > 3600);
        assert_eq!(lasts(500), u64::MAX);
    }

    #[test]
    fn a_trickle_ends() {
        assert!((30..40).contains(&lasts(1)), "{}", lasts(1));
        assert!((30..60).contains(&lasts(200)), "{}", lasts(200));
    }

    #[test]
    fn nothing_ends_in_the_grace_time() {
        let mut lingering = Lingering::default();
        assert!(lingering.read(0, GRACE));
        assert!(!lingering.read(0, GRACE + Duration::from_secs(1)));
    }
}
