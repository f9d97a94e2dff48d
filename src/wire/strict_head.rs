//! Reads along with the HTTP/1.1 parser, for the few things of a head that the parser mends in silence and that have to be
//! refused: two framings, a line without CR, a fragment.
//!
//! hyper drops `Content-Length` where there is `Transfer-Encoding`, takes LF for CRLF and cuts a fragment off, all before
//! anybody sees the request. Each is safe by itself; each is also how a message looks that another program reads in another
//! way. Nothing is decided here about where a message ends: what is found only adds a refusal. Where this reader and the
//! parser disagree, the parser counts.

use memchr::memchr;

use super::framing::FramingError;

/// Follows the bytes of one connection.
#[derive(Debug)]
pub struct StrictHead {
    place: Place,
    /// Of a line whose end has not come yet.
    begun: Vec<u8>,
    /// A longer line the parser does not take either.
    longest: usize,
    count: u32,
}

/// A head to be refused; everything after it as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlawedHead {
    /// Which head of the connection, from 1.
    pub head: u32,
    /// What is wrong with it.
    pub why: FramingError,
}

/// Where in a message the next byte belongs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    RequestLine,
    /// With what the fields so far say of the body.
    Fields {
        length: Option<u64>,
        coded: bool,
    },
    /// So many bytes are left.
    Body(u64),
    ChunkSize,
    /// With the line end behind it.
    Chunk(u64),
    Trailers,
    /// Nothing is read any more: a flaw was found, or the parser will end the connection.
    Over,
}

impl StrictHead {
    /// At the beginning of a connection, of which the parser takes heads of `longest` bytes.
    pub fn new(longest: usize) -> Self {
        Self { place: Place::default(), begun: Vec::new(), longest, count: 0 }
    }

    /// What has come of a request line so far, where the next bytes belong to one.
    pub fn request_line(&self) -> Option<&[u8]> {
        (self.place == Place::RequestLine).then_some(&self.begun)
    }

    /// Takes in the next bytes of the connection; gives the first flaw, once.
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

    fn whole_line(&mut self, end: &[u8]) -> Result<(), FramingError> {
        if self.begun.is_empty() {
            return self.line(end);
        }
        let mut line = std::mem::take(&mut self.begun);
        line.extend_from_slice(end);
        self.line(&line)
    }

    /// One line with its end.
    fn line(&mut self, line: &[u8]) -> Result<(), FramingError> {
        let Some(line) = line.strip_suffix(b"\r\n") else {
            // Of the next head, if this is behind a body.
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

/// True for the first byte of a method (RFC 9110 §5.6.2), or of an empty line. What is none belongs to a tunnel, or is
/// nothing that the parser takes.
fn begins_request(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~\r\n".contains(&byte)
}

/// `#` is an ordinary character of a method, and in a target begins what is never sent (RFC 9110 §4.2.5).
fn has_fragment(line: &[u8]) -> bool {
    memchr(b'#', line).is_some_and(|place| line[..place].contains(&b' '))
}

fn field(line: &[u8], length: Option<u64>, coded: bool) -> Place {
    // Most names are told by their first byte.
    if !matches!(line.first(), Some(b'c' | b'C' | b't' | b'T')) {
        return Place::Fields { length, coded };
    }
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

/// RFC 9112 §7.1: hexadecimal digits, then perhaps extensions.
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

    /// Heads and bodies one after the other, the flaw in the last.
    const BEFORE: &str = "\r\nGET /a HTTP/1.1\r\nHost: a\r\n\r\n\
        POST /b HTTP/1.1\r\ncontent-LENGTH:\t 12 \r\n\r\nGET /# X\n\n\n\n\
        POST /c HTTP/1.1\r\nContent-Length: 0\r\nConnection: transfer-encoding\r\n\r\n\
        POST /d HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4;a=b\r\n\n\n\n\n\r\n0\r\nX: #\r\n\r\n\
        G#T /e HTTP/1.1\r\nX: y#z\r\nX-Content-Length: 4\r\nContent-Lengthy: 4\r\n\r\n";

    #[test]
    fn what_the_parser_would_mend_is_found() {
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
    fn a_tunnel_is_neither_kept_nor_judged() {
        let mut heads = StrictHead::new(LONGEST);
        let upgrade = "GET /ws HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
        assert_eq!(heads.read(upgrade.as_bytes()), None);
        // A frame of RFC 6455 §5.2 begins with the bit FIN or with an opcode below the printable ones.
        assert_eq!(heads.read(&[0x81, 0x85, 1, 2, 3, 4, 5, 6]), None);
        assert_eq!((heads.place, heads.begun.capacity()), (Place::Over, 0));
        assert_eq!(heads.read(b"GET /# HTTP/1.1\n\n"), None);
    }

    #[test]
    fn a_line_without_end_is_given_up() {
        let mut heads = StrictHead::new(LONGEST);
        for _ in 0..10 {
            heads.read(&[b'x'; 16 * 1024]);
        }
        assert_eq!((heads.place, heads.begun.capacity()), (Place::Over, 0));
    }

    #[test]
    fn a_long_line_that_the_parser_takes_is_followed_to_its_end() {
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
        fn it_does_not_matter_how_the_bytes_come(
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
