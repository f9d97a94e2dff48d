//! `[[campaign.rule]]`: further conditions for requests to some paths. A rule never lets a request pass that would be refused without it.
//!
//! The path selects the rules. The client's address is checked at once, the groups when the caller is known. A rule that asks for groups makes its paths private: see [`is_public`](super::decision::is_public).

mod glob;
mod paths;

pub use paths::RulePaths;

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

/// One rule. A request for `paths` must meet all other fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestRule {
    /// The paths that the rule applies to.
    pub paths: RulePaths,
    /// Campaign groups of which the caller has at least one. Empty: anybody.
    pub groups: Vec<String>,
    /// Networks of the client. Empty: all.
    pub networks: Vec<IpNet>,
    /// The rate limit for each client address. `None`: unlimited.
    pub rate: Option<RuleRate>,
}

/// All rules of a Campaign instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestRules(Vec<RequestRule>);

/// The rules that match a path: a bit for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MatchedRules {
    bits: u64,
    needs_group: bool,
}

/// The condition that a request does not meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RuleCondition {
    /// The caller has none of the groups.
    Groups,
    /// The client's address is in none of the networks.
    Networks,
    /// The client's address sends too many requests.
    Rate,
}

/// A rule that a request does not meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unmet {
    /// The position of the rule, from 0.
    pub index: usize,
    pub condition: RuleCondition,
}

/// A token bucket: this many requests at once after a pause, and the same number spread over each period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleRate {
    /// Requests; not 0.
    pub requests: u32,
    pub per: RatePeriod,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RatePeriod {
    Second,
    /// 60 seconds.
    Minute,
    /// 3600 seconds.
    Hour,
}

impl RequestRules {
    /// These rules.
    ///
    /// # Errors
    /// More than 64 rules.
    pub fn new(rules: Vec<RequestRule>) -> Result<Self, TooManyRules> {
        if rules.len() > MOST_RULES { Err(TooManyRules) } else { Ok(Self(rules)) }
    }

    /// True when there is no rule.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The rules, in the order of the configuration.
    pub fn iter(&self) -> impl Iterator<Item = &RequestRule> {
        self.0.iter()
    }

    /// The rules that match a path, as it is sent to Campaign. A rule matches if any program behind the gateway may read the path as one of
    /// the rule's paths, or if that is not known.
    pub fn matching(&self, path: &str) -> MatchedRules {
        if self.0.is_empty() {
            return MatchedRules::default();
        }
        let spellings = paths::Spellings::of(path);
        let matched = self.0.iter().enumerate().filter(|(_, rule)| rule.paths.match_any(&spellings));
        matched.fold(MatchedRules::default(), |all, (index, rule)| MatchedRules {
            bits: all.bits | 1 << index,
            needs_group: all.needs_group || !rule.groups.is_empty(),
        })
    }

    /// The matched rules, with their positions.
    pub fn matched(&self, matched: MatchedRules) -> impl Iterator<Item = (usize, &RequestRule)> {
        self.0.iter().enumerate().filter(move |(index, _)| matched.bits & (1 << index) != 0)
    }

    /// Checks the client's address.
    ///
    /// # Errors
    /// The first rule whose networks do not hold the address.
    pub fn check_address(&self, matched: MatchedRules, client: IpAddr) -> Result<(), Unmet> {
        let client = client.to_canonical();
        let is_outside = |rule: &RequestRule| {
            !rule.networks.is_empty() && !rule.networks.iter().any(|network| network.contains(&client))
        };
        let unmet = self.matched(matched).find(|(_, rule)| is_outside(rule));
        unmet.map_or(Ok(()), |(index, _)| Err(Unmet { index, condition: RuleCondition::Networks }))
    }

    /// Checks the groups of the caller. Only people and technical accounts have groups.
    ///
    /// # Errors
    /// The first rule with groups of which the caller has none.
    pub fn check_groups(&self, matched: MatchedRules, groups: &[String]) -> Result<(), Unmet> {
        let unmet = self.matched(matched).find(|(_, rule)| !rule.has_group_of(groups));
        unmet.map_or(Ok(()), |(index, _)| Err(Unmet { index, condition: RuleCondition::Groups }))
    }
}

