//! Codecs without I/O: what is read from and written to a connection. Imports only `unix_time`.

pub mod access_log;
pub mod fields;
pub mod framing;
pub mod health_page;
pub mod host;
pub mod loose_json;
pub mod pem;
pub mod proxy_protocol;
pub mod query;
pub mod request_head;
pub mod response;
pub mod retry_after;
pub mod strict_head;
