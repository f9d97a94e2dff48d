//! Tokens in a query.

use memchr::{memchr, memchr2};

use super::field::{MAX_NAME, judge_encoded, kind_of};
use super::{ForeignToken, Judge};

/// The query with the tokens that `judge` replaces; `None` when nothing changes, which is nearly always.
///
/// # Errors
/// When the query holds a value that may not be forwarded.
pub fn exchange_query(query: &str, judge: &mut impl Judge) -> Result<Option<String>, ForeignToken> {
    let mut exchanged: Option<String> = None;
    let mut copied = 0;
    let mut at = 0;
    while at < query.len() {
        let field = &query[at..];
        // Some servers also split at a semicolon. A value that ends early is foreign, or no token at all.
        let length = memchr2(b'&', b';', field.as_bytes()).unwrap_or(field.len());
        let field = &field[..length];
        if may_be_token(field.as_bytes())
            && let Some(equals) = memchr(b'=', field.as_bytes())
            && equals <= MAX_NAME
            && let Some(kind) = kind_of(&field.as_bytes()[..equals])
            && let Some(value) = judge_encoded(kind, &field.as_bytes()[equals + 1..], judge)?
        {
            let start = at + equals + 1;
            let output = exchanged.get_or_insert_with(String::new);
            output.push_str(&query[copied..start]);
            output.push_str(&value);
            copied = at + length;
        }
        at += length + 1;
    }
    Ok(exchanged.map(|mut output| {
        output.push_str(&query[copied..]);
        output
    }))
}

/// False for nearly every field: a spelling of a token field begins with one of these.
fn may_be_token(field: &[u8]) -> bool {
    matches!(field.first(), Some(b'_' | b'%' | b'.' | b' ' | b'[' | b'+' | b'"' | b'\'' | b'\\'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{TokenAction, TokenKind};
    use super::*;

    fn judge(kind: TokenKind, value: &str) -> TokenAction {
        match (kind, value) {
            (_, "" | "own") => TokenAction::Keep,
            (_, "old") => TokenAction::Replace("a+b=".to_owned()),
            (TokenKind::Session, _) => TokenAction::Refuse,
            (TokenKind::Security, _) => TokenAction::Keep,
        }
    }

    #[test]
    fn values_are_kept_exchanged_or_refused() {
        let cases = [
            ("a=1&b=2", Ok(None)),
            ("__sessiontoken=", Ok(None)),
            ("__sessiontoken=own&x", Ok(None)),
            ("x=1&__sessiontoken=old&y=2", Ok(Some("x=1&__sessiontoken=a%2Bb%3D&y=2"))),
            (
                "__securitytoken=old;__sessiontoken=old",
                Ok(Some("__securitytoken=a%2Bb%3D;__sessiontoken=a%2Bb%3D")),
            ),
            ("__securitytoken=other", Ok(None)),
            ("__sessiontoken=admin/password", Err(ForeignToken)),
            ("a=%26&%5f%5fSESSIONTOKEN=monitoring", Err(ForeignToken)),
            ("a=__sessiontoken=x", Ok(None)),
            ("x;__sessiontoken=eve", Err(ForeignToken)),
        ];
        for (query, wanted) in cases {
            assert_eq!(
                exchange_query(query, &mut judge),
                wanted.map(|some| some.map(str::to_owned)),
                "{query}"
            );
        }
    }

    proptest! {
        #[test]
        fn a_foreign_value_anywhere_is_found(before in "([a-z]{0,4}=[a-z%0-9]{0,4}&){0,3}", after in "(&[a-z]{0,4}(=[a-z]{0,3})?){0,3}") {
            let query = format!("{before}__sessiontoken=eve{after}");
            prop_assert_eq!(exchange_query(&query, &mut judge), Err(ForeignToken));
        }

        #[test]
        fn queries_without_tokens_never_change(query in "[ -~]{0,80}") {
            prop_assume!(!query.to_ascii_lowercase().contains("token"));
            prop_assert_eq!(exchange_query(&query, &mut judge), Ok(None));
        }
    }
}