impl MatchedRules {
    /// True when no rule matches.
    #[inline]
    pub fn is_empty(self) -> bool {
        self.bits == 0
    }

    /// True when a rule asks for groups. Then the path is not public.
    #[inline]
    pub fn needs_group(self) -> bool {
        self.needs_group
    }
}

impl RequestRule {
    /// True when the rule asks for no group, or for one of these.
    pub fn has_group_of(&self, groups: &[String]) -> bool {
        self.groups.is_empty() || self.groups.iter().any(|group| groups.contains(group))
    }

    /// The first path, which names the rule in messages.
    pub fn name(&self) -> &str {
        self.paths.iter().next().unwrap_or_default()
    }
}

impl fmt::Display for RequestRule {
    /// What the rule asks for.
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let networks: Vec<String> = self.networks.iter().map(ToString::to_string).collect();
        let rate = self.rate.map(|rate| rate.to_string()).unwrap_or_default();
        let parts = [
            ("one of the groups ", self.groups.join(", ")),
            ("a client address in ", networks.join(", ")),
            ("at most ", rate),
        ];
        let asked: Vec<String> = parts
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(before, value)| format!("{before}{value}"))
            .collect();
        write!(to, "{}", asked.join("; "))
    }
}

/// More rules than `MOST_RULES`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more than {MOST_RULES} rules")]
pub struct TooManyRules;

pub const MOST_RULES: usize = 64;

impl RatePeriod {
    pub fn seconds(self) -> u64 {
        match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 3600,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Hour => "hour",
        }
    }
}

impl fmt::Display for RuleRate {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{}/{}", self.requests, self.per.name())
    }
}

/// A text that is no rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a number of requests from 1 to {MOST_REQUESTS} per second, minute or hour")]
pub struct NotARate;

impl FromStr for RuleRate {
    type Err = NotARate;

    fn from_str(text: &str) -> Result<Self, NotARate> {
        let (requests, per) = text.split_once('/').ok_or(NotARate)?;
        let periods = [RatePeriod::Second, RatePeriod::Minute, RatePeriod::Hour];
        let per = periods.into_iter().find(|period| period.name() == per).ok_or(NotARate)?;
        // Digits alone: `+20` is no rate.
        let digits = Some(requests).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        let requests = digits.and_then(|text| text.parse().ok()).ok_or(NotARate)?;
        if (1..=MOST_REQUESTS).contains(&requests) { Ok(Self { requests, per }) } else { Err(NotARate) }
    }
}

