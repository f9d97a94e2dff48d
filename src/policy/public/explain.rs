//! Why a path is denied, public or needs a session, for operators. The decisions themselves are [`is_denied`] and
//! [`PublicPaths::is_public`]; tests compare the two.

use super::denied::is_denied_reading;
use super::{PublicPaths, is_denied};
use crate::policy::path::{CanonicalPath, is_plain};
use crate::policy::readings::{Readings, cut_path_info};

/// What happens to a request for a path, and by which rule. A reading is what some program behind the gateway may read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathRule<'a> {
    /// Refused for everybody: this reading is on the list of denied names.
    Denied(String),
    /// Needs no session: this pattern matches.
    Public(&'a str),
    /// Needs a session: no pattern matches the path.
    NoPattern,
    /// Needs a session: the pattern matches the path, but no pattern matches this reading.
    Reading(&'a str, String),
    /// Needs a session: the pattern matches, but the path has parameters (`;`), `//`, or characters that are encoded twice.
    Ambiguous(&'a str),
    /// Needs a session: the pattern matches, but the path has too many readings.
    TooManyReadings(&'a str),
}

impl PublicPaths {
    /// Says what `is_denied` and [`PublicPaths::is_public`] decide about this path, and why.
    pub fn explain(&self, path: &str) -> PathRule<'_> {
        let shown = |reading: &[u8]| String::from_utf8_lossy(reading).into_owned();
        if is_denied(path) {
            let readings = Readings::of(path);
            let reading = readings.find(is_denied_reading).unwrap_or(path.as_bytes());
            return PathRule::Denied(shown(reading));
        }
        let Some(pattern) = self.patterns.iter().find(|pattern| pattern.matches(path.as_bytes())) else {
            return PathRule::NoPattern;
        };
        let pattern = pattern.as_str();
        if is_plain(path) {
            return match cut_path_info(path.as_bytes()).filter(|script| !self.matches(script)) {
                Some(script) => PathRule::Reading(pattern, shown(&script)),
                None => PathRule::Public(pattern),
            };
        }
        if !CanonicalPath::parse(path).is_ok_and(|path| path.is_unchanged() && !path.is_ambiguous()) {
            return PathRule::Ambiguous(pattern);
        }
        let readings = Readings::of(path);
        match readings.find(|reading| !self.matches(reading)) {
            Some(reading) => PathRule::Reading(pattern, shown(reading)),
            None if readings.all(|_| true) => PathRule::Public(pattern),
            None => PathRule::TooManyReadings(pattern),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_rule_names_the_pattern_or_the_reading() {
        let public = PublicPaths::default_campaign();
        let reading = |pattern, reading: &str| PathRule::Reading(pattern, reading.to_owned());
        for (path, rule) in [
            ("/r/test", PathRule::Public("/r/*")),
            ("/nl/jsp/m.jsp", PathRule::Public("/nl/jsp/m.jsp")),
            ("/view/home", PathRule::NoPattern),
            ("/res/x%2ejsp", PathRule::Denied("/res/x.jsp".to_owned())),
            ("/nl/jsp/ooconv.jsp", PathRule::Denied("/nl/jsp/ooconv.jsp".to_owned())),
            ("/r/x;y", PathRule::Ambiguous("/r/*")),
            ("/view/home%23/sc.jssp", reading("*/sc.jssp", "/view/home")),
        ] {
            assert_eq!(public.explain(path), rule, "{path}");
        }
    }

    proptest! {
        #[test]
        fn the_explanation_is_the_decision(
            head in prop::sample::select(vec!["/view/home", "/nl/jsp/soaprouter.jsp", "/r", "/res", "/webApp", ""]),
            middle in "(/|%2[035eEfF]|%3[aAbBfF]|%5[cC]|%25|%u002e|\\.|;|:|\\\\|[a-c]|view|\\.jsp|\u{ff0e}){0,6}",
            tail in prop::sample::select(vec!["/sc.jssp", "/r/x", "", "/view/home", "/x.png", "/ooconv.jsp"]),
        ) {
            let public = PublicPaths::default_campaign();
            let path = format!("{head}{middle}{tail}");
            let rule = public.explain(&path);
            prop_assert_eq!(matches!(rule, PathRule::Public(_)), public.is_public(&path), "{}: {:?}", path, rule);
            prop_assert_eq!(matches!(rule, PathRule::Denied(_)), is_denied(&path), "{}: {:?}", path, rule);
        }
    }
}
