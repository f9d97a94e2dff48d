//! Sockets, and addresses that count as one.

mod address_group;
mod socket;

pub use address_group::AddressGroup;
pub use socket::Socket;
