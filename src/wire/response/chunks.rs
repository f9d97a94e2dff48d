//! Decodes the chunked transfer coding (RFC 9112 §7.1).

use bytes::{Buf as _, Bytes};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::ResponseError;
use crate::wire::fields::may_trail;

/// A decoder for one chunked body.
#[derive(Debug)]
pub struct Chunks {
    place: ChunkPlace,
    /// Number of bytes that extensions and trailers may still have.
    spare: usize,
}

#[derive(Debug)]
enum ChunkPlace {
    /// In the digits of a size; `None` before the first digit.
    Size(Option<u64>),
    /// Spaces and tabs after the size.
    AfterSize(u64),
    Extension(u64),
    SizeLineFeed(u64),
    Data(u64),
    DataReturn,
    DataLineFeed,
    /// The trailers received so far.
    Trailers(Vec<u8>),
    End,
}

/// The next step of decoding.
#[derive(Debug, PartialEq, Eq)]
pub enum ChunkStep {
    /// A piece of the body.
    Data(Bytes),
    /// The trailers after the body.
    Trailers(HeaderMap),
    /// The body is complete.
    End,
    /// More bytes are needed.
    More,
}

impl Default for Chunks {
    fn default() -> Self {
        Self::new()
    }
}

impl Chunks {
    /// A decoder at the start of a body.
    pub fn new() -> Self {
        Self { place: ChunkPlace::Size(None), spare: MAX_EXTRA }
    }

    /// True when the body is complete.
    pub fn is_over(&self) -> bool {
        matches!(self.place, ChunkPlace::End)
    }

    /// Takes the next step. Bytes that it does not need stay in `bytes`.
    ///
    /// # Errors
    /// [`ResponseError::Chunk`].
    pub fn step(&mut self, bytes: &mut Bytes) -> Result<ChunkStep, ResponseError> {
        loop {
            if let ChunkPlace::Data(left) = self.place {
                return Ok(self.data(left, bytes));
            }
            if matches!(self.place, ChunkPlace::End) {
                return Ok(ChunkStep::End);
            }
            if !bytes.has_remaining() {
                return Ok(ChunkStep::More);
            }
            let byte = bytes.get_u8();
            if let ChunkPlace::Trailers(text) = &mut self.place {
                if text.len() >= self.spare {
                    return Err(ResponseError::Chunk);
                }
                text.push(byte);
                if text.as_slice() == b"\r\n" {
                    self.place = ChunkPlace::End;
                } else if text.ends_with(b"\r\n\r\n") {
                    let trailers = trailers(text)?;
                    self.place = ChunkPlace::End;
                    return Ok(if trailers.is_empty() {
                        ChunkStep::End
                    } else {
                        ChunkStep::Trailers(trailers)
                    });
                }
                continue;
            }
            self.place = self.framing(byte).ok_or(ResponseError::Chunk)?;
        }
    }

    fn data(&mut self, left: u64, bytes: &mut Bytes) -> ChunkStep {
        if bytes.is_empty() {
            return ChunkStep::More;
        }
        let count = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        let left = left - count as u64;
        self.place = if left == 0 { ChunkPlace::DataReturn } else { ChunkPlace::Data(left) };
        ChunkStep::Data(bytes.split_to(count))
    }

    /// The next place after a byte of framing; `None` for an invalid byte.
    fn framing(&mut self, byte: u8) -> Option<ChunkPlace> {
        Some(match (&self.place, byte) {
            (ChunkPlace::Size(size), b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                let digit = u64::from((byte as char).to_digit(16)?);
                ChunkPlace::Size(Some(size.unwrap_or(0).checked_mul(16)?.checked_add(digit)?))
            }
            (
                ChunkPlace::Size(Some(size)) | ChunkPlace::AfterSize(size) | ChunkPlace::Extension(size),
                b'\r',
            ) => ChunkPlace::SizeLineFeed(*size),
            (ChunkPlace::Size(Some(size)) | ChunkPlace::AfterSize(size), b' ' | b'\t') => {
                ChunkPlace::AfterSize(self.counted(*size)?)
            }
            (ChunkPlace::Size(Some(size)) | ChunkPlace::AfterSize(size), b';') => {
                ChunkPlace::Extension(*size)
            }
            // Some programs treat a bare LF as a line end (CVE-2025-4366 and similar). Here it is invalid.
            (ChunkPlace::Extension(size), b'\t' | b' '..=b'~' | 0x80..) => {
                ChunkPlace::Extension(self.counted(*size)?)
            }
            (ChunkPlace::SizeLineFeed(0), b'\n') => ChunkPlace::Trailers(Vec::new()),
            (ChunkPlace::SizeLineFeed(size), b'\n') => ChunkPlace::Data(*size),
            (ChunkPlace::DataReturn, b'\r') => ChunkPlace::DataLineFeed,
            (ChunkPlace::DataLineFeed, b'\n') => ChunkPlace::Size(None),
            _ => return None,
        })
    }

