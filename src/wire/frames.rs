//! Reads along with the frames that go out over HTTP/2 (RFC 9113 §4.1), for the few that its library sends by itself: refusals
//! that nobody hears of otherwise. Nothing is decided here; what is found is counted.

/// Follows the bytes that are written to one connection.
#[derive(Debug, Default)]
pub struct Frames {
    /// Bytes of a frame that are skipped.
    left: usize,
    /// The frame's head, with the error code behind it where there is one.
    begun: [u8; LONGEST],
    have: usize,
    /// Streams whose answer has begun and not ended; and, marked, those whose head was refused, for they may be reset as well.
    open: Vec<u32>,
}

/// What the library refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// A stream more than may be open (§5.1.2).
    Stream,
    /// A request whose head is too long, with 431.
    Head,
    /// A request that breaks the rules, or a connection.
    Malformed,
    /// A connection that asks for more work than it is worth (§10.5): streams reset or spoilt in a row, heads without end.
    Flood,
}

impl Frames {
    /// Takes in the next bytes, and tells what they refuse.
    pub fn read(&mut self, mut bytes: &[u8], mut tell: impl FnMut(Refused)) {
        while !bytes.is_empty() {
            if self.left > 0 {
                let count = self.left.min(bytes.len());
                self.left -= count;
                bytes = &bytes[count..];
                continue;
            }
            let wanted = if self.have < HEAD { HEAD } else { HEAD + self.code_end() };
            let count = (wanted - self.have).min(bytes.len());
            self.begun[self.have..self.have + count].copy_from_slice(&bytes[..count]);
            self.have += count;
            bytes = &bytes[count..];
            if self.have == wanted && (wanted > HEAD || self.code_end() == 0) {
                self.whole(&mut tell);
            }
        }
    }

    fn whole(&mut self, tell: &mut impl FnMut(Refused)) {
        let number =
            |place: usize| self.begun[place..].first_chunk().map_or(0, |four| u32::from_be_bytes(*four));
        let (length, kind, ends) = (number(0) >> 8, self.begun[3], self.begun[4] & END_STREAM != 0);
        let (stream, code) = (number(5), number(self.have - 4));
        let refused = match kind {
            // Every answer of ours has an id. What ends an answer that has begun are trailers.
            HEADERS if ends && !self.forget(stream) && length <= BARE => {
                self.remember(stream | MARK);
                Some(Refused::Head)
            }
            HEADERS if !ends => {
                self.remember(stream);
                None
            }
            RST_STREAM => {
                self.forget(stream);
                match code {
                    REFUSED_STREAM => Some(Refused::Stream),
                    PROTOCOL_ERROR if !self.forget(stream | MARK) => Some(Refused::Malformed),
                    _ => None,
                }
            }
            GOAWAY => match code {
                NO_ERROR | INTERNAL_ERROR => None,
                ENHANCE_YOUR_CALM => Some(Refused::Flood),
                _ => Some(Refused::Malformed),
            },
            DATA if ends => {
                self.forget(stream);
                None
            }
            _ => None,
        };
        if let Some(refused) = refused {
            tell(refused);
        }
        self.left = (length as usize).saturating_sub(self.have - HEAD);
        self.have = 0;
    }

    fn remember(&mut self, stream: u32) {
        if self.open.len() == MOST {
            // Clients have reset them.
            self.open.drain(..MOST / 2);
        }
        self.open.push(stream);
    }

    /// Forgets a stream; true when it was remembered.
    fn forget(&mut self, stream: u32) -> bool {
        let place = self.open.iter().rposition(|open| *open == stream);
        place.map(|place| self.open.remove(place)).is_some()
    }

    /// Bytes of the payload up to the end of the error code; 0 for a frame that has none.
    fn code_end(&self) -> usize {
        match self.begun[3] {
            RST_STREAM => 4,
            GOAWAY => 8,
            _ => 0,
        }
    }
}

