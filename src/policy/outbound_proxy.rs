//! The HTTP proxy between the gateway and IMS: its address, and the destinations that bypass it.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, Uri};
use hyper_util::client::proxy::matcher::Matcher;
use percent_encoding::percent_decode_str;
use url::Url;
use zeroize::Zeroizing;

/// A proxy that opens tunnels with CONNECT (RFC 9110 §9.3.6).
#[derive(Clone, Debug)]
pub struct OutboundProxy {
    host: String,
    port: u16,
    authorization: Option<HeaderValue>,
    named_by: &'static str,
    /// `NO_PROXY`, for a proxy from the environment.
    exceptions: Option<Arc<Matcher>>,
}

/// Why a text is not a usable proxy address. Never quotes the text: it may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAProxy {
    /// `https://`, `socks5://` and others.
    #[error("is not an http:// proxy; TLS to the proxy itself and SOCKS are not supported")]
    Scheme,
    /// Not an address of this form.
    #[error("is not the address of a proxy")]
    Address,
}

impl OutboundProxy {
    /// Parses `[http://][user:password@]host[:port]`. `named_by` is the configuration key or the variable that holds it.
    ///
    /// # Errors
    /// `NotAProxy` when the text is not such an address.
    pub fn parse(text: &str, named_by: &'static str) -> Result<Self, NotAProxy> {
        let text = text.trim();
        let address = match text.split_once("://") {
            Some((scheme, _)) if !scheme.eq_ignore_ascii_case("http") => return Err(NotAProxy::Scheme),
            Some((_, address)) => address,
            None => text,
        };
        if address.contains(|c: char| c.is_whitespace() || c.is_control() || c == '\\')
            || address.starts_with(['/', ':', '@'])
        {
            return Err(NotAProxy::Address);
        }
        let url = Url::parse(&format!("http://{address}")).map_err(|_| NotAProxy::Address)?;
        let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        let host = url.host_str().filter(|_| is_bare).ok_or(NotAProxy::Address)?;
        Ok(Self {
            host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
            port: url.port_or_known_default().unwrap_or(80),
            authorization: authorization(&url)?,
            named_by,
            exceptions: None,
        })
    }

    /// Excludes loopback addresses and the addresses in `no_proxy`.
    #[must_use]
    pub fn except(self, no_proxy: &str) -> Self {
        Self { exceptions: Some(Arc::new(exceptions(no_proxy))), ..self }
    }

    /// Changes the key that is shown for this proxy.
    #[must_use]
    pub fn named(self, named_by: &'static str) -> Self {
        Self { named_by, ..self }
    }

    /// True when this address is reached through the proxy.
    pub fn is_for(&self, address: &Uri) -> bool {
        self.exceptions.as_ref().is_none_or(|exceptions| !is_exempt(exceptions, address))
    }

    /// Host name or IP address; IPv6 without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port of the proxy.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The value of `Proxy-Authorization`, marked as sensitive.
    pub fn authorization(&self) -> Option<&HeaderValue> {
        self.authorization.as_ref()
    }

    /// The configuration key or the variable that holds the address.
    pub fn named_by(&self) -> &'static str {
        self.named_by
    }
}

/// Shows host and port, never the password.
impl fmt::Display for OutboundProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// True when a proxy from the environment is not used for this address.
pub fn is_never_proxied(address: &Uri, no_proxy: &str) -> bool {
    is_exempt(&exceptions(no_proxy), address)
}

/// The matcher needs some proxy; its address does not matter here.
fn exceptions(no_proxy: &str) -> Matcher {
    Matcher::builder().all("http://proxy").no(no_proxy).build()
}

fn is_exempt(exceptions: &Matcher, address: &Uri) -> bool {
    address.host().is_some_and(is_loopback) || exceptions.intercept(address).is_none()
}

