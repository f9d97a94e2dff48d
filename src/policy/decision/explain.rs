//! Says what the gateway does with a request of which only the request line is known, and by which rule.

use std::net::IpAddr;

use http::{Method, Uri};

use super::rule::{Access, Rule, RuleKind};
use super::{Route, is_refused_method};
use crate::policy::campaign_tokens::{TokenAction, TokenKind, account_of, exchange_query};
use crate::policy::path::CanonicalPath;
use crate::policy::public::{PathRule, PublicPaths};
use crate::policy::request_rules::{MatchedRules, RequestRule, RequestRules};
use crate::wire::framing::FramingError;

/// A request as an operator or a log names it.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The method.
    pub method: &'a Method,
    /// The target, as in the request line.
    pub target: &'a str,
    /// What is known of its host.
    pub host: AskedHost,
    /// The client's address.
    pub client: Option<IpAddr>,
    /// True for HTTP/1, where `CONNECT` opens no WebSocket.
    pub is_http1: bool,
}

/// The host of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AskedHost {
    /// The configuration serves it, or it is not known and taken for one that is served.
    Served,
    /// Another host.
    Unknown,
    /// No host, or something that is none.
    Malformed,
}

/// What a configuration says about the requests of one Campaign instance.
pub trait SiteRules {
    /// The paths that need no session.
    fn public_paths(&self) -> &PublicPaths;
    /// What requests must meet besides.
    fn request_rules(&self) -> &RequestRules;
    /// True when session tokens and logins of others are refused, not only reported.
    fn refuses_foreign_tokens(&self) -> bool;
    /// True when this native account may send a request from this address to this path.
    fn allows_native(&self, login: &str, client: IpAddr, path: &str) -> bool;
}

/// A decision and its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained<'r> {
    /// The path as it is decided on and sent to Campaign. If there is none, the target without its query, which may hold a password.
    pub path: String,
    /// The rule that decides.
    pub rule: Rule<'r>,
    /// The `[[campaign.rule]]` that match the path. What they ask for is met or not met by each request.
    pub matched: MatchedRules,
}

impl<'r> Explained<'r> {
    /// Decided by something else than a path of this instance.
    pub fn by_head(path: String, kind: RuleKind<'r>) -> Self {
        Self { path, rule: kind.into(), matched: MatchedRules::default() }
    }

    /// The decision.
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
pub fn explain<'r>(asked: &Asked<'_>, rules: &'r impl SiteRules, longest_head: usize) -> Explained<'r> {
    let refused = |kind: RuleKind<'r>| Explained::by_head(without_query(asked.target), kind);
    let Ok(uri) = Uri::try_from(asked.target) else { return refused(RuleKind::Target) };
    // Only the extended CONNECT of HTTP/2 has a path.
    let is_websocket = *asked.method == Method::CONNECT && !asked.is_http1 && asked.target.starts_with('/');
    if is_refused_method(asked.method, is_websocket) {
        return refused(RuleKind::Method);
    }
    if asked.target.contains('#') {
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
    match asked.host {
        AskedHost::Malformed => Explained::by_head(path.as_str().to_owned(), RuleKind::Host),
        AskedHost::Unknown if !is_probe => {
            Explained::by_head(path.as_str().to_owned(), RuleKind::UnknownHost)
        }
        AskedHost::Served | AskedHost::Unknown => {
            let (rule, matched) = routed(asked, &path, uri.query(), rules);
            Explained { path: path.as_str().to_owned(), rule, matched }
        }
    }
}

fn without_query(target: &str) -> String {
    target.split('?').next().unwrap_or_default().to_owned()
}

fn routed<'r>(
    asked: &Asked<'_>,
    path: &CanonicalPath<'_>,
    query: Option<&str>,
    rules: &'r impl SiteRules,
) -> (Rule<'r>, MatchedRules) {
    let public = rules.public_paths();
    let rule = match Route::of(path) {
        // Any success would open a WebSocket.
        Route::Gateway if *asked.method == Method::CONNECT => RuleKind::Method.into(),
        Route::Gateway => RuleKind::Gateway.into(),
        Route::SignIn => return restricted(asked, path, RuleKind::SignInPage.into(), rules),
        Route::Closed => by_path(public, path.as_str()),
        Route::Campaign => {
            let by_query = query.and_then(|query| by_query(asked, path.as_str(), query, rules));
            let rule = by_query.unwrap_or_else(|| by_path(public, path.as_str()));
            return restricted(asked, path, rule, rules);
        }
    };
    (rule, MatchedRules::default())
}

/// What `[[campaign.rule]]` makes of the decision by another rule.
fn restricted<'r>(
    asked: &Asked<'_>,
    path: &CanonicalPath<'_>,
    rule: Rule<'r>,
    rules: &'r impl SiteRules,
) -> (Rule<'r>, MatchedRules) {
    let rules = rules.request_rules();
    let matched = rules.matching(path.as_str());
    let named = |index: usize| rules.iter().nth(index).map_or("", RequestRule::name);
    if let Some(client) = asked.client
        && let Err(unmet) = rules.check_address(matched, client)
    {
        return (RuleKind::OtherNetwork(named(unmet.index)).into(), matched);
    }
    // Nobody's groups.
    let Err(unmet) = rules.check_groups(matched, &[]) else { return (rule, matched) };
    let kind = match rule.kind.access() {
        Access::Public => RuleKind::NeedsGroup(named(unmet.index)),
        Access::Account => RuleKind::AccountHasNoGroup(named(unmet.index)),
        _ => return (rule, matched),
    };
    (Rule { kind, detail: rule.detail }, matched)
}

