//! The gateway as the outside sees it: the gate every request goes through, and the gateway's own pages under `/ims/`.

mod answer;
mod auth;
mod backchannel;
mod callback;
mod context;
mod cookie;
mod door;
mod dress;
pub mod farewell;
mod gate;
mod health;
mod login;
mod logout;
mod me;
pub mod pages;
mod rate;
mod refusal;
pub mod router;
mod shared;

pub use crate::proxy::Body;
pub use context::Peer;
pub use gate::Gate;
pub use rate::{RateLimiter, network};
pub use shared::Shared;
