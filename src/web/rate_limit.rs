//! Rate limits for each client address: one token bucket for each address, in a table of fixed size.
//!
//! Two secret hashes select two cells of the table for an address. Other addresses share these cells. A request is refused only when both
//! buckets are empty (a count-min sketch), so another address has an effect only if it shares both cells. A cell is one number: the time at
//! which its bucket is full again (the generic cell rate algorithm). There is no eviction and no lock.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::addresses::{CALLBACK, LOGIN};
use crate::config::Rate;
use crate::net::AddressGroup;
use crate::policy::request_rules::RuleRate;

/// The buckets of all addresses.
#[derive(Debug)]
pub struct RateLimiter {
    /// Nanoseconds after `began` at which a bucket is full again; two rows, one after the other.
    full_at: Box<[AtomicU64]>,
    hashes: [RandomState; 2],
    /// Nanoseconds that one request costs.
    cost: u64,
    /// Nanoseconds in a full bucket.
    depth: u64,
    began: Instant,
}

impl RateLimiter {
    /// A limiter with full buckets.
    pub fn new(rate: Rate) -> Self {
        Self::with_buckets(NANOS_PER_SECOND / u64::from(rate.per_second.max(1)), rate.burst)
    }

    /// A limiter with full buckets, for a rate of `[[campaign.rule]]`.
    pub fn of_rule(rate: RuleRate) -> Self {
        let period = rate.per.seconds() * NANOS_PER_SECOND;
        Self::with_buckets(period / u64::from(rate.requests.max(1)), rate.requests)
    }

    fn with_buckets(cost: u64, burst: u32) -> Self {
        Self {
            full_at: (0..2 * ROW).map(|_| AtomicU64::new(0)).collect(),
            hashes: [RandomState::new(), RandomState::new()],
            cost,
            depth: cost.saturating_mul(u64::from(burst.max(1))),
            began: Instant::now(),
        }
    }

    /// Takes a request from the bucket of the address. Of several workers that do so in the same moment, only one takes the last one.
    ///
    /// # Errors
    /// How long until the bucket holds a request again.
    pub fn take(&self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        let now = u64::try_from(now.duration_since(self.began).as_nanos()).unwrap_or(u64::MAX / 2);
        let group = AddressGroup::of(address);
        let cell = |row: usize| {
            let hash = self.hashes[row].hash_one(group);
            &self.full_at[row * ROW + usize::try_from(hash % ROW as u64).unwrap_or(0)]
        };
        let (first, second) = (cell(0), cell(1));
        loop {
            let values = (first.load(Ordering::Acquire), second.load(Ordering::Acquire));
            let full_at = values.0.min(values.1);
            let after = full_at.max(now) + self.cost;
            if after > now + self.depth {
                return Err(Duration::from_nanos(after - now - self.depth));
            }
            // The lower cell comes last: whoever reads the cells meanwhile wants to change the same one, and only one of them finds it unchanged.
            let (higher, lower) = if values.0 <= values.1 { (second, first) } else { (first, second) };
            higher.fetch_max(after, Ordering::AcqRel);
            if lower.fetch_max(after, Ordering::AcqRel) == full_at {
                return Ok(());
            }
        }
    }
}

/// The rate limits of sign-ins: one for logins, one for callbacks. So many logins from an address do not block people who return from IMS.
#[derive(Debug)]
pub struct SignInLimiter {
    begin: RateLimiter,
    finish: RateLimiter,
}

impl SignInLimiter {
    /// A limiter with full buckets.
    pub fn new(rate: Rate) -> Self {
        Self { begin: RateLimiter::new(rate), finish: RateLimiter::new(rate) }
    }

    /// Takes a request from the bucket for this path. Only the paths of a sign-in have a limit.
    ///
    /// # Errors
    /// How long until the bucket holds a request again.
    pub fn take(&self, path: &str, address: IpAddr, now: Instant) -> Result<(), Duration> {
        match path {
            LOGIN => self.begin.take(address, now),
            CALLBACK => self.finish.take(address, now),
            _ => Ok(()),
        }
    }
}

/// Cells in a row: 2 × 512 KiB in all.
const ROW: usize = 1 << 16;

