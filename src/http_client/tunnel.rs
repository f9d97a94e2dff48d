//! A CONNECT tunnel through an HTTP proxy (RFC 9110 §9.3.6). The proxy sees the target's name and port, but no content.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::policy::outbound_proxy::OutboundProxy;

/// Opens a tunnel to `host` and `port`. `stream` is a connection to `proxy`.
///
/// # Errors
/// When the proxy refuses or does not answer. The message names the proxy and a fix.
pub(super) async fn open<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    proxy: &OutboundProxy,
    host: &str,
    port: u16,
) -> io::Result<()> {
    let to = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let mut request = format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n").into_bytes();
    if let Some(authorization) = proxy.authorization() {
        request.extend_from_slice(b"Proxy-Authorization: ");
        request.extend_from_slice(authorization.as_bytes());
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    let broken =
        |error: io::Error| refused(proxy, &to, &format!("broke the connection ({error})"), FIX_PROXY);
    stream.write_all(&request).await.map_err(broken)?;
    let mut head = Vec::with_capacity(1024);
    loop {
        if stream.read_buf(&mut head).await.map_err(broken)? == 0 {
            return Err(refused(proxy, &to, "closed the connection without a response", FIX_PROXY));
        }
        while let Some((status, length)) = parse(&head)
            .ok_or_else(|| refused(proxy, &to, "did not answer as an HTTP proxy does", FIX_PROXY))?
        {
            head.drain(..length);
            match status {
                100..200 => {}
                200..300 if head.is_empty() => return Ok(()),
                // TLS and HTTP servers send nothing before the client does.
                200..300 => {
                    let what = "sent content into a tunnel that was not in use";
                    return Err(refused(proxy, &to, what, FIX_PROXY));
                }
                _ => {
                    let what = format!("answered with status {status}");
                    return Err(refused(proxy, &to, &what, &fix(status, proxy, &to)));
                }
            }
        }
        if head.len() > LONGEST_HEAD {
            return Err(refused(proxy, &to, "answered with a head that is too long", FIX_PROXY));
        }
    }
}

/// Status and length of a response head. `Some(None)`: the head is incomplete. `None`: it is not HTTP.
#[expect(clippy::option_option, reason = "three outcomes in one match")]
fn parse(bytes: &[u8]) -> Option<Option<(u16, usize)>> {
    let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
    let mut response = httparse::Response::new(&mut fields);
    match response.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => Some(response.code.map(|status| (status, length))),
        Ok(httparse::Status::Partial) => Some(None),
        Err(_) => None,
    }
}

/// The error message. It leaves out the proxy's response text, which is long and untrusted.
fn refused(proxy: &OutboundProxy, to: &str, what: &str, fix: &str) -> io::Error {
    let named_by = proxy.named_by();
    io::Error::other(format!("the proxy {proxy} ({named_by}), asked for a tunnel to {to}, {what}: {fix}"))
}

fn fix(status: u16, proxy: &OutboundProxy, to: &str) -> String {
    let named_by = proxy.named_by();
    match status {
        407 if proxy.authorization().is_some() => {
            format!("correct the user and the password in {named_by}; the gateway sends them as Basic")
        }
        407 => format!("write a user and a password into {named_by}: http://user:password@host:port"),
        403 | 405 => format!("allow CONNECT to {to} at the proxy"),
        502..=504 => format!("the proxy does not reach {to}; check its DNS and firewall"),
        _ => FIX_PROXY.to_owned(),
    }
}

const FIX_PROXY: &str = "check that it is an HTTP proxy that allows CONNECT";
const LONGEST_HEAD: usize = 16 * 1024;
const MOST_FIELDS: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    async fn answered(proxy: &str, answer: &[u8]) -> (Result<(), String>, String) {
        let proxy = OutboundProxy::parse(proxy, "ims.proxy").unwrap();
        let (mut near, mut far) = tokio::io::duplex(64 * 1024);
        let server = async move {
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                far.read_buf(&mut request).await.unwrap();
            }
            let _ = far.write_all(answer).await;
            String::from_utf8(request).unwrap()
        };
        let (outcome, request) = tokio::join!(open(&mut near, &proxy, "ims.example.com", 443), server);
        (outcome.map_err(|error| error.to_string()), request)
    }

    #[tokio::test]
    async fn a_tunnel_opens_with_any_success() {
        for answer in [
            "HTTP/1.1 200 Connection established\r\n\r\n",
            "HTTP/1.0 200\r\n\r\n",
            "HTTP/1.1 204 x\r\nContent-Length: 5\r\n\r\n",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
        ] {
            let (outcome, request) = answered("proxy:3128", answer.as_bytes()).await;
            assert_eq!(outcome, Ok(()), "{answer}");
            assert_eq!(request, "CONNECT ims.example.com:443 HTTP/1.1\r\nHost: ims.example.com:443\r\n\r\n");
        }
        let (_, request) = answered("me:pw@proxy:3128", b"HTTP/1.1 200 OK\r\n\r\n").await;
        assert!(request.contains("\r\nProxy-Authorization: Basic bWU6cHc=\r\n"), "{request}");
    }

    #[tokio::test]
    async fn a_refusal_names_the_proxy_the_status_and_the_fix() {
        let long = format!("HTTP/1.1 200 x\r\nA: {}", "x".repeat(20_000));
        for (proxy, answer, expected) in [
            (
                "proxy:3128",
                "HTTP/1.1 407 x\r\n\r\n",
                "status 407: write a user and a password into ims.proxy",
            ),
            (
                "me:pw@proxy:3128",
                "HTTP/1.1 407 x\r\n\r\n",
                "status 407: correct the user and the password in ims",
            ),
            ("proxy:3128", "HTTP/1.1 403 x\r\n\r\nwords", "status 403: allow CONNECT to ims.example.com:443"),
            (
                "proxy:3128",
                "HTTP/1.1 502 x\r\n\r\n",
                "status 502: the proxy does not reach ims.example.com:443",
            ),
            (
                "proxy:3128",
                "HTTP/1.1 302 x\r\nLocation: /\r\n\r\n",
                "status 302: check that it is an HTTP proxy",
            ),
            ("proxy:3128", "SSH-2.0-x\r\n", "did not answer as an HTTP proxy does"),
            ("proxy:3128", "", "closed the connection"),
            ("proxy:3128", "HTTP/1.1 200", "closed the connection"),
            ("proxy:3128", "HTTP/1.1 200 x\r\n\r\nearly", "sent content into a tunnel"),
            ("proxy:3128", &long, "too long"),
        ] {
            let message = answered(proxy, answer.as_bytes()).await.0.unwrap_err();
            assert!(message.starts_with("the proxy proxy:3128 (ims.proxy), asked for"), "{message}");
            assert!(message.contains(expected), "{message}");
            assert!(!message.contains("pw") && !message.contains("bWU6cHc"), "{message}");
        }
    }
}
