//! Decisions, pure: no async, clock, socket, store; imports nothing else of this crate.

pub mod access;
pub mod answer;
pub mod arrival;
pub mod buffers;
pub mod cookies;
pub mod email;
pub mod frames;
pub mod framing;
pub mod head;
pub mod headers;
pub mod heads;
pub mod kept;
pub mod linger;
pub mod login;
pub mod logout_token;
pub mod mask;
pub mod min_rate;
pub mod path;
pub mod proxy_protocol;
pub mod public;
mod readings;
pub mod renewal;
pub mod return_to;
pub mod session_fault;
pub mod told;
pub mod was;
pub mod windows;
