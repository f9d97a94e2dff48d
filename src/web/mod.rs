//! The gateway as the outside sees it: the gate every request goes through, and the gateway's own pages under `/ims/`.

mod account;
mod auth;
mod backchannel;
mod callback;
mod campaign_session;
mod context;
mod cookie;
mod cross_origin;
mod destination;
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

mod rate;
mod recheck;
mod refusal;
mod rejection;
mod renew;
mod request_host;
mod resend;
mod responses;
mod resume;
pub mod router;
mod shared;
mod was;
mod whole;

pub use gate::Gate;
pub use health::is_ready;
pub use rate::{RateLimiter, SignInLimiter};
pub use recheck::keep_checking;
pub use renew::Renewals;
pub use shared::{Authority, Shared};
