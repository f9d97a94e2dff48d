//! Reads the bytes of a connection beside the HTTP/1.1 parser, to refuse flaws of a head that the parser silently corrects: two
//! framings, a line without CR, a fragment.
//!
//! hyper drops `Content-Length` beside `Transfer-Encoding`, accepts LF instead of CRLF, and removes a fragment, all before the gateway
//! sees the request. Other programs may read such a message differently (request smuggling). This reader only adds refusals. It never
//! decides where a message ends: the parser does.

use memchr::memchr;

use super::framing::FramingError;

/// Follows the bytes of one connection.
#[derive(Debug)]
pub struct StrictHead {
    place: Place,
    /// The incomplete line at the end of the bytes read so far.
    begun: Vec<u8>,
    /// Longest line in bytes. The parser refuses longer lines too.
    longest: usize,
    count: u32,
}

/// A head that must be refused, with everything after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlawedHead {
    /// Number of the head on the connection, from 1.
    pub head: u32,
    /// The flaw.
    pub why: FramingError,
}

/// The part of a message to which the next byte belongs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    RequestLine,
    /// With the framing that the fields so far declare.
    Fields {
        length: Option<u64>,
        coded: bool,
    },
    /// Number of bytes left.
    Body(u64),
    ChunkSize,
    /// Number of bytes left, including the CRLF after the chunk.
    Chunk(u64),
    Trailers,
    /// Reading has stopped: a flaw was found, or the parser will close the connection.
    Over,
}

impl StrictHead {
    /// A reader for a new connection. The parser accepts heads of up to `longest` bytes.
    pub fn new(longest: usize) -> Self {
        Self { place: Place::default(), begun: Vec::new(), longest, count: 0 }
    }

    /// The incomplete request line, if the next bytes belong to a request line.
    pub fn request_line(&self) -> Option<&[u8]> {
        (self.place == Place::RequestLine).then_some(&self.begun)
    }

    /// Reads the next bytes of the connection. Returns the first flaw, once.
    pub fn read(&mut self, mut bytes: &[u8]) -> Option<FlawedHead> {
        while !bytes.is_empty() {
            match self.place {
                Place::Over => return None,
                Place::Body(left) => bytes = self.skip(bytes, left, Place::Body, Place::RequestLine),
                Place::Chunk(left) => bytes = self.skip(bytes, left, Place::Chunk, Place::ChunkSize),
                Place::RequestLine if self.begun.is_empty() && !begins_request(bytes[0]) => self.stop(),
                _ => {
                    let Some(end) = memchr(b'\n', bytes) else {
                        self.keep(bytes);
                        return None;
                    };
                    let (line, rest) = bytes.split_at(end + 1);
                    bytes = rest;
                    if self.is_other_field(line) {
                        continue;
                    }
                    if let Err(why) = self.whole_line(line) {
                        self.stop();
                        return Some(FlawedHead { head: self.count, why });
                    }
                }
            }
        }
        None
    }

    fn skip<'a>(&mut self, bytes: &'a [u8], left: u64, here: fn(u64) -> Place, then: Place) -> &'a [u8] {
        let count = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        let left = left - count as u64;
        self.place = if left == 0 { then } else { here(left) };
        &bytes[count..]
    }

    fn keep(&mut self, bytes: &[u8]) {
        if self.begun.len() + bytes.len() > self.longest {
            return self.stop();
        }
        self.begun.extend_from_slice(bytes);
    }

    fn stop(&mut self) {
        self.place = Place::Over;
        self.begun = Vec::new();
    }

    /// True for most lines: a complete field that says nothing about the framing.
    fn is_other_field(&self, line: &[u8]) -> bool {
        matches!(self.place, Place::Fields { .. })
            && self.begun.is_empty()
            && line.ends_with(b"\r\n")
            && !matches!(line[0], b'c' | b'C' | b't' | b'T' | b'\r')
    }

    fn whole_line(&mut self, end: &[u8]) -> Result<(), FramingError> {
        if self.begun.is_empty() {
            return self.line(end);
        }
        let mut line = std::mem::take(&mut self.begun);
        line.extend_from_slice(end);
        self.line(&line)
    }

    /// Reads one line, including its line end.
    fn line(&mut self, line: &[u8]) -> Result<(), FramingError> {
        let Some(line) = line.strip_suffix(b"\r\n") else {
            // After a body, the line belongs to the next head.
            self.count += u32::from(!matches!(self.place, Place::Fields { .. }));
            return Err(FramingError::BareLineFeed);
        };
        self.place = match self.place {
            // RFC 9112 §2.2: an empty line before a request is ignored.
            Place::RequestLine | Place::Trailers if line.is_empty() => Place::RequestLine,
            Place::RequestLine => {
                self.count += 1;
                if has_fragment(line) {
                    return Err(FramingError::Fragment);
                }
                Place::Fields { length: None, coded: false }
            }
            Place::Fields { length, coded } if line.is_empty() => match (length, coded) {
                (Some(_), true) => return Err(FramingError::TwoFramings),
                (None, true) => Place::ChunkSize,
                (None | Some(0), false) => Place::RequestLine,
                (Some(length), false) => Place::Body(length),
            },
            Place::Fields { length, coded } => field(line, length, coded),
            Place::ChunkSize => match chunk_size(line) {
                Some(0) => Place::Trailers,
                Some(size) => size.checked_add(2).map_or(Place::Over, Place::Chunk),
                None => Place::Over,
            },
            place => place,
        };
        Ok(())
    }
}

/// True for the first byte of a method (RFC 9110 §5.6.2) or of an empty line. Other bytes belong to a tunnel, or the parser refuses
/// them.
fn begins_request(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~\r\n".contains(&byte)
}

