//! Which URLs in a response lead past the gateway: those that name an upstream, or the public host by http. They are
//! rewritten to the origin that the client used; every other URL passes byte for byte.
//!
//! `Location` (RFC 9110 §10.2.2), `Content-Location` (§8.7) and `Refresh` are read as browsers read them (WHATWG URL).

use http::{HeaderMap, HeaderValue, header};
use url::{Host, Url};

/// The hosts of the upstreams and of the gateway.
#[derive(Clone, Debug)]
pub struct ResponseUrls {
    upstreams: Vec<Upstream>,
    public: Vec<Host>,
    is_on: bool,
}

/// Host and port of an upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Upstream {
    host: Host,
    port: u16,
    is_default_port: bool,
}

/// The host that the client used, with its port as it was sent.
struct Client<'a> {
    authority: &'a str,
    port: Option<&'a str>,
    host: Host,
}

impl ResponseUrls {
    /// For these upstreams and public host names. With `rewrite` off, no URL changes.
    pub fn new<'a>(
        upstreams: impl IntoIterator<Item = &'a Url>,
        public: impl IntoIterator<Item = &'a str>,
        rewrite: bool,
    ) -> Self {
        let upstream = |url: &Url| {
            let host = url.host()?.to_owned();
            // `Url` keeps a port only where it is not the default one.
            Some(Upstream { host, port: url.port_or_known_default()?, is_default_port: url.port().is_none() })
        };
        Self {
            upstreams: upstreams.into_iter().filter_map(upstream).collect(),
            public: public.into_iter().filter_map(host).collect(),
            is_on: rewrite,
        }
    }

    /// Rewrites the fields of a response. `client` is the host that the client used, as in a `Host` field.
    pub fn rewrite(&self, fields: &mut HeaderMap, client: &HeaderValue) {
        let Some(client) = client.to_str().ok().and_then(Client::parse).filter(|_| self.is_on) else {
            return;
        };
        for (name, value) in fields.iter_mut() {
            let rewritten = match *name {
                header::LOCATION | header::CONTENT_LOCATION => self.rewritten(value.as_bytes(), &client),
                header::REFRESH => self.refreshed(value.as_bytes(), &client),
                _ => continue,
            };
            if let Some(Ok(rewritten)) = rewritten.map(|bytes| HeaderValue::from_bytes(&bytes)) {
                *value = rewritten;
            }
        }
    }

    /// True for the `Domain` of a cookie that covers the host of an upstream and not the one that the client used: no browser
    /// would keep that cookie.
    pub fn is_inner_domain(&self, domain: &str, client: &HeaderValue) -> bool {
        let Some(domain) = host(domain.strip_prefix('.').unwrap_or(domain)) else { return false };
        let client = client.to_str().ok().and_then(Client::parse);
        self.upstreams.iter().any(|upstream| covers(&domain, &upstream.host))
            && !client.is_some_and(|client| covers(&domain, &client.host))
    }

    /// The URL on the public origin; `None` for one that stays.
    fn rewritten(&self, text: &[u8], client: &Client<'_>) -> Option<Vec<u8>> {
        let url = Absolute::parse(text)?;
        let is_public = self.public.contains(&url.host) || url.host == client.host;
        let is_upstream = self.upstreams.iter().any(|upstream| {
            upstream.host == url.host
                && (url.port.unwrap_or(url.scheme.default_port()) == upstream.port
                    || (upstream.is_default_port && url.is_default_port()))
        });
        let leads_past = is_upstream || (is_public && url.scheme == Scheme::Http);
        if !leads_past {
            return None;
        }
        let mut rewritten = b"https://".to_vec();
        if is_public && url.host != client.host {
            // Another of our names stays that name.
            rewritten.extend_from_slice(url.host.to_string().as_bytes());
            if let Some(port) = client.port {
                rewritten.push(b':');
                rewritten.extend_from_slice(port.as_bytes());
            }
        } else {
            rewritten.extend_from_slice(client.authority.as_bytes());
        }
        rewritten.extend_from_slice(url.rest);
        Some(rewritten)
    }

    /// The same for `Refresh`: a time, and perhaps a URL (HTML §4.2.5.3).
    fn refreshed(&self, text: &[u8], client: &Client<'_>) -> Option<Vec<u8>> {
        let (start, end) = refresh_url(text)?;
        let rewritten = self.rewritten(&text[start..end], client)?;
        Some([&text[..start], &rewritten, &text[end..]].concat())
    }
}