/// Bytes of every frame's head.
const HEAD: usize = 9;
/// The head of a GOAWAY, and its last stream and its code.
const LONGEST: usize = HEAD + 8;
/// Bytes of a header block that has nothing but a status (RFC 7541 §6).
const BARE: u32 = 5;
/// Streams remembered.
const MOST: usize = 1024;
/// Stands before a stream's number, which has 31 bits.
const MARK: u32 = 1 << 31;
// RFC 9113 §6, §7.
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const GOAWAY: u8 = 7;
const END_STREAM: u8 = 1;
const NO_ERROR: u32 = 0;
const PROTOCOL_ERROR: u32 = 1;
const INTERNAL_ERROR: u32 = 2;
const REFUSED_STREAM: u32 = 7;
const ENHANCE_YOUR_CALM: u32 = 11;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
        let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
        [&[0, length[0], length[1], kind, flags, 0, 0, 0, stream], payload].concat()
    }

    fn code(kind: u8, stream: u8, code: u32) -> Vec<u8> {
        let last: &[u8] = if kind == GOAWAY { &[0, 0, 0, 9] } else { &[] };
        let more: &[u8] = if kind == GOAWAY { b"words" } else { &[] };
        frame(kind, 0, stream, &[last, &code.to_be_bytes(), more].concat())
    }

    /// An ordinary answer, with a payload that looks like refusals, and what may end streams and connections in peace.
    fn before() -> Vec<u8> {
        let looks = [code(RST_STREAM, 3, REFUSED_STREAM), code(GOAWAY, 0, ENHANCE_YOUR_CALM)].concat();
        [
            frame(4, 0, 0, &[0, 3, 0, 0, 0, 200]),
            frame(HEADERS, 4, 1, b"\x88abc"),
            frame(DATA, END_STREAM, 1, &looks),
            // With trailers as short as can be.
            frame(HEADERS, 4, 3, b"\x88abcdefgh"),
            frame(HEADERS, 4 | END_STREAM, 3, b"\xbe"),
            frame(HEADERS, 4 | END_STREAM, 5, b"\x88abcdefgh"),
            code(RST_STREAM, 5, NO_ERROR),
            code(RST_STREAM, 3, NO_ERROR),
            code(RST_STREAM, 3, 8),
            code(GOAWAY, 0, NO_ERROR),
            code(GOAWAY, 0, INTERNAL_ERROR),
        ]
        .concat()
    }

    fn found(bytes: &[u8], pieces: &[usize]) -> Vec<Refused> {
        let (mut frames, mut all, mut bytes) = (Frames::default(), Vec::new(), bytes);
        for piece in pieces.iter().chain([&usize::MAX]) {
            let (now, rest) = bytes.split_at(bytes.len().min(*piece));
            frames.read(now, |refused| all.push(refused));
            bytes = rest;
        }
        all
    }

    #[test]
    fn refusals_are_told_apart() {
        assert_eq!(found(&before(), &[]), []);
        for (last, refused) in [
            (code(RST_STREAM, 7, REFUSED_STREAM), Refused::Stream),
            (code(RST_STREAM, 7, PROTOCOL_ERROR), Refused::Malformed),
            (frame(HEADERS, 4 | END_STREAM, 7, b"\x48\x82\x69\x90"), Refused::Head),
            (
                [frame(HEADERS, 4 | END_STREAM, 7, b"\xbe"), code(RST_STREAM, 7, PROTOCOL_ERROR)].concat(),
                Refused::Head,
            ),
            (code(GOAWAY, 0, ENHANCE_YOUR_CALM), Refused::Flood),
            (code(GOAWAY, 0, 9), Refused::Malformed),
        ] {
            let all = [before(), last.clone(), before(), last].concat();
            assert_eq!(found(&all, &[]), [refused; 2]);
        }
    }

    proptest! {
        #[test]
        fn it_does_not_matter_how_the_bytes_go(cuts in prop::collection::vec(1..40_usize, 0..60)) {
            let all = [before(), code(GOAWAY, 0, 11), before(), code(RST_STREAM, 7, 7)].concat();
            prop_assert_eq!(found(&all, &cuts), [Refused::Flood, Refused::Stream]);
        }

        #[test]
        fn nothing_breaks_it(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            Frames::default().read(&bytes, drop);
        }
    }
}
