//! Decompresses the beginning of a response body, to look for faults. The response itself is forwarded unchanged.

use std::borrow::Cow;
use std::io::Read;

use flate2::bufread::{GzDecoder, ZlibDecoder};
use http::{HeaderMap, header};

/// Removes the content coding (RFC 9110 §8.4.1) from the beginning of a body. Returns the bytes unchanged without a coding, or
/// with one that is neither gzip nor deflate.
pub fn decompress<'a>(headers: &HeaderMap, beginning: &'a [u8]) -> Cow<'a, [u8]> {
    let coding = headers.get(header::CONTENT_ENCODING).map_or(&b""[..], |coding| coding.as_bytes());
    match coding.to_ascii_lowercase().as_slice() {
        b"gzip" | b"x-gzip" => read(GzDecoder::new(beginning)).into(),
        b"deflate" => read(ZlibDecoder::new(beginning)).into(),
        _ => beginning.into(),
    }
}

/// Reads until the input ends. The input is usually cut off, so an error at its end is expected and ignored.
fn read(decoder: impl Read) -> Vec<u8> {
    let mut text = Vec::new();
    let _ = decoder.take(MAX_DECOMPRESSED).read_to_end(&mut text);
    text
}

/// Limits memory: one kilobyte can decompress to a megabyte. Faults are shorter than this.
const MAX_DECOMPRESSED: u64 = 64 * 1024;

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{GzEncoder, ZlibEncoder};
    use http::HeaderValue;

    use super::*;

    const TEXT: &[u8] = b"XSV-350008 Session has expired or is invalid. Please reconnect.";

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn coded(coding: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::CONTENT_ENCODING, HeaderValue::from_static(coding))])
    }

    #[test]
    fn gzip_deflate_and_plain_bodies_are_read() {
        let mut deflate = ZlibEncoder::new(Vec::new(), Compression::default());
        deflate.write_all(TEXT).unwrap();
        let deflate = deflate.finish().unwrap();
        let cases =
            [("gzip", gzip(TEXT)), ("X-GZip", gzip(TEXT)), ("deflate", deflate), ("identity", TEXT.to_vec())];
        for (coding, body) in cases {
            assert_eq!(*decompress(&coded(coding), &body), *TEXT, "{coding}");
        }
        assert_eq!(*decompress(&HeaderMap::new(), TEXT), *TEXT);
    }

    #[test]
    fn the_first_half_of_a_body_is_decompressed() {
        let noise: Vec<u8> = (0..40_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let body = gzip(&[TEXT, &noise].concat());
        let half = decompress(&coded("gzip"), &body[..body.len() / 2]);
        assert!(half.starts_with(TEXT) && half.len() < 40_000);
    }

    #[test]
    fn a_body_with_a_wrong_coding_reads_as_empty() {
        assert!(decompress(&coded("gzip"), TEXT).is_empty());
        assert!(decompress(&coded("deflate"), b"").is_empty());
    }

    #[test]
    fn decompression_stops_at_the_limit() {
        let bomb = gzip(&vec![0; 4 << 20]);
        assert_eq!(decompress(&coded("gzip"), &bomb).len() as u64, MAX_DECOMPRESSED);
    }
}