/// Most requests of a rate.
const MOST_REQUESTS: u32 = 1_000_000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rule(paths: &[&str], groups: &[&str], networks: &[&str]) -> RequestRule {
        RequestRule {
            paths: RulePaths::parse(paths.iter().copied()).unwrap(),
            groups: groups.iter().map(ToString::to_string).collect(),
            networks: networks.iter().map(|network| network.parse().unwrap()).collect(),
            rate: None,
        }
    }

    fn groups(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_matching_rule_must_be_met() {
        let rules = RequestRules::new(vec![
            rule(&["/report/*"], &["report", "admin"], &[]),
            rule(&["/report/secret/*"], &["admin"], &["10.0.0.0/8", "2001:db8::/32"]),
            rule(&["/webApp/*", "/jssp/*"], &[], &["10.0.0.0/8"]),
        ])
        .unwrap();
        let at = |index, condition| Err(Unmet { index, condition });
        let (inside, outside) = ("10.1.2.3".parse().unwrap(), "192.0.2.1".parse().unwrap());

        let report = rules.matching("/report/a");
        assert!(report.needs_group());
        assert_eq!(rules.check_address(report, outside), Ok(()));
        assert_eq!(rules.check_groups(report, &groups(&["x", "report"])), Ok(()));
        for none in [&[][..], &["Report"], &["delivery"], &["report "]] {
            assert_eq!(rules.check_groups(report, &groups(none)), at(0, RuleCondition::Groups), "{none:?}");
        }
        let secret = rules.matching("/report/secret/a");
        assert_eq!(rules.check_groups(secret, &groups(&["report"])), at(1, RuleCondition::Groups));
        assert_eq!(rules.check_groups(secret, &groups(&["admin"])), Ok(()));
        assert_eq!(rules.check_address(secret, outside), at(1, RuleCondition::Networks));
        for address in ["10.1.2.3", "::ffff:10.1.2.3", "2001:db8::1"] {
            assert_eq!(rules.check_address(secret, address.parse().unwrap()), Ok(()), "{address}");
        }
        let form = rules.matching("/jssp/pub/x");
        assert!(!form.needs_group());
        assert_eq!(rules.check_groups(form, &[]), Ok(()));
        assert_eq!(rules.check_address(form, outside), at(2, RuleCondition::Networks));
        assert_eq!(rules.check_address(form, inside), Ok(()));
        assert!(rules.matching("/view/home").is_empty());
    }

    #[test]
    fn rates_are_read_and_written_in_the_same_way() {
        for text in ["1/second", "20/minute", "1000000/hour"] {
            assert_eq!(text.parse::<RuleRate>().unwrap().to_string(), text);
        }
        for text in
            ["", "20", "0/minute", "1000001/hour", "+1/second", "1/day", "1 /hour", "-1/hour", "/hour"]
        {
            assert_eq!(text.parse::<RuleRate>(), Err(NotARate), "{text}");
        }
    }

    #[test]
    fn a_rule_says_what_it_asks_for() {
        let mut all = rule(&["/a", "/b"], &["x", "y"], &["10.0.0.0/8"]);
        all.rate = "20/minute".parse().ok();
        let text = "one of the groups x, y; a client address in 10.0.0.0/8; at most 20/minute";
        assert_eq!((all.to_string().as_str(), all.name()), (text, "/a"));
    }

    #[test]
    fn more_rules_than_bits_are_refused() {
        let rules = |count| RequestRules::new(vec![rule(&["/a"], &["x"], &[]); count]);
        assert_eq!(rules(MOST_RULES + 1), Err(TooManyRules));
        let most = rules(MOST_RULES).unwrap();
        assert_eq!(most.matched(most.matching("/a")).count(), MOST_RULES);
    }

    proptest! {
        /// With more rules, nothing passes that does not pass with fewer.
        #[test]
        fn a_further_rule_lets_nothing_more_pass(
            paths in proptest::collection::vec(prop::sample::select(vec!["/a/*", "/a/b", "*", "/c", "*.jsp"]), 1..6),
            asked in proptest::collection::vec((0..3_u8, 0..3_u8), 6),
            path in "/[abc]{0,2}(/|%2[eE]|;|[abcA]|\\.jsp){0,4}",
            held in proptest::collection::vec(prop::sample::select(vec!["g0", "g1", "g2"]), 0..3),
            address: u32,
        ) {
            let rules: Vec<RequestRule> = paths.iter().zip(&asked).map(|(path, (group, network))| {
                let groups: &[&str] = [&[][..], &["g1"], &["g1", "g2"]][usize::from(*group)];
                let networks: &[&str] = [&[][..], &["0.0.0.0/1"], &["128.0.0.0/1", "10.0.0.0/8"]][usize::from(*network)];
                rule(&[path], groups, networks)
            }).collect();
            let (client, held) = (IpAddr::V4(address.into()), groups(&held));
            let passes = |rules: &[RequestRule]| {
                let rules = RequestRules::new(rules.to_vec()).unwrap();
                let matched = rules.matching(&path);
                let met = rules.check_address(matched, client).is_ok() && rules.check_groups(matched, &held).is_ok();
                (met, !matched.needs_group())
            };
            let mut before = (true, true);
            for count in 0..=rules.len() {
                let now = passes(&rules[..count]);
                prop_assert!(before.0 >= now.0 && before.1 >= now.1, "{} rules, {}", count, path);
                before = now;
            }
        }
    }
}
