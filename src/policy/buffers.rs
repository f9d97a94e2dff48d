//! Limits the response bytes that wait in memory because clients do not read them.

/// Limits in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BufferLimits {
    pub connection: u64,
    /// For all connections together.
    pub all: u64,
}

/// The limit that a connection has reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    Connection,
    /// The connection's share of the memory left for all connections.
    All,
}

impl BufferLimits {
    /// What one connection may hold while all connections hold `total`: its own limit, but at most an eighth of the remaining memory
    /// (dynamic thresholds, Choudhury and Hahne 1998). So any number of slow clients leave memory for the next client.
    pub fn allowance(&self, total: u64) -> u64 {
        self.connection.min(self.all.saturating_sub(total) / PART)
    }

    /// Checks whether a connection that holds `held` may take another piece. One that holds nothing may, while there is any space.
    ///
    /// # Errors
    /// The limit that the connection has reached.
    pub fn admit(&self, held: u64, total: u64) -> Result<(), Full> {
        if held >= self.connection && held > 0 {
            return Err(Full::Connection);
        }
        if (held == 0 && total < self.all) || held < self.allowance(total) {
            return Ok(());
        }
        Err(Full::All)
    }

    /// True when a refused connection should ask again. It waits until half of its allowance is free, so that each attempt moves many
    /// bytes.
    pub fn should_retry(&self, held: u64, total: u64) -> bool {
        held == 0 || held <= self.allowance(total) / 2
    }

    /// True when connections whose clients read nothing must be closed, because the memory for others runs out.
    pub fn is_scarce(&self, total: u64) -> bool {
        total >= self.all - self.all / PART
    }
}

/// A connection may hold one eighth of the remaining memory.
const PART: u64 = 8;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: BufferLimits = BufferLimits { connection: 2 << 20, all: 128 << 20 };
    const PIECE: u64 = 64 << 10;

    /// Fills the buffers of this many connections that read nothing; returns what each holds.
    fn fill(connections: usize) -> Vec<u64> {
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
        assert_eq!(fill(1), [2 << 20]);
        assert_eq!(LIMITS.admit(2 << 20, 2 << 20), Err(Full::Connection));
        assert_eq!(LIMITS.admit(0, 0), Ok(()));
        assert_eq!(LIMITS.admit(1, LIMITS.all), Err(Full::All));
        assert_eq!(LIMITS.admit(0, LIMITS.all), Err(Full::All));
    }

    #[test]
    fn clients_that_read_nothing_leave_memory_for_the_next() {
        for connections in [10, 100, 500] {
            let total = fill(connections).iter().sum();
            assert!(total < LIMITS.all, "{connections}");
            assert_eq!(LIMITS.admit(0, total), Ok(()), "{connections}");
        }
        assert!(!LIMITS.is_scarce(64 << 20) && LIMITS.is_scarce(120 << 20));
    }

    proptest! {
        #[test]
        fn all_connections_together_stay_below_the_limit(connections in 1_usize..400, each in 1_u64..1 << 24, all in 1_u64..1 << 24) {
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
        fn a_connection_that_should_retry_is_admitted_while_there_is_space(held in 0_u64..1 << 22, total in 0_u64..1 << 28) {
            if total < LIMITS.all && LIMITS.should_retry(held, total) && LIMITS.allowance(total) > 1 {
                prop_assert!(LIMITS.admit(held, total).is_ok());
            }
        }
    }
}
