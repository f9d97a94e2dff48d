//! What the beginning of a compressed answer says. The answer itself goes on as it came.

use std::borrow::Cow;
use std::io::Read;

use flate2::bufread::{GzDecoder, ZlibDecoder};
use http::{HeaderMap, header};

/// The beginning of a body without its content coding (RFC 9110 §8.4.1), as far as it goes; as it is when it has none, or one
/// that web servers in front of Campaign do not use.
pub fn unpacked<'a>(headers: &HeaderMap, beginning: &'a [u8]) -> Cow<'a, [u8]> {
    let coding = headers.get(header::CONTENT_ENCODING).map_or(&b""[..], |coding| coding.as_bytes());
    match coding.to_ascii_lowercase().as_slice() {
        b"gzip" | b"x-gzip" => whole(GzDecoder::new(beginning)).into(),
        b"deflate" => whole(ZlibDecoder::new(beginning)).into(),
        _ => beginning.into(),
    }
}

/// What can be read: the rest of the body is missing, as a rule, and that is no mistake of it.
fn whole(packed: impl Read) -> Vec<u8> {
    let mut text = Vec::new();
    let _ = packed.take(MOST).read_to_end(&mut text);
    text
}

/// A kilobyte may be unpacked to a megabyte; no fault is that long.
const MOST: u64 = 64 * 1024;

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
    fn every_coding_of_a_web_server_is_read() {
        let mut deflate = ZlibEncoder::new(Vec::new(), Compression::default());
        deflate.write_all(TEXT).unwrap();
        let deflate = deflate.finish().unwrap();
        let cases =
            [("gzip", gzip(TEXT)), ("X-GZip", gzip(TEXT)), ("deflate", deflate), ("identity", TEXT.to_vec())];
        for (coding, packed) in cases {
            assert_eq!(*unpacked(&coded(coding), &packed), *TEXT, "{coding}");
        }
        assert_eq!(*unpacked(&HeaderMap::new(), TEXT), *TEXT);
    }

    #[test]
    fn half_a_body_says_what_it_can() {
        let noise: Vec<u8> = (0..40_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let packed = gzip(&[TEXT, &noise].concat());
        let half = unpacked(&coded("gzip"), &packed[..packed.len() / 2]);
        assert!(half.starts_with(TEXT) && half.len() < 40_000);
    }

    #[test]
    fn what_is_not_what_it_says_is_nothing() {
        assert!(unpacked(&coded("gzip"), TEXT).is_empty());
        assert!(unpacked(&coded("deflate"), b"").is_empty());
    }

    #[test]
    fn a_bomb_does_not_go_off() {
        let bomb = gzip(&vec![0; 4 << 20]);
        assert_eq!(unpacked(&coded("gzip"), &bomb).len() as u64, MOST);
    }
}
