//! Rewrites URLs in a response that would bypass the gateway: URLs of an upstream, and `http` URLs of a public host. They become URLs
//! of the origin that the client used. All other URLs stay unchanged, byte for byte.
//!
//! `Location` (RFC 9110 §10.2.2), `Content-Location` (§8.7) and `Refresh` are parsed as browsers parse them (WHATWG URL).

use http::{HeaderMap, HeaderValue, header};
use url::{Host, Url};

/// The hosts of the upstreams and the public hosts of the gateway.
#[derive(Clone, Debug)]
pub struct ResponseUrls {
    upstreams: Vec<UpstreamAuthority>,
    public: Vec<Host>,
    is_on: bool,
}

/// Host and port of an upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
struct UpstreamAuthority {
    host: Host,
    port: u16,
    is_default_port: bool,
}

/// The host that the client used, with its port.
struct ClientAddress<'a> {
    authority: &'a str,
    port: Option<&'a str>,
    host: Host,
}

impl ResponseUrls {
    /// Rewrites URLs for these upstreams and public host names. Without `rewrite`, no URL changes.
    pub fn new<'a>(
        upstreams: impl IntoIterator<Item = &'a Url>,
        public: impl IntoIterator<Item = &'a str>,
        rewrite: bool,
    ) -> Self {
        let upstream = |url: &Url| {
            let host = url.host()?.to_owned();
            // `Url` holds a port only if it is not the default port.
            Some(UpstreamAuthority {
                host,
                port: url.port_or_known_default()?,
                is_default_port: url.port().is_none(),
            })
        };
        Self {
            upstreams: upstreams.into_iter().filter_map(upstream).collect(),
            public: public.into_iter().filter_map(host).collect(),
            is_on: rewrite,
        }
    }

    /// Rewrites the fields of a response. `client` is the host that the client used, in the form of a `Host` field.
    pub fn rewrite(&self, fields: &mut HeaderMap, client: &HeaderValue) {
        let Some(client) = client.to_str().ok().and_then(ClientAddress::parse).filter(|_| self.is_on) else {
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

    /// True when the `Domain` of a cookie covers the host of an upstream, but not the host that the client used. A browser would refuse
    /// such a cookie.
    pub fn is_inner_domain(&self, domain: &str, client: &HeaderValue) -> bool {
        let Some(domain) = host(domain.strip_prefix('.').unwrap_or(domain)) else { return false };
        let client = client.to_str().ok().and_then(ClientAddress::parse);
        self.upstreams.iter().any(|upstream| covers(&domain, &upstream.host))
            && !client.is_some_and(|client| covers(&domain, &client.host))
    }

    /// The rewritten URL; `None` when it stays unchanged.
    fn rewritten(&self, text: &[u8], client: &ClientAddress<'_>) -> Option<Vec<u8>> {
        let url = Absolute::parse(text)?;
        let is_public = self.public.contains(&url.host) || url.host == client.host;
        let is_upstream = self.upstreams.iter().any(|upstream| {
            upstream.host == url.host
                && (url.port.unwrap_or(url.scheme.default_port()) == upstream.port
                    || (upstream.is_default_port && url.is_default_port()))
        });
        let bypasses_gateway = is_upstream || (is_public && url.scheme == Scheme::Http);
        if !bypasses_gateway {
            return None;
        }
        let mut rewritten = b"https://".to_vec();
        if is_public && url.host != client.host {
            // Another public host stays the host of the URL.
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

    /// Rewrites a `Refresh` field: a time, and optionally a URL (HTML §4.2.5.3).
    fn refreshed(&self, text: &[u8], client: &ClientAddress<'_>) -> Option<Vec<u8>> {
        let (start, end) = refresh_url(text)?;
        let rewritten = self.rewritten(&text[start..end], client)?;
        Some([&text[..start], &rewritten, &text[end..]].concat())
    }
}

impl<'a> ClientAddress<'a> {
    fn parse(authority: &'a str) -> Option<Self> {
        let (name, port) = split_port(authority);
        Some(Self { authority, port, host: host(name)? })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
    /// `//host/path`: the scheme of the page, which is https.
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
    /// Path, query and fragment, unchanged.
    rest: &'a [u8],
}

impl<'a> Absolute<'a> {
    fn parse(text: &'a [u8]) -> Option<Self> {
        let scheme = |name: &[u8]| {
            text.get(..name.len()).filter(|start| start.eq_ignore_ascii_case(name)).map(|_| name.len())
        };
        let (scheme, rest) = if let Some(length) = scheme(b"http:") {
            (Scheme::Http, &text[length..])
        } else if let Some(length) = scheme(b"https:") {
            (Scheme::Https, &text[length..])
        } else {
            (Scheme::Page, text)
        };
        let slashes = rest.iter().take_while(|byte| is_slash(**byte)).count();
        if slashes < 2 {
            return None;
        }
        let rest = &rest[slashes..];
        let end = rest.iter().position(|byte| is_slash(*byte) || b"?#".contains(byte));
        let (authority, rest) = rest.split_at(end.unwrap_or(rest.len()));
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

/// Browsers treat a backslash as a slash.
fn is_slash(byte: u8) -> bool {
    matches!(byte, b'/' | b'\\')
}

fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (name, Some(port)),
        _ => (authority, None),
    }
}

/// A host in the canonical form of browsers.
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

/// Start and end of the URL in a `Refresh` field.
fn refresh_url(text: &[u8]) -> Option<(usize, usize)> {
    let mut position = 0;
    let skip = |position: &mut usize, wanted: &dyn Fn(u8) -> bool| {
        let from = *position;
        while text.get(*position).is_some_and(|byte| wanted(*byte)) {
            *position += 1;
        }
        *position - from
    };
    let is_space = |byte: u8| byte.is_ascii_whitespace();
    skip(&mut position, &is_space);
    if skip(&mut position, &|byte| byte.is_ascii_digit() || byte == b'.') == 0 {
        return None;
    }
    let spaces = skip(&mut position, &is_space);
    if text.get(position).is_some_and(|byte| b";,".contains(byte)) {
        position += 1;
    } else if spaces == 0 {
        return None;
    }
    skip(&mut position, &is_space);
    if text.get(position..position + 3).is_some_and(|word| word.eq_ignore_ascii_case(b"url")) {
        let mut after = position + 3;
        skip(&mut after, &is_space);
        if text.get(after) == Some(&b'=') {
            after += 1;
            skip(&mut after, &is_space);
            position = after;
        }
    }
    let quote = text.get(position).copied().filter(|byte| b"'\"".contains(byte));
    position += usize::from(quote.is_some());
    let end = quote.and_then(|quote| text[position..].iter().position(|byte| *byte == quote));
    Some((position, end.map_or(text.len(), |end| position + end)))
}

#[cfg(test)]
mod tests;
