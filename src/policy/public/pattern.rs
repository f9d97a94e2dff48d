//! A path pattern: literal pieces with `*` between them.

use memchr::memmem;
use percent_encoding::percent_decode;
use thiserror::Error;

use crate::policy::readings::is_script;

/// Why a text is not a valid path pattern.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum PatternError {
    /// The pattern must begin like a path.
    #[error("the pattern `{0}` must begin with `/` or `*`")]
    Start(String),
    /// The pattern would make every path public.
    #[error("the pattern `{0}` makes every path public")]
    Everything(String),
    /// The pattern holds a character that no path holds.
    #[error("the pattern `{0}` holds {1:?}, so it cannot match a path")]
    NotAPath(String, char),
}

/// A pattern, split at its stars.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    text: Box<str>,
    /// The pattern as configured, and its decoded form if that differs. Decoded readings of a path are compared too.
    forms: Vec<Pieces>,
}

/// The pieces between the stars. A single piece is the whole path.
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

    pub(super) fn matches(&self, reading: &[u8]) -> bool {
        self.forms.iter().any(|pieces| is_match(pieces, reading))
    }
}

/// The first and the last piece must be at the ends of the path. The others are searched from left to right, without backtracking.
fn is_match(pieces: &[Box<[u8]>], path: &[u8]) -> bool {
    match pieces {
        [] => false,
        [whole] => *path == **whole,
        [first, between @ .., last] => {
            let Some(mut rest) = path.strip_prefix(&**first).and_then(|rest| rest.strip_suffix(&**last))
            else {
                return false;
            };
            // Length of the text for the first star.
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

/// True when the first `starred` bytes of a path hold a script and more text. Then the rest of the path is path info for that script.
fn crosses_script(path: &[u8], starred: usize) -> bool {
    let end = path.len().min(starred + 1);
    let names = path[..end].iter().rposition(|&byte| byte == b'/').unwrap_or_default();
    path[..names].split(|&byte| byte == b'/').any(is_script)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_patterns_are_refused() {
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
