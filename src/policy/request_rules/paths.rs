//! The paths of a rule. A pattern matches more paths here than in `campaign.public_paths`: a path is public only if every program reads it
//! as a match; a rule matches if one program reads it as a match.

use percent_encoding::percent_decode_str;
use serde::Deserialize;

use super::glob::{self, Part};
use crate::policy::path::is_plain;
use crate::policy::path::unicode::{ascii_only, caseless};
use crate::policy::public::{PatternError, PublicPaths};
use crate::policy::readings::{Readings, cut_path_info};

/// Patterns of paths. `*` stands for any characters, including slashes. Letter case and a slash at the end do not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Vec<String>")]
pub struct RulePaths(Vec<RulePath>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct RulePath {
    /// As configured.
    text: Box<str>,
    /// The pieces between the stars, decoded and folded.
    pieces: Vec<Box<[u8]>>,
}

impl TryFrom<Vec<String>> for RulePaths {
    type Error = PatternError;

    fn try_from(patterns: Vec<String>) -> Result<Self, PatternError> {
        Self::parse(patterns.iter().map(String::as_str))
    }
}

impl RulePaths {
    /// Parses patterns such as `/webApp/*`. `*` alone is every path.
    ///
    /// # Errors
    /// `PatternError` for a pattern that can never match.
    pub fn parse<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Result<Self, PatternError> {
        patterns.into_iter().map(RulePath::parse).collect::<Result<_, _>>().map(Self)
    }

    /// The patterns as configured.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|path| &*path.text)
    }

    /// True when a pattern matches a spelling of the path, or when not all spellings are known.
    pub(super) fn match_any(&self, spellings: &Spellings) -> bool {
        !self.0.is_empty() && (!spellings.is_complete || self.0.iter().any(|path| path.matches(spellings)))
    }
}

impl RulePath {
    fn parse(text: &str) -> Result<Self, PatternError> {
        match PublicPaths::parse([text]) {
            Ok(_) | Err(PatternError::Everything(_)) => {}
            Err(error) => return Err(error),
        }
        let piece = |piece: &str| fold(&percent_decode_str(piece).collect::<Vec<_>>()).into();
        Ok(Self { text: text.into(), pieces: text.split('*').map(piece).collect() })
    }

    fn matches(&self, spellings: &Spellings) -> bool {
        spellings.known.iter().any(|text| glob::matches(&self.pieces, text))
            || spellings.shortened.iter().any(|parts| glob::may_match(&self.pieces, parts))
    }
}

/// The texts that programs behind the gateway may read a path as.
#[derive(Debug)]
pub(super) struct Spellings {
    known: Vec<Vec<u8>>,
    /// Spellings with a short (8.3) name of Windows. Its long name is unknown.
    shortened: Vec<Vec<Part>>,
    is_complete: bool,
}

impl Spellings {
    /// All spellings of a path, as it is sent to Campaign.
    pub fn of(path: &str) -> Self {
        let mut spellings = Self { known: Vec::new(), shortened: Vec::new(), is_complete: true };
        if is_plain(path) {
            spellings.add(path.as_bytes());
            if let Some(script) = cut_path_info(path.as_bytes()) {
                spellings.add(&script);
            }
        } else {
            let readings = Readings::of(path);
            spellings.is_complete = readings.is_complete();
            readings.known().for_each(|reading| spellings.add(reading));
        }
        spellings
    }

    /// Adds a reading, folded. If it has characters that are not ASCII, also adds it without them, because some programs drop them.
    fn add(&mut self, reading: &[u8]) {
        let mut forms = vec![fold(reading)];
        if !reading.is_ascii() {
            forms.push(ascii_only(&String::from_utf8_lossy(reading)).to_ascii_lowercase().into_bytes());
        }
        for mut text in forms {
            if text.split(|&byte| byte == b'/').any(is_short_name) {
                self.is_complete &= text.len() <= LONGEST_SHORTENED;
                self.shortened.push(parts(&text));
            }
            while text.last() == Some(&b'/') {
                text.pop();
            }
            self.known.push([&text, &b"/"[..]].concat());
            self.known.push(text);
        }
    }
}