/// The rule about the session tokens in a query, if it holds one.
fn by_query<'r>(asked: &Asked<'_>, path: &str, query: &str, rules: &impl SiteRules) -> Option<Rule<'r>> {
    let (mut foreign, mut native, mut has_token) = (None, None, false);
    let mut look = |kind, value: &str| {
        if kind == TokenKind::Session && !value.is_empty() {
            match account_of(value) {
                None => has_token = true,
                Some(login)
                    if asked.client.is_some_and(|client| rules.allows_native(login, client, path)) =>
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
        return Some(Rule { kind: RuleKind::ForeignLogin, detail: Some(login) });
    }
    if has_token && refuses {
        return Some(RuleKind::SessionToken.into());
    }
    native.map(|login| Rule { kind: RuleKind::NativeLogin, detail: Some(login) })
}

fn by_path<'r>(public: &'r PublicPaths, path: &str) -> Rule<'r> {
    let (kind, detail) = match public.explain(path) {
        PathRule::Denied(reading) => (RuleKind::Denied, Some(reading)),
        PathRule::Public(pattern) => (RuleKind::Public(pattern), None),
        PathRule::NoPattern => (RuleKind::NoPattern, None),
        PathRule::Reading(pattern, reading) => (RuleKind::Reading(pattern), Some(reading)),
        PathRule::Ambiguous(pattern) => (RuleKind::Ambiguous(pattern), None),
        PathRule::TooManyReadings(pattern) => (RuleKind::TooManyReadings(pattern), None),
    };
    Rule { kind, detail }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::policy::decision::is_public;
    use crate::policy::request_rules::RulePaths;

    struct Rules {
        public: PublicPaths,
        refuses: bool,
        restricted: RequestRules,
    }

    impl SiteRules for Rules {
        fn public_paths(&self) -> &PublicPaths {
            &self.public
        }

        fn request_rules(&self) -> &RequestRules {
            &self.restricted
        }

        fn refuses_foreign_tokens(&self) -> bool {
            self.refuses
        }

        fn allows_native(&self, login: &str, client: IpAddr, path: &str) -> bool {
            login == "monitoring" && client.is_loopback() && path.starts_with("/view/")
        }
    }

    const RULES: fn(bool) -> Rules = |refuses| Rules {
        public: PublicPaths::default_campaign(),
        refuses,
        restricted: RequestRules::default(),
    };

    fn with_rules(rules: &[(&str, &[&str], &[&str])]) -> Rules {
        let rule = |(path, groups, networks): &(&str, &[&str], &[&str])| RequestRule {
            paths: RulePaths::parse([*path]).unwrap(),
            groups: groups.iter().map(ToString::to_string).collect(),
            networks: networks.iter().map(|network| network.parse().unwrap()).collect(),
            rate: None,
        };
        Rules { restricted: RequestRules::new(rules.iter().map(rule).collect()).unwrap(), ..RULES(true) }
    }

    fn kind<'r>(method: &str, target: &str, host: AskedHost, rules: &'r Rules) -> RuleKind<'r> {
        let method = method.parse().unwrap();
        let client = Some(IpAddr::from([127, 0, 0, 1]));
        explain(&Asked { method: &method, target, host, client, is_http1: false }, rules, 1000).rule.kind
    }

    #[test]
    fn each_step_of_the_gate_has_its_rule() {
        use AskedHost::{Malformed, Served, Unknown};
        let rules = RULES(true);
        let long = format!("/r/{}", "a".repeat(1000));
        for (method, target, host, wanted) in [
            ("TRACE", "/r/x", Unknown, RuleKind::Method),
            ("CONNECT", "example.com:443", Served, RuleKind::Method),
            ("CONNECT", "/view/home", Served, RuleKind::NoPattern),
            ("CONNECT", "/ims/me", Served, RuleKind::Method),
            ("GET", "/r/a b", Served, RuleKind::Target),
            ("GET", "/r/a#b", Served, RuleKind::Framing(FramingError::Fragment)),
            ("GET", &long, Served, RuleKind::Framing(FramingError::TooLong)),
            ("GET", "/r/x", Malformed, RuleKind::Host),
            ("GET", "/r/x", Unknown, RuleKind::UnknownHost),
            ("GET", "/ims/health/live", Unknown, RuleKind::Gateway),
            ("GET", "/ims", Served, RuleKind::Gateway),
            ("GET", "/imsx", Served, RuleKind::NoPattern),
            ("POST", "/NL/jsp/logon.jsp", Served, RuleKind::SignInPage),
            ("GET", "https://campaign.example.com//r//x?y", Served, RuleKind::Public("/r/*")),
            ("GET", "/res/x.jsp?__sessiontoken=admin/x", Served, RuleKind::Denied),
        ] {
            assert_eq!(kind(method, target, host, &rules), wanted, "{method} {target}");
        }
    }

    #[test]
    fn tokens_in_a_query_decide_before_the_path() {
        let (refuses, reports) = (RULES(true), RULES(false));
        for (target, refused, reported) in [
            ("/r/x?__sessiontoken=admin/secret", RuleKind::ForeignLogin, RuleKind::Public("/r/*")),
            ("/r/x?__SessionToken=monitoring/secret", RuleKind::ForeignLogin, RuleKind::Public("/r/*")),
            ("/view/home?__sessiontoken=monitoring/x", RuleKind::NativeLogin, RuleKind::NativeLogin),
            ("/view/home?a=1&__sessiontoken=___AB", RuleKind::SessionToken, RuleKind::NoPattern),
            ("/view/home?__sessiontoken=", RuleKind::NoPattern, RuleKind::NoPattern),
            ("/view/home?__securitytoken=admin/x", RuleKind::NoPattern, RuleKind::NoPattern),
        ] {
            assert_eq!(kind("GET", target, AskedHost::Served, &refuses), refused, "{target}");
            assert_eq!(kind("GET", target, AskedHost::Served, &reports), reported, "{target}");
        }
        let method = Method::GET;
        let target = "/r/x?__sessiontoken=admin/secret";
        let asked = Asked { method: &method, target, host: AskedHost::Served, client: None, is_http1: false };
        let text = explain(&asked, &refuses, 1000).rule.to_string();
        assert!(text.contains("`admin`") && !text.contains("secret"), "{text}");
    }

    #[test]
    fn a_rule_of_the_configuration_only_takes_away() {
        let rules = with_rules(&[
            ("/r/*", &["readers"], &[]),
            ("/webApp/*", &[], &["192.0.2.0/24"]),
            ("/view/*", &["readers"], &["127.0.0.0/8"]),
            ("/nl/jsp/logon.jsp", &[], &["192.0.2.0/24"]),
            ("/res/*", &[], &["127.0.0.0/8"]),
        ]);
        for (target, wanted) in [
            ("/r/x", RuleKind::NeedsGroup("/r/*")),
            ("/R/x", RuleKind::NoPattern),
            ("/webApp/x", RuleKind::OtherNetwork("/webApp/*")),
            ("/WEBAPP/x", RuleKind::OtherNetwork("/webApp/*")),
            ("/view/home", RuleKind::NoPattern),
            ("/view/home?__sessiontoken=monitoring/x", RuleKind::AccountHasNoGroup("/view/*")),
            ("/view/home?__sessiontoken=admin/x", RuleKind::ForeignLogin),
            ("/nl/jsp/logon.jsp", RuleKind::OtherNetwork("/nl/jsp/logon.jsp")),
            ("/res/x.png", RuleKind::Public("/res/*")),
            ("/res/x.jsp", RuleKind::Denied),
            ("/ims/me", RuleKind::Gateway),
        ] {
            assert_eq!(kind("GET", target, AskedHost::Served, &rules), wanted, "{target}");
        }
    }

    proptest! {
        /// With rules, no request gets further than without.
        #[test]
        fn access_with_rules_is_no_wider_than_access_without(
            patterns in proptest::collection::vec(prop::sample::select(vec!["/r/*", "/view/*", "*", "*.jssp", "/nl/jsp/*", "/ims/*"]), 0..4),
            asked in proptest::collection::vec((any::<bool>(), any::<bool>(), any::<bool>()), 4),
            target in "(/r|/view|/nl/jsp|/ims|/res)(/|%2[0eE]|;|[a-cA]|\\.jsp|m\\.jsp|sc\\.jssp){0,5}(\\?__sessiontoken=(admin|monitoring|___A)/x)?",
            client in prop::sample::select(vec![None, Some("127.0.0.1"), Some("192.0.2.1")]),
        ) {
            let given: Vec<(&str, &[&str], &[&str])> = patterns.iter().zip(&asked).map(|(pattern, (group, network, inside))| {
                let networks: &[&str] = if *inside { &["127.0.0.0/8"] } else { &["198.51.100.0/24"] };
                (*pattern, if *group { &["g"][..] } else { &[] }, if *network { networks } else { &[] })
            }).collect();
            let (with, without) = (with_rules(&given), RULES(true));
            let client = client.map(|client| client.parse().unwrap());
            let asked = Asked { method: &Method::GET, target: &target, host: AskedHost::Served, client, is_http1: true };
            let (now, before) = (explain(&asked, &with, 1000).access(), explain(&asked, &without, 1000).access());
            let is_no_wider = now == before || match before {
                Access::Public => matches!(now, Access::SignedIn | Access::Refused),
                Access::SignedIn | Access::Account | Access::Gateway => now == Access::Refused,
                Access::Closed | Access::Refused => false,
            };
            prop_assert!(is_no_wider, "{} → {}: {}", before.name(), now.name(), target);
        }

        /// What the explanation says is what the functions of the gate decide.
        #[test]
        fn the_explanation_is_the_decision(
            head in prop::sample::select(vec!["/view/home", "/ims", "/nl/jsp/logon.jsp", "/r", "/res", ""]),
            middle in "(/|%2[035eEfF]|%3[aAbB]|%25|\\.|;|:|[a-c]|\\.jsp|\u{ff0e}){0,6}",
            tail in prop::sample::select(vec!["/sc.jssp", "/r/x", "", "/x.png", "/ooconv.jsp"]),
            restricted in prop::sample::select(vec![None, Some("/r/*"), Some("*"), Some("*/sc.jssp")]),
        ) {
            let restricted: Vec<(&str, &[&str], &[&str])> =
                restricted.into_iter().map(|path| (path, &["g"][..], &[][..])).collect();
            let rules = with_rules(&restricted);
            let target = format!("{head}{middle}{tail}");
            let method = Method::GET;
            let asked = Asked { method: &method, target: &target, host: AskedHost::Served, client: None, is_http1: false };
            let access = explain(&asked, &rules, 1000).access();
            if let Ok(uri) = Uri::try_from(&target) && let Ok(path) = CanonicalPath::parse(uri.path()) {
                let wanted = match Route::of(&path) {
                    Route::Gateway | Route::SignIn => Access::Gateway,
                    Route::Closed => Access::Closed,
                    Route::Campaign
                        if is_public(&path, &rules.public, rules.restricted.matching(path.as_str())) =>
                    {
                        Access::Public
                    }
                    Route::Campaign => Access::SignedIn,
                };
                prop_assert_eq!(access, wanted, "{}", target);
            } else {
                prop_assert_eq!(access, Access::Refused, "{}", target);
            }
        }
    }
}
