//! Memory given back: what thousands of connections let go of goes back to the system while nobody works.

use std::hint::black_box;

use bytes::BytesMut;
use http::{HeaderMap, HeaderValue};

/// Lets the allocator give free pages back; to be called about once a second. mimalloc does that only while it frees pages,
/// so a gateway that falls silent after a busy moment would keep them all. A block too large to share a page with others is
/// made and freed: a microsecond, and its memory is never touched.
pub fn give_back() {
    drop(black_box(Vec::<u8>::with_capacity(OWN_PAGE)));
}

/// Copies the values of an answer's fields out of the buffer that they were read into. Over HTTP/2 fields outlive their
/// answer in the connection's table (RFC 7541 §2.3.2), and each would keep its whole buffer, some kilobytes or more.
pub fn detach(headers: &mut HeaderMap) {
    let mut bytes = BytesMut::with_capacity(headers.values().map(HeaderValue::len).sum());
    for value in headers.values_mut() {
        bytes.extend_from_slice(value.as_bytes());
        if let Ok(mut copy) = HeaderValue::from_maybe_shared(bytes.split().freeze()) {
            copy.set_sensitive(value.is_sensitive());
            *value = copy;
        }
    }
}

const OWN_PAGE: usize = 1024 * 1024;

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn fields_let_go_of_the_buffer_they_came_in() {
        let buffer = Bytes::from(b"text/html acme secret".to_vec());
        let value = |range| HeaderValue::from_maybe_shared(buffer.slice(range)).unwrap();
        let mut headers = HeaderMap::new();
        headers.insert("content-type", value(0..9));
        headers.append("x-list", value(10..14));
        headers.append("x-list", value(15..21));
        headers.insert("x-empty", HeaderValue::from_static(""));
        headers.get_mut("content-type").unwrap().set_sensitive(true);
        let before = headers.clone();
        detach(&mut headers);
        assert_eq!(headers, before);
        assert!(headers["content-type"].is_sensitive() && !headers["x-list"].is_sensitive());
        drop(before);
        assert!(buffer.is_unique());
    }
}