/// True when the target holds a fragment (RFC 9110 §4.2.5). In a method, `#` is an ordinary character.
fn has_fragment(line: &[u8]) -> bool {
    memchr(b'#', line).is_some_and(|place| line[..place].contains(&b' '))
}

fn field(line: &[u8], length: Option<u64>, coded: bool) -> Place {
    let named = |name: &[u8]| {
        let (start, value) = line.split_at_checked(name.len())?;
        start.eq_ignore_ascii_case(name).then_some(value)
    };
    if let Some(value) = named(b"content-length:") {
        let length = std::str::from_utf8(value).ok().and_then(|text| text.trim().parse().ok());
        return length.map_or(Place::Over, |length| Place::Fields { length: Some(length), coded });
    }
    Place::Fields { length, coded: coded || named(b"transfer-encoding:").is_some() }
}

/// The size in a chunk line (RFC 9112 §7.1): hexadecimal digits, optionally followed by extensions.
fn chunk_size(line: &[u8]) -> Option<u64> {
    let digits = line.split(|b| *b == b';').next()?.trim_ascii();
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LONGEST: usize = 64 * 1024;

    fn found(text: &str) -> Option<(u32, FramingError)> {
        StrictHead::new(LONGEST).read(text.as_bytes()).map(|flawed| (flawed.head, flawed.why))
    }

    /// Several heads and bodies; the last head has the flaw.
    const BEFORE: &str = "\r\nGET /a HTTP/1.1\r\nHost: a\r\n\r\n\
        POST /b HTTP/1.1\r\ncontent-LENGTH:\t 12 \r\n\r\nGET /# X\n\n\n\n\
        POST /c HTTP/1.1\r\nContent-Length: 0\r\nConnection: transfer-encoding\r\n\r\n\
        POST /d HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4;a=b\r\n\n\n\n\n\r\n0\r\nX: #\r\n\r\n\
        G#T /e HTTP/1.1\r\nX: y#z\r\nX-Content-Length: 4\r\nContent-Lengthy: 4\r\n\r\n";

    #[test]
    fn flaws_that_the_parser_corrects_are_found() {
        for (last, why) in [
            ("GET /a#b HTTP/1.1\r\n", FramingError::Fragment),
            ("GET /a?b#c HTTP/1.1\r\n", FramingError::Fragment),
            ("GET http://a/# HTTP/1.1\r\n", FramingError::Fragment),
            ("GET /a HTTP/1.1\n", FramingError::BareLineFeed),
            ("GET /a HTTP/1.1\r\nHost: a\n", FramingError::BareLineFeed),
            ("GET /a HTTP/1.1\r\nHost: a\r\n\n", FramingError::BareLineFeed),
            ("\n", FramingError::BareLineFeed),
            (
                "POST /a HTTP/1.1\r\ncontent-length: 1\r\ntransfer-ENCODING:x\r\n\r\n",
                FramingError::TwoFramings,
            ),
            (
                "POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length:0\r\n\r\n",
                FramingError::TwoFramings,
            ),
        ] {
            assert_eq!(found(last), Some((1, why)), "{last:?}");
            assert_eq!(found(&[BEFORE, last].concat()), Some((6, why)), "{last:?}");
        }
        assert_eq!(found(BEFORE), None);
    }

    #[test]
    fn a_tunnel_is_neither_stored_nor_checked() {
        let mut heads = StrictHead::new(LONGEST);
        let upgrade = "GET /ws HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
        assert_eq!(heads.read(upgrade.as_bytes()), None);
        // A frame of RFC 6455 §5.2 begins with the bit FIN or with an opcode below the printable ones.
        assert_eq!(heads.read(&[0x81, 0x85, 1, 2, 3, 4, 5, 6]), None);
        assert_eq!((heads.place, heads.begun.capacity()), (Place::Over, 0));
        assert_eq!(heads.read(b"GET /# HTTP/1.1\n\n"), None);
    }

    #[test]
    fn reading_stops_at_a_line_without_end() {
        let mut heads = StrictHead::new(LONGEST);
        for _ in 0..10 {
            heads.read(&[b'x'; 16 * 1024]);
        }
        assert_eq!((heads.place, heads.begun.capacity()), (Place::Over, 0));
    }

    #[test]
    fn a_long_line_that_the_parser_accepts_is_read_to_its_end() {
        let mut heads = StrictHead::new(LONGEST);
        let long = ["POST / HTTP/1.1\r\nContent-Length: 1\r\nCookie: ", &"x".repeat(LONGEST - 1000)].concat();
        for piece in long.as_bytes().chunks(1000) {
            assert_eq!(heads.read(piece), None);
        }
        let two = heads.read(b"\r\nTransfer-Encoding: chunked\r\n\r\n");
        assert_eq!(two, Some(FlawedHead { head: 1, why: FramingError::TwoFramings }));
    }

    proptest! {
        #[test]
        fn the_result_does_not_depend_on_how_the_bytes_are_split(
            last in "[GPOST /#:a0-3\r\n]{0,60}",
            cuts in prop::collection::vec(1..40_usize, 0..60),
        ) {
            let text = [BEFORE, &last].concat();
            let mut bytes = text.as_bytes();
            let mut heads = StrictHead::new(LONGEST);
            let mut flawed = None;
            for cut in cuts.into_iter().chain([usize::MAX]) {
                let (piece, rest) = bytes.split_at(cut.min(bytes.len()));
                flawed = flawed.or(heads.read(piece));
                bytes = rest;
            }
            prop_assert_eq!(flawed.map(|flawed| (flawed.head, flawed.why)), found(&text));
        }
    }
}
