//! Counters of the calls to IMS.

/// Counters of the calls to IMS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImsUsage {
    /// Calls to the token endpoint in progress, by share: sign-ins, refreshes.
    pub calls: [u64; 2],
    /// Calls that got no slot in time, by share.
    pub refused: [u64; 2],
    /// 429 responses of IMS.
    pub throttled: u64,
    /// Seconds until the pause after a 429 ends; 0 without a pause.
    pub paused: u64,
}
