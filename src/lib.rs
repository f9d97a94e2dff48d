//! imsgate: the login gateway that puts Adobe ID in front of Adobe Campaign.
//!
//! One way through: `server → web::gate → session → policy → proxy → Campaign`. ARCHITECTURE.md draws it and says
//! where a change of each kind goes.

pub mod admin;
pub mod app;
pub mod auth;
pub mod campaign;
pub mod cli;
pub mod clock;
pub mod config;
pub mod crypto;
#[cfg(feature = "demo")]
pub mod demo;
pub mod files;
pub mod http_client;
pub mod ims;
pub mod net;
pub mod pages;
pub mod peer;
pub mod policy;
pub mod proxy;
pub mod server;
pub mod session;
pub mod telemetry;
pub mod unix_time;
pub mod web;
pub mod wire;
