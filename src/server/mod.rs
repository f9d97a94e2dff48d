//! Sockets, TLS and the life of the process: listen, serve, redirect plain HTTP, drain.

mod connection;
mod lifecycle;
mod listener;
mod redirect;
mod tls;
mod worker;

pub use lifecycle::{control_runtime, stop_signal};
pub use listener::{Bound, bind};
pub use redirect::Redirect;
pub use tls::{TlsError, server_config, server_config_from_pem};
pub use worker::{Worker, Workers};
