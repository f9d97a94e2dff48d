//! The PROXY protocol, versions 1 and 2 (`proxy-protocol.txt` of `HAProxy`, §2): a load balancer sends the client's address before
//! the first byte of TLS.
//!
//! A connection without a complete and valid header is refused.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The progress of reading a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// At least this many more bytes belong to the header.
    More(usize),
    /// The header is complete. Holds the client's address; `None` when the sender itself is the client (`UNKNOWN`, `LOCAL`, or a family
    /// without addresses).
    Done(Option<SocketAddr>),
}

/// Why the bytes are not a valid header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// The bytes begin like neither version.
    #[error("no PROXY protocol header")]
    None,
    /// The line of version 1 is invalid.
    #[error("a malformed PROXY protocol header of version 1")]
    Line,
    /// The header of version 2 is invalid.
    #[error("a malformed PROXY protocol header of version 2")]
    Binary,
    /// The header is longer than allowed.
    #[error("a PROXY protocol header that is too long")]
    TooLong,
}

/// Parses the first bytes of a connection. [`Progress::More`] never asks for a byte after the header. So a caller that reads only these
/// bytes does not consume any TLS data.
///
/// # Errors
/// `HeaderError` as soon as the bytes cannot become a valid header.
pub fn parse(bytes: &[u8]) -> Result<Progress, HeaderError> {
    let start = bytes.len().min(SIGNATURE.len());
    if bytes[..start] == SIGNATURE[..start] {
        // The signature does not begin with `P` as version 1 does, so only an empty input fits both.
        return if bytes.is_empty() { Ok(Progress::More(SIGNATURE.len())) } else { binary(bytes) };
    }
    let start = bytes.len().min(WORD.len());
    if bytes[..start] == WORD[..start] { line(bytes) } else { Err(HeaderError::None) }
}

/// Version 1: `PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n`.
fn line(bytes: &[u8]) -> Result<Progress, HeaderError> {
    let end = bytes.iter().position(|b| *b == b'\n');
    let Some(end) = end else {
        return match bytes {
            _ if bytes.len() >= MAX_LINE => Err(HeaderError::TooLong),
            _ if bytes.len() < SHORTEST_LINE => Ok(Progress::More(SHORTEST_LINE - bytes.len())),
            [.., b'\r'] => Ok(Progress::More(1)),
            _ => Ok(Progress::More(2)),
        };
    };
    let text = bytes[..end].strip_suffix(b"\r").and_then(|line| std::str::from_utf8(line).ok());
    let mut words = text.ok_or(HeaderError::Line)?.split(' ').skip(1);
    let mut word = || words.next().ok_or(HeaderError::Line);
    let family = word()?;
    if family == "UNKNOWN" {
        // The rest of the line must be ignored.
        return Ok(Progress::Done(None));
    }
    let (source, _) = (address(family, word()?)?, address(family, word()?)?);
    let (port, _) = (port(word()?)?, port(word()?)?);
    if word().is_ok() {
        return Err(HeaderError::Line);
    }
    Ok(Progress::Done(Some(SocketAddr::new(source, port))))
}

fn address(family: &str, text: &str) -> Result<IpAddr, HeaderError> {
    match family {
        "TCP4" => text.parse::<Ipv4Addr>().map(IpAddr::V4).map_err(|_| HeaderError::Line),
        "TCP6" => text.parse::<Ipv6Addr>().map(IpAddr::V6).map_err(|_| HeaderError::Line),
        _ => Err(HeaderError::Line),
    }
}

/// Decimal, without sign or leading zeros.
fn port(text: &str) -> Result<u16, HeaderError> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && (text.len() == 1 || !text.starts_with('0'));
    text.parse().ok().filter(|_| plain).ok_or(HeaderError::Line)
}