const NANOS_PER_SECOND: u64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(limiter: &RateLimiter, milliseconds: u64) -> Instant {
        limiter.began + Duration::from_millis(milliseconds)
    }

    fn allowed(limiter: &RateLimiter, address: &str, milliseconds: u64) -> usize {
        let address: IpAddr = address.parse().unwrap();
        (0..1000).take_while(|_| limiter.take(address, at(limiter, milliseconds)).is_ok()).count()
    }

    #[test]
    fn a_burst_then_the_rate() {
        let limiter = RateLimiter::new(Rate { per_second: 10, burst: 20 });
        assert_eq!(allowed(&limiter, "192.0.2.1", 0), 20);
        assert_eq!(allowed(&limiter, "192.0.2.1", 50), 0);
        assert_eq!(allowed(&limiter, "192.0.2.1", 100), 1);
        assert_eq!(allowed(&limiter, "192.0.2.1", 600), 5);
        assert_eq!(allowed(&limiter, "192.0.2.1", 3_600_000), 20, "at most a burst is saved");
    }

    #[test]
    fn several_threads_get_exactly_the_burst() {
        for burst in [1, 7, 1000] {
            let limiter = RateLimiter::new(Rate { per_second: 1, burst });
            let taken = std::thread::scope(|scope| {
                let takers: Vec<_> =
                    (0..4).map(|_| scope.spawn(|| allowed(&limiter, "192.0.2.1", 0))).collect();
                takers.into_iter().map(|taker| taker.join().unwrap()).sum::<usize>()
            });
            assert_eq!(taken, burst as usize);
        }
    }

    #[test]
    fn a_rate_of_a_rule_says_how_long_to_wait() {
        let limiter = RateLimiter::of_rule("20/minute".parse().unwrap());
        assert_eq!(allowed(&limiter, "192.0.2.1", 0), 20);
        let wait = |milliseconds| limiter.take("192.0.2.1".parse().unwrap(), at(&limiter, milliseconds));
        assert_eq!(wait(0), Err(Duration::from_secs(3)));
        assert_eq!(wait(2000), Err(Duration::from_secs(1)));
        assert_eq!(wait(3000), Ok(()));
        assert_eq!(wait(3000), Err(Duration::from_secs(3)));
    }

    #[test]
    fn addresses_are_apart_and_a_network_of_ipv6_is_one() {
        let limiter = RateLimiter::new(Rate { per_second: 1, burst: 5 });
        assert_eq!(allowed(&limiter, "192.0.2.1", 0), 5);
        assert_eq!(allowed(&limiter, "192.0.2.2", 0), 5);
        assert_eq!(allowed(&limiter, "::ffff:192.0.2.2", 0), 0, "the same address, mapped into IPv6");
        assert_eq!(allowed(&limiter, "2001:db8:0:1::1", 0), 5);
        assert_eq!(allowed(&limiter, "2001:db8:0:1:ffff::2", 0), 0);
        assert_eq!(allowed(&limiter, "2001:db8:0:2::1", 0), 5);
    }

    #[test]
    fn a_flood_of_logins_takes_nothing_from_callbacks_and_other_paths_are_free() {
        let limiter = SignInLimiter::new(Rate { per_second: 1, burst: 2 });
        let (address, now) = ("192.0.2.1".parse().unwrap(), Instant::now());
        let taken = |path| [(); 3].map(|()| limiter.take(path, address, now).is_ok());
        assert_eq!(taken("/ims/login"), [true, true, false]);
        assert_eq!(taken("/ims/callback"), [true, true, false]);
        assert_eq!(taken("/ims/me"), [true; 3]);
    }

    #[test]
    fn a_crowd_of_attackers_leaves_others_alone() {
        let limiter = RateLimiter::new(Rate { per_second: 1, burst: 2 });
        for attacker in 0..2000_u32 {
            let address = IpAddr::from(attacker.to_be_bytes());
            while limiter.take(address, at(&limiter, 0)).is_ok() {}
        }
        let refused = (0..1000_u32)
            .filter(|n| {
                let address = IpAddr::from((n | 0xc000_0000).to_be_bytes());
                limiter.take(address, at(&limiter, 0)).is_err()
            })
            .count();
        assert!(refused < 20, "{refused} of 1000");
    }
}
