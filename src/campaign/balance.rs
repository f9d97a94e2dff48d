//! Chooses the server of a new Campaign session.

use std::fmt::Debug;

/// Chooses servers by weight and health.
pub trait ChooseServer: Debug + Send + Sync {
    /// The index of the next server, except those in the bit set `tried`; `None` when all are tried.
    fn choose(&self, tried: u64) -> Option<usize>;
}

/// The servers in their order. Holds their number.
#[derive(Clone, Copy, Debug)]
pub struct InOrder(pub usize);

impl ChooseServer for InOrder {
    fn choose(&self, tried: u64) -> Option<usize> {
        (0..self.0.min(64)).find(|index| tried >> index & 1 == 0)
    }
}
