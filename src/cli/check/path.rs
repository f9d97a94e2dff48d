//! `imsgate check --path`: what the gateway does with a path, and which rule decides. It calls the same functions as the gateway.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use http::Method;
use serde::Serialize;

use crate::cli::output::visible;
use crate::config::{Config, Instance, PublicInstance};
use crate::policy::decision::{Access, HostMatch, PartialRequest, SiteRules, explain};

/// What happens to a request without a session.
#[derive(Debug, Serialize)]
pub(super) struct Decision {
    /// The canonical path, on which the rules decide and which Campaign gets.
    path: String,
    access: Access,
    rule: String,
    /// What each `[[campaign.rule]]` that matches the path asks for.
    conditions: Vec<String>,
}

impl Decision {
    /// The decision of each instance, with its name. For a complete URL, only that of the instance that serves its host.
    pub(super) fn at_each(address: &str, config: &Config) -> Vec<(String, Self)> {
        let host = host_of(address);
        let is_meant = |known: &str| host.is_none_or(|host| known.eq_ignore_ascii_case(host));
        let signed_in = config.instances.iter().filter(|instance| instance.hosts().any(is_meant));
        let of = |instance: &Arc<Instance>| {
            (instance.name.clone(), Self::of(address, &instance.campaign, config.limits.head_bytes, true))
        };
        let public = config.public_instances.iter();
        let public = public.filter(|instance| instance.campaign.hosts.iter().any(|known| is_meant(known)));
        let of_public = |instance: &Arc<PublicInstance>| {
            (instance.name.clone(), Self::of(address, &instance.campaign, config.limits.head_bytes, false))
        };
        signed_in.map(of).chain(public.map(of_public)).collect()
    }

    /// The decisions of several instances as one JSON object, by the name of the instance.
    pub(super) fn json_of_several(decisions: &[(String, Self)]) -> String {
        let object: BTreeMap<&str, &Self> =
            decisions.iter().map(|(name, decision)| (name.as_str(), decision)).collect();
        serde_json::to_string_pretty(&object).unwrap_or_default() + "\n"
    }

    /// The decision about an address: a path, with or without a query, or a complete URL.
    pub(super) fn of(address: &str, rules: &impl SiteRules, longest_head: usize, signs_in: bool) -> Self {
        let target = without_origin(address);
        let target = target.split('#').next().unwrap_or_default();
        let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
        let asked = PartialRequest {
            method: &Method::GET,
            target: &target,
            host: HostMatch::Served,
            client: None,
            is_http1: false,
        };
        let explained = explain(&asked, rules, longest_head);
        let explained = if signs_in { explained } else { explained.without_sign_in() };
        let conditions = rules.request_rules().matched(explained.matched);
        let conditions =
            conditions.map(|(index, rule)| format!("[[campaign.rule]] {}: {rule}", index + 1)).collect();
        let (access, rule) = (explained.access(), explained.rule.to_string());
        Self { path: explained.path, access, rule, conditions }
    }

    /// One line for the decision, one for the rule, and one for each condition.
    pub(super) fn text(&self) -> String {
        let access = match self.access {
            Access::Public => "public: everybody gets it without a sign-in",
            Access::Closed => "closed: nobody gets it, signed in or not",
            Access::SignedIn => "signed-in: people sign in first",
            Access::Gateway => "gateway: it never reaches Campaign",
            Access::Account => "account: a program sends it with a login of Campaign",
            Access::Refused => "refused, whoever sends it",
        };
        let mut text = format!("{}  {access}\n    rule: {}\n", visible(&self.path), visible(&self.rule));
        for condition in &self.conditions {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "    and: {}", visible(condition));
        }
        text
    }

    /// As JSON with a final line break.
    pub(super) fn json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }
}

/// The host of a complete URL.
fn host_of(address: &str) -> Option<&str> {
    let (_, rest) = address.split_once("://").filter(|(scheme, _)| matches!(*scheme, "http" | "https"))?;
    let authority = rest.split(['/', '?', '#']).next()?;
    Some(authority.rsplit_once(':').map_or(authority, |(host, _)| host))
}

/// The address without the origin, if it is a complete URL.
fn without_origin(address: &str) -> &str {
    let Some((_, rest)) = address.split_once("://").filter(|(scheme, _)| matches!(*scheme, "http" | "https"))
    else {
        return address;
    };
    rest.find('/').map_or("/", |at| &rest[at..])
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::policy::public::PublicPaths;
    use crate::policy::request_rules::{RequestRule, RequestRules, RulePaths};

    struct Rules(PublicPaths, RequestRules);

    impl SiteRules for Rules {
        fn public_paths(&self) -> &PublicPaths {
            &self.0
        }

        fn request_rules(&self) -> &RequestRules {
            &self.1
        }

        fn refuses_foreign_tokens(&self) -> bool {
            true
        }

        fn allows_native(&self, _: &str, _: IpAddr, _: &str) -> bool {
            false
        }
    }

    #[test]
    fn a_query_or_an_origin_does_not_change_the_decision() {
        let rules = Rules(PublicPaths::default_campaign(), RequestRules::default());
        for address in ["/nl/jsp/m.jsp?id=1", "nl/jsp/m.jsp", "https://campaign.example.com/nl/jsp/m.jsp?x#y"]
        {
            let decision = Decision::of(address, &rules, 1000, true);
            assert_eq!((decision.access, &*decision.path), (Access::Public, "/nl/jsp/m.jsp"), "{address}");
            assert!(decision.text().contains("rule: `/nl/jsp/m.jsp` of campaign.public_paths"));
        }
        for (address, access) in [
            ("/ims/me", Access::Gateway),
            ("/view/home", Access::SignedIn),
            ("/res/a.jsp", Access::Closed),
            ("/r/../x", Access::Refused),
            ("/r/x?__sessiontoken=admin/x", Access::Refused),
            ("/nl/jsp/logon.jsp?target=/view/home", Access::Gateway),
            ("/r/x;y", Access::SignedIn),
            ("//r//x", Access::Public),
        ] {
            assert_eq!(Decision::of(address, &rules, 1000, true).access, access, "{address}");
        }
        assert!(Decision::of("/view/home", &rules, 1000, true).json().contains("\"access\": \"signed-in\""));
    }

    #[test]
    fn every_condition_of_a_rule_is_named() {
        let rule = RequestRule {
            paths: RulePaths::parse(["/r/*"]).unwrap(),
            groups: vec!["readers".to_owned()],
            rate: "20/minute".parse().ok(),
            ..RequestRule::default()
        };
        let rules = Rules(PublicPaths::default_campaign(), RequestRules::new(vec![rule]).unwrap());
        let decision = Decision::of("/r/x", &rules, 1000, true);
        assert_eq!(decision.access, Access::SignedIn);
        let text = decision.text();
        assert!(text.contains("rule: the [[campaign.rule]] about `/r/*` asks for a group"), "{text}");
        assert!(
            text.contains("    and: [[campaign.rule]] 1: one of the groups readers; at most 20/minute\n"),
            "{text}"
        );
        assert_eq!(Decision::of("/r/x", &rules, 1000, false).access, Access::Closed, "nobody signs in");
        assert!(!Decision::of("/res/x.png", &rules, 1000, true).text().contains("and:"));
    }
}
