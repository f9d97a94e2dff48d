//! Parses responses of the token endpoint (RFC 6749 §5.1, §5.2). Each field is read separately: an unreadable field does not affect
//! the others, and unused fields may have any type.

use std::time::Duration;

use serde::Deserialize as _;
use serde_json::Value;

use crate::wire::loose_json;

/// The readable fields of a successful response. No `Debug`: it holds tokens.
#[derive(Default)]
pub struct TokenResponse {
    /// The access token, if it holds only the characters of RFC 6749 §A.12.
    pub access_token: Option<String>,
    /// The refresh token, under the same rule; an empty one counts as absent.
    pub refresh_token: Option<String>,
    /// The `id_token`, not validated.
    pub id_token: Option<String>,
    /// True when `token_type` is `Bearer` in any letter case (RFC 6749 §5.1, RFC 6750 §4).
    pub is_bearer: bool,
    /// `expires_in`, as a number or in quotes.
    pub lifetime: Lifetime,
}

/// Lifetime of an access token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lifetime {
    /// The response has no lifetime.
    #[default]
    Absent,
    /// The value is not a number.
    Unreadable,
    /// The lifetime; zero when it is over.
    For(Duration),
}

/// An error response: the code and the description.
pub type ErrorResponse = (String, Option<String>);

/// Parses a successful response; `None` when it is not a JSON object.
pub fn read(body: &[u8]) -> Option<TokenResponse> {
    let fields = object(body)?;
    let token = |name: &str| fields.get(name).and_then(loose_json::text).filter(|token| is_token(token));
    Some(TokenResponse {
        access_token: token("access_token"),
        refresh_token: token("refresh_token"),
        id_token: token("id_token"),
        is_bearer: fields["token_type"].as_str().is_some_and(|kind| kind.eq_ignore_ascii_case("bearer")),
        lifetime: lifetime(&fields["expires_in"]),
    })
}

/// Parses an error response (RFC 6749 §5.2); `None` when it has no error code.
pub fn read_error(body: &[u8]) -> Option<ErrorResponse> {
    let fields = object(body)?;
    Some((fields["error"].as_str()?.to_owned(), fields["error_description"].as_str().map(str::to_owned)))
}

/// Finds the refresh token in a body that is incomplete or invalid JSON. IMS has issued this token and no longer accepts the old one.
/// `None` when the token itself is incomplete.
pub fn recover_refresh_token(body: &[u8]) -> Option<String> {
    let name = b"\"refresh_token\"";
    let ends = body.windows(name.len()).enumerate().filter(|(_, window)| window == name);
    ends.map(|(start, _)| &body[start + name.len()..]).find_map(|rest| {
        let value = rest.trim_ascii_start().strip_prefix(b":")?;
        let token = String::deserialize(&mut serde_json::Deserializer::from_slice(value)).ok()?;
        Some(token).filter(|token| is_token(token))
    })
}

/// The first JSON value of the body, if it is an object. A byte order mark before it and bytes after it are ignored.
fn object(body: &[u8]) -> Option<Value> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let value = Value::deserialize(&mut serde_json::Deserializer::from_slice(body)).ok()?;
    value.is_object().then_some(value)
}

/// True for one or more characters of RFC 6749 §A.12. None of them can end a header field.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| (b' '..=b'~').contains(&b))
}

fn lifetime(value: &Value) -> Lifetime {
    if value.is_null() {
        return Lifetime::Absent;
    }
    let Some(seconds) = loose_json::number(value) else { return Lifetime::Unreadable };
    let seconds = seconds.clamp(0.0, LONGEST);
    Lifetime::For(Duration::try_from_secs_f64(seconds.floor()).unwrap_or_default())
}

