//! The association mask: it derives a Campaign group from a configuration name of the Enterprise Dashboard.
//!
//! A mask with a capture group is a regular expression that must match the whole configuration name; the capture is the Campaign
//! group. A mask without a capture group is a literal prefix; the rest of the name is the group. A capture that is empty, or that
//! begins or ends with a space, is no match: no Campaign group has such a name.

mod literal;
mod near;
mod parse;

pub use parse::MaskError;

use regex::Regex;
use serde::Deserialize;

/// A checked association mask.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct Mask {
    text: String,
    kind: MaskKind,
    /// The literal text at the start of every matching name; may be empty.
    literal: String,
    /// True when the literal text matches in any letter case, as after `(?i)`.
    literal_in_any_case: bool,
}

/// How a mask matches names.
#[derive(Clone, Debug)]
enum MaskKind {
    /// The text of the mask, then the group.
    Prefix,
    /// A regular expression for the whole name.
    Pattern { exact: Regex, any_case: Option<Regex> },
}

/// The result of a mask for one configuration name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MaskResult<'a> {
    /// The name gives this Campaign group.
    Group(&'a str),
    /// No match, but probably meant to match. The text says what differs and where.
    NearMiss(String),
    /// The name is unrelated to this mask.
    Unrelated,
}

impl TryFrom<String> for Mask {
    type Error = MaskError;

    fn try_from(text: String) -> Result<Self, MaskError> {
        Self::parse(&text)
    }
}

impl Mask {
    /// Reads a mask.
    ///
    /// # Errors
    /// `MaskError` for an empty mask, an invalid expression, more than one capture group, or an expression that is too large or
    /// cannot be anchored to the whole name.
    pub fn parse(text: &str) -> Result<Self, MaskError> {
        parse::parse(text)
    }

    /// The text of the mask.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// True when the mask is a literal prefix: it has no capture group.
    pub fn is_prefix(&self) -> bool {
        matches!(self.kind, MaskKind::Prefix)
    }

    /// The Campaign group of a configuration name: not empty, without spaces at its ends.
    pub fn group<'a>(&self, name: &'a str) -> Option<&'a str> {
        self.capture(name).filter(|group| is_group(group))
    }

    /// The group of a configuration name, or why there is none.
    pub fn explain<'a>(&self, name: &'a str) -> MaskResult<'a> {
        match self.group(name) {
            Some(group) => MaskResult::Group(group),
            None => near::reason(self, name).map_or(MaskResult::Unrelated, MaskResult::NearMiss),
        }
    }

    /// The captured text, even when it cannot be the name of a group.
    fn capture<'a>(&self, name: &'a str) -> Option<&'a str> {
        match &self.kind {
            MaskKind::Prefix => name.strip_prefix(self.text.as_str()),
            MaskKind::Pattern { exact, .. } => Some(exact.captures(name)?.get(1)?.as_str()),
        }
    }

    /// True when the whole name matches without regard to letter case.
    fn matches_in_any_case(&self, name: &str) -> bool {
        match &self.kind {
            MaskKind::Prefix => false,
            MaskKind::Pattern { any_case, .. } => {
                any_case.as_ref().is_some_and(|pattern| pattern.is_match(name))
            }
        }
    }
}

/// True when `text` can be the name of a Campaign group.
fn is_group(text: &str) -> bool {
    !text.is_empty() && !text.starts_with(is_space) && !text.ends_with(is_space)
}

/// True for white space, control characters and invisible characters.
fn is_space(c: char) -> bool {
    c.is_whitespace() || c.is_control() || is_invisible(c)
}

