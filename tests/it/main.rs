//! The gateway over real sockets, between the IMS and the Campaign simulator: one binary, one module a behaviour.
#![cfg(feature = "demo")]
#![expect(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

mod answers;
mod ask;
mod campaign_troubles;
mod doors;
mod forward;
mod login;
mod paths;
mod raw;
mod stream;
mod structure;
mod support;
mod upgrade;
mod upstream;
mod wire;
