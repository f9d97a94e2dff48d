//! Browser sessions at IMS. A signed-in browser gets no sign-in form.

use std::collections::HashMap;
use std::sync::Mutex;

use http::{HeaderMap, HeaderValue};

use crate::demo::random::{lock, opaque};
use crate::demo::wire::cookie;
use crate::unix_time::UnixTime;

/// Who signed in, and when.
#[derive(Clone, Debug)]
pub(super) struct SignedIn {
    pub(super) username: String,
    pub(super) at: UnixTime,
    /// The session id (`sid`), which differs from the cookie.
    pub(super) session: String,
}

#[derive(Default)]
pub(super) struct Browsers(Mutex<HashMap<String, SignedIn>>);

impl Browsers {
    /// The person of this browser's cookie.
    pub(super) fn of(&self, headers: &HeaderMap) -> Option<SignedIn> {
        lock(&self.0).get(cookie(headers, COOKIE)?).cloned()
    }

    /// Starts a session and replaces the browser's previous one. Returns the `Set-Cookie` value.
    pub(super) fn begin(&self, headers: &HeaderMap, signed_in: SignedIn) -> Option<HeaderValue> {
        self.end(headers);
        let id = opaque();
        let set_cookie =
            HeaderValue::from_str(&format!("{COOKIE}={id}; Path=/; HttpOnly; SameSite=Lax")).ok();
        lock(&self.0).insert(id, signed_in);
        set_cookie
    }

    /// Ends the browser's session. Returns the `Set-Cookie` value that removes the cookie.
    pub(super) fn end(&self, headers: &HeaderMap) -> HeaderValue {
        if let Some(id) = cookie(headers, COOKIE) {
            lock(&self.0).remove(id);
        }
        HeaderValue::from_static("ims_sid=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0")
    }

    pub(super) fn sessions_of(&self, username: &str) -> Vec<String> {
        let browsers = lock(&self.0);
        let theirs = browsers.values().filter(|signed_in| signed_in.username == username);
        theirs.map(|signed_in| signed_in.session.clone()).collect()
    }

    pub(super) fn count(&self) -> usize {
        lock(&self.0).len()
    }
}

const COOKIE: &str = "ims_sid";
