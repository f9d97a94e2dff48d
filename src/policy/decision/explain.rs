//! Decides about a request of which only the request line is known, and names the rule that decides.

use std::net::IpAddr;

use http::{Method, Uri};

use super::rule::{Access, DecidingRule, RuleKind};
use super::{Route, is_refused_method};
use crate::policy::campaign_tokens::{TokenAction, TokenKind, account_of, exchange_query};
use crate::policy::path::CanonicalPath;
use crate::policy::public::{PathRule, PublicPaths};
use crate::policy::request_rules::{MatchedRules, RequestRule, RequestRules};
use crate::wire::framing::FramingError;

/// What an operator or a log knows about a request.
#[derive(Clone, Copy, Debug)]
pub struct PartialRequest<'a> {
    pub method: &'a Method,
    /// The target, as in the request line.
    pub target: &'a str,
    /// Whether the configuration serves its host.
    pub host: HostMatch,
    /// The client's address.
    pub client: Option<IpAddr>,
    /// True for HTTP/1, where `CONNECT` opens no WebSocket.
    pub is_http1: bool,
}

/// The host of a request, compared with the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostMatch {
    /// The configuration serves it, or the log does not name the host.
    Served,
    /// Another host.
    Unknown,
    /// No host, or an invalid one.
    Malformed,
}

/// What a configuration says about the requests of one Campaign instance.
pub trait SiteRules {
    /// The paths that need no session.
    fn public_paths(&self) -> &PublicPaths;
    /// The `[[campaign.rule]]` list.
    fn request_rules(&self) -> &RequestRules;
    /// True when session tokens and logins of others are refused, not only reported.
    fn refuses_foreign_tokens(&self) -> bool;
    /// True when this native account may send its login and password in place of a token from this address to this path.
    fn allows_native(&self, login: &str, client: IpAddr, path: &str) -> bool;
}

/// A decision and its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained<'r> {
    /// The path as it is decided on and sent to Campaign. If there is none, the target without its query, which may hold a password.
    pub path: String,
    pub rule: DecidingRule<'r>,
    /// The `[[campaign.rule]]` that match the path. Each request may or may not meet them.
    pub matched: MatchedRules,
}

impl<'r> Explained<'r> {
    /// A decision that does not depend on the paths of an instance.
    pub fn by_head(path: String, kind: RuleKind<'r>) -> Self {
        Self { path, rule: kind.into(), matched: MatchedRules::default() }
    }

    pub fn access(&self) -> Access {
        self.rule.kind.access()
    }

    /// The same at an instance where nobody signs in: only public paths and probes are answered.
    #[must_use]
    pub fn without_sign_in(self) -> Self {
        let is_probe = self.rule.kind == RuleKind::Gateway && self.path.starts_with("/ims/health/");
        match self.access() {
            Access::Public | Access::Closed | Access::Refused => self,
            Access::Gateway if is_probe => self,
            Access::SignedIn | Access::Account | Access::Gateway => {
                Self { rule: RuleKind::NobodySignsIn.into(), ..self }
            }
        }
    }
}

/// Says what the gateway does with a request that has no session, in the order of the gate. Fields of the head and the body are not
/// known: they can only add refusals, or name an account. `longest_head` is `limits.head_bytes`.
pub fn explain<'r>(
    request: &PartialRequest<'_>,
    rules: &'r impl SiteRules,
    longest_head: usize,
) -> Explained<'r> {
    let refused = |kind: RuleKind<'r>| Explained::by_head(without_query(request.target), kind);
    let Ok(uri) = Uri::try_from(request.target) else { return refused(RuleKind::Target) };
    // Only the extended CONNECT of HTTP/2 has a path.
    let is_websocket =
        *request.method == Method::CONNECT && !request.is_http1 && request.target.starts_with('/');
    if is_refused_method(request.method, is_websocket) {
        return refused(RuleKind::Method);
    }
    if request.target.contains('#') {
        return refused(RuleKind::Framing(FramingError::Fragment));
    }
    if uri.path().len() + uri.query().map_or(0, str::len) > longest_head {
        return refused(RuleKind::Framing(FramingError::TooLong));
    }
    let path = match CanonicalPath::parse(uri.path()) {
        Ok(path) => path,
        Err(error) => return refused(RuleKind::Path(error)),
    };
    let is_probe = path.as_str().starts_with("/ims/health/");
    match request.host {
        HostMatch::Malformed => Explained::by_head(path.as_str().to_owned(), RuleKind::Host),
        HostMatch::Unknown if !is_probe => {
            Explained::by_head(path.as_str().to_owned(), RuleKind::UnknownHost)
        }
        HostMatch::Served | HostMatch::Unknown => {
            let (rule, matched) = rule_of_route(request, &path, uri.query(), rules);
            Explained { path: path.as_str().to_owned(), rule, matched }
        }
    }
}

