//! What happens to a request because of its path, before anybody asks who sends it.
//!
//! The gate decides with these functions. [`explain()`] says the same in words, for `imsgate check --path` and `imsgate rehearse`.

mod explain;
mod rule;

pub use explain::{Explained, HostMatch, PartialRequest, SiteRules, explain};
pub use rule::{Access, RuleKind};

use http::Method;

use super::campaign_sign_in::is_sign_in;
use super::path::{CanonicalPath, may_have_dot};
use super::public::{PublicPaths, is_denied};
use super::request_rules::MatchedRules;

/// Who answers a request for a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// A route of the gateway, below `/ims/`.
    Gateway,
    /// Nobody: the path is closed to all clients.
    Closed,
    /// The gateway, in place of Campaign's sign-in pages.
    SignIn,
    /// Campaign, if the caller may send it.
    Campaign,
}

impl Route {
    #[inline]
    pub fn of(path: &CanonicalPath<'_>) -> Self {
        let text = path.as_str();
        if text == "/ims" || text.starts_with("/ims/") {
            Self::Gateway
        } else if !may_have_dot(text) {
            // Neither a denied path nor a sign-in page. Both checks would look for the dot first.
            Self::Campaign
        } else if is_denied(text) {
            Self::Closed
        } else if is_sign_in(text) {
            Self::SignIn
        } else {
            Self::Campaign
        }
    }
}

/// True when Campaign gets a request for this path without a session. `rules` are those that match the path: one that asks for a group makes
/// it private.
#[inline]
pub fn is_public(path: &CanonicalPath<'_>, public: &PublicPaths, rules: MatchedRules) -> bool {
    !rules.needs_group() && !path.is_ambiguous() && public.is_public(path.as_str())
}

/// True for a method that is never forwarded. `CONNECT` opens a WebSocket (RFC 8441) or is refused.
#[inline]
pub fn is_refused_method(method: &Method, is_websocket: bool) -> bool {
    *method == Method::TRACE || (*method == Method::CONNECT && !is_websocket)
}
