//! The common and combined formats: `address - user [time] "request" status bytes "referer" "user agent"`, perhaps after a host.
//!
//! nginx and Apache escape other bytes than printable ASCII as `\xHH`; Apache also writes `\"`, `\\` and the usual letters.

use std::borrow::Cow;
use std::net::IpAddr;

use memchr::{memchr2, memmem};

use super::{LineError, LogLine, RequestLine};
use crate::wire::query;

/// Reads a line.
pub(super) fn parse(line: &[u8]) -> Result<Option<LogLine<'_>>, LineError> {
    // A user name may hold spaces and brackets; the first quote after a time begins the request.
    let end_of_time = memmem::find(line, b"] \"").ok_or(LineError::Format)?;
    let (before, request) = (&line[..end_of_time], &line[end_of_time + 3..]);
    let time = memmem::rfind(before, b" [").ok_or(LineError::Format)?;
    let (host, client) = sender(&before[..time]).ok_or(LineError::Format)?;
    let end = end_of_quotes(request).ok_or(LineError::Incomplete)?;
    let (request, rest) = (&request[..end], &request[end + 1..]);
    let status = std::str::from_utf8(rest).ok().and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    if matches!(request, b"" | b"-") {
        return Ok(None);
    }
    Ok(Some(LogLine { client, host, request: request_line(request), status }))
}

/// Host and address at the beginning of a line: `address ident user`, or `host address ident user`.
fn sender(text: &[u8]) -> Option<(Option<Cow<'_, str>>, Option<IpAddr>)> {
    let text = std::str::from_utf8(text).ok()?;
    let mut words = text.split(' ').filter(|word| !word.is_empty());
    let (first, second) = (words.next()?, words.next().unwrap_or_default());
    if let Ok(client) = first.parse() {
        return Some((None, Some(client)));
    }
    match second.parse() {
        Ok(client) => Some((Some(Cow::Borrowed(first)), Some(client))),
        // A resolved name in place of the address.
        Err(_) => (first != "-").then_some((None, None)),
    }
}

/// The index of the quote that ends the request.
fn end_of_quotes(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr2(b'"', b'\\', text.get(at..)?)?;
        if text[at] == b'"' {
            return Some(at);
        }
        at += 2;
    }
}

/// The request line, as the gateway would read it; `None` for bytes that are no request line.
fn request_line(escaped: &[u8]) -> Option<RequestLine<'_>> {
    let is_plain = escaped.is_ascii() && !escaped.iter().any(|byte| b"\\<>".contains(byte));
    if is_plain {
        let (method, target, is_http1) = words(escaped)?;
        return RequestLine::of(Cow::Borrowed(method), Cow::Borrowed(target), is_http1);
    }
    let mut line = unescaped(escaped);
    // Over HTTP/1 the server encodes some bytes of a query before it reads the request.
    if memmem::rfind(&line, b" HTTP/1").is_some() {
        line = query::encoded(&[], &line).unwrap_or(line);
    }
    let (method, target, is_http1) = words(&line)?;
    RequestLine::of(Cow::Owned(method.to_owned()), Cow::Owned(target.to_owned()), is_http1)
}

/// Method, target, and whether the version is HTTP/1.
fn words(line: &[u8]) -> Option<(&str, &str, bool)> {
    let line = std::str::from_utf8(line).ok()?;
    let (method, rest) = line.split_once(' ')?;
    let (target, version) = rest.rsplit_once(' ')?;
    version.starts_with("HTTP/").then_some((method, target, version.starts_with("HTTP/1")))
}

/// The bytes that were escaped.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        let (byte, length) = match (byte, after) {
            (b'\\', [b'x', high, low, ..]) => match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) => (high * 16 + low, 4),
                _ => (byte, 1),
            },
            (b'\\', [b'n', ..]) => (b'\n', 2),
            (b'\\', [b'r', ..]) => (b'\r', 2),
            (b'\\', [b't', ..]) => (b'\t', 2),
            (b'\\', [b'b', ..]) => (8, 2),
            (b'\\', [b'v', ..]) => (11, 2),
            (b'\\', [quoted @ (b'"' | b'\\'), ..]) => (*quoted, 2),
            _ => (byte, 1),
        };
        bytes.push(byte);
        rest = &rest[length..];
    }
    bytes
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}
