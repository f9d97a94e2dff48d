//! Public paths and denied paths, checked in all readings of a path (see `policy::readings`).

mod default_paths;
mod denied;
mod explain;
mod pattern;

pub use default_paths::DEFAULT_CAMPAIGN;
pub use denied::is_denied;
pub(super) use denied::may_hold;
pub use explain::PathRule;
pub use pattern::PatternError;

use super::path::{CanonicalPath, is_plain};
use super::readings::{Readings, cut_path_info};
use pattern::Pattern;
use serde::Deserialize;

/// Patterns of paths that need no session. `*` stands for any characters, including slashes. Patterns are case-sensitive.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(try_from = "Vec<String>")]
pub struct PublicPaths {
    patterns: Vec<Pattern>,
}

impl TryFrom<Vec<String>> for PublicPaths {
    type Error = PatternError;

    fn try_from(patterns: Vec<String>) -> Result<Self, PatternError> {
        Self::parse(patterns.iter().map(String::as_str))
    }
}

impl PublicPaths {
    /// Parses patterns such as `/r/*`.
    ///
    /// # Errors
    /// `PatternError` for a pattern that can never match, or that would make every path public.
    pub fn parse<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Result<Self, PatternError> {
        Ok(Self { patterns: patterns.into_iter().map(Pattern::parse).collect::<Result<_, _>>()? })
    }

    /// The paths that mail recipients, mobile apps and trackers need without a login.
    pub fn default_campaign() -> Self {
        Self {
            patterns: DEFAULT_CAMPAIGN.iter().filter_map(|pattern| Pattern::parse(pattern).ok()).collect(),
        }
    }

    /// True when `path` needs no session. `path` is the path without query, exactly as it is sent upstream.
    ///
    /// A path is public only if every program behind the gateway reads it as public. A path with parameters (`;`), or that would be
    /// refused after a second decoding, is never public.
    pub fn is_public(&self, path: &str) -> bool {
        if !self.matches(path.as_bytes()) || is_denied(path) {
            return false;
        }
        if is_plain(path) {
            return cut_path_info(path.as_bytes()).is_none_or(|script| self.matches(&script));
        }
        CanonicalPath::parse(path).is_ok_and(|path| path.is_unchanged() && !path.is_ambiguous())
            && Readings::of(path).all(|reading| self.matches(reading))
    }

