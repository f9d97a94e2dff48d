//! One path pattern: literal pieces with `*` between them.

use memchr::memmem;
use percent_encoding::percent_decode;
use thiserror::Error;

use crate::policy::readings::is_script;

/// Why a text is no path pattern.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum PatternError {
    /// A path always begins with a slash.
    #[error("the pattern `{0}` must begin with `/` or `*`")]
    Start(String),
    /// Everything would be open.
    #[error("the pattern `{0}` opens every path to everybody")]
    Everything(String),
    /// Compared with the path alone, which never holds these.
    #[error("the pattern `{0}` holds {1:?}, which no path that is compared with it holds")]
    NotAPath(String, char),
}

/// One pattern, split at its stars once.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    text: Box<str>,
    /// As it was written, and decoded where that differs: a decoded reading of a path is compared with it too.
    forms: Vec<Pieces>,
}

/// The pieces between the stars; one piece alone is the whole path.
type Pieces = Box<[Box<[u8]>]>;

impl Pattern {
    pub(super) fn parse(text: &str) -> Result<Self, PatternError> {
        if let Some(c) =
            text.chars().find(|&c| matches!(c, '?' | '#' | ';' | '\\') || c.is_whitespace() || c.is_control())
        {
            return Err(PatternError::NotAPath(text.to_owned(), c));
        }
        if !text.starts_with(['/', '*']) {
            return Err(PatternError::Start(text.to_owned()));
        }
        if text.contains('*') && text.trim_matches('*').trim_matches('/').is_empty() {
            return Err(PatternError::Everything(text.to_owned()));
        }
        let mut forms = vec![text.split('*').map(|piece| piece.as_bytes().into()).collect()];
        if text.contains('%') {
            let decoded = |piece: &str| percent_decode(piece.as_bytes()).collect::<Vec<_>>().into();
            forms.push(text.split('*').map(decoded).collect());
        }
        Ok(Self { text: text.into(), forms })
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// True when a reading of a path is what this pattern means.
    pub(super) fn matches(&self, reading: &[u8]) -> bool {
        self.forms.iter().any(|pieces| is_match(pieces, reading))
    }
}

/// First and last piece stand at the ends; those between are found one after the other, leftmost first, which
/// never has to go back.
fn is_match(pieces: &[Box<[u8]>], path: &[u8]) -> bool {
    match pieces {
        [] => false,
        [whole] => *path == **whole,
        [first, between @ .., last] => {
            let Some(mut rest) = path.strip_prefix(&**first).and_then(|rest| rest.strip_suffix(&**last))
            else {
                return false;
            };
            // How much the first star stands for.
            let mut starred = between.is_empty().then_some(rest.len());
            for piece in between {
                let Some(at) = memmem::find(rest, piece) else { return false };
                starred.get_or_insert(at);
                rest = &rest[at + piece.len()..];
            }
            !first.is_empty() || !crosses_script(path, starred.unwrap_or_default())
        }
    }
}

/// True when a script stands in the first `starred` bytes of a path and something follows it: that would be path info for the
/// script, not an address of its own.
fn crosses_script(path: &[u8], starred: usize) -> bool {
    let end = path.len().min(starred + 1);
    let names = path[..end].iter().rposition(|&byte| byte == b'/').unwrap_or_default();
    path[..names].split(|&byte| byte == b'/').any(is_script)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_that_cannot_be_meant_are_refused() {
        assert_eq!(Pattern::parse("r/*").unwrap_err(), PatternError::Start("r/*".into()));
        assert_eq!(Pattern::parse("").unwrap_err(), PatternError::Start(String::new()));
        for all in ["*", "/*", "**", "*/", "*/*"] {
            assert_eq!(Pattern::parse(all).unwrap_err(), PatternError::Everything(all.into()), "{all}");
        }
        assert_eq!(Pattern::parse("/r/*?x").unwrap_err(), PatternError::NotAPath("/r/*?x".into(), '?'));
        assert!(Pattern::parse("/").is_ok());
    }

    #[test]
    fn prefix_and_suffix_do_not_overlap() {
        let pattern = Pattern::parse("/aba*aba").unwrap();
        assert!(!pattern.matches(b"/aba"));
        assert!(pattern.matches(b"/abaaba"));
        assert!(pattern.matches(b"/abaxaba"));
    }

    #[test]
    fn a_star_at_the_start_does_not_cross_a_script() {
        for (pattern, path, expected) in [
            ("*/sc.jssp", "/a/b/sc.jssp", true),
            ("*/sc.jssp", "/sc.jssp", true),
            ("*/sc.jssp", "/a.jsp/sc.jssp", false),
            ("*/sc.jssp", "/a/b.JSSP/c/sc.jssp", false),
            ("*/sc.jssp", "/jsp/sc.jssp", true),
            ("*.jssp", "/a/b.jssp", true),
            ("*.jssp", "/a.jsp/b.jssp", false),
            ("*/pub/*", "/a/pub/b.jsp/c", true),
            ("*/pub/*", "/a.jsp/pub/b", false),
            ("/webApp/*", "/webApp/x.jssp/y", true),
        ] {
            let matches = Pattern::parse(pattern).unwrap().matches(path.as_bytes());
            assert_eq!(matches, expected, "{pattern} {path}");
        }
    }
}
