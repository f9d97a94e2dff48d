//! Names and values of fields in a query or a form (WHATWG URL Standard §5.1).

use percent_encoding::{NON_ALPHANUMERIC, percent_decode, utf8_percent_encode};

use super::{ForeignToken, Judge, TokenAction, TokenKind};
use crate::policy::cookies::spells;

/// The kind of token that a field of this name holds, in any spelling that a lenient server accepts.
pub(super) fn kind_of(name: &[u8]) -> Option<TokenKind> {
    if spells(name, SESSION_FIELD) {
        Some(TokenKind::Session)
    } else if spells(name, SECURITY_FIELD) {
        Some(TokenKind::Security)
    } else {
        None
    }
}

/// Judges the encoded value of a field. Returns the encoded value to forward in its place, if any.
///
/// A `+` stays as it is: tokens hold none, or one that was sent without encoding.
pub(super) fn judge_encoded(
    kind: TokenKind,
    value: &[u8],
    judge: &mut impl Judge,
) -> Result<Option<String>, ForeignToken> {
    let decoded = percent_decode(value).decode_utf8_lossy();
    match judge.judge(kind, &decoded) {
        TokenAction::Keep => Ok(None),
        TokenAction::Replace(token) => Ok(Some(utf8_percent_encode(&token, NON_ALPHANUMERIC).to_string())),
        TokenAction::Refuse => Err(ForeignToken),
    }
}

const SESSION_FIELD: &str = "__sessiontoken";
const SECURITY_FIELD: &str = "__securitytoken";
/// Longest spelling of a field name that is looked at: each letter percent-encoded twice.
pub(super) const MAX_NAME: usize = 160;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_recognized_in_every_spelling() {
        for name in [
            "__sessiontoken",
            "__SessionToken",
            "%5F%5Fsessiontoken",
            "%5f_session%74oken",
            "__session%2574oken",
        ] {
            assert_eq!(kind_of(name.as_bytes()), Some(TokenKind::Session), "{name}");
        }
        assert_eq!(kind_of(b"__securitytoken"), Some(TokenKind::Security));
        for name in ["sessiontoken", "__sessiontokens", "x__sessiontoken", "__session", ""] {
            assert_eq!(kind_of(name.as_bytes()), None, "{name}");
        }
    }
}
