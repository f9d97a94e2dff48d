//! Who is signed in at the admin page: a short list in memory. A cookie holds a random value, never the token.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;

use super::token::AdminToken;
use crate::crypto::{random_text, sha256_text};
use crate::unix_time::UnixTime;

/// The sign-ins at the admin page.
#[derive(Debug, Default)]
pub(super) struct SignIns(Mutex<Vec<OperatorSignIn>>);

#[derive(Debug)]
struct OperatorSignIn {
    /// The digest of the cookie's value.
    digest: String,
    /// The token of this sign-in. The sign-in ends when `listen.admin_token` changes.
    token: Arc<AdminToken>,
    began: UnixTime,
    seen: UnixTime,
}

impl SignIns {
    /// Adds a sign-in with this token; returns the value of its cookie. The oldest one ends when there are too many.
    pub(super) fn begin(&self, token: Arc<AdminToken>, now: UnixTime) -> String {
        let cookie = random_text::<32>();
        let mut all = self.all();
        if all.len() == MAX_SIGN_INS {
            all.remove(0);
        }
        all.push(OperatorSignIn { digest: sha256_text(cookie.as_bytes()), token, began: now, seen: now });
        cookie
    }

    /// Checks a cookie; true for a sign-in with this token that has not ended. The check counts as use.
    pub(super) fn check(&self, cookie: &str, token: &AdminToken, now: UnixTime) -> bool {
        let digest = sha256_text(cookie.as_bytes());
        let mut all = self.all();
        all.retain(|one| {
            now.since(one.began) < LONGEST && now.since(one.seen) < IDLE && one.token.is_same(token)
        });
        let found = all.iter_mut().find(|one| is_equal(&one.digest, &digest));
        found.map(|one| one.seen = now).is_some()
    }

    /// Ends the sign-in of this cookie.
    pub(super) fn end(&self, cookie: &str) {
        let digest = sha256_text(cookie.as_bytes());
        self.all().retain(|one| !is_equal(&one.digest, &digest));
    }

    fn all(&self) -> MutexGuard<'_, Vec<OperatorSignIn>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_equal(one: &str, other: &str) -> bool {
    verify_slices_are_equal(one.as_bytes(), other.as_bytes()).is_ok()
}

/// Sign-ins at the same time.
const MAX_SIGN_INS: usize = 32;
/// A sign-in ends when it is unused for this long.
const IDLE: Duration = Duration::from_mins(30);
/// A sign-in ends after this time at the latest.
const LONGEST: Duration = Duration::from_hours(12);

#[cfg(test)]
mod tests {
    use super::*;

    fn token(text: &str) -> Arc<AdminToken> {
        Arc::new(AdminToken::new(&text.to_owned().into()))
    }

    #[test]
    fn a_sign_in_ends_by_time_by_sign_out_and_with_its_token() {
        let (sign_ins, first, start) = (SignIns::default(), token("first"), UnixTime(1000));
        let at = |minutes| start.plus(Duration::from_mins(minutes));
        let cookie = sign_ins.begin(first.clone(), start);
        assert!(sign_ins.check(&cookie, &first, start));
        assert!(!sign_ins.check("", &first, start) && !sign_ins.check("other", &first, start));
        // Each use begins the idle time again, up to the longest time.
        for minutes in (29..12 * 60).step_by(29) {
            assert!(sign_ins.check(&cookie, &token("first"), at(minutes)), "{minutes}");
        }
        assert!(!sign_ins.check(&cookie, &first, at(12 * 60)));

        let idle = sign_ins.begin(first.clone(), start);
        assert!(!sign_ins.check(&idle, &first, at(30)));
        let (left, stays) = (sign_ins.begin(first.clone(), start), sign_ins.begin(first.clone(), start));
        sign_ins.end(&left);
        assert!(!sign_ins.check(&left, &first, start) && sign_ins.check(&stays, &first, start));
        assert!(!sign_ins.check(&stays, &token("second"), start), "the token was replaced");
        assert!(!sign_ins.check(&stays, &first, start));
    }

    #[test]
    fn the_list_is_bounded() {
        let (sign_ins, token) = (SignIns::default(), token("one"));
        let cookies: Vec<String> =
            (0..=MAX_SIGN_INS).map(|_| sign_ins.begin(token.clone(), UnixTime(0))).collect();
        assert_eq!(sign_ins.all().len(), MAX_SIGN_INS);
        assert!(!sign_ins.check(&cookies[0], &token, UnixTime(0)));
        assert!(sign_ins.check(&cookies[MAX_SIGN_INS], &token, UnixTime(0)));
    }
}