/// Removes differences of letter case, compatibility forms and invisible characters.
fn fold(text: &[u8]) -> Vec<u8> {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    caseless(&String::from_utf8_lossy(text)).into_bytes()
}

/// True for a short (8.3) name that Windows may have made of a longer name, such as `webapp~1` or `soapro~1.jss`: at most eight characters
/// that end in `~` and a number, and an ending of at most three characters.
fn is_short_name(name: &[u8]) -> bool {
    let (base, ending) = split_ending(name);
    let digits = base.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let has_number = digits > 0 && base[..base.len() - digits].ends_with(b"~");
    has_number && base.len() <= 8 && ending.len() <= 4
}

/// The name without its ending, and the ending with its dot.
fn split_ending(name: &[u8]) -> (&[u8], &[u8]) {
    name.split_at(name.iter().rposition(|&byte| byte == b'.').unwrap_or(name.len()))
}

/// The path with each short name replaced by the long names that it may stand for: any name, with an ending that begins like the short one.
fn parts(text: &[u8]) -> Vec<Part> {
    let mut parts = Vec::with_capacity(text.len());
    for (index, name) in text.split(|&byte| byte == b'/').enumerate() {
        parts.extend((index > 0).then_some(Part::Byte(b'/')));
        if is_short_name(name) {
            parts.push(Part::Unknown);
            parts.extend(split_ending(name).1.iter().copied().map(Part::Byte));
            parts.push(Part::UnknownEnding);
        } else {
            parts.extend(name.iter().copied().map(Part::Byte));
        }
    }
    parts
}

