//! The gateway's own `Set-Cookie` fields. All have the prefix `__Host-`: Secure, Path=/, no Domain. A removal repeats the attributes,
//! because browsers ignore it otherwise.

use std::fmt::Display;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};

use crate::auth::Authenticator;
use crate::policy::cookies::{self, CookieNames};
use crate::session::{FormId, Key, LiveSession};
use crate::unix_time::UnixTime;

/// How long a browser keeps the cookie of an open login, in seconds: longer than the login may take, so that a late
/// callback still knows where the person wanted to go.
const LOGIN_MAX_AGE: u32 = 24 * 60 * 60;

/// How long after a login a browser must have sent its session cookie at least once.
pub const FRESH: Duration = Duration::from_secs(20);

/// Sets the session cookie until the browser is closed, and for a short time a cookie with the time of the login.
pub fn set_session(headers: &mut HeaderMap, auth: &Authenticator, value: &str, now: UnixTime) {
    let names = &auth.cookies;
    append(headers, &names.session, value, "");
    // Without this cookie, a browser that stores no cookies gets its error page later; nothing else changes.
    if let Ok(sealed) = auth.state.sealer.seal(&names.fresh, &now) {
        append(headers, &names.fresh, &sealed, format_args!("; Max-Age={}", FRESH.as_secs()));
    }
}

/// Removes the session cookie and the cookie of the last user.
pub fn remove_session(headers: &mut HeaderMap, names: &CookieNames) {
    append(headers, &names.session, "", "; Max-Age=0");
    remove_fresh(headers, names);
    remove_last_user(headers, names);
}

/// Tells the browser who is signed in, until the browser is closed.
pub fn set_last_user(headers: &mut HeaderMap, auth: &Authenticator, session: &LiveSession) {
    // Without this cookie IMS may show a page at the next sign-in; nothing else changes.
    if let Some(sealed) = auth.seal_last_user(session) {
        append(headers, &auth.cookies.last_user, &sealed, "");
    }
}

pub fn remove_last_user(headers: &mut HeaderMap, names: &CookieNames) {
    append(headers, &names.last_user, "", "; Max-Age=0");
}

/// Sets the id of a saved form, and removes the ids of older forms that were dropped for it. Each has a cookie of its own, so tabs do not
/// overwrite each other's.
pub fn set_saved_form(
    headers: &mut HeaderMap,
    names: &CookieNames,
    (id, dropped): (FormId, Vec<Key>),
    lifetime: Duration,
) {
    let lifetime = lifetime.as_secs();
    let name = saved_form_name(names, id.key());
    append(headers, &name, &id.to_string(), format_args!("; Max-Age={lifetime}"));
    for key in dropped {
        remove_saved_form(headers, names, key);
    }
}

pub fn remove_saved_form(headers: &mut HeaderMap, names: &CookieNames, key: Key) {
    append(headers, &saved_form_name(names, key), "", "; Max-Age=0");
}

fn saved_form_name(names: &CookieNames, key: Key) -> String {
    format!("{}{key}", names.saved_form_prefix)
}

/// Removes the time of the login.
pub fn remove_fresh(headers: &mut HeaderMap, names: &CookieNames) {
    append(headers, &names.fresh, "", "; Max-Age=0");
}

/// True when this browser signed in a moment ago.
pub fn is_fresh(headers: &HeaderMap, auth: &Authenticator, now: UnixTime) -> bool {
    let name = &auth.cookies.fresh;
    let fresh = cookies::pairs(headers).find(|(sent, _)| sent == name).map(|(_, value)| value);
    let then = fresh.and_then(|sealed| auth.state.sealer.open::<UnixTime>(name, sealed));
    then.is_some_and(|then| then <= now && now.since(then) < FRESH)
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
    // Lax: the redirect from IMS is a navigation from another site.
    let cookie = format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax{lifetime}");
    if let Ok(mut cookie) = HeaderValue::from_str(&cookie) {
        cookie.set_sensitive(true);
        headers.append(header::SET_COOKIE, cookie);
    }
}
