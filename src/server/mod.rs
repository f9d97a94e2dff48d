//! Sockets, TLS and the life of the process: listen, serve, redirect plain HTTP, drain.
//!
//! `listener` and `systemd` give sockets, `worker` accepts, `admission` counts, `connection` opens (`proxied`, TLS), `http`
//! serves (`linger`: to the end), `streams` runs HTTP/2's tasks, `stream` reads along and writes (`pieces`; `client_socket` keeps back what can go with
//! others); `watch` looks after what `activity` says of each connection; `memory` is given back.

mod activity;
mod admission;
mod buffered_piece;
mod buffers;
mod client_socket;
mod connection;
mod exchange;
mod handler;
mod http;
mod lifecycle;
mod linger;
mod listener;
mod memory;
mod pieces;
mod proxied;
mod redirect;
mod stream;
mod streams;
mod systemd;
mod tls;
mod watch;
mod worker;
mod worker_state;

pub use admission::Admission;
pub use handler::Handler;
pub use lifecycle::{Asked, Signals, control_runtime, raise_file_limit};
pub use listener::{Bound, Listening, SocketFile, adopt, bind, bind_unix};
pub use redirect::Redirect;
pub use systemd::{Inherited, tell_ready, tell_stopping};
pub use tls::{NO_CERTIFICATE, TlsError, server_config, server_config_from_pem};
pub use worker::{Worker, Workers};
