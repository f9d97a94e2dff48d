//! The gateway over real sockets, between the IMS and the Campaign simulator: one binary, one module a behaviour.
#![cfg(feature = "demo")]
#![expect(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

mod again;
mod answers;
mod ask;
mod backchannel;
mod balance;
mod callback;
mod campaign_troubles;
mod cookies;
mod doors;
mod drain;
mod endings;
mod everywhere;
mod exchange;
mod floods;
mod forward;
mod idle;
mod limits;
mod listen;
mod login;
mod logout;
mod midway;
mod nginx;
mod operator;
mod paths;
mod people;
mod raw;
mod reach;
mod rolling;
mod scrape;
mod secrets;
mod service;
mod sessions;
mod stream;
mod structure;
mod support;
mod tabs;
mod tokens;
mod trouble;
mod upgrade;
mod upstream;
mod wire;
