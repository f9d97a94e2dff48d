//! A histogram of times that one thread writes and any thread reads.

use std::time::Duration;

use super::counter::Counter;

/// Times in the buckets of [`BOUNDS`]. Only one thread may add to it.
#[derive(Debug, Default)]
pub(super) struct Histogram {
    /// One for each bound, and one for longer times.
    buckets: [Counter; BOUNDS.len() + 1],
    /// The sum of all times, in nanoseconds.
    nanoseconds: Counter,
}

/// The sum of several histograms.
#[derive(Debug, Default)]
pub(super) struct Sum {
    pub buckets: [u64; BOUNDS.len() + 1],
    nanoseconds: u64,
}

impl Histogram {
    /// Adds a time, in nanoseconds.
    pub fn add(&self, nanoseconds: u64) {
        if let Some(bucket) = self.buckets.get(bucket(nanoseconds)) {
            bucket.add();
        }
        self.nanoseconds.add_many(nanoseconds);
    }
}

impl Sum {
    /// Adds what a histogram holds.
    pub fn add(&mut self, histogram: &Histogram) {
        for (sum, bucket) in self.buckets.iter_mut().zip(&histogram.buckets) {
            *sum += bucket.read();
        }
        self.nanoseconds += histogram.nanoseconds.read();
    }

    /// The number of times.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// The sum of the times in seconds.
    pub fn seconds(&self) -> f64 {
        Duration::from_nanos(self.nanoseconds).as_secs_f64()
    }

    /// Each bucket with its upper bound in seconds.
    pub fn bounded(&self) -> Vec<(f64, u64)> {
        let bounds = BOUNDS.iter().map(|bound| Duration::from_nanos(*bound).as_secs_f64());
        bounds.chain([f64::INFINITY]).zip(self.buckets).collect()
    }
}

/// The bucket of a time: the first whose bound is not below it. The search starts at the first bucket for numbers of this bit length.
fn bucket(nanoseconds: u64) -> usize {
    let bits = (u64::BITS - nanoseconds.leading_zeros()) as usize;
    let mut bucket = usize::from(FIRST[bits]);
    while BOUNDS.get(bucket).is_some_and(|bound| *bound < nanoseconds) {
        bucket += 1;
    }
    bucket
}

/// For each bit length, the bucket of the least number of that length.
const FIRST: [u8; 65] = {
    let mut first = [0; 65];
    let mut bits = 1;
    while bits < first.len() {
        let least = 1_u64 << (bits - 1);
        let mut bucket = 0;
        while (bucket as usize) < BOUNDS.len() && BOUNDS[bucket as usize] < least {
            bucket += 1;
        }
        first[bits] = bucket;
        bits += 1;
    }
    first
};

/// Upper bounds in nanoseconds: 50 µs to 60 s.
const BOUNDS: [u64; 19] = [
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
    10_000_000_000,
    30_000_000_000,
    60_000_000_000,
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn by_search(nanoseconds: u64) -> usize {
        BOUNDS.iter().position(|bound| nanoseconds <= *bound).unwrap_or(BOUNDS.len())
    }

    #[test]
    fn a_time_at_a_bound_is_below_it() {
        for near in BOUNDS.iter().flat_map(|bound| [bound - 1, *bound, bound + 1]).chain([0, 1, u64::MAX]) {
            assert_eq!(bucket(near), by_search(near), "{near}");
        }
    }

    proptest! {
        #[test]
        fn every_time_is_in_the_bucket_that_a_search_finds(bits in 0..64_u32, noise in any::<u64>()) {
            let nanoseconds = noise >> bits;
            prop_assert_eq!(bucket(nanoseconds), by_search(nanoseconds));
        }
    }

    #[test]
    fn histograms_are_added() {
        let (one, other, mut sum) = (Histogram::default(), Histogram::default(), Sum::default());
        one.add(70_000);
        other.add(70_000);
        other.add(90_000_000_000);
        sum.add(&one);
        sum.add(&other);
        assert_eq!((sum.count(), sum.seconds()), (3, 90.000_14));
        let bounded = sum.bounded();
        assert_eq!((bounded[1], bounded[BOUNDS.len()]), ((0.000_1, 2), (f64::INFINITY, 1)));
    }
}
