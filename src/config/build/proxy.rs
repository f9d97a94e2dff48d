//! `ims.proxy`, and the environment where it says nothing.

use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::{Check, Wrong};
use crate::config::finding::Location;
use crate::policy::outbound_proxy::{NotAProxy, OutboundProxy, is_never_proxied};

/// The proxy to IMS; `None` after an error.
#[expect(clippy::option_option, reason = "an error, no proxy, or one")]
pub(super) fn proxy(
    check: &mut Check<'_>,
    value: Option<SecretString>,
    file: Option<PathBuf>,
    discovery_url: Option<&Url>,
) -> Option<Option<OutboundProxy>> {
    if !check.is_set(KEY) && !check.is_set(KEY_FILE) {
        return environment(check, discovery_url);
    }
    if value.as_ref().is_some_and(is_off) && !check.is_set(KEY_FILE) {
        return Some(None);
    }
    let key = if check.is_set(KEY) { KEY } else { KEY_FILE };
    let text = check.secret(KEY, value, file)?;
    if is_off(&text) {
        return Some(None);
    }
    match OutboundProxy::parse(text.expose_secret(), key) {
        Ok(proxy) => Some(Some(proxy)),
        Err(error) => {
            check.error(key, wrong(error));
            None
        }
    }
}

#[expect(clippy::option_option, reason = "an error, no proxy, or one")]
fn environment(check: &mut Check<'_>, discovery_url: Option<&Url>) -> Option<Option<OutboundProxy>> {
    let Some((variable, text)) = check.tree.proxies.https() else { return Some(None) };
    let no_proxy = check.tree.proxies.no();
    match OutboundProxy::parse(text.expose_secret(), variable) {
        Ok(proxy) => Some(Some(proxy.except(no_proxy))),
        // Others may understand it; here it is wrong only where it would be used.
        Err(_) if discovery_url.is_none_or(|url| is_never_proxied_url(url, no_proxy)) => Some(None),
        Err(error) => {
            let location = Location::Environment(variable.to_owned());
            check.tree.error(KEY, location, wrong(error));
            None
        }
    }
}

fn is_never_proxied_url(url: &Url, no_proxy: &str) -> bool {
    url.as_str().parse().is_ok_and(|address| is_never_proxied(&address, no_proxy))
}

fn is_off(text: &SecretString) -> bool {
    let text = text.expose_secret().trim();
    text.is_empty() || text.eq_ignore_ascii_case("none")
}

fn wrong(error: NotAProxy) -> Wrong {
    Wrong::new(
        error.to_string(),
        "write http://host:port or http://user:password@host:port in ims.proxy, other signs than letters and digits as %XX; or ims.proxy = \"none\"",
    )
}

const KEY: &str = "ims.proxy";
const KEY_FILE: &str = "ims.proxy_file";