/// True for characters without width: zero-width spaces, joiners, the byte order mark. Text copied from web pages often holds them.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn group(mask: &str, name: &str) -> Option<String> {
        Mask::parse(mask).unwrap().group(name).map(str::to_owned)
    }

    fn why(mask: &str, name: &str) -> String {
        match Mask::parse(mask).unwrap().explain(name) {
            MaskResult::NearMiss(why) => why,
            other => panic!("{name:?} under {mask:?}: {other:?}"),
        }
    }

    #[test]
    fn the_capture_group_is_the_campaign_group() {
        assert_eq!(
            group("Campaign - acme - (.*)", "Campaign - acme - delivery").as_deref(),
            Some("delivery")
        );
        assert_eq!(group("CampaignV6 - acme - (.*)", "CampaignV6 - acme - a - b").as_deref(), Some("a - b"));
        assert_eq!(group("(?:Campaign|CampaignV6) - (.*)", "CampaignV6 - x").as_deref(), Some("x"));
        assert_eq!(group("(?i)campaign - acme - (?<g>.*)", "Campaign - ACME - x").as_deref(), Some("x"));
        assert_eq!(group("(.*) of Campaign", "delivery of Campaign").as_deref(), Some("delivery"));
    }

    #[test]
    fn a_mask_without_a_group_is_a_literal_prefix() {
        assert_eq!(group("Campaign - acme - ", "Campaign - acme - delivery").as_deref(), Some("delivery"));
        assert_eq!(group("Campaign.", "Campaign.x").as_deref(), Some("x"));
        assert_eq!(group("Campaign.", "Campaignyx"), None);
    }

    #[test]
    fn the_whole_name_must_match() {
        assert_eq!(group("Campaign - (a|b)", "Campaign - ab"), None);
        assert_eq!(group("Campaign - (a|ab)", "Campaign - ab").as_deref(), Some("ab"));
        assert_eq!(group("Campaign - (a)|x", "Campaign - ax"), None);
        assert_eq!(group("Campaign - (a)|x", "x"), None);
        assert_eq!(group("Campaign - (.*)", "My Campaign - a"), None);
        assert_eq!(group("(?m)^Campaign - (.*)$", "Campaign - a\nadmin"), None);
    }

    #[test]
    fn an_empty_capture_or_one_with_space_at_an_edge_is_no_match() {
        assert_eq!(group("Campaign - acme - (.*)", "Campaign - acme - "), None);
        assert_eq!(group("Campaign - acme - (.*)", "Campaign - acme -  delivery"), None);
        assert_eq!(group("Campaign - acme - (.*)", "Campaign - acme - delivery "), None);
        assert_eq!(group("Campaign - acme - ", "Campaign - acme - \u{a0}delivery"), None);
        assert_eq!(group("Campaign - acme - ", "Campaign - acme - delivery\u{200b}"), None);
    }

    #[test]
    fn a_near_miss_reports_the_difference_and_its_place() {
        let mask = "Campaign - acme - (.*)";
        for (name, said) in [
            ("campaign - acme - delivery", "differs in case: `campaign` where the mask has `Campaign`"),
            (
                "CAMPAIGN - Acme - delivery",
                "differs in case: `CAMPAIGN` where the mask has `Campaign`; differs in case: `Acme` where",
            ),
            ("Campaign - acme -  delivery", "double space after `acme -`"),
            ("Campaign - acme -   delivery", "3 spaces instead of one after `acme -`"),
            ("Campaign  - acme - delivery", "double space after `Campaign`"),
            ("Campaign - acme -delivery", "missing space after `acme -`"),
            ("Campaign -acme - delivery", "missing space after `Campaign -`"),
            (" Campaign - acme - delivery", "space at the beginning"),
            ("Campaign - acme - delivery ", "space at the end, after `delivery`"),
            ("Campaign - acme -\u{a0}delivery", "non-breaking space (U+00A0) after `acme -`"),
            ("Campaign\t- acme - delivery", "tab (U+0009) after `Campaign`"),
            ("Campaign - ac\u{200b}me - delivery", "invisible character (U+200B) after `ac`"),
            ("Campaign – acme - delivery", "en dash (U+2013) for a hyphen after `Campaign`"),
            ("Campaign - acme — delivery", "em dash (U+2014) for a hyphen after `acme`"),
            ("Campaign - globex - delivery", "other tenant: `globex` where the mask has `acme`"),
            ("campaign - globex - delivery", "other tenant: `globex` where the mask has `acme`"),
            ("Campaign - acme - ", "empty group: nothing follows `acme -`"),
            ("Campaign - acme -", "empty group: nothing follows `acme -`"),
            ("Campaign - acme", "empty group: nothing follows `acme`"),
            ("Campain - acme - delivery", "spelling: `Campain` where the mask has `Campaign`"),
            ("Campagin - acme - delivery", "spelling: `Campagin` where the mask has `Campaign`"),
        ] {
            let why = why(mask, name);
            assert!(why.starts_with(said), "{name:?}: {why}");
        }
    }

    #[test]
    fn all_differences_are_reported() {
        assert_eq!(
            why("Campaign - acme - (.*)", "campaign – acme -  delivery"),
            "differs in case: `campaign` where the mask has `Campaign`; en dash (U+2013) for a hyphen after \
             `Campaign`; double space after `acme -`"
        );
    }

    #[test]
    fn near_misses_are_found_when_the_mask_ignores_case() {
        let mask = "(?i)campaign - acme - (.*)";
        for (name, said) in [
            ("CAMPAIGN - acme -  delivery", "double space after `acme -`"),
            ("Campaign - globex - delivery", "other tenant: `globex` where the mask has `acme`"),
            ("Campain - acme - delivery", "spelling: `Campain` where the mask has `campaign`"),
        ] {
            assert_eq!(why(mask, name), said);
        }
        assert_eq!(why("[Cc]ampaign - (.*)", "CAMPAIGN - x"), "differs in case");
    }

    #[test]
    fn a_tenant_with_the_same_beginning_is_another_tenant() {
        let why = why("Campaign - acme - (.*)", "Campaign - acme-emea - delivery");
        assert_eq!(why, "other tenant: `acme-emea` where the mask has `acme`");
    }

    #[test]
    fn reasons_hold_no_control_characters() {
        let why = why("Campaign - acme - ([a-z]+)", "Campaign - acme - a\x1b[31m\nb");
        assert_eq!(why, "`a\\u{1b}[31m\\nb`, after `acme -`, does not fit the rest of the mask");
    }

    #[test]
    fn a_prefix_without_its_space_is_reported() {
        assert_eq!(
            why("Campaign - acme -", "Campaign - acme - delivery"),
            "space after `acme -`, where the mask has none"
        );
    }

    #[test]
    fn text_that_does_not_match_the_rest_of_the_mask_is_reported() {
        let mask = "Campaign - acme - ([a-z]+)";
        assert_eq!(why(mask, "Campaign - acme - Delivery"), "differs in case after `acme -`");
        assert_eq!(
            why(mask, "Campaign - acme - delivery 2"),
            "`delivery 2`, after `acme -`, does not fit the rest of the mask"
        );
    }

    #[test]
    fn other_names_are_unrelated() {
        let mask = Mask::parse("Campaign - acme - (.*)").unwrap();
        for name in ["", " ", "Analytics - acme - admins", "All users", "Campaign", "-", "acme - delivery"] {
            assert_eq!(mask.explain(name), MaskResult::Unrelated, "{name:?}");
        }
    }

    #[test]
    fn invalid_masks_are_refused() {
        assert!(matches!(Mask::parse(""), Err(MaskError::Empty)));
        assert!(matches!(Mask::parse("  "), Err(MaskError::Empty)));
        assert!(matches!(Mask::parse("a)|(b"), Err(MaskError::Syntax { .. })));
        assert!(matches!(Mask::parse("Campaign - (.*"), Err(MaskError::Syntax { .. })));
        assert!(matches!(Mask::parse("(a) (?P<b>.*)"), Err(MaskError::Groups { count: 2, .. })));
        assert!(matches!(Mask::parse("((a)b)"), Err(MaskError::Groups { count: 2, .. })));
        assert!(matches!(Mask::parse(r"(\w{1000}{1000})"), Err(MaskError::TooLarge)));
        assert!(matches!(Mask::parse("(?x)(.*) # comment"), Err(MaskError::NotAnchored)));
        assert!(Mask::parse("(a)(?:b)").is_ok());
    }

    #[test]
    fn an_error_points_into_the_mask() {
        let error = Mask::parse("Campaign - (a) - (b)").unwrap_err();
        assert_eq!(error.span(), Some(17..20));
        let error = Mask::parse("Campaign [").unwrap_err();
        assert_eq!(error.span().map(|span| span.start), Some(9));
    }

    fn masks() -> impl Strategy<Value = String> {
        prop_oneof![
            Just("Campaign - acme - (.*)".to_owned()),
            "[A-Za-z0-9 .–-]{1,20}",
            "[A-Za-z -]{0,12}\\((\\.\\*|\\[a-z\\]\\+|a\\|b)\\)[a-z -]{0,4}",
            "(\\(\\?[imsx]\\))?[a-c\\\\.|()*+?\\[\\] -]{0,16}",
            any::<String>(),
        ]
    }

    fn names() -> impl Strategy<Value = String> {
        prop_oneof![
            "(C|c)ampaign ?(-|–) ?[acme]{2,5} - {0,2}[a-z\u{a0} ]{0,6}",
            "[A-Za-z0-9 .–-]{0,30}",
            any::<String>(),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn any_mask_and_name_give_a_clean_group_or_none(mask in masks(), name in names()) {
            let Ok(mask) = Mask::parse(&mask) else { return Ok(()) };
            let group = mask.group(&name);
            if let Some(group) = group {
                prop_assert!(!group.is_empty());
                prop_assert_eq!(group.trim(), group);
                prop_assert!(name.contains(group));
            }
            match mask.explain(&name) {
                MaskResult::Group(explained) => prop_assert_eq!(group, Some(explained)),
                MaskResult::NearMiss(why) => {
                    prop_assert_eq!(group, None);
                    prop_assert!(!why.is_empty() && !why.contains(char::is_control));
                }
                MaskResult::Unrelated => prop_assert_eq!(group, None),
            }
        }

        #[test]
        fn a_literal_prefix_and_a_group_make_a_name(prefix in "[A-Za-z0-9 -]{1,20}", group in "[a-zA-Z0-9]{1,10}") {
            prop_assume!(!prefix.trim().is_empty());
            let name = format!("{prefix}{group}");
            let literal = Mask::parse(&prefix).unwrap();
            prop_assert_eq!(literal.group(&name), Some(group.as_str()));
            let pattern = Mask::parse(&format!("{}(.*)", regex::escape(&prefix))).unwrap();
            prop_assert_eq!(pattern.group(&name), Some(group.as_str()));
        }

        #[test]
        fn text_before_or_after_a_pattern_is_no_match(junk in "[A-Za-z0-9]{1,5}", group in "[a-z]{1,8}") {
            let mask = Mask::parse("Campaign - acme - ([a-z]+)!").unwrap();
            let name = format!("Campaign - acme - {group}!");
            prop_assert_eq!(mask.group(&name), Some(group.as_str()));
            let (before, after) = (format!("{junk}{name}"), format!("{name}{junk}"));
            prop_assert_eq!(mask.group(&before), None);
            prop_assert_eq!(mask.group(&after), None);
        }
    }
}