fn without_query(target: &str) -> String {
    target.split('?').next().unwrap_or_default().to_owned()
}

fn rule_of_route<'r>(
    request: &PartialRequest<'_>,
    path: &CanonicalPath<'_>,
    query: Option<&str>,
    rules: &'r impl SiteRules,
) -> (DecidingRule<'r>, MatchedRules) {
    let public = rules.public_paths();
    let rule = match Route::of(path) {
        // Any success would open a WebSocket.
        Route::Gateway if *request.method == Method::CONNECT => RuleKind::Method.into(),
        Route::Gateway => RuleKind::Gateway.into(),
        Route::SignIn => return with_request_rules(request, path, RuleKind::SignInPage.into(), rules),
        Route::Closed => by_path(public, path.as_str()),
        Route::Campaign => {
            let by_query = query.and_then(|query| by_query(request, path.as_str(), query, rules));
            let rule = by_query.unwrap_or_else(|| by_path(public, path.as_str()));
            return with_request_rules(request, path, rule, rules);
        }
    };
    (rule, MatchedRules::default())
}

/// What `[[campaign.rule]]` makes of the decision by another rule.
fn with_request_rules<'r>(
    request: &PartialRequest<'_>,
    path: &CanonicalPath<'_>,
    rule: DecidingRule<'r>,
    rules: &'r impl SiteRules,
) -> (DecidingRule<'r>, MatchedRules) {
    let rules = rules.request_rules();
    let matched = rules.matching(path.as_str());
    let named = |index: usize| rules.iter().nth(index).map_or("", RequestRule::name);
    if let Some(client) = request.client
        && let Err(unmet) = rules.check_address(matched, client)
    {
        return (RuleKind::OtherNetwork(named(unmet.index)).into(), matched);
    }
    // The caller is unknown, so it has no groups.
    let Err(unmet) = rules.check_groups(matched, &[]) else { return (rule, matched) };
    let kind = match rule.kind.access() {
        Access::Public => RuleKind::NeedsGroup(named(unmet.index)),
        Access::Account => RuleKind::AccountHasNoGroup(named(unmet.index)),
        _ => return (rule, matched),
    };
    (DecidingRule { kind, detail: rule.detail }, matched)
}

/// The rule about the session tokens in a query, if it holds one.
fn by_query<'r>(
    request: &PartialRequest<'_>,
    path: &str,
    query: &str,
    rules: &impl SiteRules,
) -> Option<DecidingRule<'r>> {
    let (mut foreign, mut native, mut has_token) = (None, None, false);
    let mut look = |kind, value: &str| {
        if kind == TokenKind::Session && !value.is_empty() {
            match account_of(value) {
                None => has_token = true,
                Some(login)
                    if request.client.is_some_and(|client| rules.allows_native(login, client, path)) =>
                {
                    native.get_or_insert_with(|| login.to_owned());
                }
                Some(login) => {
                    foreign.get_or_insert_with(|| login.to_owned());
                }
            }
        }
        TokenAction::Keep
    };
    exchange_query(query, &mut look).ok()?;
    let refuses = rules.refuses_foreign_tokens();
    if let Some(login) = foreign.filter(|_| refuses) {
        return Some(DecidingRule { kind: RuleKind::ForeignLogin, detail: Some(login) });
    }
    if has_token && refuses {
        return Some(RuleKind::SessionToken.into());
    }
    native.map(|login| DecidingRule { kind: RuleKind::NativeLogin, detail: Some(login) })
}

fn by_path<'r>(public: &'r PublicPaths, path: &str) -> DecidingRule<'r> {
    let (kind, detail) = match public.explain(path) {
        PathRule::Denied(reading) => (RuleKind::Denied, Some(reading)),
        PathRule::Public(pattern) => (RuleKind::Public(pattern), None),
        PathRule::NoPattern => (RuleKind::NoPattern, None),
        PathRule::Reading(pattern, reading) => (RuleKind::Reading(pattern), Some(reading)),
        PathRule::Ambiguous(pattern) => (RuleKind::Ambiguous(pattern), None),
        PathRule::TooManyReadings(pattern) => (RuleKind::TooManyReadings(pattern), None),
    };
    DecidingRule { kind, detail }
}

#[cfg(test)]
mod tests;