/// Longest lifetime in seconds; real tokens live much shorter.
const LONGEST: f64 = 1e9;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn response(change: impl FnOnce(&mut Value)) -> TokenResponse {
        let mut fields = json!({"access_token": "a", "refresh_token": "r", "id_token": "i", "token_type": "bearer",
                                "expires_in": 86399});
        change(&mut fields);
        read(fields.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn a_lifetime_may_be_in_quotes() {
        let day = Lifetime::For(Duration::from_secs(86399));
        for (value, expected) in [
            (json!(86399), day),
            (json!("86399"), day),
            (json!(86399.9), day),
            (json!(0), Lifetime::For(Duration::ZERO)),
            (json!("-1"), Lifetime::For(Duration::ZERO)),
            (json!(null), Lifetime::Absent),
            (json!("soon"), Lifetime::Unreadable),
            (json!([]), Lifetime::Unreadable),
            (json!(1e300), Lifetime::For(Duration::from_secs(1_000_000_000))),
        ] {
            assert_eq!(response(|fields| fields["expires_in"] = value.clone()).lifetime, expected, "{value}");
        }
    }

    #[test]
    fn an_unreadable_field_does_not_affect_the_others() {
        for (name, value) in [
            ("access_token", json!(null)),
            ("access_token", json!({"a": 1})),
            ("access_token", json!("a\r\nX-Ims-User: admin")),
            ("access_token", json!("")),
            ("id_token", json!([])),
            ("expires_in", json!("soon")),
            ("token_type", json!(7)),
            ("scope", json!({})),
        ] {
            let read = response(|fields| fields[name] = value.clone());
            assert_eq!(read.refresh_token.as_deref(), Some("r"), "{name}: {value}");
            assert_eq!(read.access_token.is_some(), name != "access_token", "{name}: {value}");
        }
        assert!(response(|fields| fields["refresh_token"] = "".into()).refresh_token.is_none());
    }

    #[test]
    fn the_type_is_bearer_in_any_case() {
        for (value, expected) in [
            (json!("Bearer"), true),
            (json!("BEARER"), true),
            (json!("mac"), false),
            (json!(""), false),
            (json!(null), false),
        ] {
            assert_eq!(
                response(|fields| fields["token_type"] = value.clone()).is_bearer,
                expected,
                "{value}"
            );
        }
    }

    #[test]
    fn text_around_the_object_is_ignored() {
        assert!(
            read(b"\xef\xbb\xbf{\"refresh_token\":\"r\"} trailing")
                .is_some_and(|r| r.refresh_token.is_some())
        );
        for body in ["", "[]", "\"x\"", "<html>", "{\"refresh_token\":"] {
            assert!(read(body.as_bytes()).is_none(), "{body}");
        }
        assert_eq!(read_error(b"{\"error\":\"invalid_grant\"}"), Some(("invalid_grant".to_owned(), None)));
        assert_eq!(read_error(b"{}"), None);
    }

    #[test]
    fn a_complete_refresh_token_is_recovered() {
        for (body, expected) in [
            (r#"{"access_token":"a","refresh_token":"r","id_token":"ey"#, Some("r")),
            (r#"{"refresh_token" : "r\u0031", "access"#, Some("r1")),
            (r#"{"access_token":"a",,"refresh_token":"r"}"#, Some("r")),
            (r#"{"access_token":"a" "refresh_token":"r",}"#, Some("r")),
            (r#"{'a':1,"refresh_token":"r""#, Some("r")),
            (r#"{"access_token":"a","refresh_token":"r"#, None),
            (r#"{"access_token":"a","refresh_token":"#, None),
            (r#"{"access_token":"a","refresh_token":"","#, None),
            (r#"{"refresh_token":"a\r\nb","#, None),
            (r#"{"refresh_token":null,"#, None),
            (r#"{"note":"\"refresh_token\":\"x\"","#, None),
            (r#"{"refresh_token":5,"refresh_token":"r","#, Some("r")),
            ("", None),
        ] {
            assert_eq!(recover_refresh_token(body.as_bytes()).as_deref(), expected, "{body}");
        }
    }

    proptest! {
        #[test]
        fn an_incomplete_body_gives_the_refresh_token_only_if_it_is_complete(
            token in "[ !#-\\[\\]-~]{1,20}", before in any::<i32>(), cut in any::<prop::sample::Index>(),
        ) {
            let head = format!("{{\"expires_in\":{before},\"refresh_token\":\"{token}\"");
            let body = format!("{head},\"id_token\":\"i\"}}");
            let cut = cut.index(body.len());
            let kept = recover_refresh_token(&body.as_bytes()[..cut]);
            prop_assert_eq!(kept, (cut >= head.len()).then_some(token));
        }

        #[test]
        fn any_body_is_read_without_panic(body in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = (read(&body).is_some(), read_error(&body), recover_refresh_token(&body));
        }
    }
}
