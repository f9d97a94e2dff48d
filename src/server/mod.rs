//! Listens, does TLS, serves HTTP, redirects plain HTTP, and drains connections when the gateway stops.
//!
//! `listener` and `systemd` provide sockets. A `worker` accepts connections, which share its `worker_state`; `admission` limits their
//! number. The `settings` may change while connections are open;
//! `certificates` chooses one for each handshake. `connection` reads the PROXY protocol header (`proxy_header`) and does the TLS handshake over a `client_socket`. `http` passes
//! requests to the `handler` and ends connections (`linger`); `client_stream` checks heads and splits writes (`short_writes`).
//! Each `exchange` counts in the `activity` of its connection, each `buffered_piece` in its `unread_bytes`. The `watch` reads both and ends
//! what is idle or slow, also single `http2_streams`. `memory` returns free pages.
//!
//! The `watchdog` tells systemd that the gateway is alive, as long as all workers answer its `pulse`.

mod activity;
mod admission;
mod buffered_piece;
mod certificates;
mod client_socket;
mod client_stream;
mod connection;
mod exchange;
mod handler;
mod http;
mod http2_streams;
mod lifecycle;
mod linger;
mod listener;
mod memory;
mod proxy_header;
mod pulse;
mod redirect;
mod settings;
mod short_writes;
mod systemd;
mod tls;
mod unread_bytes;
mod watch;
mod watchdog;
mod worker;
mod worker_state;

pub use admission::Admission;
pub use certificates::publish_proof;
pub use handler::Handler;
pub use lifecycle::{SignalRequest, Signals, control_runtime, raise_file_limit};
pub use listener::{Bound, SocketFile, adopt, bind, bind_unix};
pub use pulse::Pulse;
pub use redirect::Redirect;
pub use settings::{Settings, SharedSettings};
pub use systemd::{Inherited, notify_ready, notify_reloading, notify_stopping};
pub use tls::{NO_CERTIFICATE, TlsError, server_config, server_config_from_pem};
pub use watchdog::keep_watchdog;
pub use worker::{Worker, Workers};
