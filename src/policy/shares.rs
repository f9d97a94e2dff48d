//! Limits the connections to an upstream for callers without a session. Callers with a session may use all of them.

/// Connections for callers without a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShareLimits {
    /// All of them together; at least 1.
    pub anonymous: usize,
    /// Those from one address; at least 1.
    pub address: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsedUp {
    /// The share of all callers without a session.
    Anonymous,
    /// The share of the caller's address.
    Address,
}

impl ShareLimits {
    /// `anonymous` percent of all connections for callers without a session, and `address` percent of these for one address.
    pub fn of(connections: usize, anonymous: u32, address: u32) -> Self {
        let part = |all: usize, percent: u32| {
            (all.saturating_mul(usize::try_from(percent.min(100)).unwrap_or(100)) / 100).max(1)
        };
        let anonymous = part(connections, anonymous);
        Self { anonymous, address: part(anonymous, address) }
    }

    /// Checks whether a caller without a session may open another connection. All such callers have `taken` connections; `of_address`
    /// counts those from the caller's address and is called only when needed.
    ///
    /// # Errors
    /// The share that is used up.
    pub fn admit(&self, taken: usize, of_address: impl FnOnce() -> usize) -> Result<(), UsedUp> {
        if taken >= self.anonymous {
            Err(UsedUp::Anonymous)
        } else if taken >= self.address && of_address() >= self.address {
            Err(UsedUp::Address)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_share_is_at_least_one_connection() {
        assert_eq!(ShareLimits::of(1024, 50, 50), ShareLimits { anonymous: 512, address: 256 });
        assert_eq!(ShareLimits::of(10, 100, 100), ShareLimits { anonymous: 10, address: 10 });
        assert_eq!(ShareLimits::of(1, 50, 50), ShareLimits { anonymous: 1, address: 1 });
    }

    proptest! {
        #[test]
        fn no_caller_exceeds_its_share(
            connections in 1_usize..100, anonymous in 1_u32..=100, address in 1_u32..=100,
            callers in proptest::collection::vec(0_u8..4, 0..300),
        ) {
            let limits = ShareLimits::of(connections, anonymous, address);
            let mut of = [0_usize; 4];
            for caller in callers {
                let (taken, own) = (of.iter().sum(), &mut of[usize::from(caller)]);
                match limits.admit(taken, || *own) {
                    Ok(()) => *own += 1,
                    Err(UsedUp::Anonymous) => prop_assert_eq!(taken, limits.anonymous),
                    Err(UsedUp::Address) => prop_assert_eq!(*own, limits.address),
                }
                prop_assert!(of.iter().sum::<usize>() <= limits.anonymous);
                prop_assert!(of.iter().all(|count| *count <= limits.address));
                prop_assert!(limits.anonymous <= connections && limits.address <= limits.anonymous);
            }
        }
    }
}