/// Longest path with a short name that is compared with the patterns, in bytes; a longer one matches every rule. Limits the work for one
/// request.
const LONGEST_SHORTENED: usize = 512;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::policy::path::CanonicalPath;

    fn matches(patterns: &[&str], path: &str) -> bool {
        RulePaths::parse(patterns.iter().copied()).unwrap().match_any(&Spellings::of(path))
    }

    #[test]
    fn a_pattern_matches_its_paths_and_no_others() {
        for (pattern, path, expected) in [
            ("/webApp/*", "/webApp/APP1", true),
            ("/webApp/*", "/webApp", true),
            ("/webApp/*", "/webApps/x", false),
            ("/webApp/*", "/x/webApp/y", false),
            ("/nl/jsp/m.jsp", "/nl/jsp/m.jsp", true),
            ("/nl/jsp/m.jsp", "/nl/jsp/m.jspx", false),
            ("/nl/jsp/m.jsp", "/nl/jsp/x.jsp", false),
            ("*/sc.jssp", "/a/x.jsp/sc.jssp", true),
            ("*", "/", true),
            ("/*", "/a/b", true),
            ("/a/b/", "/a/b", true),
            ("/caf%C3%A9/*", "/caf\u{e9}/x", true),
            ("/\u{65e5}\u{672c}/*", "/\u{4e2d}\u{56fd}/x", false),
            ("/res/*", "/webApp/x~1.png", false),
            ("/webApp/*", "/x~/a", false),
            ("/res/*.gif", "/res/x~1.png", false),
        ] {
            assert_eq!(matches(&[pattern], path), expected, "{pattern} {path}");
        }
        assert!(!matches(&[], "/%2525252541"), "without paths a rule matches nothing");
    }

    #[test]
    fn another_spelling_of_a_path_does_not_escape() {
        for (pattern, path) in [
            ("/webApp/form", "/WEBAPP/Form"),
            ("/webApp/form", "/webApp/form/"),
            ("/webApp/form", "/web%41pp/f%6frm"),
            ("/webApp/form", "/webApp/form;jsessionid=1"),
            ("/webApp/form", "/webApp;x/form"),
            ("/webApp/form", "/webApp/form%3bx"),
            ("/webApp/form", "/webApp/form%253bx"),
            ("/webApp/form", "/webApp/form%3fx"),
            ("/webApp/form", "/webApp/form%23"),
            ("/webApp/form", "/webApp/f%256frm"),
            ("/webApp/form", "/webApp/f%25u006frm"),
            ("/webApp/form", "/webApp/f\u{ff4f}rm"),
            ("/webApp/form", "/webApp/f%EF%BD%8Frm"),
            ("/webApp/form", "/webApp/fo\u{200b}rm"),
            ("/webApp/form", "/webApp/f\u{f3}rm"),
            ("/webApp/form", "/WEBAPP~1/form"),
            ("/webApplication/form", "/WEBAPP~1/form"),
            ("/nms/delivery.jssp", "/nms/DELIVE~1.JSS"),
            ("/nl/jsp/m.jsp", "/nl/jsp/m.jsp/more"),
            ("/nl/jsp/m.jsp", "/nl/jsp/M.JSP/more/x"),
            ("/view/*", "/x/%252e%252e/view/home"),
            ("/caf%C3%A9", "/CAF%C3%89"),
            ("/stra%C3%9Fe", "/STRASSE"),
            ("/anything", "/%2525252541"),
        ] {
            assert!(matches(&[pattern], path), "{pattern} {path}");
        }
        let long = format!("/{}/x~1", "a".repeat(LONGEST_SHORTENED));
        assert!(matches(&["/webApp"], &long), "the work is limited");
    }

    #[test]
    fn patterns_are_those_of_public_paths() {
        assert_eq!(RulePaths::parse(["r/*"]), Err(PatternError::Start("r/*".into())));
        assert_eq!(RulePaths::parse(["/a?b"]), Err(PatternError::NotAPath("/a?b".into(), '?')));
        assert!(RulePaths::parse(["*"]).is_ok());
    }

    proptest! {
        /// Where `campaign.public_paths` matches, a rule with the same pattern does.
        #[test]
        fn a_rule_matches_whatever_a_public_path_matches(
            pattern in prop::sample::select(vec!["/r/*", "*/sc.jssp", "/webApp/*", "/nl/jsp/m.jsp", "*.jssp", "/res/a%20b", "/x~1/*"]),
            path in "(/r|/webApp|/nl/jsp|/res|/x~1|/X)(/|%2[0eE]|%3[bBfF]|%25|;|[a-cA]|\\.|m\\.jsp|sc\\.jssp|\u{ff0e}|\u{e9}){0,8}(/sc\\.jssp|/m\\.jsp)?",
        ) {
            let public = PublicPaths::parse([pattern]).unwrap();
            prop_assert!(!public.is_public(&path) || matches(&[pattern], &path), "{}", path);
        }

        /// However a path is spelled: if the gateway forwards it, the rule matches.
        #[test]
        fn every_spelling_of_a_path_matches(
            forms in proptest::collection::vec(0..7_u8, 16),
            ending in prop::sample::select(vec!["", "/", ";a=b", "%3bx", "%253bx", "%3fx", "%23", "%2523x"]),
            slashes in prop::sample::select(vec!["/", "//", "///"]),
        ) {
            let mut path = String::new();
            for (c, form) in "/webApp/fo.jssp".chars().zip(forms) {
                match form {
                    _ if c == '/' => path.push_str(slashes),
                    1 => path.push(c.to_ascii_uppercase()),
                    2 if c.is_alphabetic() => path.extend(char::from_u32(u32::from(c) + 0xfee0)),
                    3 => path.extend(format!("%{:02x}", u32::from(c)).chars()),
                    4 => path.extend(format!("%25{:02X}", u32::from(c)).chars()),
                    5 => path.extend(format!("%25u{:04x}", u32::from(c)).chars()),
                    6 if c.is_alphabetic() => path.extend([c, '\u{200b}']),
                    _ => path.push(c),
                }
            }
            path.push_str(ending);
            if let Ok(path) = CanonicalPath::parse(&path) {
                prop_assert!(matches(&["/webApp/fo.jssp"], path.as_str()), "{}", path.as_str());
            }
        }
    }
}