/// Version 2: signature, version and command, family, length, addresses, extensions.
fn binary(bytes: &[u8]) -> Result<Progress, HeaderError> {
    let &[_, _, _, _, _, _, _, _, _, _, _, _, command, family, high, low, ref rest @ ..] = bytes else {
        return Ok(Progress::More(BINARY_HEAD - bytes.len()));
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length > MAX_BINARY {
        return Err(HeaderError::TooLong);
    }
    let is_local = match command {
        0x20 => true,
        0x21 => false,
        _ => return Err(HeaderError::Binary),
    };
    if rest.len() < length {
        return Ok(Progress::More(length - rest.len()));
    }
    if is_local {
        return Ok(Progress::Done(None));
    }
    match (family, &rest[..length]) {
        (0x11, &[a, b, c, d, _, _, _, _, high, low, _, _, ..]) => {
            let address = Ipv4Addr::new(a, b, c, d);
            Ok(Progress::Done(Some((address, u16::from_be_bytes([high, low])).into())))
        }
        (0x21, rest) if rest.len() >= 36 => {
            let source: [u8; 16] = rest[..16].try_into().map_err(|_| HeaderError::Binary)?;
            let port = u16::from_be_bytes([rest[32], rest[33]]);
            Ok(Progress::Done(Some((Ipv6Addr::from(source), port).into())))
        }
        // UNSPEC and Unix sockets.
        (0x00 | 0x31, _) => Ok(Progress::Done(None)),
        _ => Err(HeaderError::Binary),
    }
}

const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
const BINARY_HEAD: usize = 16;
/// Addresses take 36 bytes, or 216 for Unix sockets. The rest is for extensions, which some load balancers send.
const MAX_BINARY: usize = 2048;
const WORD: &[u8; 6] = b"PROXY ";
/// Including CRLF.
const MAX_LINE: usize = 107;
/// `PROXY UNKNOWN\r\n`.
const SHORTEST_LINE: usize = 15;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn done(bytes: &[u8]) -> String {
        match parse(bytes) {
            Ok(Progress::Done(address)) => address.map_or("itself".into(), |a| a.to_string()),
            other => panic!("{other:?}"),
        }
    }

    fn binary(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [&SIGNATURE[..], &[command, family], &length, rest].concat()
    }

    #[test]
    fn both_versions_give_the_address_of_the_client() {
        assert_eq!(done(b"PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n"), "192.0.2.1:56324");
        assert_eq!(done(b"PROXY TCP6 2001:db8::1 ::1 1 0\r\n"), "[2001:db8::1]:1");
        assert_eq!(done(b"PROXY UNKNOWN\r\n"), "itself");
        assert_eq!(done(b"PROXY UNKNOWN ffff::1 what ever\r\n"), "itself");
        let v4 = [192, 0, 2, 1, 192, 0, 2, 2, 1, 0, 1, 187];
        assert_eq!(done(&binary(0x21, 0x11, &v4)), "192.0.2.1:256");
        assert_eq!(done(&binary(0x21, 0x11, &[&v4[..], &[4, 0, 1, 9]].concat())), "192.0.2.1:256");
        assert_eq!(done(&binary(0x20, 0x11, &v4)), "itself");
        assert_eq!(done(&binary(0x21, 0x00, &[])), "itself");
        let v6 = [&[0x20, 1, 13, 184][..], &[0; 28], &[0, 7, 0, 8]].concat();
        assert_eq!(done(&binary(0x21, 0x21, &v6)), "[2001:db8::]:7");
    }

    #[test]
    fn invalid_headers_are_refused() {
        for bytes in [
            &b"\x16\x03\x01\x02\x00"[..],
            b"GET / HTTP/1.1\r\n",
            b"PROXZ ",
            b"\r\n\r\n\0\r\nQUIT\r",
            b"PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\n",
            b"PROXY TCP4 192.0.2.1 192.0.2.2 56324\r\n",
            b"PROXY TCP4 192.0.2.1 192.0.2.2 56324 443 1\r\n",
            b"PROXY TCP4  192.0.2.1 192.0.2.2 56324 443\r\n",
            b"PROXY TCP4 192.0.2.1 192.0.2.2 056324 443\r\n",
            b"PROXY TCP4 192.0.2.1 192.0.2.2 +5632 443\r\n",
            b"PROXY TCP4 192.0.2.1 192.0.2.2 65536 443\r\n",
            b"PROXY TCP4 192.0.2.256 192.0.2.2 1 443\r\n",
            b"PROXY TCP4 2001:db8::1 ::1 1 2\r\n",
            b"PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n",
            b"PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n",
            b"PROXY tcp4 192.0.2.1 192.0.2.2 1 2\r\n",
            b"PROXY TCP4 192.0.2.1\0 192.0.2.2 1 2\r\n",
            b"PROXY \xff\xff\xff\xff\xff\xff\xff\xff\r\n",
        ] {
            assert!(parse(bytes).is_err(), "{}", bytes.escape_ascii());
        }
        assert!(parse(&[&b"PROXY TCP4 "[..], &[b'1'; 100]].concat()).is_err(), "without end");
        let v4 = [192, 0, 2, 1, 192, 0, 2, 2, 1, 0, 1, 187];
        for (command, family, rest) in [
            (0x11, 0x11, &v4[..]),
            (0x22, 0x11, &v4),
            (0x21, 0x11, &v4[..11]),
            (0x21, 0x12, &v4),
            (0x21, 0x21, &v4),
            (0x21, 0x41, &v4),
            (0x21, 0x11, &[0; 3000]),
        ] {
            assert!(parse(&binary(command, family, rest)).is_err(), "{command:x} {family:x}");
        }
    }

    /// Reads like the listener: only the bytes that the parser asks for.
    fn read(mut bytes: &[u8]) -> Result<(Option<SocketAddr>, usize), HeaderError> {
        let (all, mut read) = (bytes.len(), Vec::new());
        loop {
            match parse(&read)? {
                Progress::Done(address) => return Ok((address, all - bytes.len())),
                Progress::More(more) => {
                    assert!(more > 0);
                    let Some((next, rest)) = bytes.split_at_checked(more) else {
                        return Err(HeaderError::None);
                    };
                    read.extend_from_slice(next);
                    bytes = rest;
                }
            }
        }
    }

    proptest! {
        #[test]
        fn the_number_of_requested_bytes_is_limited(bytes in any::<Vec<u8>>(), start in 0..3_usize) {
            let start: &[u8] = [&b""[..], SIGNATURE, WORD][start];
            let bytes = [start, &bytes, &[b'x'; 4096]].concat();
            if let Ok((_, used)) = read(&bytes) {
                prop_assert!(used <= BINARY_HEAD + MAX_BINARY);
            }
        }

        #[test]
        fn a_header_is_read_exactly_to_its_end(
            address in any::<SocketAddr>(),
            tls in any::<Vec<u8>>(),
            extensions in prop::collection::vec(any::<u8>(), 0..64),
        ) {
            let address = SocketAddr::new(address.ip(), address.port());
            let (text, two) = match address {
                SocketAddr::V4(v4) => {
                    let ip = v4.ip().octets();
                    let port = v4.port().to_be_bytes();
                    let rest = [&ip[..], &ip, &port, &port, &extensions].concat();
                    (format!("PROXY TCP4 {} {} {} 443\r\n", v4.ip(), v4.ip(), v4.port()), binary(0x21, 0x11, &rest))
                }
                SocketAddr::V6(v6) => {
                    let ip = v6.ip().octets();
                    let port = v6.port().to_be_bytes();
                    let rest = [&ip[..], &ip, &port, &port, &extensions].concat();
                    (format!("PROXY TCP6 {} {} {} 443\r\n", v6.ip(), v6.ip(), v6.port()), binary(0x21, 0x21, &rest))
                }
            };
            for header in [text.into_bytes(), two] {
                prop_assert_eq!(read(&[&header[..], &tls].concat()), Ok((Some(address), header.len())));
            }
        }
    }
}