impl<'a> Client<'a> {
    fn parse(authority: &'a str) -> Option<Self> {
        let (name, port) = split_port(authority);
        Some(Self { authority, port, host: host(name)? })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
    /// `//host/path`: that of the page, which is https here.
    Page,
}

impl Scheme {
    fn default_port(self) -> u16 {
        if self == Self::Http { 80 } else { 443 }
    }
}

/// A URL with a host.
struct Absolute<'a> {
    scheme: Scheme,
    host: Host,
    port: Option<u16>,
    /// Path, query and fragment as they stand.
    rest: &'a [u8],
}

impl<'a> Absolute<'a> {
    fn parse(text: &'a [u8]) -> Option<Self> {
        let scheme = |name: &[u8]| {
            text.get(..name.len()).filter(|start| start.eq_ignore_ascii_case(name)).map(|_| name.len())
        };
        let (scheme, behind) = if let Some(length) = scheme(b"http:") {
            (Scheme::Http, &text[length..])
        } else if let Some(length) = scheme(b"https:") {
            (Scheme::Https, &text[length..])
        } else {
            (Scheme::Page, text)
        };
        let slashes = behind.iter().take_while(|byte| is_slash(**byte)).count();
        if slashes < 2 {
            return None;
        }
        let behind = &behind[slashes..];
        let end = behind.iter().position(|byte| is_slash(*byte) || b"?#".contains(byte));
        let (authority, rest) = behind.split_at(end.unwrap_or(behind.len()));
        let authority = std::str::from_utf8(authority).ok()?;
        let authority = authority.rsplit_once('@').map_or(authority, |(_, authority)| authority);
        let (name, port) = split_port(authority);
        let port = match port {
            None | Some("") => None,
            Some(port) => Some(port.parse().ok()?),
        };
        Some(Self { scheme, host: host(name)?, port, rest })
    }

    fn is_default_port(&self) -> bool {
        self.port.is_none_or(|port| port == self.scheme.default_port())
    }
}

/// Browsers take a backslash for a slash.
fn is_slash(byte: u8) -> bool {
    matches!(byte, b'/' | b'\\')
}

fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (name, Some(port)),
        _ => (authority, None),
    }
}

/// A host in the one spelling that browsers have for it.
fn host(name: &str) -> Option<Host> {
    let name = name.strip_suffix('.').unwrap_or(name);
    Host::parse(name).ok()
}

fn covers(domain: &Host, host: &Host) -> bool {
    match (domain, host) {
        (Host::Domain(domain), Host::Domain(host)) => {
            host.strip_suffix(domain.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        }
        _ => domain == host,
    }
}

/// Where the URL of a `Refresh` field begins and ends.
fn refresh_url(text: &[u8]) -> Option<(usize, usize)> {
    let mut place = 0;
    let skip = |place: &mut usize, wanted: &dyn Fn(u8) -> bool| {
        let from = *place;
        while text.get(*place).is_some_and(|byte| wanted(*byte)) {
            *place += 1;
        }
        *place - from
    };
    let is_space = |byte: u8| byte.is_ascii_whitespace();
    skip(&mut place, &is_space);
    if skip(&mut place, &|byte| byte.is_ascii_digit() || byte == b'.') == 0 {
        return None;
    }
    let spaces = skip(&mut place, &is_space);
    if text.get(place).is_some_and(|byte| b";,".contains(byte)) {
        place += 1;
    } else if spaces == 0 {
        return None;
    }
    skip(&mut place, &is_space);
    if text.get(place..place + 3).is_some_and(|word| word.eq_ignore_ascii_case(b"url")) {
        let mut behind = place + 3;
        skip(&mut behind, &is_space);
        if text.get(behind) == Some(&b'=') {
            behind += 1;
            skip(&mut behind, &is_space);
            place = behind;
        }
    }
    let quote = text.get(place).copied().filter(|byte| b"'\"".contains(byte));
    place += usize::from(quote.is_some());
    let end = quote.and_then(|quote| text[place..].iter().position(|byte| *byte == quote));
    Some((place, end.map_or(text.len(), |end| place + end)))
}

#[cfg(test)]
mod tests;
