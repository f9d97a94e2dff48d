//! Returns memory to the system after a busy time, and keeps small values from holding large buffers.

use std::hint::black_box;

use bytes::BytesMut;
use http::{HeaderMap, HeaderValue};

/// Makes the allocator return free pages; called about once a second.
///
/// mimalloc returns pages only while it frees some, so a gateway that becomes idle after a busy time would keep them. This allocates and
/// frees a block that has its own page. It takes a microsecond and does not touch the memory.
pub fn release_free_pages() {
    drop(black_box(Vec::<u8>::with_capacity(OWN_PAGE)));
}

/// Copies the values of a response's fields out of the buffer that they were read into.
///
/// Over HTTP/2 a field can outlive its response in the connection's table (RFC 7541 §2.3.2), and would keep a buffer of some kilobytes.
pub fn copy_values(headers: &mut HeaderMap) {
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
    fn copied_values_do_not_keep_their_buffer() {
        let buffer = Bytes::from(b"text/html acme secret".to_vec());
        let value = |range| HeaderValue::from_maybe_shared(buffer.slice(range)).unwrap();
        let mut headers = HeaderMap::new();
        headers.insert("content-type", value(0..9));
        headers.append("x-list", value(10..14));
        headers.append("x-list", value(15..21));
        headers.insert("x-empty", HeaderValue::from_static(""));
        headers.get_mut("content-type").unwrap().set_sensitive(true);
        let before = headers.clone();
        copy_values(&mut headers);
        assert_eq!(headers, before);
        assert!(headers["content-type"].is_sensitive() && !headers["x-list"].is_sensitive());
        drop(before);
        assert!(buffer.is_unique());
    }
}
