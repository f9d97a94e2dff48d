//! The gateway's own `Set-Cookie` fields. All are `__Host-`: Secure, Path=/, no Domain; a removal repeats the
//! attributes, or browsers ignore it.

use std::fmt::Display;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};

use super::shared::Shared;
use crate::clock::UnixTime;
use crate::policy::cookies::{self, CookieNames};
use crate::session::{FormId, Key};

/// How long a browser keeps the cookie of an open login, in seconds: longer than the login may take, so that a late
/// callback still knows where the person wanted to go.
const LOGIN_MAX_AGE: u32 = 24 * 60 * 60;

/// For how many seconds after a login its session must have come back at least once.
pub const FRESH: i64 = 20;

/// Sets the session cookie until the browser is closed, and beside it for a moment the time of the login.
pub fn set_session(headers: &mut HeaderMap, shared: &Shared, value: &str, now: UnixTime) {
    let names = &shared.cookies;
    append(headers, &names.session, value, "");
    // Without it, a browser that keeps no cookies is told so later; that is all.
    if let Ok(sealed) = shared.sealer.seal(&names.fresh, &now.0) {
        append(headers, &names.fresh, &sealed, format_args!("; Max-Age={FRESH}"));
    }
}

/// Removes the cookie of a session that was found, and who it was.
pub fn remove_session(headers: &mut HeaderMap, names: &CookieNames) {
    append(headers, &names.session, "", "; Max-Age=0");
    remove_fresh(headers, names);
    remove_was(headers, names);
}

/// Sets who is signed in, until the browser is closed.
pub fn set_was(headers: &mut HeaderMap, names: &CookieNames, sealed: &str) {
    append(headers, &names.was, sealed, "");
}

/// Removes who was signed in.
pub fn remove_was(headers: &mut HeaderMap, names: &CookieNames) {
    append(headers, &names.was, "", "; Max-Age=0");
}

/// Sets the name of a kept form, each in a cookie of its own: tabs do not overwrite each other's.
pub fn set_kept(headers: &mut HeaderMap, names: &CookieNames, id: FormId, lifetime: Duration) {
    append(
        headers,
        &kept_name(names, id.key()),
        &id.to_string(),
        format_args!("; Max-Age={}", lifetime.as_secs()),
    );
}

/// Removes the name of a kept form.
pub fn remove_kept(headers: &mut HeaderMap, names: &CookieNames, key: Key) {
    append(headers, &kept_name(names, key), "", "; Max-Age=0");
}

/// The forms kept for this browser, as far as it knows.
pub fn kept(headers: &HeaderMap, names: &CookieNames) -> impl Iterator<Item = FormId> {
    cookies::pairs(headers)
        .filter(|(name, _)| name.starts_with(&names.kept_prefix))
        .filter_map(|(_, value)| FormId::parse(value))
        .take(MOST_KEPT)
}

fn kept_name(names: &CookieNames, key: Key) -> String {
    format!("{}{key}", names.kept_prefix)
}

/// Names of kept forms that are looked at: more than one person can have.
const MOST_KEPT: usize = 16;

/// Removes the time of the login.
pub fn remove_fresh(headers: &mut HeaderMap, names: &CookieNames) {
    append(headers, &names.fresh, "", "; Max-Age=0");
}

/// True when this browser signed in a moment ago.
pub fn is_fresh(headers: &HeaderMap, shared: &Shared, now: UnixTime) -> bool {
    let name = &shared.cookies.fresh;
    let fresh = cookies::pairs(headers).find(|(sent, _)| sent == name).map(|(_, value)| value);
    let then = fresh.and_then(|sealed| shared.sealer.open::<i64>(name, sealed));
    then.is_some_and(|then| (0..FRESH).contains(&now.0.saturating_sub(then)))
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
