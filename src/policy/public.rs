//! Paths open to everybody and paths closed to everybody.

mod decode;
mod pattern;

pub use pattern::PatternError;

use decode::{contains, percent_decoded, without_parameters};
use pattern::Pattern;

/// Path patterns open to everybody; `*` stands for any run of characters, slashes included. Case counts.
#[derive(Clone, Debug, Default)]
pub struct PublicPaths {
    patterns: Vec<Pattern>,
}

impl PublicPaths {
    /// Reads patterns such as `/r/*`.
    ///
    /// # Errors
    /// [`PatternError`] for a pattern that could never match, or that would open everything.
    pub fn parse<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Result<Self, PatternError> {
        Ok(Self { patterns: patterns.into_iter().map(Pattern::parse).collect::<Result<_, _>>()? })
    }

    /// What mail recipients, mobile apps and trackers must reach without a login.
    pub fn default_campaign() -> Self {
        Self {
            patterns: DEFAULT_CAMPAIGN.iter().filter_map(|pattern| Pattern::parse(pattern).ok()).collect(),
        }
    }

    /// True when `path` is open to everybody: the path without its query, exactly as it is sent upstream.
    ///
    /// A path with path parameters (`;`) or an encoded separator is never public: what Campaign would make of it is
    /// not what the pattern was written for.
    pub fn is_public(&self, path: &str) -> bool {
        !is_ambiguous(path) && !is_denied(path) && self.patterns.iter().any(|pattern| pattern.matches(path))
    }

    /// The patterns as they were written.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.patterns.iter().map(Pattern::as_str)
    }
}

/// True when `path` is closed to everybody, signed in or not: `*ooconv.jsp*` and `/res/*.jsp*`, in any case, encoded up to
/// twice, with path parameters or doubled slashes in between.
pub fn is_denied(path: &str) -> bool {
    // Both patterns hold `.jsp`; most paths neither do nor could after decoding. This is asked on every request.
    let could_hide_it = path.bytes().any(|byte| byte == b'%' || byte == b';');
    if !could_hide_it && !path.as_bytes().windows(4).any(|window| window.eq_ignore_ascii_case(b".jsp")) {
        return false;
    }
    let twice = percent_decoded(percent_decoded(path.bytes())).map(|byte| byte.to_ascii_lowercase());
    let plain = without_parameters(twice.clone());
    is_closed(twice) || is_closed(plain)
}

fn is_closed(path: impl Iterator<Item = u8> + Clone) -> bool {
    let mut after = path.clone();
    let below_res = after.by_ref().take(UPLOADS.len()).eq(UPLOADS.iter().copied());
    (below_res && contains(after, b".jsp")) || contains(path, b"ooconv.jsp")
}

/// True for what two servers may read differently: path parameters, backslashes, dot segments, control characters, and
/// any of the separators encoded once or twice.
fn is_ambiguous(path: &str) -> bool {
    let separator = |byte| matches!(byte, b';' | b'\\' | 0..0x20 | 0x7f);
    let hidden = |byte| separator(byte) || byte == b'/';
    path.bytes().any(|byte| separator(byte) || byte == b'?' || byte == b'#')
        || path.split('/').any(|segment| matches!(segment, "." | ".."))
        || (path.contains('%')
            && (count(percent_decoded(path.bytes()), hidden) != count(path.bytes(), hidden)
                || count(percent_decoded(percent_decoded(path.bytes())), hidden)
                    != count(path.bytes(), hidden)))
}

fn count(bytes: impl Iterator<Item = u8>, wanted: impl Fn(u8) -> bool) -> usize {
    bytes.filter(|&byte| wanted(byte)).count()
}

/// Where uploaded assets are.
const UPLOADS: &[u8] = b"/res/";

/// The list Campaign's own security zones leave open.
pub const DEFAULT_CAMPAIGN: &[&str] = &[
    "/r/*",
    "/nl/jsp/m.jsp",
    "/nl/jsp/s.jsp",
    "/nms/jsp/webForm.jsp",
    "/nms/jsp/barcode.jsp",
    "/nms/jsp/captcha.jsp",
    "/xtk/jsp/zoneinfo.jsp",
    "*/sc.jssp",
    "*/interactionProposal.jssp",
    "*/zoneJson.jssp",
    "*/facebookCallback.jssp",
    "/webApp/*",
    "/jssp/pub*",
    "/strings/*",
    "/interaction/*",
    "/barcode/*",
    "/lineImage/*",
    "/res/*",
    "/nms/mobile/1/registerIOS.jssp",
    "/nms/mobile/1/registerAndroid.jssp",
    "/favicon.*",
    "/robots.txt",
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_recipients_and_trackers_call_is_public() {
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
        ] {
            assert!(public.is_public(path), "{path}");
        }
    }

    #[test]
    fn everything_else_needs_a_session() {
        let public = PublicPaths::default_campaign();
        for path in [
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
        ] {
            assert!(!public.is_public(path), "{path}");
        }
    }

    #[test]
    fn denied_paths_are_found_in_every_disguise() {
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
        ] {
            assert!(is_denied(path), "{path}");
            assert!(!public.is_public(path), "{path}");
        }
        for path in [
            "/",
            "/res/x.js",
            "/res/jsp",
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
    fn long_paths_with_many_stars_end_soon() {
        let public = PublicPaths::parse(["/*a*a*a*a*a*a*a*a*a*b"]).unwrap();
        let path = format!("/{}", "a".repeat(60_000));
        assert!(!public.is_public(&path));
    }

    proptest! {
        #[test]
        fn a_pattern_matches_what_it_spells(parts in proptest::collection::vec("[a-c/.]{0,3}", 1..5), fill in "[a-c/]{0,4}") {
            let pattern = format!("/{}", parts.join("*"));
            let Ok(pattern) = Pattern::parse(&pattern) else { return Ok(()) };
            let path = format!("/{}", parts.join(&fill));
            prop_assert!(pattern.matches(&path));
        }

        #[test]
        fn no_path_panics_and_denied_is_never_public(path in any::<String>()) {
            let public = PublicPaths::default_campaign();
            prop_assert!(!(is_denied(&path) && public.is_public(&path)));
        }

        #[test]
        fn a_denied_name_stays_denied_however_it_is_encoded(mask in any::<u32>()) {
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
