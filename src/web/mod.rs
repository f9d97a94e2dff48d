//! HTTP: the gate that every request passes, and the gateway's own routes under `/ims/`. Turns outcomes into responses.

mod addresses;
mod admitted;
mod auth_challenge;
mod call;
mod campaign_sign_in;
mod context;
mod cors;
mod cross_origin;
mod forward;
mod gate;
mod native_call;
mod native_sign_in;
mod public_only;
mod rate_limit;
mod read_body;
mod rejection;
mod request_host;
mod request_log;
mod responses;
mod routes;
mod saved_form;
mod service_call;
mod set_cookies;
mod site;
mod snapshot;
mod soap_call;
mod soap_logon;
mod ticket;
mod token_check;
mod upstream_request;

pub use gate::Gate;
pub use rate_limit::{RateLimiter, SignInLimiter};
pub use site::{HostLines, Site};
pub use snapshot::{Snapshot, Stopping, WorkerView};
