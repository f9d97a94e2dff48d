//! Addresses that limits count as one client.

use std::net::IpAddr;

/// One client as limits see it: an IPv4 address, or the /64 network that a single IPv6 customer gets (RFC 6177 §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AddressGroup(u64);

impl AddressGroup {
    /// The group of this address. An IPv4-mapped IPv6 address belongs to the group of its IPv4 address.
    pub fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(address) => u64::from(address.to_bits()),
            // The flipped bit keeps networks in use apart from IPv4 addresses.
            IpAddr::V6(address) => (address.to_bits() >> 64) as u64 ^ (1 << 63),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_of_ipv6_is_one_client() {
        let group = |text: &str| AddressGroup::of(text.parse().unwrap());
        assert_eq!(group("2001:db8:0:1::1"), group("2001:db8:0:1:ffff::2"));
        assert_ne!(group("2001:db8:0:1::1"), group("2001:db8:0:2::1"));
        assert_eq!(group("::ffff:192.0.2.1"), group("192.0.2.1"));
        assert_ne!(group("192.0.2.1"), group("192.0.2.2"));
        assert_ne!(group("::c000:201:0:0:0:0"), group("192.0.2.1"));
    }
}
