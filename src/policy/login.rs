//! An open login: from the redirect to IMS until the callback.
//!
//! The transaction is sealed in its own cookie, named after its state. So logins in several tabs do not disturb each other, abandoned
//! logins use no memory in the gateway, and a state is worthless in another browser (RFC 6749 §10.12, RFC 9700 §4.7).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::cookies::CookieNames;
use super::return_to::ReturnTo;
use crate::unix_time::UnixTime;

/// Most open logins of one browser; the oldest is removed first.
pub const MAX_OPEN_LOGINS: usize = 16;
/// Most bytes of the cookies of open logins in one browser. Ten logins with ordinary addresses take half of it.
pub const MAX_OPEN_BYTES: usize = 16 * 1024;
/// The newest open logins are never removed, even if cookies of other gateways on this host name take all the bytes.
pub const MIN_OPEN_LOGINS: usize = 4;
/// How often a login restarts automatically before the person must act.
pub const MAX_ATTEMPTS: u8 = 3;

/// How IMS handles a browser that it knows (`prompt`, OIDC Core §3.1.2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Prompt {
    /// IMS decides.
    #[default]
    AsUsual,
    /// IMS always shows the sign-in page (`login`).
    SignIn,
    /// IMS shows no page and returns a code or an error immediately (`none`).
    Silent,
}

impl Prompt {
    /// True when a login may begin although the browser has a session. Other sites can send a browser here, so only a page of this
    /// origin may request another sign-in. In all other cases the session is kept.
    pub fn replaces_session(self, from_own_page: bool) -> bool {
        self == Self::SignIn && from_own_page
    }
}

/// One login, from the redirect to IMS until the callback.
#[derive(Clone, Serialize, Deserialize)]
pub struct LoginTransaction {
    /// Binds the `id_token` to this login (OIDC Core §3.1.2.1).
    pub nonce: String,
    /// PKCE code verifier (RFC 7636 §4.1).
    pub verifier: String,
    /// The address to open after the login.
    pub return_to: ReturnTo,
    pub began: UnixTime,
    /// Name of the session that the browser had when the login began, if any: this login replaces it.
    pub replaces: Option<String>,
    /// True when IMS was asked to show no page. Then an error only means that the person must sign in.
    #[serde(default)]
    pub silent: bool,
    /// True when a saved form waits for this login.
    #[serde(default)]
    pub resumes: bool,
    /// True when only storing the session failed: the login starts again.
    #[serde(default)]
    pub interrupted: bool,
}

impl LoginTransaction {
    /// True when the login began more than `skew` after `now`: the clock was set back, or an instance with another clock began it.
    pub fn is_from_the_future(&self, now: UnixTime, skew: Duration) -> bool {
        self.began > now.plus(skew)
    }
}

/// The `state` parameter: the number of restarts as one digit, then 128 random bits as 22 characters of base64url.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginState(String);

impl LoginState {
    /// Joins the number of restarts (0 for a login that a person began) and the random part.
    pub fn new(attempt: u8, random: &str) -> Self {
        Self(format!("{}{random}", attempt.min(9)))
    }

    /// Parses a state from a callback; `None` when this gateway cannot have created it.
    pub fn parse(raw: &str) -> Option<Self> {
        let shape =
            raw.len() == LENGTH && raw.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        (shape && raw.as_bytes()[0].is_ascii_digit()).then(|| Self(raw.to_owned()))
    }

    /// The text of the parameter.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number of automatic restarts. It is readable without the cookie. So a browser that stores no cookies gets an error page
    /// instead of a redirect loop.
    pub fn attempt(&self) -> u8 {
        self.0.as_bytes().first().map_or(0, |digit| digit.saturating_sub(b'0'))
    }

    /// Name of the cookie that holds the transaction.
    pub fn cookie_name(&self, names: &CookieNames) -> String {
        format!("{}{}", names.login_prefix, self.0)
    }
}

const LENGTH: usize = 23;

/// The query of a callback (RFC 6749 §4.1.2, RFC 9207 §2), each parameter at most once (RFC 6749 §3.1).
#[derive(Debug, Default, PartialEq, Eq)]
pub struct CallbackQuery {
    /// Identifies the login.
    pub state: Option<String>,
    pub code: Option<String>,
    /// The error code, instead of an authorization code.
    pub error: Option<String>,
    pub iss: Option<String>,
}

impl CallbackQuery {
    /// Parses the query; `None` when a parameter is repeated.
    pub fn parse(query: &str) -> Option<Self> {
        let mut parsed = Self::default();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let slot = match &*name {
                "state" => &mut parsed.state,
                "code" => &mut parsed.code,
                "error" => &mut parsed.error,
                "iss" => &mut parsed.iss,
                _ => continue,
            };
            if slot.replace(value.into_owned()).is_some() {
                return None;
            }
        }
        Some(parsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_state_holds_its_attempt_and_names_its_cookie() {
        let state = LoginState::new(2, "abcdefghijklmnopqrstuv");
        assert_eq!(LoginState::parse(state.as_str()), Some(state.clone()));
        assert_eq!(state.attempt(), 2);
        assert_eq!(
            state.cookie_name(&CookieNames::new(None)),
            "__Host-imsgate-login-2abcdefghijklmnopqrstuv"
        );
    }

    #[test]
    fn only_a_page_of_this_origin_can_replace_a_session() {
        for prompt in [Prompt::AsUsual, Prompt::SignIn, Prompt::Silent] {
            for own in [false, true] {
                assert_eq!(prompt.replaces_session(own), own && prompt == Prompt::SignIn, "{prompt:?} {own}");
            }
        }
    }

    #[test]
    fn a_login_that_began_in_the_future_is_recognized() {
        let login = LoginTransaction {
            nonce: String::new(),
            verifier: String::new(),
            return_to: ReturnTo::default(),
            began: UnixTime(1000),
            replaces: None,
            silent: false,
            resumes: false,
            interrupted: false,
        };
        for (now, expected) in [(939, true), (940, false), (1000, false), (5000, false), (i64::MIN, true)] {
            assert_eq!(login.is_from_the_future(UnixTime(now), Duration::from_mins(1)), expected, "{now}");
        }
    }

    #[test]
    fn a_malformed_state_is_refused() {
        for raw in [
            "",
            "x",
            "2abcdefghijklmnopqrstu",
            "xabcdefghijklmnopqrstuv",
            "2abcdefghijklmnopqrst;v",
            "2abcdefghijklmnopqrstuvw",
        ] {
            assert_eq!(LoginState::parse(raw), None, "{raw}");
        }
    }

    #[test]
    fn a_repeated_parameter_invalidates_the_callback() {
        assert_eq!(CallbackQuery::parse("state=a&code=b&state=a"), None);
        assert_eq!(CallbackQuery::parse("code=b&code=c"), None);
        assert_eq!(CallbackQuery::parse("&"), Some(CallbackQuery::default()));
        let parsed = CallbackQuery::parse("code=b%20c&state=a&session_state=x&session_state=y").unwrap();
        assert_eq!((parsed.code.as_deref(), parsed.state.as_deref()), (Some("b c"), Some("a")));
    }

    proptest! {
        #[test]
        fn any_query_is_read_without_panic(query in ".{0,80}") {
            let _ = CallbackQuery::parse(&query);
            let _ = LoginState::parse(&query);
        }
    }
}
