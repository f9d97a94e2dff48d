//! How much of its responses a connection may have waiting for its client.

/// Bytes that may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BufferLimits {
    /// For one connection.
    pub connection: u64,
    /// For all connections together.
    pub all: u64,
}

/// Which limit a connection is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// Its own.
    Connection,
    /// The one of all, of which each may take a part of what is left.
    All,
}

impl BufferLimits {
    /// What a connection may hold while all hold `total`: its own limit, or an eighth of what is left for all (dynamic thresholds,
    /// Choudhury and Hahne 1998). So connections that take much leave space for the next, however many they are.
    pub fn allowance(&self, total: u64) -> u64 {
        self.connection.min(self.all.saturating_sub(total) / PART)
    }

    /// Whether a connection that holds `held` may be given another piece. One that holds nothing gets one while there is any space.
    ///
    /// # Errors
    /// The limit it has reached.
    pub fn admit(&self, held: u64, total: u64) -> Result<(), Full> {
        if held >= self.connection && held > 0 {
            return Err(Full::Connection);
        }
        if (held == 0 && total < self.all) || held < self.allowance(total) {
            return Ok(());
        }
        Err(Full::All)
    }

    /// True when one that was not admitted should try again. Later than at the first free byte, so that each try brings much.
    pub fn is_worth_a_try(&self, held: u64, total: u64) -> bool {
        held == 0 || held <= self.allowance(total) / 2
    }

    /// True when connections that take nothing must end, because the space for others gets scarce.
    pub fn is_scarce(&self, total: u64) -> bool {
        total >= self.all - self.all / PART
    }
}

/// A connection may hold one part of so many of what is left.
const PART: u64 = 8;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: BufferLimits = BufferLimits { connection: 2 << 20, all: 128 << 20 };
    const PIECE: u64 = 64 << 10;

    /// So many connections that take nothing fill up; gives what each holds.
    fn hoard(connections: usize) -> Vec<u64> {
        let mut held = vec![0; connections];
        for _ in 0..100 {
            for index in 0..connections {
                let total = held.iter().sum();
                if LIMITS.admit(held[index], total).is_ok() {
                    held[index] += PIECE;
                }
            }
        }
        held
    }

    #[test]
    fn a_connection_has_a_limit_of_its_own() {
        assert_eq!(hoard(1), [2 << 20]);
        assert_eq!(LIMITS.admit(2 << 20, 2 << 20), Err(Full::Connection));
        assert_eq!(LIMITS.admit(0, 0), Ok(()));
        assert_eq!(LIMITS.admit(1, LIMITS.all), Err(Full::All));
        assert_eq!(LIMITS.admit(0, LIMITS.all), Err(Full::All));
    }

    #[test]
    fn hoarders_leave_space_for_the_next() {
        for hoarders in [10, 100, 500] {
            let total = hoard(hoarders).iter().sum();
            assert!(total < LIMITS.all, "{hoarders}");
            assert_eq!(LIMITS.admit(0, total), Ok(()), "{hoarders}");
        }
        assert!(!LIMITS.is_scarce(64 << 20) && LIMITS.is_scarce(120 << 20));
    }

    proptest! {
        #[test]
        fn all_together_stay_below_the_limit(connections in 1_usize..400, each in 1_u64..1 << 24, all in 1_u64..1 << 24) {
            let limits = BufferLimits { connection: each, all };
            let (mut total, mut held) = (0_u64, vec![0_u64; connections]);
            for round in 0..connections * 4 {
                let index = round % connections;
                if limits.admit(held[index], total).is_ok() {
                    held[index] += PIECE;
                    total += PIECE;
                }
            }
            prop_assert!(total < all + PIECE);
            prop_assert!(held.iter().all(|held| *held < each + PIECE));
        }

        #[test]
        fn who_is_worth_a_try_is_admitted_while_there_is_space(held in 0_u64..1 << 22, total in 0_u64..1 << 28) {
            if total < LIMITS.all && LIMITS.is_worth_a_try(held, total) && LIMITS.allowance(total) > 1 {
                prop_assert!(LIMITS.admit(held, total).is_ok());
            }
        }
    }
}
