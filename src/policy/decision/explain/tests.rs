//! Decisions about requests of which only the request line is known.

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

const RULES: fn(bool) -> Rules =
    |refuses| Rules { public: PublicPaths::default_campaign(), refuses, restricted: RequestRules::default() };

fn with_rules(rules: &[(&str, &[&str], &[&str])]) -> Rules {
    let rule = |(path, groups, networks): &(&str, &[&str], &[&str])| RequestRule {
        paths: RulePaths::parse([*path]).unwrap(),
        groups: groups.iter().map(ToString::to_string).collect(),
        networks: networks.iter().map(|network| network.parse().unwrap()).collect(),
        rate: None,
    };
    Rules { restricted: RequestRules::new(rules.iter().map(rule).collect()).unwrap(), ..RULES(true) }
}

fn kind<'r>(method: &str, target: &str, host: HostMatch, rules: &'r Rules) -> RuleKind<'r> {
    let method = method.parse().unwrap();
    let client = Some(IpAddr::from([127, 0, 0, 1]));
    explain(&PartialRequest { method: &method, target, host, client, is_http1: false }, rules, 1000).rule.kind
}

#[test]
fn each_step_of_the_gate_has_its_rule() {
    use HostMatch::{Malformed, Served, Unknown};
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
        assert_eq!(kind("GET", target, HostMatch::Served, &refuses), refused, "{target}");
        assert_eq!(kind("GET", target, HostMatch::Served, &reports), reported, "{target}");
    }
    let method = Method::GET;
    let target = "/r/x?__sessiontoken=admin/secret";
    let request =
        PartialRequest { method: &method, target, host: HostMatch::Served, client: None, is_http1: false };
    let text = explain(&request, &refuses, 1000).rule.to_string();
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
        assert_eq!(kind("GET", target, HostMatch::Served, &rules), wanted, "{target}");
    }
}

proptest! {
    /// With rules, no request gets further than without.
    #[test]
    fn access_with_rules_is_no_wider_than_access_without(
        patterns in proptest::collection::vec(prop::sample::select(vec!["/r/*", "/view/*", "*", "*.jssp", "/nl/jsp/*", "/ims/*"]), 0..4),
        request in proptest::collection::vec((any::<bool>(), any::<bool>(), any::<bool>()), 4),
        target in "(/r|/view|/nl/jsp|/ims|/res)(/|%2[0eE]|;|[a-cA]|\\.jsp|m\\.jsp|sc\\.jssp){0,5}(\\?__sessiontoken=(admin|monitoring|___A)/x)?",
        client in prop::sample::select(vec![None, Some("127.0.0.1"), Some("192.0.2.1")]),
    ) {
        let given: Vec<(&str, &[&str], &[&str])> = patterns.iter().zip(&request).map(|(pattern, (group, network, inside))| {
            let networks: &[&str] = if *inside { &["127.0.0.0/8"] } else { &["198.51.100.0/24"] };
            (*pattern, if *group { &["g"][..] } else { &[] }, if *network { networks } else { &[] })
        }).collect();
        let (with, without) = (with_rules(&given), RULES(true));
        let client = client.map(|client| client.parse().unwrap());
        let request = PartialRequest { method: &Method::GET, target: &target, host: HostMatch::Served, client, is_http1: true };
        let (now, before) = (explain(&request, &with, 1000).access(), explain(&request, &without, 1000).access());
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
        let request = PartialRequest { method: &method, target: &target, host: HostMatch::Served, client: None, is_http1: false };
        let access = explain(&request, &rules, 1000).access();
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