    /// The patterns as configured.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.patterns.iter().map(Pattern::as_str)
    }

    fn matches(&self, reading: &[u8]) -> bool {
        self.patterns.iter().any(|pattern| pattern.matches(reading))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::denied::is_denied_reading;
    use super::*;

    #[test]
    fn paths_of_recipients_and_trackers_are_public() {
        let public = PublicPaths::default_campaign();
        assert_eq!(public.iter().count(), DEFAULT_CAMPAIGN.len());
        for path in [
            "/r/test",
            "/r/",
            "/r/a/b/c",
            "/nl/jsp/m.jsp",
            "/nms/jsp/webForm.jsp",
            "/x/y/sc.jssp",
            "/webApp/APP1",
            "/jssp/pub/x",
            "/jssp/public",
            "/res/acme/logo.png",
            "/res/a%20b.png",
            "/favicon.ico",
            "/robots.txt",
            "/strings/pubx/y",
            "/nl/interactionProposal.js",
            "/nl/webForms/a/b.css",
            "/nl/core/shared/webTracking.js",
            "/xtk/img/a.png",
            "/r/foo/secret%23/bar",
            "/webApp/what%3f",
            "/webApp/x.jssp/more",
            "/res/caf%C3%A9.png",
            "/res/\u{65e5}\u{672c}.png",
            "/res/50%25off.png",
            "/res/a~1.png",
        ] {
            assert!(public.is_public(path), "{path}");
        }
    }

    #[test]
    fn all_other_paths_need_a_session() {
        let public = PublicPaths::default_campaign();
        for path in [
            "/strings/x",
            "/nl/core/shared/other.js",
            "/nl/webFormsX",
            "",
            "/",
            "/r",
            "/rx",
            "/R/test",
            "/view/home",
            "/nl/jsp/m.jsp/x",
            "/x/nl/jsp/m.jsp",
            "/nl/jsp/soaprouter.jsp",
            "/robots.txt2",
            "/robotsXtxt",
            "/favicon",
            "/r/..;/view/home",
            "/r/x;/../view",
            "/r/%3b/x",
            "/r/%3B",
            "/r/%253b",
            "/r/..",
            "/r/../view/home",
            "/r/./x",
            "/r/%2fx",
            "/r/%5cx",
            "/r/\\x",
            "/r/x?y",
            "/r/x#y",
            "/nl/jsp/soaprouter.jsp%3fx/sc.jssp",
            "/nl/jsp/soaprouter.jsp%3Fx/sc.jssp",
            "/nl/jsp/soaprouter.jsp%23/sc.jssp",
            "/nl/jsp/soaprouter.jsp%253fx/sc.jssp",
            "/nl/jsp/soaprouter.jsp/sc.jssp",
            "/nl/jsp/soaprouter.JSP/x/sc.jssp",
            "/nl/x.jssp/sc.jssp",
            "/nms/DELIVE~1.JSS/sc.jssp",
            "/nl/jsp/soaprouter%2ejsp/sc.jssp",
            "/nl/jsp/soaprouter.js%70/sc.jssp",
            "/nl/jsp/soaprouter.jsp%00/sc.jssp",
            "/nl/jsp/soaprouter.jsp\u{ff1f}/sc.jssp",
            "/nl/jsp/soaprouter.j\u{200b}sp/sc.jssp",
            "/nl/jsp/soaprouter.js%E2%80%8Bp/sc.jssp",
            "/view/home%23/sc.jssp",
            "/view/home%3f/sc.jssp",
            "/view/home%253f/sc.jssp",
            "/view/home\u{ff03}/sc.jssp",
            "/r/..\u{a5}view",
            "/r/%25u002e%25u002e/y",
            "/r/%25C2%2580",
        ] {
            assert!(!public.is_public(path), "{path}");
        }
    }

    #[test]
    fn denied_paths_are_recognized_in_every_spelling() {
        let public = PublicPaths::default_campaign();
        for path in [
            "/nl/jsp/ooconv.jsp",
            "/nl/jsp/OOConv.JSP",
            "/xooconv.jspx",
            "/nl/jsp/%6foconv.jsp",
            "/nl/jsp/%256foconv%252ejsp",
            "/nl/jsp/%25%36%66oconv.jsp",
            "/res/x.jsp",
            "/res/x.jspx",
            "/res/a/b.JSP;x",
            "/RES/x.jsp",
            "/%72es/x.jsp",
            "/res/x%2Ejsp",
            "/res/x%252ejs%70",
            "/res;v=1/x.jsp",
            "//res//x.jsp",
            "/res/.jsp",
            "/RES./x.JSP",
            "/res%20/x.jsp",
            "/res%2520/x.jsp",
            "/res:a/x.jsp",
            "/res/x.jsp:$DATA",
            "/RES\\x.jsp",
            "/res%255cx.jsp",
            "/x/../res/x.jsp",
            "/res/x.js\u{ff50}",
            "/re\u{17f}/x.jsp",
            "/res/x%EF%BC%8Ejsp",
            "/res/x%25EF%25BC%258Ejsp",
            "/res/x%25c0%25aejsp",
            "/res/x.j\u{200b}sp",
            "/res.\u{ad}/x.jsp",
            "/res%20%E2%80%8B/x.jsp",
            "/r\u{e9}s/x.jsp",
            "/res/x%25u002ejsp",
            "/res/x.jssp",
            "/res/a/B.JSSP",
            "/res/x.jssp/y.png",
            "/res/x%2ejssp",
            "/res/x.jss%70",
            "/res/x.js\u{200b}sp",
            "/res./x.jssp",
            "/res/acme/DELIVE~1.JSS",
            "/res/sc.jssp",
            "/nl/jsp/OOCONV~1.JSP",
            "/nl/jsp/ooconv.jsp%3fx",
        ] {
            assert!(is_denied(path), "{path}");
            assert!(!public.is_public(path), "{path}");
        }
        for path in [
            "/",
            "/res/x.js",
            "/res/jsp",
            "/res/jssp",
            "/res/x.js%20sp",
            "/nms/x.jssp",
            "/nl/jsp/m.jsp",
            "/res",
            "/x/res/y.jsp",
            "/%",
            "/%2",
            "/100%25.png",
        ] {
            assert!(!is_denied(path), "{path}");
        }
    }

    #[test]
    fn text_after_a_script_does_not_make_it_public() {
        let public = PublicPaths::parse(["/a/*.png"]).unwrap();
        assert!(public.is_public("/a/x.png") && public.is_public("/a/b/x.png"));
        for path in [
            "/a/x.jsp/y.png",
            "/a/x.JSSP/b/y.png",
            "/a/X~1.JSS/y.png",
            "/a/x.jsp%2f/y.png",
            "/a/x%2ejsp/y.png",
        ] {
            assert!(!public.is_public(path), "{path}");
        }
    }

    #[test]
    fn a_long_path_with_many_stars_is_matched_fast() {
        let public = PublicPaths::parse(["/*a*a*a*a*a*a*a*a*a*b"]).unwrap();
        let path = format!("/{}", "a".repeat(60_000));
        assert!(!public.is_public(&path));
    }

    #[test]
    fn a_pattern_may_be_percent_encoded() {
        let public = PublicPaths::parse(["/caf%C3%A9/*", "/a%20b"]).unwrap();
        assert!(public.is_public("/caf%C3%A9/x") && public.is_public("/a%20b"));
        assert!(!public.is_public("/a%2520b"));
    }

    proptest! {
        /// No program reads a path that the default patterns make public as a path that needs a session.
        #[test]
        fn no_reading_of_a_public_path_is_private(
            head in prop::sample::select(vec!["/view/home", "/nl/jsp/soaprouter.jsp", "/r", "/res", "/webApp", ""]),
            middle in "(/|%2[035eEfF]|%3[aAbBfF]|%5[cC]|%25|%u002e|%c0%ae|\\.|;|:|\\\\|[a-c]|view|\\.jsp|\u{ff0e}|\u{ff1f}|\u{a5}|\u{2215}){0,8}",
            tail in prop::sample::select(vec!["/sc.jssp", "/r/x", "", "/view/home", "/x.png"]),
        ) {
            let public = PublicPaths::default_campaign();
            let path = format!("{head}{middle}{tail}");
            if public.is_public(&path) {
                let is_private = |reading: &[u8]| {
                    reading.starts_with(b"/view/") || reading == b"/view" || reading == b"/nl/jsp/soaprouter.jsp"
                };
                let readings = Readings::of(&path);
                prop_assert!(readings.all(|reading| public.matches(reading) && !is_denied_reading(reading)), "{path}");
                let first = path.split('/').nth(1).unwrap_or_default();
                prop_assert!(first == "view" || readings.all(|reading| !is_private(reading)), "{path}");
            }
        }

        /// A denied name stays denied in any letter case, with full-width letters, with characters that Windows removes, encoded or not.
        #[test]
        fn a_denied_name_stays_denied_in_any_spelling(
            forms in proptest::collection::vec(0..4_u8, 10),
            ending in prop::sample::select(vec!["", ".", "%20", "%2e%20", ";a=b", ":x", "%253b"]),
            rest in "[a-z]{0,3}",
        ) {
            let mut path = String::new();
            for (at, c) in "/res/a.jsp".chars().enumerate() {
                match forms[at] {
                    1 => path.push(c.to_ascii_uppercase()),
                    2 if c.is_alphabetic() => path.extend(char::from_u32(u32::from(c) + 0xfee0)),
                    3 if c != '/' => path.extend(format!("%{:02x}", u32::from(c)).chars()),
                    _ => path.push(c),
                }
                if at == 3 {
                    path.push_str(ending);
                }
            }
            prop_assert!(is_denied(&format!("{path}{rest}")), "{path}");
        }

        #[test]
        fn a_pattern_matches_paths_built_from_it(parts in proptest::collection::vec("[a-c/.]{0,3}", 1..5), fill in "[a-c/]{0,4}") {
            let pattern = format!("/{}", parts.join("*"));
            let Ok(pattern) = Pattern::parse(&pattern) else { return Ok(()) };
            let path = format!("/{}", parts.join(&fill));
            prop_assert!(pattern.matches(path.as_bytes()));
        }

        #[test]
        fn no_path_panics_and_denied_is_never_public(path in any::<String>()) {
            let public = PublicPaths::default_campaign();
            prop_assert!(!(is_denied(&path) && public.is_public(&path)));
        }

        #[test]
        fn a_denied_name_stays_denied_in_any_encoding(mask in any::<u32>()) {
            let path: String = "/nl/jsp/ooconv.jsp".bytes().enumerate().map(|(at, byte)| {
                match (mask >> (at % 32)) & 1 {
                    0 => char::from(byte).to_string(),
                    _ => format!("%{byte:02X}"),
                }
            }).collect();
            prop_assert!(is_denied(&path));
            prop_assert!(is_denied(&path.replace('%', "%25")));
        }
    }
}