fn is_loopback(host: &str) -> bool {
    let name = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.').to_ascii_lowercase();
    let is_name = name == "localhost" || name.ends_with(".localhost");
    is_name || name.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

/// The value of `Proxy-Authorization` (RFC 7617).
fn authorization(url: &Url) -> Result<Option<HeaderValue>, NotAProxy> {
    if url.username().is_empty() && url.password().is_none() {
        return Ok(None);
    }
    let user: Vec<u8> = percent_decode_str(url.username()).collect();
    if user.contains(&b':') {
        return Err(NotAProxy::Address);
    }
    let password: Zeroizing<Vec<u8>> =
        Zeroizing::new(percent_decode_str(url.password().unwrap_or_default()).collect());
    let account = Zeroizing::new([&user, b":".as_slice(), &password].concat());
    let text = Zeroizing::new(format!("Basic {}", STANDARD.encode(&*account)));
    let mut value = HeaderValue::from_str(&text).map_err(|_| NotAProxy::Address)?;
    value.set_sensitive(true);
    Ok(Some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_parsed_with_and_without_optional_parts() {
        for (text, shown, authorization) in [
            ("http://proxy.example.com:3128", "proxy.example.com:3128", None),
            ("HTTP://proxy.example.com:3128/", "proxy.example.com:3128", None),
            ("proxy.example.com:3128", "proxy.example.com:3128", None),
            ("http://proxy.example.com", "proxy.example.com:80", None),
            ("http://[::1]:3128", "[::1]:3128", None),
            ("http://me:p%40ss@proxy:3128", "proxy:3128", Some("Basic bWU6cEBzcw==")),
            ("me:p%40ss@proxy:3128", "proxy:3128", Some("Basic bWU6cEBzcw==")),
            ("http://me@proxy:3128", "proxy:3128", Some("Basic bWU6")),
        ] {
            let proxy = OutboundProxy::parse(text, "ims.proxy").unwrap();
            assert_eq!(proxy.to_string(), shown, "{text}");
            assert_eq!(proxy.authorization().map(|value| value.to_str().unwrap()), authorization, "{text}");
        }
        for text in ["https://proxy:3128", "socks5://proxy:1080"] {
            assert_eq!(OutboundProxy::parse(text, "ims.proxy").unwrap_err(), NotAProxy::Scheme, "{text}");
        }
        for text in [
            "",
            "http://",
            "http://:3128",
            "http://proxy:99999",
            "http://proxy:3128/x",
            "http://proxy?x",
            "http://a%3Ab:c@proxy",
            "http://proxy:3128\r\nX: y",
            "http://me:a#b@proxy:1",
            "a b",
        ] {
            assert_eq!(OutboundProxy::parse(text, "ims.proxy").unwrap_err(), NotAProxy::Address, "{text}");
        }
    }

    #[test]
    fn loopback_and_no_proxy_are_exceptions_only_for_the_environment() {
        let named = OutboundProxy::parse("proxy:3128", "ims.proxy").unwrap();
        let is_for = |no_proxy: &str, address: &str| {
            let address: Uri = address.parse().unwrap();
            assert!(named.is_for(&address));
            let is_for = named.clone().except(no_proxy).is_for(&address);
            assert_eq!(is_never_proxied(&address, no_proxy), !is_for);
            is_for
        };
        let ims = "https://ims-na1.adobelogin.com/ims/token";
        for no_proxy in ["", "example.com", "adobelogin.co", "s-na1.adobelogin.com", "10.0.0.0/8", ","] {
            assert!(is_for(no_proxy, ims), "{no_proxy}");
        }
        for no_proxy in
            ["*", "adobelogin.com", ".adobelogin.com", "x, ADOBELOGIN.com", "ims-na1.adobelogin.com"]
        {
            assert!(!is_for(no_proxy, ims), "{no_proxy}");
        }
        assert!(!is_for("10.0.0.0/8", "https://10.1.2.3/"));
        assert!(is_for("10.0.0.0/8", "https://11.1.2.3/"));
        for local in
            ["http://127.0.0.1:8080/", "http://127.9.9.9/", "http://ims.LOCALHOST/", "http://[::1]:80/"]
        {
            assert!(!is_for("", local), "{local}");
        }
    }

    #[test]
    fn the_password_is_never_shown() {
        let encoded = STANDARD.encode("me:hunter2");
        for text in [
            "http://me:hunter2@proxy:3128",
            "http://me:hunter2@",
            "socks5://me:hunter2@proxy",
            "me:hunter2@proxy/x",
        ] {
            let shown = match OutboundProxy::parse(text, "ims.proxy") {
                Ok(proxy) => format!("{proxy} {proxy:?}"),
                Err(error) => format!("{error} {error:?}"),
            };
            assert!(!shown.contains("hunter2") && !shown.contains(&encoded), "{shown}");
        }
    }
}
