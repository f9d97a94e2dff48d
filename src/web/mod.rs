//! The gateway as the outside sees it: the gate every request goes through, and the gateway's own pages under `/ims/`.

mod account;
mod answer;
mod auth;
mod backchannel;
mod callback;
mod campaign_session;
mod context;
mod cookie;
mod door;
mod dress;
mod ending;
pub mod farewell;
mod gate;
mod health;
mod keep;
mod login;
mod logout;
mod me;
pub mod pages;
mod rate;
mod recheck;
mod refusal;
mod renew;
mod resend;
mod resume;
pub mod router;
mod shared;
mod was;
mod whole;

pub use crate::proxy::{Body, Hold, Interim};
pub use context::Peer;
pub use gate::Gate;
pub use rate::{RateLimiter, SignInLimiter, network};
pub use recheck::keep_checking;
pub use renew::Renewals;
pub use shared::{Authority, Shared};
