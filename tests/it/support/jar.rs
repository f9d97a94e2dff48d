//! Cookies as a browser keeps them: by host (never by port), name and path (RFC 6265bis §5.5 to §5.8).

use std::sync::Mutex;

use http::{HeaderMap, header};
use url::Url;

/// The cookies of one browser.
#[derive(Default)]
pub struct Jar(Mutex<Vec<Cookie>>);

/// A stored cookie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cookie {
    pub host: String,
    pub name: String,
    pub value: String,
    pub path: String,
    pub secure: bool,
}

impl Jar {
    /// Stores every `Set-Cookie` of a response from this address.
    pub fn keep(&self, url: &Url, headers: &HeaderMap) {
        for field in headers.get_all(header::SET_COOKIE) {
            let Some((cookie, removed)) = read(url, field.to_str().unwrap()) else { continue };
            let mut kept = self.0.lock().unwrap();
            kept.retain(|old| {
                (&old.host, &old.name, &old.path) != (&cookie.host, &cookie.name, &cookie.path)
            });
            if !removed {
                kept.push(cookie);
            }
        }
    }

    /// The `Cookie` header for this address.
    pub fn header(&self, url: &Url) -> Option<String> {
        let kept = self.0.lock().unwrap();
        let pairs: Vec<String> = kept
            .iter()
            .filter(|cookie| url.host_str() == Some(&cookie.host) && url.path().starts_with(&cookie.path))
            .filter(|cookie| !cookie.secure || url.scheme() == "https")
            .map(|cookie| format!("{}={}", cookie.name, cookie.value))
            .collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    /// Every cookie of a host.
    pub fn of(&self, host: &str) -> Vec<Cookie> {
        self.0.lock().unwrap().iter().filter(|cookie| cookie.host == host).cloned().collect()
    }

    /// Adds a cookie without any check.
    pub fn plant(&self, cookie: Cookie) {
        let mut kept = self.0.lock().unwrap();
        kept.retain(|old| (&old.host, &old.name) != (&cookie.host, &cookie.name));
        kept.push(cookie);
    }

    /// Removes the cookies for which `which` is true.
    pub fn forget(&self, which: impl Fn(&Cookie) -> bool) {
        self.0.lock().unwrap().retain(|cookie| !which(cookie));
    }
}

/// The cookie, and whether it is a removal; `None` if a browser would refuse it.
fn read(url: &Url, field: &str) -> Option<(Cookie, bool)> {
    let mut parts = field.split(';').map(str::trim);
    let (name, value) = parts.next()?.split_once('=')?;
    let attributes: Vec<(String, &str)> = parts
        .map(|part| part.split_once('=').unwrap_or((part, "")))
        .map(|(attribute, value)| (attribute.to_ascii_lowercase(), value))
        .collect();
    let attribute =
        |wanted: &str| attributes.iter().find(|(known, _)| known == wanted).map(|(_, value)| *value);
    let secure = attribute("secure").is_some();
    let path = attribute("path").unwrap_or("/").to_owned();
    // RFC 6265bis §5.7: not over plain HTTP, and `__Host-` means this very host, every path, TLS.
    let refused = (secure && url.scheme() != "https")
        || (name.starts_with("__Host-") && (!secure || path != "/" || attribute("domain").is_some()));
    let removed = attribute("max-age").is_some_and(|seconds| seconds.parse::<i64>().unwrap() <= 0);
    let host = url.host_str()?.to_owned();
    let cookie = Cookie { host, name: name.to_owned(), value: value.to_owned(), path, secure };
    (!refused).then_some((cookie, removed))
}
