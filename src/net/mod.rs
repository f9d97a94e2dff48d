//! Sockets, and groups of addresses that limits count as one client.

mod address_group;
mod socket;

pub use address_group::AddressGroup;
pub use socket::Socket;