    /// Counts one byte that is ignored; `None` when there are too many.
    fn counted(&mut self, size: u64) -> Option<u64> {
        self.spare = self.spare.checked_sub(1)?;
        Some(size)
    }
}

fn trailers(text: &[u8]) -> Result<HeaderMap, ResponseError> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_TRAILERS];
    match httparse::parse_headers(text, &mut fields)? {
        httparse::Status::Complete((length, fields)) if length == text.len() => {
            let mut map = HeaderMap::new();
            for field in fields {
                let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| ResponseError::Chunk)?;
                let value = HeaderValue::from_bytes(field.value).map_err(|_| ResponseError::Chunk)?;
                if may_trail(&name) {
                    map.append(name, value);
                }
            }
            Ok(map)
        }
        _ => Err(ResponseError::Chunk),
    }
}

/// Most bytes of extensions and trailers in one body.
const MAX_EXTRA: usize = 16 * 1024;
const MAX_TRAILERS: usize = 64;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Decodes a body in these pieces: its content, its number of trailers and the bytes left; `None` for an invalid or incomplete body.
    fn read(pieces: &[&[u8]]) -> Option<(Vec<u8>, usize, Vec<u8>)> {
        let (mut chunks, mut content, mut fields, mut rest) = (Chunks::new(), Vec::new(), 0, Vec::new());
        for piece in pieces {
            let mut bytes = Bytes::copy_from_slice(piece);
            loop {
                match chunks.step(&mut bytes).ok()? {
                    ChunkStep::Data(data) => content.extend_from_slice(&data),
                    ChunkStep::Trailers(trailers) => fields += trailers.len(),
                    ChunkStep::More => break,
                    ChunkStep::End => {
                        rest.extend_from_slice(&bytes);
                        break;
                    }
                }
            }
        }
        chunks.is_over().then_some((content, fields, rest))
    }

    const GOOD: &[u8] =
        b"4\r\nfine\r\nA ;x=\"y\"\r\n0123456789\r\n00\r\nX-Sum: 42\r\nConnection: close\r\nX-Other: 1\r\n\r\nHTTP/1.1";

    #[test]
    fn content_trailers_and_following_bytes_are_separated() {
        let whole = Some((b"fine0123456789".to_vec(), 2, b"HTTP/1.1".to_vec()));
        assert_eq!(read(&[GOOD]), whole);
        assert_eq!(read(&[b"0\r\n\r\n"]), Some((Vec::new(), 0, Vec::new())));
        assert_eq!(read(&[b"ffffffffffffffff\r\n"]), None, "a size may be large, but then it must come");
    }

    #[test]
    fn invalid_chunks_are_refused() {
        let long_extension = [b"1;".as_slice(), &vec![b'x'; MAX_EXTRA + 1], b"\r\na\r\n0\r\n\r\n"].concat();
        let long_trailers = [b"0\r\nX: ".as_slice(), &vec![b'x'; MAX_EXTRA], b"\r\n\r\n"].concat();
        let mut cases: Vec<&[u8]> = vec![&long_extension, &long_trailers];
        cases.extend::<[&[u8]; 14]>([
            b"\r\n",
            b"x\r\n",
            b"-1\r\n",
            b"+1\r\n",
            b"0x1\r\n",
            b"1\n",
            b"1;a\nb\r\n",
            b"1 2\r\n",
            b"1\r\rx",
            b"10000000000000000\r\n",
            b"1\r\nab\r\n",
            b"1\r\na\n0\r\n\r\n",
            b"0\r\nX : y\r\n\r\n",
            b"0\r\nno colon\r\n\r\n",
        ]);
        for text in cases {
            let mut bytes = Bytes::copy_from_slice(text);
            let mut chunks = Chunks::new();
            let outcome = loop {
                match chunks.step(&mut bytes) {
                    Ok(ChunkStep::Data(_)) => {}
                    other => break other,
                }
            };
            assert!(outcome.is_err(), "{}: {outcome:?}", text.escape_ascii());
        }
    }

    proptest! {
        #[test]
        fn the_result_does_not_depend_on_how_the_bytes_are_split(cuts in prop::collection::vec(1..20_usize, 0..40)) {
            let (mut pieces, mut rest) = (Vec::new(), GOOD);
            for cut in cuts.into_iter().chain([usize::MAX]) {
                let (piece, next) = rest.split_at(cut.min(rest.len()));
                pieces.push(piece);
                rest = next;
            }
            prop_assert_eq!(read(&pieces), read(&[GOOD]));
        }

        #[test]
        fn any_bytes_are_decoded_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            read(&[&bytes]);
        }
    }
}
