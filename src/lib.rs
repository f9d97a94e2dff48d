//! imsgate: the login gateway that puts Adobe ID in front of Adobe Campaign.
//!
//! A request passes `server → web::gate → auth → policy → proxy → Campaign`. ARCHITECTURE.md has the picture and says where each kind
//! of change goes.

mod acme;
mod admin;
pub mod app;
mod auth;
mod campaign;
pub mod cli;
pub mod clock;
pub mod config;
mod crypto;
#[cfg(feature = "demo")]
pub mod demo;
mod files;
mod http_client;
mod ims;
mod net;
mod pages;
mod peer;
mod policy;
mod proxy;
mod server;
mod session;
mod telemetry;
pub mod unix_time;
mod web;
mod wire;

/// Private items that tests, fuzz targets and examples use. Not a public interface.
#[doc(hidden)]
pub mod internal {
    pub use crate::campaign::{escape, fault, logon_answer};
    pub use crate::crypto::{KeyRing, random_text};
    pub use crate::http_client::tls_config;
    pub use crate::ims::read_membership;
    #[cfg(feature = "demo")]
    pub use crate::pages::samples::{Sample, samples};
    pub use crate::policy::access::AccessPolicy;
    pub use crate::policy::cookies::{CookieNames, CookieSuffix, is_withheld, write as write_cookies};
    pub use crate::policy::forwardable::Forwardable;
    pub use crate::policy::forwarded_headers::ForwardedHeaders;
    pub use crate::policy::identity::{decoded as decoded_identity, group_list};
    pub use crate::policy::login::{MAX_ATTEMPTS, MAX_OPEN_LOGINS};
    pub use crate::policy::mask::{Mask, MaskResult};
    pub use crate::policy::min_rate::MinRate;
    pub use crate::policy::outbound_proxy::OutboundProxy;
    pub use crate::policy::path::CanonicalPath;
    pub use crate::policy::public::PublicPaths;
    pub use crate::policy::request_rules::{RequestRule, RequestRules, RulePaths};
    pub use crate::policy::return_to::ReturnTo;
    pub use crate::server::server_config_from_pem;
    pub use crate::session::{
        CampaignSession, Embedded, Identity, Key, Lifetimes, LiveSession, Sessions, Tokens, Vault,
    };
    pub use crate::wire::access_log::{LogLine, parse as parse_log_line};
    pub use crate::wire::framing::FramingError;
    pub use crate::wire::proxy_protocol::{Progress, parse as parse_proxy_protocol};
    pub use crate::wire::request_head::HeaderLines;
    pub use crate::wire::response::{Next, ResponseError, ResponseHead};
    pub use crate::wire::strict_head::{FlawedHead, StrictHead};
}
