//! The gateway's own `Set-Cookie` fields. All are `__Host-`: Secure, Path=/, no Domain; a removal repeats the
//! attributes, or browsers ignore it.

use std::fmt::Display;

use http::{HeaderMap, HeaderValue, header};

use crate::clock::UnixTime;
use crate::policy::cookies::{self, FRESH_COOKIE, SESSION_COOKIE};

/// How long a browser keeps the cookie of an open login, in seconds: longer than the login may take, so that a late
/// callback still knows where the person wanted to go.
const LOGIN_MAX_AGE: u32 = 24 * 60 * 60;

/// For how many seconds after a login its session must have come back at least once.
pub const FRESH: i64 = 20;

/// Sets the session cookie until the browser is closed, and beside it for a moment the time of the login.
pub fn set_session(headers: &mut HeaderMap, value: &str, now: UnixTime) {
    append(headers, SESSION_COOKIE, value, "");
    append(headers, FRESH_COOKIE, &now.0.to_string(), format_args!("; Max-Age={FRESH}"));
}

/// Removes the session cookie.
pub fn remove_session(headers: &mut HeaderMap) {
    append(headers, SESSION_COOKIE, "", "; Max-Age=0");
    remove_fresh(headers);
}

/// Removes the time of the login.
pub fn remove_fresh(headers: &mut HeaderMap) {
    append(headers, FRESH_COOKIE, "", "; Max-Age=0");
}

/// True when this browser signed in a moment ago.
pub fn is_fresh(headers: &HeaderMap, now: UnixTime) -> bool {
    let fresh = cookies::pairs(headers)
        .find(|(name, _)| *name == FRESH_COOKIE)
        .map(|(_, value)| value.parse::<i64>());
    matches!(fresh, Some(Ok(then)) if (0..FRESH).contains(&now.0.saturating_sub(then)))
}

/// Sets the cookie of an open login.
pub fn set_login(headers: &mut HeaderMap, name: &str, value: &str) {
    append(headers, name, value, format_args!("; Max-Age={LOGIN_MAX_AGE}"));
}

/// Removes the cookie of an open login.
pub fn remove_login(headers: &mut HeaderMap, name: &str) {
    append(headers, name, "", "; Max-Age=0");
}

fn append(headers: &mut HeaderMap, name: &str, value: &str, lifetime: impl Display) {
    // Lax: the way back from IMS is a navigation from another site.
    let cookie = format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax{lifetime}");
    if let Ok(mut cookie) = HeaderValue::from_str(&cookie) {
        cookie.set_sensitive(true);
        headers.append(header::SET_COOKIE, cookie);
    }
}
