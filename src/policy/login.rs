//! An open login: what one browser tab is waiting for while the person is at IMS.
//!
//! The transaction travels sealed in a cookie of its own, named after its state. So ten tabs do not disturb each other,
//! nothing is kept in the gateway for somebody who never comes back, and a state is worth nothing in another browser
//! (RFC 6749 §10.12, RFC 9700 §4.7).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::cookies::CookieNames;
use super::return_to::ReturnTo;

/// Open logins a browser may have at once; the oldest goes first.
pub const MAX_OPEN_LOGINS: usize = 16;
/// Bytes that the cookies of open logins may take in one browser; ten logins with ordinary addresses take half of it.
pub const MAX_OPEN_BYTES: usize = 16 * 1024;
/// The newest open logins of a browser stay, however many bytes the cookies of other gateways on this host name take.
pub const MIN_OPEN_LOGINS: usize = 4;
/// How often a login is begun again by itself before a person is asked.
pub const MAX_ATTEMPTS: u8 = 3;

/// What IMS is asked to do with a browser that it knows (`prompt`, OIDC Core §3.1.2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Prompt {
    /// What it thinks best.
    #[default]
    AsUsual,
    /// Show the sign-in page all the same (`login`).
    SignIn,
    /// Show nothing: a code or an error at once (`none`).
    Silent,
}

impl Prompt {
    /// True when a login may begin although the browser has a live session. Other sites can send a browser here, so only a
    /// page of this origin may ask for another sign-in; everybody else goes on with the session.
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
    /// Where the person wanted to go.
    pub return_to: ReturnTo,
    /// When it began, seconds since the Unix epoch.
    pub began: i64,
    /// Name of the session the browser had when it began, if any: the one this login is to replace.
    pub replaces: Option<String>,
    /// True when IMS was asked to show nothing: an error then means only that somebody has to sign in.
    #[serde(default)]
    pub silent: bool,
    /// True when a form waits for this login.
    #[serde(default)]
    pub resumes: bool,
    /// True when it was finished but for the session, which could not be kept: it is to begin anew.
    #[serde(default)]
    pub interrupted: bool,
}

impl LoginTransaction {
    /// True when the login began later than now, by more than `skew`: the clock was set back, or another instance
    /// with another clock began it.
    pub fn is_from_the_future(&self, now: i64, skew: Duration) -> bool {
        self.began.saturating_sub(now) > i64::try_from(skew.as_secs()).unwrap_or(i64::MAX)
    }
}

/// The `state` parameter: how often this login was begun again, then 128 random bits as 22 characters of base64url.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State(String);

impl State {
    /// Joins the attempt (0 for a login begun by a person) and the random part.
    pub fn new(attempt: u8, random: &str) -> Self {
        Self(format!("{}{random}", attempt.min(9)))
    }

    /// Reads a state as IMS hands it back; `None` when it cannot be one of ours.
    pub fn parse(raw: &str) -> Option<Self> {
        let shape =
            raw.len() == LENGTH && raw.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        (shape && raw.as_bytes()[0].is_ascii_digit()).then(|| Self(raw.to_owned()))
    }

    /// The text of the parameter.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// How often the login was begun again without a person's doing. It is readable without the cookie: that is how a
    /// browser that keeps no cookies is told so, instead of being sent in circles.
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
    /// Ties the answer to a login.
    pub state: Option<String>,
    /// The authorization code.
    pub code: Option<String>,
    /// The error code instead of a code.
    pub error: Option<String>,
    /// Who answers.
    pub iss: Option<String>,
}

impl CallbackQuery {
    /// Reads the query; `None` when a parameter is repeated.
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
    fn a_state_knows_its_attempt_and_its_cookie() {
        let state = State::new(2, "abcdefghijklmnopqrstuv");
        assert_eq!(State::parse(state.as_str()), Some(state.clone()));
        assert_eq!(state.attempt(), 2);
        assert_eq!(
            state.cookie_name(&CookieNames::new(None)),
            "__Host-imsgate-login-2abcdefghijklmnopqrstuv"
        );
    }

    #[test]
    fn only_a_page_of_ours_that_asks_for_it_replaces_a_session() {
        for prompt in [Prompt::AsUsual, Prompt::SignIn, Prompt::Silent] {
            for own in [false, true] {
                assert_eq!(prompt.replaces_session(own), own && prompt == Prompt::SignIn, "{prompt:?} {own}");
            }
        }
    }

    #[test]
    fn a_login_from_the_future_tells_that_clocks_differ() {
        let login = LoginTransaction {
            nonce: String::new(),
            verifier: String::new(),
            return_to: ReturnTo::default(),
            began: 1000,
            replaces: None,
            silent: false,
            resumes: false,
            interrupted: false,
        };
        for (now, expected) in [(939, true), (940, false), (1000, false), (5000, false), (i64::MIN, true)] {
            assert_eq!(login.is_from_the_future(now, Duration::from_mins(1)), expected, "{now}");
        }
    }

    #[test]
    fn what_we_never_sent_is_no_state() {
        for raw in [
            "",
            "x",
            "2abcdefghijklmnopqrstu",
            "xabcdefghijklmnopqrstuv",
            "2abcdefghijklmnopqrst;v",
            "2abcdefghijklmnopqrstuvw",
        ] {
            assert_eq!(State::parse(raw), None, "{raw}");
        }
    }

    #[test]
    fn a_repeated_parameter_spoils_the_callback() {
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
            let _ = State::parse(&query);
        }
    }
}
