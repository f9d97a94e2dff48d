//! One path pattern: literal pieces with `*` between them.

use thiserror::Error;

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
    /// The pieces between the stars; one piece alone is the whole path.
    pieces: Box<[Box<str>]>,
}

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
        Ok(Self { text: text.into(), pieces: text.split('*').map(Box::from).collect() })
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// First and last piece stand at the ends; those between are found one after the other, leftmost first, which
    /// never has to go back.
    pub(super) fn matches(&self, path: &str) -> bool {
        match &*self.pieces {
            [] => false,
            [whole] => path == &**whole,
            [first, between @ .., last] => {
                let Some(mut rest) = path.strip_prefix(&**first).and_then(|rest| rest.strip_suffix(&**last))
                else {
                    return false;
                };
                for piece in between {
                    let Some(at) = rest.find(&**piece) else { return false };
                    rest = &rest[at + piece.len()..];
                }
                true
            }
        }
    }
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
        assert!(!pattern.matches("/aba"));
        assert!(pattern.matches("/abaaba"));
        assert!(pattern.matches("/abaxaba"));
    }
}
