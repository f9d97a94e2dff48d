//! The gateway over real sockets, between the IMS and the Campaign simulator: one binary, one module a behaviour.
#![cfg(feature = "demo")]
#![expect(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

mod again;
mod callback;
mod exchange;
mod login;
mod logout;
mod people;
mod secrets;
mod sessions;
mod support;
mod tabs;
mod tokens;
mod trouble;
